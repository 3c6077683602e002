package bip340

import (
	"fmt"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"math/rand/v2"
	"testing"
)

func mk(n, authors int) []Item {
	rng := rand.NewChaCha8([32]byte{})
	var ks []*btcec.PrivateKey
	for range authors {
		k, _ := btcec.NewPrivateKey()
		ks = append(ks, k)
	}
	var r []Item
	for i := range n {
		k := ks[i%authors]
		var m [32]byte
		rng.Read(m[:])
		s, _ := schnorr.Sign(k, m[:], schnorr.FastSign())
		sb := [64]byte(s.Serialize())
		pb := [32]byte(schnorr.SerializePubKey(k.PubKey()))
		r = append(r, Item{&pb, &m, &sb})
	}
	return r
}
func TestZ(t *testing.T) {
	v := New(nil)
	rng := rand.NewChaCha8([32]byte{})
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 32, 50, 64, 100, 128, 200, 256, 400, 512, 700} {
		for _, au := range []int{1, 2, n/3 + 1, n} {
			its := mk(n, au)
			for i, it := range its {
				if !v.VerifyOne(it.Pub, it.Msg, it.Sig) {
					t.Fatal(i)
				}
			}
			valid := make([]bool, n)
			if !v.VerifyBatch(its, valid) {
				t.Fatal("batch", n, au)
			}
			if v.budget = 7777; !v.VerifyBatch(its, valid) || v.budget != 7777 {
				t.Fatal("failed first", n, au)
			}
			want := make([]bool, n)
			for range 5 {
				for i := range want {
					want[i] = true
				}
				its2 := append([]Item(nil), its...)
				for range 1 + rng.Uint64()%uint64(n) {
					j := rng.Uint64() % uint64(n)
					s := *its[j].Sig
					s[63] ^= 1
					its2[j].Sig = &s
					want[j] = false
				}
				v.VerifyBatch(its2, valid)
				for i := range want {
					if valid[i] != want[i] {
						t.Fatal(n, au, i, want[i])
					}
				}
			}
		}
	}
}
func BenchmarkB(b *testing.B) {
	its := mk(512, 512)
	its200 := mk(512, 200)
	v := New(nil)
	vc := New(NewKeyCache(4096))
	valid := make([]bool, 512)
	b.Run("btcec", func(b *testing.B) {
		for i := range b.N {
			it := its[i%512]
			s, _ := schnorr.ParseSignature(it.Sig[:])
			p, _ := schnorr.ParsePubKey(it.Pub[:])
			if !s.Verify(it.Msg[:], p) {
				b.Fatal()
			}
		}
	})
	b.Run("single", func(b *testing.B) {
		for i := range b.N {
			it := its[i%512]
			if !v.VerifyOne(it.Pub, it.Msg, it.Sig) {
				b.Fatal()
			}
		}
	})
	b.Run("single-cached", func(b *testing.B) {
		for i := range b.N {
			it := its[i%512]
			if !vc.VerifyOne(it.Pub, it.Msg, it.Sig) {
				b.Fatal()
			}
		}
	})
	bb := func(name string, v *Verifier, its []Item) {
		n := len(its)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if !v.VerifyBatch(its, valid) {
					b.Fatal()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/sig")
		})
	}
	for _, n := range []int{2, 4, 8, 12, 16, 24, 32, 48, 64, 128, 200, 256, 512} {
		bb(fmt.Sprint("d", n), v, its[:n])
	}
	bb("a200", v, its200)
	bb("a200c", vc, its200)
	bad := append([]Item(nil), its200...)
	for i := 0; i < 512; i += 50 {
		s := *bad[i].Sig
		s[5] ^= 1
		s[63] ^= 1
		s = *bad[i].Sig
		s[63] ^= 1
		bad[i].Sig = &s
	}
	b.Run("bad", func(b *testing.B) {
		for range b.N {
			v.VerifyBatch(bad, valid)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(512), "ns/sig")
	})
}
