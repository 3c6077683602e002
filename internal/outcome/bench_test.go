package outcome_test

import (
	"testing"
	"time"

	"github.com/gennostr/gennostr/internal/outcome"
)

// One publication on one relay, from Add to Forget, beside a thousand that wait.
func BenchmarkPublication(b *testing.B) {
	r := outcome.NewRelay[int](outcome.PaceConfig{})
	for i := range 1000 {
		r.Add(start, -i-1, id(i), author(i%8), start.Add(time.Hour))
	}
	r.Connected(start)
	r.Do(start)
	b.ReportAllocs()
	for i := range b.N {
		event := id(2000 + i%1000)
		r.Add(start, i, event, author(1), start.Add(time.Minute))
		r.Do(start)
		r.Next()
		r.OK(start, event, true, "")
		r.Do(start)
		r.Next()
		r.Forget(i)
	}
}
