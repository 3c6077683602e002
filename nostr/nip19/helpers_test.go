package nip19_test

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/nostr"
)

const (
	npub      = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	nsec      = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
	note      = "note12fsqmnahla7ux0vupctkvsyx03we57v2wqdepjakkq79ad83hhsqg83l69"
	nprofile  = "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p"
	nevent    = "nevent1qqs0lvtq2hfp39hy9krkk8ztc8y8ck5hafs8sexs6umzfe2azz5vjcspz3mhxue69uhhyetvv9ujuerpd46hxtnfdupzq3svyhng9ld8sv44950j957j9vchdktj7cxumsep9mvvjthc2pjuqvzqqqqqqyt233p2"
	naddr     = "naddr1qq8yummnw3eyx6rfv9mx2mnwvypzq9eemymaerqvwdc25f6ctyuvzx0zt3qld3zp5hf5cmfc2qlrzdh0qvzqqqyx7cm9ctex"
	secretHex = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa" // of nsec
)

var (
	someKey = nostr.MustPubKeyFromHex("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e")
	someID  = nostr.MustIDFromHex("52600dcfb7ff7dc33d9c0e176640867c5d9a798a701b90cbb6b03c5eb4f1bde0")
)

func kind(k nostr.Kind) *nostr.Kind { return &k }

// tlv is one part: type, length, value.
func tlv(t byte, value string) string { return string([]byte{t, byte(len(value))}) + value }

// raw is bech32 of parts that Encode would not put together.
func raw(t testing.TB, prefix string, parts ...string) string {
	t.Helper()
	var data []byte
	for _, p := range parts {
		data = append(data, p...)
	}
	s, err := bech32.Encode(prefix, data)
	require.NoError(t, err)
	return s
}

// lines calls each with every line of a file of the shared test data, and returns how many there were.
func lines(t *testing.T, name string, each func(line []byte)) (n int) {
	t.Helper()
	f := open(t, name)
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		each(s.Bytes())
		n++
	}
	require.NoError(t, s.Err())
	return n
}

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
	return f
}
