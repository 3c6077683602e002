package query

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// ErrTooMuch says that a query has brought more than its Merge may hold.
var ErrTooMuch = errors.New("query: more events than it may hold")

// What a Merge holds at most, unless its MergeConfig says otherwise.
const (
	DefaultKept  = 1 << 20
	DefaultBytes = 256 << 20
)

// MergeConfig is how the answers of a query's relays become one.
type MergeConfig struct {
	// Stream: events are yielded as they come, and not kept.
	Stream bool
	// Versions: each version of a replaceable event comes out, as it is.
	Versions bool
	// Now is when the query began. A version of a replaceable event that is dated
	// far ahead of it gives way to any that is not (nostr.Event.SupersedesAt).
	Now nostr.Timestamp
	// Events and Bytes bound what is held: ids that have come, and about what they and
	// the events that are kept take. Below 1: DefaultKept, DefaultBytes.
	Events, Bytes int
}

// A Merge is what the relays of a query bring, as one answer. Events may come in any order, from
// any number of relays, and have to be proven and to match one of the filters.
//
// Each comes out once; of those of which relays keep one version the newest only, of equal
// dates that with the lowest id (P08, P09). A stream cannot take back what it has
// yielded: it leaves out what is older than that. Nor is it cut to limits.
type Merge struct {
	cfg     MergeConfig
	filters []nostr.Filter
	ranked  bool // all filters are searches: the relays' order counts (P58)

	found   map[nostr.ID]*found
	newest  map[nostr.Address]*found
	missing map[nostr.ID]bool // ids that are asked for and have not come; nil: there is more to ask for than ids
	counts  []int             // by relay, events that it has sent
	bytes   int
	err     error
}

// found is an event that has come.
type found struct {
	event *nostr.Event // of a stream no more than what tells versions apart; nil: superseded
	from  relays
	rank  int // the best that a relay gave it
}

const (
	perID    = 160 // bytes that an id takes, about
	perEvent = 400 // that an event takes beside its strings
	perEntry = 24  // that a list or a string takes
)

// NewMerge makes a merge of a query's filters.
func NewMerge(filters []nostr.Filter, cfg MergeConfig) *Merge {
	if cfg.Events < 1 {
		cfg.Events = DefaultKept
	}
	if cfg.Bytes < 1 {
		cfg.Bytes = DefaultBytes
	}
	m := &Merge{cfg: cfg, filters: filters, ranked: len(filters) > 0,
		found: make(map[nostr.ID]*found), newest: make(map[nostr.Address]*found), missing: make(map[nostr.ID]bool)}
	for _, f := range filters {
		m.ranked = m.ranked && f.Search != ""
		if f.MatchesNothing() || f.LimitZero {
			continue
		}
		if f.IDs == nil {
			m.missing = nil
		}
		for _, id := range f.IDs {
			if m.missing != nil {
				m.missing[id] = true
			}
		}
	}
	return m
}

// Take takes an event that came from a relay, which are numbered from 0; rank is at
// what place it came among those that this relay has sent for the query, and counts for searches.
// Fresh tells whether it is the first time from that relay, yield, of a stream, whether to yield it.
// The error is ErrTooMuch, then and from then on, and nothing is taken.
func (m *Merge) Take(relay, rank int, e *nostr.Event) (fresh, yield bool, err error) {
	if m.err != nil {
		return false, false, m.err
	}
	f := m.found[e.ID]
	if f == nil {
		f = &found{rank: rank}
		if m.err = m.take(f, e); m.err != nil {
			return false, false, m.err
		}
		yield = m.cfg.Stream && f.event != nil
		if m.cfg.Stream && !m.versioned(e.Kind) {
			f.event = nil
		}
	}
	f.rank = min(f.rank, rank)
	if fresh = f.from.add(relay); fresh {
		for len(m.counts) <= relay {
			m.counts = append(m.counts, 0)
		}
		m.counts[relay]++
	}
	return fresh, yield, nil
}

