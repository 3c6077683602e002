package nostr

import "context"

// A Cipher encrypts texts for others and decrypts what they encrypted, with one secret key
// that may be at hand or with a remote signer (NIP-46). So its methods may take as
// long as ctx allows, and many goroutines may call them at once.
//
// Which scheme it is depends on who made it: nip44.Cipher is NIP-44, nip04.Cipher the legacy
// NIP-04. Whoever takes a Cipher and does not say otherwise means NIP-44.
//
// A payload is worth decrypting only when it came in an event that has been verified
// ([Event.Verify]): neither scheme says by itself who encrypted it.
type Cipher interface {
	// Encrypt encrypts plaintext, which is UTF-8, so that peer can read it (and so can
	// whoever holds the cipher's key). The result is fit to be an event's Content.
	Encrypt(ctx context.Context, peer PubKey, plaintext string) (payload string, err error)

	// Decrypt decrypts what was encrypted between peer and the cipher's key, by either of them.
	Decrypt(ctx context.Context, peer PubKey, payload string) (plaintext string, err error)
}

// A Keyer does all that takes an author's secret key: it signs, and encrypts by NIP-44. Both
// halves are for the same key. nip44.Keyer makes one of a [SecretKey]; a client of a
// remote signer is one.
type Keyer interface {
	Signer
	Cipher
}
