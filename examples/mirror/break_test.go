package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
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

// Who follows and gets nothing hears why.
func TestAMirrorSaysThatARelayIsNotFollowed(t *testing.T) {
	from, _, opts := pair(t, nostrtest.WithFaults(nostrtest.RefuseRequests("restricted: \x1b[31mnot you")))
	opts.follow = true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { // ends with ctx; joined below
		done <- copyAll(ctx, opts, io.Discard, in)
		_ = in.Close()
	}()
	lines, heard := bufio.NewScanner(out), false
	giveUp := time.AfterFunc(10*time.Second, stop)
	defer giveUp.Stop()
	for lines.Scan() {
		if strings.Contains(lines.Text(), from.URL()) {
			heard = true
			assert.Contains(t, lines.Text(), `is not followed for now (refused): restricted: \x1b[31mnot you`)
			stop()
		}
	}
	require.NoError(t, <-done)
	require.True(t, heard, "nothing was said")
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
