package conformance_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
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

// Start, Init, names and the parent (R01–R10).
var conformanceStart = []row{
	{"R01", "Start returns only after Init, which runs on the client's goroutine", testR01},
	{"R02", "a handler needs no Init; its fields are the state", testR02},
	{"R03", "ErrIgnore: no client, no Terminate, no failure, and Init's relays are closed", testR03},
	{"R04", "any other error of Init makes Start fail and leaves nothing running", testR04},
	{"R05", "a panic in Init is a *PanicError from Start", testR05},
	{"R06", "WithInitTimeout bounds self.Context() during Init, and only then", testR06},
	{"R07", "what arrives during Init is delivered after it, and after its Continue", testR07},
	{"R08", "a taken name is a *NameTakenError, and Init is not run", testR08},
	{"R09", "a name is free when Done closes, after a panic too", testR09},
	{"R10", "cancelling Start's context ends the client promptly, for its cause", testR10},
}

// goroutine names the goroutine that calls it.
func goroutine() string {
	var buf [64]byte
	name, _, _ := strings.Cut(string(buf[:runtime.Stack(buf[:], false)]), " [")
	return name
}

func testR01(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		seen := map[string]string{}
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if n.Name == "Init" {
				time.Sleep(3 * time.Second)
			}
			seen[n.Name] = goroutine() // one goroutine writes, and Done orders the read
			return nil
		})
		began := time.Now()
		client := kit.Launch(t, b)
		assert.Equal(t, 3*time.Second, time.Since(began))
		assert.Equal(t, []string{"Init"}, b.Names())
		require.NoError(t, client.Notify("info"))
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, seen["HandleInfo"], seen["Init"])
		assert.Equal(t, seen["Terminate"], seen["Init"])
		assert.NotEqual(t, goroutine(), seen["Init"])
	})
}

// tally has state in its fields and no Init.
type tally struct {
	gennostr.BaseHandler
	step, sum int
}

func (h *tally) HandleCall(_ *gennostr.Self, from gennostr.From, _ any) error {
	h.sum += h.step
	return from.Reply(h.sum)
}

func testR02(t *testing.T) {
	h := &tally{step: 3}
	client := kit.Start(t, h)
	for want := 3; want <= 9; want += 3 {
		sum, err := gennostr.Call[int](t.Context(), client, nil)
		require.NoError(t, err)
		assert.Equal(t, want, sum)
	}
	require.NoError(t, client.Stop(t.Context()))
	assert.Equal(t, 9, h.sum, "the state is the handler's, not a copy's")

	pool := kit.Start(t, nil)
	require.NoError(t, pool.Stop(t.Context()), "nil is a plain relay pool")
}

// failingInit starts a client whose Init has connected a relay and started a
// task before it ends as told. It checks that Start leaves neither behind.
func failingInit(t *testing.T, end func() error) (logged *kit.Journal, err error) {
	t.Helper()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		worked := make(chan struct{})
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Name != "Init" {
				return nil
			}
			gennostr.Go(self, func(ctx context.Context) (int, error) {
				defer close(worked)
				<-ctx.Done()
				time.Sleep(time.Second)
				return 0, nil
			}, func(int, error) error { t.Error("the result of a task without a client"); return nil })
			assert.NoError(t, self.AddRelay("wss://a.example"))
			assert.NoError(t, self.AddRelay("wss://nobody.example"))
			assert.NoError(t, relay.WaitConnections(t.Context(), 1))
			return end()
		})
		logged = new(kit.Journal)
		var client *gennostr.Client
		client, err = gennostr.Start(t.Context(), b, kit.Over(network, logged.Option(), gennostr.WithName("failing"))...)
		assert.Nil(t, client)
		assert.Equal(t, []string{"Init"}, b.Names(), "no callback follows, Terminate least of all")
		assert.True(t, kit.Closed(worked), "Init's task has been joined")
		assert.Nil(t, gennostr.Whereis("failing"))
		synctest.Wait()
		assert.Empty(t, relay.Connections(), "Init's relays are closed")
	}) // the bubble fails the test if a goroutine is left
	return logged, err
}

func testR03(t *testing.T) {
	logged, err := failingInit(t, func() error { return gennostr.ErrIgnore })
	assert.Equal(t, gennostr.ErrIgnore, err)
	assert.Empty(t, logged.Lines("WARN"))
	assert.Empty(t, logged.Lines("ERROR"))
}

func testR04(t *testing.T) {
	reason := errors.New("no database")
	logged, err := failingInit(t, func() error { return reason })
	require.ErrorIs(t, err, reason)
	assert.EqualError(t, err, "gennostr: init: no database")
	assert.Empty(t, logged.Lines("ERROR"), "the error is returned, not logged")

	// What stops a running client is a failure here all the same.
	for _, stop := range []error{gennostr.ErrStop, gennostr.ErrShutdown, gennostr.Stop(reason)} {
		_, err := failingInit(t, func() error { return stop })
		require.ErrorIs(t, err, stop)
		assert.ErrorContains(t, err, "gennostr: init: ")
	}
}

