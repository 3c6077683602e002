package gennostr_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// runs calls Run in virtual time, with a context that is cancelled after a
// while, and returns what it did and how long that took.
func runs(t *testing.T, h gennostr.Handler, cancelAfter time.Duration, cause error, opts ...gennostr.Option) (took time.Duration, err error) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		if cancelAfter == 0 {
			cancel(cause)
		} else {
			defer time.AfterFunc(cancelAfter, func() { cancel(cause) }).Stop()
		}
		began := time.Now()
		err = gennostr.Run(ctx, h, append(opts, quietly())...)
		took = time.Since(began)
	})
	return took, err
}

// misspelled has a method that would never be called.
type misspelled struct{ gennostr.BaseHandler }

func (*misspelled) OnOk(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error { return nil }

func TestRunWithACancelledContextStartsNothing(t *testing.T) {
	for _, cause := range []error{nil, errors.New("enough")} {
		b := newBot(nil)
		_, err := runs(t, b, 0, cause)
		assert.NoError(t, err)
		assert.Empty(t, b.All(), "not even Init")
	}
	_, err := runs(t, newBot(nil), 0, nil, gennostr.WithCallTimeout(-1))
	assert.ErrorContains(t, err, "WithCallTimeout", "what is wrong with the program is told all the same")
	_, err = runs(t, &misspelled{}, 0, nil)
	assert.ErrorAs(t, err, new(*gennostr.HandlerError))
}

func TestRunCancelledDuringInit(t *testing.T) {
	broken, enough := errors.New("broken"), errors.New("enough")
	for name, c := range map[string]struct {
		init func(ctx context.Context) error
		want error
	}{
		"Init does not mind":       {func(context.Context) error { time.Sleep(3 * time.Second); return nil }, nil},
		"Init returns the error":   {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil},
		"Init returns the cause":   {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, nil},
		"Init fails for its own":   {func(ctx context.Context) error { <-ctx.Done(); return broken }, broken},
		"Init fails, not asked to": {func(ctx context.Context) error { return broken }, broken},
		"Init has nothing to do":   {func(ctx context.Context) error { <-ctx.Done(); return gennostr.ErrIgnore }, nil},
		"Init panics with it":      {func(ctx context.Context) error { <-ctx.Done(); panic(ctx.Err()) }, context.Canceled},
	} {
		b := newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				return c.init(self.Context())
			}
			return nil
		})
		took, err := runs(t, b, time.Second, enough)
		assert.ErrorIs(t, err, c.want, name)
		assert.LessOrEqual(t, took, 3*time.Second, name)
		if name == "Init does not mind" {
			assert.Equal(t, []string{"Init", "Terminate"}, b.Names(), name)
		} else {
			assert.Equal(t, []string{"Init"}, b.Names(), name)
		}
	}
}

func TestRunStopsInGoodOrderWhenItsContextIsCancelled(t *testing.T) {
	b := newBot(func(self *gennostr.Self, n note) error {
		switch n.Msg {
		case nil:
			if n.Name == "Init" {
				self.SendAfter(time.Second, "busy")
			}
		case "busy":
			assert.NoError(t, self.Client().Cast("queued"))
			time.Sleep(3 * time.Second)
			assert.NoError(t, self.Context().Err(), "the stop is orderly: nobody is interrupted")
		}
		return nil
	})
	took, err := runs(t, b, 2*time.Second, errors.New("enough"))
	assert.NoError(t, err)
	assert.Equal(t, 4*time.Second, took)
	assert.Equal(t, []string{"Init", "HandleInfo busy", "HandleCast queued", "Terminate gennostr: shutdown"}, b.Heard())
}

// Shows D06.
func TestRunReturnsWhyTheClientStopped(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		end   func() error
		check func(t *testing.T, err error)
	}{
		"ErrStop": {func() error { return gennostr.ErrStop }, func(t *testing.T, err error) { assert.NoError(t, err) }},
		"reason":  {func() error { return gennostr.Stop(broken) }, func(t *testing.T, err error) { assert.Equal(t, broken, err) }},
		"panic":   {func() error { panic(broken) }, func(t *testing.T, err error) { assert.ErrorAs(t, err, new(*gennostr.PanicError)) }},
	} {
		b := newBot(func(self *gennostr.Self, n note) error {
			switch n.Name {
			case "Init":
				self.SendAfter(time.Second, "end")
			case "HandleInfo":
				return c.end()
			}
			return nil
		})
		took, err := runs(t, b, time.Hour, nil)
		c.check(t, err)
		assert.Equal(t, time.Second, took, name)
	}
}

