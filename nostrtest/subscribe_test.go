package nostrtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// series returns n notes, one second apart, the newest first.
func series(n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = nostrtest.TextNoteAt(nostr.Timestamp(1000-i), nostrtest.Key(1), fmt.Sprint(i))
	}
	return list
}

func TestP24StoredEventsComeNewestFirstTiesByLowestID(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		list := series(4)
		ties := []*nostr.Event{
			nostrtest.TextNoteAt(998, nostrtest.Key(2), "a"),
			nostrtest.TextNoteAt(998, nostrtest.Key(3), "b"),
			list[2],
		}
		relay.Publish(ties[1], list[3], list[0], ties[0], list[2], list[1])
		slices.SortFunc(ties, func(a, b *nostr.Event) int { return a.ID.Compare(b.ID) })
		c := dial(t, network.HTTPClient(), home)
		want := slices.Concat(list[:2], ties, list[3:])
		assert.Equal(t, stored("all", want...), c.ask("REQ", "all", nostr.Filter{}))
	})
}

func TestP29EOSEPartsStoredFromLive(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		list := series(3)
		relay.Publish(list[2])
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("s", list[2]), c.ask("REQ", "s", nostr.Filter{}))
		relay.Publish(list[1])
		assert.Equal(t, events("s", list[1]), c.got())
		other := dial(t, network.HTTPClient(), home)
		assert.Equal(t, []string{ok(list[0])}, other.ask("EVENT", list[0]))
		assert.Equal(t, events("s", list[0]), c.got())
	})
}

func TestP13ReqWithAnOpenIDReplacesTheSubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{1}})
		c.ask("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{7}})
		assert.Len(t, relay.Subscriptions(), 1)
		reaction := nostrtest.Event(nostrtest.Key(1), 7, "+")
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "not wanted any more"), reaction)
		assert.Equal(t, events("s", reaction), c.got())
	})
}

func TestP12SubscriptionsBelongToTheirConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		a, b := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		a.ask("REQ", "same", nostr.Filter{Kinds: []nostr.Kind{1}})
		b.ask("REQ", "same", nostr.Filter{Kinds: []nostr.Kind{7}})
		require.Len(t, relay.Subscriptions(), 2)
		a.ask("CLOSE", "same")
		open := relay.Subscriptions()
		require.Len(t, open, 1)
		assert.Equal(t, nostrtest.Subscription{Connection: 2, ID: "same", Filters: []nostr.Filter{{Kinds: []nostr.Kind{7}}}}, open[0])
	})
}

func TestP12BadSubscriptionIDsAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored(strings.Repeat("é", 64)), c.ask("REQ", strings.Repeat("é", 64), nostr.Filter{}))
		for _, id := range []string{"", strings.Repeat("x", 65)} {
			answer := c.ask("REQ", id, nostr.Filter{})
			require.Len(t, answer, 1)
			assert.Contains(t, answer[0], "invalid: ")
		}
	})
}

func TestCloseEndsTheSubscriptionWithoutAnAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "s", nostr.Filter{})
		assert.Empty(t, c.ask("CLOSE", "s"))
		assert.Empty(t, c.ask("CLOSE", "never opened"))
		relay.Publish(series(1)...)
		assert.Empty(t, c.got())
		assert.Empty(t, relay.Subscriptions())
	})
}

func TestP17FiltersAreORedAndAnEventIsDeliveredOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		key := nostrtest.Key(1)
		both := nostrtest.EventAt(30, key, 7, "both")
		first := nostrtest.EventAt(20, key, 7, "first")
		second := nostrtest.EventAt(10, nostrtest.Key(2), 1, "second")
		neither := nostrtest.EventAt(15, nostrtest.Key(2), 6, "neither")
		relay.Publish(both, first, second, neither)
		c := dial(t, network.HTTPClient(), home)
		filters := []any{
			nostr.Filter{}.WithKinds(1, 7),
			nostr.Filter{}.WithAuthors(key.PubKey()),
		}
		assert.Equal(t, stored("s", both, first, second), c.ask(append([]any{"REQ", "s"}, filters...)...))
		assert.Equal(t, []string{`["COUNT","n",{"count":3}]`}, c.ask(append([]any{"COUNT", "n"}, filters...)...))
		live := nostrtest.Event(key, 1, "live")
		relay.Publish(live, nostrtest.Event(nostrtest.Key(2), 6, "neither"))
		assert.Equal(t, events("s", live), c.got())
	})
}

