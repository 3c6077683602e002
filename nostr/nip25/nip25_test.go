package nip25_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip25"
)

const hint = "wss://relay.example.com"

var (
	alice = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	id1   = strings.Repeat("1", 64)
	id2   = strings.Repeat("2", 64)
)

// Every choice that the data leaves open is taken as it suggests.
func TestTheReactionsOfTheFile(t *testing.T) {
	rows := vectors.Parses(t, 25)
	require.Len(t, rows, 85)
	for _, row := range rows {
		var want struct {
			Event, Author                     *string
			Value, Text, Shortcode, URL, K, A string
		}
		row.Want(t, &want)
		r, err := nip25.Parse(row.Event)
		if want.Event == nil && row.Event.Kind == nostr.KindReaction {
			require.ErrorIs(t, err, nip25.ErrNoTarget, row.Name)
			continue
		}
		require.NoError(t, err, row.Name)
		if want.Event != nil {
			assert.Equal(t, *want.Event, r.Target.ID.String(), row.Name)
		} else {
			assert.Zero(t, r.Target, row.Name)
			assert.NotEmpty(t, r.External, row.Name)
		}
		if want.Author != nil {
			assert.Equal(t, *want.Author, r.Target.Author.String(), row.Name)
		} else {
			assert.True(t, r.Target.Author.IsZero(), row.Name)
		}
		assert.Equal(t, want.Value, r.Value.String(), row.Name)
		if want.Text != "" {
			assert.Equal(t, want.Text, r.Content, row.Name)
		}
		assert.Equal(t, want.Shortcode, r.Shortcode, row.Name)
		assert.Equal(t, want.URL, r.URL, row.Name)
		assert.Equal(t, want.K, r.Kind, row.Name)
		assert.Equal(t, want.A, r.Address, row.Name)
	}
}

func parse(t *testing.T, content string, tags ...nostr.Tag) nip25.Reaction {
	t.Helper()
	r, err := nip25.Parse(&nostr.Event{Kind: 7, Content: content, Tags: append(tags, nostr.Tag{"e", id1})})
	require.NoError(t, err)
	assert.Equal(t, content, r.Content)
	return r
}

func TestPlusAndNothingAreLikesAndMinusIsADislike(t *testing.T) {
	for content, want := range map[string]nip25.Value{
		"+": nip25.Like, "": nip25.Like, "-": nip25.Dislike,
		"++": nip25.Other, " +": nip25.Other, "+\n": nip25.Other, " ": nip25.Other, "\u2212": nip25.Other, "\U0001f44d": nip25.Other, "\U0001f44e": nip25.Other, "\u2764\ufe0f": nip25.Other, "like": nip25.Other,
	} {
		assert.Equal(t, want, parse(t, content).Value, "%q", content)
	}
}

func TestTheTargetIsTheLastOfTheETags(t *testing.T) {
	r, err := nip25.Parse(&nostr.Event{Kind: 7, Tags: nostr.Tags{{"e", id2, hint, alice.PubKey().String()}, {"p", id2}, {"e", id1, hint}, {"p", id1}, {"p", "x"}, {"e", "x"}, {"e"}}})
	require.NoError(t, err)
	assert.Equal(t, nostr.EventRef{ID: nostr.MustIDFromHex(id1), Relay: hint, Author: nostr.MustPubKeyFromHex(id1)}, r.Target)
	r, err = nip25.Parse(&nostr.Event{Kind: 7, Tags: nostr.Tags{{"e", id2, "", alice.PubKey().String()}}})
	require.NoError(t, err)
	assert.Equal(t, alice.PubKey(), r.Target.Author, "the e tag's hint is better than nothing")
}

