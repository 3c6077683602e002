package gennostr

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// Cursor is where a subscription stands: how far each of its relays has been heard,
// which of the latest events have been handled, and which have been begun and not
// finished. A program saves it, best in one transaction with what an event made it
// do, and gives it to [Resume] when it starts again.
//
// It passes no event that waits, is being handled or is held ([Self.Hold], [Queue]),
// and it repeats none that it remembers as handled: the last 4,096, as far as they
// would be asked for again. It is a value and no store. Its text (under 64 KB)
// stays readable for later versions of this library.
type Cursor struct{ c *cursor.Cursor }

// IsZero tells the zero Cursor, which stands nowhere.
func (c Cursor) IsZero() bool { return c.c == nil }

// AppendText implements encoding.TextAppender. The text of the zero Cursor is empty.
func (c Cursor) AppendText(b []byte) ([]byte, error) {
	if c.c == nil {
		return b, nil
	}
	return c.c.AppendText(b)
}

// MarshalText implements encoding.TextMarshaler.
func (c Cursor) MarshalText() ([]byte, error) { return c.AppendText(nil) }

// UnmarshalText implements encoding.TextUnmarshaler. A text that is damaged, or of a
// later version, is an error; an empty one is the zero Cursor.
func (c *Cursor) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		c.c = nil
		return nil
	}
	parsed, err := cursor.Parse(text)
	if err != nil {
		return err
	}
	c.c = parsed
	return nil
}

// String is the text.
func (c Cursor) String() string {
	text, _ := c.AppendText(nil) // of a cursor of ours: it cannot fail
	return string(text)
}

// Cursor says where a subscription stands; false if there is none of that name. In
// OnEvent it includes the event at hand, unless that is held, and in the Then of a
// [Queue] its item. In Terminate it is what is to be saved last.
func (s *Self) Cursor(name string) (Cursor, bool) {
	sub := s.c.subs.get(name)
	if sub == nil {
		return Cursor{}, false
	}
	var atHand *delivery
	if s.c.running.here() {
		atHand, _ = s.c.place.(*delivery)
	}
	return sub.cursor(atHand)
}

// wrapMargin is how much further back gift wraps are asked for (NIP-59).
const wrapMargin = 49 * time.Hour

// cursor makes one. atHand is the event whose callback is running: it is as good as
// handled if nobody holds it.
func (s *subscription) cursor(atHand *delivery) (Cursor, bool) {
	c := &cursor.Cursor{}
	loaded := true
	// First where the relays stand, then what no relay has sent again, then what is not
	// finished or remembered: a new event that comes in between is in neither, and comes again;
	// one that comes again, and leaves the second for the third, is in both.
	ok := s.c.sup.do(func(*supervisor) {
		for _, l := range present(s.legsNow()) {
			relay := cursor.RelayHash(l.url)
			for i, m := range l.marks() {
				loaded = loaded && m.Loaded && m.Any // else everything will be asked for
				if m != (resume.Mark{}) {
					c.Marks = append(c.Marks, cursor.Mark{Relay: relay, Filter: l.filters[i], Loaded: m.Loaded, Any: m.Any, At: m.At, Floor: m.Floor})
				}
			}
		}
	})
	if !ok {
		return Cursor{}, false
	}
	c.Marks = append(c.Marks, s.carriedMarks()...)
	c.Marks = c.Marks[:min(len(c.Marks), cursor.MaxMarks)] // those of relays that are there come first
	carriedHandled, carriedPending := s.former.carried()
	pending := s.pending(atHand)
	c.Unfinished = carriedPending
	for _, e := range pending {
		c.Unfinished = append(c.Unfinished, e.ID)
	}
	if len(c.Unfinished) > cursor.MaxUnfinished { // those that find no room are asked for by their dates
		c.Unfinished = c.Unfinished[:cursor.MaxUnfinished]
		fits := max(0, cursor.MaxUnfinished-len(carriedPending))
		for _, e := range pending[min(fits, len(pending)):] {
			for i := range c.Marks {
				c.Marks[i].At = min(c.Marks[i].At, e.CreatedAt)
				c.Marks[i].Floor = min(c.Marks[i].Floor, e.CreatedAt)
			}
		}
	}
	if atHand != nil && atHand.leg.sub == s && atHand.free() {
		c.Handled = append(c.Handled, cursor.ShortOf(atHand.Event.ID)) // first: it is the last that may be left out
	}
	s.mu.Lock()
	c.Handled = s.memory.since(c.Handled, s.reach(c.Marks, loaded))
	s.mu.Unlock()
	if room := cursor.MaxHandled - len(c.Handled); room > 0 {
		c.Handled = append(c.Handled, carriedHandled[:min(room, len(carriedHandled))]...)
	}
	return Cursor{c}, true
}

