// Package nip22 reads and makes comments, of kind 1111: replies to everything but text notes, on
// Nostr and outside (NIP-22). Replies to notes are made by [nostr.Reply].
//
//	ev, err := nip22.New(article, "wss://relay.example.com", "Well said.")
//
//	comment, err := nip22.Parse(ev)
//	comment.Root   // what the whole thread is about
//	comment.Parent // what this one answers; the same, or another comment
//
// # What NIP-22 demands, and how it is read
//
// A comment names its root in tags with upper-case keys and its parent in those with lower-case
// ones, and the kind of both. One that does not is [ErrMalformed]. Many that are around are, so
// [Parse] returns what is plain together with that error, and a caller may go on with it.
//
// Of an address and an event ID, which together name one version of an article, the address
// counts. Where both are there and do not belong together, or an "i" tag is too, the "k" tag
// decides which is meant; without one, address, event and external come in this order. A "k" tag
// that contradicts the address which is left is not believed. One that is a word such as "web" tells
// nothing of an event ID, for whose kind there are numbers only, nor does a number of something
// outside: both are as if there were none. Of several tags with one key the first that is valid
// counts.
//
// # What is left out
//
// Comments must not answer notes of kind 1: [New] makes none, Parse reads them. Which kinds of
// external things there are is NIP-73's; they are strings here. Content is plain text; mentions in
// it are package nip27's.
//
// # Coming from go-nostr
//
// GetThreadRoot and GetImmediateParent are Root and Parent of a [Comment].
package nip22

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrKind is in the error of [Parse] when the event is no comment.
	ErrKind = errors.New("nip22: not a comment")

	// ErrMalformed is in the error when a comment lacks its root, its parent or their kinds, or
	// has a kind that cannot be of that item.
	ErrMalformed = errors.New("nip22: malformed comment")

	// ErrTextNote is in the error of [New] for a parent of kind 1.
	ErrTextNote = errors.New("nip22: comments do not answer text notes (see nostr.Reply)")
)

// An Item is what a comment is about: an event, an address or something that is not on Nostr. The
// zero Item is none.
type Item struct {
	Event    nostr.EventRef // zero if no ID is named
	Address  string         // "kind:pubkey:d" (see [nostr.ParseAddress]), "" if there is none
	External string         // such as a web address (NIP-73), "" if it is on Nostr
	Kind     string         // a number; for what is not on Nostr a word (NIP-73): "web"; "" if not told
	Author   nostr.PubKey   // zero if not told, or not on Nostr
	Hint     string         // URL of a relay that has it, or of a page about what is not on Nostr; "" if there is none
}

// IsZero reports whether nothing is named.
func (i Item) IsZero() bool { return i.Event.ID.IsZero() && i.Address == "" && i.External == "" }

// A Comment is what a comment says it is about.
type Comment struct {
	Root   Item
	Parent Item
}

// Parse reads a comment. It fails with [ErrKind], and with [ErrMalformed]; then the Comment holds
// what could be read, and may be empty.
func Parse(e *nostr.Event) (Comment, error) {
	if e.Kind != nostr.KindComment {
		return Comment{}, fmt.Errorf("%w: kind %d, want %d", ErrKind, e.Kind, nostr.KindComment)
	}
	c := Comment{Root: rootKeys.read(e.Tags), Parent: parentKeys.read(e.Tags)}
	switch {
	case c.Root.IsZero():
		return c, fmt.Errorf("%w: no root", ErrMalformed)
	case c.Parent.IsZero():
		return c, fmt.Errorf("%w: no parent", ErrMalformed)
	case c.Root.Kind == "":
		return c, fmt.Errorf("%w: no kind that the root can be of", ErrMalformed)
	case c.Parent.Kind == "":
		return c, fmt.Errorf("%w: no kind that the parent can be of", ErrMalformed)
	}
	return c, nil
}

// keys are the keys of the tags that name an item.
type keys struct{ address, event, external, kind, author string }

var (
	rootKeys   = keys{"A", "E", "I", "K", "P"}
	parentKeys = keys{"a", "e", "i", "k", "p"}
)

