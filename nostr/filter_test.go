package nostr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func ptr[T any](v T) *T { return &v }

func TestP16ConditionsOfAFilterAreANDed(t *testing.T) {
	ev := signed(t, nostr.Event{Kind: 1, CreatedAt: 100, Tags: nostr.Tags{{"e", hexA}, {"t", "x"}}})
	all := nostr.Filter{
		IDs: []nostr.ID{{1}, ev.ID}, Authors: []nostr.PubKey{{2}, ev.PubKey}, Kinds: []nostr.Kind{7, 1},
		Tags: nostr.TagMap{"e": {hexB, hexA}, "t": {"x"}}, Since: ptr[nostr.Timestamp](100), Until: ptr[nostr.Timestamp](100),
	}
	require.True(t, all.Matches(ev))
	assert.True(t, nostr.Filter{}.Matches(ev), "no condition, no refusal")
	for name, spoil := range map[string]func(*nostr.Filter){
		"ids":     func(f *nostr.Filter) { f.IDs = []nostr.ID{{1}} },
		"authors": func(f *nostr.Filter) { f.Authors = []nostr.PubKey{{2}} },
		"kinds":   func(f *nostr.Filter) { f.Kinds = []nostr.Kind{7} },
		"#e":      func(f *nostr.Filter) { f.Tags["e"] = []string{hexB} },
		"#t":      func(f *nostr.Filter) { f.Tags["t"] = []string{"y"} },
		"#x":      func(f *nostr.Filter) { f.Tags["x"] = []string{"x"} },
		"since":   func(f *nostr.Filter) { *f.Since = 101 },
		"until":   func(f *nostr.Filter) { *f.Until = 99 },
	} {
		f := all.Clone()
		spoil(&f)
		assert.False(t, f.Matches(ev), name)
	}
	require.True(t, all.Matches(ev), "clones share nothing")
}

func TestP17FiltersAreORed(t *testing.T) {
	ev := &nostr.Event{Kind: 1, PubKey: pubOne}
	yes, no := nostr.Filter{}.WithKinds(1), nostr.Filter{}.WithKinds(2)
	assert.True(t, nostr.Filters{no, yes}.Matches(ev))
	assert.True(t, nostr.Filters{yes, yes}.Matches(ev))
	assert.False(t, nostr.Filters{no, no}.Matches(ev))
	assert.False(t, nostr.Filters{}.Matches(ev))
	assert.False(t, nostr.Filters(nil).Matches(ev))
}

func TestP18EmptyListMatchesNothing(t *testing.T) {
	ev := &nostr.Event{Kind: 0, Tags: nostr.Tags{{"e"}, {"e", ""}}}
	for name, f := range map[string]nostr.Filter{
		"IDs":           {IDs: []nostr.ID{}},
		"Authors":       {Authors: []nostr.PubKey{}},
		"Kinds":         {Kinds: []nostr.Kind{}},
		"Tags":          {Tags: nostr.TagMap{"e": {}}},
		"Tags nil":      {Tags: nostr.TagMap{"e": nil}},
		"one of two":    {Tags: nostr.TagMap{"t": {""}, "p": {}}},
		"beside a full": {IDs: []nostr.ID{{}}, Authors: []nostr.PubKey{}},
	} {
		assert.False(t, f.Matches(ev), name)
		assert.True(t, f.MatchesNothing(), name)
		assert.NoError(t, f.Validate(), name)
		assert.True(t, f.Clone().MatchesNothing(), name)
		assert.Contains(t, f.String(), ":[]", name)
	}
	for name, f := range map[string]nostr.Filter{
		"no condition": {}, "an empty map": {Tags: nostr.TagMap{}}, "limit 0": nostr.Filter{}.WithLimit(0), "lists": {IDs: []nostr.ID{{}}, Tags: nostr.TagMap{"e": {""}}},
	} {
		assert.True(t, f.Matches(ev), name)
		assert.False(t, f.MatchesNothing(), name)
	}
}

func TestP18BuildersKeepAnEmptyListEmpty(t *testing.T) {
	var nobody []nostr.PubKey
	for name, f := range map[string]nostr.Filter{
		"ids":     nostr.Filter{}.WithIDs(),
		"authors": nostr.Filter{}.WithAuthors(nobody...),
		"kinds":   nostr.Filter{}.WithKinds(),
		"#p":      nostr.Filter{}.WithTag("p"),
	} {
		assert.True(t, f.MatchesNothing(), name)
		assert.False(t, f.Matches(&nostr.Event{}), name)
		assert.Equal(t, `{"`+name+`":[]}`, f.String())
		again := f.WithKinds(1).WithSince(1).WithLimit(5).WithSearch("x")
		if name != "kinds" {
			assert.True(t, again.MatchesNothing(), name)
		}
	}
}

func TestMatchesNothingWhenSinceIsAfterUntil(t *testing.T) {
	assert.True(t, nostr.Filter{}.WithSince(101).WithUntil(100).MatchesNothing())
	assert.False(t, nostr.Filter{}.WithSince(100).WithUntil(100).MatchesNothing())
}

