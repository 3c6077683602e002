package nostrtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const home = "wss://a.example"

// patience is how long a test waits for what should come at once: on sockets no
// machine is that slow.
const patience = 30 * time.Second

// inBubble runs a test in virtual time, on a network with one relay.
func inBubble(t *testing.T, test func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay), opts ...nostrtest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		test(t, network, network.NewRelay(home, opts...))
	})
}

// client is a raw websocket, so that nothing of ours stands between a test and
// what the relay sends. In a bubble what it has received is exact: got waits
// until nothing more can come.
type client struct {
	t  *testing.T
	ws *websocket.Conn

	mu     sync.Mutex // guards the three below
	frames []string
	taken  int
	err    error
	done   chan struct{} // closed when reading has ended
}

func dial(t *testing.T, httpClient *http.Client, url string) *client {
	t.Helper()
	c, err := tryDial(t, httpClient, url)
	require.NoError(t, err)
	return c
}

func tryDial(t *testing.T, httpClient *http.Client, url string) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: httpClient})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(64 << 20)
	c := &client{t: t, ws: ws, done: make(chan struct{})}
	go c.read() // ends with the connection, at the latest in the cleanup
	t.Cleanup(c.cut)
	return c, nil
}

func (c *client) read() {
	defer close(c.done)
	for {
		_, frame, err := c.ws.Read(context.Background())
		c.mu.Lock()
		if err != nil {
			c.err = err
			c.mu.Unlock()
			return
		}
		c.frames = append(c.frames, string(frame))
		c.mu.Unlock()
	}
}

// cut ends the connection without a close frame.
func (c *client) cut() {
	_ = c.ws.CloseNow()
	<-c.done
}

// send sends a message; verbs and ids are strings, the rest is marshalled.
func (c *client) send(parts ...any) {
	c.t.Helper()
	frame, err := json.Marshal(parts)
	require.NoError(c.t, err)
	c.sendRaw(string(frame))
}

func (c *client) sendRaw(frame string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(c.t, c.ws.Write(ctx, websocket.MessageText, []byte(frame)))
}

// got returns what has come since the last call, once nothing more can come.
// Only for tests in a bubble.
func (c *client) got() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.frames[c.taken:]
	c.taken = len(c.frames)
	if len(fresh) == 0 {
		return []string{}
	}
	return fresh
}

// ended returns why reading has ended. Only for tests in a bubble.
func (c *client) ended() error {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ask sends a message and returns the answers.
func (c *client) ask(parts ...any) []string {
	c.t.Helper()
	c.send(parts...)
	return c.got()
}

func frame(parts ...any) string {
	out, err := json.Marshal(parts)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func eose(id string) string { return frame("EOSE", id) }

func ok(event *nostr.Event) string { return frame("OK", event.ID, true, "") }

// events returns the EVENT frames of a subscription.
func events(id string, list ...*nostr.Event) []string {
	out := make([]string, len(list))
	for i, event := range list {
		out[i] = fmt.Sprintf(`["EVENT",%q,%s]`, id, event)
	}
	return out
}

// stored is the answer to a REQ.
func stored(id string, list ...*nostr.Event) []string {
	return append(events(id, list...), eose(id))
}

// refusal returns the last element of an OK false or a CLOSED.
func refusal(t *testing.T, frames []string, verb string) string {
	t.Helper()
	require.NotEmpty(t, frames)
	last := frames[len(frames)-1]
	var parts []any
	require.NoError(t, json.Unmarshal([]byte(last), &parts))
	require.Equal(t, verb, parts[0], last)
	if verb == "OK" {
		require.Equal(t, false, parts[2], last)
	}
	text, isText := parts[len(parts)-1].(string)
	require.True(t, isText, last)
	return text
}

func prefix(message string) string { return strings.SplitN(message, ":", 2)[0] }

// soon bounds what a test on a real socket waits for.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
