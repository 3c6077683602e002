package reqs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

func pick[T any](t *rapid.T, name string, from []T, most int) []T {
	if rapid.Bool().Draw(t, name+" at all") {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(from), 0, most).Draw(t, name)
}

// Compiled or not, a filter says the same of every event.
func TestCompiledFiltersAgreeWithTheirSource(t *testing.T) {
	var (
		ids     []nostr.ID
		authors []nostr.PubKey
		kinds   []nostr.Kind
		values  []string
	)
	for i := range 20 {
		ids, authors = append(ids, nostr.ID{byte(i / 4), 31: byte(i)}), append(authors, nostr.PubKey{byte(i / 4), 31: byte(i)})
		kinds, values = append(kinds, nostr.Kind(i*i*i)), append(values, strconv.Itoa(i))
	}
	rapid.Check(t, func(t *rapid.T) {
		var filters []nostr.Filter
		for range rapid.IntRange(0, 3).Draw(t, "filters") {
			f := nostr.Filter{IDs: pick(t, "ids", ids, 15), Authors: pick(t, "authors", authors, 15), Kinds: pick(t, "kinds", kinds, 15)}
			for _, letter := range pick(t, "letters", []string{"t", "e", "T"}, 2) {
				if f.Tags == nil {
					f.Tags = nostr.TagMap{}
				}
				f.Tags[letter] = rapid.SliceOfN(rapid.SampledFrom(values), 0, 15).Draw(t, "values")
			}
			if rapid.Bool().Draw(t, "since") {
				since := nostr.Timestamp(rapid.IntRange(0, 9).Draw(t, "at"))
				f.Since = &since
			}
			if rapid.Bool().Draw(t, "until") {
				until := nostr.Timestamp(rapid.IntRange(0, 9).Draw(t, "at"))
				f.Until = &until
			}
			filters = append(filters, f)
		}
		compiled := reqs.Compile(filters)
		for range 20 {
			e := &nostr.Event{
				ID: rapid.SampledFrom(ids).Draw(t, "id"), PubKey: rapid.SampledFrom(authors).Draw(t, "author"),
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), CreatedAt: nostr.Timestamp(rapid.IntRange(0, 9).Draw(t, "created_at")),
			}
			for range rapid.IntRange(0, 4).Draw(t, "tags") {
				tag := nostr.Tag{rapid.SampledFrom([]string{"t", "e", "T", "tt"}).Draw(t, "letter")}
				e.Tags = append(e.Tags, append(tag, rapid.SliceOfN(rapid.SampledFrom(values), 0, 2).Draw(t, "tag")...))
			}
			require.Equal(t, nostr.Filters(filters).Matches(e), compiled.Match(e), "%v, %v", filters, e)
		}
	})
}

func TestAnythingIsAskedForWhereFiltersCannotBeRead(t *testing.T) {
	table := reqs.New(grace)
	table.Open("a", reqs.Anything(), nil, at(0))
	assert.Equal(t, reqs.Accept, table.Event("a", event(7), at(1)).Verdict)
	table.Open("a", reqs.Compile(kinds(1)), nil, at(2))
	assert.Equal(t, reqs.Late, table.Event("a", event(7), at(3)).Verdict)
}

func large(n int) (authors, tags *reqs.Filters, e *nostr.Event) {
	var keys []nostr.PubKey
	var values []string
	for i := range n {
		key := nostr.PubKey(sha256.Sum256([]byte(strconv.Itoa(i))))
		keys, values = append(keys, key), append(values, hex.EncodeToString(key[:]))
	}
	e = event(1)
	e.PubKey = keys[n/3]
	e.Tags = nostr.Tags{{"e", "0000"}, {"p", values[n/2][:63] + "x"}, {"p", values[n/3]}}
	return reqs.Compile([]nostr.Filter{{Authors: keys}}), reqs.Compile([]nostr.Filter{{Tags: nostr.TagMap{"p": values}}}), e
}

// A signature in a batch takes about 6 µs; matching may take a tenth of that.
func BenchmarkMatch(b *testing.B) {
	authors, tags, e := large(5_000)
	for name, filters := range map[string]*reqs.Filters{"authors=5000": authors, "tags=5000": tags} {
		require.True(b, filters.Match(e))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				filters.Match(e)
			}
		})
	}
}

func TestMatchingALargeFilterDoesNotAllocate(t *testing.T) {
	authors, tags, e := large(5_000)
	assert.Zero(t, testing.AllocsPerRun(100, func() { authors.Match(e); tags.Match(e) }))
}
