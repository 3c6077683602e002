package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestTheDemo(t *testing.T) {
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), nil, &stdout, &stderr), &stderr)
	for _, line := range []string{
		"a note: 201 ", "the same again: 200 ", "a forged one: 400 ", "one that no relay wants: 502 refused refused refused",
		"the stream has shown the note", "a relay is away: not ready for new work", "the newest notes: 200 ",
		"it is back, and the stream has shown what was missed", "told to end: the stream has ended",
	} {
		assert.Contains(t, stdout.String(), line)
	}
}

// serving is a service under way.
type serving struct {
	t        *testing.T
	listener net.Listener
	stop     func()
	served   chan error
	log      *journal
	*caller
}

func serveOn(t *testing.T, opts options) *serving {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{t: t, listener: listener, stop: stop, served: make(chan error, 1), log: new(journal)}
	s.caller = &caller{"http://" + listener.Addr().String(), &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(s.http.CloseIdleConnections)
	go func() { // ended by stop; joined by the test
		s.served <- serve(ctx, opts, listener, slog.New(slog.NewJSONHandler(s.log, nil)), quick())
	}()
	require.NoError(t, s.until(s.soon(), "/readyz", http.StatusOK))
	return s
}

// soon is as long as no machine takes, so that what never comes does not hang.
func (s *serving) soon() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

// Told to end, the service says so at once, and ends what is on its way before it goes.
func TestTheServiceEndsInGoodOrder(t *testing.T) {
	t.Parallel() // it waits most of the time
	relay := nostrtest.NewRelay(t)
	opts := settings(relay)
	opts.wait, opts.grace = 50*time.Millisecond, 6*time.Second // in which all that follows has to be seen
	s := serveOn(t, opts)
	source, err := s.open(t.Context(), "/stream", "")
	require.NoError(t, err)
	defer source.close()
	mend := relay.Break(nostrtest.RefuseEvents("rate-limited: not now"))
	status, body, err := s.call(t.Context(), http.MethodPost, "/events", note().AppendJSON(nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status, string(body))

	began := time.Now()
	s.stop()
	_, _, err = source.next()
	require.ErrorIs(t, err, io.EOF, "streams end")
	require.NoError(t, s.until(s.soon(), "/readyz", http.StatusServiceUnavailable), "red, and still there")
	status, _, err = s.call(t.Context(), http.MethodGet, "/stream", nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	mend()
	_, err = relay.WaitEvent(s.soon(), nostr.Filter{}.WithIDs(note().ID))
	require.NoError(t, err, "what was answered with 202 is published after all")
	require.NoError(t, <-s.served)
	assert.GreaterOrEqual(t, time.Since(began), opts.grace)
	assert.Contains(t, s.log.String(), `"msg":"published"`)
	assert.Contains(t, s.log.String(), `"msg":"ended"`)
	_, _, err = s.call(t.Context(), http.MethodGet, "/healthz", nil)
	assert.Error(t, err, "it has gone")
}

// Nothing is waited for longer than it was said.
func TestTheServiceEndsInTime(t *testing.T) {
	t.Parallel() // it waits most of the time
	relay := nostrtest.NewRelay(t)
	opts := settings(relay)
	opts.wait, opts.grace, opts.shutdown = 50*time.Millisecond, 0, 3*time.Second
	s := serveOn(t, opts)
	defer relay.Break(nostrtest.RefuseEvents("rate-limited: not now"))()
	status, body, err := s.call(t.Context(), http.MethodPost, "/events", note().AppendJSON(nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status, string(body))
	began := time.Now()
	s.stop()
	require.NoError(t, <-s.served)
	assert.Less(t, time.Since(began), opts.giveUp/2)
	assert.Contains(t, s.log.String(), "publications given up")
	assert.Contains(t, s.log.String(), `"msg":"not published"`)
}

// A service that nobody can reach any more is at its end: there is no grace to wait for.
func TestTheServiceEndsWithItsListener(t *testing.T) {
	for _, told := range []bool{false, true} {
		opts := settings(nostrtest.NewRelay(t))
		opts.grace = time.Hour
		s := serveOn(t, opts)
		if told {
			s.stop()
			require.NoError(t, s.until(s.soon(), "/readyz", http.StatusServiceUnavailable))
		}
		require.NoError(t, s.listener.Close())
		require.ErrorIs(t, <-s.served, net.ErrClosed)
		assert.Contains(t, s.log.String(), `"msg":"ended"`)
		s.stop()
	}
}

func TestTasksThatEnd(t *testing.T) {
	var idle tasks
	assert.Zero(t, idle.wait(t.Context()))
	assert.False(t, idle.begin(func() { t.Error("it was over") }))

	var busy tasks
	release := make(chan struct{})
	require.True(t, busy.begin(func() { <-release }))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, 1, busy.wait(ended))
	close(release)
	assert.Zero(t, busy.wait(t.Context()))
}

func TestTheCommandLine(t *testing.T) {
	var help strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &help))
	assert.Contains(t, help.String(), "usage: backend")
	const relay, listen = "-relay=wss://relay.example.com", "-listen=127.0.0.1:0"
	for _, args := range [][]string{
		{"x"}, {"-unknown"}, {"-wait", "0s"}, {"-grace", "-1s"}, {"-streams", "0"}, {"-kind", "65536"}, {"-relay", "https://example.com"},
		{listen}, {relay}, {listen, relay, "-ready", "2"}, {listen, relay, "-atleast", "2"}, {listen, relay, "-ready", "0"},
	} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
	opts, err := parse([]string{listen, relay, "-relay=wss://RELAY.example.com/", "-relay=wss://b.example", "-kind=1", "-kind=7", "-ready=2"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"wss://relay.example.com", "wss://b.example"}, opts.relays, "each once, as it was written")
	assert.Equal(t, []nostr.Kind{1, 7}, opts.kinds)
}
