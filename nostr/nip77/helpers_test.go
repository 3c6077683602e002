package nip77_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

type item struct {
	at nostr.Timestamp
	id nostr.ID
}

// idOf is the id of the n-th made-up event.
func idOf(n int) nostr.ID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func setOf(t testing.TB, items ...item) *nip77.Set {
	t.Helper()
	var b nip77.Builder
	b.Grow(len(items))
	for _, i := range items {
		if err := b.Add(i.at, i.id); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

// numbered is a set of made-up events, each a second after the one before.
func numbered(t testing.TB, from, to int) *nip77.Set {
	t.Helper()
	var items []item
	for n := from; n < to; n++ {
		items = append(items, item{nostr.Timestamp(1_700_000_000 + n), idOf(n)})
	}
	return setOf(t, items...)
}

func client(t testing.TB, set *nip77.Set, limit int) *nip77.Client {
	t.Helper()
	c, err := nip77.NewClient(set, limit)
	require.NoError(t, err)
	return c
}

func server(t testing.TB, set *nip77.Set, limit int) *nip77.Server {
	t.Helper()
	s, err := nip77.NewServer(set, limit)
	require.NoError(t, err)
	return s
}

// differences collects what a client is told, in order.
type differences struct{ have, need []nostr.ID }

func (d *differences) reconcile(c *nip77.Client, message []byte) ([]byte, error) {
	return c.Reconcile(message,
		func(id nostr.ID) { d.have = append(d.have, id) },
		func(id nostr.ID) { d.need = append(d.need, id) })
}

// talk lets the two talk until the client is content. It returns all messages.
func talk(t testing.TB, c *nip77.Client, s *nip77.Server) (d differences, messages [][]byte) {
	t.Helper()
	for next := c.Initiate(); next != nil; {
		require.Less(t, len(messages), 10_000, "no end")
		answer, err := s.Reconcile(next)
		require.NoError(t, err)
		messages = append(messages, next, answer)
		next, err = d.reconcile(c, answer)
		require.NoError(t, err)
	}
	return d, messages
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// ids are those of made-up events, sorted.
func ids(from, to int) (ids []nostr.ID) {
	for n := from; n < to; n++ {
		ids = append(ids, idOf(n))
	}
	return sorted(ids)
}

func sorted(ids []nostr.ID) []nostr.ID {
	return slices.SortedFunc(slices.Values(ids), nostr.ID.Compare)
}

// gunzipped returns a packed file of the shared data.
func gunzipped(t *testing.T, name string) *gzip.Reader {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(vectors.Read(t, name)))
	require.NoError(t, err)
	return r
}
