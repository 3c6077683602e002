package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// What is begun is accounted for until it ends: each item of a queue has one Then,
// each message gives its room back, and no work outlives the stop that has told it
// to end.

// queueOf gives a bot a queue, which is fed by Cast.
func queueOf[T any](b *bot, cfg gennostr.QueueConfig[T]) *bot {
	var q *gennostr.Queue[T]
	on := b.On
	b.On = func(self *gennostr.Self, n note) error {
		if n.Name == "Init" {
			q = gennostr.NewQueue(self, cfg)
		}
		if v, ok := n.Msg.(T); ok && n.Name == "HandleCast" {
			return q.Put(v)
		}
		if on == nil {
			return nil
		}
		return on(self, n)
	}
	return b
}

// untilTold works until its context ends, or for a day.
func untilTold(ctx context.Context, _ string) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(24 * time.Hour):
		return nil
	}
}

// However a stop comes to its end, work that goes by its context ends with it.
// Shows D05.
func TestNoWorkOutlivesTheDeadline(t *testing.T) {
	then := func(_ *gennostr.Self, what string, err error) error {
		switch what {
		case "sleep":
			time.Sleep(time.Minute)
		case "exit":
			runtime.Goexit()
		}
		return nil
	}
	for name, what := range map[string]string{"a Then runs beyond the deadline": "sleep", "a Then ends its goroutine": "exit"} {
		t.Run(name, func(t *testing.T) {
			for range 8 { // the runtime chooses between two that are ready
				bubble(t, func(t *testing.T) {
					b := queueOf(newBot(nil), gennostr.QueueConfig[string]{Workers: 2, Then: then, Work: func(ctx context.Context, s string) error {
						if s == what { // ends after the stop has begun
							time.Sleep(time.Second)
							return nil
						}
						return untilTold(ctx, s)
					}})
					client, err := gennostr.Start(t.Context(), b, gennostr.WithShutdownTimeout(10*time.Second))
					require.NoError(t, err)
					require.NoError(t, client.Cast("work"))
					require.NoError(t, client.Cast(what))
					synctest.Wait()
					began := time.Now()
					_ = client.Stop(t.Context())
					<-client.Done()
					assert.Less(t, time.Since(began), 2*time.Minute)
				})
			}
		})
	}
	t.Run("Stop is in a hurry", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			var told error
			b := queueOf(newBot(nil), gennostr.QueueConfig[string]{Work: untilTold,
				Then: func(_ *gennostr.Self, _ string, err error) error { told = err; return nil }})
			client := start(t, b, gennostr.WithShutdownTimeout(10*time.Second))
			require.NoError(t, client.Cast("work"))
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			assert.NoError(t, client.Stop(ctx))
			assert.Less(t, time.Since(began), 2*time.Second)
			assert.ErrorIs(t, told, context.Canceled, "and its Then was told")
		})
	})
}

// What has not begun is told behind what has: Then keeps the order of a key to the end.
func TestThenKeepsTheOrderOfAKeyAtTheStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told []string
		b := queueOf(newBot(nil), gennostr.QueueConfig[string]{
			Key:  func(string) string { return "" },
			Work: func(context.Context, string) error { time.Sleep(time.Second); return nil },
			Then: func(_ *gennostr.Self, what string, err error) error {
				assert.Equal(t, what != "a", errors.Is(err, gennostr.ErrClientClosed))
				told = append(told, what)
				return nil
			},
		})
		client := start(t, b)
		for _, what := range []string{"a", "b", "c"} {
			require.NoError(t, client.Cast(what))
		}
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []string{"a", "b", "c"}, told)
	})
}

// What has ended by the deadline is told, also if another Then has kept it waiting.
func TestAThenThatTakesLongCostsNoOther(t *testing.T) {
	for range 8 { // the runtime chooses between those that are ready
		bubble(t, func(t *testing.T) {
			told := map[string]bool{}
			b := queueOf(newBot(nil), gennostr.QueueConfig[time.Duration]{
				Work: func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil },
				Then: func(_ *gennostr.Self, d time.Duration, err error) error {
					told[d.String()] = err == nil
					if d == time.Second {
						time.Sleep(time.Minute)
					}
					return nil
				},
			})
			client, err := gennostr.Start(t.Context(), b)
			require.NoError(t, err)
			require.NoError(t, client.Cast(time.Second))
			require.NoError(t, client.Cast(2*time.Second))
			synctest.Wait()
			_ = client.Stop(t.Context())
			<-client.Done()
			assert.Equal(t, map[string]bool{"1s": true, "2s": true}, told)
		})
	}
}

