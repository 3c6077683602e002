package paging

import (
	"maps"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// An Axis is one of a filter's lists. A filter that is divided along one of its lists is
// the union of its parts.
type Axis interface {
	Name() string // its key in the filter's JSON
	Size(f nostr.Filter) int
	Slice(f nostr.Filter, from, to int) nostr.Filter
	Same(a, b nostr.Filter) bool            // as sets, and nil only like nil
	Shared(a, b nostr.Filter) nostr.Filter  // a, with what b has too
	Without(a, b nostr.Filter) nostr.Filter // a, with what b has not
	Unique(f nostr.Filter) nostr.Filter     // without duplicates
}

// Axes are the lists that a filter has, tags by their letter.
func Axes(f nostr.Filter) []Axis {
	var list []Axis
	if f.IDs != nil {
		list = append(list, axisOf[nostr.ID]{"ids",
			func(f nostr.Filter) []nostr.ID { return f.IDs },
			func(f *nostr.Filter, v []nostr.ID) { f.IDs = v },
		})
	}
	if f.Authors != nil {
		list = append(list, axisOf[nostr.PubKey]{"authors",
			func(f nostr.Filter) []nostr.PubKey { return f.Authors },
			func(f *nostr.Filter, v []nostr.PubKey) { f.Authors = v },
		})
	}
	if f.Kinds != nil {
		list = append(list, axisOf[nostr.Kind]{"kinds",
			func(f nostr.Filter) []nostr.Kind { return f.Kinds },
			func(f *nostr.Filter, v []nostr.Kind) { f.Kinds = v },
		})
	}
	for _, letter := range slices.Sorted(maps.Keys(f.Tags)) {
		list = append(list, axisOf[string]{"#" + letter,
			func(f nostr.Filter) []string { return f.Tags[letter] },
			func(f *nostr.Filter, v []string) {
				f.Tags = maps.Clone(f.Tags) // filters share their maps
				f.Tags[letter] = v
			},
		})
	}
	return list
}

type axisOf[T comparable] struct {
	name string
	get  func(nostr.Filter) []T
	set  func(*nostr.Filter, []T)
}

func (x axisOf[T]) with(f nostr.Filter, list []T) nostr.Filter {
	x.set(&f, list)
	return f
}

func (x axisOf[T]) Name() string { return x.name }

func (x axisOf[T]) Size(f nostr.Filter) int { return len(x.get(f)) }

func (x axisOf[T]) Slice(f nostr.Filter, from, to int) nostr.Filter {
	return x.with(f, slices.Clip(x.get(f)[from:to]))
}

func (x axisOf[T]) Same(a, b nostr.Filter) bool {
	return (x.get(a) == nil) == (x.get(b) == nil) && x.subset(a, b) && x.subset(b, a)
}

func (x axisOf[T]) subset(a, b nostr.Filter) bool {
	return x.Size(x.Without(a, b)) == 0
}

func (x axisOf[T]) Shared(a, b nostr.Filter) nostr.Filter {
	has := set(x.get(b))
	return x.keep(a, func(v T) bool { return has[v] })
}

func (x axisOf[T]) Without(a, b nostr.Filter) nostr.Filter {
	has := set(x.get(b))
	return x.keep(a, func(v T) bool { return !has[v] })
}

func (x axisOf[T]) Unique(f nostr.Filter) nostr.Filter {
	has := make(map[T]bool)
	return x.keep(f, func(v T) bool {
		known := has[v]
		has[v] = true
		return !known
	})
}

func (x axisOf[T]) keep(f nostr.Filter, wanted func(T) bool) nostr.Filter {
	list := make([]T, 0, x.Size(f))
	for _, v := range x.get(f) {
		if wanted(v) {
			list = append(list, v)
		}
	}
	return x.with(f, list)
}

func set[T comparable](list []T) map[T]bool {
	has := make(map[T]bool, len(list))
	for _, v := range list {
		has[v] = true
	}
	return has
}
