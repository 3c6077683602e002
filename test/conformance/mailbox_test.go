package conformance_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
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

// The mailbox: its order, its bounds, its one reader (R29–R33).
var conformanceMailbox = []row{
	{"R29", "per relay the wire's order; per goroutine the order in which it sent", testR29},
	{"R30", "a blocked handler holds back the relay, not memory, and nothing is lost", testR30},
	{"R31", "a callback has no way to read the mailbox", testR31},
	{"R32", "callbacks run one at a time", testR32},
	{"R33", "no callback after Terminate, whatever was pending", testR33},
}

// testR29 checks the order of random streams, with a small window, so that
// readers stand still at random, and with verification, which works on many
// events at once.
func testR29(t *testing.T) {
	pool := kit.TextNotes(24)
	for seed := range uint64(2) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			const relays, frames, senders, letters = 6, 30, 6, 40
			random := rand.New(rand.NewPCG(seed, 29))
			want := map[string][]string{} // by relay or sender
			have := map[string][]string{}
			b := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
				relay := n.Relay.URL
				switch m := n.Msg.(type) {
				case gennostr.EventMessage:
					have[relay] = append(have[relay], m.Event.Content)
				case gennostr.NoticeMessage:
					have[relay] = append(have[relay], m.Message)
				case gennostr.OKMessage:
					have[relay] = append(have[relay], m.Message)
				case gennostr.EOSEMessage: // no part of the stream
				case kit.Asked:
					sent := m.Request.([2]string)
					have[sent[0]] = append(have[sent[0]], sent[1])
					return m.From.Reply(nil)
				case [2]string:
					have[m[0]] = append(have[m[0]], m[1])
				default:
					return kit.Streamer(self, n)
				}
				return nil
			})
			var servers []*nostrtest.Relay
			opts := kit.Over(network, gennostr.WithMailboxWindow(1+random.IntN(20), 1<<20), gennostr.WithVerifyWorkers(4))
			for i := range relays {
				url := fmt.Sprintf("wss://%d.example", i)
				servers = append(servers, network.NewRelay(url))
				opts = append(opts, gennostr.WithRelays(url))
			}
			client := kit.Launch(t, b, opts...)
			var sending sync.WaitGroup
			for i, server := range servers {
				_, err := server.WaitRequest(t.Context(), nil)
				require.NoError(t, err)
				url := kit.Normal(t, server.URL())
				stream := make([]string, frames)
				for j := range stream {
					text := fmt.Sprint(i, " ", j)
					switch random.IntN(4) {
					case 0:
						stream[j] = fmt.Sprintf(`["NOTICE",%q]`, text)
					case 1:
						stream[j] = fmt.Sprintf(`["OK",%q,true,%q]`, pool[0].ID, text)
					default:
						event := pool[random.IntN(len(pool))]
						stream[j], text = fmt.Sprintf(`["EVENT","all",%s]`, event), event.Content
					}
					want[url] = append(want[url], text)
				}
				sending.Go(func() {
					for _, frame := range stream {
						server.Inject(frame)
					}
				})
			}
			for i := range senders {
				sender := "sender " + strconv.Itoa(i)
				calls := make([]bool, letters)
				for j := range calls {
					calls[j] = random.IntN(3) == 0
					want[sender] = append(want[sender], strconv.Itoa(j))
				}
				sending.Go(func() {
					for j, call := range calls {
						var err error
						if letter := [2]string{sender, strconv.Itoa(j)}; call {
							_, err = client.Call(context.Background(), letter)
						} else if j%2 == 0 {
							err = client.Cast(letter)
						} else {
							err = client.Notify(letter)
						}
						assert.NoError(t, err)
					}
				})
			}
			sending.Wait()
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Empty(t, b.Named("OnError"))
			assert.Equal(t, want, have, "seed %d", seed)
		})
	}
}

