package bip340

import (
	"testing"
)

func BenchmarkPt(b *testing.B) {
	var r jacobian
	r.setAffine(&generator)
	r.double()
	r.double()
	b.Run("dbl", func(b *testing.B) {
		for range b.N {
			r.double()
		}
	})
	b.Run("madd", func(b *testing.B) {
		for range b.N {
			r.addAffine(&generator)
		}
	})
	q := r
	q.double()
	b.Run("add", func(b *testing.B) {
		for range b.N {
			r.add(&q)
		}
	})
	x := r.x
	b.Run("inv", func(b *testing.B) {
		for range b.N {
			x.inv(&x)
		}
	})
	b.Run("sqrt", func(b *testing.B) {
		for range b.N {
			x.sqrt(&x)
		}
	})
	pr := fePair{x, r.y}
	b.Run("sqrt2", func(b *testing.B) {
		for range b.N {
			pr.sqrt(&pr)
		}
	})
	a, c := x, r.y
	b.Run("mulDiffSub", func(b *testing.B) {
		for range b.N {
			a.mulDiffSub(&a, &x, &c, &r.y)
		}
	})
	s := scalar{1 << 63, 5 << 60, 99 << 57, 77 << 55}
	b.Run("smul", func(b *testing.B) {
		for range b.N {
			s.mul(&s, &s)
		}
	})
	b.Run("split", func(b *testing.B) {
		for range b.N {
			s.split()
		}
	})
	var p jacobian
	p.setAffine(&generator)
	b.Run("check", func(b *testing.B) {
		// n*G = infinity
		n := scalar{n0, n1, n2, n3}
		for range b.N {
			p.setInfinity()
			for i := 255; i >= 0; i-- {
				p.double()
				if n[i/64]>>(i%64)&1 == 1 {
					p.addAffine(&generator)
				}
			}
			if !p.isInfinity() {
				b.Fatal()
			}
		}
	})
}
