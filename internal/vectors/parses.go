package vectors

import (
	"encoding/json"
	"testing"

	"github.com/gennostr/gennostr/nostr"
)

// A Parse is a row of the file of threads, reposts, comments, reactions and mentions.
type Parse struct {
	NIP     int
	Name    string
	ID      string       // of a captured event
	Event   *nostr.Event // that event, or one made for the row; nil if there is a Text only
	Content *string      // a text without an event
	Expect  json.RawMessage
}

// Text is the content that the row is about.
func (p Parse) Text() string {
	if p.Content != nil {
		return *p.Content
	}
	return p.Event.Content
}

// Want reads what the row expects into v.
func (p Parse) Want(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(p.Expect, v); err != nil {
		t.Fatal(err)
	}
}

// Parses returns the rows for one NIP. Those about a captured event have its ID for a name.
func Parses(t testing.TB, nip int) (rows []Parse) {
	t.Helper()
	real := RealEvents(t)
	for _, line := range Lines(t, "nip10-18-22-25-27.jsonl") {
		var row Parse
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row.NIP != nip {
			continue
		}
		if row.ID != "" {
			row.Name, row.Event = row.ID, real[row.ID]
		}
		if row.Event == nil && row.Content == nil {
			t.Fatalf("row %q has no event", row.Name)
		}
		rows = append(rows, row)
	}
	return rows
}
