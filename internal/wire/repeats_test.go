package wire_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

func TestQ02RepeatsAreNotSent(t *testing.T) {
	a, b := nostr.PubKey{1}, nostr.PubKey{2}
	at, sameTime := nostr.Timestamp(5), nostr.Timestamp(5)
	filters := []nostr.Filter{
		{Kinds: []nostr.Kind{2, 1, 2, 1}, Since: &at},
		{Authors: []nostr.PubKey{b, a, b}, IDs: []nostr.ID{{9}, {9}}},
		{Kinds: []nostr.Kind{2, 1}, Since: &sameTime},
		{Tags: nostr.TagMap{"t": {"x", "y", "x", ""}, "d": {"x"}, "p": {a.String(), a.String()}}},
		{Kinds: []nostr.Kind{2, 1}, Since: &at, Limit: 1},
		{Tags: nostr.TagMap{"t": {"x", "y", ""}, "d": {"x"}, "p": {a.String()}}},
		{Kinds: []nostr.Kind{2, 1}, Until: &at},
		{Kinds: []nostr.Kind{1, 1}, LimitZero: true},
		{Kinds: []nostr.Kind{1}, Search: "x"},
		{},
		{Kinds: []nostr.Kind{1}, LimitZero: true},
		{},
	}
	var before []string
	for _, f := range filters {
		before = append(before, f.String())
	}
	const want = `{"kinds":[2,1],"since":5},` +
		`{"ids":["0900000000000000000000000000000000000000000000000000000000000000"],"authors":["0200000000000000000000000000000000000000000000000000000000000000","0100000000000000000000000000000000000000000000000000000000000000"]},` +
		`{"#d":["x"],"#p":["0100000000000000000000000000000000000000000000000000000000000000"],"#t":["x","y",""]},` +
		`{"kinds":[2,1],"since":5,"limit":1},{"kinds":[2,1],"until":5},{"kinds":[1],"limit":0},{"kinds":[1],"search":"x"},{}`
	for verb, m := range map[string]wire.ClientMessage{
		"REQ": wire.Req{SubscriptionID: "s", Filters: filters}, "COUNT": wire.CountReq{SubscriptionID: "s", Filters: filters},
	} {
		frame, err := wire.EncodeClient(m)
		require.NoError(t, err)
		assert.Equal(t, `["`+verb+`","s",`+want+`]`, string(frame))
	}
	frame, err := wire.EncodeClient(wire.NegOpen{SubscriptionID: "n", Filter: filters[0]})
	require.NoError(t, err)
	assert.Equal(t, `["NEG-OPEN","n",{"kinds":[2,1],"since":5},""]`, string(frame))
	for i, f := range filters {
		assert.Equal(t, before[i], f.String(), "the caller's filters are left alone")
	}
}

// manyAuthors are n different ones.
func manyAuthors(n int) []nostr.PubKey {
	list := make([]nostr.PubKey, n)
	for i := range list {
		binary.BigEndian.PutUint32(list[i][:], uint32(i))
	}
	return list
}

func TestQ02RepeatsInLongListsAreNotSent(t *testing.T) {
	for _, n := range []int{63, 64, 65, 4095, 4097, 70000} {
		authors := manyAuthors(n)
		want, err := wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Authors: authors}}})
		require.NoError(t, err)
		assert.Equal(t, n, strings.Count(string(want), `"`)/2-3, "no author is taken for another")
		twice := append(append([]nostr.PubKey{}, authors...), authors...)
		twice = append(twice, authors[n-1], authors[0])
		got, err := wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Authors: twice}}})
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), n)
	}
	many := make([]nostr.Filter, 0, 300)
	for i := range 300 {
		many = append(many, nostr.Filter{Kinds: []nostr.Kind{nostr.Kind(i % 100)}})
	}
	frame, err := wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: many})
	require.NoError(t, err)
	assert.Equal(t, 100, strings.Count(string(frame), "kinds"))
	assert.Equal(t, nostr.Kind(299%100), many[299].Kinds[0])
}

func TestNothingIsCopiedWhereThereAreNoRepeats(t *testing.T) {
	encode := func(authors []nostr.PubKey) float64 {
		m := wire.ClientMessage(wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Authors: authors}, {Authors: authors, Limit: 1}}})
		return kit.Allocs(20, func() { _, _ = wire.EncodeClient(m) })
	}
	few := encode(manyAuthors(2))
	for _, n := range []int{64, 65, 4096} {
		assert.LessOrEqual(t, encode(manyAuthors(n)), few, n)
	}
}

func BenchmarkEncodeReqOf5000Authors(b *testing.B) {
	m := wire.ClientMessage(wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Authors: manyAuthors(5000)}}})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = wire.EncodeClient(m)
	}
}
