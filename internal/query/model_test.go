package query_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/seed"
)

const epoch = nostr.Timestamp(1_750_000_000)

var (
	authors = []nostr.PubKey{{1}, {2}, {3}, {4}}
	kinds   = []nostr.Kind{0, 1, 7, 30023}
	topics  = []string{"a", "b", "c"}
)

// world is a relay, a query, and what happens meanwhile.
type world struct {
	unsplit bool // messages may be as long as filters are
	t       *rapid.T
	relay   *relay
	client  *client
	filters []nostr.Filter
	mode    query.Mode
	shared  bool // REQs carry several asks
	calm    bool // nothing happens but what is asked and answered
	slipped int
	before  []*nostr.Event // stored when the query began
	refused string         // what the relay has said for no reason
	ids     uint64
}

func some[T any](t *rapid.T, list []T, what string) []T {
	n := rapid.IntRange(0, 1<<len(list)-1).Draw(t, what)
	if n == 0 {
		return nil
	}
	var got []T
	for i, v := range list {
		if n&(1<<i) != 0 {
			got = append(got, v)
		}
	}
	return got
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t}
	w.relay = &relay{
		told:      rapid.Bool().Draw(t, "told"),
		hints:     rapid.IntRange(0, 3).Draw(t, "hints") == 0,
		perFilter: rapid.IntRange(0, 3).Draw(t, "once for each filter") == 0,
		long:      map[nostr.ID]bool{},
	}
	if w.relay.told {
		w.relay.pageCap = rapid.IntRange(3, 12).Draw(t, "cap")
	} else { // what is not told and less than that is taken for complete
		w.relay.pageCap = rapid.IntRange(25, 40).Draw(t, "cap")
	}
	w.relay.maxLimit = w.relay.pageCap + rapid.IntRange(0, 20).Draw(t, "more with a limit")
	w.shared = rapid.Bool().Draw(t, "shared REQs")
	w.relay.perREQ = w.shared && !w.relay.told && rapid.Bool().Draw(t, "cap of the REQ")
	w.mode = rapid.SampledFrom([]query.Mode{query.ByFilter, query.AllPages, query.OnePage}).Draw(t, "mode")
	if rapid.IntRange(0, 3).Draw(t, "refuses lists") == 0 {
		w.relay.longList = rapid.IntRange(2, 3).Draw(t, "longest list")
	}
	if rapid.IntRange(0, 3).Draw(t, "refuses limits") == 0 {
		w.relay.highLimit = rapid.IntRange(2, 30).Draw(t, "highest limit")
	}
	for range rapid.IntRange(0, 12).Draw(t, "bursts") {
		at := epoch - nostr.Timestamp(rapid.IntRange(0, 40).Draw(t, "at"))
		for range rapid.IntRange(1, w.relay.pageCap+3).Draw(t, "events") {
			w.relay.stored = append(w.relay.stored, w.event(at))
			at -= nostr.Timestamp(rapid.IntRange(0, 2).Draw(t, "apart") / 2)
		}
	}
	w.before = slices.Clone(w.relay.stored)
	if rapid.IntRange(0, 4).Draw(t, "long") == 0 && len(w.before) > 0 {
		w.relay.long[w.before[rapid.IntRange(0, len(w.before)-1).Draw(t, "too long")].ID] = true
	}
	w.filters = w.drawFilters()
	w.client = newClient(t, w.relay, w.filters, query.Config{Mode: w.mode})
	w.client.log = t.Logf
	w.client.bytes = rapid.SampledFrom([]int{230, 400, 1 << 16}).Draw(t, "bytes")
	return w
}

func (w *world) event(at nostr.Timestamp) *nostr.Event {
	w.ids++
	n := rapid.IntRange(0, 127).Draw(w.t, "event")
	e := &nostr.Event{PubKey: authors[n&3], Kind: kinds[n>>2&3], CreatedAt: at}
	for i, topic := range topics {
		if n>>(4+i)&1 == 1 {
			e.Tags = append(e.Tags, nostr.Tag{"t", topic})
		}
	}
	e.Tags = append(e.Tags, nostr.Tag{"d", "x"})
	binary.BigEndian.PutUint64(e.ID[:], w.ids*0x9E3779B97F4A7C15)
	return e
}

