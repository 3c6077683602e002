package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

type job = gennostr.EventMessage

// queuer asks every relay for everything and puts its events into a queue.
type queuer struct {
	recorder
	config gennostr.QueueConfig[job]
	queue  *gennostr.Queue[job]
}

func (h *queuer) Init(self *gennostr.Self) error {
	h.queue = gennostr.NewQueue(self, h.config)
	return nil
}

func (h *queuer) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, everything("all"))
	return nil
}

func (h *queuer) OnEvent(_ *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	return h.queue.Put(msg)
}

// ledger notes what was worked on, by content.
type ledger struct {
	mu    sync.Mutex
	begun []string
	now   int
	most  int // at once
}

func (l *ledger) begin(m job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, m.Event.Content)
	l.now++
	l.most = max(l.most, l.now)
}

func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.begun)
}

// asConsumer is a handler that feeds a queue; trusted relays' events need no proof.
func (l *ledger) config(d time.Duration) gennostr.QueueConfig[job] {
	return gennostr.QueueConfig[job]{
		Workers: 8,
		Key:     func(m job) string { n, _ := strconv.Atoi(m.Event.Content); return strconv.Itoa(n % 16) },
		Work: func(ctx context.Context, m job) error {
			l.begin(m)
			defer l.end()
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		},
	}
}

// 3,000 events, a webhook of ten seconds each: all are done, once, in order for each key.
// Shows L39, D04.
func TestAQueueLosesNoWork(t *testing.T) {
	const n = 3_000
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL)
		relay.Publish(unproven(n)...)
		var l ledger
		var told []string
		h := &queuer{config: l.config(10 * time.Second)}
		h.config.Then = func(_ *gennostr.Self, m job, err error) error {
			assert.NoError(t, err)
			told = append(told, m.Event.Content)
			return nil
		}
		client := start(t, h, over(network, gennostr.WithTrustedRelay(), gennostr.WithRelays(stageURL), gennostr.WithMailboxWindow(100, 1<<20))...)
		synctest.Wait()
		assert.Equal(t, 100, l.count()+client.Stats().Queues[0].Waiting, "what is put is bounded by the window")
		time.Sleep(n*10*time.Second/8 + time.Hour)
		synctest.Wait()
		assert.Empty(t, h.Named("OnError"))
		require.Len(t, told, n)
		assert.Equal(t, 8, l.most)
		assert.Len(t, l.begun, n)
		last := map[int]int{}
		for _, content := range l.begun {
			at, _ := strconv.Atoi(content)
			if before, ok := last[at%16]; ok {
				require.Equal(t, before-16, at, "newest first, as the relay sent them, and none twice")
			}
			last[at%16] = at
		}
		assert.Zero(t, client.Stats().Queues[0].Waiting)
		status, _ := client.Relay(stageURL)
		assert.Zero(t, status.Traffic.Undelivered)
	})
}

// What waits does so at the relay: memory does not grow with it.
// Shows L39, D04.
func TestWhatWaitsForAQueueWaitsAtTheRelay(t *testing.T) {
	grown := func(n int) (grown int64) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(stageURL)
			relay.Publish(unproven(n)...)
			var l ledger
			h := &queuer{config: l.config(time.Hour)}
			client := start(t, h, over(network, gennostr.WithTrustedRelay())...)
			before := heap()
			require.NoError(t, client.AddRelay(stageURL))
			synctest.Wait()
			grown = heap() - before
			assert.Equal(t, 2_048, l.count()+client.Stats().Queues[0].Waiting)
		})
		return grown
	}
	few, many := grown(3_000), grown(100_000)
	// The relay, in this process too, has a list of what it is about to send.
	many -= 16 * (100_000 - 3_000)
	t.Logf("with 3,000 events waiting %d KiB, with 100,000 %d KiB", few>>10, many>>10)
	assert.Less(t, float64(many), 1.1*float64(few))
}

