package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// byHand runs a handler under a Harness that ends with the test.
func byHand(t *testing.T, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Harness {
	t.Helper()
	harness, err := gennostr.NewHarness(h, append([]gennostr.Option{quietly()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = harness.Stop() })
	return harness
}

// connectedByHand is byHand with one relay that is connected.
func connectedByHand(t *testing.T, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Harness {
	t.Helper()
	harness := byHand(t, h, append(opts, gennostr.WithRelays(stageURL))...)
	require.NoError(t, harness.Connect(stageURL))
	return harness
}

// Shows D55.
func TestHarnessShowsWhatTheHandlerSendsAndSubscribes(t *testing.T) {
	r := &recorder{On: streamer}
	h := byHand(t, r, gennostr.WithRelays("wss://a.example", "wss://b.example"), gennostr.WithMaxDials(1))
	assert.Empty(t, r.Names(), "nothing happens by itself")
	assert.Len(t, h.Client().Relays(), 2)
	assert.Equal(t, gennostr.RelayDialing, h.Client().Relays()[0].State)

	require.NoError(t, h.Connect("WSS://A.example:443"))
	assert.Equal(t, []gennostr.Sent{{URL: stageURL, Message: everything("all"), Frame: `["REQ","all",{}]`}}, h.Sent())
	assert.Empty(t, h.Sent(), "each message once")
	assert.Equal(t, []gennostr.Req{everything("all")}, h.Subscribed(stageURL))
	assert.Empty(t, h.Subscribed("wss://b.example/"))
	status, _ := h.Client().Relay(stageURL)
	assert.Equal(t, gennostr.RelayConnected, status.State)
	assert.Equal(t, 1, r.Named("OnConnect")[0].Relay.Attempts)

	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Send(stageURL, gennostr.Raw(`["REQ","raw",{"kinds":[7]}]`))
		self.Send(stageURL, gennostr.Close{SubscriptionID: "all"})
		return nil
	}))
	assert.Equal(t, []gennostr.Req{request("raw", ofKind(7))}, h.Subscribed(stageURL))

	require.NoError(t, h.Connect("wss://b.example"))
	for i := range 8 {
		require.NoError(t, h.Client().AddRelay(fmt.Sprintf("wss://%d.example", 9-i)))
		require.NoError(t, h.Connect(fmt.Sprintf("wss://%d.example", 9-i)))
	}
	h.Sent()
	require.NoError(t, h.Client().Broadcast(gennostr.Close{SubscriptionID: "x"}))
	var urls []string
	for _, sent := range h.Sent() {
		assert.Equal(t, `["CLOSE","x"]`, sent.Frame)
		urls = append(urls, sent.URL)
	}
	assert.Len(t, urls, 10)
	assert.True(t, slices.IsSorted(urls), "in the order of the URLs")
	assert.ErrorContains(t, h.Connect(stageURL), "connected")
	assert.ErrorIs(t, h.Connect("wss://c.example"), gennostr.ErrUnknownRelay)
	assert.ErrorIs(t, h.Connect("what?"), gennostr.ErrUnknownRelay)
}

