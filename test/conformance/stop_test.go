package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Stop and Terminate (R34–R43).
var conformanceStop = []row{
	{"R34", "ErrStop and ErrShutdown stop quietly, Stop(reason) is logged once; any other error is a report", testR34},
	{"R35", "Terminate runs exactly once after every Init that succeeded, on the client's goroutine", testR35},
	{"R36", "Terminate is guaranteed, whatever the end", testR36},
	{"R37", "Stop: what was queued is handled and what was accepted is sent; a cancelled context drops the queue", testR37},
	{"R38", "Stop returns when Done is closed, for everybody; in a callback it is ErrCallingSelf", testR38},
	{"R39", "a panic: *PanicError to Terminate, then the end; WithoutRecover: the program's", testR39},
	{"R40", "Start refuses methods that look like callbacks and would never be called", testR40},
	{"R41", "a panic in Terminate joins the reason, and the shutdown completes", testR41},
	{"R42", "a relay's failure is always a message", testR42},
	{"R43", "when Done closes there is no goroutine, no socket and no timer", testR43},
}

// kinds are all the callbacks there are, by the names that errors give them.
var kinds = []string{"OnConnect", "OnEvent", "OnEOSE", "OnOK", "OnNotice", "OnAuth", "OnClosed", "OnCount", "OnError",
	"OnDisconnect", "HandleCall", "HandleCast", "HandleInfo", "HandleContinue", "the continuation of Go", "task tick"}

// tour is one client that has been through every callback, one of which did
// what the test wanted, once.
type tour struct {
	*kit.Bot
	client   *gennostr.Client
	relay    *nostrtest.Relay
	called   error // of the Call
	notified error // of the Notify
	logged   kit.Journal
	routines map[string]string // who ran each callback; client goroutine only
}

// tourNote is the event of all tours, signed once: they are many.
var tourNote = sync.OnceValue(func() *nostr.Event { return kit.TextNotes(1)[0] })

// takeTour runs the whole tour in virtual time. The client is still running at
// its end if nothing stopped it.
func takeTour(t *testing.T, network *nostrtest.Network, kind string, act func() error, opts ...gennostr.Option) *tour {
	t.Helper()
	const url = "wss://a.example"
	trip := &tour{Bot: kit.NewBot(nil), relay: network.NewRelay(url), routines: map[string]string{}}
	event := tourNote()
	trip.relay.Publish(event)
	acted := false
	trip.On = func(self *gennostr.Self, n kit.Note) error {
		trip.routines[n.Name] = goroutine()
		switch n.Name {
		case "OnConnect":
			self.Send(url, kit.Everything("all"))
			self.Send(url, gennostr.PublishEvent{Event: event})
			self.Send(url, gennostr.CountReq{SubscriptionID: "count", Filters: kit.Everything("").Filters})
		case "HandleCast":
			self.Continue("continue")
			gennostr.Go(self, func(context.Context) (int, error) { return 7, nil },
				func(int, error) error { return trip.Note(self, "the continuation of Go", gennostr.Relay{}, nil) })
		}
		if n.Name == kind && !acted {
			acted = true
			return act()
		}
		if call, ok := n.Msg.(kit.Asked); ok {
			return call.From.Reply("reply")
		}
		return nil
	}
	client, err := gennostr.Start(context.Background(), trip, kit.Over(network, append(opts, trip.logged.Option(),
		gennostr.WithRelays(url), gennostr.WithTrustedRelay(), gennostr.WithTask("tick", time.Minute, func(self *gennostr.Self, relay gennostr.Relay) error {
			return trip.Note(self, "task tick", relay, nil)
		}))...)...)
	require.NoError(t, err)
	trip.client = client
	synctest.Wait()
	trip.relay.Notice("notice")
	trip.relay.RequestAuth()
	trip.relay.Inject("garbage")
	trip.relay.CloseSubscription("all", "error: enough")
	synctest.Wait()
	_ = client.Cast("cast")
	trip.notified = client.Notify("info")
	_, trip.called = client.Call(context.Background(), "call")
	time.Sleep(61 * time.Second) // the task is due after 60
	trip.relay.DisconnectAll()
	synctest.Wait()
	return trip
}

