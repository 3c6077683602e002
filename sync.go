package gennostr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Comparisons: what a relay has and a program lacks, and the other way round, without
// having everything sent (NIP-77).

const (
	// defaultPatience is how long each answer of the relay is waited for.
	defaultPatience = 20 * time.Second
	// defaultMostIDs is how many ids a comparison keeps that the program lacks.
	defaultMostIDs = 1 << 20
)

// SyncOption configures [Client.Sync].
type SyncOption interface{ applySync(*syncConfig) error }

type syncOption func(*syncConfig) error

func (f syncOption) applySync(c *syncConfig) error { return f(c) }

// syncConfig is what they make. Immutable once the comparison has begun.
type syncConfig struct {
	patience     time.Duration
	span         time.Duration
	mostIDs      int
	noNegentropy bool
	noPaging     bool
	fetching     func(*nostr.Event) error
	pushing      func(context.Context, nostr.ID) (*nostr.Event, error)
	progress     func(SyncProgress)
}

// Fetching hands each event that the relay has and the program lacks to f: proven genuine, each
// once, in no order, on the goroutine that has called Sync. An error of f ends Sync, which
// returns it. Default: only their ids are found.
//
// A program that saves what f gets, and counts it among what it has the next time, goes on
// where it was interrupted.
func Fetching(f func(*nostr.Event) error) SyncOption {
	return syncOption(func(c *syncConfig) error { c.fetching = f; return notNil("Fetching", f == nil) })
}

// Pushing publishes on the relay what it lacks. f finds the event of an id; it is called for
// one after another, the oldest first, on the goroutine that has called Sync. Without event
// and error it is left out, and an error ends Sync, which returns it. What the relay says of
// each event is in the report; it has ten minutes for that, since many take so many events a
// minute and no more. Default: only their ids are found.
func Pushing(f func(context.Context, nostr.ID) (*nostr.Event, error)) SyncOption {
	return syncOption(func(c *syncConfig) error { c.pushing = f; return notNil("Pushing", f == nil) })
}

// OnSyncProgress has f told how far Sync has come: after each message of the relay, each 64
// events that have come, and each verdict, on the goroutine that has called it. Others that compare
// with the relay wait for f little longer than for an answer ([WithPatience]), and then go first.
func OnSyncProgress(f func(SyncProgress)) SyncOption {
	return syncOption(func(c *syncConfig) error { c.progress = f; return notNil("OnSyncProgress", f == nil) })
}

// WithPatience says how long each answer of the relay is waited for, the next event while
// there are more to come, and a connection. Default: 20 seconds. Sync as a whole has no
// deadline but that of its context.
func WithPatience(d time.Duration) SyncOption {
	return syncOption(func(c *syncConfig) error { c.patience = d; return positive("WithPatience", d) })
}

// WithWindow compares no more than the events of such a span of dates at a time, and of a second more at
// either end, the newest first: for relays that answer for so many events and say nothing of the others. Default: all
// at once; where a relay says that this is too much, Sync finds smaller windows itself.
func WithWindow(d time.Duration) SyncOption {
	return syncOption(func(c *syncConfig) error {
		c.span = d
		if d < time.Second {
			return fmt.Errorf("gennostr: WithWindow: %v is less than a second", d)
		}
		return nil
	})
}

// WithMostIDs says how many ids may be found that the program lacks; each takes some 100 bytes. If
// there are more, Sync deals with these, and says that there are. Default: 1,048,576.
func WithMostIDs(n int) SyncOption {
	return syncOption(func(c *syncConfig) error { c.mostIDs = n; return positive("WithMostIDs", n) })
}

// WithoutNegentropy has all events sent that the relay has, page by page, and compares these:
// for a relay whose NIP-77 is known to be wrong. Default: that is done only where it has none.
func WithoutNegentropy() SyncOption {
	return syncOption(func(c *syncConfig) error { c.noNegentropy = true; return nil })
}

// WithoutPaging never has all events sent. A relay without NIP-77 is then not compared, and
// the error says so. Default: it is paged, which may be a hundred times the bytes.
func WithoutPaging() SyncOption {
	return syncOption(func(c *syncConfig) error { c.noPaging = true; return nil })
}

func notNil(option string, isNil bool) error {
	if isNil {
		return fmt.Errorf("gennostr: %s: nil function", option)
	}
	return nil
}

