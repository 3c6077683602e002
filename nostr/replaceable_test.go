package nostr_test

import (
	"fmt"
	"math"
	"slices"
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
	}), 1700000000)
	require.Len(t, got, len(want))
	for i := range want {
		assert.Same(t, want[i], got[i], "%d", i)
	}
	assert.Empty(t, nostr.Latest(slices.Values([]*nostr.Event{}), 1700000000))
}

func TestP09OldVersionsLoseWhateverTheOrder(t *testing.T) {
	versions := []*nostr.Event{
		{ID: nostr.ID{5}, Kind: 3, CreatedAt: 1}, {ID: nostr.ID{4}, Kind: 3, CreatedAt: 3}, {ID: nostr.ID{3}, Kind: 3, CreatedAt: 3}, {ID: nostr.ID{2}, Kind: 3, CreatedAt: 2},
	}
	for i := range versions {
		for j := range versions {
			order := slices.Clone(versions)
			order[i], order[j] = order[j], order[i]
			got := nostr.Latest(slices.Values(order), 1700000000)
			require.Len(t, got, 1)
			require.Equal(t, nostr.ID{3}, got[0].ID)
		}
	}
}

// A list dated in milliseconds would hide all later ones until the year 55840.
func TestADateFarAheadDoesNotWinForEver(t *testing.T) {
	const now nostr.Timestamp = 1700000000
	version := func(at nostr.Timestamp, id byte) *nostr.Event {
		return &nostr.Event{ID: nostr.ID{id}, Kind: nostr.KindFollowList, CreatedAt: at}
	}
	milliseconds, older, newest, skewed := version((now-10)*1000, 1), version(now-100, 2), version(now-5, 3), version(now+nostr.MaxAhead, 4)
	endOfTime := version(math.MaxInt64, 5)
	for name, c := range map[string]struct {
		versions []*nostr.Event
		want     *nostr.Event
	}{
		"milliseconds":          {[]*nostr.Event{milliseconds, older, newest, endOfTime}, newest},
		"a clock that is ahead": {[]*nostr.Event{milliseconds, older, newest, skewed, endOfTime}, skewed},
		"nothing else":          {[]*nostr.Event{version(now*900, 6), milliseconds}, milliseconds},
		"one second":            {[]*nostr.Event{version(now*1000, 9), version(now*1000, 8), version(now*1000, 10)}, version(now*1000, 8)},
	} {
		for range c.versions { // whatever the order
			c.versions = append(c.versions[1:], c.versions[0])
			got := nostr.Latest(slices.Values(c.versions), now)
			require.Len(t, got, 1, name)
			assert.Equal(t, c.want, got[0], name)
			slices.Reverse(c.versions)
			assert.Equal(t, []*nostr.Event{c.want}, nostr.Latest(slices.Values(c.versions), now), name)
			slices.Reverse(c.versions)
			for _, v := range c.versions {
				assert.Equal(t, v.ID != c.want.ID, c.want.SupersedesAt(v, now), name)
				assert.False(t, v.SupersedesAt(c.want, now), name)
			}
		}
	}
	assert.True(t, milliseconds.Supersedes(newest), "as relays take it")
	stranger := *newest
	stranger.PubKey[0]++
	assert.False(t, newest.SupersedesAt(&stranger, now))
	assert.Equal(t, []*nostr.Event{skewed}, nostr.Latest(slices.Values([]*nostr.Event{newest, skewed}), now), "a quarter of an hour is believed")
	assert.Equal(t, []*nostr.Event{newest}, nostr.Latest(slices.Values([]*nostr.Event{newest, skewed}), now-1), "and not a second more")
}

func ExampleLatest() {
	answers := []*nostr.Event{ // of three relays, one of them behind
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1700000000, Content: `{"name":"new"}`},
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1600000000, Content: `{"name":"old"}`},
		{Kind: nostr.KindProfileMetadata, CreatedAt: 1700000000, Content: `{"name":"new"}`},
	}
	for _, e := range nostr.Latest(slices.Values(answers), nostr.Now()) {
		fmt.Println(e.Content)
	}
	// Output: {"name":"new"}
}