// everywhere tries every kind, and every error in those that are judged by rules
// of their own: all pairs would take long and show no more.
func everywhere(kinds []string, errs []error, try func(kind string, err error)) {
	for i, kind := range kinds {
		try(kind, errs[i%len(errs)])
	}
	for _, kind := range []string{"OnError", "HandleCall", "HandleCast"} {
		for _, err := range errs {
			try(kind, err)
		}
	}
}

func testR34(t *testing.T) {
	reason := errors.New("broken")
	t.Run("quiet", func(t *testing.T) {
		stops := []error{
			gennostr.ErrStop, gennostr.ErrShutdown, fmt.Errorf("maintenance: %w", gennostr.ErrShutdown),
			gennostr.Stop(nil), gennostr.Stop(gennostr.ErrStop), gennostr.Stop(gennostr.ErrShutdown),
		}
		everywhere(kinds, stops, func(kind string, stop error) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				trip := takeTour(t, network, kind, func() error { return stop })
				require.True(t, kit.Closed(trip.client.Done()), "%v in %s", stop, kind)
				assert.NoError(t, trip.client.Wait(), "%v in %s", stop, kind)
				assert.Empty(t, trip.logged.Lines("ERROR"), "%v in %s", stop, kind)
			})
		})
	})
	t.Run("reason", func(t *testing.T) {
		for _, kind := range kinds {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				trip := takeTour(t, network, kind, func() error { return fmt.Errorf("callback: %w", gennostr.Stop(reason)) })
				require.True(t, kit.Closed(trip.client.Done()), kind)
				assert.Equal(t, reason, trip.client.Wait(), kind)
				assert.Equal(t, reason, trip.Named("Terminate")[0].Msg, kind)
				require.Len(t, trip.logged.Lines("ERROR"), 1, "%s: logged once", kind)
				assert.Contains(t, trip.logged.Lines("ERROR")[0], "reason=broken")
				if kind == "HandleCall" {
					assert.ErrorIs(t, trip.called, gennostr.ErrClientClosed)
					assert.ErrorIs(t, trip.called, reason, "the caller learns why")
				}
			})
		}
	})
	t.Run("report", func(t *testing.T) {
		// The end of another client, seen through a Call that failed, is a report too.
		other := kit.Launch(t, nil)
		require.NoError(t, other.Stop(t.Context()))
		_, elsewhere := other.Call(t.Context(), nil)
		require.ErrorIs(t, elsewhere, gennostr.ErrShutdown)
		reports := []error{reason, elsewhere, &gennostr.PanicError{Value: gennostr.ErrStop}}
		everywhere(kinds, reports, func(kind string, err error) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				trip := takeTour(t, network, kind, func() error { return err })
				if kind == "OnError" {
					assert.True(t, kit.Closed(trip.client.Done()), "an error of OnError stops")
					assert.Equal(t, err, trip.client.Wait())
					assert.Len(t, trip.logged.Lines("ERROR"), 1)
					return
				}
				assert.False(t, kit.Closed(trip.client.Done()), "%s: an error of a callback is no stop", kind)
				var reported *gennostr.CallbackError
				for _, n := range trip.Named("OnError") {
					if e, ok := n.Msg.(*gennostr.CallbackError); ok {
						require.Nil(t, reported, "%s: reported once", kind)
						reported = e
						assert.Equal(t, e.Relay, n.Relay)
					}
				}
				if kind == "HandleCall" {
					assert.Equal(t, err, trip.called, "the caller's answer")
					assert.Nil(t, reported)
				} else {
					require.NotNil(t, reported, kind)
					assert.Equal(t, kind, reported.Callback)
					assert.Equal(t, err, reported.Err)
					assert.Equal(t, kind[:2] == "On" || kind == "task tick", reported.Relay.URL != "", kind)
					assert.NoError(t, trip.called)
				}
				require.NoError(t, trip.client.Stop(t.Context()))
				assert.NoError(t, trip.client.Wait())
				assert.Empty(t, trip.logged.Lines("ERROR"))
			})
		})
	})
	t.Run("after the reply", func(t *testing.T) { // the caller has its answer: OnError gets the error
		b := kit.NewBot(nil)
		b.On = func(_ *gennostr.Self, n kit.Note) error {
			if call, ok := n.Msg.(kit.Asked); ok {
				return errors.Join(call.From.Reply("reply"), reason)
			}
			return nil
		}
		client := kit.Start(t, b)
		reply, err := client.Call(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, "reply", reply)
		reported, ok := b.WaitCount(t, "OnError", 1).Msg.(*gennostr.CallbackError)
		require.True(t, ok)
		assert.Equal(t, "HandleCall", reported.Callback)
		assert.ErrorIs(t, reported, reason)
	})
}