func TestP19IDsAreCompleteLowerCaseHex(t *testing.T) {
	for _, key := range []string{"ids", "authors", "#e", "#p"} {
		good := fmt.Sprintf(`{%q:[%q,%q]}`, key, hexA, hexB)
		f, n, err := nostr.ParseFilter([]byte(good))
		require.NoError(t, err)
		assert.Equal(t, len(good), n)
		assert.Equal(t, good, f.String())
		for _, bad := range []string{hexA[:63], hexA[:8], hexA + "0", strings.ToUpper(hexA), "", "npub1" + hexA[:59], hexA[:63] + "g"} {
			_, _, err := nostr.ParseFilter(fmt.Appendf(nil, `{%q:[%q,%q]}`, key, hexA, bad))
			var parse *nostr.ParseError
			require.ErrorAs(t, err, &parse, "%s %s", key, bad)
			assert.Equal(t, key+"[1]", parse.Field)
			if key[0] == '#' {
				f := nostr.Filter{}.WithTag(key[1:], hexA, bad)
				assert.ErrorIs(t, f.Validate(), nostr.ErrInvalidFilter)
				assert.ErrorContains(t, f.Validate(), key+"[1]: want 64 lower-case hex digits")
			}
		}
	}
}

func TestP20TagFiltersLookAtTheFirstValueOnly(t *testing.T) {
	ev := &nostr.Event{Tags: nostr.Tags{{"t", "first", "second"}, {"T", "upper"}, {"x"}, {}, {"word", "w"}}}
	match := func(letter, value string) bool { return nostr.Filter{}.WithTag(letter, value).Matches(ev) }
	assert.True(t, match("t", "first"))
	assert.False(t, match("t", "second"))
	assert.False(t, match("t", "First"), "values are case-sensitive")
	assert.False(t, match("t", "upper"), "so are keys")
	assert.True(t, match("T", "upper"))
	assert.False(t, match("T", "first"))
	assert.False(t, match("x", ""), "a tag without a value has not the value \"\"")
	assert.False(t, match("", ""))

	for _, letter := range []string{"a", "z", "A", "Z", "e"} {
		_, _, err := nostr.ParseFilter(fmt.Appendf(nil, `{"#%s":[%q]}`, letter, hexA))
		assert.NoError(t, err, letter)
		assert.NoError(t, nostr.Filter{}.WithTag(letter, hexA).Validate(), letter)
	}
	for _, letter := range []string{"", "ee", "1", "-", "\u00e9", "@", "[", "`", "{", " ", "#"} {
		_, _, err := nostr.ParseFilter(fmt.Appendf(nil, `{"#%s":[%q]}`, letter, hexA))
		var parse *nostr.ParseError
		if assert.ErrorAs(t, err, &parse, "%q", letter) {
			assert.Contains(t, parse.Reason, "one letter")
			assert.Equal(t, len(`{"#":`)+len(letter), parse.Offset, "behind the key")
		}
		assert.ErrorIs(t, nostr.Filter{}.WithTag(letter, hexA).Validate(), nostr.ErrInvalidFilter, "%q", letter)
	}
}

func TestP21TagFiltersMatchWhenTheSetsMeet(t *testing.T) {
	ev := &nostr.Event{Tags: nostr.Tags{{"t", "a"}, {"t", "b"}}}
	for values, want := range map[string]bool{"a": true, "b": true, "c": false, "c b": true, "a b c": true, "c d": false} {
		assert.Equal(t, want, nostr.Filter{}.WithTag("t", strings.Fields(values)...).Matches(ev), values)
	}
}

func TestP21HugeSetsMeetQuickly(t *testing.T) {
	const n = 50_000
	ev := &nostr.Event{}
	var values []string
	for i := range n {
		ev.Tags = append(ev.Tags, nostr.Tag{"p", fmt.Sprintf("%064d", i)})
		values = append(values, fmt.Sprintf("%064d", n+i))
	}
	f := nostr.Filter{}.WithTag("p", values...)
	start := time.Now()
	assert.False(t, f.Matches(ev))
	assert.Less(t, time.Since(start), 10*time.Second, "one by one it would take minutes")
	ev.Tags[n-1][1] = values[n-1]
	assert.True(t, f.Matches(ev))
	ev.Tags[n-1][0] = "q"
	assert.False(t, f.Matches(ev))
	ev.Tags[n-1] = nostr.Tag{"p"}
	assert.False(t, f.WithTag("p", append(values, "")...).Matches(ev))
}

func TestP22SinceAndUntilAreInclusive(t *testing.T) {
	f := nostr.Filter{}.WithSince(100).WithUntil(200)
	for at, want := range map[nostr.Timestamp]bool{99: false, 100: true, 150: true, 200: true, 201: false} {
		assert.Equal(t, want, f.Matches(&nostr.Event{CreatedAt: at}), at)
	}
	zero := nostr.Filter{}.WithUntil(0)
	assert.True(t, zero.Matches(&nostr.Event{}))
	assert.False(t, zero.Matches(&nostr.Event{CreatedAt: 1}), "until 0 is a condition")
}

