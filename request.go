package gennostr

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/nostr"
)

// Request publishes an event and yields the replies to it: the events that match the
// filters, which name the request by an "e" tag, say, and whoever is to answer it
// (NIP-46, NIP-47, NIP-90). On each relay the event is published once the subscription to
// the replies is live there, so that none comes too early. The relays are those of the
// client when the loop begins, or those of [On].
//
// Replies come as they are, each once: one that a relay sends before its OK, and those
// that it has kept while its connection was away. A filter without a since is asked
// from five minutes before the event's date on, and two days earlier where it may match
// gift wraps (NIP-59), which are dated back so far. That a reply is one to this event
// and no other is the filters' to say.
//
// The loop has no end of its own: leave it when the reply is there. It ends with ctx,
// and when no relay can bring a reply any more, since all have refused the event ("mute:"
// is that nobody listens for it) or the subscription, or have not been there until
// [GiveUpAfter]. Then the last pair is an error: the cause of ctx, [ErrClientClosed],
// [ErrNoRelay], a *[PublishError], or what is wrong with an argument. However the loop
// ends, so does the publication: nothing is sent any more once the caller has gone.
//
//	for reply, err := range client.Request(ctx, request, replies) {
//		if err != nil {
//			return err
//		}
//		return handle(reply)
//	}
func (c *Client) Request(ctx context.Context, event *nostr.Event, reply []nostr.Filter, opts ...PublishOption) iter.Seq2[*nostr.Event, error] {
	return func(yield func(*nostr.Event, error) bool) {
		sub, pub, err := c.beginRequest(ctx, event, reply, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		defer sub.Close()
		defer pub.Cancel()
		defer context.AfterFunc(ctx, pub.Cancel)() // the body may take long
		for m := range sub.Events() {
			if !yield(m.Event, nil) {
				return
			}
		}
		if err := sub.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// beginRequest subscribes, and publishes when that is live.
func (c *Client) beginRequest(ctx context.Context, event *nostr.Event, reply []nostr.Filter, opts []PublishOption) (*Subscription, *Publication, error) {
	pub, err := c.newPublication(event, opts)
	if err == nil && c.inInit(ctx) {
		err = ErrCallingSelf
	}
	if err != nil {
		return nil, nil, unpublished(event, err).Err()
	}
	if pub.cfg.on == nil {
		if !c.sup.do(func(s *supervisor) { pub.cfg.on = s.relaysOf(nil) }) {
			return nil, nil, unpublished(event, c.closedErr()).Err()
		}
		if len(pub.cfg.on) == 0 {
			return nil, nil, unpublished(event, ErrNoRelay).Err()
		}
	}
	addresses := make([]string, len(pub.cfg.on))
	for i, url := range pub.cfg.on {
		addresses[i] = cmp.Or(pub.cfg.written[url], url)
	}
	sub, err := c.Subscribe(ctx, sinceRequest(reply, event, pub.begun), On(addresses...))
	if err != nil {
		return nil, nil, err
	}
	pub.replies = sub
	if err := c.beginPublication(pub); err != nil {
		sub.Close()
		return nil, nil, unpublished(event, err).Err()
	}
	return sub, pub, nil
}

// wrapsBack is how far gift wraps are dated back, at most (NIP-59).
const wrapsBack = 48 * time.Hour

// sinceRequest confines filters to what may answer an event. A reply may be dated by a
// clock that differs from ours.
func sinceRequest(filters []nostr.Filter, event *nostr.Event, now time.Time) (list []nostr.Filter) {
	from := min(event.CreatedAt, nostr.TimestampOf(now)).Time().Add(-defaultOverlap)
	for _, f := range filters {
		if f.Since == nil {
			since := from
			if f.Kinds == nil || slices.Contains(f.Kinds, nostr.KindGiftWrap) {
				since = since.Add(-wrapsBack)
			}
			f = f.WithSince(nostr.TimestampOf(since))
		}
		list = append(list, f)
	}
	return list
}

// The supervisor's part: a leg of a request is held while its replies could not be heard.

// hears tells whether the subscription to the replies is live on a relay, or, where
// that is enough, open.
func (e *relayEntry) hears(sub *Subscription, open bool) bool {
	l := e.legOf(sub.s)
	if l == nil {
		return false
	}
	state := l.state()
	return state == SubscriptionLive || open && state == SubscriptionOpen
}

// deaf tells whether the relay has refused that subscription, on this connection for good.
func (e *relayEntry) deaf(sub *Subscription) bool {
	l := e.legOf(sub.s)
	return l != nil && l.denied
}

// legOf is nil if the subscription has nothing to do with the relay.
func (e *relayEntry) legOf(sub *subscription) *leg {
	if e.asking == nil {
		return nil
	}
	return e.asking.legs[sub]
}

// nowHeard looks again at what is held for a subscription whose state on a relay has changed.
func (s *supervisor) nowHeard(l *leg) {
	e := l.entry
	if l.sub.outside == nil || e == nil || e.publishing == nil || len(e.publishing.held) == 0 {
		return
	}
	s.release(e.publishing, func(leg *publishLeg) bool { return leg.pub.replies == l.sub.outside })
	s.pump(e)
}

// unheard says why what was held was held: what the relay has not told or not served.
func (leg *publishLeg) unheard() error {
	if leg.at.entry.stage != connected { // that explains it
		return nil
	}
	if leg.twin {
		return errTwin
	}
	if leg.pub.replies == nil { // then it was the document
		return errNoDocument
	}
	l := leg.at.entry.legOf(leg.pub.replies.s)
	if l == nil || l.state() == SubscriptionPending || l.state() == SubscriptionOpen {
		return errNotLive
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &SubscriptionError{SubscriptionChange{State: l.status.State, Message: l.status.Message, Err: l.status.Err}}
}

// holdAgain takes back what was sent for requests and has not been answered: on the next
// connection it is sent when that hears the replies.
func (s *supervisor) holdAgain(p *publishing) {
	for _, legs := range p.legs {
		for _, leg := range legs {
			if leg.pub.replies != nil && leg.verdict == outcome.Open && !leg.held {
				p.relay.Forget(leg)
				s.hold(p, leg)
			}
		}
	}
	slices.SortFunc(p.held, func(a, b *publishLeg) int { return a.pub.number - b.pub.number })
}
