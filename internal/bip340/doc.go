// Package bip340 verifies Schnorr signatures by BIP-340, one by one or many at once, several
// times faster than btcec. It handles public data only: nothing here runs in constant time, and
// nothing here may ever see a secret. It has no cgo, no assembly and no unsafe.
//
// A [Verifier] is a worker's own: it holds scratch space and is for one goroutine at a time. A
// [KeyCache] may be shared by all. A [Guard], shared by all too, has btcec confirm a part of the
// verdicts, and hands over to btcec for good if it ever contradicts.
//
// # How one signature is verified
//
// r, s and the key are in range, and r and the key are lifted to points R and P with an even
// y, with both square roots at a time. Then s·G − e·P must be R. Since R has been lifted, that
// its y is even and that it is not infinity need no look at the affine y of the result, and so no
// inversion: x·z² and y·z³ are compared. The sum is taken bit by bit (Strauss): e·P is split by
// the curve's endomorphism, s at its middle, so that there are 128 doublings and four multiples
// in windowed non-adjacent form. G has a table of 32 KiB, built once for the process.
//
// # How many are
//
// With a random weight z of 128 bits for each, the sum of z·(R + e·P − s·G) must be infinity.
// The multiples of one author's P become one, all those of G become one. A few are summed like
// a single signature; some dozens with the points of each bit added up first, hundreds in
// buckets (Pippenger). What is added up first is added as affine points, thousands at a time,
// which share one inversion: see sums.
//
// A batch that fails is cut in halves. The sum over one half is computed, the other's is what
// is missing to the whole. Where that does not pay, signatures are settled one by one.
//
// # Invariants that are easy to break
//
//   - A field element (fe) is any 256-bit value and stands for its residue: there are no other
//     magnitudes to keep track of, every operation takes and returns any such value. So 0 has two
//     forms, and so have the other residues below 2³² + 977. Limbs are compared only after
//     normalize; isZero, isOdd, equal and bytes see to it themselves.
//   - The folds of a carry carry again only for operands close to 2²⁵⁶ or with a product close
//     to 0 mod p. No random test reaches that: a change to the arithmetic needs the edges of
//     field_test.go, and the coverage of every branch.
//   - A scalar is always below n.
//   - An affine point is never infinity. A sum of a list that is infinity has no point.
//   - No point is trusted to be on the curve by the formulas, which never look at the 7: it is
//     liftAll and admit that let only such points in.
//   - In batched additions, two points of the same x are doubled or cancel; the denominator that
//     is multiplied into the shared product must never be 0, or all of them are lost.
//   - Weights are drawn after the batch is fixed, from a generator seeded by crypto/rand, and not
//     shown to anybody.
//   - Only keys of accepted signatures enter the KeyCache.
package bip340
