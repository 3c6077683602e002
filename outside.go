package gennostr

import (
	"container/list"
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// Subscription is a subscription that was opened from outside of the handler, by
// [Client.Subscribe]. Its events come to whoever ranges over it, and to nobody else.
// All methods may be called by any goroutine; several that range share the messages.
type Subscription struct {
	s *subscription

	mu      sync.Mutex
	queue   *list.List               // guarded by mu: of *outsideItem, in order
	byLeg   map[*leg][]*list.Element // guarded by mu: the events among them
	news    map[string]*list.Element // guarded by mu: by URL, the news of a relay's state that waits
	gaps    int                      // guarded by mu: news of gaps that wait
	resumes map[*leg]int             // guarded by mu: how many of a relay's may wait when it is to be told
	dropped int                      // guarded by mu: events that were dropped since the last message
	ended   bool                     // guarded by mu
	err     error                    // guarded by mu: why, nil after Close
	after   error                    // guarded by mu: it ends with this when nothing waits any more
	bell    chan struct{}            // guarded by mu: closed, and made anew, when something has changed

	stop func() bool // of the context's end
}

// SubscriptionMessage is what [Subscription.All] yields: an event, or news of the
// subscription on one relay. News of [SubscriptionLive] comes after the last stored
// event of its relay, as its EOSE would.
type SubscriptionMessage struct {
	Relay   Relay
	Event   *nostr.Event        // proven genuine; nil where it is news
	Phase   Phase               // of an event
	Change  *SubscriptionChange // nil where it is an event
	Dropped int                 // how many events were dropped before this message ([DropOldest])
}

// outsideItem is what waits to be ranged over.
type outsideItem struct {
	delivery *delivery // nil: news
	relay    Relay
	change   SubscriptionChange
}

// Subscribe opens a subscription that lives as long as ctx, or until Close, on all
// relays of the client or those of [On]: see [Self.Subscribe] for what it keeps.
//
// Its events wait in a buffer of its own ([WithBuffer]), and keep their room in
// their relay's window (WithMailboxWindow) until the body of the loop that got them
// comes back; then they count as handled, for [Subscription.Cursor].
//
// Errors: [ErrMatchesNothing], what is wrong with a filter or an option, the cause of
// ctx, [ErrClientClosed].
func (c *Client) Subscribe(ctx context.Context, filters []nostr.Filter, opts ...SubscribeOption) (*Subscription, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	sub, err := c.newSubscription("", filters, opts)
	if err != nil {
		return nil, err
	}
	o := &Subscription{
		s: sub, queue: list.New(), byLeg: make(map[*leg][]*list.Element), resumes: make(map[*leg]int), news: make(map[string]*list.Element),
		bell: make(chan struct{}), stop: func() bool { return true },
	}
	sub.outside = o
	if err := c.declare(sub); err != nil {
		return nil, err
	}
	o.lives(ctx)
	select {
	case <-c.dead: // it may have looked before this one was there
		o.end(c.closedErr())
	default:
	}
	return o, nil
}

// lives has the subscription end with ctx.
func (o *Subscription) lives(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.stop = context.AfterFunc(ctx, func() { o.end(context.Cause(ctx)) })
	}
}

// All yields the messages as they come. It ends when the context of Subscribe does,
// at Close, when the client stops, and, with [On], when all of these relays are gone for
// good: refused as guests, or given up ([SubscriptionChange].Err). [Subscription.Err] says
// which. One that RemoveRelay takes away is not gone. An event counts as handled when
// the loop's body comes back, also by break.
func (o *Subscription) All() iter.Seq[SubscriptionMessage] {
	return func(yield func(SubscriptionMessage) bool) {
		for {
			w, dropped, ok := o.next()
			if !ok {
				return
			}
			if !o.yield(w, dropped, yield) {
				return
			}
		}
	}
}

// yield runs the loop's body. A body that panics has not handled its event.
func (o *Subscription) yield(w *outsideItem, dropped int, yield func(SubscriptionMessage) bool) bool {
	if w.delivery == nil {
		return yield(SubscriptionMessage{Relay: w.relay, Change: &w.change, Dropped: dropped})
	}
	d := w.delivery
	returned := false
	defer func() {
		if !returned {
			d.unhandled.Store(true)
		}
		d.leave()
		o.taken(d.leg)
	}()
	more := yield(SubscriptionMessage{Relay: w.relay, Event: d.Event, Phase: d.phase, Dropped: dropped})
	returned = true
	return more
}

// Events yields the events alone.
func (o *Subscription) Events() iter.Seq[EventMessage] {
	return func(yield func(EventMessage) bool) {
		for m := range o.All() {
			if m.Event != nil && !yield(EventMessage{Event: m.Event, Phase: m.Phase}) {
				return
			}
		}
	}
}

