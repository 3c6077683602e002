// Package soak_test has one client live for a long time among relays that misbehave all
// the time, and looks whether everything that was promised holds in the end: no event is
// lost, forged or handled twice, no verdict and no answer is a lie, and memory and
// goroutines are back where they were.
//
// A soak has rounds; each is some minutes of virtual time with thirty relays in chaos
// (nostrtest.Chaos). go test runs one round. For longer, by the clock on the wall:
//
//	go test ./test/soak -soak.for=1h -timeout 0
//
// Each round has a seed of its own, which a failure prints: -soak.seed=N begins with it.
package soak_test

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

var (
	lasts  = flag.Duration("soak.for", 0, "how long to go on by the clock on the wall; the last round is finished")
	from   = flag.Uint64("soak.seed", 1, "the first round's seed")
	minute = flag.Int("soak.minutes", 5, "virtual minutes of chaos in a round")
)

func TestMain(m *testing.M) {
	if kit.UnderRace { // signatures take forty times as long there
		_ = flag.Set("soak.minutes", "1") // before the command line is read, which may say otherwise
	}
	kit.Main(m)
}

// maxGrowth is how much more memory may be in use after all rounds but the first than
// after that, in bytes: caches of the process, such as that of public keys, fill slowly.
const maxGrowth = 16 << 20

// Shows L21.
func TestSoak(t *testing.T) {
	var total tally
	var level uint64
	began := time.Now()
	n := 0
	for seed := *from; ; seed++ {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("-soak.seed=%d", seed) // in case it does not come to the next line
			w := newWorld(t, seed)
			require.Empty(t, w.run(), "-soak.seed=%d", seed)
			total.add(&w.counts)
		})
		if t.Failed() {
			return
		}
		if n++; n == 1 {
			level = inUse()
		}
		if time.Since(began) >= *lasts {
			t.Logf("%d rounds of %d minutes: %v", n, *minute, &total)
			break
		}
	}
	if n == 1 {
		return // with nothing to compare it with, and too little for all to have happened
	}
	require.LessOrEqual(t, inUse(), level+maxGrowth, "memory is not back at its level")
	if n**minute >= 15 {
		for i, many := range total.all() {
			require.NotZero(t, many.Load(), "what has never happened shows nothing: number %d of %v", i, &total)
		}
	}
}

// inUse is how much memory is in use when there is no garbage.
func inUse() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers have let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What the soak looks for it finds: a client that takes what is forged, one that has no
// memory of what it has handled, one that misses events; and where a client believes what
// is not true, since a relay forgets what it has taken, or hides what it has.
func TestSoakFindsFaults(t *testing.T) {
	if kit.UnderRace {
		t.Skip("what the soak looks for is the same without the race detector")
	}
	for what, spoil := range map[string]func(*world){
		"an event was handled that nobody has made": func(w *world) {
			w.options = append(w.options, gennostr.WithVerifier(kit.Judge(func(nostr.PubKey, nostr.ID, nostr.Sig) error { return nil })))
		},
		"handled more than once":   func(w *world) { w.forgets = true },
		"it does not come to rest": func(w *world) { w.loses = true },
		"is said to have":          func(w *world) { w.faults = append(w.faults, nostrtest.ForgetEvents()) },
		"is said to be complete":   func(w *world) { w.faults = append(w.faults, nostrtest.HideKinds(nostr.KindTextNote)) },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, *from)
				spoil(w)
				require.Contains(t, strings.Join(w.run(), "\n"), what)
			})
		})
	}
}