func TestHarnessDeliversWhatTheHandlerWouldGetInLife(t *testing.T) {
	r := &recorder{On: func(self *gennostr.Self, n note) error {
		if n.Name == "OnConnect" {
			self.Send(n.Relay.URL, request("notes", ofKind(nostr.KindTextNote)))
		}
		return nil
	}}
	h := connectedByHand(t, r)
	event := func(e *nostr.Event) gennostr.EventMessage {
		return gennostr.EventMessage{SubscriptionID: "notes", Event: e}
	}
	notes := textNotes(3)

	require.NoError(t, h.Deliver(stageURL, event(notes[0])))
	require.NoError(t, h.Deliver(stageURL, gennostr.EOSEMessage{SubscriptionID: "notes"}))
	require.NoError(t, h.Deliver(stageURL, event(notes[1])))
	got := r.Named("OnEvent")
	require.Len(t, got, 2)
	assert.Equal(t, notes[0], got[0].Msg.(gennostr.EventMessage).Event)
	assert.Equal(t, gennostr.PhaseStored, got[0].Msg.(gennostr.EventMessage).Phase)
	assert.Equal(t, gennostr.PhaseLive, got[1].Msg.(gennostr.EventMessage).Phase)

	var reject *gennostr.RejectError
	err := h.Deliver(stageURL, gennostr.EventMessage{SubscriptionID: "other", Event: notes[2]})
	require.ErrorAs(t, err, &reject)
	assert.ErrorIs(t, err, gennostr.ErrUnsolicited)
	assert.ErrorIs(t, h.Deliver(stageURL, event(nostrtest.Event(nostrtest.Key(1), nostr.KindReaction, "+"))), gennostr.ErrFilterMismatch)
	forged := *notes[2]
	forged.Content = "something else"
	assert.ErrorIs(t, h.Deliver(stageURL, event(&forged)), nostr.ErrBadID)
	assert.ErrorIs(t, h.Receive(stageURL, "[1]"), gennostr.ErrMalformed)
	assert.ErrorIs(t, h.Receive(stageURL, "[1]"), gennostr.ErrMalformed, "each at once, not one a second")
	assert.Len(t, r.Named("OnError"), 5)
	assert.Error(t, h.Deliver(stageURL, nil))
	assert.Error(t, h.Deliver(stageURL, event(nil)))
	assert.Len(t, r.Named("OnEvent"), 2)

	require.NoError(t, h.Deliver(stageURL, gennostr.OKMessage{EventID: notes[0].ID, Accepted: true}))
	require.NoError(t, h.Deliver(stageURL, gennostr.NoticeMessage{Message: "hello"}))
	require.NoError(t, h.Deliver(stageURL, gennostr.AuthMessage{Challenge: "c"}))
	require.NoError(t, h.Deliver(stageURL, gennostr.UnknownMessage{Verb: "X", Raw: `["X",1]`}))
	_ = h.Client().Send(stageURL, gennostr.CountReq{SubscriptionID: "n", Filters: []nostr.Filter{{}}})
	require.NoError(t, h.Deliver(stageURL, gennostr.CountMessage{SubscriptionID: "n", Count: 3}))
	_ = h.Client().Send(stageURL, gennostr.NegOpen{SubscriptionID: "neg", Payload: []byte{0x61}})
	require.NoError(t, h.Deliver(stageURL, gennostr.NegMessage{SubscriptionID: "neg", Payload: []byte{0x61}}))
	require.NoError(t, h.Deliver(stageURL, gennostr.NegErrorMessage{SubscriptionID: "neg", Reason: "blocked: no"}))
	require.NoError(t, h.Deliver(stageURL, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "error: enough"}))
	assert.Empty(t, h.Subscribed(stageURL))
	all := r.Names()
	assert.Equal(t, []string{"OnOK", "OnNotice", "OnAuth", "HandleInfo", "OnCount", "HandleInfo", "HandleInfo", "OnClosed"}, all[len(all)-8:])

	require.NoError(t, h.Deliver(stageURL, event(notes[2])), "late: dropped silently, as an honest relay's")
	assert.Len(t, r.Named("OnEvent"), 2)
	grammar(t, r.All())
}