func TestFiltersP16P18P19P20P21P22(t *testing.T) {
	a, b := nostrtest.Key(1), nostrtest.Key(2)
	one := nostrtest.EventAt(10, a, 1, "one", nostr.Tag{"t", "x", "q"}, nostr.Tag{"e", strings.Repeat("1", 64)})
	two := nostrtest.EventAt(20, a, 7, "two", nostr.Tag{"t", "y"}, nostr.Tag{"T", "x"})
	three := nostrtest.EventAt(30, b, 1, "three", nostr.Tag{"p", a.PubKey().String()})
	for _, test := range []struct {
		name   string
		filter string
		want   []*nostr.Event
	}{
		{"everything", `{}`, []*nostr.Event{three, two, one}},
		{"P16 conditions are ANDed", fmt.Sprintf(`{"authors":[%q],"kinds":[1]}`, a.PubKey()), []*nostr.Event{one}},
		{"P18 an empty list matches nothing", `{"authors":[]}`, nil},
		{"P18 an empty tag list matches nothing", `{"#t":[]}`, nil},
		{"P19 ids", fmt.Sprintf(`{"ids":[%q,%q]}`, one.ID, three.ID), []*nostr.Event{three, one}},
		{"P19 #e", `{"#e":["` + strings.Repeat("1", 64) + `"]}`, []*nostr.Event{one}},
		{"P19 #p", fmt.Sprintf(`{"#p":[%q]}`, a.PubKey()), []*nostr.Event{three}},
		{"P20 letters are case-sensitive", `{"#T":["x"]}`, []*nostr.Event{two}},
		{"P20 only the first value counts", `{"#t":["q"]}`, nil},
		{"P21 sets meet", `{"#t":["x","y"]}`, []*nostr.Event{two, one}},
		{"P21 every tag condition holds", `{"#t":["y"],"#T":["x"]}`, []*nostr.Event{two}},
		{"P22 since is inclusive", `{"since":20}`, []*nostr.Event{three, two}},
		{"P22 until is inclusive", `{"until":20}`, []*nostr.Event{two, one}},
		{"P22 both", `{"since":20,"until":20}`, []*nostr.Event{two}},
		{"P22 the wrong way round", `{"since":21,"until":20}`, nil},
		{"P58 search", `{"search":"T language:en"}`, []*nostr.Event{three, two}},
		{"P58 search wants every word", `{"search":"t w"}`, []*nostr.Event{two}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
				relay.Publish(one, two, three)
				c := dial(t, network.HTTPClient(), home)
				c.sendRaw(`["REQ","stored",` + test.filter + `]`)
				assert.Equal(t, stored("stored", test.want...), c.got())
				c.sendRaw(`["COUNT","count",` + test.filter + `]`)
				assert.Equal(t, []string{fmt.Sprintf(`["COUNT","count",{"count":%d}]`, len(test.want))}, c.got())

				relay.Clear()
				relay.Publish(one, two, three)
				slices.Reverse(test.want)
				assert.ElementsMatch(t, events("stored", test.want...), c.got(), "the same for live events")
			})
		})
	}
}

func TestP23LimitHoldsForStoredEventsOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		list := series(5)
		relay.Publish(list[2:]...)
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("two", list[2], list[3]), c.ask("REQ", "two", nostr.Filter{}.WithLimit(2)))
		assert.Equal(t, stored("none"), c.ask("REQ", "none", nostr.Filter{}.WithLimit(0)))
		relay.Publish(list[1], list[0])
		assert.ElementsMatch(t, slices.Concat(events("two", list[1], list[0]), events("none", list[1], list[0])), c.got())
		assert.Equal(t, []string{`["COUNT","n",{"count":5}]`}, c.ask("COUNT", "n", nostr.Filter{}.WithLimit(2)))
	})
}

