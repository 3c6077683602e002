package nip17

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

// A Room is who takes part in a conversation: a set of people. Rooms of the same people are
// ==, so that a Room can be the key of a map. The zero value has nobody in it.
type Room struct {
	members string // their keys, 32 bytes each, in ascending order
}

// NewRoom returns the room of these people, in any order, however often each is named.
func NewRoom(people ...nostr.PubKey) Room {
	sorted := slices.Clone(people)
	slices.SortFunc(sorted, func(a, b nostr.PubKey) int { return bytes.Compare(a[:], b[:]) })
	var b strings.Builder
	for _, pk := range slices.Compact(sorted) {
		b.Write(pk[:])
	}
	return Room{b.String()}
}

// RoomOf returns the room that a rumor of any kind belongs to: its author and its "p" tags.
// It fails with [ErrInvalid] when a "p" tag is no public key.
func RoomOf(rumor *nostr.Event) (Room, error) {
	people, err := receivers(rumor)
	if err != nil {
		return Room{}, err
	}
	return NewRoom(append(people, rumor.PubKey)...), nil
}

func receivers(rumor *nostr.Event) ([]nostr.PubKey, error) {
	var people []nostr.PubKey
	for tag := range rumor.Tags.FindAll("p") {
		pk, err := nostr.PubKeyFromHex(tag.Value())
		if err != nil {
			return nil, fmt.Errorf("%w: p tag: %w", ErrInvalid, err)
		}
		people = append(people, pk)
	}
	return people, nil
}

// Len is the number of people.
func (r Room) Len() int { return len(r.members) / len(nostr.PubKey{}) }

// Members returns the people in ascending order of their keys.
func (r Room) Members() []nostr.PubKey {
	people := make([]nostr.PubKey, r.Len())
	for i := range people {
		copy(people[i][:], r.members[i*len(people[i]):])
	}
	return people
}

// Has reports whether pk takes part.
func (r Room) Has(pk nostr.PubKey) bool { return slices.Contains(r.Members(), pk) }

// String returns the keys in lower-case hex with commas between them, for logs and for
// storing what belongs to the room.
func (r Room) String() string {
	var names []string
	for _, pk := range r.Members() {
		names = append(names, pk.String())
	}
	return strings.Join(names, ",")
}
