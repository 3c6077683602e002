package limits_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
)

func keys(n int) []nostr.PubKey {
	list := make([]nostr.PubKey, n)
	for i := range list {
		list[i] = sha256.Sum256(fmt.Append(nil, i))
	}
	return list
}

func ids(n int) []nostr.ID {
	list := make([]nostr.ID, n)
	for i := range list {
		list[i] = sha256.Sum256(fmt.Append(nil, "id", i))
	}
	return list
}

func size(f nostr.Filter) int { return len(f.AppendJSON(nil)) }

func TestWhatIsShortEnoughStaysWhole(t *testing.T) {
	f := nostr.Filter{}.WithAuthors(keys(100)...).WithKinds(1).WithLimit(10)
	assert.Equal(t, []nostr.Filter{f}, limits.Split(f, size(f)))
	assert.Len(t, limits.Split(f, size(f)-1), 2)
	assert.Equal(t, []nostr.Filter{{}}, limits.Split(nostr.Filter{}, 2))
}

func TestALongListIsCutIntoFewParts(t *testing.T) {
	f := nostr.Filter{}.WithAuthors(keys(10_000)...).WithKinds(0, 1).WithSince(5).WithLimit(7)
	before := f.String()
	parts := limits.Split(f, 64<<10)
	require.Len(t, parts, 11, "as few as can be")
	var authors []nostr.PubKey
	for i, p := range parts {
		require.LessOrEqual(t, size(p), 64<<10)
		if i < len(parts)-1 {
			require.Greater(t, size(p), 64<<10-67, "and full")
		}
		require.Equal(t, 7, p.Limit)
		require.Equal(t, f.Kinds, p.Kinds)
		require.Equal(t, *f.Since, *p.Since)
		authors = append(authors, p.Authors...)
	}
	assert.Equal(t, f.Authors, authors, "each once, in order")
	assert.Equal(t, before, f.String())
}

func TestWhoAppendsToAPartWritesToNoOther(t *testing.T) {
	for _, f := range []nostr.Filter{nostr.Filter{}.WithAuthors(keys(4)...), nostr.Filter{}.WithIDs(ids(4)...), nostr.Filter{}.WithTag("t", "a", "b", "c", "d")} {
		before := f.String()
		parts := limits.Split(f, size(f)-1)
		require.Len(t, parts, 2)
		_ = append(parts[0].Authors, nostr.PubKey{})
		_ = append(parts[0].IDs, nostr.ID{})
		_ = append(parts[0].Tags["t"], "x")
		assert.Equal(t, before, f.String())
	}
}

func TestTwoLongListsAreBothCut(t *testing.T) {
	f := nostr.Filter{}.WithAuthors(keys(1000)...).WithIDs(ids(1000)...)
	parts := limits.Split(f, 64<<10)
	pairs := 0
	for _, p := range parts {
		require.LessOrEqual(t, size(p), 64<<10)
		pairs += len(p.Authors) * len(p.IDs)
	}
	assert.Equal(t, 1000*1000, pairs, "every pair in one part")
	assert.Less(t, len(parts), 8)
}

func TestTagValuesAreCutWhereTheyAreLongest(t *testing.T) {
	values := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("value %d \"\n", i))
		}
		return list
	}
	f := nostr.Filter{}.WithTag("t", values(300)...).WithTag("d", values(20)...).WithTag("x").WithKinds(1)
	parts := limits.Split(f, 2000)
	var t300 []string
	for _, p := range parts {
		require.LessOrEqual(t, size(p), 2000)
		require.Equal(t, f.Tags["d"], p.Tags["d"])
		require.Equal(t, []string{}, p.Tags["x"], "an empty list stays one")
		t300 = append(t300, p.Tags["t"]...)
	}
	assert.Equal(t, f.Tags["t"], t300)
}

