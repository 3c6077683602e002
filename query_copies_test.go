package gennostr_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A copy that another relay sends is counted for that relay, and costs no more than that.
func TestACopyIsCountedAndNotMadeAnew(t *testing.T) {
	urls := []string{relayA, relayB, relayC}
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(urls...), quietly())
	require.NoError(t, err)
	defer h.Stop()
	for _, url := range urls {
		require.NoError(t, h.Connect(url))
	}
	var report gennostr.QueryReport
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Query([]nostr.Filter{ofKind(1)}, func(r gennostr.QueryReport) error { report = r; return nil }, gennostr.AllPages())
		return nil
	}))
	const n = 300
	var frames [][]byte
	for i := range n {
		e := nostr.Event{Kind: 1, CreatedAt: 900_000_000 + nostr.Timestamp(i), Content: strings.Repeat("x", 100)}
		for range 20 { // which a copy of it would need memory for
			e.Tags = append(e.Tags, nostr.Tag{"t", strings.Repeat("t", 100)})
		}
		require.NoError(t, e.Sign(nostrtest.Key(1)))
		frames = append(frames, []byte(eventFrame(h.Subscribed(relayA)[0].SubscriptionID, &e)))
	}
	feeds := make([]func([]byte), len(urls))
	for i, url := range urls {
		feeds[i] = gennostr.Feed(h, url)
	}
	for _, frame := range frames[:n/2] { // from now on copies are known by their bytes
		for _, feed := range feeds {
			feed(frame)
		}
	}
	require.True(t, gennostr.KnowsTwins(h.Client()))
	each := uint64(0)
	for _, frame := range frames[n/2:] {
		feeds[0](frame)
		before := allocated()
		feeds[1](frame)
		feeds[2](frame)
		each += allocated() - before
	}
	each /= n
	assert.Less(t, each, uint64(1_000), "bytes for each copy")
	for _, url := range urls {
		require.NoError(t, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: h.Subscribed(url)[0].SubscriptionID, Hints: []string{"finish"}}))
	}
	assert.Len(t, idsOf(t, report.Events), n)
	for _, answer := range report.Relays {
		assert.Equal(t, n, answer.Events, answer.URL)
	}
}

// allocated is how many bytes have been allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
