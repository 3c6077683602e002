// Package cursor is the value that a program saves to know where a subscription
// stood: for each relay and filter a mark, the ids that have been handled of late,
// and those that were begun and not finished. Here is its form as text.
//
// The text is "g1" and base64url without padding (RFC 4648, section 5), below 64 KiB
// whatever the cursor holds. What does not fit is left out where that costs only work:
// a mark that is missing means that more is asked for, a handled id that is missing
// that an event is handled again. A cursor has one text: what AppendText writes and
// Parse reads is the same value, and a text that has been damaged or cut is an error.
//
// URLs and filters are there as hashes, so that the text tells nobody which relays a
// program uses or whom it follows: not at a glance, that is, for URLs can be guessed.
//
// There is no goroutine and no lock. A Cursor may be read by many.
package cursor

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// Bounds of a cursor that is written or read.
const (
	MaxText       = 64<<10 - 1 // bytes
	MaxMarks      = 512
	MaxHandled    = 4096
	MaxUnfinished = 256
)

// A Cursor is what is known of one subscription. The zero Cursor knows nothing and has a
// text, too.
type Cursor struct {
	Marks      []Mark     // one for each relay and filter
	Handled    []Short    // a set
	Unfinished []nostr.ID // a set; never more than MaxUnfinished
}

// A Mark is where one filter stands on one relay. The meaning of its fields is that of
// internal/resume, which alone looks at them.
type Mark struct {
	Relay  [8]byte // RelayHash
	Filter uint64  // FilterHash

	Loaded bool            // the first load is complete
	Any    bool            // At is valid
	At     nostr.Timestamp // the bound to resume from, before the overlap
	Floor  nostr.Timestamp // nothing older is fetched anew; 0 is none
}

// A Short is the first bytes of an event's id. Another event with the same ones would
// be taken for it: of 4,096 that are remembered, one stranger in 2⁵².
type Short [8]byte

// ShortOf returns the first bytes of an id.
func ShortOf(id nostr.ID) Short { return Short(id[:8]) }

// Compare orders shorts byte by byte. It returns -1, 0 or 1.
func (s Short) Compare(other Short) int {
	return cmp.Compare(binary.BigEndian.Uint64(s[:]), binary.BigEndian.Uint64(other[:]))
}

// RelayHash stands for a relay's URL. It is to be the normalised one
// (nostr.NormalizeURL): two spellings have two hashes.
func RelayHash(url string) [8]byte {
	sum := sha256.Sum256([]byte(url))
	return [8]byte(sum[:8])
}

// FilterHash stands for a filter: all of its conditions, limit and search included.
// Filters that differ only in the order of their lists, or in how often a value
// stands there, have one hash, since programs make lists out of maps.
func FilterHash(filter nostr.Filter) uint64 {
	f := filter.Clone()
	f.IDs = set(f.IDs, nostr.ID.Compare)
	f.Kinds = set(f.Kinds, cmp.Compare)
	f.Authors = set(f.Authors, func(a, b nostr.PubKey) int { return bytes.Compare(a[:], b[:]) })
	for letter, values := range f.Tags {
		f.Tags[letter] = set(values, cmp.Compare)
	}
	sum := sha256.Sum256(f.AppendJSON(nil))
	return binary.BigEndian.Uint64(sum[:])
}

// set sorts a list and drops what is there twice, all in place.
func set[T comparable](list []T, compare func(a, b T) int) []T {
	if !slices.IsSortedFunc(list, compare) {
		slices.SortFunc(list, compare)
	}
	return slices.Compact(list)
}

func compareMarks(a, b Mark) int {
	if a.Relay != b.Relay {
		return Short(a.Relay).Compare(Short(b.Relay))
	}
	return cmp.Compare(a.Filter, b.Filter)
}

// ascending reports whether the list is in order and has everything once.
func ascending[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// normalMarks returns the marks in order and once for each relay and filter, MaxMarks
// at most. It does not change the list, nor do its siblings.
func normalMarks(marks []Mark) []Mark {
	if ascending(marks, compareMarks) && len(marks) <= MaxMarks {
		return marks
	}
	marks = slices.Clone(marks)
	if len(marks) > MaxMarks {
		slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Compare(saying(b), saying(a)) })
		marks = marks[:MaxMarks]
	}
	slices.SortFunc(marks, compareMarks)
	kept := marks[:1]
	for _, m := range marks[1:] {
		if last := &kept[len(kept)-1]; compareMarks(*last, m) == 0 {
			*last = last.both(m)
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// saying is 0 for a mark that might as well be missing, else 1.
func saying(m Mark) int {
	if m == (Mark{Relay: m.Relay, Filter: m.Filter}) {
		return 0
	}
	return 1
}

// both returns the mark that asks for what either of two asks for.
func (m Mark) both(other Mark) Mark {
	m.Loaded = m.Loaded && other.Loaded
	m.Any = m.Any && other.Any
	m.At = min(m.At, other.At)
	m.Floor = min(m.Floor, other.Floor)
	return m
}

// normalHandled returns the first MaxHandled of the list in order and once each.
func normalHandled(handled []Short) []Short {
	if ascending(handled, Short.Compare) && len(handled) <= MaxHandled {
		return handled
	}
	sorted := sortShorts(handled[:min(len(handled), MaxHandled)])
	return slices.Compact(sorted)
}

// sortShorts returns the list sorted. Ids are hashes: dealt by their first byte they are
// nearly in place, which is faster than sorting them all at once.
func sortShorts(list []Short) []Short {
	var ends [256]int
	for _, s := range list {
		ends[s[0]]++
	}
	for b := 1; b < len(ends); b++ {
		ends[b] += ends[b-1]
	}
	starts := ends
	sorted := make([]Short, len(list))
	for _, s := range slices.Backward(list) {
		starts[s[0]]--
		sorted[starts[s[0]]] = s
	}
	for b, start := range starts {
		slices.SortFunc(sorted[start:ends[b]], Short.Compare)
	}
	return sorted
}

func normalUnfinished(ids []nostr.ID) []nostr.ID {
	if ascending(ids, nostr.ID.Compare) {
		return ids
	}
	return set(slices.Clone(ids), nostr.ID.Compare)
}