// next waits for a message; false: there will be none.
func (o *Subscription) next() (w *outsideItem, dropped int, ok bool) {
	for {
		o.mu.Lock()
		if o.ended {
			o.mu.Unlock()
			return nil, 0, false
		}
		if first := o.queue.Front(); first != nil {
			w = o.queue.Remove(first).(*outsideItem)
			switch d := w.delivery; {
			case d != nil:
				o.byLeg[d.leg] = o.byLeg[d.leg][1:]
				if !o.s.wants(d.Event) { // SetFilters, while it waited
					o.mu.Unlock()
					d.drop()
					o.taken(d.leg)
					continue
				}
			case w.change.Gap != nil:
				o.gaps--
			default:
				delete(o.news, w.relay.URL)
			}
			dropped, o.dropped = o.dropped, 0
			o.mu.Unlock()
			return w, dropped, true
		}
		bell, after := o.bell, o.after
		o.mu.Unlock()
		if after != nil {
			o.end(after)
			return nil, 0, false
		}
		<-bell // rung by whatever comes, and by the end
	}
}

// put takes an event. Deliveries of several connections at once; it never waits.
func (o *Subscription) put(d *delivery) {
	d.keep()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		d.giveUp()
		return
	}
	o.byLeg[d.leg] = append(o.byLeg[d.leg], o.queue.PushBack(&outsideItem{delivery: d, relay: d.conn().current()}))
	o.ring()
	n := len(o.byLeg[d.leg])
	if n > o.s.cfg.buffer && o.s.cfg.dropOldest {
		oldest := o.byLeg[d.leg][0]
		o.byLeg[d.leg] = o.byLeg[d.leg][1:]
		o.queue.Remove(oldest).(*outsideItem).delivery.leave()
		o.dropped++
		return
	}
	full := n > o.s.cfg.buffer || n%crowdEvery == 0 && d.conn().crowded()
	if full && !d.leg.crowding.Swap(true) {
		o.s.c.sup.inbox.Put(overfull{d.leg})
	}
}

// crowdEvery is how often it is looked whether what waits crowds the window, in events.
const crowdEvery = 16

// crowded tells whether more than half of the relay's window is taken.
func (c *connection) crowded() bool {
	messages, bytes := c.window.Used()
	return messages > c.cfg.windowMessages/2 || bytes > c.cfg.windowBytes/2
}

// taken tells the supervisor when there is room for more of a relay, if it waits for that.
func (o *Subscription) taken(l *leg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if most, waits := o.resumes[l]; waits && len(o.byLeg[l]) <= most {
		delete(o.resumes, l)
		o.s.c.sup.inbox.Put(drained{l})
	}
}

// tellWhenDrained has drained follow, at once if there is room already. Supervisor goroutine.
func (o *Subscription) tellWhenDrained(l *leg) {
	o.mu.Lock()
	defer o.mu.Unlock()
	most := min(o.s.cfg.buffer, len(o.byLeg[l])) / 2
	if len(o.byLeg[l]) <= most || o.ended {
		o.s.c.sup.inbox.Put(drained{l})
	} else {
		o.resumes[l] = most
	}
}

// full tells whether a relay is to bring no more pages for now.
func (o *Subscription) full(l *leg) bool { return o.waits(l) > o.s.cfg.buffer/2 }

// waits is how many events of a relay wait.
func (o *Subscription) waits(l *leg) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byLeg[l])
}

// share is how much of its relay's window a leg's events take that wait: 1 is all of it.
func (o *Subscription) share(l *leg, c *connection) float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	bytes := 0
	for _, e := range o.byLeg[l] {
		bytes += e.Value.(*outsideItem).delivery.Size
	}
	return max(float64(len(o.byLeg[l]))/float64(c.cfg.windowMessages), float64(bytes)/float64(c.cfg.windowBytes))
}

// crowds is the share from which on a leg is parked when the window is half full.
const crowds = 1. / 8

// changed takes news. Supervisor goroutine.
func (o *Subscription) changed(relay Relay, change SubscriptionChange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	item := &outsideItem{relay: relay, change: change}
	if change.Gap != nil {
		if o.gaps++; o.gaps > maxGaps { // nobody reads them
			return
		}
		o.queue.PushBack(item)
	} else {
		if old := o.news[relay.URL]; old != nil { // of what a relay's state was nobody wants to know
			o.queue.Remove(old)
		}
		o.news[relay.URL] = o.queue.PushBack(item)
	}
	o.ring()
}

// ring needs mu.
func (o *Subscription) ring() {
	close(o.bell)
	o.bell = make(chan struct{})
}

// endAfter ends the subscription when what waits has been taken.
func (o *Subscription) endAfter(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.after == nil {
		o.after = err
		o.ring()
	}
}

// Close ends the subscription. What waits of it is dropped. Loops over it end.
func (o *Subscription) Close() { o.end(nil) }

