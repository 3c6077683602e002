package reqs_test

import (
	"time"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// table is a Table of which the tests of its verdicts see just these.
type table struct{ *reqs.Table }

func newTable(grace time.Duration) table { return table{reqs.New(grace)} }

func (t table) Open(id string, filters []nostr.Filter, now time.Time) *reqs.Request {
	return t.Table.Open(id, reqs.Compile(filters), nil, now)
}

// Event of an accepted event tells whether it is live; of others, false.
func (t table) Event(id string, ev *nostr.Event, now time.Time) (reqs.Verdict, bool) {
	j := t.Table.Event(id, ev, now)
	return j.Verdict, j.Live
}

func (t table) EOSE(id string, now time.Time) reqs.Verdict { return t.Table.EOSE(id, now).Verdict }

// Closed is a CLOSED that has been handled at once.
func (t table) Closed(id string, now time.Time) reqs.Verdict {
	j := t.Table.Closed(id, false, now)
	if j.Ends {
		t.Finish(j.Request)
	}
	return j.Verdict
}

func (t table) Count(id string, now time.Time) reqs.Verdict { return t.Table.Count(id, now).Verdict }
func (t table) Neg(id string, now time.Time) reqs.Verdict   { return t.Table.Neg(id, now).Verdict }
