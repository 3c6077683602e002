package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// unsigned is what only goes through the hub.
func unsigned(n int, content string) *nostr.Event {
	event := &nostr.Event{CreatedAt: nostr.Timestamp(1000 + n), Kind: 1, Tags: nostr.Tags{}, Content: content}
	event.ID = event.GetID()
	return event
}

func (w *world) stream(path, last string) *eventSource {
	w.t.Helper()
	source, err := w.open(w.soon(), path, last)
	require.NoError(w.t, err)
	w.t.Cleanup(source.close)
	return source
}

// message reads the next event.
func (s *eventSource) message(t *testing.T) nostr.Event {
	t.Helper()
	kind, event, err := s.next()
	require.NoError(t, err)
	require.Equal(t, "message", kind, "%+v", s.gap)
	return event
}

func TestAllStreamsShareOneSubscription(t *testing.T) {
	list := relays(t, 2)
	list[0].Publish(nostrtest.TextNote(nostrtest.Key(3), "stored before"))
	w := newWorld(t, settings(list...), list)
	all, mine := w.stream("/stream", ""), w.stream("/stream?kind=1&author="+nostrtest.PubKey(1).String(), "")
	first, second := nostrtest.TextNote(nostrtest.Key(2), "not mine\r\nid: 1\n\nevent: x"), note()
	list[0].Publish(first)
	got := all.message(t)
	assert.Equal(t, first, &got, "nothing that was stored, and whatever is in it")
	list[0].Publish(second)
	list[1].Publish(second, first)
	got = all.message(t)
	assert.Equal(t, second.ID, got.ID)
	got = mine.message(t)
	assert.Equal(t, second.ID, got.ID)
	for _, relay := range list {
		assert.Len(t, relay.Subscriptions(), 1)
		assert.Len(t, relay.Connections(), 1)
	}
	head, err := w.http.Head(w.base + "/stream")
	require.NoError(t, err, "which ends")
	require.NoError(t, head.Body.Close())
	assert.Equal(t, "text/event-stream", head.Header.Get("Content-Type"))
	for _, query := range []string{"limit=1", "search=x", "kind=x"} {
		var said struct{ Error string }
		assert.Equal(t, http.StatusBadRequest, w.get("/stream?"+query, &said), query)
	}
}

func TestAStreamShowsWhatWasMissedDuringAnOutage(t *testing.T) {
	list := relays(t, 1)
	w := newWorld(t, settings(list...), list)
	source := w.stream("/stream", "")
	list[0].Stop()
	require.NoError(t, w.until(w.soon(), "/readyz", http.StatusServiceUnavailable))
	list[0].Publish(note())
	require.NoError(t, list[0].Restart())
	got := source.message(t)
	assert.Equal(t, note().ID, got.ID)
}

func TestABrowserThatComesBackGoesOnWhereItWas(t *testing.T) {
	list := relays(t, 1)
	opts := settings(list...)
	opts.kept = 10
	w := newWorld(t, opts, list)
	source := w.stream("/stream", "")
	w.service.hub.event(unsigned(0, "0"))
	assert.Equal(t, "0", source.message(t).Content)
	source.close()
	for i := range 5 {
		w.service.hub.event(unsigned(i+1, fmt.Sprint(i+1)))
	}
	again := w.stream("/stream", source.last)
	for i := range 5 {
		assert.Equal(t, fmt.Sprint(i+1), again.message(t).Content)
	}
	again.close()
	for i := range 12 {
		w.service.hub.event(unsigned(i+6, fmt.Sprint(i+6)))
	}
	late := w.stream("/stream", again.last)
	kind, _, err := late.next()
	require.NoError(t, err)
	assert.Equal(t, "gap", kind)
	assert.Equal(t, gap{Reason: "read too slowly", Missed: 2}, *late.gap)
	assert.Equal(t, "8", late.message(t).Content)

	// Its place behind the gap is right, too.
	behind := w.stream("/stream", late.last)
	assert.Equal(t, "9", behind.message(t).Content)

	for _, last := range []string{"another-3", "nonsense", w.service.hub.name(1 << 40)} {
		other := w.stream("/stream", last)
		kind, _, err := other.next()
		require.NoError(t, err, last)
		assert.Equal(t, "gap", kind)
		assert.Equal(t, gap{Reason: "the service was started anew"}, *other.gap)
	}
}

func TestAGapOfARelayIsTold(t *testing.T) {
	list := relays(t, 1)
	w := newWorld(t, settings(list...), list)
	source := w.stream("/stream?kind=7", "")
	w.service.hub.gap(gap{Reason: "a relay could not give everything", Since: 10, Until: 20})
	kind, _, err := source.next()
	require.NoError(t, err)
	assert.Equal(t, "gap", kind)
	assert.Equal(t, gap{Reason: "a relay could not give everything", Since: 10, Until: 20}, *source.gap)
}

