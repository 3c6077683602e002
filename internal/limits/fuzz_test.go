package limits_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
)

// FuzzRefused: any text has a reason, and only one of too many subscriptions teaches.
func FuzzRefused(f *testing.F) {
	for _, texts := range words {
		for _, text := range texts {
			f.Add(text[:min(len(text), 1000)], 7)
		}
	}
	f.Fuzz(func(t *testing.T, text string, open int) {
		var l limits.Limits
		reason := l.Refused(text, open)
		require.LessOrEqual(t, reason, limits.Error)
		require.NotEmpty(t, reason.String())
		require.Equal(t, reason == limits.TooManySubscriptions, l.Notice(text))
		want := 20
		if reason == limits.TooManySubscriptions {
			want = min(max(open, 1), 20)
		}
		require.Equal(t, want, l.Subscriptions())
	})
}

// FuzzSplit takes filters as JSON.
func FuzzSplit(f *testing.F) {
	for _, filter := range []nostr.Filter{
		{}, nostr.Filter{}.WithAuthors(keys(5)...).WithLimit(3), nostr.Filter{}.WithIDs(ids(4)...).WithAuthors(keys(3)...).WithTag("t", "a", "b", "c"),
		nostr.Filter{}.WithTag("d", "", "\n", "long, and longer than others").WithTag("t").WithSearch("x").WithUntil(3),
	} {
		f.Add(filter.AppendJSON(nil), 150)
	}
	f.Fuzz(func(t *testing.T, data []byte, bytes int) {
		filter, _, err := nostr.ParseFilter(data)
		if err != nil || len(data) > 2000 {
			return
		}
		for letter := range filter.Tags {
			if letter != "d" && letter != "t" {
				return // checkSplit knows these two
			}
		}
		combinations := max(len(filter.IDs), 1) * max(len(filter.Authors), 1)
		for _, values := range filter.Tags {
			combinations *= max(len(values), 1)
		}
		if combinations > 10_000 {
			return
		}
		checkSplit(t, filter, bytes)
	})
}
