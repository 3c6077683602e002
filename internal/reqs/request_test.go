package reqs_test

import (
	"runtime"
	"strconv"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/reqs"
)

// Shows L34.
func TestTokensAreGenerations(t *testing.T) {
	table := reqs.New(grace)
	mine, yours := new(int), new(int)
	first := table.Open("a", reqs.Compile(kinds(1)), mine, at(0))
	assert.Equal(t, "a", first.ID())
	assert.Same(t, mine, first.Route())
	assert.Same(t, first, table.Event("a", event(1), at(0)).Request)
	assert.False(t, first.Over())

	second := table.Open("a", reqs.Compile(kinds(1)), yours, at(1))
	assert.True(t, first.Over(), "replaced")
	j := table.Event("a", event(1), at(1))
	assert.Same(t, second, j.Request)
	assert.Same(t, yours, j.Request.Route())
	assert.Same(t, second, table.EOSE("a", at(2)).Request)

	table.Close("a", at(3))
	assert.True(t, second.Over(), "closed")
	assert.Nil(t, table.Event("a", event(1), at(3)).Request)
}

// What the relay had sent before its CLOSED is still to be handled.
func TestAREQThatTheRelayEndsIsOverOnceThatHasBeenHandled(t *testing.T) {
	for name, end := range map[string]func(*reqs.Table, *reqs.Request){
		"handled":  func(table *reqs.Table, r *reqs.Request) { table.Finish(r) },
		"closed":   func(table *reqs.Table, _ *reqs.Request) { table.Close("a", at(2)) },
		"replaced": func(table *reqs.Table, _ *reqs.Request) { table.Open("a", reqs.Compile(kinds(1)), nil, at(2)) },
		"closed long after": func(table *reqs.Table, _ *reqs.Request) {
			table.Trim(at(100))
			table.Close("a", at(100))
		},
	} {
		table := reqs.New(grace)
		r := table.Open("a", reqs.Compile(kinds(1)), nil, at(0))
		j := table.Closed("a", false, at(1))
		assert.Equal(t, reqs.Judgement{Verdict: reqs.Accept, Request: r, Ends: true}, j, name)
		assert.False(t, r.Over(), name)
		assert.Equal(t, reqs.Late, table.Event("a", event(1), at(1)).Verdict, name)
		end(table, r)
		assert.True(t, r.Over(), name)
	}
}

func TestNothingIsRememberedOfAREQOnceItsClosedHasBeenHandled(t *testing.T) {
	table := reqs.New(grace)
	r := table.Open("a", reqs.Compile(kinds(1)), nil, at(0))
	table.Closed("a", false, at(1))
	table.Trim(at(100))
	assert.True(t, table.Known("a"), "its CLOSED waits")
	assert.Equal(t, reqs.Unknown, table.Event("a", event(1), at(100)).Verdict, "the grace is over all the same")
	table.Finish(r)
	assert.False(t, table.Known("a"))
	table.Finish(r)
}

// A relay that answers CLOSE with CLOSED, which comes when the id is open again.
func TestL34AClosedThatMayBeTheOldREQsDoesNotEndTheNewOne(t *testing.T) {
	for name, end := range map[string]func(*reqs.Table){
		"closed":   func(table *reqs.Table) { table.Close("a", at(1)) },
		"replaced": func(*reqs.Table) {},
	} {
		table := reqs.New(grace)
		table.Open("a", reqs.Compile(kinds(1)), nil, at(0))
		end(table)
		r := table.Open("a", reqs.Compile(kinds(2)), nil, at(1))

		j := table.Closed("a", false, at(2))
		assert.Equal(t, reqs.Judgement{Verdict: reqs.Accept, Request: r}, j, "%s: it is told", name)
		assert.Equal(t, reqs.Accept, table.Event("a", event(2), at(3)).Verdict, "%s: and served on", name)
		assert.Equal(t, reqs.Accept, table.EOSE("a", at(3)).Verdict, name)
		assert.Equal(t, 1, table.Len(), name)

		j = table.Closed("a", false, at(4))
		assert.True(t, j.Ends, "%s: another one is the new one's", name)
		assert.Equal(t, reqs.Late, table.Event("a", event(2), at(4)).Verdict, name)
	}
}

