package nostr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

var someTags = nostr.Tags{{"t", "a"}, {}, {"d"}, {"d", "late"}, {"t", "b", "x"}, {"", "no key"}, {"t"}, {"p", ""}}

func TestTagsAreFoundInTheirOrder(t *testing.T) {
	assert.Equal(t, nostr.Tag{"t", "a"}, someTags.Find("t"))
	assert.Equal(t, nostr.Tag{"d"}, someTags.Find("d"))
	assert.Equal(t, nostr.Tag{"", "no key"}, someTags.Find(""))
	assert.Nil(t, someTags.Find("a"))
	assert.Equal(t, []nostr.Tag{{"t", "a"}, {"t", "b", "x"}, {"t"}}, slices.Collect(someTags.FindAll("t")))
	assert.Empty(t, slices.Collect(someTags.FindAll("T")))
	for tag := range someTags.FindAll("t") {
		assert.Equal(t, "a", tag.Value())
		break
	}
	assert.Equal(t, nostr.Tag{"t", "b", "x"}, someTags.FindWithValue("t", "b"))
	assert.Equal(t, nostr.Tag{"p", ""}, someTags.FindWithValue("p", ""))
	assert.Nil(t, someTags.FindWithValue("t", "x"))
	assert.Nil(t, someTags[:3].FindWithValue("d", ""))
	assert.True(t, someTags.Has("d"))
	assert.False(t, someTags.Has("e"))
}

func TestKeyAndValueOfShortTagsAreEmpty(t *testing.T) {
	assert.Empty(t, nostr.Tag(nil).Key())
	assert.Empty(t, nostr.Tag(nil).Value())
	assert.Equal(t, "t", nostr.Tag{"t"}.Key())
	assert.Empty(t, nostr.Tag{"t"}.Value())
	assert.Equal(t, "a", nostr.Tag{"t", "a", "b"}.Value())
}

func TestGetDIsTheFirstDTag(t *testing.T) {
	assert.Equal(t, "", someTags.GetD())
	assert.Equal(t, "late", someTags[3:].GetD())
	assert.Equal(t, "", nostr.Tags(nil).GetD())
}

func TestContainsAny(t *testing.T) {
	assert.True(t, someTags.ContainsAny("t", []string{"z", "b"}))
	assert.False(t, someTags.ContainsAny("t", []string{"x", ""}))
	assert.True(t, someTags.ContainsAny("p", []string{""}))
	assert.False(t, someTags.ContainsAny("t", nil))
	assert.False(t, nostr.Tags(nil).ContainsAny("t", []string{"a"}))
}

// All ways of ContainsAny give the same answer, whichever is chosen, and none allocates.
func TestContainsAnyOfManyValues(t *testing.T) {
	for _, n := range []int{1, 6, 7, 15, 255, 256, 257, 300, 5000} {
		for _, m := range []int{1, 6, 7, 100, 5000} {
			var tags nostr.Tags
			for i := range n {
				tags = append(tags, nostr.Tag{"t", fmt.Sprint(i)}, nostr.Tag{"t"}, nostr.Tag{"x", "no1"})
			}
			values := make([]string, 0, m+1)
			for i := range m {
				values = append(values, fmt.Sprint("no", i))
			}
			assert.False(t, tags.ContainsAny("t", values), n)
			assert.False(t, tags.ContainsAny("t", append(values, "")), n)
			for _, i := range []int{0, n / 2, n - 1} {
				assert.True(t, tags.ContainsAny("t", append(values, fmt.Sprint(i))), "%d of %d", i, n)
			}
			assert.False(t, tags.ContainsAny("u", append(values, fmt.Sprint(n-1))), n)
			assert.Equal(t, m > 1, tags.ContainsAny("x", values))
			f := nostr.Filter{Tags: nostr.TagMap{"t": values}}
			e := &nostr.Event{Tags: tags}
			assert.Zero(t, kit.Allocs(2, func() { f.Matches(e) }), "%d tags, %d values", n, m)
		}
	}
}

func TestTagsCloneSharesNothing(t *testing.T) {
	c := someTags.Clone()
	assert.Equal(t, someTags, c)
	c[0][1] = "changed"
	assert.Equal(t, "a", someTags[0][1])
	assert.Nil(t, nostr.Tags(nil).Clone())
}

