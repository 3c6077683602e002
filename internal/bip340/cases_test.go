package bip340_test

import (
	"math/big"
	"math/rand/v2"

	"crypto/sha256"
	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/gennostr/gennostr/internal/bip340"
)

var (
	fieldPrime, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", 16)
	curveOrder, _ = new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	lambda, _     = new(big.Int).SetString("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72", 16)
)

// pair is a scalar and the x of its multiple of G, of which y is even: a secret key and its
// public key, or a nonce and its R.
type pair struct {
	k btcec.ModNScalar
	x [32]byte
}

func newPair(k *big.Int) pair {
	var p pair
	var buf [32]byte
	new(big.Int).Mod(k, curveOrder).FillBytes(buf[:])
	p.k.SetBytes(&buf)
	var r btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&p.k, &r)
	r.ToAffine()
	if r.Y.IsOdd() {
		p.k.Negate()
	}
	p.x = *r.X.Bytes()
	return p
}

// caseMaker makes signatures, right ones and wrong ones, much faster than signing: it uses
// keys and nonces again and again, which a verifier cannot know.
type caseMaker struct {
	*rand.Rand
	keys, nonces []pair
}

func newCaseMaker(seed uint64, pairs int) *caseMaker {
	m := &caseMaker{Rand: rand.New(rand.NewPCG(seed, 21))}
	one := big.NewInt(1)
	special := []*big.Int{
		one, big.NewInt(2), big.NewInt(3), big.NewInt(4), big.NewInt(5), big.NewInt(7), big.NewInt(15),
		big.NewInt(16), big.NewInt(17), big.NewInt(31), big.NewInt(511), big.NewInt(512), big.NewInt(1023),
		lambda, new(big.Int).Add(lambda, one), new(big.Int).Mul(lambda, lambda), new(big.Int).Lsh(lambda, 1),
		new(big.Int).Rsh(curveOrder, 1), new(big.Int).Add(new(big.Int).Rsh(curveOrder, 1), one),
		new(big.Int).Sub(curveOrder, one), new(big.Int).Sub(curveOrder, big.NewInt(2)),
		new(big.Int).Lsh(one, 64), new(big.Int).Lsh(one, 127), new(big.Int).Lsh(one, 128), new(big.Int).Lsh(one, 129),
		new(big.Int).Add(new(big.Int).Lsh(one, 128), one), new(big.Int).Lsh(one, 255),
	}
	for _, k := range special {
		m.keys = append(m.keys, newPair(k))
		m.nonces = append(m.nonces, newPair(k))
	}
	for range pairs {
		m.keys = append(m.keys, newPair(m.bigInt()))
		m.nonces = append(m.nonces, newPair(m.bigInt()))
	}
	return m
}

func (m *caseMaker) bigInt() *big.Int {
	buf := m.bytes()
	return new(big.Int).SetBytes(buf[:])
}

func (m *caseMaker) bytes() (b [32]byte) {
	for i := range b {
		b[i] = byte(m.Uint64())
	}
	return b
}

var challengeTag = sha256.Sum256([]byte("BIP0340/challenge"))

func challengeOf(r, pub, msg *[32]byte) (e btcec.ModNScalar) {
	var in [160]byte
	copy(in[0:], challengeTag[:])
	copy(in[32:], challengeTag[:])
	copy(in[64:], r[:])
	copy(in[96:], pub[:])
	copy(in[128:], msg[:])
	h := sha256.Sum256(in[:])
	e.SetBytes(&h)
	return e
}

// signature returns what key and nonce sign msg with: r, and nonce + e·key.
func signature(key, nonce *pair, msg *[32]byte) *[64]byte {
	e := challengeOf(&nonce.x, &key.x, msg)
	e.Mul(&key.k).Add(&nonce.k)
	var sig [64]byte
	copy(sig[:], nonce.x[:])
	e.PutBytesUnchecked(sig[32:])
	return &sig
}

func (m *caseMaker) key() *pair   { return &m.keys[m.IntN(len(m.keys))] }
func (m *caseMaker) nonce() *pair { return &m.nonces[m.IntN(len(m.nonces))] }

// special returns one of the pairs that both keys and nonces begin with.
func (m *caseMaker) special() *pair { return &m.keys[m.IntN(27)] }

// good returns a genuine signature.
func (m *caseMaker) good() bip340.Item {
	key, nonce, msg := m.key(), m.nonce(), m.bytes()
	pub := key.x
	return bip340.Item{Pub: &pub, Msg: &msg, Sig: signature(key, nonce, &msg)}
}

