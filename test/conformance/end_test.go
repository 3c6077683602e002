package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/gennostr/gennostr/test/kit"
	"github.com/gennostr/gennostr/test/leaks"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// crashVariable makes testR39 the program that crashes.
const crashVariable = "GENNOSTR_TEST_CRASH"

func testR39(t *testing.T) {
	if who := os.Getenv(crashVariable); who != "" {
		client := kit.Launch(t, kit.NewBot(overboard), gennostr.WithoutRecover())
		require.NoError(t, client.Cast(who))
		_ = client.Wait()
		t.Fatal("the program has survived the panic")
	}
	kit.Bubble(t, func(t *testing.T) {
		var logged kit.Journal
		b := kit.NewBot(overboard)
		client := kit.Launch(t, b, logged.Option())
		require.NoError(t, client.Cast("man"))
		err := client.Wait()
		assert.Equal(t, []string{"Init", "HandleCast man", "Terminate gennostr: panic in HandleCast: man overboard"}, b.Heard())
		panicked, ok := err.(*gennostr.PanicError)
		require.True(t, ok)
		assert.Same(t, panicked, b.Named("Terminate")[0].Msg)
		assert.Equal(t, "HandleCast", panicked.Where)
		assert.Equal(t, "man overboard", panicked.Value)
		assert.Equal(t, "man", panicked.Message)
		assert.Contains(t, string(panicked.Stack), "overboard")
		require.Len(t, logged.Lines("ERROR"), 1, "logged once")
		assert.Contains(t, logged.Lines("ERROR")[0], "man overboard")
		assert.Contains(t, logged.Lines("ERROR")[0], "end_test.go", "with the place")
	})
	for name, value := range map[string]error{"ErrStop": gennostr.ErrStop, "ErrShutdown": gennostr.ErrShutdown} {
		kit.Bubble(t, func(t *testing.T) { // no value makes a panic a quiet end
			var logged kit.Journal
			client := kit.Launch(t, kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
				if n.Name == "HandleCast" {
					panic(value)
				}
				return nil
			}), logged.Option())
			require.NoError(t, client.Cast(nil))
			assert.ErrorAs(t, client.Wait(), new(*gennostr.PanicError), name)
			assert.Len(t, logged.Lines("ERROR"), 1, name)
		})
	}
	t.Run("WithoutRecover", func(t *testing.T) {
		program, err := os.Executable()
		require.NoError(t, err)
		for _, who := range []string{"man", "task"} {
			crash := exec.Command(program, "-test.run=^TestConformance$/^R39$")
			crash.Env = append(os.Environ(), crashVariable+"="+who)
			output, err := crash.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s", output)
			assert.Equal(t, 2, exit.ExitCode(), "a Go program that panics")
			assert.Contains(t, string(output), "panic: "+who+" overboard")
			assert.Contains(t, string(output), "conformance_test.overboard", "the trace leads to the place")
			assert.NotContains(t, string(output), "survived")
		}
	})
}

func overboard(self *gennostr.Self, n kit.Note) error {
	switch {
	case n.Name != "HandleCast":
	case n.Msg == "task":
		gennostr.Go(self, func(context.Context) (int, error) { panic("task overboard") }, func(int, error) error { return nil })
	default:
		_ = self.Client().Cast("dropped")
		panic(n.Msg.(string) + " overboard")
	}
	return nil
}

func testR40(t *testing.T) {
	for _, c := range refusedHandlers {
		client, err := gennostr.Start(t.Context(), c.handler)
		var refused *gennostr.HandlerError
		if !assert.ErrorAs(t, err, &refused, "%T", c.handler) {
			_ = client.Stop(t.Context())
			continue
		}
		assert.Equal(t, c.method, refused.Method)
		assert.Equal(t, c.want, refused.Want)
		assert.EqualError(t, err, fmt.Sprintf("gennostr: handler has %s, which would never be called; the callback is %s; "+
			"a method that is meant for something else needs another name, or one that is not exported", c.method, c.want))
	}
	for _, h := range acceptedHandlers {
		client, err := gennostr.Start(t.Context(), h)
		if assert.NoError(t, err, "%T", h) {
			assert.NoError(t, client.Stop(t.Context()))
		}
	}
}

