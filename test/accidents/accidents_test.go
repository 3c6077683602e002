package accidents_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
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

// Regressions, named after the accident.

// Events that wait in the mailbox when the handler closes or replaces their
// subscription are late, like those that arrive after it.
// Shows D22.
func TestClosedAndReplacedSubscriptionsDeliverNothingMore(t *testing.T) {
	for name, over1 := range map[string]gennostr.ClientMessage{
		"closed": gennostr.Close{SubscriptionID: "all"},
		"replaced": gennostr.Req{SubscriptionID: "all", Filters: []nostr.Filter{
			nostr.Filter{}.WithKinds(nostr.KindReaction)}},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Publish(kit.TextNotes(50)...)
				r := &kit.Recorder{}
				r.On = func(self *gennostr.Self, n kit.Note) error {
					if n.Name == "OnEvent" {
						time.Sleep(time.Second) // the others arrive meanwhile
						self.Send(n.Relay.URL, over1)
					}
					return kit.Streamer(self, n)
				}
				client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
				time.Sleep(time.Minute) // virtual
				assert.Len(t, r.Named("OnEvent"), 1)
				if name == "closed" {
					assert.Empty(t, r.Named("OnEOSE"))
				} else {
					assert.Len(t, r.Named("OnEOSE"), 1, "that of the new request only")
				}
				assert.Empty(t, r.Named("OnError"), "an honest relay is not accused")
				status, _ := client.Relay("wss://a.example")
				assert.GreaterOrEqual(t, status.Traffic.Late, uint64(49))
			})
		})
	}
}

// A CLOSED comes after the events before it, and ends their subscription only then.
func TestEventsBeforeACLOSEDAreDelivered(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		relay.Publish(kit.TextNotes(20)...)
		gate := make(chan struct{})
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnEvent" {
				<-gate
			}
			return kit.Streamer(self, n)
		}}
		kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		synctest.Wait()
		relay.CloseSubscription("all", "error: shutting down")
		synctest.Wait()
		close(gate)
		synctest.Wait()
		assert.Len(t, r.Named("OnEvent"), 20)
		assert.Equal(t, "OnClosed", r.Names()[len(r.Names())-1])
	})
}

// A frame of tiny tags takes many times its length in memory: the window knows.
func TestWindowCountsMemoryAndNotOnlyFrames(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		tags := make(nostr.Tags, 1000)
		for i := range tags {
			tags[i] = nostr.Tag{""}
		}
		event := nostrtest.EventAt(1, nostrtest.Key(1), nostr.KindTextNote, "", tags...)
		gate := make(chan struct{})
		r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnEvent" {
				<-gate
			}
			return kit.Streamer(self, n)
		}}
		client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		synctest.Wait()
		relay.Push(event)
		synctest.Wait()
		assert.Greater(t, client.Stats().MailboxBytes, int64(40_000), "a frame of %d bytes", len(event.String()))
		close(gate)
		synctest.Wait()
		assert.Zero(t, client.Stats().MailboxBytes)
	})
}

// A dial function that ignores its context is named when it holds up a stop.
func TestStopNamesAFunctionOfAnOptionThatDoesNotEnd(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		client, err := gennostr.Start(t.Context(), nil, gennostr.WithRelays("wss://a.example"), gennostr.WithLogger(kit.Silent),
			gennostr.WithDialContext(func(context.Context, string, string) (net.Conn, error) {
				<-gate
				return nil, errors.New("no")
			}))
		require.NoError(t, err)
		synctest.Wait()
		began := time.Now()
		var late *gennostr.ShutdownError
		require.ErrorAs(t, client.Stop(t.Context()), &late)
		assert.Contains(t, late.Running, "DialContext")
		assert.Contains(t, late.Running, "wss://a.example/")
		assert.Less(t, time.Since(began), 8*time.Second)
		close(gate)
		<-client.Done()
	})
}

// What merely takes longer than the deadline, as all does on a busy machine, is not blamed.
func TestStopWaitsAMomentForWhatIsNoCallback(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		client, err := gennostr.Start(t.Context(), nil, gennostr.WithRelays("wss://a.example"), gennostr.WithLogger(kit.Silent),
			gennostr.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				time.Sleep(6 * time.Second) // virtual: a second beyond the deadline
				return nil, ctx.Err()
			}))
		require.NoError(t, err)
		synctest.Wait()
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 6*time.Second, time.Since(began))
	})
}

