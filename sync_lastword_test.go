package gennostr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// A relay may hang up with its last word in a session. That counts, also where whoever compares looks only
// when the next connection is there.

// hungUp is a comparison that looks when all of that has happened.
func hungUp(t *testing.T, lastWord func(*gennostr.NewsOfSync, []byte)) (*gennostr.NewsOfSync, reconcile.Window) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	notes := textNotes(10)
	set := archiveOf(t, notes...).set()
	s := gennostr.SyncInSession(set, now)
	client, err := nip77.NewClient(set, 60_000)
	require.NoError(t, err)
	server, err := nip77.NewServer(set, nip77.MinFrameSizeLimit)
	require.NoError(t, err)
	answer, err := server.Reconcile(client.Initiate())
	require.NoError(t, err)
	lastWord(s, answer)
	s.HangsUp()
	s.Returns()
	window := reconcile.Window{}
	for _, step := range s.Look(now) {
		if step.Do == reconcile.Open {
			window = step.Window
		}
	}
	return s, window
}

var wholeOfIt = reconcile.Window{Until: nostr.Timestamp(reconcile.Forever)}

// Shows P68.
func TestTheLastWordOfARelayThatHangsUpCounts(t *testing.T) {
	t.Run("too large", func(t *testing.T) {
		_, next := hungUp(t, func(s *gennostr.NewsOfSync, _ []byte) { s.Says("blocked: too many query results") })
		assert.Positive(t, next.Since, "half of it is asked for, and not the same again")
	})
	t.Run("the last NEG-MSG", func(t *testing.T) {
		s, _ := hungUp(t, func(s *gennostr.NewsOfSync, answer []byte) { s.Answers(answer) })
		assert.True(t, s.Machine.Done(), "all is compared")
		assert.Empty(t, s.Machine.Gaps())
	})
	t.Run("no word", func(t *testing.T) {
		_, next := hungUp(t, func(*gennostr.NewsOfSync, []byte) {})
		assert.Equal(t, wholeOfIt, next, "it is asked again")
	})
}
