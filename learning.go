package gennostr

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr/nostr/nip11"
)

// What the supervisor learns of a relay: from its information document (NIP-11), from a
// NOTICE beside a REQ that stays unanswered, and from silence.

// learn asks for a relay's NIP-11 document, beside everything else, once an hour at most.
func (s *supervisor) learn(e *relayEntry) {
	const every = time.Hour
	a, c := e.asking, e.conn
	if !s.client.network.automatic() || !a.asked.IsZero() && time.Since(a.asked) < every {
		return
	}
	c.spawn(func() {
		ctx, cancel := context.WithCancel(context.Background())
		answered := make(chan struct{})
		go func() { // ends with this function
			defer cancel()
			select {
			case <-c.Ended():
			case <-answered:
			}
		}()
		doc, err := information(ctx, c.cfg.dialer, target(c.relay.URL, c.relay.Address))
		close(answered)
		<-ctx.Done()
		if err == nil {
			c.client.sup.inbox.Put(learnt{c, doc})
		}
	})
}

// learnt is what a relay says of itself.
type learnt struct {
	c   *connection
	doc nip11.Document
}

func (ev learnt) supervise(s *supervisor) {
	e := ev.c.entry
	if e.asking == nil {
		return
	}
	e.asking.limits.Told(ev.doc.Limitation)
	e.asking.asked = time.Now()
	if e.conn != ev.c || e.asking.slots == nil {
		return
	}
	e.asking.slots.SetConfig(e.asking.config())
	for _, l := range e.asking.sorted() {
		if l.bytes > e.asking.limits.MessageBytes() {
			l.note()
			s.refilter(l, l.sub.filtersNow())
		}
	}
	s.ask(e)
}

// noticed is told of a NOTICE that speaks of too many subscriptions.
type noticed struct{ c *connection }

// noticePatience is how long a REQ may be unanswered after such a NOTICE until it is
// the one that was too many. A NOTICE alone says nothing (NIP-01).
const noticePatience = time.Second

func (ev noticed) supervise(s *supervisor) {
	ev.c.noticed.Store(false)
	e := ev.c.entry
	if e.conn != ev.c || e.asking == nil || e.asking.slots == nil {
		return
	}
	now := s.client.now()
	e.asking.noticed = now
	key := laterKey{entry: e, notice: true}
	if !s.isSet(key) {
		s.later.Set(key, now.Add(noticePatience))
	}
}

// heedNotice looks whether a REQ is unanswered that was sent before the NOTICE.
func (s *supervisor) heedNotice(e *relayEntry) {
	a := e.asking
	if a.slots == nil {
		return
	}
	var unanswered []*route
	for _, r := range a.routes {
		if !r.eose && !r.sent.After(a.noticed) {
			unanswered = append(unanswered, r)
		}
	}
	if len(unanswered) == 0 {
		return
	}
	a.limits.Overloaded(max(0, e.conn.requests.Len()-len(unanswered)))
	a.slots.SetConfig(a.config())
	s.closeLost(e, unanswered)
}

// answerWithin is how long a REQ may go without bringing anything until it is closed
// and asked anew: the relay may have lost it.
const answerWithin = 2 * time.Minute

// checkSilent looks for such REQs. While we make the relay wait it is not judged.
func (s *supervisor) checkSilent(e *relayEntry) {
	a, now := e.asking, s.client.now()
	if a.slots == nil {
		return
	}
	var silent []*route
	held, waits := e.conn.in.Waits(), false
	for _, r := range a.routes {
		if r.eose {
			continue
		}
		switch stored := r.stored(); {
		case held || stored != r.looked || now.Sub(r.sent) < answerWithin:
			r.looked, waits = stored, true
		default:
			silent = append(silent, r)
		}
	}
	s.closeLost(e, silent)
	if waits {
		s.later.Set(laterKey{entry: e, silent: true}, now.Add(answerWithin))
	}
}

// closeLost closes REQs that nothing comes of, and has what they ask for asked anew.
func (s *supervisor) closeLost(e *relayEntry, routes []*route) {
	slices.SortFunc(routes, func(x, y *route) int { return x.number - y.number })
	for _, r := range routes {
		e.conn.sendOwn(Close{SubscriptionID: wireID(r.number)}, nil)
		delete(e.asking.routes, r.number)
		s.again(e, e.asking.slots.Refused(s.client.now(), r.number), 0)
	}
}
