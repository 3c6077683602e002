package nostr

import (
	"fmt"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// ECDH returns the secret that sk and peer share: the 32 bytes of the x coordinate of sk ⋅
// peer, not hashed, as NIP-44 and NIP-04 want it. peer's owner gets the same from
// [SecretKey.PubKey] of sk. The result is as secret as the key: derive from it, log it
// never. Package nip44 does all this.
//
// It fails with [ErrNoSecretKey], or with [ErrBadPubKey]. It takes some 100 microseconds,
// though not the same for all keys: btcec's multiplication does not run in constant time.
func (sk SecretKey) ECDH(peer PubKey) (shared [32]byte, err error) {
	if sk.IsZero() {
		return shared, ErrNoSecretKey
	}
	key, err := schnorr.ParsePubKey(peer[:])
	if err != nil {
		return shared, fmt.Errorf("%w: %s", ErrBadPubKey, peer)
	}
	var point, product btcec.JacobianPoint
	key.AsJacobian(&point)
	// The curve's order is prime and sk is neither zero nor a multiple of it, so that the
	// product is never the point at infinity.
	btcec.ScalarMultNonConst(&sk.k.open().Key, &point, &product)
	product.ToAffine()
	product.X.PutBytes(&shared)
	product = btcec.JacobianPoint{}
	return shared, nil
}
