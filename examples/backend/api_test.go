package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
)

// journal is a log that is read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// world is the service on relays of its own, and somebody who calls it.
type world struct {
	t       *testing.T
	relays  []*nostrtest.Relay
	service *service
	log     *journal
	*caller
}

// settings are defaults that suit tests.
func settings(relays ...*nostrtest.Relay) options {
	opts := defaults()
	for _, relay := range relays {
		opts.relays = append(opts.relays, relay.URL())
	}
	opts.ready, opts.atLeast, opts.wait, opts.giveUp = len(relays), 1, 20*time.Second, time.Minute
	opts.streams, opts.shutdown = 10, 20*time.Second
	opts.settle = 10 * time.Second // nobody waits for it where all relays answer
	return opts
}

func quick() gennostr.Option {
	return gennostr.WithReconnectSchedule(20*time.Millisecond, 100*time.Millisecond)
}

func newWorld(t *testing.T, opts options, relays []*nostrtest.Relay, more ...gennostr.Option) *world {
	t.Helper()
	w := &world{t: t, relays: relays, log: new(journal)}
	logger := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	w.service, err = start(opts, logger, append(more, quick())...)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(w.service.handler())
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew { // a browser that does not read is soon felt
			_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		}
	}
	server.Start()
	w.caller = &caller{server.URL, server.Client()}
	t.Cleanup(func() {
		w.service.drain()
		server.Close()
		ended, cancel := context.WithCancel(context.Background())
		cancel() // a publication that is open is not waited for
		assert.NoError(t, w.service.stop(ended))
	})
	require.NoError(t, w.until(w.soon(), "/readyz", http.StatusOK))
	return w
}

func relays(t *testing.T, n int) []*nostrtest.Relay {
	list := make([]*nostrtest.Relay, n)
	for i := range list {
		list[i] = nostrtest.NewRelay(t)
	}
	return list
}

func (w *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	w.t.Cleanup(cancel)
	return ctx
}

// get decodes an answer into what, and returns its status.
func (w *world) get(path string, what any) int {
	w.t.Helper()
	status, body, err := w.call(w.soon(), http.MethodGet, path, nil)
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(body, what), "%s", body)
	return status
}

func (w *world) post(event *nostr.Event) (status int, p published) {
	w.t.Helper()
	status, body, err := w.call(w.soon(), http.MethodPost, "/events", event.AppendJSON(nil))
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(body, &p), "%s", body)
	return status, p
}

// of returns what a relay has made of an event.
func (p published) of(relay *nostrtest.Relay) verdict {
	for _, v := range p.Relays {
		if v.Relay == relay.URL()+"/" || v.Relay == relay.URL() {
			return v
		}
	}
	return verdict{}
}

var note = sync.OnceValue(func() *nostr.Event { return nostrtest.TextNote(nostrtest.Key(1), "hello") })

func TestPublishTellsTheVerdictOfEachRelay(t *testing.T) {
	t.Parallel() // it waits most of the time
	list := relays(t, 3)
	opts := settings(list...)
	opts.settle = 6 * time.Second // waited out once, for one of the relays is mute
	w := newWorld(t, opts, list)
	defer list[1].Break(nostrtest.RefuseEvents("blocked: not here"))()
	defer list[2].Break(nostrtest.NoOK())()
	defer list[2].Stop() // nobody waits for its OK at the end
	status, p := w.post(note())
	require.Equal(t, http.StatusCreated, status, p)
	assert.Equal(t, note().ID, p.ID)
	assert.Equal(t, 1, p.Accepted)
	assert.False(t, p.Decided)
	assert.Equal(t, "accepted", p.of(list[0]).Verdict)
	refused := p.of(list[1])
	assert.Equal(t, "refused", refused.Verdict)
	assert.Equal(t, "blocked: not here", refused.Message)
	assert.Equal(t, "pending", p.of(list[2]).Verdict)

	w.service.opts.settle = 0 // between two requests: the others are about the first relay only
	status, p = w.post(note())
	assert.Equal(t, http.StatusOK, status, "it was there before")
	assert.Equal(t, "duplicate", p.of(list[0]).Verdict)

	resp, err := w.http.Post(w.base+"/events", "application/json", bytes.NewReader(note().AppendJSON(nil)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var got nostr.Event
	assert.Equal(t, http.StatusOK, w.get(resp.Header.Get("Location"), &got))
	assert.Equal(t, note(), &got)
}

func TestPublishGoesOnBehindItsAnswer(t *testing.T) {
	decide := make(chan struct{})
	late := sync.OnceFunc(func() { close(decide) })
	list := []*nostrtest.Relay{nostrtest.NewRelay(t, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string { <-decide; return "" }))}
	t.Cleanup(late) // before the relay's own, which waits for the policy
	opts := settings(list...)
	opts.wait = 100 * time.Millisecond
	w := newWorld(t, opts, list)
	status, p := w.post(note())
	require.Equal(t, http.StatusAccepted, status, p)
	assert.Zero(t, p.Accepted)
	assert.Empty(t, p.Error)
	assert.Equal(t, "pending", p.Relays[0].Verdict)
	assert.NotContains(t, w.log.String(), `"msg":"published"`)
	late()
	assert.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"msg":"published","id":"`+note().ID.String()) },
		30*time.Second, 10*time.Millisecond, "the log tells how it ends")
}

