package conformance_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Cast, info and continue (R21–R24).
var conformanceCasts = []row{
	{"R21", "Cast reports a client that is gone or overloaded, and never blocks", testR21},
	{"R22", "without HandleCast a cast is logged and dropped", testR22},
	{"R23", "Notify and SendAfter reach HandleInfo; without it, the debug log", testR23},
	{"R24", "a Continue runs before anything queued, and may chain", testR24},
}

func testR21(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example")
		gate := make(chan struct{})
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Msg == "block" {
				self.SendAfter(0, "timer")
				self.Continue("continue")
				<-gate
			}
			return nil
		})
		client := kit.Start(t, b, kit.Over(network, gennostr.WithMailboxLimit(4))...)
		require.NoError(t, client.Cast("block"))
		synctest.Wait()
		began := time.Now()
		for i := range 4 {
			require.NoError(t, client.Cast(i))
		}
		for range 3 {
			require.Equal(t, gennostr.ErrMailboxFull, client.Cast("too many"))
			require.Equal(t, gennostr.ErrMailboxFull, client.Notify("too many"))
			_, err := client.Call(t.Context(), "too many")
			require.Equal(t, gennostr.ErrMailboxFull, err)
		}
		assert.Zero(t, time.Since(began), "nobody was made to wait")
		require.NoError(t, client.AddRelay("wss://a.example"))
		require.NoError(t, client.Ready(t.Context(), 1), "what a relay brings is not kept out")
		close(gate)
		synctest.Wait()
		assert.Equal(t, []string{"Init", "HandleCast block", "HandleContinue continue", "HandleCast 0", "HandleCast 1",
			"HandleCast 2", "HandleCast 3", "OnConnect", "HandleInfo timer"}, sorted(b.Heard(), "HandleInfo timer"))
		for i := range 4 {
			require.NoError(t, client.Cast(i), "there is room again")
		}
	})
	client := kit.Launch(t, kit.NewBot(nil))
	require.NoError(t, client.Stop(t.Context()))
	assert.ErrorIs(t, client.Cast(nil), gennostr.ErrClientClosed)
}

// sorted moves a note to the end of the story, where its place is not the point.
func sorted(story []string, last string) []string {
	return append(slices.DeleteFunc(story, func(s string) bool { return s == last }), last)
}

func testR22(t *testing.T) {
	var logged kit.Journal
	client := kit.Start(t, new(gennostr.BaseHandler), logged.Option())
	for range 3 {
		require.NoError(t, client.Cast(42))
	}
	_, err := client.Call(t.Context(), nil) // comes behind them
	require.ErrorIs(t, err, gennostr.ErrNotHandled)
	require.Len(t, logged.Lines("WARN"), 3)
	assert.Contains(t, logged.Lines("WARN")[0], "HandleCast")
	assert.Contains(t, logged.Lines("WARN")[0], "type=int")
	assert.False(t, kit.Closed(client.Done()))
}

func testR23(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		cancels := map[string]func(){}
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "Init":
				self.SendAfter(3*time.Second, "third")
				self.SendAfter(time.Second, "first")
				cancels["never"] = self.SendAfter(2*time.Second, "never")
				cancels["first"] = self.SendAfter(-time.Second, "at once")
				self.SendAfter(2*time.Second, "second")
			case "HandleInfo":
				at = append(at, time.Since(began))
				if n.Msg == "first" {
					cancels["never"]()
					cancels["never"]()
					cancels["first"]() // has been delivered: nothing to take back
				}
			}
			return nil
		})
		client := kit.Launch(t, b)
		synctest.Wait()
		require.NoError(t, client.Notify("from outside"))
		time.Sleep(time.Minute)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []string{"Init", "HandleInfo at once", "HandleInfo from outside", "HandleInfo first",
			"HandleInfo second", "HandleInfo third", "Terminate gennostr: shutdown"}, b.Heard())
		assert.Equal(t, []time.Duration{0, 0, time.Second, 2 * time.Second, 3 * time.Second}, at)
	})
	kit.Bubble(t, func(t *testing.T) { // a Self that was kept may set a timer from any goroutine
		selves := make(chan *gennostr.Self, 1)
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "Init" {
				self.SendAfter(time.Hour, "late") // the loop sleeps until then
				selves <- self
			}
			return nil
		})
		kit.Start(t, b)
		self := <-selves
		synctest.Wait()
		self.SendAfter(time.Second, "early")
		cancel := self.SendAfter(time.Second, "never")
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"Init", "HandleInfo early"}, b.Heard())
	})
	var logged kit.Journal
	client := kit.Start(t, new(gennostr.BaseHandler), logged.Option())
	require.NoError(t, client.Notify(42))
	_, err := client.Call(t.Context(), nil)
	require.ErrorIs(t, err, gennostr.ErrNotHandled)
	require.Len(t, logged.Lines("DEBUG"), 1)
	assert.Contains(t, logged.Lines("DEBUG")[0], "type=int")
	assert.Empty(t, logged.Lines("WARN"), "no problem, no noise")
}

func testR24(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Msg {
			case "begin":
				time.Sleep(time.Second) // meanwhile more is queued
				self.Continue(3)
				self.Continue("in between")
			case 3, 2, 1:
				if n.Name == "HandleContinue" {
					assert.NoError(t, self.Client().Notify(n.Msg))
					self.Continue(n.Msg.(int) - 1)
				}
			}
			return nil
		})
		client := kit.Start(t, b)
		require.NoError(t, client.Cast("begin"))
		synctest.Wait()
		require.NoError(t, client.Cast("queued"))
		require.NoError(t, client.Notify("queued"))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"Init", "HandleCast begin", "HandleContinue 3", "HandleContinue in between",
			"HandleContinue 2", "HandleContinue 1", "HandleContinue 0", "HandleCast queued", "HandleInfo queued",
			"HandleInfo 3", "HandleInfo 2", "HandleInfo 1"}, b.Heard())
	})
	// A client that continues for ever still stops, as its handler wants or its parent.
	kit.Bubble(t, func(t *testing.T) {
		var wg sync.WaitGroup
		defer wg.Wait()
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "HandleContinue" {
				time.Sleep(time.Second)
			}
			if n.Name == "Init" || n.Name == "HandleContinue" {
				self.Continue("for ever")
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		client, err := gennostr.Start(ctx, b)
		require.NoError(t, err)
		time.AfterFunc(90*time.Second, cancel)
		began := time.Now()
		assert.ErrorIs(t, client.Wait(), context.Canceled)
		assert.Less(t, time.Since(began), 92*time.Second)
	})
	var logged kit.Journal
	client := kit.Start(t, struct {
		*gennostr.BaseHandler
		gennostr.Initializer
	}{new(gennostr.BaseHandler), initOnly(func(self *gennostr.Self) error { self.Continue(42); return nil })}, logged.Option())
	_, err := client.Call(t.Context(), nil)
	require.ErrorIs(t, err, gennostr.ErrNotHandled)
	require.Len(t, logged.Lines("WARN"), 1, "without HandleContinue it is logged and dropped")
	assert.Contains(t, logged.Lines("WARN")[0], "HandleContinue")
}

// initOnly is an Init without a handler around it.
type initOnly func(*gennostr.Self) error

func (f initOnly) Init(self *gennostr.Self) error { return f(self) }