// testR30 lets a relay send more than a client could hold to one whose handler
// stands still for an hour.
func testR30(t *testing.T) {
	const n, window = 20_000, 100
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		relay.Publish(kit.Unproven(n)...)
		gate := make(chan struct{})
		var order []int
		h := &consumer{url: "wss://a.example", event: func(msg gennostr.EventMessage) {
			if len(order) == 0 {
				<-gate
			}
			at, err := strconv.Atoi(msg.Event.Content)
			assert.NoError(t, err)
			order = append(order, at)
		}}
		client := kit.Start(t, h, kit.Over(network, gennostr.WithTrustedRelay(), gennostr.WithMailboxWindow(window, 1<<20))...)
		before := kit.Heap()
		require.NoError(t, client.AddRelay("wss://a.example"))
		time.Sleep(time.Hour) // virtual
		grown := kit.Heap() - before
		t.Logf("%d events wait at the relay; the process has grown by %d KiB", n, grown>>10)
		assert.Less(t, grown, int64(1<<20))
		assert.LessOrEqual(t, client.Stats().Mailbox, window)
		status, ok := client.Relay("wss://a.example")
		require.True(t, ok)
		assert.Equal(t, gennostr.RelayConnected, status.State)
		assert.LessOrEqual(t, status.Traffic.Undelivered, window)
		require.NoError(t, client.Cast("a full window keeps nobody else out"))

		close(gate)
		synctest.Wait()
		require.Len(t, order, n, "nothing is lost afterwards")
		for i, at := range order {
			require.Equal(t, n-1-i, at, "newest first, as the relay sent them")
		}
	})
}

// consumer subscribes to everything and hands its events on without noting them.
type consumer struct {
	gennostr.BaseHandler
	url   string
	event func(gennostr.EventMessage)
}

func (h *consumer) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, kit.Everything("all"))
	return nil
}

func (h *consumer) OnEvent(_ *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	h.event(msg)
	return nil
}

func (h *consumer) HandleCast(*gennostr.Self, any) error { return nil }

// testR31 reads the verbs of Self: none hands out a channel or an iterator,
// takes one, or takes a context, without which nothing can be waited for.
func testR31(t *testing.T) {
	self := reflect.TypeFor[*gennostr.Self]()
	require.NotZero(t, self.NumMethod())
	for i := range self.NumMethod() {
		method := self.Method(i)
		parts := []reflect.Type{}
		for j := 1; j < method.Type.NumIn(); j++ {
			parts = append(parts, method.Type.In(j))
		}
		for j := range method.Type.NumOut() {
			parts = append(parts, method.Type.Out(j))
		}
		for _, part := range parts {
			assert.NotEqual(t, reflect.Chan, part.Kind(), "%s has a %s", method.Name, part)
			assert.False(t, part.CanSeq() && part.Kind() == reflect.Func, "%s has a %s", method.Name, part)
			if part == reflect.TypeFor[context.Context]() {
				assert.Equal(t, "Context", method.Name)
			}
		}
	}
	for i := range self.Elem().NumField() {
		field := self.Elem().Field(i)
		assert.False(t, field.IsExported(), "Self.%s", field.Name)
	}
}

// testR32 has every kind of callback change one counter without a lock: the
// race detector sees two at a time, the sum sees a lost one.
func testR32(t *testing.T) {
	const relays, events, callers, calls = 8, 10, 8, 40
	notes := kit.TextNotes(events)
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		h := &summer{counts: map[string]int{}}
		var servers []*nostrtest.Relay
		opts := kit.Over(network)
		for i := range relays {
			url := fmt.Sprintf("wss://%d.example", i)
			servers = append(servers, network.NewRelay(url))
			opts = append(opts, gennostr.WithRelays(url))
		}
		client := kit.Launch(t, h, opts...)
		for _, server := range servers {
			_, err := server.WaitRequest(t.Context(), nil)
			require.NoError(t, err)
		}
		var sending sync.WaitGroup
		for _, server := range servers {
			sending.Go(func() {
				for _, event := range notes {
					server.Push(event)
					server.Notice("notice")
				}
			})
		}
		for range callers {
			sending.Go(func() {
				for range calls {
					_, err := client.Call(context.Background(), "call")
					assert.NoError(t, err)
					assert.NoError(t, client.Cast("cast"))
					assert.NoError(t, client.Notify("info"))
				}
			})
		}
		sending.Wait()
		time.Sleep(time.Minute) // virtual; timers and tasks
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, map[string]int{
			"OnConnect": relays, "OnEOSE": relays, "OnEvent": relays * events, "OnNotice": relays * events,
			"HandleCall": callers * calls, "HandleCast": callers * calls, "HandleInfo": 2 * callers * calls,
			"then": callers * calls, "Terminate": 1,
		}, h.counts)
		assert.False(t, h.two, "two callbacks at a time")
	})
}

