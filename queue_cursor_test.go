package gennostr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

type notesQueue = gennostr.Queue[gennostr.EventMessage]

// queues is a subscriber whose events go into a queue, made with the first of them.
func queues(then func(*gennostr.Self, gennostr.EventMessage, error) error) *subscriber {
	var queue *notesQueue
	return &subscriber{onEvent: func(self *gennostr.Self, m gennostr.EventMessage) error {
		if queue == nil {
			queue = gennostr.NewQueue(self, gennostr.QueueConfig[gennostr.EventMessage]{
				Work: func(context.Context, gennostr.EventMessage) error { return nil }, Then: then,
			})
		}
		return queue.Put(m)
	}}
}

// heardAgain is what a program that starts with the cursor hears of these notes.
func heardAgain(t *testing.T, h *gennostr.Harness, saved gennostr.Cursor, texts ...string) []string {
	again := &subscriber{saved: throughText(t, saved)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	for _, text := range texts {
		deliverNote(t, h, aNote(text))
	}
	return again.heard
}

// Work that was broken off is held by its Then, so that it comes again: no cursor
// passes it, neither one that this Then takes nor one of a later one's.
func TestACursorDoesNotPassWhatThenHolds(t *testing.T) {
	saved := make(map[string]gennostr.Cursor)
	r := queues(func(self *gennostr.Self, m gennostr.EventMessage, _ error) error {
		if m.Event.Content == "broken off" {
			self.Hold()
		}
		saved[m.Event.Content], _ = self.Cursor("notes")
		return nil
	})
	h := reads(t, r)
	deliverEOSE(t, h)
	for _, text := range []string{"good", "broken off", "better"} {
		deliverNote(t, h, aNote(text))
	}
	require.NoError(t, h.Work())
	assert.Equal(t, []string{"broken off", "better"}, heardAgain(t, h, saved["broken off"], "good", "broken off", "better"))
	assert.Equal(t, []string{"broken off"}, heardAgain(t, h, saved["better"], "good", "broken off", "better"))
}

func TestACursorDoesNotPassWhatThenHandsOn(t *testing.T) {
	var between, after gennostr.Cursor
	var second *notesQueue
	r := queues(func(self *gennostr.Self, m gennostr.EventMessage, _ error) error {
		if second == nil {
			second = gennostr.NewQueue(self, gennostr.QueueConfig[gennostr.EventMessage]{
				Work: func(context.Context, gennostr.EventMessage) error { return nil },
				Then: func(self *gennostr.Self, _ gennostr.EventMessage, _ error) error {
					after, _ = self.Cursor("notes")
					return nil
				},
			})
		}
		return second.Put(m)
	})
	h := reads(t, r)
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("a"))
	worked, err := h.WorkOne()
	require.NoError(t, err)
	require.True(t, worked)
	between = cursorOf(t, h)
	require.NoError(t, h.Work())
	assert.Equal(t, []string{"a"}, heardAgain(t, h, between, "a"))
	assert.Empty(t, heardAgain(t, h, after, "a"))
}

func TestAnEventWhoseThenPanickedComesAgain(t *testing.T) {
	var last gennostr.Cursor
	r := queues(func(_ *gennostr.Self, m gennostr.EventMessage, _ error) error {
		if m.Event.Content == "poison" {
			panic("no")
		}
		return nil
	})
	r.last = func(self *gennostr.Self) { last, _ = self.Cursor("notes") }
	h := reads(t, r)
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("good"))
	deliverNote(t, h, aNote("poison"))
	assert.Error(t, h.Work())
	require.True(t, h.Stopped())
	assert.Equal(t, []string{"poison"}, heardAgain(t, h, last, "good", "poison"))
}

// What has been begun when the client stops may end, and the cursor that its Then
// takes includes it.
func TestTheCursorOfAThenThatRunsWhileTheClientStops(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	relay.Publish(aNote("a"))
	begun, finish := make(chan struct{}), make(chan struct{})
	var saved gennostr.Cursor
	r := &subscriber{onEvent: func(self *gennostr.Self, m gennostr.EventMessage) error {
		return gennostr.NewQueue(self, gennostr.QueueConfig[gennostr.EventMessage]{
			Work: func(context.Context, gennostr.EventMessage) error { close(begun); <-finish; return nil },
			Then: func(self *gennostr.Self, _ gennostr.EventMessage, _ error) error {
				saved, _ = self.Cursor("notes")
				return nil
			},
		}).Put(m)
	}}
	client, err := gennostr.Start(t.Context(), r, gennostr.WithRelays(relay.URL()))
	require.NoError(t, err)
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- client.Stop(t.Context()) }()
	require.Eventually(t, func() bool { return client.Notify("anybody there?") != nil }, 30*time.Second, time.Millisecond, "the stop is under way")
	close(finish)
	require.NoError(t, <-stopped)
	require.False(t, saved.IsZero())

	came := make(chan string, 2)
	again := &subscriber{saved: throughText(t, saved), onEvent: func(_ *gennostr.Self, m gennostr.EventMessage) error {
		came <- m.Event.Content
		return nil
	}}
	client, err = gennostr.Start(t.Context(), again, gennostr.WithRelays(relay.URL()))
	require.NoError(t, err)
	defer client.Stop(t.Context())
	relay.Publish(aNote("b"))
	assert.Equal(t, "b", <-came)
	require.NoError(t, client.Stop(t.Context()))
	assert.Empty(t, came)
}