func TestP07KindClasses(t *testing.T) {
	type class struct{ regular, replaceable, ephemeral, addressable bool }
	want := func(k int) class {
		switch {
		case k == 0, k == 3, k >= 10000 && k <= 19999:
			return class{replaceable: true}
		case k == 1, k == 2, k >= 4 && k <= 44, k >= 1000 && k <= 9999:
			return class{regular: true}
		case k >= 20000 && k <= 29999:
			return class{ephemeral: true}
		case k >= 30000 && k <= 39999:
			return class{addressable: true}
		}
		return class{}
	}
	for k := range 1 << 16 {
		kind := nostr.Kind(k)
		got := class{kind.IsRegular(), kind.IsReplaceable(), kind.IsEphemeral(), kind.IsAddressable()}
		if got != want(k) {
			assert.Equal(t, want(k), got, k)
		}
	}
}

func TestP07KindConstants(t *testing.T) {
	for kind, number := range map[nostr.Kind]int{
		nostr.KindProfileMetadata: 0, nostr.KindTextNote: 1, nostr.KindFollowList: 3, nostr.KindDeletion: 5, nostr.KindReaction: 7,
		nostr.KindGiftWrap: 1059, nostr.KindRelayListMetadata: 10002, nostr.KindClientAuthentication: 22242, nostr.KindArticle: 30023,
	} {
		assert.Equal(t, number, int(kind))
	}
	assert.True(t, nostr.KindFollowList.IsReplaceable())
	assert.True(t, nostr.KindClientAuthentication.IsEphemeral())
	assert.True(t, nostr.KindArticle.IsAddressable())
	assert.True(t, nostr.KindGiftWrap.IsRegular())
}

func TestHexTypes(t *testing.T) {
	id, pk, sig := nostr.MustIDFromHex(hexA), nostr.MustPubKeyFromHex(hexA), nostr.MustSigFromHex(hexSig)
	assert.Equal(t, hexA, id.String())
	assert.Equal(t, hexA, pk.String())
	assert.Equal(t, hexSig, sig.String())
	assert.Equal(t, hexA+" "+hexA, fmt.Sprintf("%v %s", id, pk))
	assert.False(t, id.IsZero())
	assert.True(t, nostr.ID{}.IsZero())
	assert.False(t, pk.IsZero())
	assert.True(t, nostr.PubKey{}.IsZero())
	assert.Equal(t, []int{-1, 0, 1}, []int{nostr.ID{1}.Compare(nostr.ID{2}), id.Compare(id), nostr.ID{0, 2}.Compare(nostr.ID{0, 1, 9})})

	for _, bad := range []string{"", hexA[1:], hexA + "00", strings.ToUpper(hexA), hexA[:63] + "g", hexA[:62] + "\u00e9", " " + hexA[1:]} {
		_, err := nostr.IDFromHex(bad)
		assert.ErrorContains(t, err, "event id", bad)
		gotPK, err := nostr.PubKeyFromHex(bad)
		assert.ErrorContains(t, err, "public key", bad)
		assert.True(t, gotPK.IsZero(), "nothing half decoded")
		_, err = nostr.SigFromHex(bad + hexB)
		assert.ErrorContains(t, err, "signature", bad)
		if len(bad) > 2 {
			assert.NotContains(t, err.Error(), bad)
		}
		assert.Panics(t, func() { nostr.MustIDFromHex(bad) })
		assert.Panics(t, func() { nostr.MustPubKeyFromHex(bad) })
		assert.Panics(t, func() { nostr.MustSigFromHex(bad) })

		keptID, keptPK, keptSig := id, pk, sig
		assert.Error(t, keptID.UnmarshalText([]byte(bad)))
		assert.Error(t, keptPK.UnmarshalText([]byte(bad)))
		assert.Error(t, keptSig.UnmarshalText([]byte(bad)))
		assert.True(t, keptID == id && keptPK == pk && keptSig == sig, "a failed UnmarshalText changes nothing")
	}
}

func TestHexTypesInEncodingJSON(t *testing.T) {
	type all struct {
		ID     nostr.ID
		PubKey nostr.PubKey
		Sig    nostr.Sig
		ByID   map[nostr.ID]int
	}
	v := all{nostr.MustIDFromHex(hexA), nostr.MustPubKeyFromHex(hexB), nostr.MustSigFromHex(hexSig), map[nostr.ID]int{{}: 1}}
	data := marshal(t, v)
	assert.Equal(t, `{"ID":"`+hexA+`","PubKey":"`+hexB+`","Sig":"`+hexSig+`","ByID":{"`+strings.Repeat("0", 64)+`":1}}`, data)
	var back all
	unmarshal(t, data, &back)
	assert.Equal(t, v, back)
}
