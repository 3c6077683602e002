package bip340_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/bip340"
)

// TestRatiosToTheReference runs if the environment variable BIP340_RATIOS is set. A benchmark
// measures one thing after the other, and a shared machine may have slowed down in between;
// here each round is a few milliseconds between two rounds of btcec, and the median of the
// ratios counts.
//
//	BIP340_RATIOS=1 go test -v -run Ratios ./internal/bip340
func TestRatiosToTheReference(t *testing.T) {
	if os.Getenv("BIP340_RATIOS") == "" {
		t.Skip("BIP340_RATIOS is not set")
	}
	all, of200 := distinct(512, 512), distinct(512, 200)
	wrong := func(items []bip340.Item, every int) []bip340.Item {
		items = slices.Clone(items)
		for i := every - 1; i < len(items); i += every {
			msg := *items[i].Msg
			msg[0] ^= 1
			items[i].Msg = &msg
		}
		return items
	}
	plain, cached := bip340.New(nil), bip340.New(bip340.NewKeyCache(1024))
	single := 0.0
	for _, c := range []struct {
		name  string
		v     *bip340.Verifier
		items []bip340.Item
		most  float64 // of the median; 0 is none
	}{
		{"single", plain, all[:1], 0.22},
		{"single, known key", cached, all[:1], 0},
		{"batch of 8", plain, all[:8], 0},
		{"batch of 16", plain, all[:16], 0},
		{"batch of 64", plain, all[:64], 0.11},
		{"batch of 512", plain, all, 0},
		{"512 of 200 authors", plain, of200, 0.055},
		{"512 of 200 known authors", cached, of200, 0},
		{"512, every 50th wrong", plain, wrong(all, 50), -1.5}, // of single
		{"512, every 10th wrong", plain, wrong(all, 10), 0},
		{"512, all wrong", plain, wrong(all, 1), 0},
	} {
		n := len(c.items)
		valid := make([]bool, n)
		next := 0
		reference := func() float64 {
			const times = 20
			start := time.Now()
			for range times {
				item := &all[next%len(all)]
				next++
				bip340.Reference(item.Pub, item.Msg, item.Sig)
			}
			return float64(time.Since(start)) / times
		}
		c.v.VerifyBatch(c.items, valid)
		const rounds = 31
		var ratios, ours, theirs []float64
		for range rounds {
			before := reference()
			reps := 1 + 200/n
			start := time.Now()
			for range reps {
				c.v.VerifyBatch(c.items, valid)
			}
			our := float64(time.Since(start)) / float64(reps*n)
			their := (before + reference()) / 2
			ratios, ours, theirs = append(ratios, our/their), append(ours, our), append(theirs, their)
		}
		for _, list := range [][]float64{ratios, ours, theirs} {
			slices.Sort(list)
		}
		ratio := ratios[rounds/2]
		t.Logf("%-26s %.4f of btcec (medians: %.1f µs and %.1f µs a signature)",
			c.name, ratio, ours[rounds/2]/1000, theirs[rounds/2]/1000)
		if c.name == "single" {
			single = ratio
		}
		switch {
		case c.most > 0:
			assert.LessOrEqual(t, ratio, c.most, c.name)
		case c.most < 0:
			assert.LessOrEqual(t, ratio, -c.most*single, c.name)
		}
	}
}
