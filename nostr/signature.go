package nostr

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
)

// CheckSignature returns nil if e.Sig is a BIP-340 signature of e.PubKey over e.ID, else
// an error that is [ErrBadSignature]. It proves nothing about the other fields:
// that takes [Event.CheckID] too.
func (e *Event) CheckSignature() error {
	if err := verifySignature(&e.Sig, &e.PubKey, &e.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	return nil
}

func (sk SecretKey) sign(id ID) (Sig, error) {
	var aux [32]byte
	rand.Read(aux[:])
	return signWith(sk.k, id, &aux)
}

// verifySignature is Verify of BIP-340, in the words of its section "Verification".
func verifySignature(sig *Sig, pub *PubKey, id *ID) error {
	point, err := btcec.ParsePubKey(append([]byte{2}, pub[:]...))
	if err != nil {
		return errors.New("public key is not on the curve")
	}
	var r btcec.FieldVal
	var s btcec.ModNScalar
	if r.SetByteSlice(sig[:32]) {
		return errors.New("r is not below the field's prime")
	}
	if s.SetByteSlice(sig[32:]) {
		return errors.New("s is not below the curve's order")
	}
	e := challenge(sig[:32], pub, id)
	e.Negate()
	var p, sG, eP, sum btcec.JacobianPoint
	point.AsJacobian(&p)
	btcec.ScalarBaseMultNonConst(&s, &sG)
	btcec.ScalarMultNonConst(&e, &p, &eP)
	btcec.AddNonConst(&sG, &eP, &sum)
	if sum.X.IsZero() && sum.Y.IsZero() || sum.Z.IsZero() {
		return errors.New("the point R is at infinity")
	}
	sum.ToAffine()
	if sum.Y.IsOdd() || !r.Equals(&sum.X) {
		return errors.New("not made by this key for this id")
	}
	return nil
}

// signWith is Sign of BIP-340, in the words of its section "Default Signing", with its
// verification at the end.
func signWith(key *secret, id ID, aux *[32]byte) (Sig, error) {
	priv := key.open()
	d := priv.Key
	if priv.PubKey().SerializeCompressed()[0] == 3 {
		d.Negate()
	}
	defer d.Zero()

	t := d.Bytes()
	defer clear(t[:])
	for i, b := range taggedHash("BIP0340/aux", aux[:]) {
		t[i] ^= b
	}
	seed := taggedHash("BIP0340/nonce", t[:], key.pub[:], id[:])
	defer clear(seed[:])
	var k btcec.ModNScalar
	defer k.Zero()
	k.SetBytes(&seed)
	if k.IsZero() {
		return Sig{}, errors.New("nostr: signing: the nonce is zero")
	}

	var r btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&k, &r)
	r.ToAffine()
	if r.Y.IsOdd() {
		k.Negate()
	}
	var sig Sig
	r.X.PutBytesUnchecked(sig[:32])
	s := challenge(sig[:32], &key.pub, &id)
	s.Mul(&d).Add(&k)
	s.PutBytesUnchecked(sig[32:])
	if err := verifySignature(&sig, &key.pub, &id); err != nil {
		return Sig{}, fmt.Errorf("nostr: signing: the signature does not verify: %w", err)
	}
	return sig, nil
}

func challenge(r []byte, pub *PubKey, id *ID) (e btcec.ModNScalar) {
	h := taggedHash("BIP0340/challenge", r, pub[:], id[:])
	e.SetBytes(&h)
	return e
}

func taggedHash(tag string, parts ...[]byte) (sum [32]byte) {
	tagSum := sha256.Sum256([]byte(tag))
	h := sha256.New()
	h.Write(tagSum[:])
	h.Write(tagSum[:])
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}
