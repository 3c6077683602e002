package publications_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

// Links that are cut, OKs that are late, second ones, refusals, AUTH, rates, time that is
// over, cancelling and stopping, in any order, for three relays and several publications: a
// success is what a relay has said, nothing is sent without a reason, and each relay has one
// outcome for each publication, at the latest when its time is over or the client stops.
func TestPublicationsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		ops := map[string]func(){
			"publish": w.publish, "turn": w.turn, "answer": w.answer, "authenticate": w.authenticate, "cancel": w.cancel,
			"advance": func() { w.ok(w.h.Advance(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)) },
		}
		often := []string{"publish", "publish", "answer", "answer", "answer", "answer", "authenticate", "authenticate", "turn", "advance", "advance", "cancel"}
		for _, url := range relays[:rapid.IntRange(0, len(relays)).Draw(t, "connected")] {
			w.ok(w.h.Connect(url))
			w.links[url].up = true
		}
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			w.step++
			ops[rapid.SampledFrom(often).Draw(t, "step")]()
			w.look()
			w.reports(false)
		}
		w.step++
		if rapid.Bool().Draw(t, "the time is over") {
			for range 30 { // no link's end nor verdict is needed for that
				w.ok(w.h.Advance(2 * time.Second))
				w.look()
			}
			require.Empty(t, w.h.Published(), "all is over when the time is")
			w.reports(true)
		}
		w.ok(w.h.Stop())
		w.reports(true)
	})
}
