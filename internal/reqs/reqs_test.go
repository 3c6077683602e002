package reqs_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

const grace = 10 * time.Second

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// at returns a time that many seconds after start.
func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

func kinds(k ...nostr.Kind) []nostr.Filter { return []nostr.Filter{{Kinds: k}} }

func event(kind nostr.Kind) *nostr.Event {
	return &nostr.Event{Kind: kind, CreatedAt: 1_000, Tags: nostr.Tags{}}
}

// judge is the verdict on an event, without its phase. Where time makes no
// difference, none may be made.
func judge(t table, id string, kind nostr.Kind, seconds float64) reqs.Verdict {
	timeless := t.Timeless()
	v, _ := t.Event(id, event(kind), at(seconds))
	if w, _ := t.Event(id, event(kind), time.Time{}); timeless && v != w {
		panic("the verdict depends on the time")
	}
	return v
}

func TestP26OnlyWhatWasAskedForIsAccepted(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	assert.Equal(t, reqs.Accept, judge(table, "a", 1, 0))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 2, 0))
	assert.Equal(t, reqs.Unknown, judge(table, "b", 1, 0))
	assert.Equal(t, reqs.Unknown, judge(table, "", 1, 0))
	assert.Equal(t, reqs.Unknown, judge(table, "A", 1, 0), "ids are case-sensitive")
	assert.Equal(t, reqs.Unknown, table.EOSE("b", at(0)))
	assert.Equal(t, reqs.Unknown, table.Closed("b", at(0)))
	assert.Equal(t, reqs.Unknown, table.Count("b", at(0)))
	assert.Equal(t, reqs.Unknown, table.Neg("b", at(0)))
}

func TestP17OneOfTheFiltersIsEnough(t *testing.T) {
	table := newTable(grace)
	table.Open("a", append(kinds(1), kinds(2)...), at(0))
	assert.Equal(t, reqs.Accept, judge(table, "a", 1, 0))
	assert.Equal(t, reqs.Accept, judge(table, "a", 2, 0))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 3, 0))
}

func TestWithoutFiltersNothingMatches(t *testing.T) {
	table := newTable(grace)
	table.Open("none", nil, at(0))
	table.Open("empty", []nostr.Filter{{Kinds: []nostr.Kind{}}}, at(0))
	table.Open("all", []nostr.Filter{{}}, at(0))
	assert.Equal(t, reqs.Mismatch, judge(table, "none", 1, 0))
	assert.Equal(t, reqs.Mismatch, judge(table, "empty", 1, 0))
	assert.Equal(t, reqs.Accept, judge(table, "all", 1, 0))
}

func TestP29EOSEPartsStoredFromLive(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	_, live := table.Event("a", event(1), at(0))
	assert.False(t, live)
	assert.Equal(t, reqs.Accept, table.EOSE("a", at(1)))
	v, live := table.Event("a", event(1), at(2))
	assert.Equal(t, reqs.Accept, v)
	assert.True(t, live)
	assert.Equal(t, reqs.Late, table.EOSE("a", at(3)), "a second EOSE says nothing new")
	_, live = table.Event("a", event(2), at(4))
	assert.False(t, live, "only an accepted event has a phase")
}

