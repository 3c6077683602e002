package cursor_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gennostr/gennostr/internal/cursor"
)

func benchmarkAppendText(b *testing.B, c *cursor.Cursor) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = c.AppendText(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "bytes/text")
}

// BenchmarkAppendTextFull is a cursor of full size: 32 relays, 16 filters, all ids.
func BenchmarkAppendTextFull(b *testing.B) { benchmarkAppendText(b, full(32, 16)) }

// BenchmarkAppendTextFullUnsorted has its ids in the order of their coming.
func BenchmarkAppendTextFullUnsorted(b *testing.B) {
	c := full(32, 16)
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(c.Handled), func(i, j int) { c.Handled[i], c.Handled[j] = c.Handled[j], c.Handled[i] })
	r.Shuffle(len(c.Unfinished), func(i, j int) { c.Unfinished[i], c.Unfinished[j] = c.Unfinished[j], c.Unfinished[i] })
	r.Shuffle(len(c.Marks), func(i, j int) { c.Marks[i], c.Marks[j] = c.Marks[j], c.Marks[i] })
	benchmarkAppendText(b, c)
}

func BenchmarkParseFull(b *testing.B) {
	written := text(b, full(32, 16))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cursor.Parse(written); err != nil {
			b.Fatal(err)
		}
	}
}
