package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Call and its replies (R11–R20).
var conformanceCalls = []row{
	{"R11", "a Call without a deadline waits 5 s; its error tells the mailbox's depth and the running callback", testR11},
	{"R12", "a caller's timeout does not touch the handler", testR12},
	{"R13", "a late reply is dropped; one of the same instant is taken", testR13},
	{"R14", "when the client stops, pending callers fail at once with the reason", testR14},
	{"R15", "Call, Cast and Notify after the stop: ErrClientClosed, at once", testR15},
	{"R16", "a callback cannot Call its own client", testR16},
	{"R17", "Reply answers with a value, nil included", testR17},
	{"R18", "a reply may come later, from any goroutine, once", testR18},
	{"R19", "a reply before a stop arrives before Terminate", testR19},
	{"R20", "without HandleCall: ErrNotHandled, and the client lives; without a reply: the caller's deadline", testR20},
}

func testR11(t *testing.T) {
	for name, c := range map[string]struct {
		opts []gennostr.Option
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want time.Duration
	}{
		"the default":        {want: 5 * time.Second},
		"WithCallTimeout":    {opts: []gennostr.Option{gennostr.WithCallTimeout(90 * time.Second)}, want: 90 * time.Second},
		"a shorter deadline": {ctx: deadline(time.Second), want: time.Second},
		"a longer deadline":  {ctx: deadline(time.Minute), want: time.Minute},
	} {
		kit.Bubble(t, func(t *testing.T) {
			b := kit.NewBot(kit.Sleeper)
			client := kit.Launch(t, b, c.opts...)
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if c.ctx != nil {
				ctx, cancel = c.ctx(ctx)
			}
			defer cancel()
			for range 3 {
				time.AfterFunc(time.Millisecond, func() { assert.NoError(t, client.Cast(nil)) })
			}
			began := time.Now()
			_, err := client.Call(ctx, time.Hour)
			assert.Equal(t, c.want, time.Since(began), name)
			var timeout *gennostr.CallTimeoutError
			require.ErrorAs(t, err, &timeout, name)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 3, timeout.Mailbox)
			assert.Equal(t, "HandleCall", timeout.Callback)
			assert.Equal(t, c.want, timeout.Running)
			assert.EqualError(t, err, fmt.Sprintf("gennostr: call: context deadline exceeded (3 messages waiting, HandleCall running for %v)", c.want))
			time.Sleep(time.Hour)
			require.NoError(t, client.Stop(context.Background()))
		})
	}
	kit.Bubble(t, func(t *testing.T) { // a cancelled context ends the wait as well, for its cause
		client := kit.Start(t, kit.NewBot(kit.Sleeper))
		cause := errors.New("no longer needed")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		_, err := client.Call(ctx, 3*time.Second)
		require.ErrorIs(t, err, cause)
		assert.ErrorAs(t, err, new(*gennostr.CallTimeoutError))
		_, err = client.Call(ctx, 3*time.Second)
		assert.Equal(t, cause, err, "cancelled before: nothing is sent")
	})
}

func deadline(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
}

func testR12(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		var replied []error
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				time.Sleep(call.Request.(time.Duration))
				replied = append(replied, call.From.Reply("too late"))
			}
			return nil
		})
		client := kit.Launch(t, b)
		_, err := client.Call(t.Context(), 20*time.Second) // 15 s too long
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = client.Call(t.Context(), time.Duration(0)) // waits behind it
		require.ErrorIs(t, err, context.DeadlineExceeded, "the first request still ran")
		time.Sleep(time.Minute)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []error{nil, nil}, replied, "both requests are finished, and a caller that has gone is no error")
	})
}

// instantly is a context whose deadline passes when its call is answered. A
// Call asks for Done when it begins to wait; until then it is held up here, so
// that it finds the reply and the end of its deadline in the same instant.
type instantly struct {
	context.Context
	done chan struct{}
}

func (c instantly) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func (c instantly) Done() <-chan struct{} {
	<-c.done
	return c.done
}

func (c instantly) Err() error {
	if kit.Closed(c.done) {
		return context.DeadlineExceeded
	}
	return nil
}

func testR13(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		// Which of the two a select sees is chance: one in 2²⁰⁰ that it is always the reply.
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				err := call.From.Reply("just in time")
				close(call.Request.(instantly).done)
				return err
			}
			return nil
		})
		client := kit.Start(t, b)
		for range 200 {
			ctx := instantly{t.Context(), make(chan struct{})}
			reply, err := client.Call(ctx, ctx)
			require.NoError(t, err)
			require.Equal(t, "just in time", reply)
		}
	})
	kit.Bubble(t, func(t *testing.T) {
		client := kit.Start(t, kit.NewBot(kit.Sleeper))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Call(ctx, time.Second+1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		reply, err := client.Call(t.Context(), time.Duration(7))
		require.NoError(t, err)
		assert.Equal(t, time.Duration(7), reply, "the late reply went to nobody")
	})
}