func testR05(t *testing.T) {
	reason := errors.New("no database")
	for _, value := range []any{"no database", reason} {
		_, err := failingInit(t, func() error { panic(value) })
		var panicked *gennostr.PanicError
		require.ErrorAs(t, err, &panicked)
		assert.Equal(t, "Init", panicked.Where)
		assert.Equal(t, value, panicked.Value)
		assert.Contains(t, string(panicked.Stack), "testR05", "the stack is that of the panic")
		assert.EqualError(t, err, "gennostr: panic in Init: no database")
		_, isError := value.(error)
		assert.Equal(t, isError, errors.Is(err, reason))
	}
	_, err := failingInit(t, func() error { runtime.Goexit(); return nil }) // what t.FailNow does
	assert.ErrorAs(t, err, new(*gennostr.PanicError))
	assert.EqualError(t, err, "gennostr: panic in Init: runtime.Goexit was called")

	// A *PanicError that Init returns, of a client of its own perhaps, is an error like any other.
	_, err = failingInit(t, func() error { return &gennostr.PanicError{Where: "elsewhere", Value: reason} })
	assert.EqualError(t, err, "gennostr: init: panic in elsewhere: no database")
}

func testR06(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		slow := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			<-self.Context().Done()
			return context.Cause(self.Context())
		})
		began := time.Now()
		_, err := gennostr.Start(t.Context(), slow, gennostr.WithInitTimeout(2*time.Second))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "init timeout")
		assert.Equal(t, 2*time.Second, time.Since(began))
	})
	for _, opts := range [][]gennostr.Option{nil, {gennostr.WithInitTimeout(2 * time.Second)}} {
		kit.Bubble(t, func(t *testing.T) {
			var of context.Context
			b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
				switch n.Name {
				case "Init":
					of = self.Context()
				case "HandleInfo":
					assert.NoError(t, of.Err(), "what Init has started may live by the context of Init")
					assert.NoError(t, self.Context().Err(), "the bound is Init's alone")
					_, bounded := self.Context().Deadline()
					assert.False(t, bounded)
				}
				return nil
			})
			client := kit.Start(t, b, opts...)
			time.Sleep(time.Hour)
			require.NoError(t, client.Notify("later"))
			b.WaitCount(t, "HandleInfo", 1)
		})
	}
}

func testR07(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		answers := make(chan any, 1)
		b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Name {
			case "Init":
				client := self.Client()
				assert.NoError(t, self.AddRelay("wss://a.example"))
				assert.NoError(t, relay.WaitConnections(t.Context(), 1))
				synctest.Wait() // OnConnect is in the mailbox
				assert.NoError(t, client.Cast("cast"))
				assert.NoError(t, client.Notify("info"))
				self.SendAfter(0, "timer")
				go func() { // ends with the answer
					answer, err := client.Call(t.Context(), "call")
					assert.NoError(t, err)
					answers <- answer
				}()
				synctest.Wait()
				self.Continue("continue")
			case "HandleContinue":
				assert.NoError(t, self.Client().Cast("late"))
			case "HandleCall":
				return n.Msg.(kit.Asked).From.Reply("answer")
			}
			return nil
		})
		kit.Start(t, b, kit.Over(network)...)
		assert.Equal(t, "answer", <-answers)
		synctest.Wait()
		assert.Equal(t, []string{"Init", "HandleContinue continue", "OnConnect", "HandleCast cast", "HandleInfo info",
			"HandleCall call", "HandleCast late", "HandleInfo timer"}, b.Heard())
	})
}

func testR08(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		assert.Nil(t, gennostr.Whereis("r08"))
		var inInit *gennostr.Client
		first := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "Init" {
				inInit = gennostr.Whereis("r08")
				_, err := gennostr.Start(t.Context(), kit.NewBot(nil), gennostr.WithName("r08"))
				assert.ErrorAs(t, err, new(*gennostr.NameTakenError), "the name is taken before Init has returned")
			}
			return nil
		})
		client := kit.Start(t, first, gennostr.WithName("r08"))
		assert.Same(t, client, inInit)
		assert.Same(t, client, gennostr.Whereis("r08"))

		second := kit.NewBot(nil)
		_, err := gennostr.Start(t.Context(), second, gennostr.WithName("r08"))
		var taken *gennostr.NameTakenError
		require.ErrorAs(t, err, &taken)
		assert.Equal(t, "r08", taken.Name)
		assert.Same(t, client, taken.Client)
		assert.Empty(t, second.All(), "Init has not been run")

		other := kit.Start(t, kit.NewBot(nil), gennostr.WithName("r08 other"))
		assert.Same(t, other, gennostr.Whereis("r08 other"))
		assert.Same(t, client, gennostr.Whereis("r08"))
	})
	kit.Bubble(t, func(t *testing.T) { // of many at once, one gets it
		var wg sync.WaitGroup
		won := make(chan *gennostr.Client, 50)
		for range cap(won) {
			wg.Go(func() {
				client, err := gennostr.Start(t.Context(), kit.NewBot(nil), gennostr.WithName("r08"))
				if err == nil {
					won <- client
				} else {
					assert.ErrorAs(t, err, new(*gennostr.NameTakenError))
				}
			})
		}
		wg.Wait()
		require.Len(t, won, 1)
		client := <-won
		assert.Same(t, client, gennostr.Whereis("r08"))
		require.NoError(t, client.Stop(t.Context()))
	})
}

