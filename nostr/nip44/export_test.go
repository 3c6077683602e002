package nip44

import (
	"encoding/hex"

	"github.com/gennostr/gennostr/nostr"
)

// EncryptWithNonce is what vectors need.
var EncryptWithNonce = encrypt

var PaddedLen = paddedLen

const (
	Generation = generation
	MaxPayload = maxPayload
)

// MessageKeys returns what is derived for one message, as the vectors name it.
func MessageKeys(key ConversationKey, nonce []byte) (chachaKey, chachaNonce, hmacKey []byte, err error) {
	m, err := key.messageKeys(nonce)
	if err != nil {
		return nil, nil, nil, err
	}
	return m.chachaKey(), m.chachaNonce(), m.hmacKey(), nil
}

// Hex shows a key to tests.
func (c ConversationKey) Hex() string { return hex.EncodeToString(c.k.open()[:]) }

// Seal makes a payload of any padded text, also of what encrypt would never make.
func Seal(padded []byte, key ConversationKey, nonce *[32]byte) string {
	m, err := key.messageKeys(nonce[:])
	if err != nil {
		panic(err)
	}
	data := append(append([]byte{Version}, nonce[:]...), padded...)
	if err := m.chacha20(data[headSize:]); err != nil {
		panic(err)
	}
	return encoding.EncodeToString(m.appendMAC(data, data[1:]))
}

// Kept is how many conversation keys a cipher holds.
func Kept(c any) int {
	k := c.(*cipher).kept()
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.young) + len(k.old)
}

// Knows tells whether a cipher holds the key of its conversation with peer.
func Knows(c any, peer nostr.PubKey) bool {
	_, ok := c.(*cipher).kept().find(peer)
	return ok
}
