package bip340

import (
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// Reference is the verification that this package's is measured by: btcec's. It reports
// whether sig is a signature of pub over msg, by BIP-340.
func Reference(pub, msg *[32]byte, sig *[64]byte) bool {
	// schnorr.ParseSignature takes s modulo the order of the curve, where BIP-340 refuses.
	var s btcec.ModNScalar
	if s.SetByteSlice(sig[32:]) {
		return false
	}
	parsed, err := schnorr.ParseSignature(sig[:])
	if err != nil {
		return false
	}
	key, err := schnorr.ParsePubKey(pub[:])
	if err != nil {
		return false
	}
	return parsed.Verify(msg[:], key)
}
