package cursor_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/nostr"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

// hashed is an id as events have them.
func hashed(n int) nostr.ID {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// small is a cursor in its normal form.
func small() *cursor.Cursor {
	c := &cursor.Cursor{
		Marks: []cursor.Mark{
			{Relay: [8]byte{1}, Filter: 5, Loaded: true, Any: true, At: 1_782_900_000, Floor: 1_782_000_000},
			{Relay: [8]byte{1}, Filter: 1 << 63, Loaded: true, Any: true, At: 1_782_900_060},
			{Relay: [8]byte{2}, Filter: 5},
			{Relay: [8]byte{2}, Filter: 7, Loaded: true},
		},
		Handled:    []cursor.Short{cursor.ShortOf(hashed(1)), cursor.ShortOf(hashed(2)), cursor.ShortOf(hashed(3))},
		Unfinished: []nostr.ID{hashed(4), hashed(5)},
	}
	slices.SortFunc(c.Handled, cursor.Short.Compare)
	slices.SortFunc(c.Unfinished, nostr.ID.Compare)
	return c
}

// full is a cursor of full size: so many relays, with so many filters each, all at about
// one time.
func full(relays, filters int) *cursor.Cursor {
	c := new(cursor.Cursor)
	for r := range relays {
		for f := range filters {
			at := nostr.Timestamp(1_782_900_000 + 37*r%600)
			c.Marks = append(c.Marks, cursor.Mark{
				Relay: cursor.RelayHash(fmt.Sprintf("wss://relay%d.example.com/", r)), Filter: cursor.FilterHash(nostr.Filter{Limit: 1 + f}),
				Loaded: true, Any: true, At: at, Floor: at - nostr.Timestamp(86400*(f%400)),
			})
		}
	}
	slices.SortFunc(c.Marks, func(a, b cursor.Mark) int {
		return slices.Compare(binary.BigEndian.AppendUint64(a.Relay[:], a.Filter), binary.BigEndian.AppendUint64(b.Relay[:], b.Filter))
	})
	for i := range cursor.MaxHandled {
		c.Handled = append(c.Handled, cursor.ShortOf(hashed(i)))
	}
	for i := range cursor.MaxUnfinished {
		c.Unfinished = append(c.Unfinished, hashed(-1-i))
	}
	slices.SortFunc(c.Handled, cursor.Short.Compare)
	slices.SortFunc(c.Unfinished, nostr.ID.Compare)
	return c
}

func text(t require.TestingT, c *cursor.Cursor) []byte {
	text, err := c.AppendText(nil)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), cursor.MaxText)
	require.Less(t, len(text), 64<<10)
	return text
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for name, c := range map[string]*cursor.Cursor{
		"nothing known": {},
		"small":         small(),
		"unloaded":      {Marks: []cursor.Mark{{}}},
		"ends of time": {Marks: []cursor.Mark{
			{Relay: [8]byte{1}, At: math.MaxInt64, Floor: math.MinInt64},
			{Relay: [8]byte{2}, At: math.MinInt64, Floor: math.MaxInt64},
			{Relay: [8]byte{3}, Floor: -1},
		}},
		"one relay":                {Marks: full(1, 512).Marks},
		"one filter":               {Marks: full(512, 1).Marks},
		"ids alone":                {Handled: full(1, 1).Handled, Unfinished: full(1, 1).Unfinished},
		"full: 32 relays":          full(32, 16),
		"full: 4 relays":           full(4, 128),
		"full: 170 relays, 3 each": full(170, 3),
	} {
		written := text(t, c)
		read, err := cursor.Parse(written)
		require.NoError(t, err, name)
		require.Equal(t, c, read, name)
		require.Equal(t, "prefix"+string(written), string(must(c.AppendText([]byte("prefix")))), name)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// The text of today is read by every version to come that writes g1.
func TestTheFormIsPinned(t *testing.T) {
	assert.Equal(t, "g1AAAAAPYIdmk", string(text(t, &cursor.Cursor{})))
	c := &cursor.Cursor{
		Marks:      []cursor.Mark{{Relay: [8]byte{0xaa, 1}, Filter: 0xbb, Loaded: true, Any: true, At: 1000, Floor: 990}},
		Handled:    []cursor.Short{{0xcc}},
		Unfinished: []nostr.ID{{0xdd}},
	}
	const pinned = "g1AQAAAAAAAAC7AaoBAAAAAAAAAQAP0A8TAd0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAcwAAAAAAAAAsoaYtw"
	assert.Equal(t, pinned, string(text(t, c)))
	read, err := cursor.Parse([]byte(pinned))
	require.NoError(t, err)
	assert.Equal(t, c, read)
}

// Shows B20.
func TestTooManyMarks(t *testing.T) {
	c := full(2, 512)
	slices.Reverse(c.Marks)
	for i := range 100 {
		c.Marks[i*7] = cursor.Mark{Relay: c.Marks[i*7].Relay, Filter: c.Marks[i*7].Filter} // says nothing
	}
	var want []cursor.Mark
	for _, m := range c.Marks {
		if m.Loaded && len(want) < cursor.MaxMarks {
			want = append(want, m)
		}
	}
	read, err := cursor.Parse(text(t, c))
	require.NoError(t, err)
	assert.Len(t, read.Marks, cursor.MaxMarks)
	assert.Equal(t, setOf(want), setOf(read.Marks), "those that say nothing go first, then the last")
}

// Shows D39, B20.
func TestTooManyHandledIDs(t *testing.T) {
	var c cursor.Cursor
	for i := range 3 * cursor.MaxHandled {
		c.Handled = append(c.Handled, cursor.ShortOf(hashed(i)))
	}
	want := slices.Clone(c.Handled[:cursor.MaxHandled])
	read, err := cursor.Parse(text(t, &c))
	require.NoError(t, err)
	assert.Len(t, read.Handled, cursor.MaxHandled)
	assert.Equal(t, setOf(want), setOf(read.Handled), "the first of the list stay")
}

// Marks whose relays and filters differ all are the longest there are. They stay,
// and handled ids make room, but never more than half.
// Shows B20.
func TestHandledIDsMakeRoom(t *testing.T) {
	c := full(1, 1)
	c.Marks = nil
	for i := range cursor.MaxMarks {
		at := nostr.Timestamp(math.MinInt64)
		if i%2 == 0 {
			at = -1
		}
		c.Marks = append(c.Marks, cursor.Mark{
			Relay: [8]byte(binary.BigEndian.AppendUint64(nil, uint64(i))), Filter: uint64(i), Loaded: true, Any: true, At: at, Floor: at ^ math.MinInt64,
		})
	}
	written := text(t, c)
	assert.Greater(t, len(written), cursor.MaxText-16, "no room is left unused")
	read, err := cursor.Parse(written)
	require.NoError(t, err)
	assert.Equal(t, c.Marks, read.Marks)
	assert.Equal(t, c.Unfinished, read.Unfinished)
	assert.Equal(t, c.Handled[:len(read.Handled)], read.Handled, "the first of the list stay")
	assert.Greater(t, len(read.Handled), cursor.MaxHandled/2)
	assert.Less(t, len(read.Handled), cursor.MaxHandled)
	assert.Equal(t, written, text(t, read))
}

func TestUnfinishedIDsAreNeverLeftOut(t *testing.T) {
	var c cursor.Cursor
	for i := range cursor.MaxUnfinished {
		c.Unfinished = append(c.Unfinished, hashed(i), hashed(i))
	}
	read, err := cursor.Parse(text(t, &c))
	require.NoError(t, err, "each once they are few enough")
	assert.Len(t, read.Unfinished, cursor.MaxUnfinished)

	c.Unfinished = append(c.Unfinished, hashed(-1))
	written, err := c.AppendText([]byte("before"))
	assert.EqualError(t, err, "cursor: 257 unfinished ids, at most 256")
	assert.Equal(t, "before", string(written))
}

func TestTwoMarksOfOneFilterAskForWhatEitherDoes(t *testing.T) {
	a := cursor.Mark{Relay: [8]byte{1}, Filter: 2, Loaded: true, Any: true, At: 100, Floor: 50}
	for _, c := range []struct{ b, want cursor.Mark }{
		{cursor.Mark{Loaded: true, Any: true, At: 90, Floor: 60}, cursor.Mark{Loaded: true, Any: true, At: 90, Floor: 50}},
		{cursor.Mark{Loaded: true, Any: true, At: 110}, cursor.Mark{Loaded: true, Any: true, At: 100}},
		{cursor.Mark{Loaded: true}, cursor.Mark{Loaded: true}},
		{cursor.Mark{}, cursor.Mark{}},
	} {
		c.b.Relay, c.b.Filter, c.want.Relay, c.want.Filter = a.Relay, a.Filter, a.Relay, a.Filter
		for _, marks := range [][]cursor.Mark{{a, c.b}, {c.b, a}, {a, c.b, a}} {
			read, err := cursor.Parse(text(t, &cursor.Cursor{Marks: marks}))
			require.NoError(t, err)
			assert.Equal(t, []cursor.Mark{c.want}, read.Marks)
		}
	}
}

// TestAnyCursorHasOneText: whatever the order and how often, what is read back is the
// set that was written, and its text is the same.
// Shows D39.
func TestAnyCursorHasOneText(t *testing.T) {
	word := rapid.Custom(func(t *rapid.T) (w [8]byte) {
		return [8]byte(binary.BigEndian.AppendUint64(nil, rapid.Uint64Range(0, 5).Draw(t, "word")<<rapid.IntRange(0, 60).Draw(t, "shift")))
	})
	times := rapid.OneOf(rapid.Just(nostr.Timestamp(0)), rapid.Custom(func(t *rapid.T) nostr.Timestamp { return nostr.Timestamp(rapid.Int64().Draw(t, "time")) }))
	mark := rapid.Custom(func(t *rapid.T) cursor.Mark {
		filter := word.Draw(t, "filter")
		return cursor.Mark{Relay: word.Draw(t, "relay"), Filter: binary.BigEndian.Uint64(filter[:]), Loaded: rapid.Bool().Draw(t, "loaded"),
			Any: rapid.Bool().Draw(t, "any"), At: times.Draw(t, "at"), Floor: times.Draw(t, "floor")}
	})
	id := rapid.Custom(func(t *rapid.T) nostr.ID { return hashed(rapid.IntRange(0, 300).Draw(t, "id")) })
	rapid.Check(t, func(t *rapid.T) {
		c := &cursor.Cursor{
			Marks: rapid.SliceOfNDistinct(mark, 0, 60, func(m cursor.Mark) cursor.Mark { return cursor.Mark{Relay: m.Relay, Filter: m.Filter} }).Draw(t, "marks"),
		}
		for _, id := range rapid.SliceOfN(id, 0, 40).Draw(t, "handled") {
			c.Handled = append(c.Handled, cursor.ShortOf(id))
		}
		c.Unfinished = rapid.SliceOfN(id, 0, 40).Draw(t, "unfinished")
		before := fmt.Sprint(c)
		written := text(t, c)
		require.Equal(t, before, fmt.Sprint(c), "writing changes nothing")
		read, err := cursor.Parse(written)
		require.NoError(t, err)
		require.Equal(t, written, text(t, read))
		require.ElementsMatch(t, c.Marks, read.Marks)
		require.Equal(t, setOf(c.Handled), setOf(read.Handled))
		require.Len(t, read.Handled, len(setOf(c.Handled)))
		require.True(t, slices.IsSortedFunc(read.Handled, cursor.Short.Compare))
		require.Equal(t, setOf(c.Unfinished), setOf(read.Unfinished))
		require.Len(t, read.Unfinished, len(setOf(c.Unfinished)))

		shuffled := &cursor.Cursor{Marks: rapid.Permutation(c.Marks).Draw(t, "m"), Handled: rapid.Permutation(c.Handled).Draw(t, "h"), Unfinished: rapid.Permutation(c.Unfinished).Draw(t, "u")}
		require.Equal(t, written, text(t, shuffled))
	})
}

func setOf[T comparable](list []T) map[T]bool {
	set := map[T]bool{}
	for _, v := range list {
		set[v] = true
	}
	return set
}

func TestRelayHash(t *testing.T) {
	assert.Equal(t, cursor.RelayHash("wss://relay.example.com/"), cursor.RelayHash("wss://relay.example.com/"))
	assert.NotEqual(t, cursor.RelayHash("wss://relay.example.com/"), cursor.RelayHash("wss://relay.example.com/a"))
	assert.NotEqual(t, cursor.RelayHash(""), [8]byte{})
}

func TestFilterHash(t *testing.T) {
	key := func(n int) nostr.PubKey { return nostr.PubKey(hashed(n)) }
	f := nostr.Filter{}.WithAuthors(key(1), key(2)).WithKinds(1, 2).WithTag("t", "a", "b").WithTag("e", hashed(1).String()).WithIDs(hashed(7), hashed(8))
	before := f.String()
	same := nostr.Filter{}.WithIDs(hashed(8), hashed(7), hashed(8)).WithTag("e", hashed(1).String()).WithTag("t", "b", "a", "b").WithKinds(2, 1, 1).WithAuthors(key(2), key(1))
	assert.Equal(t, cursor.FilterHash(f), cursor.FilterHash(same), "lists are sets")
	assert.Equal(t, before, f.String(), "and are left alone")

	hashes := map[uint64]string{}
	for _, f := range []nostr.Filter{
		f, {}, {Limit: 1}, {LimitZero: true}, f.WithLimit(10), f.WithSince(1), f.WithUntil(1), f.WithSearch("x"), f.WithTag("T", "a"), f.WithKinds(), f.WithKinds(1),
		f.WithTag("t"), f.WithTag("t", "ab"), f.WithAuthors(key(1)), {Authors: []nostr.PubKey{}},
	} {
		require.NotContains(t, hashes, cursor.FilterHash(f), "%s and %s", f, hashes[cursor.FilterHash(f)])
		hashes[cursor.FilterHash(f)] = f.String()
	}
	// What programs have saved depends on it.
	assert.Equal(t, uint64(0x99255e489ba610a3), cursor.FilterHash(nostr.Filter{Kinds: []nostr.Kind{1}}))
}

// Shows D39.
func TestEveryDamageIsAnError(t *testing.T) {
	written := text(t, small())
	for i := range written {
		_, err := cursor.Parse(written[:i])
		require.Error(t, err, "cut at %d", i)
		for _, c := range []byte("A-_z9= \n\x00\xff") {
			if damaged := slices.Clone(written); damaged[i] != c {
				damaged[i] = c
				_, err := cursor.Parse(damaged)
				require.Error(t, err, "%q at %d", c, i)
			}
		}
		_, err = cursor.Parse(slices.Delete(slices.Clone(written), i, i+1))
		require.Error(t, err, "without byte %d", i)
		_, err = cursor.Parse(slices.Insert(slices.Clone(written), i, 'A'))
		require.Error(t, err, "with an A at %d", i)
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	whole := string(text(t, small()))
	for _, c := range []struct{ text, want string }{
		{"", "cursor: empty text"},
		{"g", `cursor: text does not start with "g1": no cursor`},
		{"nevent1qq", `cursor: text does not start with "g1": no cursor`},
		{" " + whole, `cursor: text does not start with "g1": no cursor`},
		{"g2AAAA", `cursor: version "g2", want "g1"`},
		{"g1", "cursor: cut off: 0 bytes of payload"},
		{"g1AAA", "cursor: cut off: 2 bytes of payload"},
		{"g1AAAAA", "cursor: byte 6 of the text is no base64url, or the text is cut off there"},
		{"g1AAAAAB", "cursor: byte 6 of the text is no base64url, or the text is cut off there"}, // an unused bit of the last digit
		{whole + "\n", fmt.Sprintf("cursor: byte %d of the text is no base64url, or the text is cut off there", len(whole))},
		{"g1AA+A", "cursor: byte 4 of the text is no base64url, or the text is cut off there"},
		{"g1A\nA\r+A", "cursor: byte 3 of the text is no base64url, or the text is cut off there"},
		{"g1A+A\nA", "cursor: byte 3 of the text is no base64url, or the text is cut off there"},
		{"g1AAAAAAAA", "cursor: wrong checksum over 2 bytes of payload: damaged or cut off"},
		{"g1" + strings.Repeat("A", 1<<20), "cursor: text of more than 65535 bytes"},
	} {
		_, err := cursor.Parse([]byte(c.text))
		assert.EqualError(t, err, c.want, "%.40q", c.text)
	}
}

// What has a right checksum and is wrong all the same: somebody has made it.
func TestForgedPayloads(t *testing.T) {
	zeros := strings.Repeat("\x00", 300)
	f, r := zeros[:8], "\x01"+zeros[:7]
	for _, c := range []struct{ payload, want string }{
		{"", "bad number, at byte 0"},
		{"\x80\x00\x00\x00\x00", "bad number, at byte 0"},
		{strings.Repeat("\xff", 11), "bad number, at byte 0"},
		{"\x81\x04", "too many filters, at byte 2"},
		{"\x02" + f, "cut off before the end of the filters, at byte 1"},
		{"\x02" + f + f + zeros, "filters are not in order, at byte 17"},
		{"\x01" + f + "\x00\x00\x00", "a filter without marks, at byte 10"},
		{"\x01" + f + "\xff\xff\xff\xff\x0f", "too many relays, at byte 14"},
		{"\x01" + f + "\x01" + r, "cut off before the end of the relays, at byte 10"},
		{"\x01" + f + "\x01" + r + "\x00\x00\x00\x00", "a relay without marks, at byte 19"},
		{"\x01" + f + "\x01" + r + "\xff\xff\x03\x00\x00", "too many marks, at byte 21"},
		{"\x01" + f + "\x01" + r + "\x01\x01\x00\x00\x00", "a mark of no filter, at byte 20"},
		{"\x01" + f + "\x01" + r + "\x01\x00\x10\x00\x00", "unknown flags, at byte 21"},
		{"\x01" + f + "\x01" + r + "\x01\x00\x04\x00\x00\x00", "a time that is none, at byte 22"},
		{"\x01" + f + "\x01" + r + "\x01\x00\x08\x00\x00\x00", "a floor that is none, at byte 22"},
		{"\x01" + f + "\x01" + r + "\x02\x00\x00\x00\x00\x00\x00", "marks are not in order, at byte 23"},
		{"\x01" + f + "\x02" + r + "\x01\x00\x00" + f + "\x01\x00\x00\x00\x00", "marks are not in order, at byte 32"},
		{"\x00\x00\x81\x02" + zeros, "too many unfinished ids, at byte 4"},
		{"\x00\x00\x02" + zeros[:64] + "\x00", "unfinished ids are not in order, at byte 67"},
		{"\x00\x00\x00\x81\x20" + zeros, "too many handled ids, at byte 5"},
		{"\x00\x00\x00\x02" + zeros[:16], "handled ids are not in order, at byte 20"},
		{"\x00\x00\x00\x02" + zeros[:15], "cut off before the end of the handled ids, at byte 4"},
		{"\x00\x00\x00\x00\x00", "more behind the handled ids, at byte 4"},
		{"\x00\x00\x00", "bad number, at byte 3"},
	} {
		_, err := cursor.Parse(cursor.Text([]byte(c.payload)))
		assert.EqualError(t, err, "cursor: "+c.want+" of the payload", "%q", c.payload)
	}
}