// terminated checks that Terminate was the last callback, the only one of its
// name, and on the goroutine of all others.
func (trip *tour) terminated(t *testing.T, why string) (reason error) {
	t.Helper()
	<-trip.client.Done()
	names := trip.Names()
	require.Equal(t, "Terminate", names[len(names)-1], why)
	require.Len(t, trip.Named("Terminate"), 1, why)
	for name, routine := range trip.routines {
		assert.Equal(t, trip.routines["Init"], routine, "%s: goroutine of %s", why, name)
	}
	return kit.ReasonOf(t, trip.Named("Terminate")[0])
}

func testR35(t *testing.T) {
	broken := errors.New("broken")
	end := func(name, kind string, act func() error, check func(t *testing.T, reason error)) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			trip := takeTour(t, network, kind, act)
			if name == "nothing" {
				require.NoError(t, trip.client.Stop(context.Background()))
			}
			check(t, trip.terminated(t, name+" in "+kind))
		})
	}
	panicked := func(t *testing.T, kind string, reason, value error) {
		t.Helper()
		var panicked *gennostr.PanicError
		require.ErrorAs(t, reason, &panicked, kind)
		assert.Equal(t, kind, panicked.Where)
		assert.EqualError(t, panicked.Unwrap(), value.Error())
	}
	for _, kind := range kinds {
		end("stop", kind, func() error { return gennostr.Stop(broken) },
			func(t *testing.T, reason error) { assert.Equal(t, broken, reason, kind) })
		end("panic", kind, func() error { panic(broken) },
			func(t *testing.T, reason error) { panicked(t, kind, reason, broken) })
		end("Goexit", kind, func() error { runtime.Goexit(); return nil }, // what t.FailNow does in a test's handler
			func(t *testing.T, reason error) { panicked(t, kind, reason, errors.New("runtime.Goexit was called")) })
	}
	end("nothing", "", nil, func(t *testing.T, reason error) { assert.Equal(t, gennostr.ErrShutdown, reason) })
}

func testR36(t *testing.T) {
	s := time.Second
	ends := map[string]func(t *testing.T, client *gennostr.Client, cancel context.CancelFunc){
		"Stop": func(t *testing.T, client *gennostr.Client, _ context.CancelFunc) {
			go func() { _ = client.Stop(t.Context()) }()
		},
		"cancelled": func(_ *testing.T, _ *gennostr.Client, cancel context.CancelFunc) { cancel() },
	}
	for name, end := range ends {
		for _, busy := range []time.Duration{0, 3 * s, 20 * s} { // the deadline is 5 s
			for _, where := range []string{"Init", "HandleCast"} {
				kit.Bubble(t, func(t *testing.T) {
					why := fmt.Sprintf("%s while %s runs for %v", name, where, busy)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					entered := make(chan *gennostr.Client, 1)
					b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
						if n.Name == where {
							entered <- self.Client()
							time.Sleep(busy)
						}
						return nil
					})
					go func() {
						client := <-entered
						end(t, client, cancel)
					}()
					client, err := gennostr.Start(ctx, b)
					require.NoError(t, err, why)
					if where != "Init" {
						require.NoError(t, client.Cast(nil))
					}
					began := time.Now()
					<-client.Done()
					assert.Len(t, b.Named("Terminate"), 1, why)
					assert.Equal(t, "Terminate", b.Names()[len(b.Names())-1], why)
					assert.LessOrEqual(t, time.Since(began), busy, why)
				})
			}
		}
	}
}

