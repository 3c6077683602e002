package bip340

import "sync"

// gWindow is the width of the windows of the multiples of G, gSize how many odd multiples of
// a point that takes.
const (
	gWindow = 10
	gSize   = 1 << (gWindow - 2)
)

// gTables holds (2i+1)·G and (2i+1)·2¹²⁸·G: 32 KiB. A multiple of G is a sum of two of 128 bits.
type gTables struct {
	low, high [gSize]affine
}

// theGTables builds the tables at the first call, in about a tenth of a millisecond.
var theGTables = sync.OnceValue(func() *gTables {
	t := new(gTables)
	var r jacobian
	r.setAffine(&generator)
	for range 128 {
		r.double()
	}
	high := r.toAffine()
	oddMultiples(t.low[:], &generator)
	oddMultiples(t.high[:], &high)
	return t
})

// oddMultiples sets t to a, 3a, 5a, …
func oddMultiples(t []affine, a *affine) {
	var d jacobian
	d.setAffine(a)
	d.double()
	twice := d.toAffine()
	acc := make([]jacobian, len(t))
	acc[0].setAffine(a)
	for i := 1; i < len(t); i++ {
		acc[i] = acc[i-1]
		acc[i].addAffine(&twice)
	}
	// One inversion for all.
	prods := make([]fe, len(t)+1)
	prods[0] = feOne
	for i := range acc {
		prods[i+1].mul(&prods[i], &acc[i].z)
	}
	var inv, zi, zz fe
	inv.inv(&prods[len(t)])
	for i := len(t) - 1; i >= 0; i-- {
		zi.mul(&inv, &prods[i])
		inv.mul(&inv, &acc[i].z)
		zz.sqr(&zi)
		t[i].x.mul(&acc[i].x, &zz)
		zz.mul(&zz, &zi)
		t[i].y.mul(&acc[i].y, &zz)
	}
}
