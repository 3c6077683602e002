package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// service is everything that there is once. The HTTP server's goroutines use it; one of its own
// hands on what the subscription brings, and one follows each publication that is open.
type service struct {
	opts   options
	log    *slog.Logger
	client *gennostr.Client
	live   *gennostr.Subscription
	hub    *hub
	places chan struct{} // one for each stream

	following sync.WaitGroup // what ranges over live
	behind    tasks          // publications that are open
}

// start starts the client, and the subscription that all streams share. No goroutine is left
// if it fails.
func start(opts options, logger *slog.Logger, more ...gennostr.Option) (*service, error) {
	client, err := gennostr.Start(context.Background(), nil, append(more, gennostr.WithRelays(opts.relays...), gennostr.WithLogger(logger))...)
	if err != nil {
		return nil, err
	}
	// Nothing of what is stored, but after an outage all that was missed.
	filter := nostr.Filter{LimitZero: true}
	if len(opts.kinds) > 0 {
		filter.Kinds = opts.kinds
	}
	live, err := client.Subscribe(context.Background(), []nostr.Filter{filter})
	if err != nil {
		return nil, errors.Join(err, client.Stop(context.Background()))
	}
	s := &service{opts: opts, log: logger, client: client, live: live, hub: newHub(opts.kept, opts.keptBytes), places: make(chan struct{}, opts.streams)}
	s.following.Go(s.follow) // ended by live.Close, or with the client; joined by stop
	return s, nil
}

// follow hands on what the subscription brings. It never waits for a browser.
func (s *service) follow() {
	for m := range s.live.All() {
		switch {
		case m.Event != nil && m.Phase == gennostr.PhaseStored: // of a relay that takes a limit of 0 for none
		case m.Event != nil:
			s.hub.event(m.Event)
		case m.Change.Gap != nil:
			s.log.Warn("gap", "relay", m.Relay.URL, "since", m.Change.Gap.Since, "until", m.Change.Gap.Until, "possible", m.Change.Gap.Possible)
			s.hub.gap(gap{Reason: "a relay could not give everything", Since: m.Change.Gap.Since, Until: m.Change.Gap.Until})
		default:
			s.log.Info("subscription", "relay", m.Relay.URL, "state", m.Change.State.String(), "message", m.Change.Message, "error", m.Change.Err)
		}
	}
	s.hub.end()
}

// drain is the beginning of the end: no work is wanted any more, and streams end, so that
// browsers go elsewhere.
func (s *service) drain() { s.hub.end() }

// stop waits for the publications that are open, as long as ctx lasts, and ends the client.
func (s *service) stop(ctx context.Context) error {
	if left := s.behind.wait(ctx); left > 0 {
		s.log.Warn("publications given up", "count", left)
	}
	s.live.Close()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.client.Stop(stopping) // ends the publications that are left
	s.following.Wait()
	s.behind.wait(context.WithoutCancel(ctx))
	return err
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /events", s.publish)
	mux.HandleFunc("GET /events", s.query)
	mux.HandleFunc("GET /events/{id}", s.one)
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	return logged(mux, s.log)
}

// health is red when only another process helps.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-s.client.Done():
		fail(w, http.StatusServiceUnavailable, "the client has stopped")
	default:
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	}
}

// readiness is where the shared subscription stands.
type readiness struct {
	Ready  bool         `json:"ready"`
	Live   int          `json:"live"`
	Want   int          `json:"want"`
	Relays []relayState `json:"relays"`
}

type relayState struct {
	Relay   string `json:"relay"`
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

func (s *service) ready(w http.ResponseWriter, _ *http.Request) {
	status := s.live.Status()
	r := readiness{Ready: status.Live >= s.opts.ready && !s.hub.ended(), Live: status.Live, Want: s.opts.ready, Relays: []relayState{}}
	for _, relay := range status.Relays {
		r.Relays = append(r.Relays, relayState{Relay: relay.URL, State: relay.State.String(), Message: relay.Message})
	}
	code := http.StatusOK
	if !r.Ready {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, r)
}

// tasks are goroutines that are waited for, up to a point from which no more begin.
type tasks struct {
	mu     sync.Mutex
	n      int           // guarded by mu
	closed bool          // guarded by mu
	idle   chan struct{} // guarded by mu: closed when there are none, and will be none; nil until somebody waits
}

// begin runs f on a goroutine of its own, unless the end has come.
func (t *tasks) begin(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.n++
	go func() { // f says what ends it; joined by wait
		defer t.done()
		f()
	}()
	return true
}

func (t *tasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.closed {
		close(t.idle)
	}
}

// wait lets no more begin, and waits for those that have. It returns how many are left when
// ctx ends. It may be called again.
func (t *tasks) wait(ctx context.Context) (left int) {
	t.mu.Lock()
	if !t.closed {
		t.closed, t.idle = true, make(chan struct{})
		if t.n == 0 {
			close(t.idle)
		}
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1") // seconds
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a caller that has gone does not mind
}

// fail says in JSON what is wrong.
func fail(w http.ResponseWriter, status int, reason string) {
	answer(w, status, map[string]string{"error": reason})
}

// logged logs requests when they end. Those of whoever watches over the service come all the time.
func logged(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &countingWriter{ResponseWriter: w}
		began := time.Now()
		defer func() {
			level := slog.LevelInfo
			if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
				level = slog.LevelDebug
			}
			logger.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", watched.status,
				"bytes", watched.bytes, "took", time.Since(began).Round(time.Millisecond).String(), "from", r.RemoteAddr)
		}()
		next.ServeHTTP(watched, r)
	})
}

// countingWriter remembers what was answered.
type countingWriter struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *countingWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}