// A verifier that fails, in whatever way, is told apart from a forgery, and does not stop anything else.
func TestFailingVerifierIsNotTheRelaysFault(t *testing.T) {
	var typedNil *opError
	for name, fail := range map[string]failing{
		"panic":              func() error { panic("broken") },
		"panic of typed nil": func() error { panic(typedNil) },
		"typed nil":          func() error { return typedNil },
		"Goexit":             func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example")
				relay.Publish(kit.TextNotes(3)...)
				r := &kit.Recorder{On: kit.Streamer}
				client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"),
					gennostr.WithVerifier(fail), gennostr.WithForgeryLimit(1), kit.Quietly())...)
				time.Sleep(time.Minute) // virtual
				assert.Empty(t, r.Named("OnEvent"))
				require.NotEmpty(t, r.Named("OnError"))
				assert.ErrorIs(t, r.Named("OnError")[0].Msg.(error), gennostr.ErrVerifierFailed)
				assert.Len(t, r.Named("OnEOSE"), 1, "what stands behind the events arrives")
				assert.Empty(t, r.Named("OnDisconnect"))
				status, _ := client.Relay("wss://a.example")
				assert.Zero(t, status.Traffic.Forged)
			})
		})
	}
}

// failing is a verifier that does what it is.
type failing func() error

func (f failing) VerifySignature(nostr.PubKey, nostr.ID, nostr.Sig) error { return f() }

// opError is an error type whose methods need a value.
type opError struct{ err error }

func (e *opError) Error() string { return e.err.Error() }
func (e *opError) Unwrap() error { return e.err }

// The classic: a nil pointer in an error. It stops the client, like a panic, and not the program.
func TestTypedNilErrorStopsTheClientAndNotTheProgram(t *testing.T) {
	client, err := gennostr.Start(t.Context(), kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
		if n.Name == "HandleCast" {
			var e *opError
			return e
		}
		return nil
	}), gennostr.WithLogger(kit.Silent))
	require.NoError(t, err)
	require.NoError(t, client.Cast(1))
	var panicked *gennostr.PanicError
	require.ErrorAs(t, client.Wait(), &panicked)
	assert.Equal(t, "HandleCast", panicked.Where)
}

// A panic during a quiet stop is not quiet.
func TestPanicInTerminateIsNeverQuiet(t *testing.T) {
	var logged kit.Journal
	client, err := gennostr.Start(t.Context(), kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
		if n.Name == "Terminate" {
			panic(gennostr.ErrShutdown)
		}
		return nil
	}), logged.Option())
	require.NoError(t, err)
	require.NoError(t, client.Stop(t.Context()))
	assert.ErrorContains(t, client.Wait(), "panic in Terminate")
	assert.Len(t, logged.Lines("ERROR"), 1)
}

// WithMaxAttempts counts on when a handler adds its relay again in OnDisconnect,
// and new options hold from then on.
func TestAddRelayInOnDisconnectKeepsItsPlaceAndTakesItsOptions(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example").Stop()
		r := &kit.Recorder{}
		r.On = func(self *gennostr.Self, n kit.Note) error {
			if n.Name == "OnDisconnect" && !errors.Is(n.Msg.(error), gennostr.ErrGaveUp) {
				assert.NoError(t, self.AddRelay(n.Relay.URL, gennostr.WithReconnectSchedule(time.Minute)))
			}
			return nil
		}
		kit.Start(t, r, kit.Over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithMaxAttempts(3))...)
		time.Sleep(time.Hour) // virtual
		assert.Len(t, r.Named("OnDisconnect"), 3)
		assert.ErrorIs(t, r.Named("OnDisconnect")[2].Msg.(error), gennostr.ErrGaveUp)
	})
}

// A task may call its client, but not stop it: it would wait for itself.
func TestTaskCannotStopItsClient(t *testing.T) {
	got := make(chan error, 1)
	client := kit.Start(t, kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "Init" {
			gennostr.Go(self, func(ctx context.Context) (int, error) {
				_, err := self.Client().Call(ctx, "x")
				got <- errors.Join(err, self.Client().Stop(ctx))
				return 0, nil
			}, func(int, error) error { return nil })
		}
		if m, ok := n.Msg.(kit.Asked); ok {
			return m.From.Reply(nil)
		}
		return nil
	}))
	assert.Equal(t, gennostr.ErrCallingSelf.Error(), kit.Within(t, "the task's end", got).Error())
	assert.False(t, kit.Closed(client.Done()))
}

// What was accepted and could not be written before the stop's deadline is not lost in silence.
func TestUnsentMessagesAtStopAreLogged(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example")
		var logged kit.Journal
		client, err := gennostr.Start(t.Context(), nil, kit.Over(network, gennostr.WithRelays("wss://a.example"), logged.Option())...)
		require.NoError(t, err)
		require.NoError(t, client.Ready(t.Context(), 1))
		network.Partition("wss://a.example")
		note := nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("x", 100_000))
		for range 3 {
			require.NoError(t, client.Send("wss://a.example", gennostr.PublishEvent{Event: note}))
		}
		require.NoError(t, client.Stop(t.Context()))
		require.Len(t, logged.Lines("WARN"), 1)
		assert.Contains(t, logged.Lines("WARN")[0], "count=3")
	})
}