func testR14(t *testing.T) {
	reason := errors.New("broken")
	for name, end := range map[string]struct {
		on    func() error
		check func(t *testing.T, err error)
	}{
		"Stop":   {func() error { return gennostr.Stop(reason) }, func(t *testing.T, err error) { assert.ErrorIs(t, err, reason) }},
		"normal": {func() error { return gennostr.ErrStop }, func(t *testing.T, err error) { assert.ErrorIs(t, err, gennostr.ErrStop) }},
		"panic":  {func() error { panic(reason) }, func(t *testing.T, err error) { assert.ErrorAs(t, err, new(*gennostr.PanicError)) }},
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example")
			b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
				if n.Name == "HandleCast" {
					time.Sleep(time.Second)
					return end.on()
				}
				return nil // calls are never answered
			})
			client := kit.Launch(t, b, kit.Over(network, kit.Quietly(), gennostr.WithCallTimeout(time.Hour), gennostr.WithRelays("wss://a.example"))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			network.Partition("wss://a.example") // the closing handshake will take its time
			errs := make(chan error, 20)
			call := func() {
				_, err := client.Call(t.Context(), nil)
				errs <- err
			}
			began := time.Now()
			for range 10 {
				go call() // handled, not answered
			}
			synctest.Wait()
			require.NoError(t, client.Cast(nil))
			synctest.Wait()
			for range 10 {
				go call() // waiting in the mailbox
			}
			for range cap(errs) {
				err := <-errs
				require.ErrorIs(t, err, gennostr.ErrClientClosed, name)
				end.check(t, err)
			}
			assert.Equal(t, time.Second, time.Since(began), "%s: nobody waited for a deadline", name)
			assert.False(t, kit.Closed(client.Done()), "%s: nor for the connections", name)
			assert.Len(t, b.Named("HandleCall"), 10)
			<-client.Done()
		})
	}
}

func testR15(t *testing.T) {
	reason := errors.New("broken")
	kit.Bubble(t, func(t *testing.T) {
		var client *gennostr.Client
		refused := func(when string, want ...error) {
			began := time.Now()
			_, called := client.Call(context.Background(), nil)
			for _, err := range []error{called, client.Cast(nil), client.Notify(nil)} {
				for _, want := range append(want, gennostr.ErrClientClosed) {
					assert.ErrorIs(t, err, want, when)
				}
			}
			assert.Zero(t, time.Since(began), "%s: at once", when)
		}
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "HandleInfo":
				time.Sleep(time.Second)
				return gennostr.Stop(reason)
			case "Terminate":
				refused("in Terminate")
			}
			return nil
		})
		client = kit.Launch(t, b, kit.Quietly(), gennostr.WithMailboxLimit(5))
		require.NoError(t, client.Notify("end"))
		synctest.Wait()
		for range 5 {
			require.NoError(t, client.Cast("dropped"))
		}
		require.ErrorIs(t, client.Cast("too many"), gennostr.ErrMailboxFull)
		<-client.Done()
		refused("after the stop, which found the mailbox full", reason)
		assert.Equal(t, []string{"Init", "HandleInfo end", "Terminate broken"}, b.Heard())
	})
	kit.Bubble(t, func(t *testing.T) { // nor is there a client where Init has failed
		var client *gennostr.Client
		_, err := gennostr.Start(t.Context(), kit.NewBot(func(self *gennostr.Self, _ kit.Note) error {
			client = self.Client()
			assert.NoError(t, client.Cast("dropped"))
			return reason
		}), gennostr.WithMailboxLimit(1))
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, client.Cast(nil), gennostr.ErrClientClosed)
		require.ErrorIs(t, client.Cast(nil), reason)
		require.ErrorIs(t, client.Wait(), reason)
		require.NoError(t, client.Stop(t.Context()))
	})
}

