package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// clerk puts what it is cast, called with and brought by relays into one queue, and
// notes what is done about it, in order.
type clerk struct {
	recorder
	config gennostr.QueueConfig[string]
	queue  *gennostr.Queue[string]
	story  []string
}

var errRefused = errors.New("refused")

// newClerk works on everything but "bad", and says so.
func newClerk() *clerk {
	k := &clerk{}
	k.On = func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "OnConnect":
			self.Send(n.Relay.URL, everything("all"))
		case "OnEvent":
			return k.queue.Put(n.Msg.(gennostr.EventMessage).Event.Content)
		case "HandleInfo":
			return k.queue.Put(fmt.Sprint(n.Msg))
		}
		return nil
	}
	k.config = gennostr.QueueConfig[string]{
		Name: "letters",
		Work: func(_ context.Context, what string) error {
			k.say("work " + what)
			if what == "bad" {
				return errRefused
			}
			return nil
		},
		Then: func(_ *gennostr.Self, what string, err error) error {
			k.say(fmt.Sprint("then ", what, " ", err))
			return nil
		},
	}
	return k
}

func (k *clerk) say(what string) { k.story = append(k.story, what) }

func (k *clerk) Init(self *gennostr.Self) error {
	k.queue = gennostr.NewQueue(self, k.config)
	return nil
}

func TestHarnessWorksByHand(t *testing.T) {
	k := newClerk()
	h := connectedByHand(t, k)
	for _, e := range textNotes(2) {
		require.NoError(t, h.Deliver(stageURL, gennostr.EventMessage{SubscriptionID: "all", Event: e}))
	}
	require.NoError(t, h.Notify("bad"))
	assert.Empty(t, k.story, "nothing begins by itself")
	waiting := func() int { return h.Client().Stats().Queues[0].Waiting }
	assert.Equal(t, 3, waiting())
	undelivered := func() int {
		status, _ := h.Client().Relay(stageURL)
		return status.Traffic.Undelivered
	}
	assert.Equal(t, 2, undelivered(), "the messages are held")

	worked, err := h.WorkOne()
	require.NoError(t, err)
	assert.True(t, worked)
	assert.Equal(t, []string{"work note 0", "then note 0 <nil>"}, k.story)
	assert.Equal(t, 2, waiting())
	assert.Equal(t, 1, undelivered())

	before := h.Now()
	require.NoError(t, h.Work(), "an error of work is the Then's business")
	assert.Equal(t, []string{"work note 1", "then note 1 <nil>", "work bad", "then bad refused"}, k.story[2:])
	assert.Zero(t, waiting())
	assert.Zero(t, undelivered())
	assert.Equal(t, before, h.Now(), "time stands still")
	worked, err = h.WorkOne()
	assert.NoError(t, err)
	assert.False(t, worked)
}

// What others have sent is handled first, and what a Then puts is done too.
func TestHarnessWorksUntilNothingIsLeft(t *testing.T) {
	k := newClerk()
	tries := 0
	k.config.Then = func(self *gennostr.Self, what string, err error) error {
		if tries++; tries < 3 {
			return k.queue.Put(what + "!")
		}
		self.SendAfter(time.Minute, "later")
		return nil
	}
	h := byHand(t, k)
	require.NoError(t, h.Client().Notify("now"))
	require.NoError(t, h.Work())
	assert.Equal(t, []string{"work now", "work now!", "work now!!"}, k.story)
	require.NoError(t, h.Advance(time.Minute))
	assert.Len(t, k.story, 3, "time runs timers, not work")
	require.NoError(t, h.Work())
	assert.Equal(t, "work later", k.story[3])

	k.config.Then = func(*gennostr.Self, string, error) error { return k.queue.Put("again") }
	endless := byHand(t, k)
	gennostr.Impatient(endless, 2000)
	require.NoError(t, endless.Notify("once"))
	assert.ErrorContains(t, endless.Work(), "does not come to rest")
}

