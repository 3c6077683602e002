package gennostr

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// Queries: what relays have stored, asked for once, with a report of what each did.

// defaultDeadline is how long a query may take.
const defaultDeadline = 10 * time.Second

// QueryOption configures a query or a count.
type QueryOption interface{ applyQuery(*queryConfig) error }

type queryOption func(*queryConfig) error

func (f queryOption) applyQuery(c *queryConfig) error { return f(c) }

// queryConfig is what they make. Immutable once the query exists.
type queryConfig struct {
	on       []string          // normal forms; nil: all relays
	written  map[string]string // by normal form: how they were written
	deadline time.Duration
	mode     query.Mode
}

func (o on) applyQuery(c *queryConfig) (err error) {
	c.on, err = o.add(c.on)
	c.written = o.spell(c.written)
	return err
}

// AllPages asks each relay for page after page until it has no more. Default: only where
// the filter bounds by itself what can come, by ids, a limit, or authors and replaceable
// kinds (addressable ones with a "d"); of any other filter one page, and the report says
// whether there is more.
func AllPages() QueryOption {
	return queryOption(func(c *queryConfig) error { c.mode = query.AllPages; return nil })
}

// OnePage asks each relay for one page of what a filter without a limit asks for, and
// never for another, whatever the filter. That relays have more is then no error.
func OnePage() QueryOption {
	return queryOption(func(c *queryConfig) error { c.mode = query.OnePage; return nil })
}

// WithDeadline says how long a query may take. What has not come by then is missing, and
// the report says of which relays. Time in which the loop over a [Client.Query] keeps
// answers waiting does not count. Default: 10 seconds.
func WithDeadline(d time.Duration) QueryOption {
	return queryOption(func(c *queryConfig) error { c.deadline = d; return positive("WithDeadline", d) })
}

