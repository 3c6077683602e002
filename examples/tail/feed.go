package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// feed is what one relay has stored: it comes newest first, and is held back until all
// of it is there, so that it can be shown oldest first.
type feed struct {
	held  []held
	bytes int // of the lines in held
	timer *time.Timer
	late  bool // nothing is held back any more
}

// held is an event that waits for older ones.
type held struct {
	at   nostr.Timestamp
	id   nostr.ID
	line []byte
}

// What is held back at most. Beyond it the order is that of the relay, in parts.
const (
	maxHeld      = 1_000
	maxHeldBytes = 8 << 20
	patience     = 5 * time.Second // some relays never say that it was all
)

// hold keeps a line back, and reports whether it is time to take what there is.
func (f *feed) hold(ev *nostr.Event, line []byte) (full bool) {
	f.held = append(f.held, held{ev.CreatedAt, ev.ID, line})
	f.bytes += len(line)
	return len(f.held) >= maxHeld || f.bytes >= maxHeldBytes
}

// take returns what was held back, the oldest first.
func (f *feed) take() []held {
	list := f.held
	f.held, f.bytes = nil, 0
	slices.SortFunc(list, func(a, b held) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		return -a.id.Compare(b.id) // the reverse of NIP-01's order
	})
	return list
}

// printer shows events. The loop over the subscription, timers and the end use it.
type printer struct {
	line   func(*nostr.Event, gennostr.Phase) []byte
	out    io.Writer
	report func(any) // for the demo: what has been done

	mu    sync.Mutex
	feeds map[string]*feed // guarded by mu: of relays that bring what they have stored, by URL
	shown int              // guarded by mu
	err   error            // guarded by mu: why nothing can be written any more
}

// event shows a live event at once and holds others back. The error is why nothing can be written.
func (p *printer) event(url string, ev *nostr.Event, phase gennostr.Phase) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line(ev, phase)
	f := p.feeds[url]
	switch {
	case phase == gennostr.PhaseLive || f != nil && f.late:
		p.show(ev.ID, line)
		return p.err
	case f == nil:
		f = &feed{}
		f.timer = time.AfterFunc(patience, func() { p.overdue(f) })
		p.feeds[url] = f
	}
	if f.hold(ev, line) {
		p.showHeld(f)
	}
	return p.err
}

// overdue is for a relay that does not say that it was all: it is not waited for any more.
func (p *printer) overdue(f *feed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.late = true
	p.showHeld(f)
}

// release shows what was held back of a relay, which has brought all, or is gone.
func (p *printer) release(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.feeds[url]; f != nil {
		f.timer.Stop()
		delete(p.feeds, url)
		p.showHeld(f)
	}
}

// end shows what is left, and says how much was shown in all.
func (p *printer) end() (shown int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.feeds {
		f.timer.Stop()
		p.showHeld(f)
	}
	clear(p.feeds)
	return p.shown, p.err
}

// showHeld needs mu.
func (p *printer) showHeld(f *feed) {
	for _, h := range f.take() {
		p.show(h.id, h.line)
	}
}

// show writes one line, if anybody reads. It needs mu.
func (p *printer) show(id nostr.ID, line []byte) {
	if p.err != nil {
		return
	}
	if _, err := p.out.Write(line); err != nil {
		p.err = fmt.Errorf("cannot write events: %w", err)
		return
	}
	p.shown++
	p.report(id)
}
