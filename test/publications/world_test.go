package publications_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

var (
	relays = []string{"wss://a.example/", "wss://b.example/", "wss://c.example/"}
	errCut = errors.New("the link is cut")
)

// A link is what a relay and the model know of each other.
type link struct {
	up         bool
	challenged bool
	auths      []nostr.ID // not answered
	authed     bool
	limited    bool // it has refused something for the rate, on whatever connection
	events     map[nostr.ID]*story
}

// A story is one event on one relay.
type story struct {
	mayWrite bool  // there is a reason to write it (again)
	written  bool  // on this connection, so that the relay may say something of it
	needs    bool  // it was refused for want of AUTH
	has      []int // steps at which the relay has said that it has it
	said     []int // steps at which the relay has said anything
}

// A publication is one, and what it was told.
type publication struct {
	event  *nostr.Event
	on     []string
	begun  int // step
	until  time.Time
	inside bool
	told   []gennostr.PublishReport // by then
	pub    *gennostr.Publication    // of one from outside
	ended  bool                     // cancelled
}

// A world is a client that is driven by hand, and relays that say whatever they like.
type world struct {
	*rapid.T
	h      *gennostr.Harness
	step   int
	looked time.Time // when look was last called: what was sent was sent since
	events []*nostr.Event
	links  map[string]*link
	pubs   []*publication
}

func newWorld(t *rapid.T) *world {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(relays...), gennostr.WithSigner(nostrtest.Key(1).Signer()), kit.Quietly())
	require.NoError(t, err)
	w := &world{T: t, h: h, links: make(map[string]*link)}
	for i := range 4 {
		w.events = append(w.events, nostrtest.EventAt(nostr.TimestampOf(h.Now()), nostrtest.Key(1+i%2), 1, string(rune('a'+i))))
	}
	for _, url := range relays {
		w.links[url] = &link{events: make(map[nostr.ID]*story)}
		for _, e := range w.events {
			w.links[url].events[e.ID] = new(story)
		}
	}
	return w
}

// ok is for what may tell of a refusal, which is no fault of the test.
func (w *world) ok(err error) {
	var auth *gennostr.AuthError
	if err != nil && !errors.As(err, &auth) && !errors.Is(err, errCut) {
		w.Fatalf("step %d: %v", w.step, err)
	}
}

func (w *world) relay() string { return rapid.SampledFrom(relays).Draw(w.T, "relay") }

func (w *world) event() *nostr.Event {
	return w.events[rapid.IntRange(0, len(w.events)-1).Draw(w.T, "event")]
}

func (w *world) publish() {
	p := &publication{event: w.event(), begun: w.step, on: relays, inside: rapid.Bool().Draw(w.T, "inside")}
	give := rapid.SampledFrom([]time.Duration{2 * time.Second, 10 * time.Second, time.Minute}).Draw(w.T, "give up")
	p.until = w.h.Now().Add(give)
	opts := []gennostr.PublishOption{gennostr.GiveUpAfter(give)}
	if n := rapid.IntRange(0, 3).Draw(w.T, "at least"); n > 0 {
		opts = append(opts, gennostr.AtLeast(n))
	}
	for _, url := range p.on {
		w.links[url].events[p.event.ID].mayWrite = true // what is done is done again for who comes later
	}
	w.pubs = append(w.pubs, p)
	if p.inside {
		w.ok(w.h.Run(func(self *gennostr.Self) error {
			self.Publish(p.event, func(r gennostr.PublishReport) error { p.told = append(p.told, r); return nil }, opts...)
			return nil
		}))
		return
	}
	var err error
	p.pub, err = w.h.Client().StartPublish(p.event, opts...)
	require.NoError(w, err)
	w.ok(w.h.Settle(context.Background()))
}

func (w *world) cancel() {
	if len(w.pubs) == 0 {
		return
	}
	if p := w.pubs[rapid.IntRange(0, len(w.pubs)-1).Draw(w.T, "cancelled")]; p.pub != nil {
		p.pub.Cancel()
		p.ended = true
		w.ok(w.h.Settle(context.Background()))
	}
}

// owed are the events that are to be written as soon as a relay is connected: somebody
// waits, the relay has said nothing of them, and has never asked for less.
func (w *world) owed(url string) (list []*nostr.Event) {
	if w.links[url].limited {
		return nil
	}
	for _, p := range w.pubs {
		if p.pub == nil || p.ended || !w.h.Now().Before(p.until) || len(w.links[url].events[p.event.ID].said) > 0 {
			continue
		}
		list = append(list, p.event)
	}
	return list
}

func (w *world) turn() {
	url := w.relay()
	l := w.links[url]
	if !l.up {
		owed := w.owed(url)
		w.ok(w.h.Connect(url))
		l.up = true
		w.look()
		for _, e := range owed {
			require.True(w, l.events[e.ID].written, "step %d: %s is still to be published on %s", w.step, e.Content, url)
		}
		return
	}
	w.ok(w.h.Disconnect(url, errCut))
	*l = link{events: l.events, limited: l.limited}
	for _, s := range l.events {
		s.written, s.needs, s.mayWrite = false, false, true
	}
}

