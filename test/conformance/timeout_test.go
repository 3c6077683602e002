package conformance_test

import (
	"context"
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

// The idle timeout, hibernation and timers (R25–R28).
var conformanceTimeouts = []row{
	{"R25", "an idle timeout is sent once; any message clears it, a negative one too", testR25},
	{"R26", "a message that waits beats a timeout, even one of 0", testR26},
	{"R27", "what is not the handler's business does not disturb the idle timeout, and never waits for the loop", testR27},
	{"R28", "Hibernate gives back memory until the next message", testR28},
}

// idler sets the idle timeouts that tests send as durations, and notes when Timeout came.
type idler struct {
	*kit.Bot
	began time.Time
	fired []time.Duration
}

func newIdler(on func(self *gennostr.Self, n kit.Note)) *idler {
	h := &idler{began: time.Now()}
	h.Bot = kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
		switch m := n.Msg.(type) {
		case time.Duration:
			self.SetTimeout(m)
		case gennostr.Timeout:
			h.fired = append(h.fired, time.Since(h.began))
		}
		if on != nil {
			on(self, n)
		}
		return nil
	})
	return h
}

func testR25(t *testing.T) {
	s := time.Second
	for name, c := range map[string]struct {
		do   func(t *testing.T, client *gennostr.Client)
		want []time.Duration
	}{
		"one shot": {
			func(t *testing.T, client *gennostr.Client) { require.NoError(t, client.Notify(3*s)) },
			[]time.Duration{3 * s}},
		"cleared by a cast, not armed again": {
			func(t *testing.T, client *gennostr.Client) {
				require.NoError(t, client.Notify(3*s))
				time.Sleep(2 * s)
				require.NoError(t, client.Cast("disturb"))
			}, nil},
		"cleared by a call": {
			func(t *testing.T, client *gennostr.Client) {
				require.NoError(t, client.Notify(3*s))
				go func() { _, _ = client.Call(t.Context(), "disturb") }() // ends with the client
			}, nil},
		"cleared by a timer": {
			func(t *testing.T, client *gennostr.Client) {
				require.NoError(t, client.Cast("timer of 2 s"))
				require.NoError(t, client.Notify(3*s))
			}, nil},
		"cleared by a relay": {
			func(t *testing.T, client *gennostr.Client) {
				require.NoError(t, client.Notify(3*s))
				require.NoError(t, client.AddRelay("wss://a.example"))
			}, nil},
		"set anew by a message": {
			func(t *testing.T, client *gennostr.Client) {
				require.NoError(t, client.Notify(3*s))
				time.Sleep(2 * s)
				require.NoError(t, client.Notify(3*s))
			}, []time.Duration{5 * s}},
		"cancelled in the same callback": {
			func(t *testing.T, client *gennostr.Client) { require.NoError(t, client.Cast("set and cancel")) }, nil},
		"the last one counts": {
			func(t *testing.T, client *gennostr.Client) { require.NoError(t, client.Cast("set twice")) },
			[]time.Duration{4 * s}},
		"a Continue is no message": {
			func(t *testing.T, client *gennostr.Client) { require.NoError(t, client.Cast("set and continue")) },
			[]time.Duration{3 * s}},
		"each Timeout may set the next": {
			func(t *testing.T, client *gennostr.Client) { require.NoError(t, client.Cast("thrice")) },
			[]time.Duration{s, 2 * s, 3 * s}},
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example")
			thrice := 0
			h := newIdler(func(self *gennostr.Self, n kit.Note) {
				switch n.Msg {
				case "timer of 2 s":
					self.SendAfter(2*s, "disturb")
				case "set and cancel":
					self.SetTimeout(3 * s)
					self.SetTimeout(-1)
				case "set twice":
					self.SetTimeout(s)
					self.SetTimeout(4 * s)
				case "set and continue":
					self.SetTimeout(3 * s)
					self.Continue(nil)
				case "thrice":
					thrice = 3
					self.SetTimeout(s)
				case gennostr.Timeout{}:
					if thrice--; thrice > 0 {
						self.SetTimeout(s)
					}
				}
			})
			client := kit.Launch(t, h, kit.Over(network)...)
			c.do(t, client)
			time.Sleep(time.Minute)
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, c.want, h.fired, name)
		})
	}
}

// A Timeout is a callback like any other: it may stop the client.
func TestTimeoutMayStopTheClient(t *testing.T) {
	kit.Bubble(t, func(t *testing.T) {
		client := kit.Launch(t, kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
			switch n.Msg {
			case nil:
				if n.Name == "Init" {
					self.SetTimeout(time.Minute)
				}
			case gennostr.Timeout{}:
				return gennostr.ErrStop
			}
			return nil
		}))
		began := time.Now()
		require.NoError(t, client.Wait())
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func testR26(t *testing.T) {
	s := time.Second
	// A message is queued while the callback that sets the timeout still runs.
	for _, d := range []time.Duration{0, 1, s, 2 * s, 3 * s} {
		kit.Bubble(t, func(t *testing.T) {
			h := newIdler(func(_ *gennostr.Self, n kit.Note) {
				if n.Msg == d {
					time.Sleep(3 * s)
				}
			})
			client := kit.Launch(t, h)
			require.NoError(t, client.Notify(d))
			synctest.Wait()
			time.Sleep(2 * s) // later than when the timeout is due, for some
			require.NoError(t, client.Cast("waiting"))
			time.Sleep(time.Minute)
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, "HandleCast waiting", h.Heard()[2], "%v: the message first", d)
			assert.Empty(t, h.fired, "%v: and it has cleared the timeout", d)
		})
	}
	// A timer that is due in the very instant of the timeout is a message that waits.
	kit.Bubble(t, func(t *testing.T) {
		h := newIdler(func(self *gennostr.Self, n kit.Note) {
			if n.Name == "HandleCast" {
				self.SetTimeout(s)
				self.SendAfter(s, "timer")
			}
		})
		client := kit.Launch(t, h)
		require.NoError(t, client.Cast(nil))
		time.Sleep(time.Minute)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, "HandleInfo timer", h.Heard()[2])
		assert.Empty(t, h.fired)
	})
	// With nothing waiting, 0 is at once.
	kit.Bubble(t, func(t *testing.T) {
		h := newIdler(nil)
		client := kit.Launch(t, h)
		require.NoError(t, client.Notify(time.Duration(0)))
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []time.Duration{0}, h.fired)
	})
}