// No Then runs once Start's context has ended, also if that is during a stop.
func TestNoThenAfterTheEndOfTheContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := queueOf(newBot(nil), gennostr.QueueConfig[string]{Work: untilTold,
			Then: func(*gennostr.Self, string, error) error { assert.Fail(t, "it runs"); return nil }})
		client, err := gennostr.Start(ctx, b)
		require.NoError(t, err)
		require.NoError(t, client.Cast("work"))
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- client.Stop(context.WithoutCancel(ctx)) }()
		synctest.Wait()
		cancel()
		assert.NoError(t, <-stopped)
	})
}

// A queue that is made while the client stops takes nothing.
func TestAQueueThatIsMadeTooLateIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var put []error
		late := func(self *gennostr.Self) error {
			q := gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: func(context.Context, int) error { return nil }})
			put = append(put, q.Put(1))
			return nil
		}
		b := queueOf(newBot(nil), gennostr.QueueConfig[string]{Work: untilTold,
			Then: func(self *gennostr.Self, _ string, _ error) error { return late(self) }})
		client := start(t, &terminator{bot: b, terminate: func(self *gennostr.Self) { _ = late(self) }})
		require.NoError(t, client.Cast("work"))
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		require.Len(t, put, 2)
		assert.ErrorIs(t, put[0], gennostr.ErrClientClosed, "in a Then")
		assert.ErrorIs(t, put[1], gennostr.ErrClientClosed, "in Terminate")
	})
}

type terminator struct {
	*bot
	terminate func(*gennostr.Self)
}

func (h *terminator) Terminate(self *gennostr.Self, _ error) { h.terminate(self) }

// Work may fail because some other client has stopped, which is a failure like any other.
func TestWorkThatFailsOfAClosedClientIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBot(nil)
		client := start(t, queueOf(b, gennostr.QueueConfig[string]{Work: func(context.Context, string) error {
			return fmt.Errorf("the other one: %w", gennostr.ErrClientClosed)
		}}))
		require.NoError(t, client.Cast("work"))
		synctest.Wait()
		require.Len(t, b.Named("OnError"), 1)
		assert.ErrorContains(t, reasonOf(t, b.Named("OnError")[0]), "the other one")
	})
}

// brokenError is a program's, with the usual mistake: it is a nil pointer.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }
func (e *brokenError) As(any) bool   { return e.text == "" }

// Of what is not told any more only panics are looked for, and by no method of the error's.
func TestABrokenErrorOfWorkEndsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := queueOf(newBot(nil), gennostr.QueueConfig[string]{Work: func(ctx context.Context, what string) error {
			<-ctx.Done()
			return (*brokenError)(nil)
		}})
		client, err := gennostr.Start(ctx, b)
		require.NoError(t, err)
		require.NoError(t, client.Cast("work"))
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, client.Wait(), context.Canceled)
	})
}

// What is put from outside is bounded until it has been dealt with: work may be
// quick where the client's goroutine is not.
// Shows B13.
func TestItemsThatHoldNothingAreBoundedUntilTheirThen(t *testing.T) {
	const limit, workers = 10, 2
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		done := 0
		var q *gennostr.Queue[int]
		b := newBot(func(self *gennostr.Self, n note) error {
			switch n.Name {
			case "Init":
				q = gennostr.NewQueue(self, gennostr.QueueConfig[int]{Limit: limit, Workers: workers,
					Work: func(context.Context, int) error { return nil },
					Then: func(*gennostr.Self, int, error) error { done++; return nil }})
			case "HandleCast":
				<-gate
			}
			return nil
		})
		client := start(t, b)
		require.NoError(t, client.Cast("sleep"))
		taken := 0
		for range 100 {
			if err := q.Put(1); err == nil {
				taken++
			} else {
				assert.ErrorIs(t, err, gennostr.ErrQueueFull)
			}
			synctest.Wait()
		}
		assert.LessOrEqual(t, taken, limit+workers)
		close(gate)
		synctest.Wait()
		assert.Equal(t, taken, done)
		assert.NoError(t, q.Put(1))
	})
}