func (w *world) drawFilters() []nostr.Filter {
	filters := make([]nostr.Filter, rapid.IntRange(1, 3).Draw(w.t, "filters"))
	for i := range filters {
		f := nostr.Filter{Authors: some(w.t, authors, "authors"), Kinds: some(w.t, kinds, "kinds")}
		if topics := some(w.t, topics, "topics"); topics != nil && rapid.Bool().Draw(w.t, "by topic") {
			f.Tags = nostr.TagMap{"t": topics}
		}
		switch rapid.IntRange(0, 7).Draw(w.t, "bounds") {
		case 0, 1, 2:
			f.Limit = rapid.IntRange(1, 3*w.relay.pageCap).Draw(w.t, "limit")
		case 3:
			every := rapid.IntRange(1, 5).Draw(w.t, "every")
			for i, e := range w.before {
				if i%every == 0 {
					f.IDs = append(f.IDs, e.ID)
				}
			}
		case 4:
			f = f.WithUntil(epoch - nostr.Timestamp(rapid.IntRange(0, 30).Draw(w.t, "until")))
		case 5:
			f = f.WithSince(epoch - nostr.Timestamp(rapid.IntRange(0, 60).Draw(w.t, "since")))
		case 6:
			f = f.WithTag("d", "x")
			f.Kinds = []nostr.Kind{0, 30023}
			f.Authors = authors[:3]
		}
		filters[i] = f
	}
	return filters
}

// slip is an event that is published while a page is sent, dated some time ago: one at most for
// each query, for of several nobody can tell which is the end of a page.
func (w *world) slip() *nostr.Event {
	if w.calm || w.shared || w.slipped > 0 || rapid.IntRange(0, 5).Draw(w.t, "slips") > 0 {
		return nil
	}
	w.slipped++
	return w.event(epoch - nostr.Timestamp(rapid.IntRange(0, 90).Draw(w.t, "dated")))
}

func (w *world) step() {
	c := w.client
	switch rapid.IntRange(0, 9).Draw(w.t, "step") {
	case 0, 1, 2:
		if c.up {
			n := 1
			if w.shared {
				n = rapid.IntRange(1, 3).Draw(w.t, "together")
			}
			c.send(n, w.slip())
		}
	case 3, 4, 5, 6:
		for range rapid.IntRange(1, 30).Draw(w.t, "messages") {
			c.read()
		}
	case 7:
		if !c.up {
			if bytes := rapid.SampledFrom([]int{230, 400, 1 << 16}).Draw(w.t, "bytes"); !w.unsplit {
				c.bytes = bytes
			}
			c.connect()
		}
	case 8:
		if c.up && !w.calm && rapid.IntRange(0, 3).Draw(w.t, "cut") == 0 {
			c.cut()
		}
	case 9:
		if len(w.relay.reqs) > 0 && !w.calm && rapid.IntRange(0, 3).Draw(w.t, "refuse") == 0 {
			w.relay.reqs[0].words = rapid.SampledFrom([]string{"error: trouble", "rate-limited: slow down", "restricted: members only", "hm"}).Draw(w.t, "words")
			w.refused = w.relay.reqs[0].words
		}
	}
}

// run lets everything happen, and the query end.
func (w *world) run() {
	for range rapid.IntRange(0, 60).Draw(w.t, "steps") {
		w.step()
	}
	together := 1
	if w.shared {
		together = 3
	}
	w.client.settle(together, w.client.asked+2000)
}