func TestHarnessEndsConnectionsAsInLife(t *testing.T) {
	var again bool
	r := &recorder{On: func(self *gennostr.Self, n note) error {
		if n.Name == "OnDisconnect" && again {
			return self.AddRelay(n.Relay.URL)
		}
		return nil
	}}
	h := connectedByHand(t, r)
	require.NoError(t, h.Disconnect(stageURL, io.ErrUnexpectedEOF), "what is fed is no surprise")
	assert.Equal(t, []string{"OnConnect", "OnError unexpected EOF", "OnDisconnect unexpected EOF"}, r.Heard())
	assert.ErrorIs(t, h.Disconnect(stageURL, io.EOF), gennostr.ErrNotConnected)
	assert.ErrorIs(t, h.Deliver(stageURL, gennostr.NoticeMessage{}), gennostr.ErrNotConnected)

	refused := errors.New("refused")
	require.NoError(t, h.FailDial(stageURL, refused))
	var dial *gennostr.DialError
	assert.ErrorAs(t, reasonOf(t, r.Named("OnDisconnect")[1]), &dial)
	assert.ErrorIs(t, dial, refused)

	again = true
	require.NoError(t, h.Connect(stageURL))
	require.NoError(t, h.Disconnect(stageURL, nil), "nil is an orderly end")
	assert.Len(t, r.Named("OnError"), 2)
	require.NoError(t, h.Connect(stageURL))
	again = false
	err := h.Run(func(self *gennostr.Self) error {
		self.RemoveRelay(stageURL)
		self.Send(stageURL, everything("x"))
		return nil
	})
	var unsent *gennostr.SendError
	assert.ErrorAs(t, err, &unsent, "a problem of the handler's is the verb's error")
	assert.Equal(t, gennostr.ErrRelayRemoved, r.Named("OnDisconnect")[3].Msg)
	assert.Empty(t, h.Client().Relays())
	assert.ErrorIs(t, h.FailDial(stageURL, refused), gennostr.ErrUnknownRelay)

	require.NoError(t, h.Client().AddRelay(stageURL, gennostr.WithManualReconnect()))
	require.NoError(t, h.Connect(stageURL))
	require.NoError(t, h.Disconnect(stageURL, io.EOF))
	assert.ErrorContains(t, h.Connect(stageURL), "it is down", "nobody has asked for it back")
	require.NoError(t, h.Client().Reconnect(stageURL))
	require.NoError(t, h.Connect(stageURL))
	grammar(t, r.All())
}

func TestHarnessAnswersCallsAtOnceOrLater(t *testing.T) {
	var kept gennostr.From
	b := newBot(func(self *gennostr.Self, n note) error {
		if n.Name != "HandleCall" {
			return nil
		}
		switch a := n.Msg.(asked); a.Request {
		case "now":
			return a.From.Reply(42)
		case "later":
			kept = a.From
			return nil
		case "last":
			_ = a.From.Reply("bye")
			return gennostr.ErrStop
		default:
			return io.ErrUnexpectedEOF
		}
	})
	h := byHand(t, b)
	value, err := h.Call("now")
	require.NoError(t, err)
	assert.Equal(t, 42, value)
	_, err = h.Call("fail")
	assert.Equal(t, io.ErrUnexpectedEOF, err)
	_, err = h.Call("later")
	assert.ErrorIs(t, err, gennostr.ErrNoReply)

	ask := h.Ask("later")
	_, err = ask.Answer()
	assert.ErrorIs(t, err, gennostr.ErrNoReply)
	require.NoError(t, kept.Reply("done"))
	for range 2 {
		value, err = ask.Answer()
		require.NoError(t, err)
		assert.Equal(t, "done", value)
	}

	value, err = h.Call("last")
	assert.Equal(t, "bye", value)
	assert.ErrorIs(t, err, gennostr.ErrStop)
	_, err = h.Call("now")
	assert.ErrorIs(t, err, gennostr.ErrClientClosed)

	_, err = byHand(t, &recorder{}).Call("now")
	assert.ErrorIs(t, err, gennostr.ErrNotHandled)
}

// Shows D55.
func TestHarnessClockMovesOnlyWhenTold(t *testing.T) {
	var cancel func()
	b := newBot(nil)
	b.On = func(self *gennostr.Self, n note) error {
		switch n.Msg {
		case "set":
			self.SendAfter(2*time.Second, "second")
			self.SendAfter(time.Second, "first")
			cancel = self.SendAfter(time.Second, "never")
			self.SendAfter(time.Second, "first, too")
			self.SetTimeout(10 * time.Second)
		case "again":
			self.SendAfter(time.Second, "again")
		}
		return nil
	}
	h := byHand(t, b)
	require.NoError(t, h.Cast("set"))
	cancel()
	assert.Equal(t, []gennostr.Scheduled{
		{After: time.Second, Message: "first"}, {After: time.Second, Message: "first, too"}, {After: 2 * time.Second, Message: "second"},
	}, h.Scheduled())
	after, set := h.Timeout()
	assert.True(t, set)
	assert.Equal(t, 10*time.Second, after)

	require.NoError(t, h.Advance(time.Second-1))
	assert.Empty(t, b.Named("HandleInfo"))
	require.NoError(t, h.Advance(1))
	assert.Equal(t, []string{"HandleInfo first", "HandleInfo first, too"}, b.Heard()[2:])
	_, set = h.Timeout()
	assert.False(t, set, "any message clears it")
	require.NoError(t, h.Advance(time.Hour))
	assert.Empty(t, h.Scheduled())
	assert.Len(t, b.Named("HandleInfo"), 3)

	require.NoError(t, h.Cast("again"))
	require.NoError(t, h.Advance(10*time.Second))
	assert.Len(t, b.Named("HandleInfo"), 13, "each at its time, those that were set on the way too")
}

