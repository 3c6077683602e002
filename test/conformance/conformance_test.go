package conformance_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// row is one behaviour that OTP promises and this library keeps: what the docs
// and comments mean by R01 to R58.
type row struct {
	id      string
	promise string
	test    func(*testing.T)
}

// conformanceRows is the whole table. Its parts stand with their tests.
func conformanceRows() []row {
	return slices.Concat(conformanceStart, conformanceCalls, conformanceCasts, conformanceTimeouts, conformanceMailbox, conformanceStop,
		conformanceRelays, conformanceTasks)
}

// TestConformance has one subtest for each behaviour, named by its id alone.
func TestConformance(t *testing.T) {
	for _, r := range conformanceRows() {
		t.Run(r.id, func(t *testing.T) {
			t.Log(r.promise)
			r.test(t)
		})
	}
}

func TestConformanceTableHasEveryBehaviourOnceAndInOrder(t *testing.T) {
	var want, have []string
	for i := range 58 {
		want = append(want, fmt.Sprintf("R%02d", i+1))
	}
	for _, r := range conformanceRows() {
		have = append(have, r.id)
		assert.NotEmpty(t, r.promise, r.id)
	}
	assert.Equal(t, want, have)
}
