package gennostr_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Ends of clients with queues that once went wrong.

// waitsForItsContext is work that only its context ends.
func waitsForItsContext(ctx context.Context, _ int) error { <-ctx.Done(); return context.Cause(ctx) }

// It is closed from the beginning: nobody would ever work for it.
func TestAQueueThatIsMadeTooLateTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late []error
		b := newBot(nil)
		b.On = func(self *gennostr.Self, n note) error {
			if n.Name == "Terminate" {
				q := gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: waitsForItsContext})
				late = append(late, q.Put(1))
			}
			return nil
		}
		require.NoError(t, start(t, b).Stop(t.Context()))
		require.Len(t, late, 1)
		assert.ErrorIs(t, late[0], gennostr.ErrClientClosed)
	})
}

// A Then that ends its goroutine, or takes until the deadline is over, does not
// keep others' work from being cancelled: Done would stay open for ever.
func TestWorkIsCancelledWhateverAThenDoesAtTheEnd(t *testing.T) {
	for name, then := range map[string]func(){
		"it ends its goroutine":       runtime.Goexit,
		"it takes more than there is": func() { time.Sleep(time.Minute) },
	} {
		for range 10 { // it was a matter of luck
			bubble(t, func(t *testing.T) {
				b := newBot(nil)
				b.On = func(self *gennostr.Self, n note) error {
					if n.Name != "Init" {
						return nil
					}
					q := gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: waitsForItsContext})
					gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil },
						func(int, error) error { then(); return nil })
					return q.Put(1)
				}
				client, err := gennostr.Start(t.Context(), b, quietly(), gennostr.WithShutdownTimeout(10*time.Second))
				require.NoError(t, err)
				synctest.Wait()
				go func() { _ = client.Stop(context.Background()) }() // ends with the client
				time.Sleep(time.Hour)
				synctest.Wait()
				if !closed(client.Done()) {
					panic("Done stays open when " + name) // the bubble would never end
				}
			})
		}
	}
}

// A callback that does not end does not keep work from learning that time is over.
func TestWorkIsCancelledAtTheDeadlineOfABlockedHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		var ended time.Duration
		began := time.Now()
		b := newBot(nil)
		b.On = func(self *gennostr.Self, n note) error {
			switch n.Name {
			case "Init":
				return gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: func(ctx context.Context, _ int) error {
					<-ctx.Done()
					ended = time.Since(began)
					return nil
				}}).Put(1)
			case "HandleCast":
				<-gate
			}
			return nil
		}
		client := start(t, b, quietly(), gennostr.WithShutdownTimeout(10*time.Second))
		require.NoError(t, client.Cast(nil))
		synctest.Wait()
		var late *gennostr.ShutdownError
		require.ErrorAs(t, client.Stop(t.Context()), &late)
		assert.Equal(t, "HandleCast", late.Running)
		synctest.Wait()
		assert.Equal(t, 10*time.Second, ended)
		close(gate)
		<-client.Done()
	})
}

// An error of Work that happens to be another client's end is an error like any.
func TestWorkThatMeetsAClosedClientIsNotSilent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		other := start(t, nil)
		require.NoError(t, other.Stop(t.Context()))
		b := newBot(nil)
		b.On = func(self *gennostr.Self, n note) error {
			if n.Name == "HandleCast" {
				return gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: func(context.Context, int) error { return other.Cast(1) }}).Put(1)
			}
			return nil
		}
		client := start(t, b)
		require.NoError(t, client.Cast(nil))
		synctest.Wait()
		require.Len(t, b.Named("OnError"), 1)
		assert.ErrorIs(t, reasonOf(t, b.Named("OnError")[0]), gennostr.ErrClientClosed)
	})
}

// Items whose Then will not run are let go.
func TestAfterAPanicTheWindowsAreEmpty(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL)
		relay.Publish(unproven(30)...)
		h := &queuer{config: gennostr.QueueConfig[job]{Workers: 2, Work: func(ctx context.Context, _ job) error { <-ctx.Done(); return nil }}}
		h.On = func(_ *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				panic("overboard")
			}
			return nil
		}
		client, err := gennostr.Start(t.Context(), h, over(network, quietly(), gennostr.WithTrustedRelay(), gennostr.WithRelays(stageURL), gennostr.WithMailboxWindow(10, 1<<20))...)
		require.NoError(t, err)
		synctest.Wait()
		waiting, _ := gennostr.Reserved(client)
		assert.NotZero(t, waiting)
		require.NoError(t, client.Notify("now"))
		var panicked *gennostr.PanicError
		assert.True(t, errors.As(client.Wait(), &panicked))
		waiting, inHand := gennostr.Reserved(client)
		assert.Zero(t, waiting+inHand)
	})
}