// A browser that does not read costs nobody anything. When it reads on it is told what it has
// missed: what it gets and what it misses is everything.
func TestASlowBrowserHarmsNobody(t *testing.T) {
	list := relays(t, 1)
	opts := settings(list...)
	opts.kept, opts.patience = 64, time.Minute
	w := newWorld(t, opts, list)
	fast := w.stream("/stream", "")
	slow := w.rawStream()

	const events, size = 250, 8 << 10 // 2 MB: more than sockets with small buffers hold
	text := strings.Repeat("x", size)
	for i := range events {
		w.service.hub.event(unsigned(i, fmt.Sprint(i, " ", text)))
		got := fast.message(t) // which is not held up
		require.True(t, strings.HasPrefix(got.Content, fmt.Sprint(i, " ")))
	}
	got, missed := 0, uint64(0)
	for got+int(missed) < events {
		kind, _, err := slow.next()
		require.NoError(t, err)
		if kind == "gap" {
			missed += slow.gap.Missed
			continue
		}
		got++
	}
	assert.Equal(t, events, got+int(missed))
	assert.Greater(t, missed, uint64(50))
	assert.LessOrEqual(t, len(w.service.hub.entries), 64)
}

// rawStream is a stream behind a socket with small buffers, and nothing that reads ahead.
func (w *world) rawStream() *eventSource {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(w.t, conn.(*net.TCPConn).SetReadBuffer(256<<10))
	_, err = io.WriteString(conn, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(w.t, err)
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 4096), nil)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	source := &eventSource{body: resp.Body, lines: bufio.NewScanner(resp.Body)}
	source.lines.Buffer(nil, 1<<20)
	return source
}

// The server's time for a request is not for streams.
func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel() // it waits most of the time
	list := relays(t, 1)
	opts := settings(list...)
	opts.heartbeat = 300 * time.Millisecond // twenty are more than the five seconds
	w := newWorld(t, opts, list)
	server := httptest.NewUnstartedServer(w.service.handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 5*time.Second, 5*time.Second
	server.Start()
	defer server.Close()
	source, err := (&caller{server.URL, server.Client()}).open(w.soon(), "/stream", "")
	require.NoError(t, err)
	defer source.close()
	for beats := 0; beats < 20; {
		require.True(t, source.lines.Scan(), source.lines.Err())
		if strings.HasPrefix(source.lines.Text(), ":") {
			beats++
		}
	}
	w.service.hub.event(note())
	assert.Equal(t, "hello", source.message(t).Content)
}

func TestABrowserThatNeverReadsIsCutOff(t *testing.T) {
	list := relays(t, 1)
	opts := settings(list...)
	opts.streams, opts.patience = 1, 100*time.Millisecond
	w := newWorld(t, opts, list)
	w.rawStream()
	var said struct{ Error string }
	assert.Equal(t, http.StatusServiceUnavailable, w.get("/stream", &said), "one is as many as there may be")
	text := strings.Repeat("x", 64<<10)
	n := 0
	assert.Eventually(t, func() bool {
		w.service.hub.event(unsigned(n, text))
		n++
		return len(w.service.places) == 0
	}, 20*time.Second, time.Millisecond, "its place is free again")
	w.stream("/stream", "")
}

func TestTheHubKeepsNoMoreThanItShould(t *testing.T) {
	h := newHub(4, 1<<20)
	for i := range 10 {
		h.event(unsigned(i, ""))
	}
	list, missed, bell := h.read(1)
	assert.Len(t, list, 4)
	assert.EqualValues(t, 6, missed)
	assert.Nil(t, bell)
	assert.EqualValues(t, 11, h.next())
	list, missed, bell = h.read(11)
	assert.Empty(t, list)
	assert.Zero(t, missed)
	require.NotNil(t, bell)
	h.event(unsigned(10, ""))
	<-bell

	byBytes := newHub(1000, 11_000)
	for i := range 100 {
		byBytes.event(unsigned(i, strings.Repeat("x", 3000)))
	}
	assert.Equal(t, 3, len(byBytes.entries)) // Len would print them
	byBytes.event(unsigned(100, strings.Repeat("x", 20_000)))
	assert.Equal(t, 1, len(byBytes.entries), "the newest is kept whatever its size")
	list, _, _ = byBytes.read(101)
	assert.Len(t, list, 1)

	many := newHub(1000, 1<<20)
	for i := range 100 {
		many.event(unsigned(i, ""))
	}
	list, _, _ = many.read(1)
	assert.Len(t, list, atOnce)
	many.end()
	many.end()
	many.event(unsigned(100, "")) // which comes too late
	list, _, _ = many.read(100)
	assert.Len(t, list, 1, "what is there is still read")
	list, _, bell = many.read(101)
	assert.Empty(t, list)
	assert.Nil(t, bell)
}
