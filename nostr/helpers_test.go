package nostr_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func signed(t *testing.T, ev nostr.Event) *nostr.Event {
	t.Helper()
	require.NoError(t, ev.Sign(keyOne))
	return &ev
}

func idOf(serialized string) nostr.ID { return sha256.Sum256([]byte(serialized)) }

// testdata is the folder of the shared test data.
func testdata(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(t, err)
		for !exists(filepath.Join(root, "go.mod")) && root != filepath.Dir(root) {
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	if !exists(dir) {
		t.Skip("no shared test data: set GENNOSTR_TESTDATA to its folder")
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lines calls each with every line of a file of the shared test data, and returns how many there were.
func lines(t *testing.T, name string, each func(line []byte)) (n int) {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata(t), name))
	require.NoError(t, err)
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

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

func unmarshal(t *testing.T, data string, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(data), v))
}