// Query asks all relays of the client, or those of [On], for what they have stored, and
// yields the events as they come, each once, with a nil error. The last pair is an
// *[IncompleteError] and no event if not everything has come: never is a half taken for the
// whole. Breaking out of the loop closes what is open at the relays.
//
// It pages past what a relay gives at once ([AllPages]), splits lists that are too long for
// the relay, asks again what was refused for the moment or for want of AUTH
// ([WithSigner]), and after a reconnect. A relay whose dial fails answers at once, and so
// does one of the client's that waits for its reconnect.
//
// Of a replaceable event an older version may come before a newer one, not after it;
// [Client.Fetch] resolves them. A limit holds for each relay, not for what is yielded.
//
// Events that wait for the loop's body take no room of their relays' windows: from 1,024 of them, or
// 1 MiB, no further pages are asked for, and from 4,096, or 4 MiB, relays are told to stop. They
// are asked again, from there, when 512, or half a MiB, are left. An event may be somebody
// else's too: Clone it to change it.
//
// Each loop over the result is a query of its own. Any goroutine may call it, and one that
// the handler waits for as well.
func (c *Client) Query(ctx context.Context, filters []nostr.Filter, opts ...QueryOption) iter.Seq2[*nostr.Event, error] {
	return func(yield func(*nostr.Event, error) bool) {
		q, err := c.newQuery(filters, opts)
		if err == nil {
			q.stream = true
			err = c.beginQuery(ctx, q)
		}
		if err != nil {
			yield(nil, &IncompleteError{Err: err})
			return
		}
		defer q.leave()
		for {
			e, ok := q.next(ctx)
			if !ok {
				break
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := q.report().Err(); err != nil {
			yield(nil, err)
		}
	}
}

// errUnwanted ends a query whose loop was left.
var errUnwanted = errors.New("gennostr: nobody wants the rest of the query")

// Fetch is [Client.Query] with everything in one report: replaceable events resolved,
// newest first, no more than the limits of the filters. It waits until each relay has
// answered, or the deadline ([WithDeadline]) or ctx ends. The error is that of the report:
// nil, or an *[IncompleteError] that says which relay did what. Then the report has what
// came all the same. It keeps a quarter of [WithQueryBudget], 256 MiB unless said, or
// 1,048,576 events at most ([ErrQueryTooLarge]).
func (c *Client) Fetch(ctx context.Context, filters []nostr.Filter, opts ...QueryOption) (QueryReport, error) {
	q, err := c.newQuery(filters, opts)
	if err == nil {
		err = c.beginQuery(ctx, q)
	}
	if err != nil {
		r := QueryReport{cause: err}
		return r, r.Err()
	}
	q.wait(ctx)
	r := q.report()
	return r, r.Err()
}

// FetchOne returns the newest event that a filter matches; of a search (NIP-50) the first.
// It ends when the event of an id is there, or of several ids all events. For anything else it
// waits until all relays have answered that can be reached: another may have a newer one. What
// it has found then is returned without an error, whatever has become of other relays.
//
// Without an event the error is [ErrNotFound] only if every relay has said that it has
// none; else an *[IncompleteError] that says what kept which from answering.
func (c *Client) FetchOne(ctx context.Context, filter nostr.Filter, opts ...QueryOption) (*nostr.Event, error) {
	one := filter.Limit == 0 && !filter.LimitZero && filter.IDs == nil && filter.Search == "" && !oneVersion(filter)
	if one {
		filter.Limit = 1
	}
	q, err := c.newQuery([]nostr.Filter{filter}, opts)
	if err == nil {
		err = c.beginQuery(ctx, q)
	}
	if err != nil {
		return nil, &IncompleteError{Err: err}
	}
	q.wait(ctx)
	r := q.report()
	switch {
	case len(r.Events) > 0:
		return r.Events[0], nil
	case r.Complete():
		return nil, ErrNotFound
	}
	return nil, &IncompleteError{Relays: r.Relays, Err: r.cause}
}

// oneVersion tells the filters whose matches are versions of a few events.
func oneVersion(f nostr.Filter) bool {
	return f.Authors != nil && f.Kinds != nil && !slices.ContainsFunc(f.Kinds, func(k nostr.Kind) bool { return !k.IsReplaceable() && !k.IsAddressable() })
}

// Query is [Client.Fetch] for callbacks: it waits for nothing. then runs on the client's
// goroutine, like any callback, when each relay has answered or the deadline is over; what it
// returns is judged like the error of a callback. What came of it says [QueryReport.Err].
//
// While the client stops, queries that are open end with [ErrClientClosed], and then runs
// before Terminate. It does not run after a panic, or when Start's context has ended. A handler
// that begins more queries than [WithMaxQueries] at once is told of those that were refused as
// far as [WithMailboxLimit] allows.
func (s *Self) Query(filters []nostr.Filter, then func(QueryReport) error, opts ...QueryOption) {
	c := s.c
	q, err := c.newQuery(filters, opts)
	if err == nil {
		q.then = then
		err = c.beginQuery(context.Background(), q)
	}
	if err != nil {
		c.refuseQuery(err, then)
	}
}

// refuseQuery tells the handler of a query that was not begun.
func (c *Client) refuseQuery(err error, then func(QueryReport) error) {
	l := reportOf(func() QueryReport { return QueryReport{cause: err} }, then)
	if !errors.Is(err, ErrTooManyQueries) {
		c.then(l)
		return
	}
	l.room = &c.posted // a handler that cannot stop asking must not fill the memory with that
	if err := c.post(l); err != nil {
		c.log.Warn("query refused, and the handler not told", "error", err)
	}
}

// reportOf hands the handler a report, which is made on its goroutine: it may be of many events.
func reportOf(report func() QueryReport, then func(QueryReport) error) *thenLetter {
	return &thenLetter{callback: "the continuation of Query", then: func(*Self) error { return then(report()) }}
}

// newQuery checks what is asked.
func (c *Client) newQuery(filters []nostr.Filter, opts []QueryOption) (*openQuery, error) {
	cfg := queryConfig{deadline: defaultDeadline}
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("gennostr: nil QueryOption")
		}
		if err := o.applyQuery(&cfg); err != nil {
			return nil, err
		}
	}
	own, err := validated(filters)
	if err != nil {
		return nil, err
	}
	return &openQuery{c: c, filters: own, cfg: cfg, over: make(chan struct{}), bell: make(chan struct{}, 1)}, nil
}