func TestADoubtLastsForTheGraceTime(t *testing.T) {
	table := reqs.New(grace)
	table.Open("a", reqs.Compile(kinds(1)), nil, at(0))
	table.Open("a", reqs.Compile(kinds(1)), nil, at(1)) // no CLOSED may come for the first after 11
	table.Open("b", reqs.Compile(kinds(1)), nil, at(9))
	table.Close("b", at(9))
	assert.True(t, table.Closed("a", false, at(11)).Ends)

	table.Open("c", reqs.Compile(kinds(1)), nil, at(20))
	table.Close("c", at(20))
	assert.Equal(t, reqs.Late, table.Closed("c", false, at(21)).Verdict, "the answer to the CLOSE")
	table.Open("c", reqs.Compile(kinds(1)), nil, at(22))
	assert.True(t, table.Closed("c", false, at(23)).Ends)
}

func TestAClosedOfARelayThatHasEndedItBeforeLeavesNoDoubt(t *testing.T) {
	table := reqs.New(grace)
	for s := range 5 { // a relay that refuses, and a client that asks again
		table.Open("a", reqs.Compile(kinds(1)), nil, at(float64(s)))
		j := table.Closed("a", false, at(float64(s)))
		assert.True(t, j.Ends)
		table.Finish(j.Request)
	}
}

// The REQ that is open goes on being served; the second one was refused.
// Shows P13.
func TestADuplicateIsServedOn(t *testing.T) {
	table := reqs.New(grace)
	table.Open("a", reqs.Compile(kinds(1)), nil, at(0))
	j := table.Closed("a", true, at(1))
	assert.Equal(t, reqs.Accept, j.Verdict)
	assert.False(t, j.Ends)
	assert.Equal(t, reqs.Accept, table.Event("a", event(1), at(2)).Verdict)
	assert.True(t, table.Closed("a", false, at(3)).Ends)
}

func TestSubscriptionsAreTheOpenIDs(t *testing.T) {
	table := newTable(grace)
	for _, id := range []string{"c", "a", "b", "d"} {
		table.Open(id, kinds(1), at(0))
	}
	table.OpenCount("count", nil, at(0))
	table.Close("b", at(0))
	table.Closed("d", at(0))
	assert.Equal(t, []string{"a", "c"}, table.Subscriptions())
}

// For the race detector; and whatever the interleaving, a request that was
// accepted and is over has been closed or replaced.
func TestAnyGoroutineMayUseATable(t *testing.T) {
	table := reqs.New(grace)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2_000 {
				id, now := strconv.Itoa(i%3), at(float64(i)/100)
				switch (g + i) % 6 {
				case 0, 1:
					table.Open(id, reqs.Compile(kinds(1)), g, now)
				case 2:
					table.Close(id, now)
				case 3:
					if j := table.Closed(id, false, now); j.Ends {
						table.Finish(j.Request)
					}
				case 4:
					table.EOSE(id, now)
				}
				if j := table.Event(id, event(1), now); j.Verdict == reqs.Accept && j.Request == nil {
					assert.Fail(t, "accepted without a request")
				}
			}
		})
	}
	wg.Wait()
	for _, id := range table.Subscriptions() {
		table.Close(id, at(100))
	}
	assert.Zero(t, table.Len())
}

// Messages that wait or are held have the token of their REQ, but not its filters,
// which may be of megabytes: else a program that replaces a long REQ often would
// keep as many of them as it has messages.
func TestATokenDoesNotKeepTheFilters(t *testing.T) {
	table := reqs.New(grace)
	filters := reqs.Compile(kinds(1))
	gone := weak.Make(filters)
	r := table.Open("a", filters, nil, at(0))
	table.Open("a", reqs.Compile(kinds(2)), nil, at(1))
	table.Trim(at(100))
	runtime.GC()
	assert.Nil(t, gone.Value())
	assert.True(t, r.Over())
	runtime.KeepAlive(table)
}
