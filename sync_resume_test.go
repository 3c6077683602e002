package gennostr_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// published counts how often each event was published.
func published(relay *nostrtest.Relay) map[nostr.ID]int {
	times := make(map[nostr.ID]int)
	for _, m := range relay.Received() {
		if m.Verb == "EVENT" && m.Event != nil {
			times[m.Event.ID]++
		}
	}
	return times
}

const resumed = 25 // events on each side that the other lacks

func setUp(t *testing.T, network *nostrtest.Network, options ...nostrtest.Option) (*nostrtest.Relay, *archive, *gennostr.Client, func(context.Context) (gennostr.SyncReport, error)) {
	notes := textNotes(400)
	relay := network.NewRelay(relayA, append(options, nostrtest.WithNegentropyFrame(4096))...)
	relay.Publish(notes[:400-resumed]...)
	have := archiveOf(t, notes[resumed:]...)
	client := start(t, nil, over(network, quietly())...)
	return relay, have, client, func(ctx context.Context) (gennostr.SyncReport, error) {
		return client.Sync(ctx, relayA, ofKind(1), have.set(), gennostr.Fetching(have.take), gennostr.Pushing(have.give))
	}
}

// The connection may be lost behind any frame of the relay's: it is made again, and what is
// left goes on. Nothing is lost, and no event comes twice; only what was pushed and not answered is sent again.
// Shows L05, D56.
func TestSyncGoesOnWhereItsConnectionWasLost(t *testing.T) {
	total := 0
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay, _, _, sync := setUp(t, network)
		_, err := sync(t.Context())
		require.NoError(t, err)
		total = len(sentBy(relay))
	})
	require.Greater(t, total, 2*resumed)
	step := 1
	if kit.UnderRace { // where signatures take forty times as long
		step = 9
	}
	for k := 1; k < total; k += step {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay, have, _, sync := setUp(t, network, nostrtest.WithFaults(nostrtest.Cut().AfterFrames(k).Times(1)))
			report, err := sync(t.Context())
			require.NoError(t, err, "cut behind frame %d", k)
			require.Equal(t, resumed, report.Fetched)
			require.Equal(t, resumed, report.Pushed)
			require.Len(t, have.events, 400)
			require.Equal(t, 400, len(relay.Events()))
			again := 0
			for _, n := range published(relay) {
				require.LessOrEqual(t, n, 2)
				again += n - 1
			}
			require.LessOrEqual(t, again, resumed)
			if k < total/2 { // it had pushed nothing yet
				require.Zero(t, again)
			}
			came := make(map[string]int)
			for _, frame := range sentBy(relay) {
				if _, event, is := strings.Cut(frame, `{"id":`); is {
					came[event]++
					require.Equal(t, 1, came[event], "cut behind frame %d, sent again: %.80s", k, event)
				}
			}
		})
	}
}

// sentBy lists the texts that a relay has sent.
func sentBy(relay *nostrtest.Relay) (texts []string) {
	for _, e := range relay.WireLog() {
		if e.Direction == nostrtest.ToClient && e.Kind == "TEXT" {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// A program may be stopped at any time. What it has got it has; the next run asks for the rest.
func TestSyncGoesOnWhereTheProgramWasStopped(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		stop := errors.New("stop")
		relay, have, client, _ := setUp(t, network)
		runs := 0
		for {
			runs++
			require.Less(t, runs, 200)
			steps := 0
			report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(),
				gennostr.Fetching(func(e *nostr.Event) error {
					if steps++; steps > 2 {
						return stop
					}
					return have.take(e)
				}),
				gennostr.Pushing(func(ctx context.Context, id nostr.ID) (*nostr.Event, error) {
					if steps++; steps > 3 {
						return nil, stop
					}
					return have.give(ctx, id)
				}))
			synctest.Wait()
			if err == nil {
				assert.True(t, report.Complete)
				break
			}
			require.ErrorIs(t, err, stop)
			time.Sleep(time.Second)
		}
		assert.Greater(t, runs, resumed/3)
		assert.Len(t, have.came, resumed, "each once")
		assert.Len(t, have.events, 400)
		assert.Equal(t, 400, len(relay.Events()))
		for id, n := range published(relay) {
			assert.Equal(t, 1, n, id)
		}
		assert.Zero(t, gennostr.OpenSyncs(client))
		assert.Zero(t, gennostr.OpenQueries(client))
	})
}

// So it is wherever among the relay's messages the program was stopped: the next run does the rest.
// Shows D56.
func TestSyncGoesOnWhereverItsProgramWasStopped(t *testing.T) {
	total := 0
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay, _, _, sync := setUp(t, network)
		_, err := sync(t.Context())
		require.NoError(t, err)
		total = len(sentBy(relay))
	})
	step, stopped := 1, 0
	if kit.UnderRace { // where signatures take forty times as long
		step = 9
	}
	for k := 1; k <= total; k += step {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var sent atomic.Int64
			relay, have, client, sync := setUp(t, network, nostrtest.WithFaults(nostrtest.Rewrite(func(message string) []string {
				if sent.Add(1) == int64(k) {
					stop()
				}
				return []string{message}
			})))
			first, err := sync(ctx)
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				stopped++
			}
			synctest.Wait()
			require.Zero(t, gennostr.OpenSyncs(client))
			require.Zero(t, gennostr.OpenQueries(client))
			second, err := sync(t.Context())
			require.NoError(t, err, "stopped at message %d", k)
			require.True(t, second.Complete)
			require.Equal(t, resumed, first.Fetched+second.Fetched)
			require.Len(t, have.events, 400)
			require.Equal(t, 400, len(relay.Events()))
			for _, n := range published(relay) {
				require.Equal(t, 1, n, "stopped at message %d", k)
			}
		})
	}
	require.Greater(t, stopped, total/step*9/10)
}