func testR27(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay("wss://a.example")
		selves := make(chan *gennostr.Self, 1)
		h := newIdler(func(self *gennostr.Self, n kit.Note) {
			if n.Name == "Init" {
				selves <- self
			}
		})
		// Beside the questions below, the client itself is busy: pings every 30 s,
		// the hourly trim, hibernation.
		client := kit.Start(t, h, kit.Over(network, gennostr.WithRelays("wss://a.example"),
			gennostr.WithHibernateAfter(10*time.Minute), gennostr.WithTask("trim", 17*time.Minute, nil))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		h.began = time.Now()
		require.NoError(t, client.Notify(3*time.Hour))
		self := <-selves
		for time.Since(h.began) < 4*time.Hour {
			time.Sleep(7 * time.Minute)
			assert.Len(t, client.Relays(), 1)
			assert.Len(t, self.Relays(), 1)
			_, known := client.Relay("wss://a.example")
			assert.True(t, known)
			client.Stats()
			require.NoError(t, client.Ready(t.Context(), 1))
			_, err := client.EnsureRelay("wss://a.example")
			require.NoError(t, err)
			require.NoError(t, client.Broadcast(gennostr.Close{SubscriptionID: "none"}))
			self.SendAfter(24*time.Hour, "not today")
		}
		synctest.Wait()
		assert.Equal(t, []time.Duration{3 * time.Hour}, h.fired)
	})
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) { // nor do the questions wait for a callback
		network.NewRelay("wss://a.example")
		h := kit.NewBot(func(_ *gennostr.Self, n kit.Note) error {
			if n.Name == "HandleCast" {
				time.Sleep(time.Hour)
			}
			return nil
		})
		client := kit.Launch(t, h, kit.Over(network, gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		require.NoError(t, client.Cast(nil))
		time.Sleep(time.Second)
		require.NoError(t, client.Notify(nil))
		began := time.Now()
		assert.Len(t, client.Relays(), 1)
		assert.Equal(t, gennostr.Stats{Mailbox: 1, Callback: "HandleCast", Running: time.Second}, client.Stats())
		require.NoError(t, client.AddRelay("wss://b.example"))
		require.NoError(t, client.RemoveRelay("wss://b.example"))
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, gennostr.Stats{}, client.Stats())
		require.NoError(t, client.Stop(t.Context()))
	})
}

func testR28(t *testing.T) {
	const timers, tasks = 10_000, 500
	gate := make(chan struct{})
	var warm sync.WaitGroup // the runtime keeps what it needs for as many goroutines
	for range tasks {
		warm.Go(func() { <-gate })
	}
	close(gate)
	warm.Wait()
	for name, c := range map[string]struct {
		opts  []gennostr.Option
		sleep string
		gives bool
	}{
		"awake":              {nil, "stay awake", false},
		"Hibernate":          {nil, "hibernate", true},
		"WithHibernateAfter": {[]gennostr.Option{gennostr.WithHibernateAfter(time.Minute)}, "stay awake", true},
	} {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			network.NewRelay("wss://a.example")
			h := new(burster)
			client := kit.Start(t, h, kit.Over(network, append(c.opts, gennostr.WithRelays("wss://a.example"),
				gennostr.WithMailboxLimit(timers+tasks), gennostr.WithMaxTasks(tasks))...)...)
			require.NoError(t, client.Ready(t.Context(), 1))
			synctest.Wait()
			heap := func() int64 { return min(kit.Heap(), kit.Heap(), kit.Heap()) } // what the runtime needs meanwhile is not ours
			before := heap()

			for range timers {
				require.NoError(t, client.Notify("timer"))
			}
			for range tasks {
				require.NoError(t, client.Notify("task"))
			}
			time.Sleep(50 * time.Second) // virtual
			synctest.Wait()
			require.Equal(t, timers+tasks, h.came)
			burst := heap() - before

			require.NoError(t, client.Notify(c.sleep))
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			asleep := heap() - before
			t.Logf("%s: %d KiB after the burst, %d KiB asleep", name, burst>>10, asleep>>10)
			require.Greater(t, burst, int64(256<<10), "%s: the burst leaves something to give back", name)
			if c.gives {
				assert.Less(t, asleep, burst/5, name)
			} else {
				assert.Greater(t, asleep, burst/2, "it is hibernating that gives it back")
			}

			require.NoError(t, client.Notify("timer"), "%s: a message wakes it", name)
			require.NoError(t, client.Notify("task"))
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, timers+tasks+2, h.came, name)
		})
	}
}

// burster sets a timer or starts a task for every message.
type burster struct {
	gennostr.BaseHandler
	came int
}

func (h *burster) HandleInfo(self *gennostr.Self, msg any) error {
	switch msg {
	case "timer":
		self.SendAfter(10*time.Second, "came")
	case "task":
		gennostr.Go(self, func(context.Context) (int, error) {
			time.Sleep(10 * time.Second)
			return 0, nil
		}, func(int, error) error { h.came++; return nil })
	case "came":
		h.came++
	case "hibernate":
		self.Hibernate()
	}
	return nil
}
