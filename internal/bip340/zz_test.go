package bip340

import "testing"

func BenchmarkFe(b *testing.B) {
	x, y := fe{1<<63 | 3, 7 << 60, 1<<61 | 9, 1 << 63}, fe{1<<62 | 3, 3 << 60, 1<<60 | 9, 1<<63 | 7}
	b.Run("mul", func(b *testing.B) {
		for range b.N {
			x.mul(&x, &y)
		}
	})
	b.Run("sqr", func(b *testing.B) {
		for range b.N {
			x.sqr(&x)
		}
	})
	b.Run("mul-indep4", func(b *testing.B) {
		var z [4]fe
		for range b.N / 4 {
			z[0].mul(&x, &y)
			z[1].mul(&x, &y)
			z[2].mul(&x, &y)
			z[3].mul(&x, &y)
		}
	})
	b.Run("sqr-indep4", func(b *testing.B) {
		var z [4]fe
		for range b.N / 4 {
			z[0].sqr(&x)
			z[1].sqr(&x)
			z[2].sqr(&x)
			z[3].sqr(&x)
		}
	})
	b.Run("add", func(b *testing.B) {
		for range b.N {
			x.add(&x, &y)
		}
	})
	b.Run("sub", func(b *testing.B) {
		for range b.N {
			x.sub(&x, &y)
		}
	})
	b.Run("half", func(b *testing.B) {
		for range b.N {
			x.half(&x)
		}
	})
}
