package nostrtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

// ErrClosed is returned by the Wait methods and by Restart once the relay has
// been closed for good.
var ErrClosed = errors.New("nostrtest: relay closed")

// bell lets goroutines wait for the next change of something that a mutex
// guards. Its methods are called with that mutex held; what is received from
// is the channel, after the mutex was given up.
type bell struct{ next chan struct{} }

// ring wakes everybody who waits.
func (b *bell) ring() {
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// wait returns a channel that the next ring closes.
func (b *bell) wait() <-chan struct{} {
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// WaitFor waits until condition is true. It asks at once and then after every
// change of anything the views show and whenever a fault has struck, which
// WireLog shows, without holding a lock, so condition may call the relay's
// views. The error wraps ctx's, or is ErrClosed.
func (r *Relay) WaitFor(ctx context.Context, condition func() bool) error {
	return r.await(ctx, "a condition", condition)
}

// WaitEvent waits for an event that a client has published, that the relay has
// accepted (OK true, duplicates and ephemeral events included) and that
// matches the filter, and returns the first one. It may have come before the
// call. Events given to Publish do not count. Limit and search of the filter
// are ignored.
func (r *Relay) WaitEvent(ctx context.Context, filter nostr.Filter) (*nostr.Event, error) {
	events, err := r.WaitEvents(ctx, 1, filter)
	if err != nil {
		return nil, err
	}
	return events[0], nil
}

// WaitEvents is WaitEvent for n different events; it returns the first n in
// order of arrival.
func (r *Relay) WaitEvents(ctx context.Context, n int, filter nostr.Filter) ([]*nostr.Event, error) {
	var found []*nostr.Event
	seen := make(map[nostr.ID]bool)
	position := 0
	what := fmt.Sprintf("%d events that match %v", n, filter)
	err := r.await(ctx, what, func() bool {
		var fresh []*nostr.Event
		r.mu.Lock()
		fresh, position = r.accepted.since(position)
		r.mu.Unlock()
		for _, event := range fresh {
			if len(found) < n && !seen[event.ID] && filter.Matches(event) {
				seen[event.ID] = true
				found = append(found, event)
			}
		}
		return len(found) >= n
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// WaitMessage waits for a message of any client for which match is true (nil:
// any message), and returns the first one. It may have come before the call.
// A message counts once the relay has handled it: when a REQ is returned, its
// subscription is open or refused.
func (r *Relay) WaitMessage(ctx context.Context, match func(Message) bool) (Message, error) {
	var found Message
	position := 0
	err := r.await(ctx, "a message", func() bool {
		var fresh []Message
		r.mu.Lock()
		fresh, position = r.handled.since(position)
		r.mu.Unlock()
		i := slices.IndexFunc(fresh, func(m Message) bool { return match == nil || match(m) })
		if i >= 0 {
			found = fresh[i]
		}
		return i >= 0
	})
	return found, err
}

// WaitRequest is WaitMessage for REQ.
func (r *Relay) WaitRequest(ctx context.Context, match func(Request) bool) (Request, error) {
	message, err := r.WaitMessage(ctx, func(m Message) bool {
		return m.Verb == "REQ" && m.Err == nil && (match == nil || match(m.request()))
	})
	return message.request(), err
}

// WaitConnections waits until exactly n connections are open.
func (r *Relay) WaitConnections(ctx context.Context, n int) error {
	return r.await(ctx, fmt.Sprintf("%d open connections", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.sessions) == n
	})
}

// WaitConnection waits until connection number n has been made, whether it is
// still open or not. Numbers start at 1 and are never used again, so after
// Disconnect of connection 1 the client is back with number 2.
func (r *Relay) WaitConnection(ctx context.Context, n int) (Connection, error) {
	var conn Connection
	err := r.await(ctx, fmt.Sprintf("connection %d", n), func() bool {
		var ok bool
		conn, ok = r.Connection(n)
		return ok
	})
	return conn, err
}

// await is every Wait method: it asks done at once and after every change.
func (r *Relay) await(ctx context.Context, what string, done func() bool) error {
	for {
		r.mu.Lock()
		changed := r.changed.wait()
		r.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("nostrtest: waiting for %s: %w (the relay has received %s)", what, ctx.Err(), r.summary())
		case <-r.closed:
			return fmt.Errorf("nostrtest: waiting for %s: %w (the relay had received %s)", what, ErrClosed, r.summary())
		}
	}
}

// summary says in a few words what has come in: "3 REQ, 1 EVENT on 2 connections".
func (r *Relay) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := make(map[string]int)
	var verbs []string
	all, _ := r.received.since(0)
	for _, m := range all {
		verb := m.Verb
		if m.Err != nil {
			verb = "malformed"
		}
		if count[verb]++; count[verb] == 1 {
			verbs = append(verbs, verb)
		}
	}
	for i, verb := range verbs {
		verbs[i] = fmt.Sprintf("%d %s", count[verb], verb)
	}
	if len(verbs) == 0 {
		verbs = []string{"no message"}
	}
	return fmt.Sprintf("%s on %d connections", strings.Join(verbs, ", "), r.lastNumber)
}
