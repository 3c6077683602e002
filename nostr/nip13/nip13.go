// Package nip13 is proof of work (NIP-13): an event whose ID begins with many zero bits took
// somebody many hashes to find, which is little for one note and much for a million.
//
//	ev := nostr.Event{PubKey: sk.PubKey(), Kind: nostr.KindTextNote, Content: "hello"}
//	if err := nip13.Mine(ctx, &ev, 20); err != nil { … }
//	if err := ev.Sign(sk); err != nil { … }   // keeps the ID
//
// # Committed targets
//
// Of a million notes mined for 20 bits one has 40 by luck. The third item of the nonce
// tag says which target the author worked for, and is part of what was hashed. [Check]
// wants both, the zero bits and the commitment to at least as many, so that lucky
// hits at a low target do not count as work.
//
// # Coming from go-nostr
//
// DoWork is [Mine], which puts the tag into the event. [Check] takes the event instead of its ID,
// and wants the commitment that CommittedDifficulty, here [Committed], was for.
package nip13

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrTooEasy is in the error of [Check] when the event's ID has too few leading zero bits.
	ErrTooEasy = errors.New("nip13: too little work")

	// ErrNotCommitted is in the error of [Check] when the event does not commit to a
	// target, or to one that is too low.
	ErrNotCommitted = errors.New("nip13: no commitment to this difficulty")

	// ErrTarget is in the error of [Mine] when the target is out of range.
	ErrTarget = errors.New("nip13: target out of range")

	// ErrNoPubKey is returned by [Mine] when the event has no PubKey: it is part of what is hashed.
	ErrNoPubKey = errors.New("nip13: the event has no public key")
)

const (
	nonceKey = "nonce"
	idBits   = 256
)

// Difficulty returns the number of leading zero bits of an event's ID, 0 to 256 (NIP-13).
// Each one more took twice the work, on average.
func Difficulty(id nostr.ID) int {
	for i, b := range id {
		if b != 0 {
			return 8*i + bits.LeadingZeros8(b)
		}
	}
	return idBits
}

// Committed returns the target difficulty, in bits, that the event's first nonce tag commits to in
// its third item: a decimal number from 0 to 256. It returns false if there is none.
func Committed(e *nostr.Event) (target int, ok bool) {
	tag := e.Tags.Find(nonceKey)
	if len(tag) < 3 {
		return 0, false
	}
	n, err := strconv.ParseUint(tag[2], 10, 16)
	if err != nil || n > idBits {
		return 0, false
	}
	return int(n), true
}

// Check returns nil if the event carries proof of work of at least min bits: it commits to
// a target of min or more, its ID has that many leading zero bits, and the ID is the hash
// of the event. Both count, difficulty and commitment: an event with more zero
// bits than it committed to is worth its commitment, and one without commitment is worth
// nothing. A min of 0 or less asks for nothing.
//
// The errors are [ErrNotCommitted], [ErrTooEasy] and [nostr.ErrBadID]. The signature is
// not looked at; a signature check is a hundred times dearer than this one, so
// this may well come first.
func Check(e *nostr.Event, min int) error {
	if min <= 0 {
		return nil
	}
	target, ok := Committed(e)
	if !ok {
		return fmt.Errorf("%w: no target in a nonce tag, want %d bits", ErrNotCommitted, min)
	}
	if target < min {
		return fmt.Errorf("%w: committed to %d bits, want %d", ErrNotCommitted, target, min)
	}
	if have := Difficulty(e.ID); have < min {
		return fmt.Errorf("%w: %d leading zero bits, want %d", ErrTooEasy, have, min)
	}
	return e.CheckID()
}
