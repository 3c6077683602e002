// Package nip27 reads and makes mentions in running text: nostr: URIs among the words of a note
// (NIP-27, NIP-21).
//
//	for m := range nip27.Parse(ev.Content) { // from left to right
//		switch e := m.Entity.(type) { case nip19.PubKey: … }
//	}
//	note.Tags = append(note.Tags, nip27.Tags(note.Content)...) // tell those who are mentioned
//
// # What a mention is
//
// "nostr:" and an entity of NIP-19, of which the checksum is right. It ends where letters and
// digits end. It begins where a word does, so that "xnostr:npub1…" and "_nostr:npub1…" are no
// mentions, and neither is one inside a URL, such as https://njump.me/nostr:npub1…. Secret keys
// are never mentions. An entity without "nostr:" is none either, other than for [nip19.FindAll],
// which finds whatever decodes. Upper case is as good as lower: schemes of URIs have no case, and
// bech32 has both. The #[0] of old clients is no longer read.
//
// An entity is a stranger's claim: the event behind it may not exist, or be by another author
// than it says.
//
// # Coming from go-nostr
//
// [Parse] is ParseReferences, of a text instead of an event, so that all hints are those of the
// text. What go-nostr calls Parse cuts a text into blocks: here the words between are those from
// one match's End to the next one's Start.
package nip27

import (
	"iter"
	"strings"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip18"
	"github.com/gennostr/gennostr/nostr/nip19"
)

// Parse yields the mentions in a text, from left to right. Start and End of a match are offsets
// in bytes, "nostr:" included. It takes time in proportion to the length of the text.
func Parse(text string) iter.Seq[nip19.Match] {
	return func(yield func(nip19.Match) bool) {
		run := run{text: text}
		for m := range nip19.FindAll(text) {
			inURL := run.inURL(m.Start)
			if m.URI && !inURL && (m.Start == 0 || text[m.Start-1] != '_') && !yield(m) {
				return
			}
		}
	}
}

// A run tells whether a place in a text is inside a URL: whether "://" stands before it, with
// nothing between that ends one. It looks at each byte once.
type run struct {
	text string
	next int  // the first byte that it has not looked at
	url  bool // whether that byte is in a URL
}

func (r *run) inURL(at int) bool {
	for ; r.next < at; r.next++ {
		switch c := r.text[r.next]; {
		case c <= ' ' || strings.IndexByte("<>()[]{}\"'`", c) >= 0:
			r.url = false
		case c == ':' && strings.HasPrefix(r.text[r.next:], "://"):
			r.url = true
		}
	}
	return r.url
}

// Tags returns the tags that go with the mentions in a text: a "q" tag for each event and
// address, and a "p" tag for each person who is mentioned or whose event is, each once, in the
// order of the text. Relay hints and authors in the entities go with them. They notify people and
// list the note among the quotes of others (NIP-18, NIP-10), which NIP-27 leaves to the writer:
// leave out what is not to have that effect.
func Tags(text string) nostr.Tags {
	w := writer{seen: make(map[string]bool)}
	for m := range Parse(text) {
		switch e := m.Entity.(type) {
		case nip19.PubKey:
			w.person(e.PubKey, nil)
		case nip19.Profile:
			w.person(e.PubKey, e.Relays)
		case nip19.Note:
			w.quote(nip18.Quote{Event: nostr.EventRef{ID: e.ID}})
		case nip19.Event:
			w.quote(nip18.Quote{Event: nostr.EventRef{ID: e.ID, Relay: first(e.Relays), Author: e.Author}})
			w.person(e.Author, nil)
		case nip19.Address:
			w.quote(nip18.Quote{Address: e.Coordinate(), Relay: first(e.Relays)})
			w.person(e.PubKey, nil)
		}
	}
	return w.tags
}

type writer struct {
	tags nostr.Tags
	seen map[string]bool // key and value of the tags
}

func (w *writer) add(t nostr.Tag) {
	if id := t.Key() + t.Value(); !w.seen[id] {
		w.seen[id] = true
		w.tags = append(w.tags, t)
	}
}

func (w *writer) person(pk nostr.PubKey, relays []string) {
	if pk.IsZero() {
		return
	}
	w.add(refs.Hinted(first(relays), "p", pk.String()))
}

func (w *writer) quote(q nip18.Quote) {
	if q.Address == "" && q.Event.ID.IsZero() {
		return // an naddr of a kind that has no addresses
	}
	w.add(q.Tag())
}

// first returns the first relay URL, "" if there is none.
func first(relays []string) string {
	for _, url := range relays {
		if hint := nostr.RelayHint(url); hint != "" {
			return hint
		}
	}
	return ""
}