func TestHarnessWorkTellsProblems(t *testing.T) {
	k := newClerk()
	k.config.Then = func(_ *gennostr.Self, what string, err error) error {
		if what == "the end" {
			return gennostr.ErrStop
		}
		return err
	}
	h := byHand(t, k)
	for _, what := range []string{"bad", "fine", "bad"} {
		require.NoError(t, h.Notify(what))
	}
	err := h.Work()
	assert.ErrorIs(t, err, errRefused)
	assert.Len(t, k.Named("OnError"), 2)
	assert.Len(t, k.story, 3, "a problem ends nothing")
	for _, what := range []string{"the end", "too late"} {
		require.NoError(t, h.Notify(what))
	}
	worked, err := h.WorkOne()
	assert.True(t, worked)
	assert.ErrorIs(t, err, gennostr.ErrStop)
	assert.Equal(t, "work the end", k.story[len(k.story)-1])
	assert.ErrorIs(t, h.Work(), gennostr.ErrClientClosed)
	assert.NoError(t, h.Stop())
}

// Keys keep their order, queues take turns as they were made, and what has not
// begun at the end is told so.
func TestHarnessStopTellsWhatWasNotWorkedOn(t *testing.T) {
	k := newClerk()
	k.config.Workers, k.config.Key = 4, func(string) string { return "one" }
	h := connectedByHand(t, k)
	for _, e := range textNotes(4) {
		require.NoError(t, h.Deliver(stageURL, gennostr.EventMessage{SubscriptionID: "all", Event: e}))
	}
	for i := range 2 {
		_, err := h.WorkOne()
		require.NoError(t, err)
		assert.Equal(t, []string{fmt.Sprint("work note ", i), fmt.Sprint("then note ", i, " <nil>")}, k.story[2*i:])
	}
	require.NoError(t, h.Stop())
	closed := gennostr.ErrClientClosed.Error() + ": shutdown"
	assert.Equal(t, []string{"then note 2 " + closed, "then note 3 " + closed}, k.story[4:])
	assert.Equal(t, "Terminate", k.Names()[len(k.Names())-1])
}

// A call whose answer comes from a queue: Ask, Work, Answer.
func TestHarnessCallsAreAnsweredByWork(t *testing.T) {
	b := newBot(nil)
	var q *gennostr.Queue[asked]
	b.On = func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "Init":
			q = gennostr.NewQueue(self, gennostr.QueueConfig[asked]{
				Work: func(ctx context.Context, a asked) error {
					if a.Request == "panic" {
						panic(errRefused)
					}
					return self.Client().Stop(ctx)
				},
				Then: func(_ *gennostr.Self, a asked, err error) error { return a.From.Reply(err) },
			})
		case "HandleCall":
			return q.Put(n.Msg.(asked))
		}
		return nil
	}
	h := byHand(t, b, gennostr.WithMailboxLimit(1))
	ask := h.Ask("stop")
	_, err := ask.Answer()
	assert.ErrorIs(t, err, gennostr.ErrNoReply)
	assert.ErrorIs(t, h.Cast("no room"), gennostr.ErrMailboxFull, "the call keeps its place")
	require.NoError(t, h.Work())
	answer, err := ask.Answer()
	require.NoError(t, err)
	assert.Equal(t, gennostr.ErrCallingSelf, answer, "work may not stop its client")

	ask = h.Ask("panic")
	require.NoError(t, h.Work())
	answer, err = ask.Answer()
	require.NoError(t, err)
	var panicked *gennostr.PanicError
	assert.ErrorAs(t, answer.(error), &panicked)
}

// Work that ends the test's goroutine, as t.FailNow does, leaves a Harness that can be stopped.
func TestHarnessOutlivesWorkThatEndsItsGoroutine(t *testing.T) {
	k := newClerk()
	var h *gennostr.Harness
	k.config.Work = func(_ context.Context, what string) error {
		if what == "misuse" {
			assert.PanicsWithValue(t, "gennostr: Harness used inside the work of a queue", func() { _ = h.Settle(t.Context()) })
			return nil
		}
		runtime.Goexit()
		return nil
	}
	h = byHand(t, k)
	require.NoError(t, h.Notify("misuse"))
	require.NoError(t, h.Work())
	require.NoError(t, h.Notify("exit"))
	ended := make(chan struct{})
	go func() { // ends by itself; joined below
		defer close(ended)
		_ = h.Work()
		assert.Fail(t, "it has not ended")
	}()
	<-ended
	require.NoError(t, h.Stop())
	require.Len(t, k.story, 2)
	assert.Contains(t, k.story[1], "then exit gennostr: panic in work of letters: ")
}
