// Package vectors opens the shared test data, which lies beside the repository and not in it:
// in the folder that GENNOSTR_TESTDATA names, else in ../shared/data as seen from the
// module's root. Tests that ask for it are skipped where it is not.
package vectors

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gennostr/gennostr/nostr"
)

// Read returns a file of the shared data.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no shared test data: set GENNOSTR_TESTDATA to its folder")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// JSON reads a file of the shared data into v.
func JSON(t testing.TB, name string, v any) {
	t.Helper()
	if err := json.Unmarshal(Read(t, name), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Lines returns the lines of a file of the shared data that are not empty.
func Lines(t testing.TB, name string) [][]byte {
	t.Helper()
	var lines [][]byte
	for line := range bytes.Lines(Read(t, name)) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

// RealEvents returns the captured events, by ID.
func RealEvents(t testing.TB) map[string]*nostr.Event {
	t.Helper()
	events := make(map[string]*nostr.Event)
	for _, line := range Lines(t, "real-events.jsonl") {
		ev, _, err := nostr.ParseEvent(line)
		if err != nil {
			t.Fatal(err)
		}
		events[ev.ID.String()] = ev
	}
	return events
}

// root is the folder of go.mod: tests run in the folder of their package.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}
