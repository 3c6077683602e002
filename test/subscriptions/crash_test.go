package subscriptions_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// beginOfTime is before all of it, and the same in each life.
const beginOfTime = nostr.Timestamp(900_000_000)

// disk is what a program has saved, in one transaction with what it has handled. It
// refuses what comes from a life that has been killed.
type disk struct {
	t       *testing.T
	mu      sync.Mutex
	life    int              // guarded by mu
	handled map[nostr.ID]int // guarded by mu
	text    []byte           // guarded by mu: of the cursor
	has     map[nostr.ID]bool
	began   map[nostr.ID]bool // guarded by mu: what the cursor of this life has as handled
}

// survivor is a bot that lives as long as nobody kills it. Each third event it hands to
// a queue, and it saves its cursor after each second one.
type survivor struct {
	gennostr.BaseHandler
	*disk
	life  int
	queue *gennostr.Queue[*nostr.Event]
	here  map[nostr.ID]bool // finished in this life
	n     int
}

func (s *survivor) Init(self *gennostr.Self) error {
	s.queue = gennostr.NewQueue(self, gennostr.QueueConfig[*nostr.Event]{
		Workers: 2, Work: func(ctx context.Context, e *nostr.Event) error {
			time.Sleep(70 * time.Millisecond)
			return context.Cause(ctx)
		}, Then: s.then,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = maps.Clone(s.has)
	var from gennostr.Cursor
	if err := from.UnmarshalText(s.text); err != nil {
		return err
	}
	return self.Subscribe("all", []nostr.Filter{textNotes[0].WithSince(beginOfTime)}, gennostr.Resume(from))
}

func (s *survivor) OnEvent(self *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	s.mu.Lock()
	assert.False(s.t, s.life == s.disk.life && s.began[m.Event.ID], "it comes again: %s", m.Event.Content)
	s.mu.Unlock()
	if s.n++; s.n%3 == 0 {
		return s.queue.Put(m.Event)
	}
	return s.then(self, m.Event, nil)
}

// then has handled an event.
func (s *survivor) then(self *gennostr.Self, e *nostr.Event, err error) error {
	if err != nil {
		return err
	}
	c, ok := self.Cursor("all")
	if !ok {
		return gennostr.ErrStop
	}
	text, err := c.MarshalText()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != s.disk.life { // killed meanwhile
		return err
	}
	s.here[e.ID] = true
	s.handled[e.ID]++
	if s.handled[e.ID]%2 == 1 && s.n%2 == 0 {
		s.text, s.has = text, maps.Clone(s.began)
		maps.Copy(s.has, s.here)
	}
	return err
}

func (s *survivor) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

// TestABotThatIsKilledAndCutAllTheTimeHandlesEverything is the same as the model, with
// relays, links that are cut, and a client that is killed while they all run.
// Shows L40.
func TestABotThatIsKilledAndCutAllTheTimeHandlesEverything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		steps := make([]int, 30)
		for i := range steps {
			steps[i] = random.IntN(10)
		}
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) { survive(t, network, []int{500, 60, 30}[seed%3], steps) })
	}
}

func survive(t *testing.T, network *nostrtest.Network, pages int, steps []int) {
	var relays []*nostrtest.Relay
	var urls []string
	for i := range 2 {
		urls = append(urls, fmt.Sprintf("ws://relay%d.example", i))
		relays = append(relays, network.NewRelay(urls[i], nostrtest.WithLimits(nostrtest.Limits{Limit: pages})))
	}
	d := &disk{t: t, handled: map[nostr.ID]int{}, has: map[nostr.ID]bool{}}
	var client *gennostr.Client
	var kill context.CancelFunc
	begin := func() {
		ctx, cancel := context.WithCancel(background)
		var err error
		client, err = gennostr.Start(ctx, &survivor{disk: d, life: d.life, here: map[nostr.ID]bool{}},
			kit.Over(network, gennostr.WithRelays(urls...), gennostr.WithTrustedRelay(), kit.Quietly(), quickly())...)
		require.NoError(t, err)
		kill = cancel
	}
	crash := func() {
		d.mu.Lock()
		d.life++ // from here on nothing of it gets to the disk
		d.mu.Unlock()
		kill()
		<-client.Done()
	}
	begin()
	defer func() { crash() }()
	for i, step := range steps {
		for n := range 4 {
			e := plain(nostr.Now(), 1, fmt.Sprint(i, "/", n))
			relays[n%2].Publish(e)
			if n == 3 {
				relays[0].Publish(e)
			}
			time.Sleep(31 * time.Millisecond)
		}
		switch step {
		case 0, 1:
			crash()
			begin()
		case 2:
			crash()
			time.Sleep(time.Second)
			begin()
		case 3, 4:
			relays[step-3].DisconnectAll()
		case 5:
			network.Partition(urls[0])
			relays[0].DisconnectAll()
		case 6:
			network.Heal(urls[0])
		}
	}
	network.Heal(urls[0])
	all := append(relays[0].Events(), relays[1].Events()...)
	kit.WaitUntil(t, "all handled", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, e := range all {
			if d.handled[e.ID] == 0 {
				return false
			}
		}
		return true
	})
}
