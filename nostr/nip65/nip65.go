// Package nip65 reads and writes relay lists (NIP-65): where an author writes, so that others
// find his events there, and where he reads, so that what mentions him reaches him.
//
//	list, err := nip65.Parse(ev)     // of kind 10002
//	from := list.Write()             // for events by the author
//	to := list.Read()                // for events that mention him
//
// # What counts
//
// The "r" tags with a relay URL, unmarked or marked "read" or "write". URLs are normalised (see
// [nostr.NormalizeURL]), so that two spellings are one relay, and a relay that is there several
// times has all its marks. What is no relay URL is ignored: a web page, a host without a scheme,
// two schemes or two URLs in one value. NIP-65 does not say what another marker means; such a tag
// is ignored as a whole, for taking it as unmarked would send events where nobody asked for them.
// An empty marker is no marker.
//
// # What the caller decides
//
// How many to use. NIP-65 wants two to four of each, and nothing keeps a list from having
// thousands: whoever sends an event to the readers of everybody it mentions should take
// the first few of each, and none of a private network. Which event of an author counts is
// [nostr.Latest]'s to say, and that it is genuine [nostr.Event.Verify]'s. An author without a
// list, or with an empty one, has said nothing about where he is.
//
// Lists of relays for private messages (kind 10050) are NIP-17's.
package nip65

import (
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrKind is in the error of [Parse] when the event is no relay list.
	ErrKind = errors.New("nip65: not a relay list")

	// ErrNoUse is in the error of [List.Event] when a relay is neither read from nor written to.
	ErrNoUse = errors.New("nip65: a relay for neither reading nor writing")
)

const (
	tagKey      = "r"
	markerRead  = "read"
	markerWrite = "write"
)

// A Relay is an entry of a list.
type Relay struct {
	URL   string // normalised when it was read by [Parse]
	Read  bool   // the author looks here for what mentions him
	Write bool   // the author's own events are here
}

// A List is a relay list, in its author's order, each relay once.
type List []Relay

// Parse reads the list in an event of kind 10002. It fails with [ErrKind] for other kinds
// only; an empty list is a list.
func Parse(e *nostr.Event) (List, error) {
	if e.Kind != nostr.KindRelayListMetadata {
		return nil, fmt.Errorf("%w: kind %d, want %d", ErrKind, e.Kind, nostr.KindRelayListMetadata)
	}
	list := List{}
	index := make(map[string]int)
	for t := range e.Tags.FindAll(tagKey) {
		marker := refs.Third(t)
		if marker != "" && marker != markerRead && marker != markerWrite {
			continue
		}
		url, err := nostr.NormalizeURL(t.Value())
		if err != nil {
			continue
		}
		i, known := index[url]
		if !known {
			i = len(list)
			index[url] = i
			list = append(list, Relay{URL: url})
		}
		list[i].Read = list[i].Read || marker != markerWrite
		list[i].Write = list[i].Write || marker != markerRead
	}
	return list, nil
}

// Read returns the URLs of the relays where the author looks for what mentions him: where to
// send such events.
func (l List) Read() []string { return l.urls(func(r Relay) bool { return r.Read }) }

// Write returns the URLs of the relays where the author's events are: where to look for them.
func (l List) Write() []string { return l.urls(func(r Relay) bool { return r.Write }) }

func (l List) urls(wanted func(Relay) bool) []string {
	var urls []string
	for _, r := range l {
		if wanted(r) {
			urls = append(urls, r.URL)
		}
	}
	return urls
}

// Event returns the list as an event of kind 10002 that is to be signed. URLs are normalised;
// relays that are there several times become one. It fails with [nostr.ErrInvalidURL] for
// what is no relay URL, and with [ErrNoUse].
func (l List) Event() (nostr.Event, error) {
	e := nostr.Event{Kind: nostr.KindRelayListMetadata}
	for i, r := range l {
		url, err := nostr.NormalizeURL(r.URL)
		if err != nil {
			return nostr.Event{}, fmt.Errorf("nip65: relay %d: %w", i, err)
		}
		tag := nostr.Tag{tagKey, url}
		switch {
		case r.Read && r.Write:
		case r.Read:
			tag = append(tag, markerRead)
		case r.Write:
			tag = append(tag, markerWrite)
		default:
			return nostr.Event{}, fmt.Errorf("%w: relay %d", ErrNoUse, i)
		}
		e.Tags = append(e.Tags, tag)
	}
	return joined(e), nil
}

// joined writes what Parse reads of an event that has some relay twice.
func joined(e nostr.Event) nostr.Event {
	list, _ := Parse(&e) // its kind is right
	if len(list) == len(e.Tags) {
		return e
	}
	out, _ := list.Event() // of normalised URLs with a use, each once
	return out
}
