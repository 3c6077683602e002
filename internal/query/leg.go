package query

import (
	"slices"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// What a leg does at most, unless its Config says otherwise.
const (
	DefaultAsks   = 10_000 // five million events from a relay that gives 500 at once
	DefaultEvents = 20_000 // more than any relay is known to give at once
)

// Config is how a query asks its relays.
type Config struct {
	Mode Mode
	// Asks is how many asks a leg hands out, repeats included. Below 1: DefaultAsks.
	Asks int
	// Events is how many events one ask may bring. Below 1: DefaultEvents.
	Events int
}

// An Ask is one filter, to be sent in some REQ, once. Asks are told apart by their pointers; the
// exported fields are for reading, and the lists of the filters are shared.
type Ask struct {
	// Index is that of the query's filter.
	Index int
	// Filter is what is to be sent, and what events are to be matched against.
	Filter nostr.Filter
	// Silent: its events are counted and not delivered. They only tell that there is more.
	Silent bool

	page    paging.Ask
	whole   bool             // to be paged until there is no more
	limited bool             // to be paged until as many have come as its limit says
	edge    bool             // asks for what is left of a page's last second
	expects bool             // the relay has just given an event of the last second that is asked for
	under   *nostr.Timestamp // the second below, of which it is asked whether there is anything
	tie     bool             // asks for that second alone and for one more, after the relay gave nothing of it
	of      *second          // one of its parts

	over     bool   // what comes for it means nothing
	refusals int    // how often it was refused, for now
	words    string // of the last one
}

// Counter makes what counts the events that come for an ask before its EOSE.
func (a *Ask) Counter() paging.Counter { return a.page.Counter() }

// second is one that was divided, since it holds more than a page.
type second struct {
	at   nostr.Timestamp
	left int  // parts that have not been answered
	came bool // some event has come of one of them
}

// A Leg is a query on one relay. Made by NewLeg.
type Leg struct {
	cfg     Config // immutable
	pending []*Ask // not answered yet
	up      bool   // a connection is open
	reached bool   // there was one
	handed  int    // asks, so far
	most    int    // that a limit may be, as refusals say; 0: nothing is known
	short   bool   // the relay leaves out the second of until (Q07)
	lacks   lacks
}

// NewLeg makes a leg of a query's filters, which have to be valid. One that can match nothing,
// or wants nothing stored (limit 0), is asked of no relay.
func NewLeg(filters []nostr.Filter, cfg Config) *Leg {
	if cfg.Asks < 1 {
		cfg.Asks = DefaultAsks
	}
	if cfg.Events < 1 {
		cfg.Events = DefaultEvents
	}
	l := &Leg{cfg: cfg}
	for i, f := range filters {
		if f.MatchesNothing() || f.LimitZero {
			continue
		}
		f = paging.Own(f)
		a := &Ask{Index: i, page: paging.Ask{Filter: f, Exact: true}}
		switch {
		case f.Search != "": // a choice of the relay's, without a second page (P58)
		case f.Limit > 0:
			a.limited, a.page.Rest = true, f.Limit
		default:
			a.whole = cfg.Mode == AllPages || cfg.Mode == ByFilter && bounded(f)
		}
		l.pending = append(l.pending, a)
	}
	return l
}

// Up says that a connection is open, on which a filter may have so many bytes of JSON, and
// returns what to ask on it: all that has not been answered, from where it stands. The bounds
// that pages add to a filter, 80 bytes at most, are not counted.
func (l *Leg) Up(bytes int) []*Ask {
	l.Down()
	l.up, l.reached = true, true
	waiting := l.pending
	l.pending = nil
	return l.hand(waiting, bytes)
}

// Down says that the connection has ended: all asks are over.
func (l *Leg) Down() {
	l.up = false
	for i, a := range l.pending {
		l.pending[i] = a.again()
	}
}

// Lost says that an ask is not open any more, has not been answered, and is to be asked
// again, for nobody's fault or after a wait. Returned is the ask in its place.
func (l *Leg) Lost(a *Ask) []*Ask {
	if !l.forget(a) {
		return nil
	}
	return l.hand([]*Ask{a.again()}, 0)
}

// again is the same ask, to be told from the former.
func (a *Ask) again() *Ask {
	next := *a
	a.over, next.over = true, false
	return &next
}

// Skipped says that an event came for an ask that could not be read, for no fault of the relay's.
func (l *Leg) Skipped(a *Ask) {
	if !a.over {
		l.lack(Unread, "", a, false)
	}
}

// Room is how many events, refused ones included, a relay may send for an ask before its
// EOSE; for a REQ of several asks it is their sum. Beyond that the owner closes the REQ, and hands
// over what came with the hint that there is More: it is paged from there.
func (l *Leg) Room(a *Ask) int {
	if n := a.Filter.Limit; n > 0 && n < l.cfg.Events {
		return min(l.cfg.Events, 2*n+1000) // live events slip in, some relays send what matches twice
	}
	return l.cfg.Events
}

// Expire says that the time is over, or that there will be no connection. What has not been
// answered is missing; words say why it could not be asked. Returned are the
// asks that are to be closed.
func (l *Leg) Expire(words string) (gone []*Ask) {
	why := Silent
	switch {
	case !l.reached:
		why = Unreached
	case !l.up:
		why = Cut
	}
	return l.end(why, words)
}

// Stop says that no more is wanted. Returned are the asks that are to be closed.
func (l *Leg) Stop() (gone []*Ask) { return l.end(Ended, "") }

func (l *Leg) end(why Why, words string) (gone []*Ask) {
	for _, a := range l.pending {
		a.over = true
		if a.words != "" && why != Ended {
			l.lack(Refused, a.words, a, false)
		} else {
			l.lack(why, words, a, false)
		}
	}
	gone, l.pending = l.pending, nil
	if !l.up {
		return nil
	}
	return gone
}

// Done tells whether the leg is over.
func (l *Leg) Done() bool { return len(l.pending) == 0 }

// Answer says what the relay's answer is worth so far.
func (l *Leg) Answer() Answer {
	list := l.lacks.list()
	return Answer{Complete: l.Done() && len(list) == 0, Lacks: list, Missing: slices.Clone(l.lacks.missing)}
}

// forget takes an ask out of what has not been answered; false: it was not in it.
func (l *Leg) forget(a *Ask) bool {
	i := slices.Index(l.pending, a)
	if i < 0 {
		return false
	}
	a.over = true
	l.pending = slices.Delete(l.pending, i, i+1)
	return true
}

func (l *Leg) lack(why Why, words string, a *Ask, possible bool) {
	since, until := paging.Window(a.page.Filter)
	l.lacks.add(why, words, since, until, possible)
}

// hand makes asks ready to be sent, in parts where their filters are longer than bytes; 0: they
// are short enough. What is one too many is missing.
func (l *Leg) hand(asks []*Ask, bytes int) (out []*Ask) {
	for _, a := range asks {
		filters := parts(a.page.Filter, bytes)
		if len(filters) > 1 {
			a.expects, a.tie, a.edge = false, false, false // an event of which of them?
		}
		for i, f := range filters {
			part := a
			if i > 0 {
				part = new(Ask)
				*part = *a
				a.of.add(1)
			}
			part.page.Filter = f
			if l.handed == l.cfg.Asks {
				l.lack(TooMany, "", part, false)
				part.of.add(-1)
				continue
			}
			l.handed++
			part.Filter = l.wire(part)
			l.pending = append(l.pending, part)
			out = append(out, part)
		}
	}
	return out
}

// parts is what a filter is asked in.
func parts(f nostr.Filter, bytes int) []nostr.Filter {
	if bytes <= 0 {
		return []nostr.Filter{f}
	}
	return limits.Split(f, bytes)
}

// wire is the filter as it is sent.
func (l *Leg) wire(a *Ask) nostr.Filter {
	f := a.page.Filter
	if l.most > 0 && (f.Limit == 0 || f.Limit > l.most) {
		f.Limit = l.most
	}
	if _, until := paging.Window(f); f.Until != nil && (l.short || a.tie) && until+1 > until {
		until++
		f.Until = &until
	}
	return f
}

func (s *second) add(n int) {
	if s != nil {
		s.left += n
	}
}
