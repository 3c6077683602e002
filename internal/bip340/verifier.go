package bip340

import (
	"crypto/rand"
	"hash/maphash"
	mathrand "math/rand/v2"
)

// An Item is a signature to verify: BIP-340's pk, m and sig. What it points to must not
// change while it is verified.
type Item struct {
	Pub *[32]byte
	Msg *[32]byte
	Sig *[64]byte
}

// A Verifier verifies signatures, and owns the scratch space for that: about 1 MB after its
// first batch of MaxBatch, and no allocation from then on. It is for one goroutine at a time;
// workers have one each.
type Verifier struct {
	keys *KeyCache
	hash challenger
	one  straussOne

	weights *mathrand.ChaCha8
	seed    maphash.Seed
	entries []entry
	authors []author
	table   []int32 // of authors, by hash, open; -1 is free
	msm     msm
	touched []int32 // the authors of the sum that is made
	mark    int32   // the number of that sum, within a batch
	budget  int     // how many more signatures may go into sums, while a batch is bisected
	settled int     // how many are settled
	wrong   int     // how many of those are wrong
}

// New returns a Verifier that looks up and keeps public keys in keys, which may be nil.
func New(keys *KeyCache) *Verifier {
	theGTables()
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	return &Verifier{
		keys:    keys,
		hash:    newChallenger(),
		weights: mathrand.NewChaCha8(seed),
		seed:    maphash.MakeSeed(),
	}
}

// VerifyOne reports whether sig is a signature of pub over msg, by BIP-340.
func (v *Verifier) VerifyOne(pub, msg *[32]byte, sig *[64]byte) bool {
	var c candidate
	if !v.admit(&c, pub, sig) {
		return false
	}
	var e scalar
	v.hash.challenge(&e, sig, pub, msg)
	if !v.verifyLifted(&c.r, &c.p, &e, &c.s) {
		return false
	}
	if !c.known {
		v.keys.put(c.key, &c.p.x, &c.p.y)
	}
	return true
}

// candidate is a signature and a key whose parts are what they should be.
type candidate struct {
	r, p  affine
	s     scalar
	key   uint64 // of the cache
	known bool   // to the cache
}

// admit fills c and reports whether r and pub are below p, s below n, and both points are on
// the curve.
func (v *Verifier) admit(c *candidate, pub *[32]byte, sig *[64]byte) bool {
	if !parseSig(&c.r.x, &c.s, sig) || !c.p.x.setBytes(pub) {
		return false
	}
	c.key = v.keys.hash(pub)
	c.known = v.keys.get(c.key, &c.p.x, &c.p.y)
	if c.known {
		return c.r.lift()
	}
	okR, okP := liftBoth(&c.r, &c.p)
	return okR && okP
}

// parseSig sets rx and s to the halves of sig and reports whether both are in range.
func parseSig(rx *fe, s *scalar, sig *[64]byte) bool {
	return rx.setBytes((*[32]byte)(sig[:32])) && s.setBytes((*[32]byte)(sig[32:]))
}

// verifyLifted reports whether s·G − e·P is R. That R's y is even was seen to by lifting it,
// and it is not infinity.
func (v *Verifier) verifyLifted(r, p *affine, e, s *scalar) bool {
	var minusE scalar
	var got jacobian
	minusE.neg(e)
	v.one.multiply(&got, p, &minusE, s)
	return got.equalAffine(r)
}

// lift sets y to the even one that belongs to x, and reports whether x is on the curve.
func (a *affine) lift() bool {
	a.y.curveRHS(&a.x)
	if !a.y.sqrt(&a.y) {
		return false
	}
	a.y.makeEven()
	return true
}

// liftBoth lifts two points in much less time than one after the other.
func liftBoth(a, b *affine) (okA, okB bool) {
	var y fePair
	y[0].curveRHS(&a.x)
	y[1].curveRHS(&b.x)
	okA, okB = y.sqrt(&y)
	a.y, b.y = y[0], y[1]
	a.y.makeEven()
	b.y.makeEven()
	return okA, okB
}
