package nostr

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
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

func verifySignature(sig *Sig, pub *PubKey, id *ID) error {
	// schnorr.ParseSignature takes s modulo the order of the curve, where BIP-340 refuses.
	var s btcec.ModNScalar
	if s.SetByteSlice(sig[32:]) {
		return errors.New("s is not below the curve's order")
	}
	parsed, err := schnorr.ParseSignature(sig[:])
	if err != nil {
		return errors.New("r is not below the field's prime")
	}
	key, err := schnorr.ParsePubKey(pub[:])
	if err != nil {
		return errors.New("public key is not on the curve")
	}
	if !parsed.Verify(id[:], key) {
		return errors.New("not made by this key for this id")
	}
	return nil
}

func (sk SecretKey) sign(id ID) (Sig, error) {
	var aux [32]byte
	rand.Read(aux[:])
	return signWith(sk.k, id, &aux)
}

// signWith is Default Signing of BIP-340. Without CustomNonce btcec would derive the nonce by
// RFC 6979 instead; without FastSign it verifies what it made.
func signWith(key *secret, id ID, aux *[32]byte) (Sig, error) {
	s, err := schnorr.Sign(key.open(), id[:], schnorr.CustomNonce(*aux))
	if err != nil {
		return Sig{}, fmt.Errorf("nostr: signing: %w", err)
	}
	return Sig(s.Serialize()), nil
}
