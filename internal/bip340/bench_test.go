package bip340_test

import (
	"fmt"
	"testing"

	"github.com/gennostr/gennostr/internal/bip340"
)

// distinct returns so many genuine signatures of so many authors, in turns, all with nonces of
// their own.
func distinct(n, authors int) []bip340.Item {
	m := newCaseMaker(50, max(n, authors))
	items := make([]bip340.Item, n)
	for i := range items {
		key, nonce, msg := &m.keys[len(m.keys)-1-i%authors], &m.nonces[len(m.nonces)-1-i], m.bytes()
		pub := key.x
		items[i] = bip340.Item{Pub: &pub, Msg: &msg, Sig: signature(key, nonce, &msg)}
	}
	return items
}

// BenchmarkVerify compares with btcec in one run; ns/sig is the time of a signature.
//
//	go test -run '^$' -bench Verify -benchtime 300ms ./internal/bip340
func BenchmarkVerify(b *testing.B) {
	all, of200 := distinct(512, 512), distinct(512, 200)
	bad := append([]bip340.Item(nil), of200...)
	for i := 49; i < len(bad); i += 50 {
		msg := *bad[i].Msg
		msg[0] ^= 1
		bad[i].Msg = &msg
	}
	one := func(name string, items []bip340.Item, verify func(pub, msg *[32]byte, sig *[64]byte) bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				item := &items[i%len(items)]
				if !verify(item.Pub, item.Msg, item.Sig) {
					b.Fatal("refused")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/sig")
		})
	}
	batch := func(name string, items []bip340.Item, v *bip340.Verifier, want bool) {
		b.Run(name, func(b *testing.B) {
			valid := make([]bool, len(items))
			v.VerifyBatch(items, valid)
			v.VerifyBatch(items, valid)
			b.ReportAllocs()
			for b.Loop() {
				if v.VerifyBatch(items, valid) != want {
					b.Fatal("another verdict")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/sig")
		})
	}
	plain, cached := bip340.New(nil), bip340.New(bip340.NewKeyCache(1024))
	one("btcec", all, bip340.Reference)
	one("single", all, plain.VerifyOne)
	one("single-known-keys", of200, cached.VerifyOne)
	for _, n := range []int{2, 4, 8, 16, 32, 64, 128, 256, 512} {
		batch(fmt.Sprintf("batch-%d", n), all[:n], plain, true)
	}
	batch("batch-512-of-200", of200, plain, true)
	batch("batch-512-of-200-known-keys", of200, cached, true)
	batch("batch-512-of-200-every-50th-wrong", bad, plain, false)
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		bip340.New(nil)
	}
}
