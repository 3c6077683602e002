package nip22_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip22"
)

const hint = "wss://relay.example.com"

var (
	alice = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	bob   = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "2")
	id1   = strings.Repeat("1", 64)
	id2   = strings.Repeat("2", 64)
	pk1   = strings.Repeat("a", 64)
)

func signed(t testing.TB, sk nostr.SecretKey, ev nostr.Event) *nostr.Event {
	t.Helper()
	ev.CreatedAt = 1700000000
	require.NoError(t, ev.Sign(sk))
	return &ev
}

// Every choice that the data leaves open is taken as it suggests.
func TestTheCommentsOfTheFile(t *testing.T) {
	rows := vectors.Parses(t, 22)
	require.Len(t, rows, 24)
	type item struct {
		A, E, I string
		Kind    *string
	}
	for _, row := range rows {
		var want struct{ Root, Parent *item }
		row.Want(t, &want)
		c, err := nip22.Parse(row.Event)
		complete := want.Root != nil && want.Parent != nil && want.Root.Kind != nil && want.Parent.Kind != nil
		if complete {
			assert.NoError(t, err, row.Name)
		} else {
			assert.ErrorIs(t, err, nip22.ErrMalformed, row.Name)
		}
		for _, side := range []struct {
			want *item
			got  nip22.Item
		}{{want.Root, c.Root}, {want.Parent, c.Parent}} {
			if side.want == nil {
				assert.True(t, side.got.IsZero(), row.Name)
				continue
			}
			assert.Equal(t, side.want.A, side.got.Address, row.Name)
			assert.Equal(t, side.want.I, side.got.External, row.Name)
			if side.want.A == "" && side.want.I == "" {
				assert.Equal(t, side.want.E, side.got.Event.ID.String(), row.Name)
			}
			if side.want.Kind != nil {
				assert.Equal(t, *side.want.Kind, side.got.Kind, row.Name)
			} else {
				assert.Empty(t, side.got.Kind, row.Name)
			}
		}
	}
}

// The example of NIP-22: a comment on an article.
func TestACommentOnAnAddressableEvent(t *testing.T) {
	article := signed(t, alice, nostr.Event{Kind: 30023, Tags: nostr.Tags{{"d", "f9347ca7"}}})
	author, address := alice.PubKey().String(), article.Address()
	ev, err := nip22.New(article, hint, "Great blog post!")
	require.NoError(t, err)
	assert.EqualValues(t, 1111, ev.Kind)
	assert.Equal(t, "Great blog post!", ev.Content)
	assert.Equal(t, nostr.Tags{
		{"A", address, hint}, {"K", "30023"}, {"P", author, hint},
		{"a", address, hint}, {"e", article.ID.String(), hint, author}, {"k", "30023"}, {"p", author, hint},
	}, ev.Tags)
	c, err := nip22.Parse(&ev)
	require.NoError(t, err)
	assert.Equal(t, nip22.ItemOf(article, hint), c.Parent)
	assert.Equal(t, address, c.Root.Address)
	assert.Equal(t, alice.PubKey(), c.Root.Author)
}

func TestACommentOnAFileAndRepliesToIt(t *testing.T) {
	file := signed(t, alice, nostr.Event{Kind: 1063})
	first, err := nip22.New(file, "", "Great file!")
	require.NoError(t, err)
	assert.Equal(t, nostr.Tags{
		{"E", file.ID.String(), "", alice.PubKey().String()}, {"K", "1063"}, {"P", alice.PubKey().String()},
		{"e", file.ID.String(), "", alice.PubKey().String()}, {"k", "1063"}, {"p", alice.PubKey().String()},
	}, first.Tags)
	parent := signed(t, bob, first)
	for range 3 { // however deep, the root stays
		reply, err := nip22.New(parent, hint, "a reply")
		require.NoError(t, err)
		c, err := nip22.Parse(&reply)
		require.NoError(t, err)
		assert.Equal(t, file.ID, c.Root.Event.ID)
		assert.Equal(t, "1063", c.Root.Kind)
		assert.Equal(t, alice.PubKey(), c.Root.Author)
		assert.Equal(t, parent.ID, c.Parent.Event.ID)
		assert.Equal(t, "1111", c.Parent.Kind)
		assert.Equal(t, bob.PubKey(), c.Parent.Author)
		assert.Equal(t, hint, c.Parent.Hint)
		parent = signed(t, bob, reply)
	}
}