// A relay whose messages are held is slowed down; what is said to it and its
// answers go on, and nobody takes it for dead.
// Shows D12.
func TestARelayWhoseMessagesAreHeldIsAlive(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL)
		relay.Publish(unproven(5_000)...)
		var l ledger
		h := &queuer{config: l.config(10 * time.Hour)}
		client := start(t, h, over(network, gennostr.WithTrustedRelay(), gennostr.WithRelays(stageURL), gennostr.WithMailboxWindow(50, 1<<20))...)
		time.Sleep(time.Hour) // pings come every 30 s
		synctest.Wait()
		assert.Empty(t, h.Named("OnDisconnect"))
		status, _ := client.Relay(stageURL)
		assert.Equal(t, 50, status.Traffic.Undelivered)

		note := textNotes(1)[0]
		began := time.Now()
		require.NoError(t, client.Send(stageURL, gennostr.PublishEvent{Event: note}))
		h.WaitCount(t, "OnOK", 1)
		assert.Less(t, time.Since(began), time.Second)
		synctest.Wait()
		status, _ = client.Relay(stageURL)
		lifted := status.Traffic.Undelivered
		time.Sleep(time.Hour)
		status, _ = client.Relay(stageURL)
		assert.Equal(t, lifted, status.Traffic.Undelivered, "and no more than had to be read for the answer")
	})
}

// Shows L39, D03.
func TestHoldsOutliveConnectionsAndRelays(t *testing.T) {
	var releases []func()
	hold := func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "OnConnect":
			self.Send(n.Relay.URL, everything("all"))
		case "OnEvent":
			releases = append(releases, self.Hold())
		}
		return nil
	}
	onStage(t, hold, func(t *testing.T, s stage) {
		s.Relay.Publish(textNotes(20)...)
		synctest.Wait()
		require.Len(t, s.Events(), 5, "the window is full")
		assert.Equal(t, 5, s.Traffic().Undelivered)

		s.Relay.DisconnectAll() // comes back by itself
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, s.Events(), 5, "also on the next connection")
		require.NoError(t, s.Client.RemoveRelay(stageURL))
		synctest.Wait()
		require.NoError(t, s.Client.AddRelay(stageURL))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Len(t, s.Events(), 5, "and after it was removed and added")
		stats := s.Client.Stats()
		assert.Equal(t, 5, stats.Holds)
		assert.Equal(t, stageURL, stats.OldestHold.Relay)
		assert.Contains(t, stats.OldestHold.By, "queue_test.go")
		assert.GreaterOrEqual(t, stats.OldestHold.Held, 2*time.Minute)

		first := releases[0] // each lets in another one, which is held too
		first()
		first()
		synctest.Wait()
		assert.Len(t, s.Events(), 6, "once")
		for _, release := range releases[1:6] {
			release()
		}
		synctest.Wait()
		assert.Equal(t, len(releases)-6, s.Client.Stats().Holds, "what came then is held too")
	}, gennostr.WithMailboxWindow(5, 1<<20))
}

