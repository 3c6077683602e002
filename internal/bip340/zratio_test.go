package bip340

import (
	"fmt"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"os"
	"sort"
	"testing"
	"time"
)

func TestRatio(t *testing.T) {
	if os.Getenv("RATIO") == "" {
		t.Skip()
	}
	its := mk(512, 512)
	its200 := mk(512, 200)
	v := New(nil)
	vc := New(NewKeyCache(4096))
	valid := make([]bool, 512)
	j := 0
	ref := func() float64 {
		t0 := time.Now()
		for range 20 {
			j++
			it := its[j%512]
			s, _ := schnorr.ParseSignature(it.Sig[:])
			p, _ := schnorr.ParsePubKey(it.Pub[:])
			if !s.Verify(it.Msg[:], p) {
				t.Fatal()
			}
		}
		return float64(time.Since(t0)) / 20
	}
	run := func(name string, v *Verifier, its []Item, goal float64) {
		n := len(its)
		var rs, abs, bs []float64
		v.VerifyBatch(its, valid)
		for range 25 {
			a := ref()
			reps := 1 + 200/n
			t0 := time.Now()
			for range reps {
				if n == 1 {
					j++
					it := its200[j%200]
					v.VerifyOne(it.Pub, it.Msg, it.Sig)
				} else {
					v.VerifyBatch(its, valid)
				}
			}
			d := float64(time.Since(t0)) / float64(reps*n)
			b := ref()
			rs = append(rs, 2*d/(a+b))
			abs = append(abs, d)
			bs = append(bs, (a+b)/2)
		}
		sort.Float64s(rs)
		sort.Float64s(abs)
		sort.Float64s(bs)
		fmt.Printf("%-8s ratio med %.4f (q1 %.4f) goal %.3f   ns med %.0f min %.0f  btcec med %.0f min %.0f\n", name, rs[12], rs[6], goal, abs[12], abs[0], bs[12], bs[0])
	}
	run("single", v, its[:1], .22)
	run("singlec", vc, its[:1], 0)
	for _, n := range []int{2, 4, 8, 10, 12, 16, 32} {
		run(fmt.Sprint("d", n), v, its[:n], 0)
	}
	run("d64", v, its[:64], .11)
	for _, n := range []int{100, 128, 150, 200, 256} {
		run(fmt.Sprint("d", n), v, its[:n], 0)
	}
	run("d512", v, its, .072)
	run("a200", v, its200, .055)
	run("a200c", vc, its200, 0)
	bad := append([]Item(nil), its200...)
	for i := 0; i < 512; i += 50 {
		s := *bad[i].Sig
		s[63] ^= 1
		bad[i].Sig = &s
	}
	run("bad", v, bad, 0)
}