// Messages that are held for long one after another are not a line each.
func TestHoldsOfABusyBotAreOneLineInAWhile(t *testing.T) {
	var log journal
	var releases []func()
	hold := func(self *gennostr.Self, n note) error {
		if n.Name == "OnNotice" {
			releases = append(releases, self.Hold())
		}
		return nil
	}
	onStage(t, hold, func(t *testing.T, s stage) {
		for range 1_000 {
			s.Inject(t, `["NOTICE","a"]`)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, releases, 1_000)
		assert.NotEmpty(t, log.Lines("WARN"))
		assert.LessOrEqual(t, len(log.Lines("WARN")), 10, "in 20 s")
		for _, release := range releases {
			release()
		}
	}, gennostr.WithSlowCallback(10*time.Second), log.Option())
}

func TestTheHarnessHoldsInInit(t *testing.T) {
	b := newBot(func(self *gennostr.Self, n note) error {
		if n.Name == "Init" {
			self.Hold()()
		}
		return nil
	})
	h, err := gennostr.NewHarness(b)
	require.NoError(t, err, "as in life: there is nothing to hold")
	require.NoError(t, h.Stop())
}

// In life the relay is slowed down. Nobody waits for the relay of a Harness but the test itself.
func TestTheHarnessDoesNotWaitForRoom(t *testing.T) {
	var release func()
	b := newBot(func(self *gennostr.Self, n note) error {
		if n.Name == "OnNotice" {
			release = self.Hold()
		}
		return nil
	})
	h, err := gennostr.NewHarness(b, gennostr.WithRelays(stageURL), gennostr.WithMailboxWindow(1, 1<<20))
	require.NoError(t, err)
	require.NoError(t, h.Connect(stageURL))
	notice := gennostr.NoticeMessage{Message: "a"}
	require.NoError(t, h.Deliver(stageURL, notice))
	got := make(chan error, 1)
	go func() { got <- h.Deliver(stageURL, notice) }()
	assert.ErrorContains(t, within(t, "the answer, without room", got), "held")
	release()
	require.NoError(t, h.Deliver(stageURL, notice))
	release()
	require.NoError(t, h.Stop())
	assert.Len(t, b.Named("OnNotice"), 2)
}

func TestAQueueIsNamedAfterItsType(t *testing.T) {
	client := start(t, queueOf(newBot(nil), gennostr.QueueConfig[io.Reader]{Work: func(context.Context, io.Reader) error { return errors.ErrUnsupported }}))
	assert.Equal(t, "io.Reader", client.Stats().Queues[0].Name)
}

// Whatever happens to connections, relays and the client while messages wait, are
// held and are worked on: in the end all accounts are even, and each item had its Then.
func TestAllAccountsAreEvenInTheEnd(t *testing.T) {
	for seed := range uint64(kit.Sized(6, 2)) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			random := rand.New(rand.NewPCG(seed, 1))
			var urls []string
			var relays []*nostrtest.Relay
			events := unproven(400)
			for _, e := range events[:100] {
				e.Content += strings.Repeat("x", 20<<10) // long ones, and many tags
			}
			for i := range 6 {
				urls = append(urls, fmt.Sprintf("wss://r%d.example/", i))
				relays = append(relays, network.NewRelay(urls[i]))
				relays[i].Publish(events...)
			}
			var mu sync.Mutex
			var held []func()
			dice := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			begun, told := 0, 0
			release := func(n int) {
				mu.Lock()
				list := held[:min(n, len(held))]
				held = held[len(list):]
				mu.Unlock()
				for _, f := range list {
					f()
				}
			}
			h := &queuer{}
			h.config = gennostr.QueueConfig[job]{
				Workers: 4, Key: func(m job) string { return m.Event.Content[:1] },
				Work: func(_ context.Context, m job) error {
					time.Sleep(time.Duration(dice(50)) * time.Millisecond)
					return nil
				},
				Then: func(*gennostr.Self, job, error) error { told++; return nil },
			}
			client := start(t, &juggler{queuer: h, hold: func(self *gennostr.Self, m job) error {
				switch dice(4) {
				case 0:
					mu.Lock()
					defer mu.Unlock()
					held = append(held, self.Hold())
				case 1:
					f := self.Hold()
					go f()
				case 2:
					begun++
					return h.queue.Put(m)
				}
				return nil
			}}, over(network, gennostr.WithTrustedRelay(), gennostr.WithRelays(urls...), gennostr.WithMailboxWindow(10, 64<<10),
				gennostr.WithMailboxBudget(256<<10), gennostr.WithReconnectSchedule(10*time.Millisecond), gennostr.WithShutdownTimeout(time.Minute))...)
			for range 200 {
				url := urls[dice(len(urls))]
				switch dice(7) {
				case 0:
					relays[slices.Index(urls, url)].DisconnectAll()
				case 1:
					_ = client.RemoveRelay(url)
				case 2:
					_, _ = client.EnsureRelay(url, gennostr.WithMailboxWindow(1+dice(10), 64<<10))
				case 3:
					_ = client.Send(url, gennostr.PublishEvent{Event: textNotes(1)[0]}) // lifts the window
				case 4:
					_ = client.Broadcast(everything("all"))
				default:
					release(dice(50))
				}
				time.Sleep(time.Duration(dice(20)) * time.Millisecond)
			}
			require.NoError(t, client.Stop(t.Context()))
			release(math.MaxInt)
			synctest.Wait()
			waiting, inHand := gennostr.Reserved(client)
			assert.Zero(t, waiting, seed)
			assert.Zero(t, inHand, seed)
			assert.Equal(t, begun, told, seed)
			assert.NotZero(t, told, seed)
			assert.Zero(t, client.Stats().Holds)
		})
	}
}

