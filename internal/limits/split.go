package limits

import (
	"maps"
	"slices"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// mostParts bounds what Split returns: more are worth no one's REQs.
const mostParts = 1024

// Split cuts a filter into parts whose JSON has at most so many bytes each, and which
// together match what f matches. Cut are the ids, the authors and the lists of tag values,
// the longest first, but never the kinds. An event with several tag values may match several
// parts. Each part has the limit of f, and so may bring as many stored events as f.
//
// A filter that is short enough comes back as it is; so does one that cannot be cut so
// short: one entry of each list is too long already, or it takes more than 1,024 parts.
// What comes back shares its lists with f.
func Split(f nostr.Filter, bytes int) []nostr.Filter {
	parts, ok := appendParts(nil, f, bytes)
	if !ok {
		return []nostr.Filter{f}
	}
	return parts
}

func appendParts(parts []nostr.Filter, f nostr.Filter, bytes int) ([]nostr.Filter, bool) {
	size := len(f.AppendJSON(nil))
	if size <= bytes {
		return append(parts, f), len(parts) < mostParts
	}
	l := longest(f)
	if len(l.sizes) < 2 {
		return nil, false
	}
	ok := true
	for _, run := range l.runs(bytes - (size - l.size)) {
		if parts, ok = appendParts(parts, l.part(run[0], run[1]), bytes); !ok {
			return nil, false
		}
	}
	return parts, true
}

// list is a list in a filter that may be cut.
type list struct {
	sizes []int // of its entries as JSON, each with a comma
	size  int   // their sum
	part  func(from, to int) nostr.Filter
}

// hexSize is what an id or a key takes in a list.
const hexSize = len(`,""`) + 2*len(nostr.ID{})

// longest returns the list that has most bytes, of those with two entries or more; one
// without entries if there is none.
func longest(f nostr.Filter) list {
	var best list
	consider := func(l list) {
		if len(l.sizes) > 1 && l.size > best.size {
			best = l
		}
	}
	consider(hexList(len(f.IDs), func(from, to int) nostr.Filter {
		part := f
		part.IDs = f.IDs[from:to:to]
		return part
	}))
	consider(hexList(len(f.Authors), func(from, to int) nostr.Filter {
		part := f
		part.Authors = f.Authors[from:to:to]
		return part
	}))
	for _, letter := range slices.Sorted(maps.Keys(f.Tags)) {
		consider(tagList(f, letter))
	}
	return best
}

func hexList(n int, part func(from, to int) nostr.Filter) list {
	return list{slices.Repeat([]int{hexSize}, n), n * hexSize, part}
}

func tagList(f nostr.Filter, letter string) list {
	values := f.Tags[letter]
	l := list{part: func(from, to int) nostr.Filter {
		part := f
		part.Tags = maps.Clone(f.Tags)
		part.Tags[letter] = values[from:to:to]
		return part
	}}
	var buf []byte
	for _, value := range values {
		buf = strictjson.AppendQuote(buf[:0], value)
		l.sizes = append(l.sizes, len(buf)+1)
		l.size += len(buf) + 1
	}
	return l
}

// runs cuts the list into runs from, to (excluded) of at most room bytes, or into two halves
// where there is no room for some entry: then another list has to be cut, too.
func (l list) runs(room int) (runs [][2]int) {
	if slices.Max(l.sizes) > room {
		half := len(l.sizes) / 2
		return [][2]int{{0, half}, {half, len(l.sizes)}}
	}
	from, used := 0, 0
	for i, size := range l.sizes {
		if used+size > room {
			runs = append(runs, [2]int{from, i})
			from, used = i, 0
		}
		used += size
	}
	return append(runs, [2]int{from, len(l.sizes)})
}
