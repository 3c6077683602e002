package nip17_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

func TestRelayLists(t *testing.T) {
	e, err := nip17.NewRelayList("wss://inbox.nostr.wine", "wss://MyRelay.nostr1.com/x/")
	require.NoError(t, err)
	assert.Equal(t, nostr.KindDMRelayList, e.Kind)
	assert.Equal(t, nostr.Tags{{"relay", "wss://inbox.nostr.wine"}, {"relay", "wss://MyRelay.nostr1.com/x/"}}, e.Tags)
	require.NoError(t, e.Sign(alice))
	relays, err := nip17.ParseRelayList(&e)
	require.NoError(t, err)
	assert.Equal(t, []string{"wss://inbox.nostr.wine", "wss://MyRelay.nostr1.com/x/"}, relays, "as they are written: that is how they are dialled")

	e, err = nip17.NewRelayList(" wss://relay.example.com\n", "wss://relay.example.com/")
	require.NoError(t, err)
	assert.Equal(t, nostr.Tags{{"relay", "wss://relay.example.com"}}, e.Tags, "once, and without white space")
	_, err = nip17.NewRelayList("wss://wss://relay.example.com")
	assert.ErrorIs(t, err, nostr.ErrInvalidURL)

	_, err = nip17.NewRelayList("wss://relay.example.com", "relay.example.com")
	assert.ErrorIs(t, err, nostr.ErrInvalidURL)
	_, err = nip17.ParseRelayList(&nostr.Event{Kind: 10002})
	assert.ErrorIs(t, err, nip17.ErrOtherKind)
	relays, err = nip17.ParseRelayList(&nostr.Event{Kind: 10050, Tags: nostr.Tags{
		{"relay", "https://x.example.com"}, {"relay", ""}, {"relay"}, {"r", "wss://r.example.com"}, {"relay", " wss://relay.example.com/ "}, {"relay", "wss://relay.example.com", "read"},
	}})
	require.NoError(t, err)
	assert.Equal(t, []string{"wss://relay.example.com/"}, relays)
	relays, err = nip17.ParseRelayList(&nostr.Event{Kind: 10050})
	require.NoError(t, err)
	assert.Empty(t, relays)
}

func TestRelayListsInTheSharedData(t *testing.T) {
	var file struct {
		Lists []struct {
			Name   string
			ID     *nostr.ID
			Event  *nostr.Event
			Expect []string
		} `json:"dm_relays_kind_10050"`
	}
	vectors.JSON(t, "nip65.json", &file)
	for i, c := range file.Lists {
		if c.ID == nil {
			continue
		}
		lines(t, "real-events.jsonl", func(line []byte) {
			var e nostr.Event
			require.NoError(t, json.Unmarshal(line, &e))
			if e.ID == *c.ID {
				file.Lists[i].Event = &e
			}
		})
	}
	for _, c := range file.Lists {
		require.NoError(t, c.Event.Verify(), c.Name)
		relays, err := nip17.ParseRelayList(c.Event)
		require.NoError(t, err, c.Name)
		normal := []string{}
		for _, url := range relays {
			n, err := nostr.NormalizeURL(url)
			require.NoError(t, err)
			normal = append(normal, n)
		}
		assert.Equal(t, c.Expect, normal, c.Name)
	}
	assert.Len(t, file.Lists, 7)
}

func TestP65TheInboxReachesTwoDaysFurtherBack(t *testing.T) {
	f := nip17.InboxFilter(bob.PubKey(), 0)
	assert.Equal(t, `{"kinds":[1059],"#p":["`+bob.PubKey().String()+`"]}`, f.String())
	f = nip17.InboxFilter(bob.PubKey(), 1700172800)
	assert.Equal(t, nostr.Timestamp(1700000000), *f.Since)
	f = nip17.InboxFilter(bob.PubKey(), 5)
	assert.Equal(t, nostr.Timestamp(0), *f.Since)
	wrap := prepare(t, alice, nip17.Message{To: pks(bob), Content: "x"}).ToThem[0].Wrap
	f = nip17.InboxFilter(bob.PubKey(), nostr.Now()-5)
	assert.True(t, f.Matches(wrap))

	assert.Equal(t, `{"authors":["`+bob.PubKey().String()+`"],"kinds":[10050]}`, nip17.RelayListFilter(bob.PubKey()).String())
	assert.True(t, nip17.RelayListFilter().MatchesNothing())
}
