package twins_test

import (
	"crypto/sha256"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/twins"
	"github.com/gennostr/gennostr/nostr"
)

// sent are events as relays send them, of all lengths that matter.
var sent = sync.OnceValue(func() (list [256]struct {
	json  []byte
	event *nostr.Event
}) {
	for n := range list {
		size := 400 + n*7919%4000
		if n%16 == 0 {
			size = twins.MaxJSON + n/16 - 8 // up to seven bytes too long
		}
		list[n].json, list[n].event = event(nil, n, size)
	}
	return list
})

// known is a table, and what it should know.
type known struct {
	*twins.Table
	heat  int
	added []int // which events, since all was forgotten, the oldest first
	sure  int   // of these, from here on they have had room ever since
	came  map[byte]bool
}

// forget is what is to be expected when there is nothing to be remembered.
func (k *known) forget() { k.heat, k.added, k.sure, k.came = 0, nil, 0, map[byte]bool{} }

// saw takes note of an event.
func (k *known) saw(duplicate, found bool) {
	k.Saw(duplicate, found)
	switch {
	case duplicate && k.heat < 1024:
		k.heat += 3
	case !duplicate && k.heat > 0:
		if k.heat--; k.heat == 0 {
			k.forget()
		}
	}
}

// add adds an event, unless it was there already, which makes it no newer.
func (k *known) add(t *testing.T, n, weight int) {
	e := sent()[n]
	there := k.Find(e.json) != nil
	k.Add(e.json, e.event, weight)
	switch found := k.Find(e.json); {
	case there:
	case len(e.json) > twins.MaxJSON || weight > 2*len(e.json):
		require.Nil(t, found, "what is too large is not kept")
	default:
		require.Equal(t, e.event, found, "the latest is there")
		k.added = append(k.added, n)
		k.reckon()
	}
}

// reckon tells which of them have room in the ring, though one does not fit at its end.
func (k *known) reckon() {
	room := k.Bytes() - twins.MaxJSON
	for i := len(k.added) - 1; i >= k.sure; i-- {
		if room -= len(sent()[k.added[i]].json); room < 0 {
			k.sure = i + 1
			return
		}
	}
}

// check looks for all of them. None is another one, and those that had room are there.
func (k *known) check(t *testing.T) {
	require.Equal(t, k.heat >= 64, k.Hot())
	there := map[int]bool{}
	require.LessOrEqual(t, k.Bytes(), twins.MaxBytes)
	require.True(t, len(k.added) > 0 || k.Bytes() == 0 && k.Len() == 0, "nothing is kept for nothing")
	for i, n := range k.added {
		e := sent()[n]
		found := k.Find(e.json)
		require.True(t, found != nil || i < k.sure, "one of the latest")
		if found != nil {
			require.Equal(t, e.event, found)
			there[n] = true
		}
	}
	require.Len(t, there, k.Len(), "and nothing else")
}

// Events that come, come again, and stop to; a table that is told of some, looks for others,
// grows and forgets.
func FuzzTheLatestAreThere(f *testing.F) {
	f.Add([]byte{0, 200, 2, 1, 2, 2, 3, 0, 2, 3, 2, 16, 1, 255, 2, 4, 0, 255, 1, 255, 2, 9, 4, 3, 4, 3})
	grows := []byte{0, 255}
	for n := range byte(100) {
		grows = append(grows, 2, n, 0, n)
	}
	f.Add(grows)
	f.Fuzz(func(t *testing.T, program []byte) {
		k := &known{Table: twins.New()}
		k.forget()
		for ; len(program) >= 2; program = program[2:] {
			n := int(program[1])
			switch program[0] % 6 {
			case 0: // duplicates that it does not have
				for range n {
					k.saw(true, false)
				}
			case 1:
				for range 3 * n {
					k.saw(false, false)
				}
			case 2:
				k.add(t, n, 0)
			case 3:
				k.add(t, n, 4*n)
			case 4:
				id := nostr.ID(sha256.Sum256(program[1:2]))
				require.False(t, k.Came(&id) && !k.came[program[1]], "it never did")
				require.True(t, k.Came(&id), "a moment ago")
				k.came[program[1]] = true
			case 5:
				if n == 0 {
					k.Forget()
					k.forget()
				} else {
					k.saw(true, true)
				}
			}
			if len(program) < 4 || n%8 == 0 {
				k.check(t)
			}
		}
	})
}
