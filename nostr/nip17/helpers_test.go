package nip17_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

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

// open opens a file of the shared test data.
func open(t *testing.T, name string) *os.File {
	t.Helper()
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared test data: set GENNOSTR_TESTDATA to its folder")
	}
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// lines calls each with every line of a file of the shared test data.
func lines(t *testing.T, name string, each func(line []byte)) {
	t.Helper()
	s := bufio.NewScanner(open(t, name))
	s.Buffer(nil, 2<<20)
	for s.Scan() {
		each(s.Bytes())
	}
	require.NoError(t, s.Err())
}
