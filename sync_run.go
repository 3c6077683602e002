package gennostr

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
)

// What of a comparison runs on the goroutine that has called Sync: the machine that says what is
// to be asked (internal/reconcile), the pages that it wants, and what the program does with events.

// openSync is one comparison.
type openSync struct {
	// immutable
	c            *Client
	url, address string
	filter       nostr.Filter
	cfg          syncConfig

	bytesIn, bytesOut atomic.Int64
	news              syncNews
	place             syncPlace // supervisor goroutine only

	// of the goroutine that has called Sync
	machine  *reconcile.Machine
	armed    time.Time        // when the alarm rings; zero: it does not
	pageErrs map[string]error // why pages are missing, by their texts

	fetched, pushed, answered int
	absent                    []nostr.ID
	refused                   []SyncOutcome
	lacking                   int
	missing                   error
}

// run does everything. The error is what ended it before its end.
func (o *openSync) run(ctx context.Context) error {
	if o.machine.Done() {
		return nil
	}
	if !o.c.sup.inbox.Put(syncBegun{o}) {
		return o.c.closedErr()
	}
	defer o.leave() // also where a callback panics
	if err := o.compare(ctx); err != nil {
		return err
	}
	if o.cfg.fetching != nil {
		if err := o.fetch(ctx); err != nil {
			return err
		}
	}
	if o.cfg.pushing != nil {
		return o.push(ctx)
	}
	return nil
}

// compare finds what each side lacks.
func (o *openSync) compare(ctx context.Context) error {
	for !o.machine.Done() {
		if err := o.look(ctx); err != nil {
			return err
		}
		if o.machine.Done() {
			break
		}
		if at, some := o.machine.Next(); some && !at.Equal(o.armed) {
			o.arm(at)
		}
		select {
		case <-o.news.bell:
		case <-ctx.Done():
			err := context.Cause(ctx)
			_ = o.do(ctx, o.machine.Stop(reconcile.Ended, ""))
			return err
		}
	}
	return nil
}

// look tells the machine what has happened, and does what it says.
func (o *openSync) look(ctx context.Context) error {
	for {
		tell, some := o.news.next()
		if !some {
			break
		}
		rounds := o.machine.Stats().Messages
		steps := tell(o.machine, o.c.now())
		if o.machine.Stats().Messages > rounds {
			o.tell()
		}
		if err := o.do(ctx, steps); err != nil {
			return err
		}
	}
	if _, _, gone := o.news.state(); gone != nil {
		why := reconcile.Unreached
		if errors.Is(gone, ErrBacklog) {
			why = reconcile.Silent
		}
		return o.do(ctx, o.machine.Stop(why, gone.Error()))
	}
	if o.news.rung() { // after what lay there
		o.disarmed()
		return o.do(ctx, o.machine.Rang(o.c.now()))
	}
	return nil
}

// arm has the alarm ring.
func (o *openSync) arm(at time.Time) {
	o.armed = at
	o.c.sup.inbox.Put(syncAlarm{o, at})
}

// armBy has the alarm ring at that time at the latest. One that has rung already and was not
// looked at, since there was other news beside it, does not ring again.
func (o *openSync) armBy(due time.Time) {
	if o.news.rung() {
		o.disarmed()
	}
	if o.armed.IsZero() || o.armed.After(due) {
		o.arm(due)
	}
}

// disarmed takes note that the alarm has rung.
func (o *openSync) disarmed() { o.armed = time.Time{} }

// do does what the machine says.
func (o *openSync) do(ctx context.Context, steps []reconcile.Step) error {
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		switch step.Do {
		case reconcile.Page:
			more, err := o.page(ctx, step.Window)
			if err != nil {
				_ = o.do(ctx, o.machine.Stop(reconcile.Ended, ""))
				return err
			}
			o.tell()
			steps = append(steps, more...)
		case reconcile.Auth:
			o.c.sup.inbox.Put(syncRefused{o})
		default:
			o.c.sup.inbox.Put(syncStep{o, step})
		}
	}
	return nil
}