// Shows D03.
func TestAHoldThatIsNotReleasedIsNamed(t *testing.T) {
	var log journal
	var release func()
	hold := func(self *gennostr.Self, n note) error {
		if n.Name == "OnNotice" {
			release = self.Hold()
		}
		return nil
	}
	onStage(t, hold, func(t *testing.T, s stage) {
		s.Inject(t, `["NOTICE","a"]`)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		assert.Empty(t, log.Lines("WARN"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, log.Lines("WARN"), 1)
		for _, said := range []string{"messages are held and not released", "queue_test.go", stageURL} {
			assert.Contains(t, log.Lines("WARN")[0], said)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 1, "once")
		release()
	}, gennostr.WithSlowCallback(time.Minute), log.Option())
}

// Put outside of a callback that handles a message is bounded by the queue itself,
// also while a callback is running elsewhere.
// Shows D04.
func TestPutKnowsWhereItIsCalled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := newBot(nil)
		var q *gennostr.Queue[int]
		var fromTimer []error
		b.On = func(self *gennostr.Self, n note) error {
			switch {
			case n.Name == "Init":
				q = gennostr.NewQueue(self, gennostr.QueueConfig[int]{Workers: 1, Limit: 3, Work: func(context.Context, int) error { <-gate; return nil }})
				self.SendAfter(time.Second, "timer")
			case n.Name == "HandleInfo" && n.Msg == "timer":
				for i := range 5 {
					fromTimer = append(fromTimer, q.Put(i))
				}
			case n.Name == "HandleCast":
				other := make(chan error, 2)
				go func() { other <- q.Put(-1); other <- q.Put(-2) }()
				assert.NoError(t, <-other)
				assert.NoError(t, <-other)
				for i := range 100 {
					assert.NoError(t, q.Put(i))
				}
			}
			return nil
		}
		client := start(t, b)
		require.NoError(t, client.Cast("go"))
		synctest.Wait()
		assert.Equal(t, gennostr.QueueStats{Name: "int", Waiting: 101, Running: 1}, q.Stats())
		assert.NoError(t, q.Put(7))
		assert.NoError(t, q.Put(7))
		err := q.Put(7)
		assert.ErrorIs(t, err, gennostr.ErrQueueFull)
		assert.ErrorContains(t, err, "int")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, fromTimer, 5)
		assert.ErrorIs(t, fromTimer[0], gennostr.ErrQueueFull)
		close(gate)
		synctest.Wait()
		assert.Equal(t, gennostr.QueueStats{Name: "int"}, q.Stats())
		require.NoError(t, client.Stop(t.Context()))
		assert.ErrorIs(t, q.Put(1), gennostr.ErrClientClosed)
	})
}

// Calls whose work is in a queue keep their places among those that wait.
// Shows D04.
func TestPutInHandleCallKeepsTheCallsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := newBot(nil)
		var q *gennostr.Queue[gennostr.From]
		b.On = func(self *gennostr.Self, n note) error {
			switch n.Name {
			case "Init":
				q = gennostr.NewQueue(self, gennostr.QueueConfig[gennostr.From]{
					Work: func(context.Context, gennostr.From) error { <-gate; return nil },
					Then: func(_ *gennostr.Self, from gennostr.From, err error) error { return from.Reply("done") },
				})
			case "HandleCall":
				return q.Put(n.Msg.(asked).From)
			}
			return nil
		}
		client := start(t, b, gennostr.WithMailboxLimit(10))
		var answered atomic.Int32
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				reply, err := client.Call(context.Background(), "pay")
				assert.NoError(t, err)
				assert.Equal(t, "done", reply)
				answered.Add(1)
			})
		}
		synctest.Wait()
		_, err := client.Call(t.Context(), "one too many")
		assert.ErrorIs(t, err, gennostr.ErrMailboxFull)
		close(gate)
		calls.Wait()
		assert.EqualValues(t, 10, answered.Load())
		_, err = client.Call(t.Context(), "again")
		assert.NoError(t, err)
	})
}

// A Then hands its place on: two queues in a row hold one message.
func TestQueuesInARowHoldTheMessage(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL)
		relay.Publish(unproven(100)...)
		var second *gennostr.Queue[job]
		gate := make(chan struct{})
		done := 0
		h := &queuer{config: gennostr.QueueConfig[job]{Name: "first", Work: func(context.Context, job) error { return nil },
			Then: func(self *gennostr.Self, m job, err error) error { return second.Put(m) }}}
		h.On = func(self *gennostr.Self, n note) error {
			second = gennostr.NewQueue(self, gennostr.QueueConfig[job]{Name: "second", Workers: 1, Limit: 1,
				Work: func(context.Context, job) error { <-gate; return nil },
				Then: func(*gennostr.Self, job, error) error { done++; return nil }})
			return nil
		}
		client := start(t, h, over(network, gennostr.WithTrustedRelay(), gennostr.WithMailboxWindow(10, 1<<20))...)
		require.NoError(t, client.Cast("make the second queue"))
		synctest.Wait()
		require.NoError(t, client.AddRelay(stageURL))
		synctest.Wait()
		assert.Equal(t, 9, second.Stats().Waiting)
		status, _ := client.Relay(stageURL)
		assert.Equal(t, 10, status.Traffic.Undelivered)
		close(gate)
		synctest.Wait()
		assert.Equal(t, 100, done)
		assert.Empty(t, h.Named("OnError"))
	})
}