func TestACommentOnAWebPageAndAReplyToIt(t *testing.T) {
	ev := nip22.NewExternal("https://abc.com/articles/1", "web", "", "Nice article!")
	assert.Equal(t, nostr.Tags{{"I", "https://abc.com/articles/1"}, {"K", "web"}, {"i", "https://abc.com/articles/1"}, {"k", "web"}}, ev.Tags)
	reply, err := nip22.New(signed(t, alice, ev), hint, "yes")
	require.NoError(t, err)
	c, err := nip22.Parse(&reply)
	require.NoError(t, err)
	assert.Equal(t, nip22.Item{External: "https://abc.com/articles/1", Kind: "web"}, c.Root)
	assert.Equal(t, "1111", c.Parent.Kind)
	assert.Equal(t, alice.PubKey(), c.Parent.Author)
}

func TestCommentsDoNotAnswerNotes(t *testing.T) {
	_, err := nip22.New(&nostr.Event{Kind: 1}, hint, "x")
	assert.ErrorIs(t, err, nip22.ErrTextNote)
}

func TestAnsweringAMalformedComment(t *testing.T) {
	// Of a first comment that names its parent only, the parent is the root.
	first := signed(t, alice, nostr.Event{Kind: 1111, Tags: nostr.Tags{{"p", pk1}, {"k", "1063"}, {"e", id1, "", pk1}}})
	ev, err := nip22.New(first, "", "x")
	require.NoError(t, err)
	c, err := nip22.Parse(&ev)
	require.NoError(t, err)
	assert.Equal(t, id1, c.Root.Event.ID.String())
	assert.Equal(t, "1063", c.Root.Kind)
	for _, tags := range []nostr.Tags{nil, {{"k", "1111"}, {"e", id1}}, {{"E", id1}, {"e", id1}, {"k", "1063"}}, {{"K", "web"}, {"I", ""}}} {
		_, err := nip22.New(signed(t, alice, nostr.Event{Kind: 1111, Tags: tags}), "", "x")
		assert.ErrorIs(t, err, nip22.ErrMalformed, tags)
	}
}

// An address says of what kind it is: a tag that says otherwise is not passed on in an answer.
func TestTheKindOfAnAddressIsTheAddresss(t *testing.T) {
	address := "30023:" + pk1 + ":x"
	for _, kind := range []string{"1", "web", "030023", "99999", "-1"} {
		first := signed(t, alice, nostr.Event{Kind: 1111, Tags: nostr.Tags{{"A", address}, {"K", kind}, {"a", address}, {"k", kind}}})
		c, err := nip22.Parse(first)
		require.NoError(t, err)
		assert.Equal(t, "30023", c.Root.Kind)
		assert.Equal(t, "30023", c.Parent.Kind)
		answer, err := nip22.New(first, "", "x")
		require.NoError(t, err)
		assert.Equal(t, "30023", answer.Tags.Find("K").Value())
	}
}

// The kinds of what is on Nostr are numbers, those of other things NIP-73's words. One in the
// other's place tells nothing, and is not passed on in an answer.
func TestAKindIsOfItsItemsSort(t *testing.T) {
	const page = "https://example.com/"
	for _, v := range []struct {
		tag, kind string
		good      bool
	}{
		{"E", "1063", true}, {"E", "0", true}, {"E", "65535", true},
		{"E", "web", false}, {"E", "isbn", false}, {"E", "01063", false}, {"E", "65536", false}, {"E", "-1", false}, {"E", " 1", false},
		{"I", "web", true}, {"I", "#", true}, {"I", "podcast:item:guid", true}, {"I", "something new", true}, {"I", "99999", true}, // no event has that kind
		{"I", "1063", false}, {"I", "1", false},
	} {
		value := id1
		if v.tag == "I" {
			value = page
		}
		tags := nostr.Tags{{v.tag, value}, {"K", v.kind}, {strings.ToLower(v.tag), value}, {"k", v.kind}}
		first := signed(t, alice, nostr.Event{Kind: 1111, Tags: tags})
		c, err := nip22.Parse(first)
		answer, failed := nip22.New(first, "", "x")
		if v.good {
			assert.NoError(t, err, v)
			assert.Equal(t, v.kind, c.Root.Kind)
			assert.Equal(t, v.kind, c.Parent.Kind)
			assert.NoError(t, failed, v)
			assert.Equal(t, v.kind, answer.Tags.Find("K").Value())
			continue
		}
		assert.ErrorIs(t, err, nip22.ErrMalformed, v)
		assert.False(t, c.Root.IsZero() || c.Parent.IsZero(), "what is plain is there all the same")
		assert.Empty(t, c.Root.Kind)
		assert.Empty(t, c.Parent.Kind)
		assert.ErrorIs(t, failed, nip22.ErrMalformed, v)
	}
}