func TestHarnessRunsIdleTimeoutsTasksAndContinues(t *testing.T) {
	b := newBot(func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "Init":
			self.Continue("one")
			self.Continue("two")
		case "HandleCast":
			self.SetTimeout(time.Minute)
		}
		return nil
	})
	ticks := 0
	h := connectedByHand(t, b, gennostr.WithTask("tick", time.Minute, func(*gennostr.Self, gennostr.Relay) error { ticks++; return nil }))
	assert.Equal(t, []string{"Init", "HandleContinue one", "HandleContinue two", "OnConnect"}, b.Heard())
	require.NoError(t, h.Advance(10*time.Minute))
	assert.Equal(t, 10, ticks)
	require.NoError(t, h.Disconnect(stageURL, nil))
	require.NoError(t, h.Cast("idle"))
	require.NoError(t, h.Advance(2*time.Minute))
	assert.Equal(t, 10, ticks, "a task ends with its connection")
	assert.Equal(t, []any{gennostr.Timeout{}}, []any{b.Named("HandleInfo")[0].Msg})
}

func TestHarnessSettlesWorkOfOtherGoroutines(t *testing.T) {
	release := make(chan struct{})
	b := newBot(nil)
	b.On = func(self *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			gennostr.Go(self, func(ctx context.Context) (string, error) {
				select {
				case <-release:
					return "worked", nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}, func(s string, err error) error {
				if err == nil && n.Msg == "twice" {
					gennostr.Go(self, func(context.Context) (int, error) { return 1, nil },
						func(int, error) error { self.Send("", nil); return nil })
				}
				return err
			})
		}
		return nil
	}
	h := byHand(t, b)
	require.NoError(t, h.Cast("once"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	assert.Equal(t, io.ErrClosedPipe, h.Settle(ctx), "it is still working")
	require.NoError(t, h.Cast("twice"))
	close(release)
	var unsent *gennostr.SendError
	assert.ErrorAs(t, h.Settle(t.Context()), &unsent, "the second work's result was handled, too")
	require.NoError(t, h.Settle(t.Context()))

	require.NoError(t, h.Client().Notify("from outside"))
	assert.Empty(t, b.Named("HandleInfo"))
	require.NoError(t, h.Settle(t.Context()))
	assert.Len(t, b.Named("HandleInfo"), 1)
}

func TestHarnessTellsOfProblemsAndStops(t *testing.T) {
	for name, tc := range map[string]struct {
		result error
		stops  bool
	}{
		"report": {io.ErrUnexpectedEOF, false},
		"stop":   {gennostr.ErrStop, true},
		"reason": {gennostr.Stop(io.ErrUnexpectedEOF), true},
		"panic":  {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBot(func(_ *gennostr.Self, n note) error {
				if n.Msg == "go" {
					if tc.result == nil {
						panic("planted")
					}
					return tc.result
				}
				return nil
			})
			h := byHand(t, b)
			err := h.Cast("go")
			require.Error(t, err)
			var panicked *gennostr.PanicError
			var report *gennostr.CallbackError
			switch name {
			case "panic":
				assert.ErrorAs(t, err, &panicked)
				assert.ErrorAs(t, h.Stop(), &panicked)
			case "report":
				assert.ErrorAs(t, err, &report)
				require.NoError(t, h.Cast("fine"), "it was told once")
				assert.NoError(t, h.Stop())
			case "reason":
				assert.Equal(t, io.ErrUnexpectedEOF, err)
				assert.Equal(t, io.ErrUnexpectedEOF, h.Stop())
			case "stop":
				assert.Equal(t, gennostr.ErrStop, err)
				assert.NoError(t, h.Stop())
			}
			if tc.stops {
				for _, err := range []error{
					h.Cast(1), h.Notify(1), h.Connect(stageURL), h.FailDial(stageURL, io.EOF), h.Disconnect(stageURL, io.EOF),
					h.Deliver(stageURL, gennostr.NoticeMessage{}), h.Fail(stageURL, io.EOF), h.Advance(1), h.Settle(t.Context()),
				} {
					assert.ErrorIs(t, err, gennostr.ErrClientClosed)
				}
			}
			assert.True(t, h.Stopped())
			assert.True(t, closed(h.Client().Done()))
			assert.Len(t, b.Named("Terminate"), 1)
		})
	}
	t.Run("fed", func(t *testing.T) {
		b := newBot(nil)
		h := byHand(t, b)
		require.NoError(t, h.Fail(stageURL, io.EOF))
		assert.Equal(t, []string{"Init", "OnError EOF"}, b.Heard())
	})
}

func TestHarnessFailsAsStartDoes(t *testing.T) {
	_, err := gennostr.NewHarness(newBot(func(*gennostr.Self, note) error { return gennostr.ErrIgnore }))
	assert.Equal(t, gennostr.ErrIgnore, err)
	_, err = gennostr.NewHarness(&recorder{}, gennostr.WithRelays("no"))
	assert.Error(t, err)
	byHand(t, nil, gennostr.WithName("harness"))
	assert.NotNil(t, gennostr.Whereis("harness"))
	var taken *gennostr.NameTakenError
	_, err = gennostr.NewHarness(nil, gennostr.WithName("harness"))
	assert.ErrorAs(t, err, &taken)

	h, err := gennostr.NewHarness(newBot(func(self *gennostr.Self, n note) error {
		if n.Name == "Init" {
			self.Send("wss://nobody.example", everything("x"))
		}
		return nil
	}), quietly())
	require.NoError(t, err, "a client that lives")
	var unsent *gennostr.SendError
	require.ErrorAs(t, h.Notify(1), &unsent, "the first verb tells what Init has met")
	require.NoError(t, h.Notify(1))
	_ = h.Stop()
}

func TestHarnessNoticesAHandlerThatNeverRests(t *testing.T) {
	h := byHand(t, &tireless{})
	assert.ErrorContains(t, h.Cast("go"), "does not come to rest")
	assert.NoError(t, h.Stop())
}

// tireless does something more whenever it has done something.
type tireless struct{ gennostr.BaseHandler }

func (*tireless) HandleCast(self *gennostr.Self, _ any) error { self.Continue(1); return nil }
func (*tireless) HandleContinue(self *gennostr.Self, _ any) error {
	self.Continue(1)
	return nil
}

func TestHarnessIsForOutsideOfCallbacks(t *testing.T) {
	var h *gennostr.Harness
	b := newBot(nil)
	b.On = func(_ *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			return h.Notify("nested")
		}
		return nil
	}
	h = byHand(t, b)
	assert.ErrorContains(t, h.Cast("go"), "inside a callback")
}