func (o *Subscription) end(err error) {
	o.s.c.subs.remove(o.s) // first: whoever hears of the end may open the next one
	o.finish(err)          // without its relays it would end for want of them
	o.s.c.undeclare(o.s)
}

func (o *Subscription) finish(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.ended, o.err = true, err
	o.stop()
	for e := o.queue.Front(); e != nil; e = e.Next() {
		if d := e.Value.(*outsideItem).delivery; d != nil {
			d.giveUp()
		}
	}
	o.queue.Init()
	clear(o.byLeg)
	o.ring()
}

// Err says why a loop has ended: nil after Close or break, else the cause of the
// context, [ErrClientClosed], or [ErrNoRelay], which wraps what has become of the last of
// its relays.
func (o *Subscription) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// CaughtUp waits until the subscription is live on n relays at once: what they had
// stored has come, and waits to be ranged over if it has not been yet. Where a relay
// brings more than the buffer holds, somebody has to range meanwhile. Errors: the
// cause of ctx, [ErrCallingSelf] with that of an Init, and as Err, but for [ErrClientClosed] after Close.
func (o *Subscription) CaughtUp(ctx context.Context, n int) error {
	for {
		o.mu.Lock()
		bell, ended, err := o.bell, o.ended, o.err
		o.mu.Unlock()
		switch {
		case ended && err == nil:
			return fmt.Errorf("gennostr: subscription closed: %w", ErrClientClosed)
		case ended:
			return err
		case o.Status().Live >= n:
			return nil
		case o.s.c.inInit(ctx):
			return ErrCallingSelf
		}
		select {
		case <-bell:
		case <-ctx.Done():
			if o.Status().Live >= n { // before it was too late
				return nil
			}
			return context.Cause(ctx)
		}
	}
}

// SetFilters is [Self.SetFilters].
func (o *Subscription) SetFilters(filters []nostr.Filter) error { return o.s.change(filters) }

// Cursor says where the subscription stands: see [Cursor]; false once the client has
// stopped. The event whose loop body is running is not included: it has not been handled.
func (o *Subscription) Cursor() (Cursor, bool) { return o.s.cursor(nil) }

// Status is a snapshot.
func (o *Subscription) Status() SubscriptionStatus { return o.s.statusNow() }

type (
	overfull struct{ leg *leg } // more waits than its buffer holds
	drained  struct{ leg *leg } // there is room again
)

// supervise has the relay told to stop, for what shares its socket must not wait. Where
// nothing does, TCP slows it down.
func (ev overfull) supervise(s *supervisor) {
	ev.leg.crowding.Store(false)
	e := ev.leg.entry
	if e == nil || e.asking.slots == nil ||
		len(e.asking.legs) == 1 && e.conn.requests.Len() == len(e.asking.routes) {
		return
	}
	s.makeRoom(e)
}

// makeRoom parks the legs of a relay for which more waits than their buffers hold, and
// the one that takes most of the window if that is half full.
func (s *supervisor) makeRoom(e *relayEntry) {
	var worst *leg
	most := crowds
	for _, l := range e.asking.sorted() {
		o := l.sub.outside
		if o == nil || l.state() == SubscriptionParked {
			continue
		}
		if o.waits(l) > o.s.cfg.buffer {
			s.park(e, l)
		} else if share := o.share(l, e.conn); share > most {
			worst, most = l, share
		}
	}
	if worst != nil && e.conn.crowded() {
		s.park(e, worst)
	}
}

// park closes what a leg has open, until its reader has caught up.
func (s *supervisor) park(e *relayEntry, l *leg) {
	now := s.client.now()
	for _, k := range l.asks {
		k.gone.Store(true)
		e.asking.slots.Remove(now, &k.ask)
	}
	s.later.Cancel(laterKey{entry: e, leg: l})
	l.down()
	l.setStatus(SubscriptionParked, "")
	s.inform(l, SubscriptionChange{State: SubscriptionParked})
	l.sub.outside.tellWhenDrained(l)
	s.ask(e)
}

func (ev drained) supervise(s *supervisor) {
	l := ev.leg
	e := l.entry
	if e == nil || e.asking.slots == nil {
		if l.state() == SubscriptionParked {
			l.setStatus(SubscriptionPending, "")
		}
		return
	}
	if l.state() == SubscriptionParked {
		l.setStatus(SubscriptionPending, "")
		s.begin(e, l)
	}
	delayed := l.delayed
	l.delayed = nil
	for _, k := range delayed {
		if !k.gone.Load() {
			s.putFor(e, k)
		}
	}
	s.ask(e)
}

// endSubscriptions lets those know that range over subscriptions that the client has stopped.
func (c *Client) endSubscriptions() {
	for _, s := range c.subs.all() {
		if s.outside != nil {
			s.outside.end(c.closedErr())
		}
	}
}
