package gennostr_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// Regressions of Harness, named after the accident.

func TestHarnessVerbsDoNotWaitForASupervisorThatWaitsForThem(t *testing.T) {
	h := byHand(t, nil, gennostr.WithRelays(stageURL)) // being dialled: registered, and not open
	over := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for !closed(over) {
			h.Client().Relays()
		}
	})
	for range 2000 {
		h.Subscribed(stageURL)
		assert.ErrorIs(t, h.Deliver(stageURL, gennostr.NoticeMessage{}), gennostr.ErrNotConnected)
	}
	close(over)
	asking.Wait()
}

func TestHarnessFindsTheConnectionThatIsReallyDialled(t *testing.T) {
	h := byHand(t, nil, gennostr.WithRelays(stageURL))
	require.NoError(t, h.FailDial(stageURL, io.EOF))
	for range 20 {
		require.NoError(t, h.Client().SetRelays(nil))
		require.NoError(t, h.Client().AddRelay(stageURL))
		require.NoError(t, h.Connect(stageURL), "removed and added again, and not settled yet")
		status, _ := h.Client().Relay(stageURL)
		require.Equal(t, gennostr.RelayConnected, status.State)
		require.NoError(t, h.Client().RemoveRelay(stageURL))
		require.NoError(t, h.Client().AddRelay(stageURL))
		require.NoError(t, h.FailDial(stageURL, io.EOF))
	}
}

func TestHarnessRunIsACallback(t *testing.T) {
	b := newBot(nil)
	h := byHand(t, b)
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Continue("now")
		self.SetTimeout(time.Second)
		self.Hibernate()
		return nil
	}))
	assert.Equal(t, []string{"Init", "HandleContinue now"}, b.Heard())
	assert.ErrorIs(t, h.Run(func(*gennostr.Self) error { return io.ErrUnexpectedEOF }), io.ErrUnexpectedEOF)
	assert.Len(t, b.Named("OnError"), 1, "a report, like that of any callback")
	assert.Equal(t, gennostr.ErrStop, h.Run(func(*gennostr.Self) error { return gennostr.ErrStop }))
	assert.ErrorIs(t, h.Run(func(*gennostr.Self) error { return nil }), gennostr.ErrClientClosed)
}

func TestHarnessAdvanceEndsWithARestlessHandler(t *testing.T) {
	for name, do := range map[string]func(*gennostr.Self){
		"SendAfter":  func(self *gennostr.Self) { self.SendAfter(0, "again") },
		"SetTimeout": func(self *gennostr.Self) { self.SetTimeout(0) },
	} {
		t.Run(name, func(t *testing.T) {
			b := &recorder{}
			b.On = func(self *gennostr.Self, n note) error {
				if n.Name == "HandleInfo" && n.Msg != "begin" {
					do(self)
				} else if n.Name == "HandleInfo" {
					self.SendAfter(time.Second, "again")
				}
				return nil
			}
			h := byHand(t, b)
			gennostr.Impatient(h, 10_000)
			require.NoError(t, h.Notify("begin"))
			assert.ErrorContains(t, h.Advance(time.Second), "does not come to rest")
		})
	}
	h := byHand(t, nil)
	assert.Error(t, h.Advance(-1))
	before := h.Now()
	require.NoError(t, h.Advance(time.Hour))
	assert.Equal(t, time.Hour, h.Now().Sub(before))
}

func TestHarnessStopNamesWorkThatDoesNotEnd(t *testing.T) {
	release := make(chan struct{})
	b := newBot(func(self *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			gennostr.Go(self, func(context.Context) (int, error) { <-release; return 0, nil }, func(int, error) error { return nil })
		}
		return nil
	})
	h := byHand(t, b, gennostr.WithShutdownTimeout(50*time.Millisecond))
	require.NoError(t, h.Cast(1))
	var stuck *gennostr.ShutdownError
	require.ErrorAs(t, h.Stop(), &stuck)
	assert.Contains(t, stuck.Running, "Go")
	close(release)
	within(t, "the end", h.Client().Done())
	assert.NoError(t, h.Stop())
}

func TestHarnessForgivesOnlyWhatItFedItself(t *testing.T) {
	r := &recorder{On: func(_ *gennostr.Self, n note) error {
		if n.Name == "OnDisconnect" {
			return n.Msg.(error)
		}
		return nil
	}}
	h := connectedByHand(t, r)
	var report *gennostr.CallbackError
	require.ErrorAs(t, h.Disconnect(stageURL, io.ErrUnexpectedEOF), &report, "what the callback returned is its own")
	assert.Len(t, r.Named("OnError"), 2)

	assert.Error(t, h.Fail("", nil))
	assert.Error(t, h.FailDial(stageURL, nil))
	require.NoError(t, h.Fail("WSS://A.example", io.EOF))
	assert.Equal(t, stageURL, r.Named("OnError")[2].Relay.URL)
}

func TestHarnessSettleKeepsWhatItWasTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fail := make(chan struct{})
		b := newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "HandleCast" {
				gennostr.Go(self, func(context.Context) (int, error) { <-fail; return 0, io.ErrUnexpectedEOF },
					func(_ int, err error) error { return err })
				gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil },
					func(int, error) error { return nil })
			}
			return nil
		})
		h := byHand(t, b)
		require.NoError(t, h.Cast(1))
		close(fail)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err := h.Settle(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestHarnessLeavesNothingOfAnInitThatDidNotReturn(t *testing.T) {
	for name, end := range map[string]func(){"Goexit": runtime.Goexit, "panic": func() { panic("WithoutRecover") }} {
		over := make(chan struct{})
		go func() {
			defer close(over)
			defer func() { _ = recover() }()
			_, _ = gennostr.NewHarness(newBot(func(*gennostr.Self, note) error { end(); return nil }), quietly(),
				gennostr.WithName("leaky"), gennostr.WithoutRecover())
			t.Error("unreachable")
		}()
		within(t, name, over)
		assert.Nil(t, gennostr.Whereis("leaky"), name)
	}
}

func TestHarnessAnswersCallsThatCannotBeAnsweredAnyMore(t *testing.T) {
	b := newBot(func(_ *gennostr.Self, n note) error {
		if n.Name == "HandleCall" && n.Msg.(asked).Request == "stop" {
			return gennostr.Stop(io.ErrUnexpectedEOF)
		}
		return nil
	})
	h := byHand(t, b)
	ask := h.Ask("later")
	_, err := h.Call("stop")
	assert.ErrorIs(t, err, gennostr.ErrClientClosed, "as in life")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = ask.Answer()
	assert.ErrorIs(t, err, gennostr.ErrClientClosed)
}

func TestHarnessShowsAMessageAsItWasSent(t *testing.T) {
	event := *textNotes(1)[0]
	h := connectedByHand(t, &recorder{})
	require.NoError(t, h.Client().Send(stageURL, gennostr.PublishEvent{Event: &event}))
	event.Content = "changed afterwards"
	sent := h.Sent()
	require.Len(t, sent, 1)
	assert.Contains(t, sent[0].Frame, `"content":"note 0"`)
	require.NoError(t, h.Deliver(stageURL, gennostr.UnknownMessage{Verb: "X\"Y"}))
	status, _ := h.Client().Relay(stageURL)
	assert.EqualValues(t, 1, status.Traffic.MessagesOut)
	assert.EqualValues(t, 1, status.Traffic.MessagesIn)
}

func TestHarnessKeepsAWaitingRelayWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := &recorder{}
		h := connectedByHand(t, r)
		for range 3 { // connections of an hour: each begins the schedule again
			assert.Equal(t, h.Now(), r.Named("OnConnect")[len(r.Named("OnConnect"))-1].Relay.ConnectedAt)
			require.NoError(t, h.Advance(time.Hour))
			require.NoError(t, h.Disconnect(stageURL, io.EOF))
			time.Sleep(time.Minute) // virtual: it is not the wall's clock that dials
			status, _ := h.Client().Relay(stageURL)
			assert.Equal(t, gennostr.RelayWaiting, status.State)
			require.NoError(t, h.Connect(stageURL))
		}
		for _, n := range r.Named("OnConnect")[1:] {
			assert.Equal(t, 1, n.Relay.Attempts)
		}
		require.NoError(t, h.Stop())
	})
}

// Two OnDisconnects, one after the other, of which the second is due only when
// the supervisor has heard of the first.
func TestHarnessRunsWhatACallbackLeavesToTheSupervisor(t *testing.T) {
	r := &recorder{On: func(self *gennostr.Self, n note) error {
		if n.Name == "OnDisconnect" && errors.Is(n.Msg.(error), io.EOF) {
			self.RemoveRelay(n.Relay.URL)
		}
		return nil
	}}
	for range 50 {
		h := connectedByHand(t, r)
		before := len(r.Named("OnDisconnect"))
		require.NoError(t, h.Disconnect(stageURL, io.EOF))
		require.Len(t, r.Named("OnDisconnect"), before+2)
		require.Equal(t, gennostr.ErrRelayRemoved, r.Named("OnDisconnect")[before+1].Msg)
		require.NoError(t, h.Stop())
	}
}

func TestHarnessDoesNotCallATestSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log journal
		h, err := gennostr.NewHarness(newBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "HandleCast" {
				time.Sleep(time.Hour) // virtual: somebody reads in a debugger
			}
			return nil
		}), log.Option())
		require.NoError(t, err)
		require.NoError(t, h.Cast(1))
		assert.Empty(t, log.Lines("WARN"))
		require.NoError(t, h.Stop())
	})
}

// A filter of its own subscription is what Deliver judges by, whoever sent it.
func TestHarnessJudgesByTheNewestRequest(t *testing.T) {
	h := connectedByHand(t, &recorder{})
	require.NoError(t, h.Client().Send(stageURL, request("s", ofKind(nostr.KindReaction))))
	note := gennostr.EventMessage{SubscriptionID: "s", Event: textNotes(1)[0]}
	assert.ErrorIs(t, h.Deliver(stageURL, note), gennostr.ErrFilterMismatch)
	require.NoError(t, h.Client().Send(stageURL, request("s", ofKind(nostr.KindTextNote))))
	assert.NoError(t, h.Deliver(stageURL, note))
}
