package nostr_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestP10AddressesAreReadAsTheyAreWritten(t *testing.T) {
	author := nostr.MustPubKeyFromHex(npubHexA)
	for _, e := range []*nostr.Event{
		{Kind: 0}, {Kind: 3}, {Kind: 10002}, {Kind: 19999}, {Kind: 30023}, {Kind: 30023, Tags: nostr.Tags{{"d", "x"}}}, {Kind: 39999, Tags: nostr.Tags{{"d", "a:b::c"}}}, {Kind: 30000, Tags: nostr.Tags{{"d", "\u00fc \n"}}},
	} {
		e.PubKey = author
		a, err := nostr.ParseAddress(e.Address())
		require.NoError(t, err)
		assert.Equal(t, nostr.Address{Kind: e.Kind, PubKey: author, Identifier: e.Tags.GetD()}, a)
		assert.Equal(t, e.Address(), a.String())
	}
	for s, why := range map[string]string{
		"": "two colons", "30023": "two colons", "10002:" + npubHexA: "two colons", ":" + npubHexA + ":": "want a kind", "x:" + npubHexA + ":": "want a kind", "65536:" + npubHexA + ":": "want a kind",
		"030023:" + npubHexA + ":": "want a kind", "+3:" + npubHexA + ":": "want a kind", "-3:" + npubHexA + ":": "want a kind", "1:" + npubHexA + ":": "neither", "20000:" + npubHexA + ":x": "neither",
		"10002:" + npubHexA + ":x": "no identifier", "3:" + strings.ToUpper(npubHexA) + ":": "not lower-case hex", "3::": "got 0 bytes",
	} {
		a, err := nostr.ParseAddress(s)
		assert.ErrorContains(t, err, why, s)
		assert.Zero(t, a)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"30023:" + npubHexA + ":a:b", "0:" + npubHexA + ":", "::", "65535:", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := nostr.ParseAddress(s)
		if err != nil {
			return
		}
		require.Equal(t, s, a.String())
		e := nostr.Event{Kind: a.Kind, PubKey: a.PubKey, Tags: nostr.Tags{{"d", a.Identifier}}}
		require.Equal(t, s, e.Address())
	})
}

func TestKindsWithoutAddressesHaveNone(t *testing.T) {
	assert.Empty(t, nostr.Address{Kind: 1, Identifier: "x"}.String())
	assert.Empty(t, nostr.Address{Kind: 20001}.String())
	pk := nostr.PubKey{1}
	assert.Equal(t, "10002:"+pk.String()+":", nostr.Address{Kind: 10002, PubKey: pk, Identifier: "ignored"}.String())
}

func TestValidValuesOfTagsAreYielded(t *testing.T) {
	a, b := nostr.PubKey{1}, nostr.PubKey{0xbb}
	article := nostr.Address{Kind: 30023, PubKey: a, Identifier: "x:y"}
	tags := nostr.Tags{
		{"p", a.String()}, {"p"}, {}, {"p", strings.ToUpper(b.String()), b.String()}, {"p", b.String(), "wss://r"}, {"P", a.String()}, {"p", a.String()}, {"p", "npub1"},
		{"e", nostr.ID(b).String()}, {"e", "short"}, {"a", article.String()}, {"a", "1:" + a.String() + ":"}, {"a", ""}, {"q", nostr.ID(a).String()},
	}
	assert.Equal(t, []nostr.PubKey{a, b, a}, slices.Collect(tags.PubKeys("p")))
	assert.Equal(t, []nostr.PubKey{a}, slices.Collect(tags.PubKeys("P")))
	assert.Equal(t, []nostr.ID{nostr.ID(b)}, slices.Collect(tags.IDs("e")))
	assert.Equal(t, []nostr.ID{nostr.ID(a)}, slices.Collect(tags.IDs("q")))
	assert.Equal(t, []nostr.Address{article}, slices.Collect(tags.Addresses("a")))
	assert.Empty(t, slices.Collect(tags.Addresses("p")))
	assert.Empty(t, slices.Collect(nostr.Tags(nil).PubKeys("p")))
	for pk := range tags.PubKeys("p") {
		assert.Equal(t, a, pk)
		break
	}
}