// The address is another name of the target: one that says otherwise than the rest of the tags
// is of something else, mostly of what the target itself answers, whose tags were copied.
func TestTheAddressIsTheTargets(t *testing.T) {
	author, other := alice.PubKey().String(), id2
	const d = ":on-bots"
	mine, theirs, list := "30023:"+author+d, "30023:"+other+d, "30003:"+author+d
	for _, v := range []struct {
		tags nostr.Tags
		want string
	}{
		{nostr.Tags{{"p", author}, {"k", "30023"}, {"a", mine}}, mine},
		{nostr.Tags{{"a", mine}}, mine}, // where nothing is told nothing contradicts
		{nostr.Tags{{"p", author}, {"a", mine}}, mine},
		{nostr.Tags{{"k", "30023"}, {"a", mine}}, mine},
		{nostr.Tags{{"p", author}, {"k", "web"}, {"a", mine}}, mine},
		{nostr.Tags{{"p", author}, {"k", "030023"}, {"a", mine}}, mine},
		{nostr.Tags{{"p", author}, {"a", theirs}}, ""},
		{nostr.Tags{{"p", other}, {"p", author}, {"a", theirs}}, ""},
		{nostr.Tags{{"e", id1, "", author}, {"a", theirs}}, ""},
		{nostr.Tags{{"p", author}, {"k", "1"}, {"a", mine}}, ""},
		{nostr.Tags{{"p", author}, {"k", "1111"}, {"a", mine}}, ""},
		{nostr.Tags{{"a", mine}, {"p", author}, {"k", "30023"}, {"a", theirs}, {"a", list}}, mine},
		{nostr.Tags{{"a", list}, {"p", author}, {"a", mine}, {"a", theirs}, {"a", "x"}}, mine}, // the last one, as of the others
	} {
		r, err := nip25.Parse(&nostr.Event{Kind: 7, Tags: append(nostr.Tags{{"e", id1}}, v.tags...)})
		require.NoError(t, err)
		assert.Equal(t, v.want, r.Address, v.tags)
	}
}

func TestTheKindOfAnEventIsANumber(t *testing.T) {
	for k, want := range map[string]string{"1": "1", "0": "0", "65535": "65535", "": "", "web": "", "01": "", "-1": "", "+1": "", "65536": "", "1 ": ""} {
		assert.Equal(t, want, parse(t, "+", nostr.Tag{"k", k}).Kind, k)
	}
	r, err := nip25.Parse(&nostr.Event{Kind: 17, Tags: nostr.Tags{{"k", "web"}, {"i", "https://example.com"}}})
	require.NoError(t, err)
	assert.Equal(t, "web", r.Kind)
}

func TestAReactionIsToSomething(t *testing.T) {
	for _, ev := range []nostr.Event{
		{Kind: 7}, {Kind: 7, Tags: nostr.Tags{{"p", id1}}}, {Kind: 7, Tags: nostr.Tags{{"e"}, {"e", ""}, {"e", id1[1:]}, {"E", id1}, {"a", "30023:" + id1 + ":x"}, {"i", "https://example.com"}}},
		{Kind: 17}, {Kind: 17, Tags: nostr.Tags{{"e", id1}, {"k", "web"}, {"i"}, {"i", ""}}},
	} {
		_, err := nip25.Parse(&ev)
		assert.ErrorIs(t, err, nip25.ErrNoTarget, ev.Tags)
	}
	for _, kind := range []nostr.Kind{1, 6, 8, 16} {
		_, err := nip25.Parse(&nostr.Event{Kind: kind, Tags: nostr.Tags{{"e", id1}}})
		assert.ErrorIs(t, err, nip25.ErrKind)
	}
}

func TestACustomEmojiHasATagAndAWebAddress(t *testing.T) {
	const url = "https://example.com/soapbox.png"
	r := parse(t, ":soapbox:", nostr.Tag{"emoji", "other", url}, nostr.Tag{"emoji", "soapbox", url})
	assert.Equal(t, nip25.Custom, r.Value)
	assert.Equal(t, "soapbox", r.Shortcode)
	assert.Equal(t, url, r.URL)
	for _, v := range []struct {
		content string
		tag     nostr.Tag
	}{
		{":soapbox:", nostr.Tag{"emoji", "soapbox"}}, {":soapbox:", nostr.Tag{"emoji", "soapbox", ""}}, {":soapbox:", nostr.Tag{"emoji", "soapbox", "javascript:alert(1)"}},
		{":soapbox:", nostr.Tag{"emoji", "soapbox", "data:image/png;base64,AA"}}, {":soapbox:", nostr.Tag{"emoji", "soapbox", "https://"}}, {":soapbox:", nostr.Tag{"emoji", "soapbox", "/x.png"}},
		{":soapbox:", nostr.Tag{"emoji", "Soapbox", url}}, {"soapbox", nostr.Tag{"emoji", "soapbox", url}}, {":soapbox", nostr.Tag{"emoji", "soapbox", url}}, {"::", nostr.Tag{"emoji", "", url}}, {":", nostr.Tag{"emoji", "", url}},
		{":a::b:", nostr.Tag{"emoji", "a", url}}, {":a::b:", nostr.Tag{"emoji", "a::b", url}}, {":soapbox: ", nostr.Tag{"emoji", "soapbox", url}}, {":soap box:", nostr.Tag{"emoji", "soap box", url}},
	} {
		r := parse(t, v.content, v.tag)
		assert.Equal(t, nip25.Other, r.Value, v)
		assert.Empty(t, r.Shortcode)
		assert.Empty(t, r.URL)
	}
}

