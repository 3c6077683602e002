package kit

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// OneForOne lets two relays stream, wss://a.example/ and wss://b.example/, and calls
// panics in the middle: the next bytes of A have to panic in the library. A's
// connection ends with a *PanicError and comes back at once; B's stream has no gap,
// and its connection is left alone.
func OneForOne(t *testing.T, network *nostrtest.Network, dial gennostr.Option, panics func(client *gennostr.Client)) {
	t.Helper()
	a, b := network.NewRelay("wss://a.example"), network.NewRelay("wss://b.example")
	r := &Recorder{On: Streamer}
	client := Start(t, r, gennostr.WithRelays(a.URL(), b.URL()), dial)
	synctest.Wait()
	events := TextNotes(16)
	for i, e := range events {
		if i == 8 {
			synctest.Wait()
			panics(client)
		}
		a.Publish(e)
		b.Publish(e)
	}
	synctest.Wait()
	var want []string
	for _, e := range events {
		want = append(want, e.Content)
	}
	assert.Equal(t, want, Contents(r.All(), "wss://b.example/"), "no gap, no repetition, in order")
	assert.Equal(t, 1, b.ConnectionCount(), "B's connection was left alone")

	ends := slices.DeleteFunc(OfRelay(r.All(), "wss://a.example/"), func(n Note) bool {
		return n.Name == "OnEvent" || n.Name == "OnEOSE"
	})
	require.Equal(t, []string{"OnConnect", "OnError", "OnDisconnect", "OnConnect"}, NamesOf(ends))
	var panicked *gennostr.PanicError
	require.ErrorAs(t, SameEnd(t, ends[:3]), &panicked)
	assert.Equal(t, "connection", panicked.Where)
	assert.NotEmpty(t, panicked.Stack)
	synctest.Wait()
	got := Contents(r.All(), "wss://a.example/")
	assert.ElementsMatch(t, want, got[8:], "A came back and had its stored events")
	status, _ := client.Relay("wss://b.example")
	assert.NoError(t, status.LastError)
	Grammar(t, r.All())
}