// Shows B28.
func TestWhatCannotBeCutComesBackAsItIs(t *testing.T) {
	many := nostr.Filter{}.WithAuthors(keys(2000)...)
	for _, c := range []struct {
		f     nostr.Filter
		bytes int
	}{
		{nostr.Filter{}.WithKinds(1, 2, 3, 4, 5, 6, 7), 20},              // kinds alone
		{nostr.Filter{}.WithAuthors(keys(1)...), 50},                     // one entry
		{nostr.Filter{}.WithTag("t", strings.Repeat("x", 100), "y"), 60}, // one long entry
		{nostr.Filter{}.WithSearch(strings.Repeat("x", 100)), 60},
		{many, 100}, // 2,000 parts
		{many, 0},
		{many, -5},
		{many.WithIDs(ids(2000)...).WithTag("e", "a", "b"), 300},
	} {
		assert.Equal(t, []nostr.Filter{c.f}, limits.Split(c.f, c.bytes), "%.60s", c.f)
	}
	assert.Len(t, limits.Split(nostr.Filter{}.WithAuthors(keys(1024)...), 100), 1024, "the most there is")
}

// checkSplit: parts are short, match what the filter matches together and alone nothing
// else, and differ from it in their lists only.
func checkSplit(t require.TestingT, f nostr.Filter, bytes int) {
	before := f.String()
	parts := limits.Split(f, bytes)
	require.Equal(t, before, f.String())
	require.NotEmpty(t, parts)
	require.LessOrEqual(t, len(parts), 1024)
	if len(parts) == 1 {
		require.Equal(t, f, parts[0])
		return
	}
	// Which entries of the lists are together in a part.
	type combination struct {
		id     nostr.ID
		author nostr.PubKey
		tags   string
	}
	combinations := func(f nostr.Filter) map[combination]bool {
		all := map[combination]bool{{}: true}
		cross := func(n int, set func(c *combination, i int)) {
			next := map[combination]bool{}
			for c := range all {
				for i := range n {
					c := c
					set(&c, i)
					next[c] = true
				}
			}
			all = next
		}
		if f.IDs != nil {
			cross(len(f.IDs), func(c *combination, i int) { c.id = f.IDs[i] })
		}
		if f.Authors != nil {
			cross(len(f.Authors), func(c *combination, i int) { c.author = f.Authors[i] })
		}
		for _, letter := range []string{"d", "t"} {
			if values, ok := f.Tags[letter]; ok {
				cross(len(values), func(c *combination, i int) { c.tags += fmt.Sprintf("%s=%q ", letter, values[i]) })
			}
		}
		return all
	}
	got := map[combination]bool{}
	for _, p := range parts {
		require.LessOrEqual(t, size(p), bytes)
		require.Equal(t, f.MatchesNothing(), p.MatchesNothing())
		for c := range combinations(p) {
			got[c] = true
		}
		p.IDs, p.Authors, p.Tags = f.IDs, f.Authors, f.Tags
		require.Equal(t, f, p)
	}
	require.Equal(t, combinations(f), got)
}

// Shows D32.
func TestThePartsAreTheWhole(t *testing.T) {
	text := rapid.StringN(0, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		var f nostr.Filter
		if rapid.Bool().Draw(t, "with ids") {
			f.IDs = ids(rapid.IntRange(0, 12).Draw(t, "ids"))
		}
		if rapid.Bool().Draw(t, "with authors") {
			f.Authors = keys(rapid.IntRange(0, 12).Draw(t, "authors"))
		}
		for _, letter := range []string{"d", "t"} {
			if rapid.Bool().Draw(t, "with "+letter) {
				f = f.WithTag(letter, rapid.SliceOfNDistinct(text, 0, 8, rapid.ID).Draw(t, letter)...)
			}
		}
		if rapid.Bool().Draw(t, "with kinds") {
			f.Kinds = []nostr.Kind{1, 2}
		}
		f.Limit = rapid.IntRange(0, 3).Draw(t, "limit")
		checkSplit(t, f, rapid.IntRange(0, size(f)+5).Draw(t, "bytes"))
	})
}