// missing lists what the query wants and has not got.
func (w *world) missing(i int) (list []*nostr.Event) {
	f := w.filters[i]
	var all []*nostr.Event
	for _, e := range w.relay.stored {
		if f.Matches(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, nostr.NewestFirst)
	if f.Limit > 0 && len(all) > f.Limit {
		last := all[f.Limit-1].CreatedAt
		came := 0
		for _, e := range all {
			if e.CreatedAt >= last && w.client.got[i][e.ID] {
				came++
			}
		}
		all = slices.DeleteFunc(all, func(e *nostr.Event) bool { // of one second any will do
			return e.CreatedAt < last || e.CreatedAt == last && came >= f.Limit
		})
	}
	for _, e := range all {
		if !w.client.got[i][e.ID] && slices.Contains(w.before, e) {
			list = append(list, e)
		}
	}
	return list
}

// within tells whether a lack covers an event.
func within(list []query.Lack, e *nostr.Event) bool {
	return slices.ContainsFunc(list, func(l query.Lack) bool { return l.Since <= e.CreatedAt && e.CreatedAt <= l.Until })
}

// told tells whether a reason is true.
func (w *world) told(l query.Lack) bool {
	switch l.Why {
	case query.Unread:
		return len(w.relay.long) > 0
	case query.Refused:
		return w.refused != "" || w.relay.highLimit > 0 || w.relay.longList > 0
	case query.More:
		if l.Possible {
			return true
		}
		for i := range w.filters {
			f := w.filters[i]
			f.Limit = 0
			for _, e := range w.relay.stored {
				if f.Matches(e) && !w.client.got[i][e.ID] && l.Since <= e.CreatedAt && e.CreatedAt <= l.Until {
					return true
				}
			}
		}
		return w.shared || w.refused != "" || w.relay.longList > 0 || w.slipped > 0 // came for another part
	case query.Dense:
		return l.Possible && !w.relay.told || w.dense(l)
	case query.Withheld:
		return l.Possible && (w.shared || !w.relay.told || w.relay.perFilter || len(w.relay.long) > 0)
	}
	return false
}

// dense tells whether there is a second that holds what the relay gives at once, or what is asked
// for after it has found more too much.
func (w *world) dense(l query.Lack) bool {
	atOnce := w.relay.pageCap
	if n := w.relay.highLimit; n > 0 {
		atOnce = min(atOnce, n/2)
	}
	n := map[nostr.Timestamp]int{}
	for _, e := range w.relay.stored {
		for _, f := range w.filters {
			if f.Matches(e) && l.Since <= e.CreatedAt && e.CreatedAt <= l.Until {
				if n[e.CreatedAt] += 2 * len(e.Tags); n[e.CreatedAt] >= atOnce { // copies and filters included
					return true
				}
			}
		}
	}
	return false
}

// Of a relay that keeps to the protocol, whatever its limits, and whatever happens meanwhile: an
// answer that is called complete is, what is missing is within what is said to be, for a reason
// that is true, and it ends.
func keepsItsWord(t *rapid.T) {
	w := newWorld(t)
	w.run()
	answer := w.client.leg.Answer()
	t.Logf("%+v", answer)
	for i := range w.filters {
		for _, e := range w.missing(i) {
			if !within(answer.Lacks, e) {
				t.Fatalf("%s: missing %x dated %d, %+v", w.filters[i], e.ID[:3], e.CreatedAt-epoch, answer)
			}
			require.True(t, slices.ContainsFunc(answer.Missing, func(s query.Span) bool { return s.Since <= e.CreatedAt && e.CreatedAt <= s.Until }))
		}
	}
	for _, l := range answer.Lacks {
		require.True(t, w.told(l), "%+v", l)
	}
}

// Shows D38.
func TestCompleteIsComplete(t *testing.T) {
	for range 10 {
		rapid.Check(t, keepsItsWord)
	}
}

func FuzzCompleteIsComplete(f *testing.F) { seed.Fuzz(f, keepsItsWord) }

// Where nothing is in the way, what is bounded is complete, unless a second is too dense.
func TestWhatIsBoundedIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.calm, w.shared, w.relay.perREQ, w.relay.told = true, false, false, true
		w.relay.perFilter, w.relay.longList, w.relay.highLimit = false, 0, 0
		w.mode = query.AllPages
		clear(w.relay.long)
		w.client.leg = query.NewLeg(w.filters, query.Config{Mode: w.mode})
		w.run()
		answer := w.client.leg.Answer()
		for _, l := range answer.Lacks {
			require.Equal(t, query.Dense, l.Why, "%+v", answer)
			require.True(t, w.dense(l))
		}
	})
}

