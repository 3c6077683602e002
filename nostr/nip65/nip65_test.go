package nip65_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip65"
)

// Every choice that the data leaves open is taken as it suggests.
// Shows P59.
func TestTheListsOfTheFile(t *testing.T) {
	var file struct {
		Cases []struct {
			Name, ID string
			Event    *nostr.Event
			Expect   struct{ Read, Write []string }
		}
	}
	vectors.JSON(t, "nip65.json", &file)
	require.Len(t, file.Cases, 77)
	real := vectors.RealEvents(t)
	for _, c := range file.Cases {
		ev := c.Event
		if ev == nil {
			ev = real[c.ID]
		}
		require.NotNil(t, ev, c.ID)
		list, err := nip65.Parse(ev)
		require.NoError(t, err, c.Name)
		assert.ElementsMatch(t, c.Expect.Read, list.Read(), c.Name+c.ID)
		assert.ElementsMatch(t, c.Expect.Write, list.Write(), c.Name+c.ID)

		back, err := list.Event()
		require.NoError(t, err)
		again, err := nip65.Parse(&back)
		require.NoError(t, err)
		assert.Equal(t, list, again)
	}
}

func TestOtherKindsAreNoRelayLists(t *testing.T) {
	for _, kind := range []nostr.Kind{0, 3, 10001, 10003, nostr.KindDMRelayList, 30002} {
		list, err := nip65.Parse(&nostr.Event{Kind: kind, Tags: nostr.Tags{{"r", "wss://relay.example.com"}}})
		require.ErrorIs(t, err, nip65.ErrKind)
		assert.Nil(t, list)
	}
}

// Shows P59.
func TestMarkers(t *testing.T) {
	const url = "wss://relay.example.com/"
	list, err := nip65.Parse(&nostr.Event{Kind: 10002, Tags: nostr.Tags{{"r", "wss://proxy.example.com/wss://relay.example.com"}, {"r", "WSS://Wss://relay.example.com"}, {"r", "wss://https://relay.example.com"}, {"r", "ws://wss"}}})
	require.NoError(t, err)
	assert.Len(t, list, 2, "what is behind a proxy is no second scheme, and neither is a host of that name")
	for _, v := range []struct {
		tags        nostr.Tags
		read, write bool
	}{
		{nostr.Tags{{"r", url}}, true, true},
		{nostr.Tags{{"r", url, ""}}, true, true},
		{nostr.Tags{{"r", url, "read"}}, true, false},
		{nostr.Tags{{"r", url, "write"}}, false, true},
		{nostr.Tags{{"r", url, "write", "read"}}, false, true},
		{nostr.Tags{{"r", url, "read"}, {"r", "WSS://Relay.Example.com:443", "write"}}, true, true},
		{nostr.Tags{{"r", url, "read"}, {"r", url, "nonsense"}}, true, false},
		{nostr.Tags{{"r", url, "Read"}, {"r", url, " read"}, {"r", url, "both"}, {"R", url}, {"relay", url}, {"r"}, {"r", "relay.example.com"}}, false, false},
	} {
		list, err := nip65.Parse(&nostr.Event{Kind: 10002, Tags: v.tags})
		require.NoError(t, err)
		assert.Equal(t, v.read, slices.Equal(list.Read(), []string{url}), v.tags)
		assert.Equal(t, v.write, slices.Equal(list.Write(), []string{url}), v.tags)
	}
}

func TestListsAreWrittenNormalisedAndOnce(t *testing.T) {
	ev, err := nip65.List{
		{URL: "WSS://A.example.com", Read: true, Write: true},
		{URL: "wss://b.example.com/", Read: true},
		{URL: "wss://c.example.com:443", Write: true},
		{URL: "wss://b.example.com", Write: true},
	}.Event()
	require.NoError(t, err)
	assert.EqualValues(t, 10002, ev.Kind)
	assert.Equal(t, nostr.Tags{{"r", "wss://a.example.com/"}, {"r", "wss://b.example.com/"}, {"r", "wss://c.example.com/", "write"}}, ev.Tags)

	for _, url := range []string{"https://a.example.com", "", "a.example.com", "wss://wss://a.example.com"} {
		_, err = nip65.List{{URL: url, Read: true}}.Event()
		assert.ErrorIs(t, err, nostr.ErrInvalidURL, url)
	}
	_, err = nip65.List{{URL: "wss://a.example.com"}}.Event()
	assert.ErrorIs(t, err, nip65.ErrNoUse)
	ev, err = nip65.List(nil).Event()
	require.NoError(t, err)
	assert.Empty(t, ev.Tags)
}

func FuzzParse(f *testing.F) {
	f.Add("r", "wss://relay.example.com", "read", "write")
	f.Add("r", "relay.example.com", "", "both")
	f.Fuzz(func(t *testing.T, key, url, m1, m2 string) {
		ev := &nostr.Event{Kind: 10002, Tags: nostr.Tags{{key, url, m1}, {"r", url, m2}, {"r"}, {key}}}
		list, err := nip65.Parse(ev)
		require.NoError(t, err)
		require.LessOrEqual(t, len(list), 1)
		for _, r := range list {
			normal, err := nostr.NormalizeURL(r.URL)
			require.NoError(t, err)
			require.Equal(t, normal, r.URL)
			require.True(t, r.Read || r.Write)
		}
		back, err := list.Event()
		require.NoError(t, err)
		again, err := nip65.Parse(&back)
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}

func ExampleParse() {
	ev := nostr.Event{Kind: nostr.KindRelayListMetadata, Tags: nostr.Tags{
		{"r", "wss://alicerelay.example.com"},
		{"r", "wss://expensive-relay.example2.com", "write"},
		{"r", "wss://nostr-relay.example.com", "read"},
	}}
	list, err := nip65.Parse(&ev)
	fmt.Println("her events:", list.Write())
	fmt.Println("for her:   ", list.Read(), err)
	// Output:
	// her events: [wss://alicerelay.example.com/ wss://expensive-relay.example2.com/]
	// for her:    [wss://alicerelay.example.com/ wss://nostr-relay.example.com/] <nil>
}