func TestL29TheWholeFilterHoldsAfterEOSEToo(t *testing.T) {
	since, until := nostr.Timestamp(100), nostr.Timestamp(200)
	author, other := nostr.PubKey{1}, nostr.PubKey{2}
	table := newTable(grace)
	table.Open("a", []nostr.Filter{{
		Kinds: []nostr.Kind{1}, Authors: []nostr.PubKey{author}, Since: &since, Until: &until,
		Tags: nostr.TagMap{"t": {"go"}},
		// Neither is a condition on one event (P23, P58).
		Limit: 1, Search: "something else",
	}}, at(0))
	tags := nostr.Tags{{"t", "go"}}
	cases := map[string]struct {
		ev   nostr.Event
		want reqs.Verdict
	}{
		"matches":       {nostr.Event{Kind: 1, PubKey: author, CreatedAt: 200, Tags: tags}, reqs.Accept},
		"matches again": {nostr.Event{Kind: 1, PubKey: author, CreatedAt: 100, Tags: tags}, reqs.Accept},
		"too old":       {nostr.Event{Kind: 1, PubKey: author, CreatedAt: 99, Tags: tags}, reqs.Mismatch},
		"too new":       {nostr.Event{Kind: 1, PubKey: author, CreatedAt: 201, Tags: tags}, reqs.Mismatch},
		"other author":  {nostr.Event{Kind: 1, PubKey: other, CreatedAt: 150, Tags: tags}, reqs.Mismatch},
		"other kind":    {nostr.Event{Kind: 2, PubKey: author, CreatedAt: 150, Tags: tags}, reqs.Mismatch},
		"other tag":     {nostr.Event{Kind: 1, PubKey: author, CreatedAt: 150, Tags: nostr.Tags{{"t", "rust"}}}, reqs.Mismatch},
	}
	for _, phase := range []string{"stored", "live"} {
		for name, c := range cases {
			v, live := table.Event("a", &c.ev, at(1))
			assert.Equal(t, c.want, v, "%s, %s", name, phase)
			assert.Equal(t, c.want == reqs.Accept && phase == "live", live, "%s, %s", name, phase)
		}
		table.EOSE("a", at(1))
	}
}

func TestL28TheFiltersAreTheTablesOwn(t *testing.T) {
	since := nostr.Timestamp(10)
	mine := []nostr.Filter{{
		Kinds: []nostr.Kind{1}, Since: &since, Tags: nostr.TagMap{"t": {"go"}},
		IDs: []nostr.ID{{1}}, Authors: []nostr.PubKey{{2}},
	}}
	table := newTable(grace)
	table.Open("a", mine, at(0))

	mine[0].Kinds[0] = 9
	mine[0].IDs[0] = nostr.ID{9}
	mine[0].Authors[0] = nostr.PubKey{9}
	mine[0].Tags["t"][0] = "rust"
	mine[0].Tags["e"] = []string{"x"}
	since = 5_000
	mine[0] = nostr.Filter{Kinds: []nostr.Kind{}}

	v, _ := table.Event("a", &nostr.Event{
		ID: nostr.ID{1}, PubKey: nostr.PubKey{2}, Kind: 1, CreatedAt: 1_000, Tags: nostr.Tags{{"t", "go"}},
	}, at(0))
	assert.Equal(t, reqs.Accept, v)
}

func TestAClosedREQIsLateForItsGraceAndThenUnknown(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Close("a", at(5))
	for _, s := range []float64{5, 10, 14.999} {
		assert.Equal(t, reqs.Late, judge(table, "a", 1, s))
		assert.Equal(t, reqs.Late, judge(table, "a", 2, s))
		assert.Equal(t, reqs.Late, table.EOSE("a", at(s)))
		assert.Equal(t, reqs.Late, table.Closed("a", at(s)))
	}
	assert.Equal(t, reqs.Unknown, judge(table, "a", 1, 15))
	assert.Equal(t, reqs.Unknown, table.EOSE("a", at(15)))
	assert.Equal(t, reqs.Unknown, table.Closed("a", at(15)))
}

func TestGraceRunsFromTheEndAndNothingARelaySendsProlongsIt(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Close("a", at(0))
	for s := range 10 {
		assert.Equal(t, reqs.Late, table.Closed("a", at(float64(s))))
		table.Close("a", at(float64(s)))
		assert.Equal(t, reqs.Late, judge(table, "a", 1, float64(s)))
	}
	assert.Equal(t, reqs.Unknown, judge(table, "a", 1, 10))
}

func TestWithoutGraceTheEndIsImmediate(t *testing.T) {
	table := newTable(0)
	table.Open("a", kinds(1), at(0))
	table.Open("a", kinds(2), at(0))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 1, 0))
	table.Close("a", at(0))
	assert.Equal(t, reqs.Unknown, judge(table, "a", 2, 0))
}

