package nostrtest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

// store holds events by the rules of NIP-01 and NIP-09. It checks nothing and
// locks nothing: the Relay's mu guards it.
type store struct {
	byID map[nostr.ID]*nostr.Event

	// ordered has the events of byID, the oldest first, and of one second the
	// highest id first: backwards it is the order of a REQ (P24). In this
	// direction the usual next event, a newer one, is an append.
	ordered []*nostr.Event
	sorted  bool // else an append was out of order, and the next query sorts

	newest map[string]*nostr.Event // by address: the version that is kept (P08)

	deletedIDs       map[deletedID]struct{}
	deletedAddresses map[string]nostr.Timestamp // versions up to then are deleted

	// What only relays in the wild have. All three stay empty in an honest one.
	twice     map[nostr.ID]int             // how often an event is stored besides once
	kept      map[nostr.ID]nostr.Timestamp // ephemeral events, and until when they are served
	keptOrder []nostr.ID                   // of kept, as they came
}

// admission is how a store takes an event in. The zero value is NIP-01's way.
type admission struct {
	now     nostr.Timestamp
	keep    nostr.Timestamp // seconds for which ephemeral events are stored
	deleted bool            // deleted events are taken like any other
	twice   bool            // a known event is stored once more
}

// deletedID is an event id and who has deleted it: it counts for that author's
// event only (P64), also when the event comes after its deletion.
type deletedID struct {
	id     nostr.ID
	author nostr.PubKey
}

// verdict is what became of an event.
type verdict int

const (
	fresh     verdict = iota // new: to be pushed
	duplicate                // known already
	outdated                 // a newer version is there (P08)
	gone                     // deleted by its author (NIP-09)
	vain                     // new: a deletion that has found nothing to delete
)

// isNew reports whether the store has taken the event in.
func (v verdict) isNew() bool { return v == fresh || v == vain }

// message is the text of the OK (P28, P32).
func (v verdict) message() string {
	switch v {
	case duplicate:
		return "duplicate: already have this event"
	case outdated:
		return "duplicate: have a newer version of this event"
	case gone:
		return "blocked: its author has deleted this event"
	}
	return ""
}

func newStore() *store {
	return &store{
		byID:             make(map[nostr.ID]*nostr.Event),
		sorted:           true,
		newest:           make(map[string]*nostr.Event),
		deletedIDs:       make(map[deletedID]struct{}),
		deletedAddresses: make(map[string]nostr.Timestamp),
		twice:            make(map[nostr.ID]int),
		kept:             make(map[nostr.ID]nostr.Timestamp),
	}
}

// add takes an event in. Ephemeral ones are fresh and not kept.
func (s *store) add(event *nostr.Event, how admission) verdict {
	s.forgetKept(how.now)
	if event.Kind.IsEphemeral() && how.keep == 0 {
		return fresh
	}
	if s.byID[event.ID] != nil {
		if how.twice {
			s.twice[event.ID]++
		}
		return duplicate
	}
	address := event.Address()
	if !how.deleted && s.isDeleted(event, address) {
		return gone
	}
	if event.Kind.IsEphemeral() {
		s.kept[event.ID] = how.now + how.keep
		s.keptOrder = append(s.keptOrder, event.ID)
	}
	if address != "" {
		if old := s.newest[address]; old != nil {
			if !event.Supersedes(old) {
				return outdated
			}
			s.remove(old)
		}
		s.newest[address] = event
	}
	s.byID[event.ID] = event
	if n := len(s.ordered); n > 0 && compareEvents(s.ordered[n-1], event) > 0 {
		s.sorted = false
	}
	s.ordered = append(s.ordered, event)
	if event.Kind == nostr.KindDeletion && !s.deleteBy(event) {
		return vain
	}
	return fresh
}

