// Package nip18 reads and makes reposts, of kind 6 and 16, and quotes, which are "q" tags in
// other events (NIP-18).
//
//	repost, err := nip18.Parse(ev)          // of a repost
//	if repost.Event != nil { … }            // what was reposted, and it is genuine
//	fetch(repost.Target)                    // otherwise it has to be looked for
//
//	ev, err := nip18.New(note, "wss://relay.example.com")
//
// # What is in a repost
//
// The reposted event as JSON, in its content, is the word of whoever reposts. [Parse] verifies it
// (about 150 microseconds) and compares it with the "e" tags: only what is genuine and meant is
// in Repost.Event. Otherwise Repost.Problem says what is wrong, and Repost.Target remains. Blank
// content, and null, is no event, which NIP-18 allows; a text is one more thing that is no event.
//
// # What NIP-18 leaves open
//
// Of several "e" tags the one of the embedded event counts, without one the last. A missing "e"
// tag is made up for by a genuine embedded event. The embedded event is believed where "k" and
// "p" tags say something else. That kind 6 is for notes and 16 for all others is seen to in
// [New], not in Parse, and so is the relay hint, which a third of the reposts in the wild lack. So
// are protected events (NIP-70): they are not to be embedded, but that another did it is no
// reason not to read it.
//
// # Coming from nostr-tools
//
// finishRepostEvent is [New], getRepostedEventPointer is Repost.Target, getRepostedEvent Repost.Event.
package nip18

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrKind is in the error of [Parse] when the event is no repost.
	ErrKind = errors.New("nip18: not a repost")

	// ErrNoTarget is in the error of [Parse] when the event does not say what it reposts.
	ErrNoTarget = errors.New("nip18: nothing is reposted")

	// ErrNoHint is in the error of [New] when the relay hint is no relay URL.
	ErrNoHint = errors.New("nip18: a repost needs the URL of a relay that has the event")

	// ErrEmbedded is in Repost.Problem when the content is neither blank nor an event.
	ErrEmbedded = errors.New("nip18: the content is not an event")

	// ErrOther is in Repost.Problem when the content is a genuine event, but not the one
	// in the "e" tag.
	ErrOther = errors.New("nip18: the content is not the event in the e tag")
)

// A Repost is what a repost says.
type Repost struct {
	Target  nostr.EventRef // what was reposted; Author is zero if nothing tells
	Address string         // "kind:pubkey:d" if the newest version is meant instead of that one, "" otherwise
	Kind    *nostr.Kind    // of what was reposted; nil if nothing tells

	Event   *nostr.Event // what was reposted, verified; nil if it is not there, or not good
	Problem error        // why it is not good, nil if it is or is not there: ErrEmbedded, ErrOther, or of [nostr.Event.Verify]
}

// Parse reads a repost. It fails with [ErrKind] and [ErrNoTarget].
func Parse(e *nostr.Event) (Repost, error) {
	if e.Kind != nostr.KindRepost && e.Kind != nostr.KindGenericRepost {
		return Repost{}, fmt.Errorf("%w: kind %d, want %d or %d", ErrKind, e.Kind, nostr.KindRepost, nostr.KindGenericRepost)
	}
	var r Repost
	r.Event, r.Problem = embedded(e.Content)
	if !r.findTarget(e) {
		return Repost{}, ErrNoTarget
	}
	if r.Event != nil && r.Event.ID != r.Target.ID {
		r.Event, r.Problem = nil, ErrOther
	}
	r.describe(e)
	return r, nil
}

// embedded returns the event in a repost's content if it is genuine, nil and no error if
// there is none.
func embedded(content string) (*nostr.Event, error) {
	if content = strings.Trim(content, " \t\r\n"); content == "" || content == "null" {
		return nil, nil
	}
	e := new(nostr.Event)
	if err := e.UnmarshalJSON([]byte(content)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEmbedded, err)
	}
	if err := e.Verify(); err != nil {
		return nil, fmt.Errorf("nip18: the event in the content: %w", err)
	}
	return e, nil
}

// findTarget takes the "e" tag of the embedded event, else the last one.
func (r *Repost) findTarget(e *nostr.Event) bool {
	found := false
	for t := range e.Tags.FindAll("e") {
		ref, ok := nostr.EventRefOf(t)
		if !ok {
			continue
		}
		r.Target, found = ref, true
		if r.Event != nil && ref.ID == r.Event.ID {
			return true
		}
	}
	if !found && r.Event != nil {
		r.Target.ID, found = r.Event.ID, true
	}
	return found
}

// describe says what else is known of the target: by the target itself, if it is there.
func (r *Repost) describe(e *nostr.Event) {
	if r.Event != nil {
		kind := r.Event.Kind
		r.Target.Author, r.Kind = r.Event.PubKey, &kind
	} else {
		if pk, err := nostr.PubKeyFromHex(e.Tags.Find("p").Value()); err == nil {
			r.Target.Author = pk
		}
		r.Kind = kindOf(e.Tags.Find("k").Value())
	}
	address := e.Tags.Find("a").Value()
	kind, author, ok := refs.Address(address)
	switch {
	case !ok:
	case r.Event != nil && address != r.Event.Address():
	case !r.Target.Author.IsZero() && author != r.Target.Author:
	case r.Kind != nil && kind != *r.Kind:
	default:
		r.Address = address
	}
}

func kindOf(s string) *nostr.Kind {
	kind, ok := refs.Kind(s)
	if !ok {
		return nil
	}
	return &kind
}

// New returns a repost of a genuine event, to be signed: of kind 6 for notes, of kind 16 for
// all others. relayHint is the URL of a relay that has the event, which NIP-18 demands;
// [ErrNoHint] is returned if it is none. Protected events (NIP-70) are not embedded. For replaceable
// and addressable events the address is added, which says that the newest version is meant.
func New(target *nostr.Event, relayHint string) (nostr.Event, error) {
	hint := nostr.RelayHint(relayHint)
	if hint == "" {
		return nostr.Event{}, ErrNoHint
	}
	ref := nostr.EventRef{ID: target.ID, Relay: hint, Author: target.PubKey}
	e := nostr.Event{Kind: nostr.KindRepost, Tags: nostr.Tags{ref.Tag("e"), {"p", target.PubKey.String()}}}
	if target.Kind != nostr.KindTextNote {
		e.Kind = nostr.KindGenericRepost
		e.Tags = append(e.Tags, nostr.Tag{"k", strconv.Itoa(int(target.Kind))})
		if address := target.Address(); address != "" {
			e.Tags = append(e.Tags, nostr.Tag{"a", address, hint})
		}
	}
	if target.IsProtected() {
		return e, nil
	}
	content, err := target.MarshalJSON()
	if err != nil {
		return nostr.Event{}, fmt.Errorf("nip18: %w", err)
	}
	e.Content = string(content)
	return e, nil
}
