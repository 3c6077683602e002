package nip77_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// seeds are real messages of both sides, and odd ones.
func seeds(f *testing.F) {
	for _, limit := range []int{0, 4096} {
		_, messages := talk(f, client(f, numbered(f, 0, 400), limit), server(f, numbered(f, 30, 500), limit))
		for _, m := range messages {
			f.Add(m)
		}
	}
	for _, odd := range []string{"61", "62", "6100000200", "61000000000000", "610201ab000102ab0000", "610001ab00", "61000002a080808080000000"} {
		f.Add(unhex(f, odd))
	}
}

// Whatever a client sends, the answer keeps the limit, is one that a client can read, and is
// the same the next time.
func FuzzServer(f *testing.F) {
	seeds(f)
	set := numbered(f, 0, 450)
	small, free := server(f, set, nip77.MinFrameSizeLimit), server(f, set, 0)
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, err := free.Reconcile(message)
		limited, limitedErr := small.Reconcile(message)
		require.Equal(t, err, limitedErr)
		if err != nil {
			require.IsType(t, &nip77.ParseError{}, err)
			require.LessOrEqual(t, err.(*nip77.ParseError).Offset, len(message))
			return
		}
		require.LessOrEqual(t, len(limited), nip77.MinFrameSizeLimit)
		again, err := free.Reconcile(message)
		require.NoError(t, err)
		require.Equal(t, answer, again)
		for _, m := range [][]byte{answer, limited} {
			_, err = client(t, set, 0).Reconcile(m, nil, nil)
			require.NoError(t, err)
		}
	})
}

// Whatever a server sends, a client tells no id twice and nothing of its own that it does not
// have, and what it asks next keeps the limit and can be read.
func FuzzClient(f *testing.F) {
	seeds(f)
	set := numbered(f, 0, 450)
	own := make(map[nostr.ID]bool)
	for _, id := range set.All() {
		own[id] = true
	}
	s := server(f, set, 0)
	f.Fuzz(func(t *testing.T, message []byte) {
		c := client(t, set, nip77.MinFrameSizeLimit)
		c.Initiate()
		told := make(map[nostr.ID]bool)
		once := func(id nostr.ID) {
			require.False(t, told[id], "told twice")
			told[id] = true
		}
		for range 2 {
			next, err := c.Reconcile(message, func(id nostr.ID) { once(id); require.True(t, own[id]) }, nil)
			if err != nil {
				require.Empty(t, told)
				return
			}
			require.LessOrEqual(t, len(next), nip77.MinFrameSizeLimit)
			if next != nil {
				_, err = s.Reconcile(next)
				require.NoError(t, err)
			}
		}
		needed := make(map[nostr.ID]bool)
		_, err := client(t, set, 0).Reconcile(message, nil, func(id nostr.ID) {
			require.False(t, needed[id], "told twice")
			needed[id] = true
		})
		require.NoError(t, err)
	})
}

// Two sides, of three bytes an item: who has it, when it is, which it is.
func FuzzReconcile(f *testing.F) {
	f.Add([]byte{1, 5, 5, 2, 5, 6, 3, 7, 7}, false)
	long := make([]byte, 0, 3*1000)
	for i := range 1000 {
		long = append(long, byte(3-i%97/95), byte(i/9), byte(i))
	}
	f.Add(long, true)
	f.Fuzz(func(t *testing.T, data []byte, limited bool) {
		var w world
		for ; len(data) >= 3; data = data[3:] {
			it := item{nostr.Timestamp(data[1]), idOf(int(data[1])<<8 | int(data[2]))}
			if data[0]&1 != 0 {
				w.client = append(w.client, it)
			}
			if data[0]&2 != 0 {
				w.server = append(w.server, it)
			}
		}
		w.client, w.server = inOrder(w.client), inOrder(w.server)
		if limited {
			w.clientLimit, w.serverLimit = nip77.MinFrameSizeLimit, nip77.MinFrameSizeLimit
		}
		told, messages := talk(t, client(t, setOf(t, w.client...), w.clientLimit), server(t, setOf(t, w.server...), w.serverLimit))
		require.Equal(t, w.have(), sorted(told.have))
		require.Equal(t, w.need(), sorted(told.need))
		w.differences = len(told.have) + len(told.need)
		require.LessOrEqual(t, len(messages)/2, w.mostRounds())
	})
}