func testR41(t *testing.T) {
	reason := errors.New("broken")
	for name, c := range map[string]struct {
		end  func(client *gennostr.Client, cancel context.CancelFunc)
		want error
	}{
		"Stop":         {func(client *gennostr.Client, _ context.CancelFunc) { _ = client.Stop(context.Background()) }, gennostr.ErrShutdown},
		"Stop(reason)": {func(client *gennostr.Client, _ context.CancelFunc) { _ = client.Cast(gennostr.Stop(reason)) }, reason},
		"panic":        {func(client *gennostr.Client, _ context.CancelFunc) { _ = client.Cast("panic") }, reason},
		"cancelled":    {func(_ *gennostr.Client, cancel context.CancelFunc) { cancel() }, context.Canceled},
	} {
		for _, how := range []func(){func() { panic("in Terminate") }, runtime.Goexit} {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				var logged kit.Journal
				b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
					switch {
					case n.Name == "Terminate":
						how()
					case n.Msg == "panic":
						panic(reason)
					case n.Name == "HandleCast":
						return n.Msg.(error)
					}
					return nil
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				client, err := gennostr.Start(ctx, b, kit.Over(network, logged.Option(), gennostr.WithName("r41"), gennostr.WithRelays("wss://a.example"))...)
				require.NoError(t, err)
				require.NoError(t, client.Ready(t.Context(), 1))
				answer := make(chan error, 1)
				go func() {
					_, err := client.Call(context.Background(), nil)
					answer <- err
				}()
				synctest.Wait()
				c.end(client, cancel)
				err = client.Wait()
				require.Error(t, err, "%s: a panic is never swallowed", name)
				assert.ErrorIs(t, err, c.want, name)
				assert.ErrorContains(t, err, "panic in Terminate", name)
				assert.ErrorIs(t, <-answer, c.want)
				assert.Len(t, logged.Lines("ERROR"), 1, name)
				assert.Len(t, b.Named("Terminate"), 1)
				assert.Nil(t, gennostr.Whereis("r41"))
				synctest.Wait()
				connection, _ := relay.Connection(1)
				assert.Equal(t, 1000, connection.CloseCode, "%s: the shutdown completes in good order", name)
			})
		}
	}
}

