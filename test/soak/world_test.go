package soak_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

const (
	relays   = 30
	authors  = 5
	life     = 90 * time.Second // of a client, about
	settling = 10 * time.Minute // for everything to come right when there is peace
)

// world is a round: relays, whoever writes there, one client after the other, and what
// is true.
type world struct {
	t      *testing.T
	seed   uint64
	relays []*nostrtest.Relay
	start  nostr.Timestamp
	ctx    context.Context // ends with the chaos
	actors sync.WaitGroup

	mu      sync.Mutex
	random  *rand.Rand            // guarded by mu
	client  *gennostr.Client      // guarded by mu: the one that lives
	made    map[nostr.ID]bool     // guarded by mu: all events that there are
	handled map[nostr.ID]int      // guarded by mu
	text    []byte                // guarded by mu: of the cursor
	owed    map[nostr.ID][]string // guarded by mu: which relays are said to have what
	wrong   []string              // guarded by mu: what must not be, the first of it
	kinds   map[string]int        // guarded by mu: how much of it there was, of each kind

	options []gennostr.Option // of the clients, besides
	faults  []nostrtest.Fault // of the relays, beside chaos
	forgets bool              // no cursor is saved
	loses   bool              // now and then an event is not heard
	counts  tally
}

// mostWrong is how much is told of what is wrong, of each kind.
const mostWrong = 3

// demand notes what is wrong if something does not hold.
func (w *world) demand(holds bool, format string, args ...any) {
	if holds {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds[format]++; w.kinds[format] <= mostWrong {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// tally is what a soak has done.
type tally struct {
	Events, Lives, Publications, Accepted, Queries, Complete, Heard, Syncs, Compared atomic.Int64
}

func (c *tally) add(o *tally) {
	for at, n := range o.all() {
		c.all()[at].Add(n.Load())
	}
}

func (c *tally) all() []*atomic.Int64 {
	return []*atomic.Int64{&c.Events, &c.Lives, &c.Publications, &c.Accepted, &c.Queries, &c.Complete, &c.Heard, &c.Syncs, &c.Compared}
}

func (c *tally) String() string {
	return fmt.Sprintf("%d events, %d clients, %d verdicts of %d publications were acceptances, %d answers in %d queries were complete, %d events heard from outside, %d of %d comparisons were complete",
		c.Events.Load(), c.Lives.Load(), c.Accepted.Load(), c.Publications.Load(), c.Complete.Load(), c.Queries.Load(), c.Heard.Load(), c.Compared.Load(), c.Syncs.Load())
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 20)), start: nostr.Now(),
		made: map[nostr.ID]bool{}, handled: map[nostr.ID]int{}, owed: map[nostr.ID][]string{}, kinds: map[string]int{},
	}
}

func url(i int) string { return fmt.Sprintf("wss://r%02d.example/", i) }

// run is the whole round, and tells what was wrong in it.
func (w *world) run() []string {
	network := nostrtest.StartNetwork() // and not NewNetwork, which tells a failed test of every frame
	defer network.Close()
	for i := range relays {
		r := network.NewRelay(url(i))
		for _, f := range w.faults {
			r.Break(f)
		}
		r.Break(nostrtest.Chaos(w.seed<<8 + uint64(i)))
		w.relays = append(w.relays, r)
	}
	ctx, peace := context.WithTimeout(w.t.Context(), time.Duration(*minute)*time.Minute)
	defer peace()
	w.ctx = ctx
	for i := range authors {
		w.actors.Go(func() { w.writes(nostrtest.Key(1 + i)) })
	}
	for i := range 3 {
		w.actors.Go(func() { w.publishes(nostrtest.Key(101 + i)) })
		w.actors.Go(w.asks)
	}
	w.actors.Go(w.listens)
	w.actors.Go(w.compares)
	w.actors.Go(w.restarts)
	w.lives(network)
	w.actors.Wait()
	w.reckon()
	return w.wrong
}

