package outcome_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outcome"

	"github.com/gennostr/gennostr/test/seed"
)

// A publisher waits for the verdict on an event.
type publisher struct {
	id     int
	until  time.Time
	before int // writes of its event before it came
	yes    int // OKs that were success before it came
	heard  int // answers before it came
	told   []outcome.Report
}

type reply struct {
	id       int
	accepted bool
	message  string
}

// A world is a Relay, its owner, the relay, and what is on its way between them.
type world struct {
	*rapid.T
	relay     *outcome.Relay[*publisher]
	now       time.Time
	open      []*publisher // not forgotten
	connected bool
	draining  bool
	writes    []int // of each event
	yes       []int // OKs that were success, of each event
	answers   []int // of each event, delivered
	refused   []string
	unheard   []int // written on this connection, and not answered
	wire      []int // on their way to the relay
	replies   []reply
	signing   []int // events that AUTH was asked for
	kind      bool  // the relay takes everything from now on
}

const events = 5

func newWorld(t *rapid.T) *world {
	rate := rapid.SampledFrom([]float64{0, 0, 2, 50}).Draw(t, "rate")
	return &world{
		T: t, now: start, relay: outcome.NewRelay[*publisher](outcome.PaceConfig{Rate: rate, Burst: rapid.IntRange(0, 3).Draw(t, "burst")}),
		writes: make([]int, events), yes: make([]int, events), answers: make([]int, events), refused: make([]string, events),
	}
}

func (w *world) publish() {
	n := rapid.IntRange(0, events-1).Draw(w.T, "event")
	p := &publisher{id: n, before: w.writes[n], yes: w.yes[n], heard: w.answers[n]}
	if slices.Contains(w.unheard, n) {
		p.before--
	}
	if rapid.IntRange(0, 4).Draw(w.T, "ends") > 0 {
		p.until = w.now.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(w.T, "until")) * time.Millisecond)
	}
	w.open = append(w.open, p)
	w.relay.Add(w.now, p, id(n), author(n%2), p.until)
}

func (w *world) forget(i int) {
	n := w.open[i].id
	w.relay.Forget(w.open[i])
	w.open = slices.Delete(w.open, i, i+1)
	if !slices.ContainsFunc(w.open, func(p *publisher) bool { return p.id == n }) {
		// Nobody waits for its answer any more, which the next to publish it may get.
		w.unheard = slices.DeleteFunc(w.unheard, func(other int) bool { return other == n })
		w.signing = slices.DeleteFunc(w.signing, func(other int) bool { return other == n })
	}
}

func (w *world) cut() {
	w.connected = false
	w.wire, w.replies, w.unheard, w.signing = nil, nil, nil, nil
	w.relay.Lost()
}

func (w *world) connect() {
	w.connected = true
	w.relay.Connected(w.now)
}

var sayings = []reply{
	{accepted: true}, {accepted: true}, {accepted: true, message: "duplicate: have it"}, {message: "replaced: have newer event"},
	{message: "rate-limited: slow down"}, {message: "rate-limited: slower"}, {message: "auth-required: who"}, {message: "blocked: you"},
	{message: "restricted: pay"}, {message: "mute: nobody"},
}

// serve lets the relay read what has come first, and answer: not at all, once or twice.
func (w *world) serve() {
	n := w.wire[0]
	w.wire = w.wire[1:]
	times := rapid.SampledFrom([]int{0, 1, 1, 1, 2}).Draw(w.T, "answers")
	if w.kind {
		times = 1
	}
	for range times {
		r := rapid.SampledFrom(sayings).Draw(w.T, "answer")
		if w.kind {
			r = reply{accepted: true}
		}
		r.id = n
		w.replies = append(w.replies, r)
	}
}

// hear takes an answer; they may overtake each other (Q02).
func (w *world) hear(i int) {
	r := w.replies[i]
	w.replies = slices.Delete(w.replies, i, i+1)
	w.unheard = slices.DeleteFunc(w.unheard, func(n int) bool { return n == r.id })
	verdict, reason := outcome.Read(r.accepted, r.message)
	known := slices.ContainsFunc(w.open, func(p *publisher) bool { return p.id == r.id })
	require.Equal(w, known, w.relay.OK(w.now, id(r.id), r.accepted, r.message))
	w.answers[r.id]++
	if verdict.Has() {
		w.yes[r.id]++
	}
	if verdict == outcome.Refused {
		w.refused[r.id] = r.message
	}
	w.do()
	if final := verdict != outcome.Refused || reason != outcome.RateLimited && reason != outcome.AuthRequired; final {
		for _, p := range w.open {
			if p.id == r.id {
				require.NotEmpty(w, p.told)
				last := p.told[len(p.told)-1].Verdict
				require.True(w, last == verdict || last.Has() && verdict.Has(), "the newest verdict is told")
			}
		}
	}
}