// A refusal that nobody handles is a problem, and problems are logged.
func TestRefusedEventIsLoggedByDefault(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string {
		return "blocked: " + strings.Repeat("x", 10_000)
	}))
	var logged kit.Journal
	client := kit.Start(t, nil, gennostr.WithRelays(relay.URL()), logged.Option())
	require.NoError(t, client.Ready(t.Context(), 1))
	require.NoError(t, client.Send(relay.URL(), gennostr.PublishEvent{Event: nostrtest.TextNote(nostrtest.Key(1), "x")}))
	_, err := relay.WaitMessage(t.Context(), func(m nostrtest.Message) bool { return m.Verb == "EVENT" })
	require.NoError(t, err)
	for len(logged.Lines("WARN")) == 0 {
		runtime.Gosched()
	}
	assert.Contains(t, logged.Lines("WARN")[0], "blocked")
	assert.Less(t, len(logged.Lines("WARN")[0]), 500)
}

// A hostile event that takes long to match holds up its own relay only.
func TestLongMatchHoldsUpNoOtherRelay(t *testing.T) {
	slow, healthy := nostrtest.NewRelay(t), nostrtest.NewRelay(t)
	var filters []nostr.Filter
	for i := range 200 {
		f := nostr.Filter{}
		for letter := 'A'; letter <= 'P'; letter++ {
			f = f.WithTag(string(letter), fmt.Sprint(i))
		}
		filters = append(filters, f)
	}
	r := &kit.Recorder{On: func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "OnConnect" && n.Relay.URL == kit.Normal(t, slow.URL()) {
			self.Send(n.Relay.URL, gennostr.Req{SubscriptionID: "s", Filters: filters})
		}
		return nil
	}}
	client := kit.Start(t, r, gennostr.WithRelays(slow.URL(), healthy.URL()), gennostr.WithReadLimit(8<<20))
	require.NoError(t, client.Ready(t.Context(), 2))
	_, err := slow.WaitRequest(t.Context(), func(nostrtest.Request) bool { return true })
	require.NoError(t, err)
	tags := slices.Repeat(nostr.Tags{{"A", "x"}}, 60_000)
	within, many := 0, 30_000
	for n := 1; within < 3; n++ { // until all of it has happened within a match, and not by luck: how long one takes, nobody says
		require.LessOrEqual(t, n, 60, "the other relay is not heard while an event is matched")
		hostile := nostr.Event{Tags: tags[:many]}
		slow.Inject(`["EVENT","s",` + hostile.String() + `]`)
		kit.WaitUntil(t, "a match, or its end", func() bool { return matching() || len(r.Named("OnError")) == n })
		healthy.Notice("meanwhile")
		client.Relays() // would wait behind the match if the supervisor did
		r.WaitCount(t, "OnNotice", n)
		if matching() && len(r.Named("OnError")) < n {
			within++
		} else { // it is a slow machine, or a fast one
			many = len(tags)
		}
		require.ErrorIs(t, r.WaitCount(t, "OnError", n).Msg.(error), gennostr.ErrFilterMismatch)
	}
}

// matching tells whether an event is being compared with the filters of a subscription.
func matching() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "reqs.(*Filters).Match(")
}

// A transport that ends its goroutine, as t.FailNow does, fails the dial; the
// relay comes back like any other, and the client can be stopped.
func TestGoexitInATransportFailsTheDial(t *testing.T) {
	r := &kit.Recorder{}
	var dials atomic.Int32
	transport := kit.RoundTrip(func(*http.Request) (*http.Response, error) {
		if dials.Add(1) == 1 {
			runtime.Goexit()
		}
		return nil, io.ErrClosedPipe
	})
	client := kit.Launch(t, r, gennostr.WithRelays("ws://goexit.example"), gennostr.WithReconnectSchedule(time.Millisecond), kit.Quietly(),
		gennostr.WithHTTPClient(&http.Client{Transport: transport}))
	r.WaitCount(t, "OnDisconnect", 2)
	require.NoError(t, client.Stop(t.Context()))
	var panicked *gennostr.PanicError
	assert.ErrorAs(t, kit.ReasonOf(t, r.Named("OnDisconnect")[0]), &panicked)
	assert.ErrorIs(t, kit.ReasonOf(t, r.Named("OnDisconnect")[1]), io.ErrClosedPipe)
}
