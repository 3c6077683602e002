package limits_test

import (
	"testing"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
)

// BenchmarkSplit: 10,000 authors for relays that tell nothing.
func BenchmarkSplit(b *testing.B) {
	f := nostr.Filter{}.WithAuthors(keys(10_000)...)
	b.ReportAllocs()
	for b.Loop() {
		limits.Split(f, limits.DefaultMessageBytes)
	}
}

func BenchmarkRefused(b *testing.B) {
	var l limits.Limits
	b.ReportAllocs()
	for b.Loop() {
		l.Refused("ERROR: bad req: filter validation failed: provided filter is not an object", 7)
	}
}