// juggler decides for each event anew.
type juggler struct {
	*queuer
	hold func(*gennostr.Self, job) error
}

func (h *juggler) OnEvent(self *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	return h.hold(self, msg)
}

// A relay that does not answer an event is not waited for all its life: its window
// is the one that was asked for again, and a stop does not wait for what is long over.
func TestAnOKThatDoesNotComeIsNotWaitedForForEver(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL, nostrtest.WithFaults(nostrtest.NoOK()))
		relay.Publish(unproven(500)...)
		var l ledger
		h := &queuer{config: l.config(1000 * time.Hour)}
		h.config.Workers = 1
		client := start(t, h, over(network, gennostr.WithTrustedRelay(), gennostr.WithMailboxWindow(50, 1<<20))...)
		require.NoError(t, client.AddRelay(stageURL))
		require.NoError(t, client.Ready(t.Context(), 1))
		note := textNotes(1)[0]
		require.NoError(t, client.Send(stageURL, gennostr.Close{SubscriptionID: "all"}))
		require.NoError(t, client.Send(stageURL, gennostr.PublishEvent{Event: note}))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		status, _ := client.Relay(stageURL)
		before := status.Traffic.Undelivered
		require.NoError(t, client.Send(stageURL, everything("all")))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		status, _ = client.Relay(stageURL)
		assert.LessOrEqual(t, status.Traffic.Undelivered, max(50, before))
	})
}

func TestAStopDoesNotWaitForWhatWasNotAnsweredLongAgo(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		s.Send(t, gennostr.PublishEvent{Event: textNotes(1)[0]})
		time.Sleep(5 * time.Minute)
		began := time.Now()
		require.NoError(t, s.Client.Stop(t.Context()))
		assert.Less(t, time.Since(began), time.Second)
	}, nostrtest.WithFaults(nostrtest.NoOK()))
}

// The report of one reason does not wait for that of another.
func TestAReportIsNotPutOffByAnother(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s stage) {
		malformed, unsolicited := `["WHAT`, `["EOSE","never asked"]`
		for _, frame := range []string{malformed, malformed, "", unsolicited, unsolicited} {
			if frame == "" {
				time.Sleep(900 * time.Millisecond)
				continue
			}
			s.Inject(t, frame)
		}
		count := func(reason error) (n int) {
			for _, n1 := range s.Named("OnError") {
				var reject *gennostr.RejectError
				if errors.As(reasonOf(t, n1), &reject) && errors.Is(reject, reason) {
					n += reject.Count
				}
			}
			return n
		}
		assert.Equal(t, 1, count(gennostr.ErrMalformed))
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 2, count(gennostr.ErrMalformed), "a second after the first")
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, 2, count(gennostr.ErrUnsolicited))
	})
}
