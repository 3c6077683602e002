package soak_test

import (
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// bot handles each event, and saves its cursor with it.
type bot struct {
	gennostr.BaseHandler
	w *world
}

func (b *bot) Init(self *gennostr.Self) error {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	var c gennostr.Cursor
	if err := c.UnmarshalText(b.w.text); err != nil {
		return err
	}
	return self.Subscribe("all", b.w.wanted(), gennostr.Resume(c))
}

func (b *bot) OnEvent(self *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	if b.w.loses && m.Event.ID[0] < 8 {
		return nil
	}
	b.w.demand(b.w.genuine(m.Event), "an event was handled that nobody has made: %s", m.Event)
	c, ok := self.Cursor("all")
	b.w.demand(ok, "there is no cursor")
	text, err := c.MarshalText()
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.handled[m.Event.ID]++
	if !b.w.forgets {
		b.w.text = text
	}
	return err
}

// writes is somebody who is no business of ours: events come into being on some relays.
func (w *world) writes(key nostr.SecretKey) {
	for w.pause(100*time.Millisecond, 5*time.Second) {
		e := w.makes(key)
		for _, u := range w.some(1 + w.number(3)) {
			w.relayOf(u).Publish(e)
		}
	}
}

// publishes goes through the client, to all relays or to some, and takes note of who is
// said to have what.
func (w *world) publishes(key nostr.SecretKey) {
	for w.pause(time.Second, 8*time.Second) {
		e, opts := w.makes(key), []gennostr.PublishOption{gennostr.GiveUpAfter(w.between(5*time.Second, 40*time.Second))}
		if w.number(4) > 0 {
			opts = append(opts, gennostr.On(w.some(4)...))
		}
		w.counts.Publications.Add(1)
		p, err := w.now().StartPublish(e, opts...)
		if err != nil {
			continue // it is being stopped
		}
		if w.number(2) == 0 {
			for o := range p.Outcomes() {
				w.says(e.ID, o)
			}
		}
		report, err := p.Wait(w.ctx)
		w.demand((err == nil) == (report.Count() > 0), "%d relays have it, and the error is %v", report.Count(), err)
		for _, o := range report.Outcomes {
			w.says(e.ID, o)
		}
	}
}

// says notes an outcome that has to be true.
func (w *world) says(id nostr.ID, o gennostr.Outcome) {
	if !o.Verdict.Has() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Accepted.Add(1)
	w.owed[id] = append(w.owed[id], o.URL)
}

// asks queries some relays. What a relay had before has to be in an answer that is complete.
func (w *world) asks() {
	for w.pause(time.Second, 5*time.Second) {
		urls, filter := w.some(4), nostr.Filter{}.WithKinds(nostr.KindTextNote).WithSince(w.start)
		had := map[string][]*nostr.Event{}
		for _, u := range urls {
			had[u] = w.relayOf(u).Events(filter)
		}
		report, err := w.now().Fetch(w.ctx, []nostr.Filter{filter}, gennostr.AllPages(), gennostr.On(urls...),
			gennostr.WithDeadline(w.between(time.Second, 30*time.Second)))
		w.demand((err == nil) == report.Complete(), "complete: %v, and the error is %v", report.Complete(), err)
		w.counts.Queries.Add(1)
		has := map[nostr.ID]bool{}
		for _, e := range report.Events {
			has[e.ID] = true
			w.demand(filter.Matches(e) && w.genuine(e), "an event in an answer: %s", e)
		}
		for _, a := range report.Relays {
			if !a.Complete {
				continue
			}
			w.counts.Complete.Add(1)
			for _, e := range had[a.URL] {
				w.demand(has[e.ID], "the answer of %s is said to be complete, and %s is not there", a.URL, e.ID)
			}
		}
	}
}

// listens ranges over a subscription for as long as each client lives.
func (w *world) listens() {
	for w.pause(time.Second, 2*time.Second) {
		sub, err := w.now().Subscribe(w.ctx, w.wanted(), gennostr.LiveOnly())
		if err != nil {
			continue
		}
		heard := map[nostr.ID]bool{}
		for m := range sub.Events() {
			w.demand(w.genuine(m.Event), "heard what nobody has made: %s", m.Event)
			w.demand(!heard[m.Event.ID], "heard twice: %s", m.Event)
			heard[m.Event.ID] = true
			w.counts.Heard.Add(1)
		}
	}
}

// restarts has relays go down, and come back with what they had.
func (w *world) restarts() {
	for w.pause(5*time.Second, 20*time.Second) {
		r := w.relayOf(w.some(1)[0])
		r.Stop()
		w.pause(0, 10*time.Second)
		err := r.Restart()
		w.demand(err == nil, "Restart: %v", err)
	}
}
