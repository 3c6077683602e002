package gennostr_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Whatever is added, removed, named and closed, in whatever order, while relays come and
// go and the handler hangs now and then: the grammar holds, nothing is connected twice,
// who lives where is as it was asked for in the end, and nothing is left behind.
func TestGuestsComeAndGoInAnyOrder(t *testing.T) {
	for seed := range uint64(kit.Sized(200, 20)) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			p := newComings(t, network, seed)
			for range 60 {
				p.step()
			}
			p.settle()
		})
		if t.Failed() {
			t.Logf("seed %d", seed)
			return
		}
	}
}

type comings struct {
	*testing.T
	network *nostrtest.Network
	random  *rand.Rand
	relays  []*nostrtest.Relay
	client  *gennostr.Client
	r       *recorder
	all     *gennostr.Subscription
	named   []*gennostr.Subscription
	where   []int // of each of them: the relay that it names
	added   map[int]bool
	stuck   chan struct{} // nil: the handler does not hang
	story   []string
}

func newComings(t *testing.T, network *nostrtest.Network, seed uint64) *comings {
	p := &comings{T: t, network: network, random: rand.New(rand.NewPCG(seed, 0)), r: &recorder{}, added: map[int]bool{}}
	for i := range 3 {
		p.relays = append(p.relays, network.NewRelay(fmt.Sprintf("wss://r%d.example/", i), nostrtest.WithLog(func(string, ...any) {})))
	}
	p.r.On = func(self *gennostr.Self, n note) error {
		if hang, ok := n.Msg.(chan struct{}); ok {
			<-hang
		}
		return nil
	}
	p.client = start(t, p.r, over(network, quietly(), gennostr.WithGuestIdle(3*time.Second), gennostr.WithMaxDials(2),
		gennostr.WithReconnectSchedule(time.Second, 3*time.Second))...)
	var err error
	p.all, err = p.client.Subscribe(t.Context(), allNotes)
	require.NoError(t, err)
	return p
}

func (p *comings) step() {
	i := p.random.IntN(len(p.relays))
	relay := p.relays[i]
	did := ""
	switch p.random.IntN(14) {
	case 0, 1, 2:
		did = "add"
		var opts []gennostr.RelayOption
		if p.random.IntN(4) == 0 {
			did, opts = "add with options", []gennostr.RelayOption{gennostr.WithCompression(true)}
		}
		err := p.client.AddRelay(relay.URL(), opts...)
		if !p.added[i] || !errors.Is(err, gennostr.ErrRelayExists) { // in OnDisconnect it may be added again
			assert.NoError(p, err)
		}
		p.added[i] = true
	case 3, 4, 5:
		did = "remove"
		err := p.client.RemoveRelay(relay.URL())
		assert.Equal(p, !p.added[i], errors.Is(err, gennostr.ErrUnknownRelay), "%v", err)
		delete(p.added, i)
	case 6, 7:
		did = "name"
		sub, err := p.client.Subscribe(p.Context(), allNotes, gennostr.On(relay.URL()))
		require.NoError(p, err)
		p.named, p.where = append(p.named, sub), append(p.where, i)
	case 8, 9:
		if len(p.named) > 0 {
			did = "close"
			p.named[0].Close()
			p.named, p.where = p.named[1:], p.where[1:]
		}
	case 10:
		did = "cut"
		relay.DisconnectAll()
	case 11:
		if did = "hold"; p.random.IntN(2) == 0 {
			p.network.HoldDials(relay.URL())
		} else {
			did = "release"
			p.network.ReleaseDials(relay.URL())
		}
	case 12:
		if did = "hang"; p.stuck == nil {
			p.stuck = make(chan struct{})
			require.NoError(p, p.client.Notify(p.stuck))
		} else {
			did = "hang no more"
			p.resume()
		}
	case 13:
		if did = "partition"; p.random.IntN(2) == 0 {
			p.network.Partition(relay.URL())
		} else {
			did = "heal"
			relay.DisconnectAll()
			p.network.Heal(relay.URL())
		}
	}
	p.story = append(p.story, fmt.Sprint(did, " ", i))
	if p.random.IntN(2) == 0 {
		time.Sleep(time.Duration(p.random.Int64N(int64(4 * time.Second))))
	}
	if p.random.IntN(2) == 0 {
		synctest.Wait()
	}
}

func (p *comings) resume() {
	if p.stuck != nil {
		close(p.stuck)
		p.stuck = nil
	}
}

// settle lets everything come to rest, and looks at what there is then.
func (p *comings) settle() {
	p.resume()
	for _, relay := range p.relays {
		relay.DisconnectAll()
		p.network.Heal(relay.URL())
		p.network.ReleaseDials(relay.URL())
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	needed := map[int]bool{}
	for n, i := range p.where {
		needed[i] = true
		assert.Equal(p, 1, p.named[n].Status().Live, "%d: %v", i, p.story)
	}
	assert.Equal(p, len(p.added), p.all.Status().Live, "%v", p.story)
	guests := 0
	for i, relay := range p.relays {
		connections := 0
		if p.added[i] || needed[i] {
			connections = 1
		}
		if needed[i] && !p.added[i] {
			guests++
		}
		assert.Len(p, relay.Connections(), connections, "%d: %v", i, p.story)
	}
	assert.Len(p, p.client.Guests(), guests)
	assert.Len(p, p.client.Relays(), len(p.added))
	grammar(p.T, p.r.All())
	open := map[string]bool{}
	for _, n := range p.r.All() {
		if n.Name == "OnConnect" || n.Name == "OnDisconnect" {
			open[n.Relay.URL] = n.Name == "OnConnect"
		}
	}
	for i, relay := range p.relays {
		assert.Equal(p, p.added[i], open[normal(p.T, relay.URL())], "OnConnect and OnDisconnect of %d: %v", i, p.story)
	}

	for _, sub := range p.named {
		sub.Close()
	}
	require.NoError(p, p.client.SetRelays(nil))
	time.Sleep(time.Minute)
	synctest.Wait()
	assert.Zero(p, gennostr.EntriesKept(p.client), "%v", p.story)
	for _, relay := range p.relays {
		assert.Empty(p, relay.Connections())
	}
}