func TestP23LimitIsNoConditionOnAnEvent(t *testing.T) {
	for _, f := range []nostr.Filter{nostr.Filter{}.WithLimit(0), nostr.Filter{}.WithLimit(1), {Limit: -1}} {
		assert.True(t, f.Matches(&nostr.Event{}))
		assert.True(t, f.Matches(&nostr.Event{}))
	}
	assert.True(t, nostr.Filter{}.WithSearch("anything").Matches(&nostr.Event{}), "P58: the local matcher does not require search")
}

func TestFilterMatchesComparesTagValuesAsStrings(t *testing.T) {
	ev := &nostr.Event{Tags: nostr.Tags{{"e", "not hex"}}}
	assert.True(t, nostr.Filter{}.WithTag("e", "not hex").Matches(ev))
}

func TestBuildersCopy(t *testing.T) {
	base := nostr.Filter{}.WithKinds(1).WithTag("t", "a").WithSince(5)
	before := base.String()
	kinds := []nostr.Kind{7}
	derived := base.WithKinds(kinds...).WithTag("t", "b").WithTag("p", hexA).WithIDs(nostr.ID{1}).
		WithAuthors(pubOne).WithSince(6).WithUntil(9).WithLimit(3).WithSearch("q")
	kinds[0] = 8
	assert.Equal(t, before, base.String())
	assert.Equal(t, []nostr.Kind{7}, derived.Kinds)
	clone := derived.Clone()
	assert.Equal(t, derived, clone)
	clone.Tags["t"][0], *clone.Since, clone.Authors[0] = "z", 0, nostr.PubKey{}
	assert.Equal(t, `{"ids":["01`+strings.Repeat("0", 62)+`"],"authors":["`+pubOne.String()+`"],"kinds":[7],"#p":["`+hexA+`"],"#t":["b"],"since":6,"until":9,"limit":3,"search":"q"}`, derived.String())

	assert.Equal(t, nostr.Filter{}, nostr.Filter{}.Clone(), "nil stays nil")
	limit := nostr.Filter{}.WithLimit(0)
	assert.True(t, limit.LimitZero)
	assert.False(t, limit.WithLimit(1).LimitZero)
}

func TestValidateNamesTheField(t *testing.T) {
	for msg, f := range map[string]nostr.Filter{
		"limit is negative":                 {Limit: -1},
		"limit is 5 and LimitZero is set":   {Limit: 5, LimitZero: true},
		"since is negative":                 {Since: ptr[nostr.Timestamp](-1)},
		"until is negative":                 {Until: ptr[nostr.Timestamp](-1)},
		"search is not UTF-8":               {Search: "\xff"},
		"#t[1]: not UTF-8":                  {Tags: nostr.TagMap{"t": {"a", "\xff"}}},
		"#p[0]: want 64 lower-case hex":     {Tags: nostr.TagMap{"p": {"x"}}},
		`tag key "#e" is not one letter`:    {Tags: nostr.TagMap{"#e": {hexA}}},
		`tag key "kkkkkkkkkkkkkkkkkkkkkkkk`: {Tags: nostr.TagMap{strings.Repeat("k", 1000): {"x"}}},
	} {
		err := f.Validate()
		assert.ErrorIs(t, err, nostr.ErrInvalidFilter, msg)
		assert.ErrorContains(t, err, msg)
		assert.Less(t, len(err.Error()), 200)
		_, err = f.MarshalJSON()
		assert.ErrorIs(t, err, nostr.ErrInvalidFilter, msg)
	}
}

func TestMatchingDoesNotAllocate(t *testing.T) {
	ev, _ := benchEvent(t)
	f := nostr.Filter{}.WithAuthors(pubOne, ev.PubKey).WithKinds(1).WithTag("p", ev.Tags[1][1]).WithSince(1)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if !f.Matches(ev) {
			panic("no match")
		}
	}))
}

// Lists are searched by the beginnings of their entries first: what begins alike is not the same.
func TestMatchesComparesWholeKeys(t *testing.T) {
	alike, other := nostr.PubKey{1, 2, 3, 4, 5, 6, 7, 8, 9}, nostr.PubKey{1, 2, 3, 4, 5, 6, 7, 8, 10}
	f := nostr.Filter{Authors: []nostr.PubKey{{}, alike, alike}, IDs: []nostr.ID{nostr.ID(other)}}
	assert.True(t, f.Matches(&nostr.Event{PubKey: alike, ID: nostr.ID(other)}))
	assert.False(t, f.Matches(&nostr.Event{PubKey: other, ID: nostr.ID(other)}))
	assert.False(t, f.Matches(&nostr.Event{PubKey: alike, ID: nostr.ID(alike)}))
	tags := nostr.Filter{Tags: nostr.TagMap{"t": {"ab", "abc", "b"}}}
	for value, want := range map[string]bool{"ab": true, "abc": true, "b": true, "a": false, "abd": false, "": false, "ac": false} {
		assert.Equal(t, want, tags.Matches(&nostr.Event{Tags: nostr.Tags{{"t", value}}}), value)
	}
}