// t.FailNow in a callback ends the test's goroutine, and its deferred Stop still ends the client (R36).
func TestHarnessSurvivesGoexitInACallback(t *testing.T) {
	b := newBot(func(_ *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			runtime.Goexit()
		}
		return nil
	})
	over := make(chan struct{})
	go func() {
		defer close(over)
		h, err := gennostr.NewHarness(b, quietly(), gennostr.WithRelays(stageURL))
		assert.NoError(t, err)
		defer func() { assert.ErrorContains(t, h.Stop(), "Goexit") }()
		_ = h.Cast("go")
		t.Error("unreachable")
	}()
	within(t, "the end", over)
	assert.Equal(t, []string{"Init", "HandleCast", "Terminate"}, b.Names())
	var panicked *gennostr.PanicError
	assert.ErrorAs(t, reasonOf(t, b.Named("Terminate")[0]), &panicked, "as in life")
}

func TestHarnessWorksInABubble(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := &recorder{On: streamer}
		h := connectedByHand(t, r)
		require.NoError(t, h.Deliver(stageURL, gennostr.EventMessage{SubscriptionID: "all", Event: textNotes(1)[0]}))
		require.NoError(t, h.Disconnect(stageURL, io.EOF))
		assert.Len(t, r.Named("OnEvent"), 1)
		require.NoError(t, h.Stop())
	})
}