// What fails after the end of ctx fails all the same: main exits with the status that tells.
// Shows D06.
func TestFailuresAfterTheEndOfTheContextAreReturned(t *testing.T) {
	full := errors.New("disk full")
	type failure struct {
		fail func(n note) error // of the callbacks that come after the end of ctx
		want func(t *testing.T, err error)
	}
	is := func(want error) func(*testing.T, error) {
		return func(t *testing.T, err error) { t.Helper(); assert.ErrorIs(t, err, want) }
	}
	panicked := func(where string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			var p *gennostr.PanicError
			if assert.ErrorAs(t, err, &p) {
				assert.Equal(t, where, p.Where)
			}
		}
	}
	in := func(name string, f func() error) func(note) error {
		return func(n note) error {
			if n.Name == name {
				return f()
			}
			return nil
		}
	}
	both := func(err error) func(note) error {
		return func(n note) error {
			if n.Name == "Terminate" {
				panic("broken")
			}
			return gennostr.Stop(err)
		}
	}
	for name, c := range map[string]failure{
		"panic while draining":             {in("HandleCast", func() error { panic("broken") }), panicked("HandleCast")},
		"panic with the end of a context":  {in("HandleCast", func() error { panic(context.Canceled) }), panicked("HandleCast")},
		"Stop(err) while draining":         {in("HandleCast", func() error { return gennostr.Stop(full) }), is(full)},
		"Stop(a context's end)":            {in("HandleCast", func() error { return gennostr.Stop(context.Canceled) }), is(context.Canceled)},
		"panic in Terminate":               {in("Terminate", func() error { panic("broken") }), panicked("Terminate")},
		"Stop(err), panic in Terminate":    {both(full), is(full)},
		"a callback that does not end":     {in("HandleCast", func() error { time.Sleep(time.Minute); return nil }), func(t *testing.T, err error) { assert.ErrorAs(t, err, new(*gennostr.ShutdownError)) }},
		"quiet end while draining":         {in("HandleCast", func() error { return gennostr.ErrStop }), func(t *testing.T, err error) { assert.NoError(t, err) }},
		"a report while draining, no more": {in("HandleCast", func() error { return full }), func(t *testing.T, err error) { assert.NoError(t, err) }},
	} {
		for how, run := range map[string]func(context.Context, gennostr.Handler, ...gennostr.Option) error{
			"Run": gennostr.Run,
			"Serve": func(ctx context.Context, h gennostr.Handler, opts ...gennostr.Option) error {
				return gennostr.Service(func() gennostr.Handler { return h }, opts...).Serve(ctx)
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					b := newBot(func(self *gennostr.Self, n note) error {
						switch n.Name {
						case "Init":
							self.SendAfter(time.Second, "end")
							return nil
						case "HandleInfo":
							assert.NoError(t, self.Client().Cast("queued"))
							cancel()
							time.Sleep(time.Second) // virtual: the stop has begun
							return nil
						case "HandleCast", "Terminate":
							return c.fail(n)
						}
						return nil
					})
					c.want(t, run(ctx, b, quietly()))
					time.Sleep(time.Hour) // virtual: whatever was left has ended
				})
			})
		}
	}
}

func TestRunNamesUserCodeThatDoesNotEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(func(self *gennostr.Self, n note) error {
			switch n.Name {
			case "Init":
				self.SendAfter(time.Second, nil)
			case "HandleInfo":
				time.Sleep(time.Minute)
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		err := gennostr.Run(ctx, b, gennostr.WithShutdownTimeout(3*time.Second))
		var late *gennostr.ShutdownError
		require.ErrorAs(t, err, &late)
		assert.Equal(t, "HandleInfo", late.Running)
		assert.InDelta(t, 5, time.Since(began).Seconds(), 0.2)
		time.Sleep(time.Hour)
	})
}

func TestRunCancelledDuringInitNamesATerminateThatDoesNotEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "Init" {
				time.Sleep(2 * time.Second)
			} else {
				time.Sleep(time.Minute)
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := gennostr.Run(ctx, b, gennostr.WithShutdownTimeout(3*time.Second))
		var late *gennostr.ShutdownError
		require.ErrorAs(t, err, &late)
		assert.Equal(t, "Terminate", late.Running)
		assert.InDelta(t, 4, time.Since(began).Seconds(), 0.2)
		time.Sleep(time.Hour)
	})
}