func TestPublishFailures(t *testing.T) {
	list := relays(t, 2)
	opts := settings(list...)
	opts.atLeast = 2
	w := newWorld(t, opts, list)
	mend := list[0].Break(nostrtest.RefuseEvents("blocked: not here"))
	status, p := w.post(note())
	assert.Equal(t, http.StatusBadGateway, status, "one is less than -atleast")
	assert.Equal(t, 1, p.Accepted)
	assert.Contains(t, p.Error, "blocked: not here")
	mend()

	profile := func(at nostr.Timestamp) *nostr.Event {
		return nostrtest.EventAt(at, nostrtest.Key(1), nostr.Kind(0), "{}")
	}
	now := nostr.Now()
	status, p = w.post(profile(now))
	require.Equal(t, http.StatusCreated, status, p)
	status, p = w.post(profile(now - 10))
	assert.Equal(t, http.StatusConflict, status, p)

	forged := note().Clone()
	forged.Content = "another"
	auth := nostr.NewAuthEvent(list[0].URL(), "challenge", nostr.Now())
	require.NoError(t, auth.Sign(nostrtest.Key(1)))
	for name, c := range map[string]struct {
		body   []byte
		status int
		says   string
	}{
		"no JSON":  {[]byte("hello"), http.StatusBadRequest, "want an event"},
		"nothing":  {nil, http.StatusBadRequest, "want an event"},
		"forged":   {forged.AppendJSON(nil), http.StatusBadRequest, "hash"},
		"an AUTH":  {auth.AppendJSON(nil), http.StatusBadRequest, "never published"},
		"too long": {bytes.Repeat([]byte(" "), maxBody+1), http.StatusRequestEntityTooLarge, "at most"},
	} {
		status, body, err := w.call(w.soon(), http.MethodPost, "/events", c.body)
		require.NoError(t, err)
		assert.Equal(t, c.status, status, name)
		assert.Contains(t, string(body), c.says, name)
	}
	status, _, err := w.call(w.soon(), http.MethodPut, "/events", nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusMethodNotAllowed, status)
}

func TestPublishRefusesWhatIsTooMuch(t *testing.T) {
	list := relays(t, 1)
	opts := settings(list...)
	opts.wait = 50 * time.Millisecond
	w := newWorld(t, opts, list, gennostr.WithPublishQueue(1))
	defer list[0].Break(nostrtest.NoOK())()
	defer list[0].Stop() // nobody waits for its OK at the end
	status, p := w.post(note())
	require.Equal(t, http.StatusAccepted, status, p)
	resp, err := w.http.Post(w.base+"/events", "application/json", bytes.NewReader(note().AppendJSON(nil)))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "1", resp.Header.Get("Retry-After"))
}