// crafted returns a signature that was tampered with, or made of special parts. Some of them
// are genuine.
func (m *caseMaker) crafted() bip340.Item {
	item := m.good()
	s := (*[32]byte)(item.Sig[32:])
	setS := func(k *btcec.ModNScalar) { k.PutBytes(s) }
	switch m.IntN(20) {
	case 0: // a bit of the signature
		item.Sig[m.IntN(64)] ^= 1 << m.IntN(8)
	case 1: // a bit of the key: half of them are off the curve then
		item.Pub[m.IntN(32)] ^= 1 << m.IntN(8)
	case 2: // a bit of the message
		item.Msg[m.IntN(32)] ^= 1 << m.IntN(8)
	case 3: // any r
		*(*[32]byte)(item.Sig[:32]) = m.bytes()
	case 4: // −s
		var k btcec.ModNScalar
		k.SetBytes(s)
		setS(k.Negate())
	case 5: // s = 0
		*s = [32]byte{}
	case 6: // R with an odd y: −k + e·d
		key, nonce := m.key(), *m.nonce()
		nonce.k.Negate()
		*item.Pub = key.x
		*item.Sig = *signature(key, &nonce, item.Msg)
	case 7: // R is infinity, r whatever
		key := m.key()
		r := m.nonce().x
		switch m.IntN(4) {
		case 0:
			r = [32]byte{}
		case 1:
			r = [32]byte{31: 1}
		}
		e := challengeOf(&r, &key.x, item.Msg)
		e.Mul(&key.k)
		*item.Pub = key.x
		copy(item.Sig[:], r[:])
		e.PutBytesUnchecked(item.Sig[32:])
	case 8: // R = P
		p := m.key()
		*item.Pub = p.x
		*item.Sig = *signature(p, p, item.Msg)
	case 9: // R = P, the nonce negated
		p := m.key()
		q := *p
		q.k.Negate()
		*item.Pub = p.x
		*item.Sig = *signature(p, &q, item.Msg)
	case 10, 11: // P = G and the like
		p, q := m.special(), m.special()
		*item.Pub = p.x
		*item.Sig = *signature(p, q, item.Msg)
	case 12: // the odd key signs
		p := *m.key()
		p.k.Negate()
		*item.Pub = p.x
		*item.Sig = *signature(&p, m.nonce(), item.Msg)
	case 13: // s out of range, or close to it
		k := new(big.Int).Add(curveOrder, big.NewInt(int64(m.IntN(5)-2)))
		k.FillBytes(s[:])
	case 14: // r out of range, or close to it
		k := new(big.Int).Add(fieldPrime, big.NewInt(int64(m.IntN(9)-4)))
		k.FillBytes(item.Sig[:32])
	case 15: // the key out of range, or close to it
		k := new(big.Int).Add(fieldPrime, big.NewInt(int64(m.IntN(9)-4)))
		k.FillBytes(item.Pub[:])
	case 16: // a neighbour of s
		var k, one btcec.ModNScalar
		k.SetBytes(s)
		setS(k.Add(one.SetInt(1)))
	case 17: // all ones, all zeros
		fill := byte(m.IntN(2)) * 0xFF
		for i := range item.Sig {
			item.Sig[i] = fill
		}
	case 18: // another's signature
		*item.Sig = *m.good().Sig
	case 19: // e·d without a nonce, as if R were infinity, but for k = 0 in r
		key := m.special()
		*item.Pub = key.x
	}
	return item
}

// cancelling returns two wrong signatures whose errors cancel if both have the same weight.
func (m *caseMaker) cancelling() [2]bip340.Item {
	a, b := m.good(), m.good()
	var d, s btcec.ModNScalar
	buf := m.bytes()
	if m.IntN(2) == 0 {
		buf = [32]byte{31: byte(1 + m.IntN(3))}
	}
	d.SetBytes(&buf)
	s.SetByteSlice(a.Sig[32:])
	s.Add(&d)
	s.PutBytesUnchecked(a.Sig[32:])
	d.Negate()
	s.SetByteSlice(b.Sig[32:])
	s.Add(&d)
	s.PutBytesUnchecked(b.Sig[32:])
	return [2]bip340.Item{a, b}
}

// batch returns so many cases, of which about so many in a hundred are crafted.
func (m *caseMaker) batch(n, percent int) []bip340.Item {
	items := make([]bip340.Item, 0, n+1)
	for len(items) < n {
		switch {
		case m.IntN(100) >= percent:
			items = append(items, m.good())
		case m.IntN(10) == 0:
			two := m.cancelling()
			items = append(items, two[0], two[1])
		case m.IntN(10) == 0 && len(items) > 0: // once more
			items = append(items, items[m.IntN(len(items))])
		default:
			items = append(items, m.crafted())
		}
	}
	m.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items[:n]
}