// deleteBy carries out a deletion request: its author's events only, and no
// other deletion requests (NIP-09, P64). It reports whether there were any.
func (s *store) deleteBy(request *nostr.Event) (found bool) {
	for tag := range request.Tags.FindAll("e") {
		id, err := nostr.IDFromHex(tag.Value())
		if err != nil {
			continue
		}
		s.deletedIDs[deletedID{id, request.PubKey}] = struct{}{}
		if event := s.byID[id]; event != nil && s.isDeleted(event, "") {
			found = true
			s.remove(event)
		}
	}
	for tag := range request.Tags.FindAll("a") {
		address := tag.Value()
		if parts := strings.SplitN(address, ":", 3); len(parts) != 3 || parts[1] != request.PubKey.String() {
			continue
		}
		if until, ok := s.deletedAddresses[address]; !ok || until < request.CreatedAt {
			s.deletedAddresses[address] = request.CreatedAt
		}
		if event := s.newest[address]; event != nil && s.isDeleted(event, address) {
			found = true
			s.remove(event)
		}
	}
	return found
}

func (s *store) isDeleted(event *nostr.Event, address string) bool {
	if event.Kind == nostr.KindDeletion {
		return false
	}
	if _, ok := s.deletedIDs[deletedID{event.ID, event.PubKey}]; ok {
		return true
	}
	until, ok := s.deletedAddresses[address]
	return ok && address != "" && event.CreatedAt <= until
}

// forgetKept removes the ephemeral events whose time is over.
func (s *store) forgetKept(now nostr.Timestamp) {
	for len(s.keptOrder) > 0 && s.kept[s.keptOrder[0]] <= now {
		if event := s.byID[s.keptOrder[0]]; event != nil {
			s.remove(event)
		}
		delete(s.kept, s.keptOrder[0])
		s.keptOrder = s.keptOrder[1:]
	}
}

func (s *store) remove(event *nostr.Event) {
	delete(s.byID, event.ID)
	delete(s.twice, event.ID)
	if address := event.Address(); address != "" && s.newest[address] == event {
		delete(s.newest, address)
	}
	s.sort()
	if i, ok := slices.BinarySearchFunc(s.ordered, event, compareEvents); ok {
		s.ordered = slices.Delete(s.ordered, i, i+1)
	}
}

func (s *store) sort() {
	if !s.sorted {
		slices.SortFunc(s.ordered, compareEvents)
		s.sorted = true
	}
}

// compareEvents orders the oldest first, and of one second the highest id first.
func compareEvents(a, b *nostr.Event) int {
	return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), b.ID.Compare(a.ID))
}

// matches is the whole filter but for its limit: nostr's part of it, and search.
func matches(f nostr.Filter, event *nostr.Event) bool {
	return f.Matches(event) && (f.Search == "" || found(f.Search, event))
}

// matchesLoosely is matches as mattn's relay has it (Q05): a value of a tag condition
// may be a part of any item of any tag.
func matchesLoosely(f nostr.Filter, event *nostr.Event) bool {
	tags := f.Tags
	f.Tags = nil
	if !matches(f, event) {
		return false
	}
	for _, values := range tags {
		within := func(item string) bool {
			return slices.ContainsFunc(values, func(value string) bool { return strings.Contains(item, value) })
		}
		if !slices.ContainsFunc(event.Tags, func(tag nostr.Tag) bool { return slices.ContainsFunc(tag, within) }) {
			return false
		}
	}
	return true
}

// repetitions returns how often a relay sends an event that looks each value of a
// filter up by itself: once for each combination of values that has it (Q02).
func repetitions(f nostr.Filter, event *nostr.Event) int {
	n := times(f.IDs, event.ID) * times(f.Authors, event.PubKey) * times(f.Kinds, event.Kind)
	for letter, values := range f.Tags {
		found := 0
		for tag := range event.Tags.FindAll(letter) {
			found = max(found, times(values, tag.Value()))
		}
		n *= max(found, 1)
	}
	return n
}

// times returns how often a list has a value, 1 if it is no condition.
func times[T comparable](list []T, value T) int {
	n := 0
	for _, v := range list {
		if v == value {
			n++
		}
	}
	return max(n, 1)
}

func matchesAny(filters []nostr.Filter, event *nostr.Event) bool {
	return slices.ContainsFunc(filters, func(f nostr.Filter) bool { return matches(f, event) })
}

// found is a plain NIP-50: every word of the query is somewhere in the
// content, in upper or lower case; extensions such as "language:en" are ignored.
func found(query string, event *nostr.Event) bool {
	content := strings.ToLower(event.Content)
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(word, ":") && !strings.Contains(content, word) {
			return false
		}
	}
	return true
}