func TestQueryTellsWhatEachRelayGave(t *testing.T) {
	list := relays(t, 2)
	older := nostrtest.TextNoteAt(note().CreatedAt-10, nostrtest.Key(2), "before", nostr.Tag{"t", "nostr"})
	list[0].Publish(note())
	list[1].Publish(note(), older)
	opts := settings(list...)
	w := newWorld(t, opts, list)
	var f found
	assert.Equal(t, http.StatusOK, w.get("/events?kind=1", &f))
	assert.True(t, f.Complete)
	assert.Equal(t, []*nostr.Event{note(), older}, f.Events, "each once, newest first")
	counts := map[string]int{}
	for _, r := range f.Relays {
		counts[strings.TrimSuffix(r.Relay, "/")] = r.Events
	}
	assert.Equal(t, map[string]int{list[0].URL(): 1, list[1].URL(): 2}, counts)

	npub := nip19.EncodePubKey(nostrtest.PubKey(2))
	for query, want := range map[string][]*nostr.Event{
		"author=" + npub: {older}, "t=nostr&t=bots": {older}, "limit=1": {note()}, "id=" + note().ID.String(): {note()}, "kind=7": {},
		"until=" + older.CreatedAt.Time().UTC().Format(time.RFC3339): {older}, "search=before": {older},
	} {
		f = found{}
		assert.Equal(t, http.StatusOK, w.get("/events?"+query, &f), query)
		assert.Equal(t, want, f.Events, query)
	}
	for _, query := range []string{"kind=x", "author=nsec1", "id=1", "since=yesterday", "limit=0", "limit=501", "search=", "colour=red", "p=me", "since=9&until=8&%C3%A4=1"} {
		var said struct{ Error string }
		assert.Equal(t, http.StatusBadRequest, w.get("/events?"+query, &said), query)
		assert.NotEmpty(t, said.Error, query)
	}
	var said struct{ Error string }
	assert.Equal(t, http.StatusBadRequest, w.get("/events?"+strings.Repeat("kind=1&", maxValues+1), &said))

	var got nostr.Event
	assert.Equal(t, http.StatusOK, w.get("/events/"+older.ID.String(), &got))
	assert.Equal(t, older, &got)
	absent := strings.Repeat("ab", 32)
	assert.Equal(t, http.StatusNotFound, w.get("/events/"+absent, &said))
	assert.Equal(t, http.StatusBadRequest, w.get("/events/1", &said))

	list[0].Stop()
	require.NoError(t, w.until(w.soon(), "/readyz", http.StatusServiceUnavailable))
	f = found{}
	assert.Equal(t, http.StatusOK, w.get("/events?kind=1", &f), "half an answer is one, and says so")
	assert.False(t, f.Complete)
	assert.Len(t, f.Events, 2)
	assert.Equal(t, http.StatusBadGateway, w.get("/events/"+absent, &said), "who was not asked may have it")
	list[1].Stop()
	require.Eventually(t, func() bool { return w.service.live.Status().Live == 0 }, 30*time.Second, 10*time.Millisecond)
	f = found{}
	assert.Equal(t, http.StatusBadGateway, w.get("/events?kind=1", &f))
	assert.Len(t, f.Relays, 2)
	assert.NotEmpty(t, f.Error)
}

func TestReadyIsLiveOnEnoughRelays(t *testing.T) {
	list := relays(t, 3)
	opts := settings(list...)
	opts.ready = 2
	w := newWorld(t, opts, list)
	require.Eventually(t, func() bool { return w.service.live.Status().Live == 3 }, 30*time.Second, 10*time.Millisecond)
	list[0].Stop()
	require.Eventually(t, func() bool { return w.service.live.Status().Live == 2 }, 30*time.Second, 10*time.Millisecond)
	var r readiness
	assert.Equal(t, http.StatusOK, w.get("/readyz", &r))
	assert.True(t, r.Ready)
	assert.Equal(t, 2, r.Live)
	assert.Len(t, r.Relays, 3)
	list[1].Stop()
	require.NoError(t, w.until(w.soon(), "/readyz", http.StatusServiceUnavailable))
	var ok struct{ Status string }
	assert.Equal(t, http.StatusOK, w.get("/healthz", &ok), "the process is well")
	require.NoError(t, list[1].Restart())
	require.NoError(t, w.until(w.soon(), "/readyz", http.StatusOK))

	require.NoError(t, w.service.client.Stop(context.Background()))
	var said struct{ Error string }
	assert.Equal(t, http.StatusServiceUnavailable, w.get("/healthz", &said))
	status, p := w.post(note())
	assert.Equal(t, http.StatusServiceUnavailable, status, p)
	assert.Equal(t, http.StatusServiceUnavailable, w.get("/events?kind=1", &said))
}

func TestRequestsAreLogged(t *testing.T) {
	list := relays(t, 1)
	w := newWorld(t, settings(list...), list)
	var f found
	w.get("/events?kind=1&author="+nip19.EncodePubKey(nostrtest.PubKey(1)), &f)
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), `"path":"/events"`) }, 30*time.Second, 10*time.Millisecond)
	for _, line := range strings.Split(w.log.String(), "\n") {
		if strings.Contains(line, `"path":"/events"`) {
			var entry map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			assert.Equal(t, "GET", entry["method"])
			assert.InDelta(t, 200, entry["status"], 0)
			assert.Positive(t, entry["bytes"])
			assert.NotContains(t, line, "npub1", "nor what was asked")
		}
	}
}

// The server's own writer has to be found under ours, for deadlines and flushes.
func TestTheLoggingWriterHidesNothing(t *testing.T) {
	inner := httptest.NewRecorder()
	w := &countingWriter{ResponseWriter: inner}
	require.NoError(t, http.NewResponseController(w).Flush())
	assert.True(t, inner.Flushed)
	_, err := w.Write([]byte("hello"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.status)
	assert.EqualValues(t, 5, w.bytes)
}
