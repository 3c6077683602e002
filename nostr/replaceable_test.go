package nostr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestP08LatestKeepsOneEventPerSlot(t *testing.T) {
	alice, bob := nostr.PubKey{1}, nostr.PubKey{2}
	ev := func(author nostr.PubKey, kind nostr.Kind, at nostr.Timestamp, id byte, d ...string) *nostr.Event {
		e := &nostr.Event{ID: nostr.ID{id}, PubKey: author, Kind: kind, CreatedAt: at}
		for _, v := range d {
			e.Tags = append(e.Tags, nostr.Tag{"d", v})
		}
		return e
	}
	profileOld, profile, profileBob := ev(alice, 0, 10, 9), ev(alice, 0, 11, 8), ev(bob, 0, 5, 7)
	list, listTwin := ev(alice, 10002, 10, 1), ev(alice, 10002, 10, 2) // one second: the lowest id wins
	articleA, articleAOld := ev(alice, 30023, 20, 3, "a"), ev(alice, 30023, 19, 4, "a", "b")
	articleB, articleNone, articleEmpty := ev(alice, 30023, 1, 5, "b"), ev(alice, 30023, 2, 6), ev(alice, 30023, 1, 7, "")
	note, ephemeral := ev(alice, 1, 1, 11), ev(alice, 20001, 1, 12)

	want := []*nostr.Event{profile, note, articleA, articleB, articleNone, profileBob, list, ephemeral, note}
	got := nostr.Latest(slices.Values([]*nostr.Event{
		profileOld, note, articleAOld, articleB, articleNone, articleEmpty, profileBob, listTwin, articleA, ephemeral, list, profile, profileOld, listTwin, articleA, note,
	}))
	require.Len(t, got, len(want))
	for i := range want {
		assert.Same(t, want[i], got[i], "%d", i)
	}
	assert.Empty(t, nostr.Latest(slices.Values([]*nostr.Event{})))
}

func TestP09OldVersionsLoseWhateverTheOrder(t *testing.T) {
	versions := []*nostr.Event{
		{ID: nostr.ID{5}, Kind: 3, CreatedAt: 1}, {ID: nostr.ID{4}, Kind: 3, CreatedAt: 3}, {ID: nostr.ID{3}, Kind: 3, CreatedAt: 3}, {ID: nostr.ID{2}, Kind: 3, CreatedAt: 2},
	}
	for i := range versions {
		for j := range versions {
			order := slices.Clone(versions)
			order[i], order[j] = order[j], order[i]
			got := nostr.Latest(slices.Values(order))
			require.Len(t, got, 1)
			require.Equal(t, nostr.ID{3}, got[0].ID)
		}
	}
}

func TestP10AddressesAreReadAsTheyAreWritten(t *testing.T) {
	author := nostr.MustPubKeyFromHex(npubHexA)
	for _, e := range []*nostr.Event{
		{Kind: 0}, {Kind: 3}, {Kind: 10002}, {Kind: 19999}, {Kind: 30023}, {Kind: 30023, Tags: nostr.Tags{{"d", "x"}}}, {Kind: 39999, Tags: nostr.Tags{{"d", "a:b::c"}}}, {Kind: 30000, Tags: nostr.Tags{{"d", "\u00fc \n"}}},
	} {
		e.PubKey = author
		kind, pk, d, err := nostr.ParseAddress(e.Address())
		require.NoError(t, err)
		assert.Equal(t, e.Kind, kind)
		assert.Equal(t, author, pk)
		assert.Equal(t, e.Tags.GetD(), d)
	}
	for s, why := range map[string]string{
		"": "two colons", "30023": "two colons", "10002:" + npubHexA: "two colons", ":" + npubHexA + ":": "want a kind", "x:" + npubHexA + ":": "want a kind", "65536:" + npubHexA + ":": "want a kind",
		"030023:" + npubHexA + ":": "want a kind", "+3:" + npubHexA + ":": "want a kind", "-3:" + npubHexA + ":": "want a kind", "1:" + npubHexA + ":": "neither", "20000:" + npubHexA + ":x": "neither",
		"10002:" + npubHexA + ":x": "no identifier", "3:" + strings.ToUpper(npubHexA) + ":": "not lower-case hex", "3::": "got 0 bytes",
	} {
		kind, pk, d, err := nostr.ParseAddress(s)
		assert.ErrorContains(t, err, why, s)
		assert.True(t, kind == 0 && pk.IsZero() && d == "")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"30023:" + npubHexA + ":a:b", "0:" + npubHexA + ":", "::", "65535:", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kind, author, d, err := nostr.ParseAddress(s)
		if err != nil {
			return
		}
		e := nostr.Event{Kind: kind, PubKey: author, Tags: nostr.Tags{{"d", d}}}
		require.Equal(t, s, e.Address())
	})
}

func ExampleLatest() {
	answers := []*nostr.Event{ // of three relays, one of them behind
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1700000000, Content: `{"name":"new"}`},
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1600000000, Content: `{"name":"old"}`},
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1700000000, Content: `{"name":"new"}`},
	}
	for _, e := range nostr.Latest(slices.Values(answers)) {
		fmt.Println(e.Content)
	}
	// Output: {"name":"new"}
}
