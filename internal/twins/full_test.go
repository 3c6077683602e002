package twins_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/twins"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// weight is what the lists of an event's tags take, as the intake counts it, in bytes.
func weight(e *nostr.Event) (n int) {
	for _, tag := range e.Tags {
		n += 24 + 16*len(tag)
	}
	return n
}

// A table that is full takes the room for its JSON and at most four times as much again,
// whatever the events are: most for short ones of as many tags as are kept.
// Shows B08.
func TestAFullTableTakesWhatItSays(t *testing.T) {
	tags := func(n int, tag nostr.Tag) nostr.Tags { return slices.Repeat(nostr.Tags{tag}, n) }
	for what, e := range map[string]nostr.Event{
		"the shortest":                  {},
		"notes":                         {Content: strings.Repeat("n", 300)},
		"short ones of empty tags":      {Tags: tags(21, nostr.Tag{""})},
		"short ones of tags":            {Tags: tags(12, nostr.Tag{"t", "a thing"})},
		"longer ones of empty tags":     {Tags: tags(40, nostr.Tag{""}), Content: strings.Repeat("n", 500)},
		"long ones of tags":             {Tags: tags(260, nostr.Tag{"t", "a thing or two it is"})},
		"long ones of tags and content": {Tags: tags(400, nostr.Tag{""}), Content: strings.Repeat("n", 5_700)},
	} {
		t.Run(what, func(t *testing.T) {
			table := warm()
			size := 0
			add := func(n int) {
				e.CreatedAt = nostr.Timestamp(1_000_000_000 + n)
				json := e.AppendJSON(nil)
				parsed, _, err := nostr.ParseEvent(json)
				require.NoError(t, err)
				require.LessOrEqual(t, weight(parsed), 2*len(json), "it is kept")
				table.Add(json, parsed, weight(parsed))
				size = len(json)
			}
			before := kit.Heap()
			add(0)
			for range 1000 {
				table.Saw(true, false)
			}
			for n := range 3 * twins.MaxBytes / size {
				add(n)
			}
			grown := kit.Heap() - before
			t.Logf("%d events of %d bytes, their lists %.2f times as much: %.2f times MaxBytes", table.Len(), size, float64(weight(&e))/float64(size), float64(grown)/twins.MaxBytes)
			assert.Equal(t, twins.MaxBytes, table.Bytes())
			assert.GreaterOrEqual(t, table.Len()*size, twins.MaxBytes-twins.MaxJSON, "it is full")
			assert.Less(t, grown, int64(5*twins.MaxBytes))
			runtime.KeepAlive(table)
		})
	}
}
