package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// follow is the program: one subscription on all the relays, and a loop over what it
// brings. What was missed during an outage, what comes twice and when to ask again is
// the library's business.
func follow(ctx context.Context, opts options, out io.Writer, say func(string, ...any), report func(any), settings ...gennostr.Option) error {
	p := newPrinter(opts, out, report)
	client, err := gennostr.Start(ctx, &news{printer: p, say: say}, settings...)
	if err != nil {
		return err
	}
	defer client.Stop(context.WithoutCancel(ctx))
	sub, err := client.Subscribe(ctx, []nostr.Filter{opts.filter}, gennostr.On(opts.relays...))
	if err != nil {
		return err
	}
	err = show(sub, p, say)
	shown, broken := p.end()
	say("%d events shown", shown)
	if stopped := client.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopped
	}
	if errors.Is(err, context.Cause(ctx)) {
		err = nil // Ctrl-C
	}
	return errors.Join(broken, err)
}

func newPrinter(opts options, out io.Writer, report func(any)) *printer {
	p := &printer{line: readableLine, out: out, report: report, feeds: make(map[string]*feed)}
	if opts.json {
		p.line = jsonLine
	}
	return p
}

// caughtUp is what report is told when a relay has sent what it had stored, and it is
// shown; lost when a relay is gone, and an ID when that event is shown.
type (
	caughtUp struct{}
	lost     struct{}
)

// show ranges over the subscription until it ends, or nothing can come any more.
func show(sub *gennostr.Subscription, p *printer, say func(string, ...any)) error {
	for m := range sub.All() {
		if m.Event != nil {
			if p.event(m.Relay.URL, m.Event, m.Phase) != nil {
				return nil // p.end tells
			}
			continue
		}
		tell(m.Relay.URL, *m.Change, say)
		if m.Change.Gap != nil {
			continue
		}
		p.release(m.Relay.URL)
		if m.Change.State == gennostr.SubscriptionLive {
			p.report(caughtUp{})
		}
		if refusedByAll(sub) {
			return errors.New("no relay serves this subscription")
		}
	}
	return sub.Err()
}

// tell says what is to be known of a subscription on a relay.
func tell(url string, change gennostr.SubscriptionChange, say func(string, ...any)) {
	switch {
	case change.Gap != nil && change.Gap.Possible:
		say("%s may not have kept everything from %s to %s", url, clock(change.Gap.Since), clock(change.Gap.Until))
	case change.Gap != nil:
		say("%s cannot tell everything from %s to %s", url, clock(change.Gap.Since), clock(change.Gap.Until))
	case change.State == gennostr.SubscriptionRetrying:
		say("%s has closed the subscription, asking again in %v: %s", url, time.Until(change.RetryAt).Round(time.Second), change.Message)
	case change.State == gennostr.SubscriptionRefused:
		say("%s refuses the subscription: %s", url, change.Message)
	}
}

func refusedByAll(sub *gennostr.Subscription) bool {
	for _, relay := range sub.Status().Relays {
		if relay.State != gennostr.SubscriptionRefused {
			return false
		}
	}
	return true
}

// news is the handler: it tells of relays, and events are no business of its.
type news struct {
	gennostr.BaseHandler

	printer *printer
	say     func(format string, args ...any)
}

func (n *news) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	n.say("connected to %s", relay.URL)
	return nil
}

// OnDisconnect shows what has come: the client reconnects, and asks again, by itself.
func (n *news) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	if !relay.ConnectedAt.IsZero() {
		n.say("disconnected from %s: %s", relay.URL, why(reason))
	} else {
		n.say("cannot reach %s (attempt %d): %s", relay.URL, relay.Attempts, why(reason))
	}
	n.printer.release(relay.URL)
	n.printer.report(lost{})
	return nil
}

func (n *news) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	n.say("%s says: %s", relay.URL, msg.Message)
	return nil
}

// OnError gets what else goes wrong. The end of a connection comes here and to
// OnDisconnect, which tells it.
func (n *news) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var (
		callback *gennostr.CallbackError
		rejected *gennostr.RejectError
	)
	if errors.As(err, &rejected) || errors.As(err, &callback) {
		n.say("problem with %s: %s", relay.URL, why(err))
	}
	return nil
}