func (k keys) read(tags nostr.Tags) Item {
	kind := tags.Find(k.kind).Value()
	address, byAddress := k.readAddress(tags)
	event, byEvent := k.readEvent(tags)
	external, byExternal := k.readExternal(tags)
	_, onNostr := refs.Kind(kind)
	outside := kind != "" && !onNostr

	var item Item
	switch {
	case byExternal && outside:
		item = external
	case byAddress && (!byEvent || kind == "" || kind == address.Kind):
		item = address
		if byEvent { // the version of it
			item.Event = event.Event
			item.Event.Author = address.Author
		}
	case byEvent:
		item = event
	case byExternal:
		item = external
	}
	switch {
	case kind == "":
		item.Kind = ""
	case item.Address != "": // it has its own
	case (item.External != "") == outside:
		item.Kind = kind
	}
	return item
}

func (k keys) readAddress(tags nostr.Tags) (Item, bool) {
	for t := range tags.FindAll(k.address) {
		if kind, author, ok := refs.Address(t.Value()); ok {
			return Item{Address: t.Value(), Kind: strconv.Itoa(int(kind)), Author: author, Hint: nostr.RelayHint(refs.Third(t))}, true
		}
	}
	return Item{}, false
}

func (k keys) readEvent(tags nostr.Tags) (Item, bool) {
	for t := range tags.FindAll(k.event) {
		ref, ok := nostr.EventRefOf(t)
		if !ok {
			continue
		}
		for p := range tags.FindAll(k.author) {
			if pk, err := nostr.PubKeyFromHex(p.Value()); err == nil && ref.Author.IsZero() {
				ref.Author = pk
			}
		}
		return Item{Event: ref, Author: ref.Author, Hint: ref.Relay}, true
	}
	return Item{}, false
}

func (k keys) readExternal(tags nostr.Tags) (Item, bool) {
	for t := range tags.FindAll(k.external) {
		if t.Value() != "" {
			return Item{External: t.Value(), Hint: refs.Third(t)}, true
		}
	}
	return Item{}, false
}

// New returns a comment on an event, to be signed. If that is a comment itself, the new one is in
// its thread. relayHint is the URL of a relay that has the event, "" if none is known. It fails
// with [ErrTextNote] for notes, and with [ErrMalformed] for a comment that does not tell its
// root; one that answers something other than a comment is taken to have that for its root.
func New(parent *nostr.Event, relayHint, content string) (nostr.Event, error) {
	self := ItemOf(parent, relayHint)
	root := self
	switch parent.Kind {
	case nostr.KindTextNote:
		return nostr.Event{}, ErrTextNote
	case nostr.KindComment:
		c, err := Parse(parent)
		root = c.Root
		if root.IsZero() && c.Parent.Kind != self.Kind {
			root = c.Parent
		}
		if root.IsZero() || root.Kind == "" {
			return nostr.Event{}, fmt.Errorf("the parent is a %w", err)
		}
	}
	return comment(root, self, content), nil
}

// NewExternal returns a comment on something that is not on Nostr, to be signed: a web page has its
// address and the kind "web" (NIP-73), which is never empty and no number. hint is the address of a
// page about it, "" if there is none.
func NewExternal(id, kind, hint, content string) nostr.Event {
	item := Item{External: id, Kind: kind, Hint: hint}
	return comment(item, item, content)
}

// ItemOf returns an event as the item of a comment.
func ItemOf(e *nostr.Event, relayHint string) Item {
	hint := nostr.RelayHint(relayHint)
	return Item{
		Event:   nostr.EventRef{ID: e.ID, Relay: hint, Author: e.PubKey},
		Address: e.Address(),
		Kind:    strconv.Itoa(int(e.Kind)),
		Author:  e.PubKey,
		Hint:    hint,
	}
}

func comment(root, parent Item, content string) nostr.Event {
	tags := rootKeys.write(nil, root, false)
	return nostr.Event{Kind: nostr.KindComment, Content: content, Tags: parentKeys.write(tags, parent, true)}
}

// write appends the tags that name an item: the version of an address for the parent only, as
// NIP-22 has it.
func (k keys) write(tags nostr.Tags, item Item, withVersion bool) nostr.Tags {
	switch {
	case item.Address != "":
		tags = append(tags, refs.Hinted(item.Hint, k.address, item.Address))
		if withVersion && !item.Event.ID.IsZero() {
			tags = append(tags, item.Event.Tag(k.event))
		}
	case item.External != "":
		tags = append(tags, refs.Hinted(item.Hint, k.external, item.External))
	default:
		tags = append(tags, item.Event.Tag(k.event))
	}
	tags = append(tags, nostr.Tag{k.kind, item.Kind})
	if !item.Author.IsZero() {
		tags = append(tags, refs.Hinted(item.Hint, k.author, item.Author.String()))
	}
	return tags
}