// What a single page is, is whole: of its last second nothing is left out.
func TestASinglePageIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.calm, w.shared, w.relay.perREQ = true, false, false
		w.relay.longList, w.relay.highLimit, w.mode = 0, 0, query.ByFilter
		w.filters = w.filters[:1]
		w.client.leg = query.NewLeg(w.filters, query.Config{})
		w.client.bytes, w.unsplit = 1<<16, true // each part of a list has a page of its own
		w.run()
		answer := w.client.leg.Answer()
		oldest := nostr.Timestamp(math.MaxInt64)
		for _, e := range w.before {
			if w.client.got[0][e.ID] {
				oldest = min(oldest, e.CreatedAt)
			}
		}
		for _, e := range w.missing(0) {
			require.True(t, e.CreatedAt < oldest || within(slices.DeleteFunc(slices.Clone(answer.Lacks), func(l query.Lack) bool { return l.Why == query.More }), e), "%+v", answer)
		}
	})
}

// A relay that does not keep to the protocol cannot keep a query asking for ever, nor have
// an answer called complete that is not, as far as that can be seen.
// Shows D38.
func TestAHostileRelayIsNotComplete(t *testing.T) {
	for name, set := range map[string]func(*world){
		"ignores until":         func(w *world) { w.relay.ignoresUntil = true },
		"ignores limit":         func(w *world) { w.relay.ignoresLimit = true },
		"ignores both":          func(w *world) { w.relay.ignoresLimit, w.relay.ignoresUntil = true, true },
		"says more for ever":    func(w *world) { w.relay.endlessMore = true },
		"says more and repeats": func(w *world) { w.relay.endlessMore, w.relay.ignoresUntil = true, true },
		"sends what is not wanted": func(w *world) {
			w.relay.always = 9999
			w.unbound(func(f *nostr.Filter) { f.Kinds = kinds[1:] })
		},
		"until is off by one": func(w *world) { w.relay.untilExcluded = true; w.unbound(func(f *nostr.Filter) { f.Until = nil }) },
		"since is off by one": func(w *world) { w.relay.sinceExcluded = true; w.unbound(func(f *nostr.Filter) { f.Since = nil }) },
		"both are off by one": func(w *world) {
			w.relay.sinceExcluded, w.relay.untilExcluded = true, true
			w.unbound(func(f *nostr.Filter) { f.Since, f.Until = nil, nil })
		},
		"off by one, more for ever": func(w *world) {
			w.relay.endlessMore, w.relay.untilExcluded = true, true
			w.unbound(func(f *nostr.Filter) { f.Until = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t)
				w.calm = true
				set(w)
				w.client.leg = query.NewLeg(w.filters, query.Config{Mode: w.mode, Asks: 500})
				w.run()
				require.LessOrEqual(t, w.client.asked, 500)
				answer := w.client.leg.Answer()
				t.Logf("%+v", answer)
				for i := range w.filters {
					for _, e := range w.missing(i) {
						if w.shared { // of several asks' events nobody can tell whose page they are
							break
						}
						require.False(t, answer.Complete, "%s: missing %x dated %d", w.filters[i], e.ID[:3], e.CreatedAt-epoch)
					}
				}
			})
		})
	}
}

// unbound takes out of the filters what a relay takes amiss at the first time, when nobody can see it.
func (w *world) unbound(change func(*nostr.Filter)) {
	for i := range w.filters {
		change(&w.filters[i])
	}
}
