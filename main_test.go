package gennostr_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// silent is a logger for tests and examples in which problems are the subject.
var silent = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	slog.SetDefault(silent) // problems are what most tests are about
	goleak.VerifyTestMain(m)
}

// note is one callback as a recorder saw it.
type note struct {
	Name  string
	Relay gennostr.Relay
	Msg   any // the message, error or request; nil for OnConnect
}

// recorder is a handler that notes every callback, in order, and lets a test
// step into each of them.
type recorder struct {
	// on, if set, runs on the client's goroutine and gives the callback's result.
	on func(self *gennostr.Self, n note) error

	mu      sync.Mutex
	notes   []note
	changed chan struct{} // closed and replaced with every note
}

func (r *recorder) note(self *gennostr.Self, name string, relay gennostr.Relay, msg any) error {
	n := note{name, relay, msg}
	r.mu.Lock()
	r.notes = append(r.notes, n)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	r.mu.Unlock()
	if r.on != nil {
		return r.on(self, n)
	}
	return nil
}

func (r *recorder) OnConnect(s *gennostr.Self, relay gennostr.Relay) error {
	return r.note(s, "OnConnect", relay, nil)
}
func (r *recorder) OnDisconnect(s *gennostr.Self, relay gennostr.Relay, reason error) error {
	return r.note(s, "OnDisconnect", relay, reason)
}
func (r *recorder) OnError(s *gennostr.Self, relay gennostr.Relay, err error) error {
	return r.note(s, "OnError", relay, err)
}
func (r *recorder) OnEvent(s *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	return r.note(s, "OnEvent", relay, m)
}
func (r *recorder) OnEOSE(s *gennostr.Self, relay gennostr.Relay, m gennostr.EOSEMessage) error {
	return r.note(s, "OnEOSE", relay, m)
}
func (r *recorder) OnOK(s *gennostr.Self, relay gennostr.Relay, m gennostr.OKMessage) error {
	return r.note(s, "OnOK", relay, m)
}
func (r *recorder) OnNotice(s *gennostr.Self, relay gennostr.Relay, m gennostr.NoticeMessage) error {
	return r.note(s, "OnNotice", relay, m)
}
func (r *recorder) OnAuth(s *gennostr.Self, relay gennostr.Relay, m gennostr.AuthMessage) error {
	return r.note(s, "OnAuth", relay, m)
}
func (r *recorder) OnClosed(s *gennostr.Self, relay gennostr.Relay, m gennostr.ClosedMessage) error {
	return r.note(s, "OnClosed", relay, m)
}
func (r *recorder) OnCount(s *gennostr.Self, relay gennostr.Relay, m gennostr.CountMessage) error {
	return r.note(s, "OnCount", relay, m)
}
func (r *recorder) HandleInfo(s *gennostr.Self, msg any) error {
	return r.note(s, "HandleInfo", gennostr.Relay{}, msg)
}
func (r *recorder) Terminate(s *gennostr.Self, reason error) {
	_ = r.note(s, "Terminate", gennostr.Relay{}, reason)
}

// all returns the notes so far.
func (r *recorder) all() []note {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]note(nil), r.notes...)
}

// named returns the notes of one callback.
func (r *recorder) named(name string) (list []note) {
	for _, n := range r.all() {
		if n.Name == name {
			list = append(list, n)
		}
	}
	return list
}

// names returns the callbacks' names in order.
func (r *recorder) names() (list []string) {
	for _, n := range r.all() {
		list = append(list, n.Name)
	}
	return list
}

// waitFor waits until the notes are as wanted. It is event-driven.
func (r *recorder) waitFor(t testing.TB, what string, want func([]note) bool) []note {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		r.mu.Lock()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed, notes := r.changed, append([]note(nil), r.notes...)
		r.mu.Unlock()
		if want(notes) {
			return notes
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "never came: "+what, "%d notes, the last ones %v", len(notes), notes[max(0, len(notes)-5):])
		}
	}
}

// waitCount waits for the n-th note of a callback and returns it.
func (r *recorder) waitCount(t testing.TB, name string, n int) note {
	t.Helper()
	var found note
	r.waitFor(t, fmt.Sprintf("%s number %d", name, n), func(notes []note) bool {
		count := 0
		for _, note := range notes {
			if note.Name == name {
				if count++; count == n {
					found = note
					return true
				}
			}
		}
		return false
	})
	return found
}

// start starts a client that ends with the test.
func start(t testing.TB, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	client, err := gennostr.Start(context.Background(), h, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := client.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return client
}

// everything asks for all events.
func everything(id string) gennostr.Req {
	return gennostr.Req{SubscriptionID: id, Filters: []nostr.Filter{{}}}
}

// notes makes n signed text notes of one author, a second apart.
func textNotes(n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(1), fmt.Sprintf("note %d", i))
	}
	return list
}