// noDeadline is for what has a deadline for each step instead of one for all.
const noDeadline = 10_000 * time.Hour

// ask begins a query of which every event counts, as the relay has it. Once: the next connection is not asked.
func (o *openSync) ask(ctx context.Context, filter nostr.Filter, once bool) (*openQuery, error) {
	q, err := o.c.newQuery([]nostr.Filter{filter}, []QueryOption{On(o.address), AllPages(), WithDeadline(noDeadline)})
	if err != nil {
		return nil, err
	}
	q.stream, q.plain, q.once = true, true, once
	return q, o.c.beginQuery(ctx, q)
}

// next waits for an event of a query, but not for long; nil: there will be none. What is
// heard meanwhile is for who looks after it, who is called once more for that.
func (o *openSync) next(ctx context.Context, q *openQuery) (*nostr.Event, error) {
	heard := false
	defer func() {
		if heard {
			o.news.knock()
		}
	}()
	due, slack := time.Time{}, false
	for {
		over := closedChannel(q.over) // before it is looked what has come
		if e := q.pop(); e != nil || over {
			return e, nil
		}
		if due.IsZero() {
			due = o.c.now().Add(o.cfg.patience)
		}
		o.armBy(due)
		select {
		case <-q.bell:
		case <-q.over:
		case <-ctx.Done():
			q.cancel(context.Cause(ctx))
			<-q.over // the supervisor waits for nobody
			return nil, context.Cause(ctx)
		case <-o.news.bell:
			heard = true
			if !o.news.rung() {
				continue
			}
			o.disarmed()
			switch now := o.c.now(); {
			case now.Before(due):
			case !slack && now.Sub(due) > late: // the program did not run meanwhile
				due, slack = now.Add(catchUp), true
			default:
				q.cancel(context.DeadlineExceeded)
				due = now.Add(o.cfg.patience)
			}
		}
	}
}

// page has all events of a window sent, and tells the machine of them.
func (o *openSync) page(ctx context.Context, w reconcile.Window) ([]reconcile.Step, error) {
	q, err := o.ask(ctx, o.windowed(w), false) // it goes on with the page that was lost
	if err != nil {
		return nil, err
	}
	defer q.leave()
	for n := 1; ; n++ {
		e, err := o.next(ctx, q)
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
		if lacking := o.machine.Saw(e.CreatedAt, e.ID); lacking && o.cfg.fetching != nil {
			if err := o.hand(e); err != nil {
				return nil, err
			}
		}
		if o.machine.Full() {
			q.cancel(errUnwanted)
			break
		}
		if n%tellEvery == 0 {
			o.tell()
		}
	}
	return o.paged(q), nil
}

// paged tells the machine how the paging of a window has ended.
func (o *openSync) paged(q *openQuery) []reconcile.Step {
	now := o.c.now()
	if o.machine.Full() {
		return o.machine.Paged(now, 0, "", false)
	}
	report := q.report()
	err := answerErr(report)
	if err == nil {
		return o.machine.Paged(now, 0, "", false)
	}
	why, words, again := whyUnpaged(err)
	if len(o.pageErrs) < mostPageErrs {
		o.pageErrs[words] = err
	}
	var missing []reconcile.Window
	if report.cause == nil { // else it was not the relay that came to an end
		for _, s := range q.lost() {
			missing = append(missing, reconcile.Window(s))
		}
	}
	return o.machine.Paged(now, why, words, again, missing...)
}

// mostPageErrs is how many errors of pages are kept for what is said of gaps; of others the text is.
const mostPageErrs = 100

// tellEvery is after how many events progress is told.
const tellEvery = 64

// answerErr is why the answer of a query's one relay is not complete; nil: it is.
func answerErr(r QueryReport) error {
	switch {
	case r.Complete():
		return nil
	case r.cause != nil:
		return r.cause
	case len(r.Relays) > 0 && r.Relays[0].Err != nil:
		return r.Relays[0].Err
	}
	return errMoreToCome
}

