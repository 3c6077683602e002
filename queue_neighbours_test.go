package gennostr_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A relay whose messages are all held takes nobody's time: what another one brings
// meanwhile is there at once.
// Shows D03.
func TestARelayWhoseMessagesAreHeldDelaysNobody(t *testing.T) {
	const other = "wss://b.example/"
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		held, free := network.NewRelay(stageURL), network.NewRelay(other)
		held.Publish(unproven(5_000)...)
		var l ledger
		h := &queuer{config: l.config(10 * time.Hour)}
		var came []time.Time
		h.On = func(_ *gennostr.Self, n note) error {
			if n.Name == "OnEvent" {
				came = append(came, time.Now())
			}
			return nil
		}
		neighbour := &selective{queuer: h, heldURL: stageURL}
		start(t, neighbour, over(network, gennostr.WithTrustedRelay(), gennostr.WithRelays(stageURL, other), gennostr.WithMailboxWindow(50, 1<<20))...)
		synctest.Wait()
		assert.Equal(t, 50, l.count()+h.queue.Stats().Waiting)
		for i, e := range unproven(1_000) {
			e.ID[0] = 1
			free.Push(e)
			pushed := time.Now()
			synctest.Wait()
			require.Len(t, came, i+1)
			require.Equal(t, pushed, came[i], "no time has passed")
			time.Sleep(time.Second)
		}
		assert.Equal(t, 50, l.count()+h.queue.Stats().Waiting, "all the while")
	})
}

// selective puts what one relay brings, and only notes the others'.
type selective struct {
	*queuer
	heldURL string
}

func (h *selective) OnEvent(self *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	if relay.URL == h.heldURL {
		return h.queue.Put(m)
	}
	return h.Note(self, "OnEvent", relay, m)
}

// neighbour tells when something has come from the relay that is not held.
type neighbour struct {
	gennostr.BaseHandler
	heldURL string
	queue   *gennostr.Queue[job]
	came    chan time.Time
	ready   chan struct{} // a token for each EOSE
}

func (h *neighbour) Init(self *gennostr.Self) error {
	h.queue = gennostr.NewQueue(self, gennostr.QueueConfig[job]{Work: func(ctx context.Context, _ job) error { <-ctx.Done(); return nil }})
	return nil
}

func (h *neighbour) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, everything("all"))
	return nil
}

func (h *neighbour) OnEvent(_ *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	if relay.URL == h.heldURL {
		return h.queue.Put(m)
	}
	h.came <- time.Now()
	return nil
}

func (h *neighbour) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error {
	h.ready <- struct{}{}
	return nil
}

// BenchmarkNeighbourOfAHeldRelay measures how long an event takes from a relay to
// OnEvent, over a socket: in turn for a client that has only this relay, and for
// one that has another one beside it whose messages are all held, 2,048 here and
// thousands at the relay. It takes some thousands of events until the 99th
// percentiles mean something: -benchtime=5000x.
func BenchmarkNeighbourOfAHeldRelay(b *testing.B) {
	held := nostrtest.NewRelay(b)
	held.Publish(unproven(20_000)...)
	heldURL, err := nostr.NormalizeURL(held.URL())
	require.NoError(b, err)
	type side struct {
		relay *nostrtest.Relay
		h     *neighbour
		took  []float64 // µs
	}
	open := func(beside bool) *side {
		s := &side{relay: nostrtest.NewRelay(b), h: &neighbour{heldURL: heldURL, came: make(chan time.Time, 1), ready: make(chan struct{}, 2)}}
		client := start(b, s.h, quietly(), gennostr.WithRelays(s.relay.URL()), gennostr.WithShutdownTimeout(time.Second))
		<-s.h.ready
		if beside {
			require.NoError(b, client.AddRelay(heldURL, gennostr.WithTrustedRelay()))
			for full := 0; full < 2_048; full = client.Stats().Queues[0].Waiting + client.Stats().Queues[0].Running {
				status, _ := client.Relay(heldURL)
				require.LessOrEqual(b, status.Traffic.Undelivered, 2_048)
				<-time.After(time.Millisecond)
			}
		}
		return s
	}
	sides := []*side{open(false), open(true)}
	for i := 0; b.Loop(); i++ {
		note := nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(1), strconv.Itoa(i)) // to be proven by each
		for _, s := range []*side{sides[i%2], sides[1-i%2]} {
			pushed := time.Now()
			s.relay.Push(note)
			s.took = append(s.took, float64((<-s.h.came).Sub(pushed).Nanoseconds())/1e3)
		}
	}
	percentile := func(took []float64, p int) float64 {
		slices.Sort(took)
		return took[min(len(took)*p/100, len(took)-1)]
	}
	alone, beside := sides[0].took, sides[1].took
	b.ReportMetric(percentile(alone, 50), "alone-p50-µs")
	b.ReportMetric(percentile(beside, 50), "beside-p50-µs")
	b.ReportMetric(percentile(alone, 99), "alone-p99-µs")
	b.ReportMetric(percentile(beside, 99), "beside-p99-µs")
	b.ReportMetric(percentile(beside, 99)/percentile(alone, 99), "p99-ratio")
	b.ReportMetric(0, "ns/op")
}