func testR42(t *testing.T) {
	const url = "wss://a.example/"
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(url, nostrtest.WithSendBuffer(0))
		b := kit.NewBot(kit.Streamer)
		client := kit.Start(t, b, kit.Over(network, gennostr.WithReadLimit(10_000))...)
		relay.Stop()
		require.NoError(t, client.AddRelay(url))
		synctest.Wait()
		event := kit.TextNotes(1)[0]
		forged := *event
		forged.Content = "forged"
		for _, failure := range []struct {
			name string
			do   func()
			want error // an errors.Is or errors.As target
			ends bool  // the connection
		}{
			{"nobody listens", func() {}, syscall.ECONNREFUSED, true},
			{"no relay there", func() {
				require.NoError(t, relay.Restart())
				require.NoError(t, client.AddRelay("wss://elsewhere.example"))
			}, new(gennostr.DialError), false},
			{"forged event", func() { relay.Push(&forged) }, nostr.ErrBadID, false},
			{"not asked for", func() { relay.Inject(`["EVENT","other",` + event.String() + `]`) }, gennostr.ErrUnsolicited, false},
			{"garbage", func() { relay.Inject("garbage") }, gennostr.ErrMalformed, false},
			{"subscription closed", func() { relay.CloseSubscription("all", "error: tired") }, nil, false},
			{"frame too large", func() { relay.Inject(`["NOTICE","` + strings.Repeat("x", 10_000) + `"]`) }, gennostr.ErrFrameTooLarge, false},
			{"frame much too large", func() { relay.Inject(`["NOTICE","` + strings.Repeat("x", 80_000) + `"]`) }, gennostr.ErrFrameTooLarge, true},
			{"close frame", func() { relay.CloseConnection(kit.LastOpen(relay), 1008, "policy") }, new(gennostr.CloseError), true},
			{"cut", func() { relay.DisconnectAll() }, nil, true},
			{"silence", func() { network.Partition(url) }, gennostr.ErrPingTimeout, true},
		} {
			before := len(b.All())
			_ = client.RemoveRelay("wss://elsewhere.example")
			failure.do()
			time.Sleep(50 * time.Second) // virtual: a ping, its timeout, the next dial
			network.Heal(url)
			synctest.Wait()
			if failure.name == "nobody listens" {
				before = 0
			}
			told := b.All()[before:]
			var first error
			ended := false
			for _, n := range told {
				if n.Name == "OnError" && first == nil {
					first = kit.ReasonOf(t, n)
				}
				ended = ended || n.Name == "OnDisconnect" && n.Relay.URL == url
			}
			switch want := failure.want.(type) {
			case nil:
			case *gennostr.DialError:
				assert.ErrorAs(t, first, &want, failure.name)
			case *gennostr.CloseError:
				assert.ErrorAs(t, first, &want, failure.name)
			default:
				assert.ErrorIs(t, first, want, failure.name)
			}
			assert.NotEmpty(t, told, "%s: a message", failure.name)
			assert.Equal(t, failure.ends, ended, failure.name)
			assert.False(t, kit.Closed(client.Done()), "%s: and the client lives", failure.name)
		}
	})
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) { // OnError decides that it is fatal
		b := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if n.Name == "OnError" {
				return n.Msg.(error)
			}
			return nil
		})
		client := kit.Launch(t, b, kit.Over(network, kit.Quietly(), gennostr.WithRelays("wss://nobody.example"))...)
		assert.ErrorIs(t, client.Wait(), syscall.ECONNREFUSED)
		assert.Equal(t, []string{"Init", "OnError", "Terminate"}, b.Names())
	})
	// A handler that has nothing to say to it finds it in the log.
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var logged kit.Journal
		client := kit.Start(t, nil, kit.Over(network, logged.Option(), gennostr.WithRelays("wss://nobody.example"))...)
		synctest.Wait()
		require.NotEmpty(t, logged.Lines("WARN"))
		assert.Contains(t, logged.Lines("WARN")[0], "wss://nobody.example")
		assert.False(t, kit.Closed(client.Done()))
	})
}

// testR43 uses real sockets: in virtual time every test of this package fails
// when a goroutine outlives it.
func testR43(t *testing.T) {
	for _, orderly := range []bool{true, false} {
		relay := nostrtest.NewRelay(t)
		relay.Publish(kit.TextNotes(20)...)
		dead := nostrtest.NewRelay(t)
		dead.Stop()
		around := goleak.IgnoreCurrent()

		client := func() weak.Pointer[gennostr.Client] {
			b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "Init" {
					self.SendAfter(time.Hour, nil)
					self.SetTimeout(time.Hour)
					gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil },
						func(int, error) error { return nil })
				}
				return kit.Streamer(self, n)
			})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			client, err := gennostr.Start(ctx, b, kit.Quietly(), gennostr.WithName("r43"), gennostr.WithHibernateAfter(time.Hour),
				gennostr.WithRelays(relay.URL(), dead.URL()), gennostr.WithReconnectSchedule(time.Hour),
				gennostr.WithTask("tick", time.Hour, func(*gennostr.Self, gennostr.Relay) error { return nil }))
			require.NoError(t, err)
			require.NoError(t, client.AddRelay(relay.URL()+"/own", gennostr.WithHeader(http.Header{"X": {"own dialer"}})))
			require.NoError(t, client.Ready(t.Context(), 2))
			b.WaitCount(t, "OnEOSE", 2)
			b.WaitCount(t, "OnDisconnect", 1)
			if orderly {
				require.NoError(t, client.Stop(t.Context()))
			} else {
				cancel()
			}
			kit.Within(t, "Done", client.Done())
			return weak.Make(client)
		}()

		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		relay.Stop() // its goroutines are not the client's
		assert.NoError(t, leaks.Find(around), "a goroutine outlives Done")
		runtime.GC()
		assert.Nil(t, client.Value(), "a timer, a table or a goroutine still holds the client")
	}
}
