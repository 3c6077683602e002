package bip340

import (
	"hash/maphash"
	"math/bits"
)

// MaxBatch is how many signatures are verified as one; longer batches are cut.
const MaxBatch = 1024

// minBatch is how many signatures it takes for one sum to be faster than one after the other.
const minBatch = 4

// entry is a signature of the batch that is worked on whose parts are in range.
type entry struct {
	at     int32 // in the batch
	author int32
	ok     bool // r is on the curve
	r      affine
	z      half // the random weight
	s, e   scalar
	zs, ze scalar // z·s, z·e
}

// author is a public key of the batch that is worked on.
type author struct {
	p     affine
	betaX fe
	key   uint64 // of the cache
	first int32  // an item of it
	ok    bool   // p is on the curve
	known bool   // to the cache
	in    int32  // the mark of the sum that coef belongs to; 0 is none yet
	coef  scalar // the sum of the ze
}

// VerifyBatch sets valid[i] to whether items[i] is a signature by BIP-340, and reports whether
// all are. valid must be at least as long as items.
//
// What is refused is wrong. What is accepted is genuine but for a chance of about 2⁻¹²⁸,
// whoever made the signatures of the batch, and however they fit together.
func (v *Verifier) VerifyBatch(items []Item, valid []bool) bool {
	valid = valid[:len(items)]
	all := true
	for len(items) > 0 {
		// parts of equal size
		parts := (len(items) + MaxBatch - 1) / MaxBatch
		n := (len(items) + parts - 1) / parts
		if !v.verifyPart(items[:n], valid[:n]) {
			all = false
		}
		items, valid = items[n:], valid[n:]
	}
	return all
}

func (v *Verifier) verifyPart(items []Item, valid []bool) bool {
	if len(items) < minBatch {
		all := true
		for i := range items {
			valid[i] = v.VerifyOne(items[i].Pub, items[i].Msg, items[i].Sig)
			all = all && valid[i]
		}
		return all
	}
	clear(valid)
	v.collect(items)
	v.liftAll()
	v.weigh(items)
	if len(v.entries) > 0 {
		var diff jacobian
		v.difference(&diff, 0, len(v.entries))
		if diff.isInfinity() {
			v.accept(0, len(v.entries), valid)
		} else {
			v.budget = len(v.entries) * bisectionBudget
			v.settled, v.wrong = 0, 0
			v.bisect(0, len(v.entries), &diff, valid)
		}
	}
	v.keep(items, valid)
	for _, ok := range valid {
		if !ok {
			return false
		}
	}
	return true
}

// collect makes an entry of every item whose parts are in range.
func (v *Verifier) collect(items []Item) {
	if v.entries = v.entries[:0]; cap(v.entries) < len(items) {
		v.entries = make([]entry, 0, len(items)) // append would take nearly twice as much
	}
	v.authors = v.authors[:0]
	v.mark = 0 // as in new authors: the first sum's is 1
	v.table = resize(v.table, 1<<bits.Len(uint(2*len(items))))
	for i := range v.table {
		v.table[i] = -1
	}
	for i := range items {
		e := entry{at: int32(i)}
		if !parseSig(&e.r.x, &e.s, items[i].Sig) {
			continue
		}
		if e.author = v.author(items, int32(i)); e.author < 0 {
			continue
		}
		v.entries = append(v.entries, e)
	}
}

// author returns the index of the author of items[at], or −1 if its key is not below p.
func (v *Verifier) author(items []Item, at int32) int32 {
	pub := items[at].Pub
	var key uint64
	if v.keys != nil {
		key = v.keys.hash(pub)
	} else {
		key = maphash.Bytes(v.seed, pub[:])
	}
	mask := uint64(len(v.table) - 1)
	slot := key & mask
	for v.table[slot] >= 0 {
		a := &v.authors[v.table[slot]]
		if a.key == key && *items[a.first].Pub == *pub {
			return v.table[slot]
		}
		slot = (slot + 1) & mask
	}
	a := author{key: key, first: at}
	if !a.p.x.setBytes(pub) {
		return -1
	}
	if v.keys.get(key, &a.p.x, &a.p.y) {
		a.ok, a.known = true, true
	}
	v.authors = append(v.authors, a)
	v.table[slot] = int32(len(v.authors) - 1)
	return v.table[slot]
}