var errMoreToCome = errors.New("gennostr: the relay may have more")

// whyUnpaged tells what is the matter, and whether it may be another time.
func whyUnpaged(err error) (why reconcile.Why, words string, again bool) {
	var refused *RefusedError
	var auth *AuthError
	var gap *GapError
	why, words = reconcile.Unpaged, err.Error()
	switch {
	case errors.Is(err, ErrQueryTooLarge):
		why = reconcile.TooMany
	case errors.As(err, &refused), errors.As(err, &auth), errors.As(err, &gap), errors.Is(err, ErrRelayRemoved), errors.Is(err, ErrClientClosed), errors.Is(err, ErrBacklog), errors.Is(err, errMoreToCome):
	default:
		again = true
	}
	return why, words, again
}

// hand gives an event to the program.
func (o *openSync) hand(e *nostr.Event) error {
	if err := o.cfg.fetching(e); err != nil {
		return err
	}
	o.fetched++
	return nil
}

// tell tells the program how far it has come.
func (o *openSync) tell() {
	if o.cfg.progress == nil {
		return
	}
	s := o.machine.Stats()
	need, lacks := o.machine.Found()
	o.cfg.progress(SyncProgress{
		Windows: s.Windows, Left: s.Left, Rounds: s.Messages, Need: need, Lacks: lacks,
		Fetched: o.fetched, Pushed: o.pushed, Answered: o.answered,
	})
}

// leave gives back all that it has of the relay.
func (o *openSync) leave() {
	o.c.sup.inbox.Put(syncOver{o})
	o.news.finish()
}

// finish says what came of it.
func (o *openSync) finish(cause error) SyncReport {
	o.machine.Stop(reconcile.Ended, "") // nothing, if it has come to its end
	s := o.machine.Stats()
	r := SyncReport{
		URL: o.url, Need: o.machine.Need(), Lacks: o.machine.Lacks(), Fetched: o.fetched, Absent: o.absent, Pushed: o.pushed, Refused: o.refused,
		Negentropy: s.Paged == 0 && !o.cfg.noNegentropy, Windows: s.Windows, Paged: s.Paged, Rounds: s.Messages,
		BytesIn: o.bytesIn.Load(), BytesOut: o.bytesOut.Load(), cause: cause, lacking: o.lacking, missing: o.missing,
	}
	for _, g := range o.machine.Gaps() {
		r.Gaps = append(r.Gaps, SyncGap{Since: g.Since, Until: g.Until, Reason: reasonText(g), Err: o.gapErr(g)})
	}
	r.Complete = len(r.Gaps) == 0
	return r
}

func reasonText(g reconcile.Gap) string {
	if g.Words != "" && g.Why != reconcile.Unreached {
		return fmt.Sprintf("%s: %.300q", g.Why, g.Words)
	}
	return g.Why.String()
}

// gapErr is why a window was not compared.
func (o *openSync) gapErr(g reconcile.Gap) error {
	_, lost, gone := o.news.state()
	switch g.Why {
	case reconcile.Unreached, reconcile.Cut:
		if gone != nil {
			lost = gone
		}
		return unreached(lost)
	case reconcile.Silent:
		if gone != nil {
			return gone
		}
		return fmt.Errorf("gennostr: no answer in time: %w", context.DeadlineExceeded)
	case reconcile.Refused:
		if err := o.news.authError(); err != nil {
			return err
		}
		return &RefusedError{URL: o.url, Message: g.Words}
	case reconcile.TooMany:
		return ErrQueryTooLarge
	case reconcile.Unpaged:
		err := o.pageErrs[g.Words]
		if of, is := err.(*GapError); is { // which tells of all dates between the first and the last that are missing
			mine := *of
			mine.Gap.Since, mine.Gap.Until = g.Since, g.Until
			return &mine
		}
		return err
	}
	return nil
}
