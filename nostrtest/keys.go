package nostrtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// Key returns the n-th test key: the same one in every run and on every
// machine. Everybody knows it, so use it for tests only.
func Key(n int) nostr.SecretKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "gennostr nostrtest key %d", n))
	return nostr.MustSecretKeyFromHex(hex.EncodeToString(sum[:]))
}

// PubKey returns the public key of Key(n).
func PubKey(n int) nostr.PubKey { return Key(n).PubKey() }

// Event returns a signed event of the present second, which inside a
// testing/synctest bubble is the bubble's. It panics if the event cannot be
// signed, as with a tag that has no items.
func Event(key nostr.SecretKey, kind nostr.Kind, content string, tags ...nostr.Tag) *nostr.Event {
	return EventAt(nostr.Now(), key, kind, content, tags...)
}

// EventAt is Event with a created_at of your choice, which has to be above 0.
// The same arguments make the same id; signatures differ.
func EventAt(at nostr.Timestamp, key nostr.SecretKey, kind nostr.Kind, content string, tags ...nostr.Tag) *nostr.Event {
	if at <= 0 {
		panic(fmt.Sprintf("nostrtest: created_at is %d, want more than 0", at))
	}
	event := &nostr.Event{CreatedAt: at, Kind: kind, Tags: tags, Content: content}
	if event.Tags == nil {
		event.Tags = nostr.Tags{}
	}
	if err := event.Sign(key); err != nil {
		panic(fmt.Sprintf("nostrtest: signing: %v", err))
	}
	return event
}

// TextNote is Event for kind 1.
func TextNote(key nostr.SecretKey, content string, tags ...nostr.Tag) *nostr.Event {
	return Event(key, nostr.KindTextNote, content, tags...)
}

// TextNoteAt is EventAt for kind 1.
func TextNoteAt(at nostr.Timestamp, key nostr.SecretKey, content string, tags ...nostr.Tag) *nostr.Event {
	return EventAt(at, key, nostr.KindTextNote, content, tags...)
}

// DenseSecond returns n notes of one author and one second: more than a page holds, if
// n is above the relay's cap. They come in the order of their ids, as a REQ returns
// them.
func DenseSecond(at nostr.Timestamp, key nostr.SecretKey, n int) []*nostr.Event {
	notes := make([]*nostr.Event, n)
	for i := range notes {
		notes[i] = TextNoteAt(at, key, fmt.Sprintf("note %d of %d in this second", i+1, n))
	}
	slices.SortFunc(notes, func(a, b *nostr.Event) int { return a.ID.Compare(b.ID) })
	return notes
}
