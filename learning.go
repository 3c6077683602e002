package gennostr

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/pack"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// What the supervisor learns of a relay: from its information document (NIP-11), from a
// NOTICE beside a REQ that stays unanswered, and from silence.

// lore is what is known of a relay, from connection to connection. Supervisor goroutine only.
type lore struct {
	limits limits.Limits
	told   nip11.Limitation // what it tells of itself
	at     time.Time        // when that came; zero: it has not
	asks   bool             // its document is asked for, now and then
	stop   func()           // ends the asking; nil: it is not asked for at the moment
}

// lore makes room for what is known of a relay when somebody wants to know it.
func (e *relayEntry) lore() *lore {
	if e.lores == nil {
		e.lores = new(lore)
	}
	return e.lores
}

// packing is what the relay takes in one REQ, and how many REQs.
func (l *lore) packing() pack.Config {
	return pack.Config{Subscriptions: l.limits.Subscriptions(), Filters: l.limits.Filters(), Bytes: l.limits.MessageBytes()}
}

// refresh is how old a relay's NIP-11 document may be.
const refresh = time.Hour

// study is called before something is asked of a connection, or published there. With
// the first of it the relay's document (NIP-11) is asked for, beside everything else,
// and then once an hour.
func (s *supervisor) study(e *relayEntry) {
	l := e.lore()
	if l.asks {
		return
	}
	l.asks = true
	now := s.client.now()
	l.limits.Connected(now)
	switch due := l.at.Add(refresh); {
	case !s.client.network.automatic():
	case now.Before(due):
		s.later.Set(laterKey{entry: e, lore: true}, due)
	default:
		s.readDocument(e)
	}
}

// endStudy is for the end of a connection.
func (s *supervisor) endStudy(e *relayEntry) {
	s.later.Cancel(laterKey{entry: e, lore: true})
	if e.lores != nil {
		e.lores.asks = false
	}
}

// readDocument asks for the document, and sees to it that that is done again. It may take
// longer than the connection lives: a relay that hangs up on what it does not take says
// there what it takes.
func (s *supervisor) readDocument(e *relayEntry) {
	l, c := e.lore(), e.conn
	s.later.Set(laterKey{entry: e, lore: true}, s.client.now().Add(refresh))
	if l.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // beside the handshake's timeout
	l.stop = cancel
	ev := studied{entry: e}
	s.beside("relay information", func() error { // the transport may be the program's
		doc, err := information(ctx, c.cfg.dialer, target(c.relay.URL, c.relay.Address))
		ev.limit = doc.Limitation
		return err
	}, func(err error) {
		cancel()
		ev.err = err
		s.inbox.Put(ev)
	})
}

// forgetDocument is for a relay that is forgotten, as all are at the client's end.
func (e *relayEntry) forgetDocument() {
	if e.lores != nil && e.lores.stop != nil {
		e.lores.stop()
	}
}

// studied is what a relay says of itself, or that it says nothing.
type studied struct {
	entry *relayEntry
	limit nip11.Limitation
	err   error
}

func (ev studied) supervise(s *supervisor) {
	e := ev.entry
	l := e.lore()
	l.stop = nil
	if ev.err == nil {
		l.limits.Told(ev.limit)
		l.told, l.at = ev.limit, s.client.now()
	}
	s.logPanic("panic while a relay's document was read", e, ev.err)
	if s.relays[e.url] != e {
		return
	}
	s.documented(e)
	if ev.err != nil || e.asking == nil {
		return
	}
	if e.asking.slots != nil {
		e.asking.slots.SetConfig(l.packing())
	}
	for _, leg := range e.asking.sorted() {
		if leg.bytes > l.limits.MessageBytes() {
			leg.note()
			s.refilter(leg, leg.sub.filtersNow())
		}
	}
	s.resplit(e)
	if e.stage == connected {
		for _, o := range e.asking.syncs {
			s.syncUp(e, o)
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
	e.lore().limits.Overloaded(max(0, e.conn.requests.Len()-len(unanswered)))
	a.slots.SetConfig(e.lore().packing())
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
