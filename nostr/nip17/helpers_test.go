package nip17_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
)

// A test key is the hash of "test key: " and a name.
func key(name string) nostr.SecretKey {
	sum := sha256.Sum256([]byte("test key: " + name))
	return nostr.MustSecretKeyFromHex(hex.EncodeToString(sum[:]))
}

var alice, bob, carol = key("alice"), key("bob"), key("carol")

func pks(keys ...nostr.SecretKey) []nostr.PubKey {
	var out []nostr.PubKey
	for _, k := range keys {
		out = append(out, k.PubKey())
	}
	return out
}

// lines calls each with every line of a file of the shared test data.
func lines(t *testing.T, name string, each func(line []byte)) {
	t.Helper()
	for _, line := range vectors.Lines(t, name) {
		each(line)
	}
}
