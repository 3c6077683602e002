package conformance_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// Task.async (R58).
var conformanceTasks = []row{
	{"R58", "Go: the result, or the panic as an error, on the client's goroutine; bounded, cancelled and joined", testR58},
}

// result is what a then has got.
type result struct {
	value   string
	err     error
	routine string
	at      time.Duration
}

// worker starts a task for every cast, whose request is its work, and notes
// what came of it.
type worker struct {
	*kit.Bot
	began   time.Time
	results []result
	answer  error // what then returns
}

type work = func(context.Context) (string, error)

func newWorker() *worker {
	h := &worker{began: time.Now()}
	h.Bot = kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "HandleCast" {
			gennostr.Go(self, n.Msg.(work), func(value string, err error) error {
				h.results = append(h.results, result{value, err, goroutine(), time.Since(h.began)})
				return h.answer
			})
		}
		if n.Name == "HandleInfo" {
			*n.Msg.(*string) = goroutine()
		}
		return nil
	})
	return h
}

// ending is a context in the middle of its end: it says so, and those that were made
// from it are not told yet.
type ending struct {
	context.Context
	ended atomic.Bool
	done  chan struct{}
}

func (e *ending) Done() <-chan struct{} { return e.done }

func (e *ending) Err() error {
	if e.ended.Load() {
		return context.Canceled
	}
	return nil
}

func after(d time.Duration, value string) work {
	return func(context.Context) (string, error) {
		time.Sleep(d)
		return value, nil
	}
}

func values(results []result) (list []string) {
	for _, r := range results {
		list = append(list, r.value)
	}
	return list
}