// summer counts its callbacks in an unguarded map. Each cast starts a task,
// each call sets a timer.
type summer struct {
	gennostr.BaseHandler
	counts map[string]int
	inside bool
	two    bool
}

func (h *summer) count(name string) error {
	if h.inside {
		h.two = true
	}
	h.inside = true
	h.counts[name]++
	h.inside = false
	return nil
}

func (h *summer) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, kit.Everything("all"))
	return h.count("OnConnect")
}
func (h *summer) OnEvent(*gennostr.Self, gennostr.Relay, gennostr.EventMessage) error {
	return h.count("OnEvent")
}
func (h *summer) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error {
	return h.count("OnEOSE")
}
func (h *summer) OnNotice(*gennostr.Self, gennostr.Relay, gennostr.NoticeMessage) error {
	return h.count("OnNotice")
}
func (h *summer) HandleCall(self *gennostr.Self, from gennostr.From, _ any) error {
	self.SendAfter(time.Second, "timer")
	if err := from.Reply(nil); err != nil {
		return err
	}
	return h.count("HandleCall")
}
func (h *summer) HandleCast(self *gennostr.Self, _ any) error {
	gennostr.Go(self, func(context.Context) (int, error) { return 0, nil },
		func(int, error) error { return h.count("then") })
	return h.count("HandleCast")
}
func (h *summer) HandleInfo(*gennostr.Self, any) error     { return h.count("HandleInfo") }
func (h *summer) Terminate(_ *gennostr.Self, reason error) { _ = h.count("Terminate") }

func testR33(t *testing.T) {
	for name, end := range map[string]func(client *gennostr.Client, cancel context.CancelFunc){
		"Stop":      func(client *gennostr.Client, _ context.CancelFunc) { _ = client.Stop(context.Background()) },
		"cancelled": func(_ *gennostr.Client, cancel context.CancelFunc) { cancel() },
		"panic":     func(client *gennostr.Client, _ context.CancelFunc) { _ = client.Cast("panic") },
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example")
			down := network.NewRelay("wss://down.example")
			down.Stop()
			selves := make(chan *gennostr.Self, 1)
			b := kit.NewBot(nil)
			b.On = func(self *gennostr.Self, n kit.Note) error {
				switch {
				case n.Name == "Init", n.Name == "Terminate": // pending before the end, and asked for at the end
					for _, d := range []time.Duration{0, time.Second, time.Hour} {
						self.SendAfter(10*time.Second+d, "timer")
					}
					self.SetTimeout(15 * time.Second)
					gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil },
						func(int, error) error {
							assert.Empty(t, b.Named("Terminate"), "a task's result after Terminate")
							return nil
						})
					if n.Name == "Init" {
						selves <- self
						return nil
					}
					self.SendAfter(0, "timer")
					self.SetTimeout(0)
					self.Continue("continue")
					self.Hibernate()
					_ = self.AddRelay("wss://late.example")
				case n.Msg == "panic":
					panic("over")
				}
				return nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			client, err := gennostr.Start(ctx, b, kit.Over(network, kit.Quietly(), gennostr.WithRelays("wss://a.example", "wss://down.example"),
				gennostr.WithTask("tick", 10*time.Second, func(*gennostr.Self, gennostr.Relay) error {
					t.Error("a relay's task after Terminate")
					return nil
				}))...)
			require.NoError(t, err)
			require.NoError(t, client.Ready(t.Context(), 1))
			time.Sleep(9 * time.Second) // the dead relay waits for its next dial
			end(client, cancel)
			<-client.Done()
			self := <-selves
			self.SendAfter(0, "timer")
			self.SendAfter(time.Minute, "timer")
			story := b.Heard()
			assert.Equal(t, "Terminate", b.Names()[len(story)-1], name)
			assert.NotContains(t, story, "HandleInfo timer")
			require.NoError(t, down.Restart())
			time.Sleep(24 * time.Hour) // virtual
			assert.Equal(t, story, b.Heard(), name)
			assert.Zero(t, down.ConnectionCount(), "%s: nothing is dialled any more", name)
		})
	}
}
