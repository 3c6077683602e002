package nostrtest_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The tests of this file run on real sockets.

func TestRelayServesOnALoopbackSocket(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	assert.True(t, strings.HasPrefix(relay.URL(), "ws://127.0.0.1:"), relay.URL())
	c := dial(t, nil, relay.URL())
	note := nostrtest.TextNote(nostrtest.Key(1), "hello")
	c.send("EVENT", note)
	got, err := relay.WaitEvent(soon(t), nostr.Filter{}.WithIDs(note.ID))
	require.NoError(t, err)
	assert.Equal(t, note, got)
}

func TestRestartListensOnTheSameAddressWithTheSameEvents(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	url := relay.URL()
	note := nostrtest.TextNote(nostrtest.Key(1), "kept")
	relay.Publish(note)
	c := dial(t, nil, url)
	require.NoError(t, relay.WaitConnections(soon(t), 1))
	relay.Stop()
	<-c.done
	assert.Empty(t, relay.Connections())
	_, err := tryDial(t, nil, url)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	relay.Stop()

	for range 3 {
		require.NoError(t, relay.Restart())
		assert.Equal(t, url, relay.URL())
		c = dial(t, nil, url)
		c.send("REQ", "s", nostr.Filter{})
		_, err = relay.WaitRequest(soon(t), func(r nostrtest.Request) bool { return r.Connection == relay.ConnectionCount() })
		require.NoError(t, err)
		assert.Equal(t, []*nostr.Event{note}, relay.Events())
	}
	assert.Equal(t, 4, relay.ConnectionCount(), "Restart of a running relay cuts its connections")
	relay.Clear()
	assert.Empty(t, relay.Events())
}

func TestStopReturnsWhenNothingOfTheRelayRuns(t *testing.T) {
	relay, err := nostrtest.StartRelay()
	require.NoError(t, err)
	var clients []*client
	for range 10 {
		clients = append(clients, dial(t, nil, relay.URL()))
	}
	// Connections in other states than a websocket: silent, and half a request.
	address := strings.TrimPrefix(relay.URL(), "ws://")
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: "} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte(text))
		require.NoError(t, err)
	}
	began := time.Now()
	relay.Close()
	relay.Close()
	for _, c := range clients {
		<-c.done
	}
	assert.Less(t, time.Since(began), 5*time.Second, "as long as HTTP would wait for a request")
	require.ErrorIs(t, relay.Restart(), nostrtest.ErrClosed)
}

func TestAddressIsFixedOnRequest(t *testing.T) {
	other, err := nostrtest.StartRelay() // on a port that no dial of another test is given
	require.NoError(t, err)
	address := strings.TrimPrefix(other.URL(), "ws://")
	_, err = nostrtest.StartRelay(nostrtest.WithAddress(address))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	other.Close()
	relay := nostrtest.NewRelay(t, nostrtest.WithAddress(address))
	assert.Equal(t, "ws://"+address, relay.URL())
}

// Another process may have got the port of a relay that was stopped: it is waited for.
func TestRestartWaitsForItsAddress(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	address := relay.URL()
	taken := func() net.Listener {
		relay.Stop()
		l, err := net.Listen("tcp", strings.TrimPrefix(address, "ws://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	other := taken()
	time.AfterFunc(200*time.Millisecond, func() { _ = other.Close() })
	require.NoError(t, relay.Restart())
	assert.Equal(t, address, relay.URL())
	dial(t, nil, relay.URL())

	taken()
	time.AfterFunc(200*time.Millisecond, relay.Close) // which need not wait for anybody
	require.ErrorIs(t, relay.Restart(), syscall.EADDRINUSE)
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, opt := range []nostrtest.Option{
		nostrtest.WithHistory(-1), nostrtest.WithSendBuffer(-1),
		nostrtest.WithLimits(nostrtest.Limits{Filters: -1}),
		nostrtest.WithLimits(nostrtest.Limits{Past: -time.Second}),
	} {
		_, err := nostrtest.StartRelay(opt)
		require.ErrorContains(t, err, "want 0 or more")
	}
	fatal := &recordingTB{TB: t}
	assert.Panics(t, func() { nostrtest.NewRelay(fatal, nostrtest.WithHistory(-1)) })
	assert.Contains(t, fatal.message, "WithHistory is -1")
}

// Everything at once, for the race detector: publishers, readers that come and
// go, a relay that is cut and restarted, and views.
func TestStressOfPublishingReadingAndRestarting(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	notes := make([]*nostr.Event, 20)
	for i := range notes {
		notes[i] = nostrtest.TextNoteAt(nostr.Timestamp(i+1), nostrtest.Key(i%3), fmt.Sprint(i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 700*time.Millisecond)
	defer cancel()
	var working sync.WaitGroup
	for i := range 4 {
		working.Go(func() {
			for round := 0; round == 0 || ctx.Err() == nil; round++ {
				c, err := tryDial(t, nil, relay.URL())
				if err != nil {
					continue
				}
				for _, message := range []string{
					`["REQ","s",{"limit":5}]`,
					frame("EVENT", notes[(round+i)%len(notes)]),
					`["COUNT","n",{}]`, `["REQ","s",{"kinds":[1]}]`, `["CLOSE","s"]`, `nonsense`,
				} {
					_ = c.ws.Write(ctx, 1, []byte(message))
				}
				if round%3 == 0 {
					_ = c.ws.Close(1000, "")
				}
				c.cut()
			}
		})
	}
	working.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			relay.Publish(notes[i%len(notes)])
			relay.Push(notes[i%len(notes)])
			relay.Disconnect(relay.ConnectionCount())
			relay.RequestAuth()
			_ = relay.Subscriptions()
			_ = relay.Received()
			if i%50 == 0 {
				relay.Clear()
			}
		}
	})
	working.Go(func() {
		for n := 1; ctx.Err() == nil; n += 10 {
			if _, err := relay.WaitConnection(ctx, n); err != nil {
				return
			}
			if n%3 == 0 {
				relay.StopGracefully(1001, "")
			}
			assert.NoError(t, relay.Restart())
		}
	})
	working.Wait()
	relay.Close()
	assert.Empty(t, relay.Connections())
	assert.Positive(t, relay.ConnectionCount())
}
