package gennostr_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// One relay is live, of another the first load goes on: that begins from the beginning
// again, and what it has brought of long ago is not to be handled again.
func TestACursorRemembersAllThatWasHandledWhileAFirstLoadGoesOn(t *testing.T) {
	const loading = "wss://loading.example/"
	r := &subscriber{}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay, loading))
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(subscribersRelay))
	require.NoError(t, h.Connect(loading))
	old := nostrtest.TextNoteAt(nostr.TimestampOf(h.Now().Add(-10*24*time.Hour)), nostrtest.Key(1), "old")
	deliverNote(t, h, aNote("new"))
	deliverEOSE(t, h)
	fromLoading := gennostr.EventMessage{SubscriptionID: "notes", Event: old}
	require.NoError(t, h.Deliver(loading, fromLoading))
	again := &subscriber{saved: throughText(t, cursorOf(t, h))}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(loading))
	require.NoError(t, h.Deliver(loading, fromLoading))
	assert.Equal(t, []string{"new", "old"}, r.heard)
	assert.Empty(t, again.heard)
}

// Of more than a cursor remembers, the last ones count: the event at hand before all others.
// Shows B20.
func TestAFullCursorHasTheEventAtHandAndTheLatest(t *testing.T) {
	const n = 5000
	var during gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, _ gennostr.EventMessage) error {
		if len(r.heard) == n {
			during, _ = self.Cursor("notes")
		}
		return nil
	}
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay), gennostr.WithTrustedRelay())
	require.NoError(t, err)
	defer h.Stop()
	events := make([]*nostr.Event, n)
	for i := range events {
		events[i] = &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.TimestampOf(h.Now()), Tags: nostr.Tags{}}
		binary.BigEndian.PutUint64(events[i].ID[:], uint64(i)+1)
	}
	require.NoError(t, h.Connect(subscribersRelay))
	for _, e := range events {
		deliverNote(t, h, e)
	}
	again := &subscriber{saved: throughText(t, during)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	for _, e := range events[n-4000:] {
		deliverNote(t, h, e)
	}
	assert.Empty(t, again.heard)
}

// What a relay sends again moves from what the cursor has brought to what is remembered. A
// cursor that is taken meanwhile has it, or it would be handled twice after a restart.
func TestACursorHasWhatComesAgainMeanwhile(t *testing.T) {
	client := start(t, nil, quietly())
	for range 1000 {
		require.Zero(t, gennostr.CursorsWhileEventsComeAgain(client, 64), "cursors that lack an event")
	}
}

// A text that a program has saved, whoever has had it meanwhile: it is taken whole, and
// written the same again, or it is refused, and changes nothing. One byte of damage is enough.
func FuzzCursorText(f *testing.F) {
	mark := cursor.Mark{Relay: cursor.RelayHash("wss://relay.example/"), Loaded: true, Any: true, At: 1_750_000_000, Floor: 1_740_000_000}
	for _, c := range []cursor.Cursor{{}, {Marks: []cursor.Mark{mark}}, {Unfinished: []nostr.ID{{1}, {2}}, Marks: []cursor.Mark{mark}}} {
		text, err := c.AppendText(nil)
		require.NoError(f, err)
		f.Add(text, uint16(len(text)/2), byte(1))
	}
	f.Add([]byte(nil), uint16(0), byte('!'))
	f.Fuzz(func(t *testing.T, given []byte, at uint16, damage byte) {
		var c gennostr.Cursor
		err := c.UnmarshalText(given)
		require.Equal(t, err != nil || len(given) == 0, c.IsZero())
		if err != nil {
			return
		}
		text, err := c.MarshalText()
		require.NoError(t, err)
		require.Equal(t, string(given), string(text), "a cursor has one text")
		if damage != 0 && len(text) > 0 {
			text[int(at)%len(text)] ^= damage
			require.Error(t, c.UnmarshalText(text))
			require.Equal(t, string(given), c.String(), "what is refused changes nothing")
		}
	})
}