func TestP13AReplacedREQKeepsItsFiltersInGrace(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1, 2), at(0))
	table.EOSE("a", at(0))
	table.Open("a", kinds(2, 3), at(1))

	assert.Equal(t, reqs.Late, judge(table, "a", 1, 2), "matches only the old filters")
	assert.Equal(t, reqs.Accept, judge(table, "a", 2, 2))
	assert.Equal(t, reqs.Accept, judge(table, "a", 3, 2))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 4, 2), "matches neither")
	_, live := table.Event("a", event(2), at(2))
	assert.False(t, live, "the new REQ has stored events of its own")
	assert.Equal(t, reqs.Accept, table.EOSE("a", at(3)))
	_, live = table.Event("a", event(2), at(3))
	assert.True(t, live)

	assert.Equal(t, reqs.Late, judge(table, "a", 1, 10.999))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 1, 11), "the grace of the old filters is over")
	assert.Equal(t, reqs.Accept, judge(table, "a", 3, 1000))
	assert.Equal(t, 1, table.Len())
}

func TestEachReplacedREQHasAGraceOfItsOwn(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Open("a", kinds(2), at(1))
	table.Open("a", kinds(3), at(6))
	assert.Equal(t, reqs.Late, judge(table, "a", 1, 10))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 1, 11))
	assert.Equal(t, reqs.Late, judge(table, "a", 2, 15))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 2, 16))
}

func TestAClosedIDOpenedAgainKeepsItsOldFiltersInGrace(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Close("a", at(1))
	table.Open("a", kinds(2), at(2))
	assert.Equal(t, reqs.Late, judge(table, "a", 1, 3))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 3, 3))
	assert.Equal(t, reqs.Mismatch, judge(table, "a", 1, 11))
	table.Close("a", at(12))
	assert.Equal(t, reqs.Late, judge(table, "a", 2, 21))
	assert.Equal(t, reqs.Unknown, judge(table, "a", 2, 22))
}

// What cannot be told apart is taken for the new REQ, as the package comment says.
func TestTheEOSEOfAReplacedREQCountsForTheNewOne(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Open("a", kinds(2), at(1))
	assert.Equal(t, reqs.Accept, table.EOSE("a", at(2)), "perhaps of the old REQ")
	assert.Equal(t, reqs.Late, table.EOSE("a", at(3)))
}

func TestP30ClosedEndsTheREQ(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	table.Open("b", kinds(1), at(0))
	assert.Equal(t, reqs.Accept, table.Closed("a", at(1)))
	assert.Equal(t, 1, table.Len())
	assert.Equal(t, reqs.Late, table.Closed("a", at(1)))
	assert.Equal(t, reqs.Late, judge(table, "a", 1, 2))
	assert.Equal(t, reqs.Accept, judge(table, "b", 1, 2))
	table.Open("a", kinds(1), at(3)) // the retry
	assert.Equal(t, reqs.Accept, judge(table, "a", 1, 4))
	assert.Equal(t, reqs.Accept, table.Closed("a", at(5)))
}

func TestACountIsAnsweredOnce(t *testing.T) {
	table := newTable(grace)
	table.OpenCount("c", nil, at(0))
	assert.Zero(t, table.Len(), "a COUNT is no subscription")
	assert.Equal(t, reqs.Accept, table.Count("c", at(1)))
	assert.Equal(t, reqs.Late, table.Count("c", at(2)))
	assert.Equal(t, reqs.Unknown, table.Count("c", at(11)))

	table.OpenCount("c", nil, at(12))
	table.CloseCount("c", at(13)) // Q03: nobody waits any more
	assert.Equal(t, reqs.Late, table.Count("c", at(14)))
}

func TestP55ClosedRefusesACount(t *testing.T) {
	table := newTable(grace)
	table.OpenCount("c", nil, at(0))
	assert.Equal(t, reqs.Accept, table.Closed("c", at(1)))
	assert.Equal(t, reqs.Late, table.Count("c", at(2)))
	assert.Equal(t, reqs.Late, table.Closed("c", at(2)))
	assert.Equal(t, reqs.Unknown, table.Closed("c", at(11)))
}