func TestTheKindDecidesBetweenTwoParents(t *testing.T) {
	root := nostr.Tags{{"E", id1}, {"K", "1063"}}
	address := "30023:" + pk1 + ":x"
	for _, v := range []struct {
		tags nostr.Tags
		want string
	}{
		{nostr.Tags{{"a", address}, {"e", id2}, {"k", "30023"}}, address},
		{nostr.Tags{{"a", address}, {"e", id2}, {"k", "1111"}}, id2},
		{nostr.Tags{{"i", "https://x.com"}, {"e", id2}, {"k", "1111"}}, id2},
		{nostr.Tags{{"i", "https://x.com"}, {"e", id2}, {"k", "web"}}, "https://x.com"},
		{nostr.Tags{{"i", "https://x.com"}, {"a", address}, {"e", id2}, {"k", ""}}, address},
		{nostr.Tags{{"e", "x"}, {"e", id2}, {"e", id1}, {"k", "1111"}}, id2},
		{nostr.Tags{{"i", ""}, {"i", "https://x.com"}, {"k", "5"}}, "https://x.com"},
	} {
		c, _ := nip22.Parse(&nostr.Event{Kind: 1111, Tags: append(root, v.tags...)})
		got := c.Parent.Address + c.Parent.External
		if got == "" {
			got = c.Parent.Event.ID.String()
		}
		assert.Equal(t, v.want, got, v.tags)
	}
	_, err := nip22.Parse(&nostr.Event{Kind: 1})
	assert.ErrorIs(t, err, nip22.ErrKind)
}

func FuzzParse(f *testing.F) {
	f.Add(`[["A","30023:` + pk1 + `:x","wss://r.example.com"],["K","30023"],["e","` + id1 + `"],["k","1111"]]`)
	f.Add(`[["I","https://x.com"],["K","web"],["i","https://x.com","https://y.com"],["k","web"]]`)
	f.Add(`[["E","` + id1 + `","","` + pk1 + `"],["K","1063"],["P","` + pk1 + `"],["e","x"]]`)
	f.Fuzz(func(t *testing.T, tags string) {
		ev := nostr.Event{ID: nostr.ID{1}, PubKey: nostr.PubKey{1}, Kind: nostr.KindComment}
		if json.Unmarshal([]byte(tags), &ev.Tags) != nil {
			return
		}
		c, err := nip22.Parse(&ev)
		if err == nil {
			require.False(t, c.Root.IsZero() || c.Parent.IsZero())
		}
		reply, err := nip22.New(&ev, "", "")
		if err != nil {
			require.ErrorIs(t, err, nip22.ErrMalformed)
			return
		}
		again, err := nip22.Parse(&reply)
		require.NoError(t, err)
		if !c.Root.IsZero() {
			require.Equal(t, c.Root.Address, again.Root.Address)
			require.Equal(t, c.Root.External, again.Root.External)
		}
	})
}

func ExampleNew() {
	article := nostr.Event{Kind: nostr.KindArticle, CreatedAt: 1700000000, Tags: nostr.Tags{{"d", "on-bots"}}}
	if err := article.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	ev, err := nip22.New(&article, "wss://relay.example.com", "Well said.")
	if err != nil {
		fmt.Println(err)
		return
	}
	comment, err := nip22.Parse(&ev)
	fmt.Println(comment.Root.Kind, comment.Root.Address == article.Address(), comment.Parent.Event.ID == article.ID, err)
	// Output:
	// 30023 true true <nil>
}