// reach is from when on events may be asked for again: what is older need not be
// remembered. A first load asks for everything there is; loaded tells that all relays
// that the subscription has met are beyond theirs.
func (s *subscription) reach(marks []cursor.Mark, loaded bool) nostr.Timestamp {
	lowest := nostr.Timestamp(math.MaxInt64)
	for _, m := range marks {
		loaded = loaded && m.Loaded && m.Any
		lowest = min(lowest, m.At)
	}
	if !loaded || len(marks) == 0 {
		return 0
	}
	return lowest - nostr.Timestamp((s.cfg.overlap+wrapMargin)/time.Second)
}

// free tells whether nobody but the running callback has the event.
func (d *delivery) free() bool { return d.kept.Load() == 1 && !d.unhandled.Load() }

// pending lists what is not finished, newest first.
func (s *subscription) pending(atHand *delivery) (list []*nostr.Event) {
	for _, l := range s.legsNow() {
		l.each(func(d *delivery) {
			if d != atHand || !d.free() {
				list = append(list, d.Event)
			}
		})
	}
	slices.SortStableFunc(list, func(a, b *nostr.Event) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return list
}

// carriedMarks is what the cursor that the subscription has started from knows of
// relays that it has not met yet.
func (s *subscription) carriedMarks() (marks []cursor.Mark) {
	if s.cfg.cursor == nil {
		return nil
	}
	met := make(map[[8]byte]bool)
	for _, l := range s.legsNow() {
		met[cursor.RelayHash(l.url)] = true
	}
	for _, m := range s.cfg.cursor.Marks {
		if !met[m.Relay] {
			marks = append(marks, m)
		}
	}
	return marks
}

// legOn finds the subscription's leg on a relay, or makes it: from where it was, or
// where the cursor says. e is nil if it does not live there. One that never has lived there
// knows nothing, and was not cut to what the relay takes: it is made anew. Supervisor goroutine.
func (s *subscription) legOn(url string, e *relayEntry) *leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.legs[url]; l != nil && (e == nil || l.bytes > 0) {
		return l
	}
	l := &leg{sub: s, url: url, entry: e, asks: make(map[*resume.Ask]*legAsk), status: RelaySubscription{URL: url}}
	parts := l.parts(s.filters)
	l.filters = hashesOf(parts)
	l.track = resume.New(parts, s.formerMarks(url, l.filters), resume.Config{Overlap: s.cfg.overlap, LiveOnly: s.cfg.liveOnly})
	if ids := s.former.toFetch(); len(ids) > 0 {
		l.track.Fetch(ids) // asked for with everything else, by Up
	}
	s.legs[url] = l
	return l
}

// formerMarks is where the cursor says that the filters stand on a relay. Needs mu.
func (s *subscription) formerMarks(url string, filters []uint64) []resume.Mark {
	marks := make([]resume.Mark, len(filters))
	if s.cfg.cursor == nil {
		return marks
	}
	relay := cursor.RelayHash(url)
	for i, hash := range filters {
		for _, m := range s.cfg.cursor.Marks {
			if m.Relay == relay && m.Filter == hash {
				marks[i] = resume.Mark{Loaded: m.Loaded, Any: m.Any, At: m.At, Floor: m.Floor}
			}
		}
	}
	return marks
}