func testR58(t *testing.T) {
	s := time.Second
	broken := errors.New("broken")
	t.Run("results", func(t *testing.T) {
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			client := kit.Start(t, h)
			var loop string
			require.NoError(t, client.Notify(&loop))
			require.NoError(t, client.Cast(after(3*s, "slow")))
			require.NoError(t, client.Cast(after(s, "fast")))
			require.NoError(t, client.Cast(func(context.Context) (string, error) {
				time.Sleep(2 * s)
				return "partial", broken
			}))
			synctest.Wait()
			assert.Equal(t, 3, client.Stats().Tasks)
			assert.Empty(t, client.Stats().Callback, "the loop is free meanwhile")
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, []result{
				{"fast", nil, loop, s}, {"partial", broken, loop, 2 * s}, {"slow", nil, loop, 3 * s},
			}, h.results)
			assert.Zero(t, client.Stats().Tasks)
		})
	})
	t.Run("panic", func(t *testing.T) {
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			client := kit.Start(t, h)
			require.NoError(t, client.Cast(func(context.Context) (string, error) { panic(broken) }))
			require.NoError(t, client.Cast(func(context.Context) (string, error) { runtime.Goexit(); return "", nil }))
			synctest.Wait()
			require.Len(t, h.results, 2)
			var panicked *gennostr.PanicError
			for _, r := range h.results {
				require.ErrorAs(t, r.err, &panicked)
				assert.Equal(t, "task", panicked.Where)
				if errors.Is(r.err, broken) {
					assert.Contains(t, string(panicked.Stack), "testR58")
				} else {
					assert.ErrorContains(t, r.err, "runtime.Goexit")
				}
			}
			assert.False(t, kit.Closed(client.Done()))

			h.answer = h.results[0].err // passed on, it is a report like any other
			if !errors.Is(h.answer, broken) {
				h.answer = h.results[1].err // the two tasks ended in either order
			}
			require.NoError(t, client.Cast(after(0, "")))
			synctest.Wait()
			assert.False(t, kit.Closed(client.Done()))
			require.Len(t, h.Named("OnError"), 1)
			assert.ErrorIs(t, kit.ReasonOf(t, h.Named("OnError")[0]), broken)
		})
	})
	t.Run("stop by then", func(t *testing.T) {
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			h.answer = gennostr.Stop(broken)
			client := kit.Launch(t, h, kit.Quietly())
			require.NoError(t, client.Cast(after(s, "")))
			assert.Equal(t, broken, client.Wait())
		})
	})
	t.Run("limit", func(t *testing.T) {
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			client := kit.Start(t, h, gennostr.WithMaxTasks(2))
			for range 4 {
				require.NoError(t, client.Cast(after(s, "")))
			}
			time.Sleep(2 * s)
			synctest.Wait()
			require.Len(t, h.results, 4)
			for i, r := range h.results {
				if i < 2 {
					assert.Equal(t, gennostr.ErrTooManyTasks, r.err)
					assert.Zero(t, r.at, "told at once")
				} else {
					assert.NoError(t, r.err)
					assert.Equal(t, s, r.at)
				}
			}
			require.NoError(t, client.Cast(after(s, "there is room again")))
			time.Sleep(2 * s)
			synctest.Wait()
			require.Len(t, h.results, 5)
			assert.Equal(t, "there is room again", h.results[4].value)
			assert.NoError(t, h.results[4].err)
		})
	})
	t.Run("joined", func(t *testing.T) {
		for name, end := range map[string]func(client *gennostr.Client, cancel context.CancelFunc){
			"Stop": func(client *gennostr.Client, _ context.CancelFunc) {
				assert.NoError(t, client.Stop(context.Background()))
			},
			"cancelled": func(_ *gennostr.Client, cancel context.CancelFunc) { cancel() },
		} {
			kit.Bubble(t, func(t *testing.T) {
				h := newWorker()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				client, err := gennostr.Start(ctx, h)
				require.NoError(t, err)
				ended, cleaned := false, false
				require.NoError(t, client.Cast(func(ctx context.Context) (string, error) {
					<-ctx.Done()
					ended = true
					time.Sleep(2 * s) // it cleans up
					assert.ErrorIs(t, client.Cast(nil), gennostr.ErrClientClosed, "and may use the client")
					cleaned = true
					return "too late", nil
				}))
				synctest.Wait()
				assert.False(t, ended, "%s: its context lives with the client", name)
				began := time.Now()
				terminating := time.Duration(0)
				h.On = func(_ *gennostr.Self, n kit.Note) error {
					if n.Name == "Terminate" {
						terminating = time.Since(began)
						assert.True(t, cleaned, "%s: joined before Terminate", name)
					}
					return nil
				}
				end(client, cancel)
				<-client.Done()
				assert.Equal(t, 2*s, terminating, name)
				assert.Equal(t, 2*s, time.Since(began), name)
				if name == "Stop" { // what was done is told, before Terminate
					assert.Equal(t, []string{"too late"}, values(h.results))
				} else {
					assert.Empty(t, h.results, "%s: no then for a client in a hurry", name)
				}
			})
		}
	})
	t.Run("panic at the end", func(t *testing.T) { // nobody is told in a hurry: the log is
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			var logged kit.Journal
			ctx, cancel := context.WithCancel(t.Context())
			client, err := gennostr.Start(ctx, h, logged.Option())
			require.NoError(t, err)
			require.NoError(t, client.Cast(func(ctx context.Context) (string, error) { <-ctx.Done(); panic("too late") }))
			synctest.Wait()
			cancel()
			<-client.Done()
			assert.Empty(t, h.results)
			require.Len(t, logged.Lines("ERROR"), 1)
			assert.Contains(t, logged.Lines("ERROR")[0], "panic in task: too late")
		})
	})
	t.Run("Start's context ends first", func(t *testing.T) { // and what comes of it is not told, however soon
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			ctx := &ending{Context: t.Context(), done: make(chan struct{})}
			client, err := gennostr.Start(ctx, h)
			require.NoError(t, err)
			noticed := make(chan struct{})
			require.NoError(t, client.Cast(func(context.Context) (string, error) { <-noticed; return "too late", nil }))
			synctest.Wait()
			ctx.ended.Store(true)
			close(noticed) // the work has a context of its own from that one, say, which was told before the client's
			synctest.Wait()
			close(ctx.done)
			<-client.Done()
			assert.Empty(t, h.results)
			assert.ErrorIs(t, client.Wait(), context.Canceled)
		})
	})
	t.Run("continue at the end", func(t *testing.T) {
		kit.Bubble(t, func(t *testing.T) {
			ctx := &ending{Context: t.Context(), done: make(chan struct{})}
			h := kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "HandleInfo" { // which has waited for a context of its own, say, that is told before the client's
					ctx.ended.Store(true)
					self.Continue("too late")
				}
				return nil
			})
			client, err := gennostr.Start(ctx, h)
			require.NoError(t, err)
			require.NoError(t, client.Notify("wait"))
			synctest.Wait()
			close(ctx.done)
			<-client.Done()
			assert.Len(t, h.Named("HandleInfo"), 1)
			assert.Empty(t, h.Named("HandleContinue"))
			assert.ErrorIs(t, client.Wait(), context.Canceled)
		})
	})
	t.Run("again", func(t *testing.T) { // a task that has told its result has made room for the next
		kit.Bubble(t, func(t *testing.T) {
			const chain = 2_000
			done := make(chan error, 1)
			var next func(self *gennostr.Self, n int)
			next = func(self *gennostr.Self, n int) {
				gennostr.Go(self, func(context.Context) (int, error) { return n, nil }, func(n int, err error) error {
					switch {
					case err != nil || n == chain:
						done <- err
					default:
						next(self, n+1)
					}
					return nil
				})
			}
			client := kit.Start(t, kit.NewBot(func(self *gennostr.Self, n kit.Note) error {
				if n.Name == "HandleInfo" {
					next(self, 1)
				}
				return nil
			}), gennostr.WithMaxTasks(1))
			require.NoError(t, client.Notify("go"))
			require.NoError(t, <-done)
		})
	})
	t.Run("named", func(t *testing.T) { // R48: a task that does not end is named
		kit.Bubble(t, func(t *testing.T) {
			h := newWorker()
			client := kit.Launch(t, h)
			require.NoError(t, client.Cast(after(time.Minute, "never mind the context")))
			synctest.Wait()
			began := time.Now()
			err := client.Stop(t.Context())
			var late *gennostr.ShutdownError
			require.ErrorAs(t, err, &late)
			assert.Equal(t, "a task of Go", late.Running)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.InDelta(t, 5, time.Since(began).Seconds(), 0.2)
			assert.Len(t, h.Named("Terminate"), 1, "Terminate does not wait for ever")
			assert.False(t, kit.Closed(client.Done()), "Done does")
			<-client.Done()
			assert.Equal(t, time.Minute, time.Since(began))
			assert.NoError(t, client.Stop(t.Context()))
		})
	})
}
