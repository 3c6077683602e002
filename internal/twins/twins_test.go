package twins_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/twins"
	"github.com/gennostr/gennostr/nostr"
)

// event is an event and its JSON, size bytes of it.
func event(t testing.TB, n, size int) ([]byte, *nostr.Event) {
	e := &nostr.Event{CreatedAt: nostr.Timestamp(n), Tags: nostr.Tags{{"t", fmt.Sprint(n)}, {"x"}}}
	e.Content = strings.Repeat("c", size-len(e.AppendJSON(nil)))
	json := e.AppendJSON(nil)
	e, _, err := nostr.ParseEvent(json) // as it comes out of a frame
	require.NoError(t, err)
	return json, e
}

// warm makes a table that keeps events.
func warm() *twins.Table {
	t := twins.New()
	for range 400 {
		t.Saw(true, true)
	}
	return t
}

func TestNothingIsKeptBeforeDuplicatesCome(t *testing.T) {
	table := twins.New()
	assert.False(t, table.Hot())
	for range 1000 {
		table.Saw(false, false)
	}
	assert.False(t, table.Hot())
	for range 21 {
		table.Saw(true, false)
	}
	assert.False(t, table.Hot())
	table.Saw(true, false)
	assert.True(t, table.Hot(), "a handful of duplicates is enough")
}

func TestDuplicatesThatStopAreForgotten(t *testing.T) {
	table := warm()
	json, e := event(t, 1, 500)
	table.Add(json, e, 0)
	require.NotZero(t, table.Bytes())
	for range 700 {
		table.Saw(false, false)
		table.Saw(false, false)
		table.Saw(true, true)
	}
	require.NotNil(t, table.Find(json), "one duplicate in three is worth it")
	for range 1100 {
		table.Saw(false, false)
	}
	assert.False(t, table.Hot())
	assert.Zero(t, table.Bytes())
	assert.Nil(t, table.Find(json))
}

func TestWhatComesOutIsWhatCameOut(t *testing.T) {
	table := warm()
	json, e := event(t, 1, 500)
	table.Add(json, e, 0)
	want := e.Clone()
	e.Tags[0][0], e.Content = "spoiled", "by the handler that got it"
	require.Equal(t, want, table.Find(json))
	spoiled := []byte(string(json))
	copy(json, "spoiled")
	assert.Equal(t, want, table.Find(spoiled), "the bytes are copied too")
}

func TestEveryByteCounts(t *testing.T) {
	table := warm()
	json, e := event(t, 1, 500)
	table.Add(json, e, 0)
	for i := range json {
		json[i] ^= 1
		require.Nil(t, table.Find(json), "byte %d", i)
		json[i] ^= 1
	}
	assert.Nil(t, table.Find(json[1:]))
	assert.Nil(t, table.Find(append(json, ' ')))
	assert.Nil(t, table.Find(nil))
	assert.NotNil(t, table.Find(json))
}

// Events of all lengths go round and round in the ring: what is found is always
// right, and the latest are always there.
func TestTheLatestAreThere(t *testing.T) {
	table := warm()
	table.Grow()
	var jsons [][]byte
	var events []*nostr.Event
	for n := range 5000 {
		json, e := event(t, n, 400+n*7919%4000)
		table.Add(json, e, 0)
		jsons, events = append(jsons, json), append(events, e)
		for _, back := range []int{0, 1, 5, 12} { // of at most 4,400 bytes each: well within 64 KiB
			if n >= back {
				require.Equal(t, events[n-back], table.Find(jsons[n-back]), "%d of %d", n-back, n)
			}
		}
	}
	found := 0
	for i := range jsons {
		if got := table.Find(jsons[i]); got != nil {
			require.Equal(t, events[i], got)
			found++
		}
	}
	assert.Less(t, found, 300, "the others are forgotten")
	assert.Equal(t, found, table.Len())
}

func TestAnEventThatCameAWhileAgoIsKnownByItsID(t *testing.T) {
	table := twins.New()
	ids := make([]nostr.ID, 1000)
	for i := range ids {
		ids[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		require.False(t, table.Came(&ids[i]))
	}
	known := 0
	for i := range ids {
		if table.Came(&ids[i]) {
			known++
		}
	}
	assert.Greater(t, known, 500, "each has one place, which few share")
	table.Forget()
	assert.False(t, table.Came(&ids[0]))
}

func TestTheSameBytesAgainAreKeptOnce(t *testing.T) {
	table := warm()
	json, e := event(t, 1, 500)
	for range 1000 {
		table.Add(json, e, 0)
	}
	assert.Equal(t, 1, table.Len())
	assert.Equal(t, e, table.Find(json))
}

// Shows B08.
func TestMemoryIsBoundedAndGrowsOnlyWhenNeeded(t *testing.T) {
	table := warm()
	add := func(n int) {
		for i := range n {
			json, e := event(t, i, 1000)
			table.Add(json, e, 0)
		}
	}
	add(1000)
	assert.Equal(t, 64<<10, table.Bytes(), "nobody has missed what is forgotten")
	kept := table.Len()
	for range 1000 {
		table.Saw(true, false)
	}
	assert.Equal(t, twins.MaxBytes, table.Bytes())
	assert.Equal(t, kept, table.Len(), "what was there is still there")
	for i := range kept {
		json, e := event(t, 999-i, 1000)
		require.Equal(t, e, table.Find(json))
	}
	add(5000)
	assert.LessOrEqual(t, table.Len(), twins.MaxBytes/1000)

	long, e := event(t, 1, twins.MaxJSON+1)
	table.Add(long, e, 0)
	assert.Nil(t, table.Find(long), "too long")
	json, e := event(t, 1, 400)
	table.Add(json, e, 801)
	assert.Nil(t, table.Find(json), "too many tags")
	table.Add(json, e, 800)
	assert.NotNil(t, table.Find(json))
}

func TestL12ManyReadersAndWriters(t *testing.T) {
	table := warm()
	var jsons [][]byte
	var events []*nostr.Event
	for n := range 300 {
		json, e := event(t, n, 400)
		jsons, events = append(jsons, json), append(events, e)
	}
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			for i := range 4000 {
				n := (i*7 + r) % len(jsons)
				got := table.Find(jsons[n])
				if got == nil {
					table.Add(jsons[n], events[n], 0)
				} else if !assert.ObjectsAreEqual(events[n], got) {
					t.Errorf("event %d is another one", n)
				}
				table.Saw(i%5 > 0, got != nil)
				if i%1000 == 999 {
					table.Forget()
				}
			}
		})
	}
	readers.Wait()
}

func BenchmarkFind(b *testing.B) {
	table := warm()
	json, e := event(b, 1, 750)
	table.Add(json, e, 0)
	b.ReportAllocs()
	for b.Loop() {
		if table.Find(json) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	table := warm()
	json, e := event(b, 1, 750)
	b.ReportAllocs()
	for b.Loop() {
		table.Add(json, e, 0)
	}
}