// take keeps what came for the first time, unless there is a newer version of it.
func (m *Merge) take(f *found, e *nostr.Event) error {
	e, old, address := m.kept(e), (*found)(nil), nostr.Address{Kind: e.Kind, PubKey: e.PubKey}
	if m.versioned(e.Kind) {
		if e.Kind.IsAddressable() {
			address.Identifier = e.Tags.GetD()
		}
		old = m.newest[address]
	}
	stays, freed := old == nil || e.SupersedesAt(old.event, m.cfg.Now), 0
	cost := perID
	if stays {
		cost += m.cost(e)
		if old != nil {
			freed = m.cost(old.event)
		}
	}
	if len(m.found) >= m.cfg.Events || m.bytes+cost-freed > m.cfg.Bytes {
		return ErrTooMuch
	}
	m.bytes += cost - freed
	m.found[e.ID] = f
	delete(m.missing, e.ID)
	if !stays {
		return nil
	}
	f.event = e
	if m.versioned(e.Kind) {
		if old == nil { // the key outlives its event
			address.Identifier = strings.Clone(address.Identifier)
		}
		m.newest[address] = f
	}
	if old != nil {
		f.rank, old.event = min(f.rank, old.rank), nil // whoever searched has found the thing
	}
	return nil
}

// versioned tells whether relays keep one version of such an event, and that matters.
func (m *Merge) versioned(k nostr.Kind) bool {
	return !m.cfg.Versions && (k.IsReplaceable() || k.IsAddressable())
}

// kept is what is kept of an event.
func (m *Merge) kept(e *nostr.Event) *nostr.Event {
	if !m.cfg.Stream || !m.versioned(e.Kind) {
		return e
	}
	k := &nostr.Event{ID: e.ID, PubKey: e.PubKey, Kind: e.Kind, CreatedAt: e.CreatedAt}
	if e.Kind.IsAddressable() {
		k.Tags = nostr.Tags{{"d", strings.Clone(e.Tags.GetD())}}
	}
	return k
}

// cost is what keeping an event takes, about.
func (m *Merge) cost(e *nostr.Event) int {
	if m.cfg.Stream && !m.versioned(e.Kind) {
		return 0
	}
	n := perEvent + len(e.Content)
	for _, tag := range e.Tags {
		n += perEntry
		for _, s := range tag {
			n += perEntry + len(s)
		}
	}
	return n
}

// Events is how many events a relay has sent, each counted once.
func (m *Merge) Events(relay int) int {
	if relay < len(m.counts) {
		return m.counts[relay]
	}
	return 0
}

// Len is how many different events have come.
func (m *Merge) Len() int { return len(m.found) }

// Has tells whether an event has come.
func (m *Merge) Has(id nostr.ID) bool { return m.found[id] != nil }

// Bytes is what is held, about.
func (m *Merge) Bytes() int { return m.bytes }

// Satisfied tells whether all has come that there can be: events were asked for by their
// ids only, and each is there.
func (m *Merge) Satisfied() bool { return m.missing != nil && len(m.missing) == 0 }

// Result is what has come, but not of a stream: newest first, of equal dates the lowest id first;
// of searches in the order of relevance that the relays gave. That is the best place that one
// of them gave an event, and for equal places the order of dates.
//
// A limit bounds what each relay sends, and what comes out as well: an event is left out
// if no filter has it among its first so many.
func (m *Merge) Result() []*nostr.Event {
	if m.cfg.Stream {
		return nil
	}
	list := make([]*found, 0, len(m.found))
	for _, f := range m.found {
		if f.event != nil {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *found) int {
		if m.ranked && a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		return nostr.NewestFirst(a.event, b.event)
	})
	events := make([]*nostr.Event, len(list))
	for i, f := range list {
		events[i] = f.event
	}
	return m.limited(events)
}

// limited leaves out what is beyond the limits of all filters.
func (m *Merge) limited(events []*nostr.Event) []*nostr.Event {
	if !slices.ContainsFunc(m.filters, func(f nostr.Filter) bool { return f.Limit > 0 }) {
		return events
	}
	type room struct {
		*reqs.Filters
		left int
	}
	var limited []room
	for _, f := range m.filters {
		switch {
		case f.LimitZero:
		case f.Limit > 0:
			limited = append(limited, room{reqs.Compile([]nostr.Filter{f}), f.Limit})
		default:
			limited = append(limited, room{reqs.Compile([]nostr.Filter{f}), len(events)})
		}
	}
	return slices.DeleteFunc(events, func(e *nostr.Event) bool {
		stays := false
		for i := range limited {
			if f := &limited[i]; f.left > 0 && f.Match(e) {
				f.left--
				stays = true
			}
		}
		return !stays
	})
}

// relays is a set of numbers.
type relays struct {
	few  uint64
	more []uint64 // those from 64 on
}

// add tells whether a number is new.
func (r *relays) add(n int) bool {
	word := &r.few
	if n >= 64 {
		for len(r.more) < n/64 {
			r.more = append(r.more, 0)
		}
		word = &r.more[n/64-1]
	}
	bit := uint64(1) << (n % 64)
	had := *word&bit != 0
	*word |= bit
	return !had
}
