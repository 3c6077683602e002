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

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
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

// parts runs a mirror that looks at few events together.
func parts(t *testing.T, opts options, most int) (*mirror, error) {
	kept, err := openJournal(opts.state, "a", "b")
	require.NoError(t, err)
	client, err := gennostr.Start(t.Context(), nil, gennostr.WithRelays(opts.from, opts.to))
	require.NoError(t, err)
	m := &mirror{opts: opts, client: client, journal: kept, bar: newBar(io.Discard), out: io.Discard, most: most}
	err = m.copy(t.Context())
	require.NoError(t, kept.close())
	require.NoError(t, client.Stop(t.Context()))
	return m, err
}

// Where parts of the dates meet, nothing is missed of a relay that leaves out the very seconds of since and until, and
// nothing counts twice.
func TestAMirrorOfARelayWhoseBoundsAreExclusive(t *testing.T) {
	for name, fault := range map[string]nostrtest.Fault{"both": nostrtest.ExclusiveBounds(), "since": nostrtest.ExclusiveSince()} {
		t.Run(name, func(t *testing.T) {
			from, to, opts := pair(t, nostrtest.WithFaults(fault))
			opts.both = true
			all := notes(300)
			from.Publish(all[:250]...)
			to.Publish(all[50:]...)
			m, err := parts(t, opts, 20)
			require.NoError(t, err)
			assert.Greater(t, m.sum.windows, 10)
			assert.ElementsMatch(t, ids(from), ids(to))
			assert.Len(t, ids(from), 300)
			assert.Equal(t, [2]int{50, 50}, m.sum.copied)
			assert.Equal(t, 200, m.sum.common)
			for _, relay := range []*nostrtest.Relay{from, to} {
				for id, n := range published(relay) {
					assert.Equal(t, 1, n, id)
				}
			}
			m, err = parts(t, opts, 20) // the journal knows all
			require.NoError(t, err)
			assert.Equal(t, [2]int{}, m.sum.copied)
			assert.Zero(t, m.sum.common)
		})
	}
}

// What a relay gives of its events is copied, though it does not give all of one second; and that is said.
func TestAMirrorOfARelayWithASecondThatIsMoreThanAPage(t *testing.T) {
	from, to, opts := pair(t, nostrtest.WithoutNegentropy(), nostrtest.WithLimits(nostrtest.Limits{Limit: 50}))
	all := notes(100)
	from.Publish(all...)
	for i := range 80 {
		from.Publish(nostrtest.EventAt(1_700_000_030, nostrtest.Key(i), nostr.KindTextNote, "a crowd"))
	}
	stdout, told, err := mirrored(t, t.Context(), opts)
	require.ErrorContains(t, err, "a second with a page and more")
	assert.Contains(t, told, "NOT ALL WAS COMPARED")
	assert.Empty(t, stdout)
	for _, e := range all {
		if e.CreatedAt != 1_700_000_030 {
			assert.Contains(t, ids(to), e.ID)
		}
	}
	_, told, err = mirrored(t, t.Context(), opts)
	require.Error(t, err)
	assert.Contains(t, told, "mirror: 0 copied there; 0 were on both")
}

// What the comparison has dealt with comes again from the subscription, which knows nothing of that. It is not
// sent again, in the first run nor in a later one.
func TestAMirrorThatFollowsSendsNothingTwice(t *testing.T) {
	for name, kept := range map[string]bool{"with a journal": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			from, to, opts := pair(t, nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
				if e.Content == "190" {
					return "blocked: no"
				}
				return ""
			}))
			opts.both, opts.follow = true, true
			if !kept {
				opts.state = ""
			}
			all := notes(300)
			from.Publish(all[:150]...)
			to.Publish(all[50:200]...) // 100 are on both
			next := 200
			for range 2 {
				ctx, stop := context.WithCancel(t.Context())
				told := &awaits{text: "following", said: make(chan struct{})}
				done := make(chan error, 1)
				go func() { done <- copyAll(ctx, opts, io.Discard, told) }() // joined below
				<-told.said
				from.Publish(all[next])
				to.Publish(all[next+1])
				for i, relay := range []*nostrtest.Relay{to, from} {
					_, err := relay.WaitEvent(t.Context(), nostr.Filter{IDs: []nostr.ID{all[next+i].ID}})
					require.NoError(t, err)
				}
				stop()
				require.NoError(t, <-done)
				assert.Contains(t, told.all.String(), "followed: 1 copied there, 1 back")
				from.Publish(all[next+2 : next+12]...) // while nobody looks
				next += 12
			}
			offered := 0
			for _, relay := range []*nostrtest.Relay{from, to} {
				for id, n := range published(relay) {
					if id == all[190].ID { // it is not on both: each run offers it
						offered += n
						continue
					}
					assert.Equal(t, 1, n, id)
				}
			}
			assert.Equal(t, 2, offered)
			assert.Len(t, ids(to), 214)
		})
	}
}
