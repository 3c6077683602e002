// Package nip10 reads what the tags of a text note say: which thread it is in, what it
// replies to, whom it mentions and quotes (NIP-10). Replies are made by [nostr.Reply], the one
// thing about threads that every bot needs.
//
//	thread := nip10.Parse(ev)
//	if thread.IsReply() { … thread.Parent.ID … }
//
// # How tags are read
//
// Where an "e" tag is marked "root" or "reply", the marks say which is which: a root alone is
// the parent too, and a reply alone is the root too. Without such marks the deprecated
// positions count: the first is the root, the last one the parent. What is marked "mention" is
// a mention under both schemes, and so is every other "e" tag that is left: an unmarked one among
// marked ones, those in the middle, a second root. Unknown markers, upper case among them, are
// no markers.
//
// Tags without an event ID count for nothing, and so does an "a" tag with a marker: NIP-10 has
// notes reply to notes only. Neither does the package know whether the parent is a note, nor
// whether it exists: relays do not check, and a tag is its author's word.
//
// # Coming from elsewhere
//
// Root and Parent are GetThreadRoot and GetImmediateParent of go-nostr, zero where those are nil;
// Parse is as in nostr-tools, with Parent for its reply and People for its profiles.
package nip10

import (
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip18"
)

// A Thread is what a note's tags say.
type Thread struct {
	Root   nostr.EventRef // the beginning of the thread, zero if the note replies to none
	Parent nostr.EventRef // what the note replies to, zero if to none; the same as Root in a reply to the beginning

	Mentions []nostr.EventRef // other events in "e" tags, each once
	Quotes   []nip18.Quote    // what "q" tags name, each once
	People   []nostr.PubKey   // in "p" tags, each once: who is to be told
}

// IsReply reports whether the note replies to another.
func (t Thread) IsReply() bool { return !t.Parent.ID.IsZero() }

// Parse reads the tags of a note, or of another event that has them as in NIP-10. There is nothing
// that it could refuse. It takes time in proportion to the number of tags.
func Parse(e *nostr.Event) Thread {
	var t Thread
	t.Root, t.Parent, _ = e.Thread()
	seen := map[nostr.ID]bool{t.Root.ID: true, t.Parent.ID: true}
	for tag := range e.Tags.FindAll("e") {
		if ref, ok := nostr.EventRefOf(tag); ok && !seen[ref.ID] {
			seen[ref.ID] = true
			t.Mentions = append(t.Mentions, ref)
		}
	}
	t.Quotes = nip18.Quotes(e)
	told := make(map[nostr.PubKey]bool)
	for tag := range e.Tags.FindAll("p") {
		if pk, err := nostr.PubKeyFromHex(tag.Value()); err == nil && !told[pk] {
			told[pk] = true
			t.People = append(t.People, pk)
		}
	}
	return t
}