func TestExternalTargetsArePairs(t *testing.T) {
	r, err := nip25.Parse(&nostr.Event{Kind: 17, Content: "+", Tags: nostr.Tags{
		{"k", "podcast:guid"}, {"i", "podcast:guid:917393e3", "https://fountain.fm/show/Q"}, {"k", "podcast:item:guid"}, {"i", "podcast:item:guid:PC20-229"}, {"i", "more"},
	}})
	require.NoError(t, err)
	assert.Equal(t, nip25.Like, r.Value)
	assert.Zero(t, r.Target)
	assert.Equal(t, []nip25.External{
		{Kind: "podcast:guid", ID: "podcast:guid:917393e3", Hint: "https://fountain.fm/show/Q"}, {Kind: "podcast:item:guid", ID: "podcast:item:guid:PC20-229"}, {ID: "more"},
	}, r.External)
}

func TestReactionsSurviveTheRoundTrip(t *testing.T) {
	for _, target := range []nostr.Event{{Kind: 1}, {Kind: 0}, {Kind: 30023, Tags: nostr.Tags{{"d", "x:y"}}}} {
		target.CreatedAt = 1
		require.NoError(t, target.Sign(alice))
		for _, hint := range []string{hint, "", "https://no.relay"} {
			ev := nip25.New(&target, hint, "-")
			require.NoError(t, ev.Validate())
			assert.EqualValues(t, 7, ev.Kind)
			r, err := nip25.Parse(&ev)
			require.NoError(t, err)
			assert.Equal(t, nip25.Reaction{
				Target:  nostr.EventRef{ID: target.ID, Relay: nostr.RelayHint(hint), Author: alice.PubKey()},
				Address: target.Address(), Kind: fmt.Sprint(target.Kind), Value: nip25.Dislike, Content: "-",
			}, r)
		}
		ev, err := nip25.NewCustom(&target, hint, "soap_box-1", "https://example.com/x.png")
		require.NoError(t, err)
		r, err := nip25.Parse(&ev)
		require.NoError(t, err)
		assert.Equal(t, nip25.Custom, r.Value)
		assert.Equal(t, "soap_box-1", r.Shortcode)
		for _, bad := range [][2]string{{"", "https://x.com/"}, {":x:", "https://x.com/"}, {"a b", "https://x.com/"}, {"\u00fc", "https://x.com/"}, {"x", ""}, {"x", "ftp://x.com/"}, {"x", "javascript:x"}} {
			_, err := nip25.NewCustom(&target, hint, bad[0], bad[1])
			assert.ErrorIs(t, err, nip25.ErrEmoji, bad)
		}
	}
	page := nip25.External{Kind: "web", ID: "https://example.com/", Hint: "https://example.com/about"}
	ev := nip25.NewExternal(page, "\u2b50")
	r, err := nip25.Parse(&ev)
	require.NoError(t, err)
	assert.Equal(t, []nip25.External{page}, r.External)
	assert.Equal(t, "web", r.Kind)
}

func TestValuesHaveNames(t *testing.T) {
	assert.Equal(t, "like", nip25.Like.String())
	assert.Equal(t, "Value(9)", nip25.Value(9).String())
}

func FuzzParse(f *testing.F) {
	f.Add(uint16(7), ":soapbox:", "e", id1, "soapbox", "https://example.com/x.png")
	f.Add(uint16(17), "+", "i", "https://example.com", "", "")
	f.Fuzz(func(t *testing.T, kind uint16, content, key, value, name, url string) {
		ev := &nostr.Event{Kind: nostr.Kind(kind), Content: content, Tags: nostr.Tags{{key, value}, {"emoji", name, url}}}
		r, err := nip25.Parse(ev)
		if err != nil {
			require.Zero(t, r)
			return
		}
		require.Equal(t, r.Target.ID.IsZero(), kind == 17)
		require.Equal(t, r.Value == nip25.Custom, r.URL != "")
		if r.Value == nip25.Custom {
			require.Equal(t, content, ":"+r.Shortcode+":")
			require.True(t, strings.HasPrefix(strings.ToLower(r.URL), "http"))
		}
	})
}

func Example() {
	note := nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1700000000, Content: "hello"}
	if err := note.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	like := nip25.New(&note, "wss://relay.example.com", "+")
	fmt.Println(like.Tags.Find("k"), like.Tags.Find("e").Value() == note.ID.String())

	reaction, err := nip25.Parse(&like)
	fmt.Println(reaction.Value, reaction.Target.ID == note.ID, reaction.Target.Author == note.PubKey, err)
	// Output:
	// [k 1] true
	// like true true <nil>
}
