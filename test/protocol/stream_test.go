package protocol_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The verifier waits for what a stream has at hand, so that its batches are
// whole. A relay must not be able to make it wait for anything else.

// stalls is a server that answers a REQ with these bytes and then says nothing more.
func stalls(bytes string) func(net.Conn, *http.Request) {
	return func(conn net.Conn, request *http.Request) {
		kit.Upgrade(conn, request)
		_, _ = conn.Read(make([]byte, 4096)) // the REQ
		_, _ = io.WriteString(conn, bytes)
		kit.UntilClose(conn)
	}
}

// eventFrames are the frames of an answer to subscription id.
func eventFrames(id string, events []*nostr.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(kit.Frame(kit.OpText, kit.EventFrame(id, e)))
	}
	return b.String()
}

// What has arrived whole is handed on at once, wherever a stream stops, and so is
// what other relays send.
func TestAStreamThatStopsAnywhereHoldsUpNobody(t *testing.T) {
	events := kit.TextNotes(250) // read ahead in several goes; far less than a whole batch
	whole := eventFrames("all", events[:200])
	next := kit.Frame(kit.OpText, kit.EventFrame("all", events[200]))
	for _, cut := range []int{0, 1, 3, 4, 5, 200, len(next) - 1} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			stalling := kit.RawRelay(t, stalls(whole+next[:cut]))
			relay := nostrtest.NewRelay(t)
			relay.Publish(events[201:]...)
			r := &kit.Recorder{On: kit.Streamer}
			kit.Start(t, r, gennostr.WithRelays(stalling, relay.URL()))
			r.WaitCount(t, "OnEvent", 249)
			var got []string
			for _, n := range r.Named("OnEvent") {
				if e := n.Msg.(gennostr.EventMessage).Event; e.CreatedAt < events[200].CreatedAt {
					got = append(got, e.Content)
				}
			}
			require.Len(t, got, 200)
			for i, content := range got {
				require.Equal(t, fmt.Sprint("note ", i), content)
			}
		})
	}
}

// A reader that waits for its own window is not about to bring more.
func TestAFullWindowInTheMiddleOfAStreamHoldsUpNobody(t *testing.T) {
	events := kit.TextNotes(250)
	url := kit.RawRelay(t, stalls(eventFrames("all", events)))
	r := &kit.Recorder{On: kit.Streamer}
	kit.Start(t, r, gennostr.WithRelays(url), gennostr.WithMailboxWindow(40, 1<<20))
	r.WaitCount(t, "OnEvent", len(events))
}

// stuckConn takes what is written up to the REQ, and nothing of what follows.
type stuckConn struct {
	net.Conn
	req   *atomic.Bool
	stuck chan struct{}
}

func (c stuckConn) Write(p []byte) (int, error) {
	if c.req.Load() {
		<-c.stuck
	}
	n, err := c.Conn.Write(p)
	c.req.Store(p[0] == kit.OpText) // not the handshake
	return n, err
}

func (c stuckConn) Close() error {
	err := c.Conn.Close()
	select {
	case <-c.stuck:
	default:
		close(c.stuck)
	}
	return err
}

// Nor is one that has to answer a ping, when the relay does not read.
func TestAPongThatIsNotTakenHoldsUpNobody(t *testing.T) {
	events := kit.TextNotes(150)
	url := kit.RawRelay(t, stalls(eventFrames("all", events[:100])+kit.Frame(kit.OpPing, "")+eventFrames("all", events[100:])))
	r := &kit.Recorder{On: kit.Streamer}
	kit.Start(t, r, gennostr.WithRelays(url), gennostr.WithShutdownTimeout(100*time.Millisecond), gennostr.WithDialContext(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return stuckConn{conn, new(atomic.Bool), make(chan struct{})}, err
	}))
	r.WaitCount(t, "OnEvent", 100)
	assert.Empty(t, r.Named("OnDisconnect"), "the pong is still being written")
}
