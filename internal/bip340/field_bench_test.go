package bip340

import "testing"

func BenchmarkField(b *testing.B) {
	x, y := generator.x, generator.y
	for name, do := range map[string]func(){
		"mul":        func() { x.mul(&x, &y) },
		"sqr":        func() { x.sqr(&x) },
		"add":        func() { x.add(&x, &y) },
		"sub":        func() { x.sub(&x, &y) },
		"mulDiffSub": func() { x.mulDiffSub(&x, &y, &x, &y) },
		"inv":        func() { x.inv(&x) },
		"sqrt":       func() { x.sqrt(&x) },
		"sqrt-pair": func() {
			p := fePair{x, y}
			p.sqrt(&p)
			x = p[0]
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				do()
			}
		})
	}
}

func BenchmarkPoint(b *testing.B) {
	r := generator.withZ(7)
	q := generator.withZ(9)
	q.double()
	for name, do := range map[string]func(){
		"double":    func() { r.double() },
		"addAffine": func() { r.addAffine(&generator) },
		"add":       func() { r.add(&q) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				do()
			}
		})
	}
}
