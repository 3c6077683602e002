package verify_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

var (
	drawing sync.Mutex
	draws   = rand.NewChaCha8([32]byte{20}) // guarded by drawing
)

// random is an event with an id and a signature that nobody else has.
func random() *nostr.Event {
	drawing.Lock()
	defer drawing.Unlock()
	ev := new(nostr.Event)
	_, _ = draws.Read(ev.ID[:])
	_, _ = draws.Read(ev.Sig[:])
	return ev
}

// prove sends events through a pool whose check accepts what refuse does not.
func prove(pool *verify.Pool, events ...*nostr.Event) {
	lane := verify.NewLane(pool, func(int, error) {})
	for _, ev := range events {
		lane.Submit(0, ev)
		lane.Drain()
	}
}

// Shows L02.
func TestOnlyTheVeryPairThatWasAcceptedIsProven(t *testing.T) {
	refused := random()
	pool := newPool(t, 1, func(ev *nostr.Event) error {
		if ev == refused {
			return nostr.ErrBadSignature
		}
		return nil
	})
	ev := random()
	assert.False(t, pool.Proven(ev))
	prove(pool, ev, refused)
	assert.True(t, pool.Proven(ev))
	assert.False(t, pool.Proven(refused))
	for i := range ev.Sig {
		other := *ev
		other.Sig[i] ^= 1
		assert.False(t, pool.Proven(&other), "signature byte %d", i)
	}
	for i := range ev.ID {
		other := *ev
		other.ID[i] ^= 1
		assert.False(t, pool.Proven(&other), "id byte %d", i)
	}

	resigned := *ev
	resigned.Sig = random().Sig
	prove(pool, &resigned)
	assert.True(t, pool.Proven(&resigned))
	assert.True(t, pool.Proven(ev), "both signatures are genuine")
}

// Shows B07.
func TestWhatIsProvenIsRememberedForLongAndNotForEver(t *testing.T) {
	pool := newPool(t, 1, func(*nostr.Event) error { return nil })
	var events []*nostr.Event
	for range 3 * verify.MostProven {
		events = append(events, random())
	}
	known := func(list []*nostr.Event) (n int) {
		for _, ev := range list {
			if pool.Proven(ev) {
				n++
			}
		}
		return n
	}
	prove(pool, events[:100]...)
	assert.GreaterOrEqual(t, known(events[:100]), 90)
	prove(pool, events[100:1000]...)
	assert.GreaterOrEqual(t, known(events[:1000]), 900, "also while the table grows")
	prove(pool, events[1000:]...)
	assert.GreaterOrEqual(t, known(events[len(events)-verify.MostProven/2:]), verify.MostProven*45/100, "the younger half is nearly all there")
	assert.LessOrEqual(t, known(events), verify.MostProven)
	assert.LessOrEqual(t, pool.ProvenBytes(), 512<<10)
}

// Whatever the bits are in which ids differ, they do not push each other out.
func TestIDsThatAreAlikeAreSpreadOverTheTable(t *testing.T) {
	for at := range 15 {
		pool := newPool(t, 1, func(*nostr.Event) error { return nil })
		like := random()
		var events []*nostr.Event
		for n := range 100 {
			ev := *like
			binary.LittleEndian.PutUint16(ev.ID[at:], uint16(n*601))
			events = append(events, &ev)
		}
		prove(pool, events...)
		known := 0
		for _, ev := range events {
			if pool.Proven(ev) {
				known++
			}
		}
		assert.GreaterOrEqual(t, known, 60, "ids that differ in bytes %d and %d", at, at+1)
	}
}

func TestWhatIsForgottenHasToBeCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &batches{let: make(chan struct{}, 1)}
		pool := verify.NewPool(b.config(1, 8))
		before, meanwhile, after := random(), random(), random()
		b.let <- struct{}{}
		prove(pool, before)
		require.True(t, pool.Proven(before))
		go prove(pool, meanwhile)
		synctest.Wait() // until it is being checked
		pool.Forget()
		b.let <- struct{}{}
		synctest.Wait()
		assert.False(t, pool.Proven(before))
		assert.False(t, pool.Proven(meanwhile))
		close(b.let)
		prove(pool, after, before)
		assert.True(t, pool.Proven(after))
		assert.True(t, pool.Proven(before))
		pool.Stop()
		assert.Len(t, b.all(), 4)
	})
}

func TestAPanicProvesNothing(t *testing.T) {
	ev := random()
	pool := verify.NewPool(verify.Config{NewCheck: func() verify.Check {
		return func([]*nostr.Event, []error) { panic("halfway") }
	}})
	defer pool.Stop()
	prove(pool, ev)
	assert.False(t, pool.Proven(ev))
}
