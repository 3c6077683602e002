package gennostr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// What a comparison publishes: events that the relay lacks. On the goroutine that has called Sync.

const (
	// firstAhead is how many publications are open at once in the beginning, mostAhead at most.
	firstAhead, mostAhead = 8, 64
	// pushWithin is how long a verdict is waited for: a relay that takes some events a minute
	// has refused others meanwhile.
	pushWithin = 10 * time.Minute
)

// pusher publishes what the relay lacks.
type pusher struct {
	o          *openSync
	open       []*Publication // the oldest first
	ahead      int            // how many may be open: more where all are taken at once, fewer where they are not
	unanswered int            // one after another
}

// push publishes what the relay lacks.
func (o *openSync) push(ctx context.Context) error {
	p := &pusher{o: o, ahead: firstAhead}
	defer func() {
		for _, pub := range p.open {
			pub.Cancel()
		}
	}()
	for _, id := range o.machine.Lacks() {
		event, err := o.cfg.pushing(ctx, id)
		switch {
		case err != nil:
			_ = p.settle(ctx, 0) // what the program has given is published
			return err
		case event == nil:
			continue
		case event.ID != id:
			return fmt.Errorf("gennostr: Pushing was asked for event %s and gave %s", id, event.ID)
		}
		if err := p.publish(ctx, event); err != nil {
			return err
		}
		if err := p.settle(ctx, p.ahead-1); err != nil {
			return err
		}
	}
	return p.settle(ctx, 0)
}

// publish begins a publication, when there is room for it.
func (p *pusher) publish(ctx context.Context, event *nostr.Event) error {
	for {
		pub, err := p.o.c.StartPublish(event, On(p.o.address), GiveUpAfter(pushWithin))
		switch {
		case err == nil:
			p.open = append(p.open, pub)
			return nil
		case errors.Is(err, ErrPublishQueueFull) && len(p.open) > 0:
			if err := p.settle(ctx, len(p.open)-1); err != nil {
				return err
			}
		case errors.Is(err, ErrPublishQueueFull), errors.Is(err, ErrClientClosed):
			return err
		default: // there is something wrong with the event
			var failed *PublishError
			if errors.As(err, &failed) {
				err = failed.Report.cause
			}
			p.note(event.ID, Outcome{URL: p.o.url, Verdict: Refused, Err: err})
			return nil
		}
	}
}

// settle waits for verdicts until no more than so many are open.
func (p *pusher) settle(ctx context.Context, most int) error {
	for len(p.open) > most {
		pub := p.open[0]
		report, _ := pub.Wait(ctx)
		if context.Cause(ctx) != nil {
			if !closedChannel(pub.decided) {
				return context.Cause(ctx)
			}
			report = pub.report() // that was one of a moment before
		}
		p.open = p.open[1:]
		outcome := Outcome{URL: p.o.url, Verdict: Unanswered, Err: report.cause}
		if len(report.Outcomes) > 0 {
			outcome = report.Outcomes[0]
		}
		p.note(pub.event.ID, outcome)
		if p.unanswered >= mostGivenUp {
			return fmt.Errorf("gennostr: %d events in a row were pushed and not answered", p.unanswered)
		}
	}
	return nil
}

// note takes a verdict.
func (p *pusher) note(id nostr.ID, outcome Outcome) {
	o := p.o
	if outcome.Verdict.Has() {
		o.pushed++
	} else {
		o.refused = append(o.refused, SyncOutcome{id, outcome})
	}
	switch {
	case outcome.Verdict == Unanswered, outcome.Tries > 1:
		p.ahead = max(1, p.ahead/2)
	case outcome.Tries == 1:
		p.ahead = min(mostAhead, p.ahead+1)
	}
	if outcome.Verdict == Unanswered {
		p.unanswered++
	} else {
		p.unanswered = 0
		o.answered++
	}
	o.tell()
}
