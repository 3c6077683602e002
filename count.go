package gennostr

import (
	"context"
	"fmt"
	"slices"

	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// Counts: how many events relays have that filters match (NIP-45).

// FilterCount is how many events a relay has that one filter matches.
type FilterCount struct {
	Filter nostr.Filter
	N      int64 // 0 with an Err
	// Approximate: the relay says that it has not counted exactly; or the filter was too
	// long for it, was counted in parts by the values of a tag, and an event with several of them
	// is in N more than once.
	Approximate bool
	// HLL are 256 registers that tell of whom the events are, for [CountReport.HLL]; nil: the relay gave none, or
	// the filter was counted in parts.
	HLL []byte
	Err error // why it was not counted, as in [RelayAnswer]
}

// RelayCount is what one relay has counted.
type RelayCount struct {
	URL     string        // the relay's identity, as in [Relay]
	Filters []FilterCount // in the order in which they were asked
}

// Sum is how many events the relay has that match one of the filters. It is not known (false)
// if a filter was not counted, or if an event can match two of them: it would be in both
// numbers.
func (c RelayCount) Sum() (n int64, known bool) {
	filters := make([]nostr.Filter, len(c.Filters))
	for i, f := range c.Filters {
		if f.Err != nil {
			return 0, false
		}
		filters[i] = f.Filter
		n += f.N
	}
	if !query.Disjoint(filters) {
		return 0, false
	}
	return n, true
}

// complete tells whether all was counted.
func (c RelayCount) complete() (bool, error) {
	var errs []error
	for _, f := range c.Filters {
		if f.Err != nil && !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == f.Err.Error() }) {
			errs = append(errs, f.Err)
		}
	}
	return len(errs) == 0, join(errs)
}

// CountReport is what came of a count. Numbers of several relays are not summed up: they have
// the same events, mostly.
type CountReport struct {
	Relays []RelayCount // one for each relay, sorted by URL, or in the order of [On]
}

// HLL merges the registers that relays have given for one filter, by its place among them,
// into those of all of them together (NIP-45): 256 bytes, nil if no relay gave any. Who
// estimates how many different authors that are counts each of them once.
func (r CountReport) HLL(filter int) (registers []byte) {
	for _, c := range r.Relays {
		if filter >= 0 && filter < len(c.Filters) {
			registers = query.MergeHLL(registers, c.Filters[filter].HLL)
		}
	}
	return registers
}

// Count asks all relays of the client, or those of [On], how many events they have that match
// each filter (NIP-45), without having them sent. Each filter is asked for by itself, since
// some relays count only the first of several. [AllPages] and [OnePage] mean nothing here.
//
// The error is nil, or an *[IncompleteError] that says which relay has not counted, and why; the
// report has what the others have. Many relays do not count, and some of these do not say
// so: then that is known when the deadline is over ([WithDeadline]).
//
// The answers go to no callback: OnCount is for a [CountReq] that the program has sent itself.
func (c *Client) Count(ctx context.Context, filters []nostr.Filter, opts ...QueryOption) (CountReport, error) {
	q, err := c.newQuery(filters, opts)
	if err == nil {
		q.count = true
		err = c.beginQuery(ctx, q)
	}
	if err != nil {
		return CountReport{}, &IncompleteError{Err: err}
	}
	q.wait(ctx)
	q.mu.Lock()
	r := CountReport{Relays: q.counts}
	q.mu.Unlock()
	return r, q.report().Err()
}

// counted is what a relay has counted.
func (l *queryLeg) counted() RelayCount {
	c := RelayCount{URL: l.url}
	for i, n := range l.tally.Counts() {
		f := FilterCount{Filter: l.q.filters[i], N: n.N, Approximate: n.Approximate, HLL: n.HLL}
		if !n.Counted {
			f.N, f.HLL = 0, nil
			if f.Err = lackError(l.url, n.Lack, l.err, l.clock); f.Err == nil {
				f.Err = fmt.Errorf("gennostr: not counted: %v", n.Lack)
			}
		}
		c.Filters = append(c.Filters, f)
	}
	return c
}