// answers are what a relay may say of an event.
var answers = []gennostr.OKMessage{
	{Accepted: true}, {Accepted: true, Message: "duplicate: have it"}, {Message: "duplicate: have it"}, {Message: "ERROR: blocked: no"},
	{Message: "rate-limited: slow down"}, {Message: "auth-required: who?"}, {Message: "error: tired"}, {Message: "replaced: have newer event"},
}

// answer has a relay say something of an event that it was sent: the first OK, or another.
func (w *world) answer() {
	url := w.relay()
	l := w.links[url]
	e := w.event()
	s := l.events[e.ID]
	if !l.up || !s.written {
		return
	}
	m := answers[rapid.IntRange(0, len(answers)-1).Draw(w.T, "answer")]
	m.EventID = e.ID
	s.said = append(s.said, w.step)
	if m.Accepted || m.Message == "duplicate: have it" {
		s.has = append(s.has, w.step)
	}
	switch m.Message {
	case "rate-limited: slow down":
		s.mayWrite, l.limited = true, true
	case "auth-required: who?":
		s.needs = true
		s.mayWrite = s.mayWrite || l.authed // it may have crossed with the AUTH
	}
	w.ok(w.h.Deliver(url, m))
}

// authenticate has a relay challenge, or answer an AUTH.
func (w *world) authenticate() {
	url := w.relay()
	l := w.links[url]
	switch {
	case !l.up:
	case len(l.auths) == 0:
		l.challenged = true
		w.ok(w.h.Deliver(url, gennostr.AuthMessage{Challenge: rapid.SampledFrom([]string{"x", "y"}).Draw(w.T, "challenge")}))
	default:
		id := l.auths[0]
		l.auths = l.auths[1:]
		accepted := rapid.IntRange(0, 3).Draw(w.T, "accepted") > 0
		if accepted {
			l.authed = true
			for _, s := range l.events {
				s.mayWrite = s.mayWrite || s.needs
			}
		}
		w.ok(w.h.Deliver(url, gennostr.OKMessage{EventID: id, Accepted: accepted, Message: "restricted: as you like"}))
	}
}

// look takes what was sent, and demands that there was a reason for it.
func (w *world) look() {
	for _, sent := range w.h.Sent() {
		l := w.links[sent.URL]
		switch m := sent.Message.(type) {
		case gennostr.AuthResponse:
			l.auths = append(l.auths, m.Event.ID)
		case gennostr.PublishEvent:
			s := l.events[m.Event.ID]
			require.True(w, l.up, "sent without a link")
			require.True(w, s.mayWrite, "step %d: %s sent to %s for no reason", w.step, m.Event.Content, sent.URL)
			require.True(w, slices.ContainsFunc(w.pubs, func(p *publication) bool {
				return p.event.ID == m.Event.ID && !p.ended && w.looked.Before(p.until)
			}), "step %d: nobody publishes %s any more", w.step, m.Event.Content)
			s.mayWrite, s.written, s.needs = false, true, false
		}
	}
	w.looked = w.h.Now()
}

// judge holds a report against what relays have said.
func (w *world) judge(p *publication, r gennostr.PublishReport, last bool) {
	require.Len(w, r.Outcomes, len(p.on))
	for i, o := range r.Outcomes {
		require.Equal(w, p.on[i], o.URL)
		s := w.links[o.URL].events[p.event.ID]
		since := func(steps []int) bool {
			return slices.ContainsFunc(steps, func(n int) bool { return n >= p.begun })
		}
		switch o.Verdict {
		case gennostr.Accepted, gennostr.Duplicate:
			require.True(w, since(s.has), "%v of %s, which has said no such thing", o, p.event.Content)
		case gennostr.Refused, gennostr.Superseded:
			// Of one that it has joined, perhaps, which was refused before for want of AUTH.
			require.True(w, len(s.said) > 0, "%v of %s, which has said nothing", o, p.event.Content)
		case gennostr.Unanswered:
			require.Error(w, o.Err, "it says what was waited for")
		case gennostr.Pending:
			require.True(w, !last || p.ended, "%v at the end", o)
		}
	}
}

// reports are what those are told who are to be told now.
func (w *world) reports(last bool) {
	for _, p := range w.pubs {
		require.LessOrEqual(w, len(p.told), 1, "told once")
		for _, r := range p.told {
			w.judge(p, r, false) // AtLeast may leave some pending
		}
		if p.pub == nil {
			require.True(w, !last || len(p.told) == 1, "told at all")
			continue
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		r, _ := p.pub.Wait(now)
		w.judge(p, r, last)
		if !last {
			continue
		}
		seen := make(map[string]int)
		for o := range p.pub.Outcomes() { // which ends
			seen[o.URL]++
		}
		for url, n := range seen {
			require.Equal(w, 1, n, url)
		}
		require.True(w, p.ended || len(seen) == len(p.on), "one of each relay")
	}
}
