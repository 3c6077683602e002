package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a relay has lost since is copied again, whatever the journal says.
func TestAMirrorCopiesAgainWhatARelayHasLost(t *testing.T) {
	from, to, opts := pair(t)
	opts.both = true
	all := notes(50)
	from.Publish(all[:40]...)
	to.Publish(all[30:]...)
	_, told, err := mirrored(t, t.Context(), opts)
	require.NoError(t, err, told)
	require.ElementsMatch(t, ids(from), ids(to))
	to.Clear()
	to.Publish(all[10:]...)
	from.Clear()
	from.Publish(all[:45]...)
	_, told, err = mirrored(t, t.Context(), opts)
	require.NoError(t, err, told)
	assert.Contains(t, told, "10 copied there, 5 copied back")
	assert.Len(t, ids(to), 50)
	assert.Len(t, ids(from), 50)
	from.Clear()
	to.Clear()
	_, told, err = mirrored(t, t.Context(), opts)
	require.NoError(t, err, told)
	assert.Contains(t, told, "mirror: 0 copied there; 0 were on both")
}

// Two at a time add to the same journal, and nothing that either has noted is lost.
func TestTwoMirrorsShareAJournal(t *testing.T) {
	path := t.TempDir() + "/state"
	all := notes(600)
	a, err := openJournal(path, "a", "b")
	require.NoError(t, err)
	b, err := openJournal(path, "a", "b")
	require.NoError(t, err)
	for i, e := range all {
		require.NoError(t, []*journal{a, b}[i%2].add(e))
	}
	require.NoError(t, a.close())
	c, err := openJournal(path, "a", "b")
	require.NoError(t, err)
	require.NoError(t, c.close())
	require.NoError(t, b.close())
	c, err = openJournal(path, "a", "b")
	require.NoError(t, err)
	assert.Equal(t, 600, c.known.Len())
	require.NoError(t, c.close())
}
