package reqs

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// Filters are the filters of one REQ, made ready to be asked about many events:
// a list is searched, not scanned, so that an event costs about the same whether
// a filter names five authors or five thousand. They are immutable, share nothing
// with what they were made of (L28), and may be asked by any goroutine.
type Filters struct {
	anything bool
	list     []filter
	weight   int // bytes, about
}

// filter is one of them. A nil list is no condition, an empty one matches nothing (P18).
type filter struct {
	ids          []nostr.ID     // sorted
	authors      []nostr.PubKey // sorted
	kinds        []nostr.Kind   // sorted
	tags         []tagFilter
	since, until *nostr.Timestamp
}

type tagFilter struct {
	letter string
	few    []string            // the values, as long as they are few
	many   map[string]struct{} // else; a hash with a seed, for the values may be an adversary's
}

// fewValues is up to how many values are compared one by one.
const fewValues = 8

// Compile makes filters ready. limit and search are no conditions on an event (P23, P58).
func Compile(filters []nostr.Filter) *Filters {
	c := &Filters{list: make([]filter, len(filters)), weight: weigh(filters)}
	for i, f := range filters {
		c.list[i] = filter{
			ids: sorted(f.IDs, compare[nostr.ID]), authors: sorted(f.Authors, compare[nostr.PubKey]),
			kinds: sorted(f.Kinds, cmp.Compare[nostr.Kind]),
			tags:  compileTags(f.Tags),
			since: own(f.Since), until: own(f.Until),
		}
	}
	return c
}

// Anything is for a REQ whose filters the client cannot read: what the relay
// sends for it is taken as asked for.
func Anything() *Filters { return &Filters{anything: true} }

func sorted[T any](list []T, order func(a, b T) int) []T {
	list = slices.Clone(list) // nil stays nil
	slices.SortFunc(list, order)
	return list
}

func own[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func compileTags(tags nostr.TagMap) (list []tagFilter) {
	for letter, values := range tags {
		t := tagFilter{letter: letter}
		if len(values) <= fewValues {
			t.few = slices.Clone(values)
		} else {
			t.many = make(map[string]struct{}, len(values))
			for _, v := range values {
				t.many[v] = struct{}{}
			}
		}
		list = append(list, t)
	}
	return list
}

// Match tells whether one of the filters wants the event. It does not allocate.
func (c *Filters) Match(e *nostr.Event) bool {
	if c.anything {
		return true
	}
	for i := range c.list {
		if c.list[i].match(e) {
			return true
		}
	}
	return false
}

func (f *filter) match(e *nostr.Event) bool {
	switch {
	case f.since != nil && e.CreatedAt < *f.since,
		f.until != nil && e.CreatedAt > *f.until,
		f.kinds != nil && !hasKind(f.kinds, e.Kind),
		f.authors != nil && !has(f.authors, &e.PubKey),
		f.ids != nil && !has(f.ids, &e.ID):
		return false
	}
	for i := range f.tags {
		if !f.tags[i].match(e.Tags) {
			return false
		}
	}
	return true
}

func hasKind(list []nostr.Kind, kind nostr.Kind) bool {
	_, ok := slices.BinarySearch(list, kind)
	return ok
}

// has searches by the first eight bytes, in one comparison each: ids and keys are
// as good as random, so these tell nearly all of them apart.
func has[T ~[32]byte](list []T, v *T) bool {
	want, at, end := prefix(v), 0, len(list)
	for at < end {
		middle := int(uint(at+end) >> 1)
		if prefix(&list[middle]) < want {
			at = middle + 1
		} else {
			end = middle
		}
	}
	for ; at < len(list) && prefix(&list[at]) == want; at++ {
		if list[at] == *v {
			return true
		}
	}
	return false
}

func prefix[T ~[32]byte](v *T) uint64 {
	var n uint64
	for i := range 8 {
		n = n<<8 | uint64((*v)[i])
	}
	return n
}

func compare[T ~[32]byte](a, b T) int {
	x, y := [32]byte(a), [32]byte(b)
	return bytes.Compare(x[:], y[:])
}

// match looks at the first value of each tag of that letter (P20).
func (t *tagFilter) match(tags nostr.Tags) bool {
	for _, tag := range tags {
		if len(tag) < 2 || tag[0] != t.letter {
			continue
		}
		if t.many == nil {
			if slices.Contains(t.few, tag[1]) {
				return true
			}
		} else if _, ok := t.many[tag[1]]; ok {
			return true
		}
	}
	return false
}

// weigh estimates how many bytes a list of filters holds.
func weigh(filters []nostr.Filter) int {
	const perFilter, perString = 192, 32 // a map's slot included
	n := 0
	for i := range filters {
		f := &filters[i]
		n += perFilter + 32*(len(f.IDs)+len(f.Authors)) + 2*len(f.Kinds)
		for _, values := range f.Tags {
			n += perString
			for _, v := range values {
				n += perString + len(v)
			}
		}
	}
	return n
}