func testR16(t *testing.T) {
	self := reflect.TypeFor[*gennostr.Self]()
	for _, verb := range []string{"Call", "Stop", "Wait", "Ready", "Done"} {
		_, has := self.MethodByName(verb)
		assert.False(t, has, "Self has %s, which waits for the loop that calls it", verb)
	}
	kit.Bubble(t, func(t *testing.T) {
		other := kit.Start(t, kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				return call.From.Reply("other")
			}
			return nil
		}))
		fromTask := make(chan error, 1)
		ask := func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "HandleCall" {
				return n.Msg.(kit.Asked).From.Reply("itself")
			}
			derived, cancel := context.WithTimeout(self.Context(), time.Minute)
			defer cancel()
			for _, ctx := range []context.Context{self.Context(), derived} {
				_, err := self.Client().Call(ctx, nil)
				assert.Equal(t, gennostr.ErrCallingSelf, err, n.Name)
				reply, err := other.Call(ctx, nil)
				assert.NoError(t, err, "%s: another client may be called", n.Name)
				assert.Equal(t, "other", reply)
			}
			if n.Name == "HandleInfo" {
				gennostr.Go(self, func(ctx context.Context) (any, error) { return self.Client().Call(ctx, nil) },
					func(reply any, err error) error {
						assert.Equal(t, "itself", reply)
						fromTask <- err
						return nil
					})
			}
			return nil
		}
		began := time.Now()
		client := kit.Start(t, kit.NewBot(ask), gennostr.WithInitTimeout(time.Second))
		require.NoError(t, client.Notify(nil))
		assert.NoError(t, <-fromTask, "the context of Go is not a callback's")

		// A client in a client: the inner one's callbacks may wait for the outer
		// one, and the inner one's Go is in nobody's callback.
		nested := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "Init" {
				gennostr.Go(self, func(ctx context.Context) (any, error) { return client.Call(ctx, nil) },
					func(_ any, err error) error { fromTask <- err; return nil })
			}
			return nil
		})
		require.NoError(t, client.Stop(t.Context()))
		client = kit.Start(t, kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "HandleCast":
				_, err := gennostr.Start(self.Context(), nested)
				return err
			case "HandleCall":
				return n.Msg.(kit.Asked).From.Reply("outer")
			}
			return nil
		}))
		require.NoError(t, client.Cast(nil))
		assert.NoError(t, <-fromTask)
		assert.Zero(t, time.Since(began), "nothing has waited for a deadline")
	})
}

func testR17(t *testing.T) {
	client := kit.Start(t, kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
		if call, ok := n.Msg.(kit.Asked); ok {
			return call.From.Reply(call.Request)
		}
		return nil
	}))
	for _, value := range []any{nil, 0, "", "pong", []byte("pong"), errors.New("as a value"), struct{ A, B int }{1, 2}} {
		reply, err := client.Call(t.Context(), value)
		require.NoError(t, err)
		assert.Equal(t, value, reply)
	}
	text, err := gennostr.Call[string](t.Context(), client, "pong")
	require.NoError(t, err)
	assert.Equal(t, "pong", text)
	failure, err := gennostr.Call[error](t.Context(), client, nil)
	require.NoError(t, err, "nil is a legal reply of any type")
	assert.NoError(t, failure)
}

func testR18(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		const repliers = 10
		var late atomic.Int64
		first := make(chan any, 1)
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				for i := range repliers {
					go func() { // ends with its reply
						time.Sleep(3 * time.Second)
						switch err := call.From.Reply(i); {
						case err == nil:
							first <- i
						case errors.Is(err, gennostr.ErrAlreadyReplied):
							late.Add(1)
						default:
							assert.NoError(t, err)
						}
					}()
				}
			}
			return nil
		})
		client := kit.Start(t, b)
		began := time.Now()
		reply, err := client.Call(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(began))
		synctest.Wait()
		assert.Equal(t, <-first, reply, "the first reply counts")
		assert.EqualValues(t, repliers-1, late.Load(), "every other one says so")
	})
	kit.Bubble(t, func(t *testing.T) { // an error is an answer too
		broken := errors.New("broken")
		client := kit.Start(t, kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				assert.NoError(t, call.From.Fail(broken))
				assert.ErrorIs(t, call.From.Reply("second"), gennostr.ErrAlreadyReplied)
				assert.ErrorIs(t, call.From.Fail(broken), gennostr.ErrAlreadyReplied)
			}
			return nil
		}))
		_, err := client.Call(t.Context(), nil)
		assert.Equal(t, broken, err)
	})
}

func testR19(t *testing.T) {
	reason := errors.New("done for today")
	for range 20 {
		arrived := make(chan struct{})
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "HandleCall":
				if err := n.Msg.(kit.Asked).From.Reply("last words"); err != nil {
					return err
				}
				return gennostr.Stop(reason)
			case "Terminate":
				kit.Within(t, "the reply, before Terminate", arrived)
			}
			return nil
		})
		client := kit.Launch(t, b, kit.Quietly())
		reply, err := client.Call(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, "last words", reply)
		close(arrived)
		assert.Equal(t, reason, client.Wait())
	}
}

func testR20(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		client := kit.Start(t, new(gennostr.BaseHandler))
		began := time.Now()
		for range 3 {
			_, err := client.Call(t.Context(), "a foreign request")
			require.Equal(t, gennostr.ErrNotHandled, err)
		}
		assert.Zero(t, time.Since(began))
		assert.False(t, kit.Closed(client.Done()), "a foreign request does not end the client")

		silent := kit.Start(t, kit.NewBot(nil))
		_, err := silent.Call(t.Context(), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(began), "the caller's deadline")
		assert.ErrorContains(t, err, "no callback running")
		var timeout *gennostr.CallTimeoutError
		require.ErrorAs(t, err, &timeout)
		assert.Zero(t, timeout.Running)
		assert.False(t, kit.Closed(silent.Done()))
	})
}