// liftAll lifts the points of the batch, two at a time, and drops the entries of which one is
// not on the curve.
func (v *Verifier) liftAll() {
	var p *affine // waits for a second one
	var ok *bool
	lift := func(q *affine, okQ *bool) {
		if p == nil {
			p, ok = q, okQ
			return
		}
		*ok, *okQ = liftBoth(p, q)
		p = nil
	}
	for i := range v.authors {
		if a := &v.authors[i]; !a.ok {
			lift(&a.p, &a.ok)
		}
	}
	for i := range v.entries {
		lift(&v.entries[i].r, &v.entries[i].ok)
	}
	if p != nil {
		*ok = p.lift()
	}
	for i := range v.authors {
		a := &v.authors[i]
		a.betaX.mul(&a.p.x, &feBeta)
	}
	kept := v.entries[:0]
	for i := range v.entries {
		if e := &v.entries[i]; e.ok && v.authors[e.author].ok {
			kept = append(kept, *e)
		}
	}
	v.entries = kept
}

// weigh computes the challenges and draws the weights.
func (v *Verifier) weigh(items []Item) {
	for i := range v.entries {
		e := &v.entries[i]
		item := &items[e.at]
		v.hash.challenge(&e.e, item.Sig, item.Pub, item.Msg)
		e.z = half{lo: v.weights.Uint64(), hi: v.weights.Uint64()}
		z := scalar{e.z.lo, e.z.hi}
		e.zs.mul(&z, &e.s)
		e.ze.mul(&z, &e.e)
	}
}

// difference sets d to the sum of z·(R + e·P − s·G) over the entries from low up to high: it
// is infinity if all are genuine, and only by a chance of 2⁻¹²⁸ if not.
func (v *Verifier) difference(d *jacobian, low, high int) {
	v.mark++
	m := &v.msm
	m.reset()
	var g scalar
	v.touched = v.touched[:0]
	for i := low; i < high; i++ {
		e := &v.entries[i]
		m.addHalf(&e.r, e.z)
		g.add(&g, &e.zs)
		a := &v.authors[e.author]
		if a.in != v.mark {
			a.in = v.mark
			a.coef = e.ze
			v.touched = append(v.touched, e.author)
		} else {
			a.coef.add(&a.coef, &e.ze)
		}
	}
	for _, i := range v.touched {
		a := &v.authors[i]
		m.addScalar(&a.p, &a.betaX, &a.coef)
	}
	g.neg(&g)
	m.setG(&g)
	m.sum(d)
}

func (v *Verifier) accept(low, high int, valid []bool) {
	for i := low; i < high; i++ {
		valid[v.entries[i].at] = true
	}
	v.settled += high - low
}

// keep puts the keys of accepted signatures into the cache.
func (v *Verifier) keep(items []Item, valid []bool) {
	if v.keys == nil {
		return
	}
	for i := range v.entries {
		e := &v.entries[i]
		a := &v.authors[e.author]
		if !a.known && valid[e.at] {
			a.known = true
			v.keys.put(a.key, &a.p.x, &a.p.y)
		}
	}
}

// A bisection ends, and what is left is settled one by one, when each signature of the batch has
// on average taken part in so many further sums, or when so large a share of those settled is
// wrong that there is little to be accepted as a whole. The share counts from a few settled on.
const (
	bisectionBudget = 3
	wrongShare      = 10 // one in so many
	wrongCounts     = 16
)

// bisect finds the wrong ones among the entries from low up to high, whose difference is not
// infinity. The difference of the right half is known once that of the left is.
func (v *Verifier) bisect(low, high int, diff *jacobian, valid []bool) {
	n := high - low
	if n == 1 {
		v.settled++
		v.wrong++
		return // its difference alone is not infinity
	}
	if n == 2 || v.budget < n/2 || v.settled >= wrongCounts && v.wrong*wrongShare > v.settled {
		v.settleEach(low, high, valid)
		return
	}
	mid := low + n/2
	v.budget -= n / 2
	var left, right jacobian
	v.difference(&left, low, mid)
	if left.isInfinity() {
		v.accept(low, mid, valid)
		v.bisect(mid, high, diff, valid)
		return
	}
	right = left
	right.neg()
	right.add(diff)
	if right.isInfinity() {
		v.accept(mid, high, valid)
	} else {
		v.bisect(mid, high, &right, valid)
	}
	v.bisect(low, mid, &left, valid)
}

func (v *Verifier) settleEach(low, high int, valid []bool) {
	for i := low; i < high; i++ {
		e := &v.entries[i]
		if v.verifyLifted(&e.r, &v.authors[e.author].p, &e.e, &e.s) {
			valid[e.at] = true
		} else {
			v.wrong++
		}
	}
	v.settled += high - low
}