// A Stop whose own context ends cuts at once what is left of an orderly stop,
// however the two orders meet on their way.
func TestStopWithAnEndedContextCutsAtOnce(t *testing.T) {
	for range 50 {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example")
			client := launch(t, newBot(nil), over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithShutdownTimeout(time.Hour))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			network.Partition("wss://a.example") // nobody answers a closing handshake
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			began := time.Now()
			require.NoError(t, client.Stop(ctx))
			require.Less(t, time.Since(began), time.Second)
		})
	}
}

func TestStopWithAShorterContextNamesTheCallbackForItsCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		interrupted := false
		b := newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "HandleCast" {
				time.Sleep(time.Minute)
				interrupted = self.Context().Err() != nil
			}
			return nil
		})
		client := launch(t, b)
		require.NoError(t, client.Cast(nil))
		require.NoError(t, client.Cast("dropped"))
		synctest.Wait()
		hurry := errors.New("in a hurry")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(hurry) })
		began := time.Now()
		err := client.Stop(ctx)
		var late *gennostr.ShutdownError
		require.ErrorAs(t, err, &late)
		assert.ErrorIs(t, err, hurry)
		assert.Equal(t, "HandleCast", late.Running)
		assert.InDelta(t, 1, late.Since.Seconds(), 0.2)
		assert.InDelta(t, 1, time.Since(began).Seconds(), 0.2)
		<-client.Done()
		assert.True(t, interrupted, "self.Context() has told the callback")
		assert.NoError(t, client.Wait(), "it was an orderly stop all the same")
		assert.NotContains(t, b.Heard(), "HandleCast dropped")
	})
}

// The end of a client that Start's context has ended, seen by those who wait.
func TestCauseThatCannotBeComparedIsAReasonLikeAnyOther(t *testing.T) {
	cause := listError{"uncomparable"}
	var logged journal
	ctx, cancel := context.WithCancelCause(t.Context())
	client, err := gennostr.Start(ctx, newBot(nil), logged.Option())
	require.NoError(t, err)
	cancel(cause)
	assert.Equal(t, cause, client.Wait())
	assert.ErrorContains(t, client.Cast(nil), "uncomparable")

	client = launch(t, newBot(func(_ *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			return gennostr.Stop(cause)
		}
		return nil
	}), logged.Option())
	require.NoError(t, client.Cast(nil))
	assert.Equal(t, cause, client.Wait())
	assert.NoError(t, client.Stop(t.Context()))
}

// listError is an error that == panics on.
type listError []string

func (e listError) Error() string { return e[0] }

// Shows D02.
func TestWhatSpeaksOfTheRunningCallbackPanicsOutsideOfOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		selves := make(chan *gennostr.Self, 1)
		client := launch(t, newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				selves <- self
			}
			return nil
		}))
		self := <-selves
		synctest.Wait()
		for verb, use := range map[string]func(){
			"Continue": func() { self.Continue(nil) }, "SetTimeout": func() { self.SetTimeout(0) }, "Hibernate": self.Hibernate,
		} {
			assert.PanicsWithValue(t, "gennostr: "+verb+" outside of a callback: it speaks of the callback that is running", use)
		}
		require.NoError(t, client.Stop(t.Context()))
		assert.ErrorIs(t, self.Context().Err(), context.Canceled, "ends with the client")
		assert.ErrorIs(t, context.Cause(self.Context()), gennostr.ErrClientClosed)
	})
}

func TestReadyWaitsForSoManyRelays(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		for _, url := range []string{"wss://a.example", "wss://b.example", "wss://c.example"} {
			network.NewRelay(url)
		}
		network.HoldDials("wss://c.example")
		client := launch(t, newBot(func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				assert.Equal(t, gennostr.ErrCallingSelf, self.Client().Ready(self.Context(), 0))
			}
			return nil
		}), over(network, gennostr.WithRelays("wss://a.example", "wss://b.example", "wss://c.example"))...)
		require.NoError(t, client.Ready(t.Context(), 0))
		require.NoError(t, client.Ready(t.Context(), 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, client.Ready(ctx, 3), context.DeadlineExceeded)

		began := time.Now()
		time.AfterFunc(3*time.Second, func() { network.ReleaseDials("wss://c.example") })
		require.NoError(t, client.Ready(t.Context(), 3))
		assert.Equal(t, 3*time.Second, time.Since(began))

		waiting := make(chan error, 1)
		go func() { waiting <- client.Ready(context.Background(), 4) }()
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.ErrorIs(t, <-waiting, gennostr.ErrClientClosed)
		assert.ErrorIs(t, client.Ready(t.Context(), 0), gennostr.ErrClientClosed)
	})
}