func TestClosedEndsBothREQAndCountOfOneID(t *testing.T) {
	table := newTable(grace)
	table.Open("x", kinds(1), at(0))
	table.OpenCount("x", nil, at(0))
	assert.Equal(t, reqs.Accept, table.Closed("x", at(1)))
	assert.Equal(t, reqs.Late, judge(table, "x", 1, 2))
	assert.Equal(t, reqs.Late, table.Count("x", at(2)))
	assert.Zero(t, table.Len())
}

func TestP66EachNamespaceIsItsOwn(t *testing.T) {
	table := newTable(grace)
	table.Open("req", kinds(1), at(0))
	table.OpenCount("count", nil, at(0))
	table.OpenNeg("neg", nil, at(0))
	for id, want := range map[string][4]reqs.Verdict{ // event, EOSE, COUNT, NEG-MSG
		"req":   {reqs.Accept, reqs.Accept, reqs.Unknown, reqs.Unknown},
		"count": {reqs.Unknown, reqs.Unknown, reqs.Accept, reqs.Unknown},
		"neg":   {reqs.Unknown, reqs.Unknown, reqs.Unknown, reqs.Accept},
	} {
		got := [4]reqs.Verdict{judge(table, id, 1, 1), table.EOSE(id, at(1)), table.Count(id, at(1)), table.Neg(id, at(1))}
		assert.Equal(t, want, got, id)
	}
	assert.Equal(t, reqs.Unknown, table.Closed("neg", at(1)), "a CLOSED does not end a session")
	table.Close("neg", at(1))
	assert.Equal(t, reqs.Accept, table.Neg("neg", at(1)))

	table.Open("neg", kinds(1), at(2)) // P67: the events travel beside it, perhaps under the same id
	table.CloseNeg("neg", at(2))
	assert.Equal(t, reqs.Accept, judge(table, "neg", 1, 3))
	assert.Equal(t, reqs.Late, table.Neg("neg", at(3)))
}

func TestP67ASessionGoesOnUntilItIsClosed(t *testing.T) {
	table := newTable(grace)
	assert.Equal(t, "whose", table.OpenNeg("n", "whose", at(0)).Route())
	for s := range 100 {
		require.Equal(t, reqs.Accept, table.Neg("n", at(float64(s))))
	}
	table.OpenNeg("n", nil, at(100)) // P66: closes the first
	assert.Equal(t, reqs.Accept, table.Neg("n", at(101)))
	table.CloseNeg("n", at(102))
	table.CloseNeg("n", at(103))
	assert.Equal(t, reqs.Late, table.Neg("n", at(111)))
	assert.Equal(t, reqs.Unknown, table.Neg("n", at(112)))
	assert.Zero(t, table.Len())
}

func TestLenCountsOpenREQs(t *testing.T) {
	table := newTable(grace)
	for i := range 5 {
		table.Open(strconv.Itoa(i), kinds(1), at(0))
	}
	table.Open("3", kinds(2), at(0))
	assert.Equal(t, 5, table.Len())
	table.Close("3", at(0))
	table.Close("3", at(0))
	table.Close("unknown", at(0))
	assert.Equal(t, 4, table.Len())
	table.Closed("2", at(0))
	table.Closed("2", at(0))
	assert.Equal(t, 3, table.Len())
	table.Open("3", kinds(1), at(1))
	assert.Equal(t, 4, table.Len())
}

func TestVerdictsHaveNames(t *testing.T) {
	assert.Equal(t, "accept late unknown mismatch invalid verdict",
		reqs.Accept.String()+" "+reqs.Late.String()+" "+reqs.Unknown.String()+" "+
			reqs.Mismatch.String()+" "+reqs.Verdict(9).String())
}

func TestTimeMattersWhileSomethingIsInGrace(t *testing.T) {
	table := newTable(grace)
	table.Open("a", kinds(1), at(0))
	assert.True(t, table.Timeless())
	table.Close("a", at(1))
	assert.False(t, table.Timeless())
	assert.Equal(t, reqs.Unknown, judge(table, "a", 1, 12))
	assert.True(t, table.Timeless())
}