// Sync compares what a relay has for a filter with what the program has (NIP-77), and says
// what each side lacks. [Fetching] gets what the program lacks, [Pushing] gives what the
// relay lacks.
//
// have are the events that the program has, of those that match the filter. Others count as
// lacking on the relay, but for those outside of the filter's dates, which do not count. It may be nil:
// then the program has none, and Sync finds all ids. The filter may have no limit and no search.
//
// The relay need not be one of the client's: it is connected for the time being, as by [On]. A
// connection that is lost is waited for, and the comparison goes on with what is left. AUTH is done
// where the relay wants it ([WithSigner]).
//
// A relay that has too many events for one comparison, and says so, is asked for one span of dates
// after another, by halves; what is in one second and still too much is had sent (REQ) and compared
// here. So is everything with a relay that has no NIP-77 ([WithoutPaging]). Of a second in which a relay has
// more than it sends at once nobody knows all: that second is a gap, and what lies around it is compared.
//
// The error is nil if all dates were compared, all that was to be fetched has come or
// is not there any more, and all that was to be pushed has got a verdict, good or bad. Else it is
// a *[SyncError], and the report says how far it has come. What has been found may be used in
// any case, and Sync be called again. It is [ErrCallingSelf] with the context of a callback,
// since it may take hours; ctx ends it. Older versions of replaceable events, which some relays
// keep and others do not, count as events that one side lacks.
//
// Some relays leave the very seconds of a filter's since and until out. They are believed: what
// such a relay has in these two seconds is missed, or called lacking, and the report is complete all
// the same. Where spans of dates meet, nothing is missed: each is asked for with a second more at either end.
//
// What it takes in memory: have, of which it copies nothing; 100 bytes for each id
// that one side lacks; events that Fetching has not taken, as in [Client.Query]; one message of the relay.
// A relay that lies finds no end in that: what it lists beyond [WithMostIDs] is not kept, and it
// is given up after 1,000 messages without anything new. One that answers nothing any more is given up when
// three parts, of the dates or of the events that are fetched, or three events that are pushed, have been
// waited for in vain.
//
// A relay compares one window at a time for a client: several calls of Sync for one relay take turns.
func (c *Client) Sync(ctx context.Context, relay string, filter nostr.Filter, have *nip77.Set, opts ...SyncOption) (SyncReport, error) {
	o, err := c.newSync(relay, filter, have, opts)
	switch {
	case err != nil:
		r := SyncReport{cause: err}
		return r, r.Err()
	case c.onLoop(ctx):
		err = ErrCallingSelf
	default:
		err = context.Cause(ctx)
	}
	if err == nil {
		err = o.run(ctx)
	}
	r := o.finish(err)
	return r, r.Err()
}

// newSync checks what is asked.
func (c *Client) newSync(relay string, filter nostr.Filter, have *nip77.Set, opts []SyncOption) (*openSync, error) {
	cfg := syncConfig{patience: defaultPatience, mostIDs: defaultMostIDs}
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("gennostr: nil SyncOption")
		}
		if err := opt.applySync(&cfg); err != nil {
			return nil, err
		}
	}
	url, address, err := identify(relay)
	if err != nil {
		return nil, fmt.Errorf("gennostr: Sync: %w", err)
	}
	if err := filter.Validate(); err != nil {
		return nil, fmt.Errorf("gennostr: Sync: %w", err)
	}
	switch {
	case filter.Limit > 0 || filter.LimitZero:
		return nil, errors.New("gennostr: Sync: a filter with a limit: which events it matches depends on which others there are")
	case filter.Search != "":
		return nil, errors.New("gennostr: Sync: a filter with a search: what it matches is the relay's choice")
	case tooManyWindows(filter, cfg.span, c.now()):
		return nil, fmt.Errorf("gennostr: Sync: WithWindow: %v makes more than %d windows of the filter's dates", cfg.span, mostWindows)
	case cfg.noNegentropy && cfg.noPaging:
		return nil, errors.New("gennostr: Sync: WithoutNegentropy and WithoutPaging leave no way")
	}
	if have == nil {
		have = new(nip77.Set)
	}
	o := &openSync{c: c, url: url, address: address, filter: filter.Clone(), cfg: cfg, pageErrs: make(map[string]error)}
	o.news.bell = make(chan struct{}, 1)
	o.machine = reconcile.New(o.machineConfig(have), c.now())
	return o, nil
}

// mostWindows is how many windows WithWindow may make.
const mostWindows = 100_000

// tooManyWindows tells whether a span is too short for the dates of a filter. Before 2020 there
// is next to nothing, which is one window.
func tooManyWindows(f nostr.Filter, span time.Duration, now time.Time) bool {
	since, until := reconcile.Earliest, nostr.TimestampOf(now)
	if f.Since != nil {
		since = max(since, *f.Since)
	}
	if f.Until != nil {
		until = min(until, *f.Until)
	}
	return span > 0 && int64(until-since)/int64(span/time.Second) > mostWindows
}

// machineConfig is what is compared.
func (o *openSync) machineConfig(have *nip77.Set) reconcile.Config {
	cfg := reconcile.Config{
		Until: reconcile.Forever, Ours: have, Span: nostr.Timestamp(o.cfg.span / time.Second), Patience: o.cfg.patience, Most: o.cfg.mostIDs,
		NoNegentropy: o.cfg.noNegentropy, NoPaging: o.cfg.noPaging,
	}
	if o.filter.Since != nil {
		cfg.Since = max(0, *o.filter.Since)
	}
	if o.filter.Until != nil {
		cfg.Until = *o.filter.Until
	}
	if o.filter.MatchesNothing() { // nobody is asked
		cfg.Since, cfg.Until = 1, 0
	}
	cfg.FilterBytes = len(o.windowed(reconcile.Window{Since: nostr.TimestampOf(o.c.now()), Until: reconcile.Forever - 1}).AppendJSON(nil))
	return cfg
}

// windowed is the filter for the dates of a window.
func (o *openSync) windowed(w reconcile.Window) nostr.Filter {
	f := o.filter
	if w.Since > 0 {
		f = f.WithSince(w.Since)
	}
	if w.Until < reconcile.Forever {
		f = f.WithUntil(w.Until)
	}
	return f
}