func TestLimitIsPerFilter(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		list := series(4)
		reactions := []*nostr.Event{nostrtest.EventAt(5, nostrtest.Key(1), 7, "+"), nostrtest.EventAt(4, nostrtest.Key(1), 7, "-")}
		relay.Publish(list...)
		relay.Publish(reactions...)
		c := dial(t, network.HTTPClient(), home)
		answer := c.ask("REQ", "s", nostr.Filter{}.WithKinds(1).WithLimit(2), nostr.Filter{}.WithKinds(7).WithLimit(1))
		assert.Equal(t, stored("s", list[0], list[1], reactions[0]), answer)
	})
}

func TestP51PageLimits(t *testing.T) {
	list := series(6)
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(list...)
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("a", list[:2]...), c.ask("REQ", "a", nostr.Filter{}), "default_limit")
		assert.Equal(t, stored("b", list[:3]...), c.ask("REQ", "b", nostr.Filter{}.WithLimit(3)))
		assert.Equal(t, stored("c", list[:4]...), c.ask("REQ", "c", nostr.Filter{}.WithLimit(100)), "max_limit, silently")
	}, nostrtest.WithLimits(nostrtest.Limits{Limit: 4, DefaultLimit: 2}))
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(list...)
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("a", list[:4]...), c.ask("REQ", "a", nostr.Filter{}), "max_limit without limit")
	}, nostrtest.WithLimits(nostrtest.Limits{Limit: 4}))
}

func TestP36HintsSayWhetherEventsWereLeftOut(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(series(3)...)
		c := dial(t, network.HTTPClient(), home)
		last := func(answer []string) string { return answer[len(answer)-1] }
		assert.Equal(t, `["EOSE","a",["more"]]`, last(c.ask("REQ", "a", nostr.Filter{})))
		assert.Equal(t, `["EOSE","b",["finish"]]`, last(c.ask("REQ", "b", nostr.Filter{}.WithUntil(999))))
	}, nostrtest.WithHints(), nostrtest.WithLimits(nostrtest.Limits{Limit: 2}))
}

func TestP50SubscriptionAndFilterLimits(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "a", nostr.Filter{})
		c.ask("REQ", "b", nostr.Filter{})
		assert.Equal(t, "rate-limited", prefix(refusal(t, c.ask("REQ", "c", nostr.Filter{}), "CLOSED")))
		assert.Equal(t, stored("a"), c.ask("REQ", "a", nostr.Filter{}), "replacing takes no place")
		c.ask("CLOSE", "b")
		assert.Equal(t, stored("c"), c.ask("REQ", "c", nostr.Filter{}))
		assert.Equal(t, "invalid", prefix(refusal(t, c.ask("COUNT", "n", nostr.Filter{}, nostr.Filter{}, nostr.Filter{}), "CLOSED")))
		other := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("x"), other.ask("REQ", "x", nostr.Filter{}), "per connection")
	}, nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 2, Filters: 2}))
}

func TestP30RefusedReqEndsTheSubscriptionOfItsID(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{1}})
		assert.Equal(t, "restricted: no", refusal(t, c.ask("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{4}}), "CLOSED"))
		assert.Empty(t, relay.Subscriptions())
		assert.Equal(t, "restricted: no", refusal(t, c.ask("COUNT", "n", nostr.Filter{Kinds: []nostr.Kind{4}}), "CLOSED"), "P55")
	}, nostrtest.WithReadPolicy(func(_ nostrtest.Connection, request nostrtest.Request) string {
		if slices.Contains(request.Filters[0].Kinds, 4) {
			return "restricted: no"
		}
		return ""
	}))
}

func TestP34UnknownVerbsGetANotice(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		for _, message := range []string{`["HELLO",1]`, `["NEG-ERR","n","x"]`, `["OK"]`} {
			c.sendRaw(message)
			answer := c.got()
			require.Len(t, answer, 1)
			assert.True(t, strings.HasPrefix(answer[0], `["NOTICE","unsupported: `), answer[0])
		}
	})
}
