package bip340

import (
	"crypto/sha256"
	"encoding"
	"hash"
	"sync"
)

// challengePrefix is the state of SHA-256 behind the first block of BIP-340's challenge: the
// hash of its tag, twice.
var challengePrefix = sync.OnceValue(func() []byte {
	tag := sha256.Sum256([]byte("BIP0340/challenge"))
	h := sha256.New()
	h.Write(tag[:])
	h.Write(tag[:])
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("bip340: the state of SHA-256 cannot be had: " + err.Error())
	}
	return state
})

// challenger hashes challenges without allocating.
type challenger struct {
	prefix []byte
	h      hash.Hash
	state  encoding.BinaryUnmarshaler // h
	in     [96]byte
	out    [32]byte
}

func newChallenger() challenger {
	h := sha256.New()
	return challenger{prefix: challengePrefix(), h: h, state: h.(encoding.BinaryUnmarshaler)}
}

// challenge sets e to BIP-340's int(hash(r || pub || msg)) mod n.
func (c *challenger) challenge(e *scalar, sig *[64]byte, pub, msg *[32]byte) {
	copy(c.in[:32], sig[:32])
	copy(c.in[32:64], pub[:])
	copy(c.in[64:], msg[:])
	if err := c.state.UnmarshalBinary(c.prefix); err != nil {
		panic("bip340: the state of SHA-256 cannot be set: " + err.Error()) // it could in challengePrefix
	}
	c.h.Write(c.in[:])
	c.h.Sum(c.out[:0])
	e.setBytes(&c.out)
}
