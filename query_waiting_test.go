package gennostr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// asker asks once, in a way of the test's, when its first event comes.
type asker struct {
	gennostr.BaseHandler
	ask  func(*gennostr.Self) error
	seen int
}

func (a *asker) Init(self *gennostr.Self) error {
	return self.Subscribe("all", []nostr.Filter{ofKind(1)})
}

func (a *asker) OnEvent(self *gennostr.Self, _ gennostr.Relay, _ gennostr.EventMessage) error {
	if a.seen++; a.seen == 1 {
		return a.ask(self)
	}
	return nil
}

// The answer to a query stands behind events that nobody has handled: it comes all the same.
// Shows L27, D09.
func TestAQueryInsideACallbackWithFiveThousandEventsWaiting(t *testing.T) {
	wanted := madeUp(9_999, 800_000_000, 30_078)
	filter := nostr.Filter{IDs: []nostr.ID{wanted.ID}}
	for name, ask := range map[string]func(*gennostr.Self, chan error) error{
		"waited for in the callback itself": func(self *gennostr.Self, found chan error) error {
			time.Sleep(time.Second) // 5,000 events come
			_, err := self.Client().FetchOne(self.Context(), filter)
			found <- err
			return nil
		},
		"from a task, while the loop is blocked": func(self *gennostr.Self, found chan error) error {
			time.Sleep(time.Second)
			gennostr.Go(self, func(ctx context.Context) (*nostr.Event, error) {
				e, err := self.Client().FetchOne(ctx, filter)
				found <- err
				return e, err
			}, func(*nostr.Event, error) error { return nil })
			time.Sleep(time.Second)
			return nil
		},
		"with a continuation": func(self *gennostr.Self, found chan error) error {
			time.Sleep(time.Second)
			self.Query([]nostr.Filter{filter}, func(r gennostr.QueryReport) error {
				if err := r.Err(); err != nil || len(r.Events) == 1 {
					found <- err
				}
				return nil
			})
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA)
				relay.Publish(append(stored(5_000), wanted)...)
				found := make(chan error, 1)
				h := &asker{ask: func(self *gennostr.Self) error { return ask(self, found) }}
				client := start(t, h, over(network, quietly(), gennostr.WithTrustedRelay(), gennostr.WithRelays(relayA))...)
				require.NoError(t, within(t, "the answer", found))
				synctest.Wait()
				require.NoError(t, client.Stop(t.Context()))
				assert.Equal(t, 5_000, h.seen)
			})
		})
	}
}

// Where more waits than may, whoever asks is told, long before the deadline.
// Shows L27, D09.
func TestAnAnswerBehindTooMuchIsABacklog(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithSendBuffer(0))
		relay.Publish(stored(5_000)...)
		free := make(chan struct{})
		h := &asker{ask: func(*gennostr.Self) error { <-free; return nil }}
		client := start(t, h, over(network, quietly(), gennostr.WithTrustedRelay(), gennostr.WithRelays(relayA), gennostr.WithMailboxWindow(100, 20_000))...)
		time.Sleep(time.Second)
		began := time.Now()
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(7)})
		require.ErrorIs(t, err, gennostr.ErrBacklog)
		require.ErrorIs(t, report.Relays[0].Err, gennostr.ErrBacklog)
		assert.Less(t, time.Since(began), 5*time.Second)
		close(free)
		synctest.Wait()
		_, err = client.Fetch(t.Context(), []nostr.Filter{ofKind(7)})
		require.NoError(t, err)
	})
}

func TestSelfQueryEndsBeforeTerminate(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("REQ")))
		var order []string
		h := &ender{terminated: func() { order = append(order, "Terminate") }}
		client := start(t, h, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		h.then = func(r gennostr.QueryReport) error {
			assert.ErrorIs(t, r.Err(), gennostr.ErrClientClosed)
			order = append(order, "then")
			return nil
		}
		require.NoError(t, client.Notify("ask"))
		time.Sleep(time.Second)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []string{"then", "Terminate"}, order)
	})
}

type ender struct {
	gennostr.BaseHandler
	then       func(gennostr.QueryReport) error
	terminated func()
}

func (h *ender) HandleInfo(self *gennostr.Self, _ any) error {
	self.Query([]nostr.Filter{ofKind(1)}, h.then)
	return nil
}

func (h *ender) Terminate(*gennostr.Self, error) { h.terminated() }

// In Init, before the relays of WithRelays are there, a query is as good as later.
func TestAQueryOfInitAsksTheRelays(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA).Publish(stored(3)...)
		got := make(chan gennostr.QueryReport, 1)
		h := &opener{then: func(r gennostr.QueryReport) error { got <- r; return nil }}
		start(t, h, over(network, quietly(), gennostr.WithTrustedRelay(), gennostr.WithRelays(relayA))...)
		report := within(t, "the report", got)
		require.NoError(t, report.Err())
		assert.Len(t, report.Events, 3)
	})
}

type opener struct {
	gennostr.BaseHandler
	then func(gennostr.QueryReport) error
}

func (h *opener) Init(self *gennostr.Self) error {
	self.Query([]nostr.Filter{ofKind(1)}, h.then)
	return nil
}

// A Harness plays the relay, and its clock is the deadline's.
func TestAQueryUnderAHarness(t *testing.T) {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(relayA), quietly())
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(relayA))
	var reports []gennostr.QueryReport
	ask := func(opts ...gennostr.QueryOption) []gennostr.Req {
		require.NoError(t, h.Run(func(self *gennostr.Self) error {
			self.Query([]nostr.Filter{ofKind(nostr.KindTextNote)}, func(r gennostr.QueryReport) error {
				reports = append(reports, r)
				return nil
			}, opts...)
			return nil
		}))
		return h.Subscribed(relayA)
	}
	reqs := ask()
	require.Len(t, reqs, 1)
	e := textNotes(1)[0]
	require.NoError(t, h.Deliver(relayA, gennostr.EventMessage{SubscriptionID: reqs[0].SubscriptionID, Event: e}))
	require.NoError(t, h.Deliver(relayA, gennostr.EOSEMessage{SubscriptionID: reqs[0].SubscriptionID}))
	require.Len(t, reports, 1)
	require.NoError(t, reports[0].Err())
	assert.Equal(t, e.ID, reports[0].Events[0].ID)

	require.Len(t, ask(), 1)
	require.NoError(t, h.Advance(9*time.Second))
	require.Len(t, reports, 1)
	require.NoError(t, h.Advance(time.Second))
	require.Len(t, reports, 2)
	require.ErrorIs(t, reports[1].Err(), context.DeadlineExceeded)
	assert.Empty(t, h.Subscribed(relayA))

	reqs = ask()
	require.NoError(t, h.Deliver(relayA, gennostr.ClosedMessage{SubscriptionID: reqs[0].SubscriptionID, Message: "blocked: no"}))
	require.Len(t, reports, 3)
	var refused *gennostr.RefusedError
	require.ErrorAs(t, reports[2].Err(), &refused)

	ask(gennostr.On("wss://guest.example"))
	require.NoError(t, h.FailDial("wss://guest.example", assert.AnError))
	require.Len(t, reports, 4)
	require.ErrorIs(t, reports[3].Err(), assert.AnError)
	assert.Zero(t, gennostr.OpenQueries(h.Client()))
}