func testR37(t *testing.T) {
	const sends = 150
	reason := errors.New("the parent is gone")
	for _, drop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			// So little of what is sent fits into the wire that most of it waits.
			network := nostrtest.NewNetwork(t, nostrtest.WithBuffer(512))
			relay := network.NewRelay("wss://a.example")
			b := kit.NewBot(nil)
			var client *gennostr.Client
			send := func(self *gennostr.Self, from, to int) {
				for i := from; i < to; i++ {
					self.Send("wss://a.example", gennostr.Close{SubscriptionID: strconv.Itoa(i)})
				}
			}
			b.On = func(self *gennostr.Self, n kit.Note) error {
				switch {
				case n.Msg == "busy":
					time.Sleep(time.Second)
					send(self, 0, sends)
				case n.Name == "HandleInfo":
					send(self, sends, 2*sends)
				case n.Name == "Terminate":
					send(self, 2*sends, 3*sends)
				}
				return nil
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			client, err := gennostr.Start(ctx, b, kit.Over(network, kit.Quietly(), gennostr.WithRelays("wss://a.example"))...)
			require.NoError(t, err)
			require.NoError(t, client.Ready(t.Context(), 1))
			require.NoError(t, client.Cast("busy"))
			synctest.Wait()
			want := []string{"Init", "OnConnect", "HandleCast busy"}
			for i := range 20 {
				require.NoError(t, client.Cast(i))
				if !drop {
					want = append(want, fmt.Sprint("HandleCast ", i))
				}
			}
			require.NoError(t, client.Notify("send"))
			if drop {
				cancel(reason)
				want = append(want, "Terminate "+reason.Error())
			} else {
				want = append(want, "HandleInfo send", "Terminate gennostr: shutdown")
				go func() { assert.NoError(t, client.Stop(context.Background())) }()
				synctest.Wait()
				require.NoError(t, client.Cast("behind the stop"))
			}
			<-client.Done()
			synctest.Wait() // the relay has seen it
			assert.Equal(t, want, b.Heard())

			var have, sent []string
			for _, m := range relay.Received() {
				have = append(have, m.SubscriptionID)
			}
			for i := range 3 * sends {
				if !drop || i < sends || i >= 2*sends {
					sent = append(sent, strconv.Itoa(i))
				}
			}
			assert.Equal(t, sent, have, "all that was accepted has been written, in order")
			connection, ok := relay.Connection(1)
			require.True(t, ok)
			assert.False(t, connection.Open())
			assert.Equal(t, 1000, connection.CloseCode, "and then the close frame")
		})
	}
}

func testR38(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example")
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "HandleCast":
				began := time.Now()
				derived, cancel := context.WithTimeout(self.Context(), time.Hour)
				defer cancel()
				assert.Equal(t, gennostr.ErrCallingSelf, self.Client().Stop(self.Context()))
				assert.Equal(t, gennostr.ErrCallingSelf, self.Client().Stop(derived))
				assert.Zero(t, time.Since(began))
			case "HandleInfo":
				time.Sleep(time.Second)
			}
			return nil
		})
		client := kit.Launch(t, b, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Cast(nil))
		time.Sleep(time.Minute)
		require.False(t, kit.Closed(client.Done()), "a Stop from a callback does nothing")

		require.NoError(t, client.Notify(nil))
		synctest.Wait()
		began := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				assert.NoError(t, client.Stop(t.Context()))
				assert.True(t, kit.Closed(client.Done()), "Stop returns when Done is closed")
				assert.Equal(t, time.Second, time.Since(began))
			})
		}
		wg.Wait()
		require.NoError(t, client.Stop(t.Context()), "and again")
		require.NoError(t, client.Wait())
		assert.Len(t, b.Named("Terminate"), 1)
	})
	kit.Bubble(t, func(t *testing.T) { // a client that ended by itself is stopped
		client := kit.Launch(t, kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if n.Name == "HandleCast" {
				panic("over")
			}
			return nil
		}), kit.Quietly())
		require.NoError(t, client.Cast(nil))
		<-client.Done()
		require.NoError(t, client.Stop(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, client.Stop(t.Context()))
		require.Error(t, client.Wait())
	})
}