func (h *queuer) HandleCast(self *gennostr.Self, request any) error {
	return h.Note(self, "HandleCast", gennostr.Relay{}, request)
}

func TestAPanicInWorkIsTheItemsError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := errors.New("broken")
		var told []error
		var q *gennostr.Queue[string]
		b := newBot(nil)
		work := func(_ context.Context, what string) error {
			switch what {
			case "panic":
				panic(broken)
			case "exit":
				runtime.Goexit()
			case "error":
				return broken
			}
			return nil
		}
		then := func(_ *gennostr.Self, _ string, err error) error { told = append(told, err); return nil }
		b.On = func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				q = gennostr.NewQueue(self, gennostr.QueueConfig[string]{Name: "jobs", Workers: 1, Work: work, Then: then})
			}
			if n.Name == "HandleCast" {
				return q.Put(n.Msg.(string))
			}
			return nil
		}
		client := start(t, b)
		for _, what := range []string{"panic", "exit", "error", "fine"} {
			require.NoError(t, client.Cast(what))
		}
		synctest.Wait()
		require.Len(t, told, 4)
		var panicked *gennostr.PanicError
		require.ErrorAs(t, told[0], &panicked)
		assert.Equal(t, "work of jobs", panicked.Where)
		assert.ErrorIs(t, told[0], broken)
		require.ErrorAs(t, told[1], &panicked)
		assert.Equal(t, broken, told[2])
		assert.NoError(t, told[3])
		assert.False(t, closed(client.Done()))
	})
}

func TestWithoutThenAnErrorGoesToOnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := errors.New("broken")
		b := newBot(nil)
		b.On = func(self *gennostr.Self, n note) error {
			if n.Name == "HandleCast" {
				return gennostr.NewQueue(self, gennostr.QueueConfig[int]{Name: "jobs", Work: func(context.Context, int) error { return broken }}).Put(1)
			}
			return nil
		}
		client := start(t, b)
		require.NoError(t, client.Cast(nil))
		synctest.Wait()
		require.Len(t, b.Named("OnError"), 1)
		var failed *gennostr.CallbackError
		require.ErrorAs(t, reasonOf(t, b.Named("OnError")[0]), &failed)
		assert.Contains(t, failed.Callback, "jobs")
		assert.ErrorIs(t, failed, broken)
	})
}

// payment is a bot with a queue of payments that take some time each.
func payment(took time.Duration, told *[]string) (*bot, func(*gennostr.Client, int) error) {
	var q *gennostr.Queue[int]
	b := newBot(nil)
	b.On = func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "Init":
			q = gennostr.NewQueue(self, gennostr.QueueConfig[int]{
				Workers: 1,
				Work: func(ctx context.Context, i int) error {
					select {
					case <-time.After(took):
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				},
				Then: func(_ *gennostr.Self, i int, err error) error {
					*told = append(*told, fmt.Sprintf("%d %v", i, err))
					return nil
				},
			})
		case "HandleCast":
			return q.Put(n.Msg.(int))
		case "HandleInfo":
			panic("overboard")
		case "Terminate":
			*told = append(*told, "Terminate")
		}
		return nil
	}
	return b, func(client *gennostr.Client, i int) error { return client.Cast(i) }
}