// do does what is to be done now, and looks at it.
func (w *world) do() {
	for _, s := range w.relay.Do(w.now) {
		n := int(s.ID[0])
		switch s.Do {
		case outcome.Send:
			require.True(w, w.connected)
			require.False(w, w.draining)
			require.NotContains(w, w.unheard, n, "it is on its way already")
			require.Equal(w, author(n%2), s.Author)
			if rapid.IntRange(0, 9).Draw(w.T, "full") == 0 {
				w.relay.Unsent(w.now, s.ID)
				continue
			}
			w.writes[n]++
			w.unheard = append(w.unheard, n)
			w.wire = append(w.wire, n)
		case outcome.Auth:
			require.True(w, w.connected)
			w.signing = append(w.signing, n)
		case outcome.Tell:
			require.Equal(w, s.Key.id, n)
			w.told(s.Key, s.Report)
		}
	}
	require.Equal(w, w.relay.CountAwaited(), w.relay.Awaited())
	for _, p := range w.open {
		require.False(w, len(p.told) == 0 && !p.until.IsZero() && !p.until.After(w.now), "whoever waits is told in time")
	}
	if at, ok := w.relay.Next(); ok {
		require.True(w, at.After(w.now), "it is not called in vain")
	}
}

func (w *world) told(p *publisher, r outcome.Report) {
	require.Contains(w, w.open, p, "nothing is told to who has gone")
	require.NotEqual(w, outcome.Open, r.Verdict)
	if n := len(p.told); n > 0 {
		last := p.told[n-1].Verdict
		require.False(w, last == r.Verdict || last.Has() && r.Verdict.Has(), "no news")
	} else {
		require.Equal(w, w.writes[p.id]-p.before, r.Tries)
	}
	if r.Verdict.Has() {
		require.Greater(w, w.yes[p.id], p.yes, "never success without an OK")
	}
	if r.Verdict == outcome.Refused {
		require.Equal(w, w.refused[p.id], r.Message, "the last refusal's words")
	}
	p.told = append(p.told, r)
}

func (w *world) step() {
	switch rapid.IntRange(0, 12).Draw(w.T, "step") {
	case 0, 1:
		w.publish()
	case 2:
		if n := len(w.open); n > 0 {
			w.forget(rapid.IntRange(0, n-1).Draw(w.T, "forgotten"))
		}
	case 3, 4:
		if !w.connected {
			w.connect()
		} else if rapid.Bool().Draw(w.T, "cut") {
			w.cut()
		}
	case 5, 6:
		if len(w.wire) > 0 {
			w.serve()
		}
	case 7, 8, 9:
		if n := len(w.replies); n > 0 {
			w.hear(rapid.IntRange(0, n-1).Draw(w.T, "heard"))
		}
	case 10:
		w.sign()
	case 11:
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(w.T, "ms")) * time.Millisecond)
	case 12:
		if at, ok := w.relay.Next(); ok && at.After(w.now) {
			w.now = at
		}
	}
	w.do()
}

// sign ends an AUTH, well or not.
func (w *world) sign() {
	if len(w.signing) == 0 {
		return
	}
	n := w.signing[0]
	w.signing = w.signing[1:]
	if w.kind || rapid.IntRange(0, 2).Draw(w.T, "auth") > 0 {
		w.relay.AuthDone(w.now, id(n))
	} else {
		w.relay.AuthFailed(id(n), "", nil)
	}
}

// settle lets the relay take everything, until nothing happens any more.
func (w *world) settle(d time.Duration) {
	w.kind = true
	for end := w.now.Add(d); ; {
		for len(w.wire)+len(w.replies)+len(w.signing) > 0 {
			if len(w.wire) > 0 {
				w.serve()
			}
			if len(w.replies) > 0 {
				w.hear(0)
			}
			w.sign()
			w.do()
		}
		at, ok := w.relay.Next()
		if !ok || at.After(end) {
			return
		}
		w.now = at
		w.do()
	}
}

// Any order of cuts, late and second OKs, refusals, AUTH, limits and deadlines.
func truthIsTold(t *rapid.T) {
	w := newWorld(t)
	for range 150 {
		w.step()
	}
	// What was never answered on this connection is answered on the next.
	if w.connected {
		w.cut()
	}
	w.connect()
	w.do()
	w.settle(time.Hour)
	for _, p := range w.open {
		require.NotEmpty(t, p.told)
		if p.until.IsZero() && w.answers[p.id] > p.heard {
			require.NotEqual(t, outcome.Unanswered, p.told[0].Verdict)
		}
	}
	for len(w.open) > 0 {
		w.forget(0)
	}
	require.Zero(t, w.relay.Len())
	require.NoError(t, w.relay.Empty())
	_, ok := w.relay.Next()
	require.False(t, ok)
}

// Shows L04.
func TestTheTruthIsToldInAnyWorld(t *testing.T) { rapid.Check(t, truthIsTold) }

func FuzzTheTruthIsToldInAnyWorld(f *testing.F) { seed.Fuzz(f, truthIsTold) }

// The same, stopped in the middle.
func stopTellsEverybody(t *rapid.T) {
	w := newWorld(t)
	for range rapid.IntRange(0, 100).Draw(t, "steps") {
		w.step()
	}
	w.draining = true
	w.relay.Drain(nil)
	w.do()
	for _, p := range w.open {
		require.True(t, len(p.told) > 0 || slices.Contains(w.unheard, p.id), "only what was written is waited for")
	}
	for range 30 {
		w.step()
	}
	w.relay.End(nil)
	w.do()
	for _, p := range w.open {
		require.NotEmpty(t, p.told)
	}
	require.Zero(t, w.relay.Awaited())
}

func TestStopTellsEverybodyInAnyWorld(t *testing.T) { rapid.Check(t, stopTellsEverybody) }

func FuzzStopTellsEverybodyInAnyWorld(f *testing.F) { seed.Fuzz(f, stopTellsEverybody) }
