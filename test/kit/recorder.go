// Package kit holds what the test suites of gennostr share: handlers that note
// what they are told, clients and relays in virtual time, and the questions that
// are asked of a whole story. It is for tests of this module; nothing else uses it,
// and it promises nothing to others.
package kit

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// Note is one callback as a recorder saw it.
type Note struct {
	Name  string
	Relay gennostr.Relay
	Msg   any // the message, error or request; nil for OnConnect
}

// Recorder is a handler that notes every callback, in order, and lets a test
// step into each of them.
type Recorder struct {
	// On, if set, runs on the client's goroutine and gives the callback's result.
	On func(self *gennostr.Self, n Note) error

	mu      sync.Mutex
	notes   []Note        // guarded by mu, like changed
	changed chan struct{} // closed and replaced with every note
}

// Note notes a callback and returns what On says to it. Handlers that have more
// callbacks than a recorder call it from them.
func (r *Recorder) Note(self *gennostr.Self, name string, relay gennostr.Relay, msg any) error {
	n := Note{name, relay, msg}
	r.Add(n)
	if r.On != nil {
		return r.On(self, n)
	}
	return nil
}

// Add adds a note of the test's own: where its story has come to.
func (r *Recorder) Add(n Note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, n)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *Recorder) OnConnect(s *gennostr.Self, relay gennostr.Relay) error {
	return r.Note(s, "OnConnect", relay, nil)
}
func (r *Recorder) OnDisconnect(s *gennostr.Self, relay gennostr.Relay, reason error) error {
	return r.Note(s, "OnDisconnect", relay, reason)
}
func (r *Recorder) OnError(s *gennostr.Self, relay gennostr.Relay, err error) error {
	return r.Note(s, "OnError", relay, err)
}
func (r *Recorder) OnEvent(s *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	return r.Note(s, "OnEvent", relay, m)
}
func (r *Recorder) OnEOSE(s *gennostr.Self, relay gennostr.Relay, m gennostr.EOSEMessage) error {
	return r.Note(s, "OnEOSE", relay, m)
}
func (r *Recorder) OnOK(s *gennostr.Self, relay gennostr.Relay, m gennostr.OKMessage) error {
	return r.Note(s, "OnOK", relay, m)
}
func (r *Recorder) OnNotice(s *gennostr.Self, relay gennostr.Relay, m gennostr.NoticeMessage) error {
	return r.Note(s, "OnNotice", relay, m)
}
func (r *Recorder) OnAuth(s *gennostr.Self, relay gennostr.Relay, m gennostr.AuthMessage) error {
	return r.Note(s, "OnAuth", relay, m)
}
func (r *Recorder) OnClosed(s *gennostr.Self, relay gennostr.Relay, m gennostr.ClosedMessage) error {
	return r.Note(s, "OnClosed", relay, m)
}
func (r *Recorder) OnCount(s *gennostr.Self, relay gennostr.Relay, m gennostr.CountMessage) error {
	return r.Note(s, "OnCount", relay, m)
}
func (r *Recorder) HandleInfo(s *gennostr.Self, msg any) error {
	return r.Note(s, "HandleInfo", gennostr.Relay{}, msg)
}
func (r *Recorder) Terminate(s *gennostr.Self, reason error) {
	_ = r.Note(s, "Terminate", gennostr.Relay{}, reason)
}

// All returns the notes so far.
func (r *Recorder) All() []Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Note(nil), r.notes...)
}

// Named returns the notes of one callback.
func (r *Recorder) Named(name string) (list []Note) {
	for _, n := range r.All() {
		if n.Name == name {
			list = append(list, n)
		}
	}
	return list
}

// Names returns the callbacks' names in order.
func (r *Recorder) Names() (list []string) {
	for _, n := range r.All() {
		list = append(list, n.Name)
	}
	return list
}

// Heard lists the notes as "name" or "name message", for comparisons of whole stories.
func (r *Recorder) Heard() (list []string) {
	for _, n := range r.All() {
		switch m := n.Msg.(type) {
		case nil:
			list = append(list, n.Name)
		case Asked:
			list = append(list, fmt.Sprint(n.Name, " ", m.Request))
		default:
			list = append(list, fmt.Sprint(n.Name, " ", m))
		}
	}
	return list
}

// WaitFor waits until the notes are as wanted. It is event-driven.
func (r *Recorder) WaitFor(t testing.TB, what string, want func([]Note) bool) []Note {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		r.mu.Lock()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed, notes := r.changed, append([]Note(nil), r.notes...)
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

// WaitCount waits for the n-th note of a callback and returns it.
func (r *Recorder) WaitCount(t testing.TB, name string, n int) Note {
	t.Helper()
	var found Note
	r.WaitFor(t, fmt.Sprintf("%s number %d", name, n), func(notes []Note) bool {
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