// Shows L39, D05.
func TestStopTellsWhatWasDoneAndWhatWasNot(t *testing.T) {
	closedText := gennostr.ErrClientClosed.Error()
	for name, c := range map[string]struct {
		took time.Duration
		end  func(*gennostr.Client, context.CancelFunc) error
		want []string
		dur  time.Duration
	}{
		"a payment that was made is told": {3 * time.Second, func(c *gennostr.Client, _ context.CancelFunc) error { return c.Stop(context.Background()) },
			[]string{"1 <nil>", "2 " + closedText + ": shutdown", "Terminate"}, 3 * time.Second},
		"what takes too long is cancelled, and told": {time.Hour, func(c *gennostr.Client, _ context.CancelFunc) error { return c.Stop(context.Background()) },
			[]string{"2 " + closedText + ": shutdown", "1 context canceled", "Terminate"}, 9 * time.Second},
		"a context that ends is in a hurry": {3 * time.Second, func(c *gennostr.Client, cancel context.CancelFunc) error { cancel(); <-c.Done(); return nil },
			[]string{"Terminate"}, 0},
		"after a panic nothing is told": {3 * time.Second, func(c *gennostr.Client, _ context.CancelFunc) error { _ = c.Notify(1); <-c.Done(); return nil },
			[]string{"Terminate"}, 3 * time.Second},
	} {
		bubble(t, func(t *testing.T) {
			var told []string
			h, pay := payment(c.took, &told)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			client, err := gennostr.Start(ctx, h, quietly(), gennostr.WithShutdownTimeout(10*time.Second))
			require.NoError(t, err)
			require.NoError(t, pay(client, 1))
			require.NoError(t, pay(client, 2))
			synctest.Wait()
			began := time.Now()
			require.NoError(t, c.end(client, cancel), name)
			assert.ElementsMatch(t, c.want, told, name)
			assert.Equal(t, "Terminate", told[len(told)-1], name)
			assert.Equal(t, c.dur, time.Since(began), name)
		})
	}
}

// What goes wrong in a Then at the end is a failure of the client's.
func TestAPanicInAThenAtTheEndIsTheReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, fault := range []func(){func() { panic("then") }, runtime.Goexit} {
			var told int
			b := newBot(nil)
			b.On = func(self *gennostr.Self, n note) error {
				if n.Name == "HandleCast" {
					for range 3 {
						gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil },
							func(int, error) error { told++; fault(); return nil })
					}
				}
				return nil
			}
			client, err := gennostr.Start(t.Context(), b, quietly())
			require.NoError(t, err)
			require.NoError(t, client.Cast(nil))
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			var panicked *gennostr.PanicError
			require.ErrorAs(t, client.Wait(), &panicked)
			assert.Equal(t, 1, told, "and no other one after it")
			assert.Len(t, b.Named("Terminate"), 1)
		}
	})
}

// strfry and others drop what they have not dealt with when the connection ends.
// Shows D05.
func TestStopWaitsForTheOKsOfWhatItHasSent(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		for _, note := range textNotes(20) {
			require.NoError(t, s.Client.Send(stageURL, gennostr.PublishEvent{Event: note}))
		}
		began := time.Now()
		require.NoError(t, s.Client.Stop(t.Context()))
		assert.Len(t, s.Relay.Events(), 20)
		assert.Equal(t, 2*time.Second, time.Since(began), "the relay was slow")
	}, nostrtest.WithFaults(nostrtest.LateOK(2*time.Second)))
}

func BenchmarkPut(b *testing.B) {
	h := newBot(nil)
	h.On = func(self *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			q := gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: func(context.Context, int) error { return nil }})
			b.ResetTimer()
			for b.Loop() {
				_ = q.Put(1)
			}
		}
		return nil
	}
	client := start(b, h)
	_ = client.Cast(nil)
	_ = client.Stop(context.Background())
}
