package nip77_test

import (
	"bytes"
	"crypto/sha256"
	"math"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

// The sentences of NIP-77, in its order; those about the messages around are package wire's.

// "The above protocol only results in the client learning about IDs it has/needs."
func TestTheClientLearnsWhatItHasAndNeeds(t *testing.T) {
	for _, n := range []int{1, 20, 31, 32, 33, 500, 5000} {
		c, s := client(t, numbered(t, 0, n), 0), server(t, numbered(t, n/2, n+n/2), 0)
		told, _ := talk(t, c, s)
		assert.Equal(t, ids(0, n/2), sorted(told.have))
		assert.Equal(t, ids(n, n+n/2), sorted(told.need))
	}
}

// "Varints … are represented as base-128 digits, most significant digit first, with as few
// digits as possible. Bit eight (the high bit) is set on each byte except the last."
func TestNumbers(t *testing.T) {
	for v, want := range map[uint64][]byte{
		0: {0}, 1: {1}, 127: {0x7f}, 128: {0x81, 0}, 255: {0x81, 0x7f}, 16383: {0xff, 0x7f}, 16384: {0x81, 0x80, 0},
		1 << 32: {0x90, 0x80, 0x80, 0x80, 0}, 1<<63 - 1: {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		math.MaxUint64: {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		assert.Equal(t, want, nip77.AppendVarint(nil, v), "%d", v)
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.Uint64().Draw(rt, "v") >> rapid.IntRange(0, 63).Draw(rt, "shift")
		data := nip77.AppendVarint(nil, v)
		got, n, err := nip77.Varint(append(data, 0xff))
		require.NoError(rt, err)
		require.Equal(rt, v, got)
		require.Equal(rt, len(data), n)
	})
}

// "A reconciliation message is a protocol version byte followed by an ordered list of ranges.
// The current protocol version is 1, represented by the byte 0x61."
// Shows P69.
func TestMessagesBeginWithTheVersion(t *testing.T) {
	assert.EqualValues(t, 0x61, nip77.Version)
	_, messages := talk(t, client(t, numbered(t, 0, 500), 0), server(t, numbered(t, 3, 600), 0))
	for _, m := range messages {
		assert.EqualValues(t, 0x61, m[0])
	}
}

// "If a server receives a message with a protocol version that it cannot handle, it should reply
// with a single byte containing the highest protocol version it supports, allowing the client to
// downgrade and retry its message."
// Shows P69.
func TestOtherVersions(t *testing.T) {
	s, c := server(t, numbered(t, 0, 5), 0), client(t, numbered(t, 0, 5), 0)
	for version := range 256 {
		message := []byte{byte(version), 1, 2, 3, 0xff}
		answer, err := s.Reconcile(message)
		_, clientErr := c.Reconcile(message[:1], nil, nil)
		var parse *nip77.ParseError
		var other *nip77.VersionError
		switch {
		case version == nip77.Version: // the rest is no message, the first byte alone is one
			require.ErrorAs(t, err, &parse)
			require.NoError(t, clientErr)
		case version >= 0x60 && version <= 0x6f:
			require.NoError(t, err)
			require.Equal(t, []byte{0x61}, answer)
			require.ErrorAs(t, clientErr, &other)
			require.EqualValues(t, version, other.Version)
		default:
			require.ErrorAs(t, err, &parse)
			require.ErrorAs(t, clientErr, &parse)
			require.Equal(t, 0, parse.Offset)
		}
	}
	_, err := c.Reconcile([]byte{0x62}, nil, nil)
	assert.EqualError(t, err, "nip77: the server speaks protocol version 2 (0x62), not 1")
}

// "Ranges are always adjacent (no gaps). If the last Range doesn't end at the special infinity
// value, an implicit Skip to infinity Range is appended."
// Shows P70.
func TestWhatIsNotMentionedIsSkipped(t *testing.T) {
	s := server(t, setOf(t, item{10, idOf(1)}, item{20, idOf(2)}), 0)
	answer, err := s.Reconcile([]byte{0x61, 16, 0, 2, 0}) // a list without ids up to the date 15
	require.NoError(t, err)
	id := idOf(1)
	assert.Equal(t, append([]byte{0x61, 16, 0, 2, 1}, id[:]...), answer)

	for _, nothing := range []string{"61", "61000000", "610b0000", "6100000200"} {
		answer, err := server(t, &nip77.Set{}, 0).Reconcile(unhex(t, nothing))
		require.NoError(t, err)
		if nothing != "6100000200" {
			assert.Equal(t, []byte{0x61}, answer)
		}
		var told differences
		next, err := told.reconcile(client(t, &nip77.Set{}, 0), unhex(t, nothing))
		require.NoError(t, err)
		assert.Nil(t, next, "that is the end")
		assert.Empty(t, told)
	}
}

// "Each Range is specified by an inclusive lower bound and an exclusive upper bound." And "If
// the idPrefix length is less than 32 then the omitted trailing bytes are implicitly 0 bytes."
// Shows P70.
func TestBoundsAreExclusiveAndPrefixesEndInZeros(t *testing.T) {
	set := setOf(t, item{10, nostr.ID{}}, item{10, nostr.ID{0x80}}, item{10, nostr.ID{0x80, 1}}, item{11, nostr.ID{}}, item{math.MaxInt64, nostr.ID{}})
	for _, v := range []struct {
		at     uint64
		prefix []byte
		want   int
	}{
		{0, nil, 0}, {10, nil, 0}, {10, make([]byte, 32), 0}, {10, append(make([]byte, 31), 1), 1}, {10, []byte{0x80}, 1},
		{10, []byte{0x80, 0}, 1}, {10, []byte{0x80, 0, 1}, 2}, {10, []byte{0x80, 1}, 2}, {10, []byte{0x80, 2}, 3}, {10, bytes.Repeat([]byte{0xff}, 32), 3},
		{11, nil, 3}, {11, []byte{0}, 3}, {11, []byte{1}, 4}, {12, nil, 4}, {math.MaxInt64, nil, 4}, {math.MaxInt64, []byte{1}, 5},
		{math.MaxInt64 + 1, nil, 5}, {math.MaxUint64, nil, 5}, {math.MaxUint64, []byte{1}, 5},
	} {
		for lower := range v.want + 1 {
			assert.Equal(t, v.want, set.Search(lower, v.at, v.prefix), "%d %x from %d", v.at, v.prefix, lower)
		}
	}
}

// "If these records' timestamps differ, then the length should be 0, otherwise it should be the
// byte-length of their common ID-prefix plus 1."
func TestBoundsAreAsShortAsPossible(t *testing.T) {
	last := nostr.ID{1, 2, 3}
	last[31] = 1
	set := setOf(t, item{1, nostr.ID{9}}, item{2, nostr.ID{0}}, item{2, nostr.ID{1}}, item{2, nostr.ID{1, 2}}, item{2, nostr.ID{1, 2, 3}}, item{2, last})
	for i, want := range map[int][]byte{1: nil, 2: {1}, 3: {1, 2}, 4: {1, 2, 3}, 5: last[:]} {
		at, prefix := set.BoundAt(i)
		assert.EqualValues(t, 2, at)
		assert.Equal(t, want, prefix)
	}
}

// "Compute the addition mod 2^256 of the element IDs (interpreted as 32-byte little-endian
// unsigned integers). Concatenate with the number of elements in the Range, encoded as a Varint.
// Hash with SHA-256. Take the first 16 bytes."
// Shows P70.
func TestFingerprints(t *testing.T) {
	const n = 150
	var items []item
	for i := range n {
		id := idOf(i)
		if i%3 == 0 {
			id = nostr.ID(bytes.Repeat([]byte{0xff}, 32)) // so that sums overflow
			id[0] = byte(i)
		}
		items = append(items, item{nostr.Timestamp(i), id})
	}
	set := setOf(t, items...)
	modulus := new(big.Int).Lsh(big.NewInt(1), 256)
	for lower := range n + 1 {
		total := new(big.Int)
		for upper := lower; upper <= n; upper++ {
			if upper > lower {
				id := items[upper-1].id
				slices.Reverse(id[:])
				total.Add(total, new(big.Int).SetBytes(id[:])).Mod(total, modulus)
			}
			data := total.FillBytes(make([]byte, 32))
			slices.Reverse(data)
			hash := sha256.Sum256(nip77.AppendVarint(data, uint64(upper-lower)))
			require.Equal(t, [16]byte(hash[:16]), set.Fingerprint(lower, upper), "%d to %d", lower, upper)
		}
	}
}

func TestFrameSizeLimits(t *testing.T) {
	for _, limit := range []int{-1, 1, 4095, math.MinInt} {
		_, err := nip77.NewClient(&nip77.Set{}, limit)
		require.ErrorIs(t, err, nip77.ErrFrameSizeLimit)
		_, err = nip77.NewServer(&nip77.Set{}, limit)
		require.ErrorIs(t, err, nip77.ErrFrameSizeLimit)
	}
	for _, limit := range []int{0, 4096, 60_000, math.MaxInt} {
		told, _ := talk(t, client(t, numbered(t, 0, 1000), limit), server(t, numbered(t, 5, 1005), limit))
		assert.Equal(t, ids(0, 5), sorted(told.have))
		assert.Equal(t, ids(1000, 1005), sorted(told.need))
	}
}

// A lost connection costs the rounds and tells nothing twice.
func TestToBeginAnewTellsNothingTwice(t *testing.T) {
	c, s := client(t, numbered(t, 0, 5000), 4096), server(t, numbered(t, 1000, 6000), 4096)
	var told differences
	next := c.Initiate()
	for len(told.have) == 0 {
		answer, err := s.Reconcile(next)
		require.NoError(t, err)
		next, err = told.reconcile(c, answer)
		require.NoError(t, err)
	}
	more, _ := talk(t, c, s)
	told.have, told.need = append(told.have, more.have...), append(told.need, more.need...)
	assert.Equal(t, ids(0, 1000), sorted(told.have))
	assert.Equal(t, ids(5000, 6000), sorted(told.need))
}

func TestBothFunctionsMayBeMissing(t *testing.T) {
	c, s := client(t, numbered(t, 0, 20), 0), server(t, numbered(t, 10, 30), 0)
	answer, err := s.Reconcile(c.Initiate())
	require.NoError(t, err)
	next, err := c.Reconcile(answer, nil, nil)
	require.NoError(t, err)
	assert.Nil(t, next)
}

// A Server keeps nothing between messages, and a Set never changes.
func TestAServerServesManyClientsAtOnce(t *testing.T) {
	s := server(t, numbered(t, 100, 2100), 4096)
	_, messages := talk(t, client(t, numbered(t, 0, 2000), 4096), s)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for i := 0; i < len(messages); i += 2 {
				answer, err := s.Reconcile(messages[i])
				assert.NoError(t, err)
				assert.Equal(t, messages[i+1], answer)
			}
		})
	}
	clients.Wait()
}

// A client remembers what it was told, also if hashes agree, in part or all of them.
func TestRememberedIDs(t *testing.T) {
	for name, v := range map[string]struct {
		n    int
		hash func(nostr.ID) uint32
	}{
		"good hashes": {10_000, func(id nostr.ID) uint32 {
			return uint32(id[0])<<24 | uint32(id[1])<<16 | uint32(id[2])<<8 | uint32(id[3])
		}},
		"few hashes": {1000, func(id nostr.ID) uint32 { return uint32(id[0]) << 24 }},
		"one hash":   {300, func(nostr.ID) uint32 { return math.MaxUint32 }},
	} {
		s := nip77.IDSet{Hash: v.hash}
		for n := range v.n {
			require.True(t, s.Add(idOf(n)), name)
			require.False(t, s.Add(idOf(n/2)), name)
		}
	}
}