func testR09(t *testing.T) {
	named := gennostr.WithName("r09")
	ends := map[string]func(*gennostr.Client, context.CancelFunc){
		"Stop":            func(c *gennostr.Client, _ context.CancelFunc) { go func() { _ = c.Stop(context.Background()) }() },
		"cancelled":       func(_ *gennostr.Client, cancel context.CancelFunc) { cancel() },
		"Stop(reason)":    func(c *gennostr.Client, _ context.CancelFunc) { _ = c.Cast(gennostr.Stop(errors.New("broken"))) },
		"panic":           func(c *gennostr.Client, _ context.CancelFunc) { _ = c.Cast("panic") },
		"panic, and more": func(c *gennostr.Client, _ context.CancelFunc) { _ = c.Cast("panic twice") },
	}
	for name, end := range ends {
		kit.Bubble(t, func(t *testing.T) {
			for range 10 {
				twice := false
				b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
					switch {
					case n.Name == "Terminate" && twice:
						panic("again")
					case n.Name != "HandleCast":
						return nil
					}
					if err, ok := n.Msg.(error); ok {
						return err
					}
					twice = n.Msg == "panic twice"
					panic(n.Msg)
				})
				ctx, cancel := context.WithCancel(t.Context())
				client, err := gennostr.Start(ctx, b, named, kit.Quietly())
				require.NoError(t, err, "%s: the name is free", name)
				end(client, cancel)
				<-client.Done()
				assert.Nil(t, gennostr.Whereis("r09"), name)
				cancel()
			}
		})
	}
	_, err := gennostr.Start(t.Context(), kit.NewBot(func(*gennostr.Self, kit.Note) error { panic("in Init") }), named)
	require.Error(t, err)
	_, err = gennostr.Start(t.Context(), kit.NewBot(func(*gennostr.Self, kit.Note) error { return gennostr.ErrIgnore }), named)
	require.ErrorIs(t, err, gennostr.ErrIgnore, "free again when Start has failed")
}

func testR10(t *testing.T) {
	cause := errors.New("the parent is gone")
	for _, busy := range []bool{false, true} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
				if n.Msg == "busy" {
					time.Sleep(2 * time.Second)
				}
				return nil
			})
			var logged kit.Journal
			ctx, cancel := context.WithCancelCause(t.Context())
			client, err := gennostr.Start(ctx, b, kit.Over(network, logged.Option(), gennostr.WithRelays("wss://a.example"))...)
			require.NoError(t, err)
			require.NoError(t, client.Ready(t.Context(), 1))
			synctest.Wait() // OnConnect has run
			want := []string{"Init", "OnConnect"}
			if busy {
				require.NoError(t, client.Cast("busy"))
				synctest.Wait()
				require.NoError(t, client.Cast("dropped"))
				require.NoError(t, client.Notify("dropped"))
				want = append(want, "HandleCast busy")
			}
			began := time.Now()
			cancel(cause)
			<-client.Done()
			if busy {
				assert.Equal(t, 2*time.Second, time.Since(began), "the running callback ends")
			} else {
				assert.Zero(t, time.Since(began))
			}
			assert.Equal(t, append(want, "Terminate "+cause.Error()), b.Heard(), "what was queued is dropped")
			assert.Equal(t, cause, b.Named("Terminate")[0].Msg)
			assert.Equal(t, cause, client.Wait())
			assert.Empty(t, logged.Lines("ERROR"), "what the parent decided is no problem to log")
			synctest.Wait() // the relay has seen it
			assert.Empty(t, relay.Connections())
		})
	}
	kit.Bubble(t, func(t *testing.T) { // also by a deadline of the parent's
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		client, err := gennostr.Start(ctx, kit.NewBot(nil))
		require.NoError(t, err)
		assert.ErrorIs(t, client.Wait(), context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(began))
	})
	kit.Bubble(t, func(t *testing.T) { // a parent that is gone already starts nothing
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		b := kit.NewBot(nil)
		_, err := gennostr.Start(ctx, b)
		assert.Equal(t, cause, err)
		assert.Empty(t, b.All())
	})
}
