package query

import (
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// A Mode says how far a query goes.
type Mode uint8

const (
	// ByFilter pages filters that are bounded by themselves to the end: ids, a limit, authors
	// times replaceable kinds. Of any other it asks for one page and, if there may be
	// more, for the rest of that page's last second, and whether there is more.
	ByFilter Mode = iota
	// AllPages pages every filter to the end.
	AllPages
	// OnePage asks for each filter once, and for nothing else.
	OnePage
)

// bounded tells whether a filter bounds by itself what it can bring: there are so many
// ids, or an author has only one event of such a kind, or of such a kind and "d" tag. A limit,
// which bounds it too, is seen to apart.
func bounded(f nostr.Filter) bool {
	if f.IDs != nil {
		return true
	}
	return f.Authors != nil && f.Kinds != nil && !slices.ContainsFunc(f.Kinds, func(k nostr.Kind) bool {
		return !k.IsReplaceable() && !(k.IsAddressable() && f.Tags["d"] != nil)
	})
}
