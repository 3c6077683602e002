package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

const (
	maxBody    = 128 << 10 // bytes of a request
	replyKind  = 23195     // NIP-47's, unless the caller says another
	maxRelays  = 4         // of one request
	maxKinds   = 65535
	retryAfter = "1" // seconds
)

// bridge is the HTTP side. Its methods run on the server's goroutines.
type bridge struct {
	client *gennostr.Client
	opts   options
	log    *slog.Logger
	places chan struct{} // one for each request that is on its way
}

func newBridge(client *gennostr.Client, opts options, logger *slog.Logger) http.Handler {
	b := &bridge{client: client, opts: opts, log: logger, places: make(chan struct{}, opts.requests)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /request", b.request)
	mux.HandleFunc("GET /healthz", b.health)
	return mux
}

// health is for whoever watches over the service.
func (b *bridge) health(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-b.client.Done():
		http.Error(w, "the client has stopped", http.StatusServiceUnavailable)
	default:
		fmt.Fprintf(w, "ok: %d requests on their way\n", len(b.places))
	}
}

func (b *bridge) request(w http.ResponseWriter, r *http.Request) {
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
	default:
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "too many requests are on their way", http.StatusServiceUnavailable)
		return
	}
	q, err := read(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), b.opts.timeout)
	defer cancel()
	reply, err := exchange(ctx, b.client, q, b.opts.timeout*2/3)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(reply.AppendJSON(nil))
	case r.Context().Err() != nil: // the caller has gone, and with him his request
	case ctx.Err() != nil:
		http.Error(w, "nobody has replied in time", http.StatusGatewayTimeout)
	default:
		b.log.Info("no reply", "request", q.event.ID, "relays", q.relays, "error", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// question is what a caller wants to know.
type question struct {
	event  *nostr.Event
	relays []string
	kind   nostr.Kind // of the reply
}

// read takes nothing that a relay would not take, either.
func read(w http.ResponseWriter, r *http.Request) (q question, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, fmt.Errorf("body: %w", err)
	}
	q.event = new(nostr.Event)
	if err := json.Unmarshal(body, q.event); err != nil {
		return q, fmt.Errorf("body: want an event: %w", err)
	}
	if err := q.event.Verify(); err != nil {
		return q, fmt.Errorf("body: %w", err)
	}
	if len(addressees(q.event)) == 0 {
		return q, errors.New("the event names nobody in a p tag, so nobody may reply")
	}
	q.relays = r.URL.Query()["relay"]
	if len(q.relays) == 0 || len(q.relays) > maxRelays {
		return q, fmt.Errorf("want 1 to %d relays", maxRelays)
	}
	for _, url := range q.relays {
		if _, err := nostr.NormalizeURL(url); err != nil {
			return q, fmt.Errorf("relay: %w", err)
		}
	}
	q.kind = replyKind
	if s := r.URL.Query().Get("kind"); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return q, fmt.Errorf("kind: want a number up to %d", maxKinds)
		}
		q.kind = nostr.Kind(n)
	}
	return q, nil
}

// addressees are those whom an event is for.
func addressees(e *nostr.Event) (keys []nostr.PubKey) {
	for key := range e.Tags.PubKeys("p") {
		keys = append(keys, key)
	}
	return keys
}

// exchange is one request, one answer. A relay that is not there for so long will not bring it.
func exchange(ctx context.Context, client *gennostr.Client, q question, patience time.Duration) (*nostr.Event, error) {
	reply := nostr.Filter{}.WithKinds(q.kind).WithAuthors(addressees(q.event)...).WithTag("e", q.event.ID.String())
	for event, err := range client.Request(ctx, q.event, []nostr.Filter{reply}, gennostr.On(q.relays...), gennostr.GiveUpAfter(patience)) {
		return event, err
	}
	return nil, errors.New("nobody has said anything") // not reached: the last of the pairs is an error
}
