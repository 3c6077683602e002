// Package nip59 puts events into gift wraps and takes them out (NIP-59): the event itself,
// unsigned and called a rumor, encrypted in a seal that its author signs, encrypted in a
// wrap that a key signs which is used once. The world sees for whom a wrap is, and nothing
// else.
//
//	wrap, err := nip59.GiftWrap(ctx, nip44.Keyer(mine), &event, theirs) // publish it on their relays
//	rumor, err := nip59.GiftUnwrap(ctx, nip44.Keyer(mine), wrap)        // whose wraps come to "p" mine
//
// A [nostr.Keyer] holds one's key; nip44.Keyer makes one of a secret key, and a remote
// signer is one too, asked twice for a wrap in either direction. Private messages are in
// package nip17.
//
// # What a rumor that comes out has passed
//
// In this order; what fails is [ErrInvalid] and nothing comes out.
//
//   - The wrap is of kind 1059 or 21059, its ID is its hash, and its signature is good:
//     NIP-44 wants that before anything is decrypted, and many implementations never look.
//   - It decrypts to one signed event of kind 13 and nothing else, with ID and signature good.
//   - The seal's tags are empty, but for an expiration (see below): a "p" tag would tell
//     for whom it is.
//   - It decrypts to one event in JSON, as strictly read as any other: no key twice, no
//     fraction in a date, nothing behind it, nothing missing but the ID, which is computed
//     then.
//   - Its author is the seal's ([ErrImpersonation]); otherwise anybody could speak as
//     anybody (NIP-17).
//   - Its ID, where it says one, is its hash. There is no signature on it: "The inner event
//     MUST always be unsigned", and one that was kept could be shown to others. An empty
//     one is as good as none.
//   - It is not itself a seal or a wrap: those mean something only when they are signed.
//   - Neither wrap nor seal nor rumor has expired ([ErrExpired], NIP-40).
//
// # What is left open
//
// A "p" tag of the wrap that names somebody else, or none at all: it routes and proves
// nothing. Dates: wrap and seal are dated up to two days back on purpose ([MaxBackdate]),
// stored wraps are older, and the rumor's date is its author's word; who shows it caps it
// at the present. That a rumor has come before: the same seal can be wrapped again by its
// receiver and by whoever steals their key, so remember the IDs of rumors, not of wraps.
//
// # Where the text contradicts itself
//
// NIP-59 says that the tags of a seal MUST be empty; NIP-17 says that the expiration of a
// disappearing message SHOULD be on the seal too, in case it leaks, and NIP-59 speaks of it
// in passing. Here [WithExpiration] sets it on the wrap alone, for a MUST is stronger, and
// a strict reader would refuse the rest; who reads accepts that one tag on a seal, and
// obeys it.
//
// # Coming from go-nostr
//
// GiftWrap and GiftUnwrap take a [nostr.Keyer] instead of functions, and check; modify is
// [WithModify]. Other than there the kinds of wrap and seal, the wrap's signature and the seal's tags matter, and a
// rumor of somebody else's is refused instead of being given to the seal's author.
package nip59

import (
	"errors"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// MaxBackdate is how far back wraps and seals are dated, at random, so that their dates
// tell nothing (NIP-17). Who asks a relay for wraps since some moment has to ask this much
// further back.
const MaxBackdate = 2 * 24 * time.Hour

var (
	// ErrInvalid is in the error when something is no gift wrap, seal or rumor as NIP-59 wants
	// it. It will not be one when it is tried again.
	ErrInvalid = errors.New("nip59: invalid")

	// ErrImpersonation is in the error, together with ErrInvalid, when a rumor's author
	// is not who sealed it.
	ErrImpersonation = errors.New("the rumor's author is not the seal's")

	// ErrExpired is in the error when the time of a wrap, a seal or a rumor has come (NIP-40).
	ErrExpired = errors.New("nip59: expired")

	// ErrSigner is in the error when a signer returned something else than it was asked for.
	ErrSigner = errors.New("nip59: the signer signed something else")
)

// isWrap reports whether events of that kind are gift wraps.
func isWrap(k nostr.Kind) bool {
	return k == nostr.KindGiftWrap || k == nostr.KindEphemeralGiftWrap
}