// lives has a client after the other until there is peace, and the last one go on until
// it has everything.
func (w *world) lives(network *nostrtest.Network) {
	for {
		c := w.awake(network)
		w.counts.Lives.Add(1)
		select {
		case <-time.After(w.between(life/2, life)):
			w.ends(c)
		case <-w.ctx.Done():
			w.actors.Wait()
			for _, r := range w.relays {
				r.Mend()
			}
			w.settles(c)
			w.ends(c)
			return
		}
	}
}

// awake starts a client with the cursor that was saved last.
func (w *world) awake(network *nostrtest.Network) *gennostr.Client {
	urls := make([]string, relays)
	for i := range urls {
		urls[i] = url(i)
	}
	c, err := gennostr.Start(context.Background(), &bot{w: w}, append(kit.Over(network, kit.Quietly(), gennostr.WithRelays(urls...)), w.options...)...)
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client = c
	return c
}

// ends stops a client, now and then without the time that it would like to have.
func (w *world) ends(c *gennostr.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), w.between(0, 5*time.Second))
	defer cancel()
	err := c.Stop(ctx)
	w.demand(err == nil || errors.Is(err, context.DeadlineExceeded), "Stop: %v", err)
	<-c.Done()
}

// settles waits until the client has heard all that is stored anywhere.
func (w *world) settles(c *gennostr.Client) {
	for deadline := time.Now().Add(settling); ; time.Sleep(time.Second) {
		synctest.Wait()
		missing := w.missing()
		if missing == 0 && c.Subscriptions()[0].Live == relays {
			return
		}
		if time.Now().After(deadline) {
			w.demand(false, "it does not come to rest: %d events are missing; %+v", missing, c.Subscriptions())
			return
		}
	}
}

// missing is how many events that relays have were not handled.
func (w *world) missing() (n int) {
	for _, e := range w.stored() {
		w.mu.Lock()
		if w.handled[e.ID] == 0 {
			n++
		}
		w.mu.Unlock()
	}
	return n
}

func (w *world) stored() (list []*nostr.Event) {
	had := map[nostr.ID]bool{}
	for _, r := range w.relays {
		for _, e := range r.Events(w.wanted()...) {
			if !had[e.ID] {
				had[e.ID] = true
				list = append(list, e)
			}
		}
	}
	return list
}

// wanted is what the bot subscribes to.
func (w *world) wanted() []nostr.Filter {
	return []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote, nostr.KindReaction).WithSince(w.start - 3600)}
}

// reckon is the last judgement.
func (w *world) reckon() {
	for id, n := range w.handled {
		w.demand(n == 1, "handled more than once, %d times: %s", n, id)
	}
	for id, urls := range w.owed {
		for _, u := range urls {
			w.demand(len(w.relayOf(u).Events(nostr.Filter{}.WithIDs(id))) > 0, "%s is said to have %s", u, id)
		}
	}
}

func (w *world) relayOf(u string) *nostrtest.Relay {
	for i, r := range w.relays {
		if url(i) == u {
			return r
		}
	}
	panic("no relay " + u)
}

// now is the client that lives.
func (w *world) now() *gennostr.Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.client
}

func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.number(int(most-least)))
}

func (w *world) number(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// some are n of the relays.
func (w *world) some(n int) (urls []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.random.Perm(relays)[:n] {
		urls = append(urls, url(i))
	}
	return urls
}

// makes signs an event, which exists from now on.
func (w *world) makes(key nostr.SecretKey) *nostr.Event {
	e := &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.Now(), Content: fmt.Sprint(w.number(1 << 30))}
	if w.number(3) == 0 {
		e.Kind = nostr.KindReaction
	}
	if err := e.Sign(key); err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made[e.ID] = true
	w.counts.Events.Add(1)
	return e
}

// genuine tells whether somebody has made it as it is.
func (w *world) genuine(e *nostr.Event) bool {
	w.mu.Lock()
	made := w.made[e.ID]
	w.mu.Unlock()
	return made && e.Verify() == nil
}

// pause waits, at most until there is peace; false: there is.
func (w *world) pause(least, most time.Duration) bool {
	select {
	case <-time.After(w.between(least, most)):
		return true
	case <-w.ctx.Done():
		return false
	}
}
