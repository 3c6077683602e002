package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestTheDemo(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), nil, &stdout, &stderr), &stderr)
	assert.Equal(t, "20 replies, 2 requests that no relay took, 1 that nobody has replied to\n", stdout.String())
}

var silent = slog.New(slog.DiscardHandler)

// world is a relay with somebody who replies, and the service.
type world struct {
	relay *nostrtest.Relay
	*caller
}

func newWorld(t *testing.T, opts options) *world {
	t.Helper()
	w := &world{relay: nostrtest.NewRelay(t)}
	start := func(h gennostr.Handler, opts ...gennostr.Option) *gennostr.Client {
		client, err := gennostr.Start(context.Background(), h, append(opts, gennostr.WithLogger(silent))...)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, client.Stop(context.Background())) })
		return client
	}
	start(&replier{key: nostrtest.Key(1)}, gennostr.WithRelays(w.relay.URL()))
	_, err := w.relay.WaitRequest(t.Context(), nil)
	require.NoError(t, err)
	client := start(nil, gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)))
	server := httptest.NewServer(newBridge(client, opts, silent))
	t.Cleanup(server.Close)
	w.caller = &caller{server.URL, server.Client()}
	return w
}

// sent waits until a relay has got such an event.
func sent(t *testing.T, relay *nostrtest.Relay, filter nostr.Filter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := relay.WaitEvent(ctx, filter)
	require.NoError(t, err)
}

// patience is what a request may take; what gets a reply does not wait it out.
const patience = 30 * time.Second

func TestARequestGetsItsReply(t *testing.T) {
	w := newWorld(t, options{timeout: patience, requests: 1})
	status, body := w.call(t.Context(), w.relay.URL(), request("hello"))
	require.Equal(t, http.StatusOK, status, body)
	var reply nostr.Event
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	require.NoError(t, reply.Verify())
	assert.Equal(t, "reply to hello", reply.Content)

	resp, err := w.http.Get(w.base + "/healthz")
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestWhatIsWrongWithARequestIsSaid(t *testing.T) {
	w := newWorld(t, options{timeout: patience, requests: 1})
	forged := request("forged")
	forged.Content = "another"
	unaddressed := nostrtest.TextNote(nostrtest.Key(2), "to nobody")
	for name, c := range map[string]struct {
		relay string
		event *nostr.Event
		says  string
	}{
		"forged":       {w.relay.URL(), forged, "id"},
		"to nobody":    {w.relay.URL(), unaddressed, "p tag"},
		"not a relay":  {"https://example.com", request("x"), "relay"},
		"on no relay":  {"", request("x"), "relay"},
		"far too long": {w.relay.URL(), request(strings.Repeat("x", maxBody)), "body"},
	} {
		status, body := w.call(t.Context(), c.relay, c.event)
		assert.Equal(t, http.StatusBadRequest, status, name)
		assert.Contains(t, body, c.says, name)
	}
	resp, err := w.http.Post(w.base+"/request?relay="+w.relay.URL(), "application/json", strings.NewReader("hello"))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

// Within two thirds of its time the relay has to have the request, on a slow machine as well.
func TestNobodyReplies(t *testing.T) {
	t.Parallel() // it waits most of the time
	w := newWorld(t, options{timeout: 9 * time.Second, requests: 1})
	status, body := w.call(t.Context(), w.relay.URL(), request("silence"))
	assert.Equal(t, http.StatusGatewayTimeout, status, body)
}

func TestNobodyIsThere(t *testing.T) {
	w := newWorld(t, options{timeout: 300 * time.Millisecond, requests: 1})
	w.relay.Stop()
	status, _ := w.call(t.Context(), w.relay.URL(), request("hello"))
	assert.Contains(t, []int{http.StatusBadGateway, http.StatusGatewayTimeout}, status)
}

// answer is what has come of a request.
type answer struct {
	status int
	body   string
}

// ask sends a request, and returns when the relay has it.
func (w *world) ask(t *testing.T, question *nostr.Event) <-chan answer {
	t.Helper()
	answered := make(chan answer, 1)
	go func() { // ends with the request; joined by the test
		status, body := w.call(t.Context(), w.relay.URL(), question)
		answered <- answer{status, body}
	}()
	sent(t, w.relay, nostr.Filter{}.WithIDs(question.ID))
	return answered
}

func replyOf(author int, question *nostr.Event, text string) *nostr.Event {
	return nostrtest.Event(nostrtest.Key(author), replyKind, text, nostr.Tag{"e", question.ID.String()})
}

// Somebody else's reply is none.
func TestAReplyOfAStrangerIsNone(t *testing.T) {
	w := newWorld(t, options{timeout: patience, requests: 1})
	question := request("silence at first")
	answered := w.ask(t, question)
	w.relay.Publish(replyOf(3, question, "mine"), replyOf(1, question, "late"))
	got := <-answered
	assert.Equal(t, http.StatusOK, got.status, got.body)
	assert.Contains(t, got.body, `"late"`)
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	w := newWorld(t, options{timeout: patience, requests: 1})
	question := request("silence at first")
	first := w.ask(t, question)
	status, _ := w.call(t.Context(), w.relay.URL(), request("the second"))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	w.relay.Publish(replyOf(1, question, "late"))
	got := <-first
	assert.Equal(t, http.StatusOK, got.status, got.body)
}

// A stranger's relay may be an address of ours.
func TestPrivateNetworksAreNotDialled(t *testing.T) {
	w := newWorld(t, options{})
	client, err := gennostr.Start(context.Background(), nil, gennostr.WithLogger(silent))
	require.NoError(t, err)
	defer func() { assert.NoError(t, client.Stop(context.Background())) }()
	server := httptest.NewServer(newBridge(client, options{timeout: patience, requests: 1}, silent))
	defer server.Close()
	c := &caller{server.URL, server.Client()}
	before := len(w.relay.Connections())
	status, body := c.call(t.Context(), w.relay.URL(), request("hello"))
	assert.Equal(t, http.StatusBadGateway, status, body)
	assert.Len(t, w.relay.Connections(), before)
}

// Told to end, the service ends the request that is on its way first.
func TestTheServiceEndsInGoodOrder(t *testing.T) {
	w := newWorld(t, options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { // ended by stop; joined below
		served <- serve(ctx, options{timeout: patience, requests: 10, private: true}, listener, silent)
	}()
	c := &caller{"http://" + listener.Addr().String(), &http.Client{Transport: &http.Transport{}}}
	defer c.http.CloseIdleConnections()
	question := request("silence at first")
	answered := make(chan int, 1)
	go func() { // ends with the request; joined below
		status, _ := c.call(t.Context(), w.relay.URL(), question)
		answered <- status
	}()
	sent(t, w.relay, nostr.Filter{}.WithIDs(question.ID))
	stop()
	w.relay.Publish(replyOf(1, question, "late"))
	assert.Equal(t, http.StatusOK, <-answered)
	require.NoError(t, <-served)
	_, err = c.http.Get(c.base + "/healthz")
	assert.Error(t, err, "it has gone")
}

func TestHelp(t *testing.T) {
	var help strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &help))
	assert.Contains(t, help.String(), "usage: bridge")
	for _, args := range [][]string{{"x"}, {"-timeout", "0s"}, {"-requests", "-1"}, {"-unknown"}} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
}
