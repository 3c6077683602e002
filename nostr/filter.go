package nostr

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// A TagMap holds the tag conditions of a filter: the values that are wanted, by the
// tag's key, one letter a–z or A–Z without the '#'. A key that is present is a condition:
// with an empty or nil list nothing meets it.
type TagMap map[string][]string

// A Filter selects events (NIP-01). An event must meet all its conditions; of a list
// it must meet one entry.
//
// A nil list is no condition. An empty list that is not nil matches nothing, and such
// a filter is never sent: relays disagree on what it means. Where a list is computed, and
// may turn out empty or nil, use the builders ([Filter.WithAuthors] and so on), whose
// lists are never nil: the follow list of somebody who follows nobody must not
// become a request for everything.
type Filter struct {
	IDs     []ID
	Kinds   []Kind
	Authors []PubKey
	Tags    TagMap

	Since, Until *Timestamp // both inclusive; nil is no condition

	// Limit bounds the stored events of the initial answer, not the live ones. 0 means no
	// limit, unless LimitZero is set: then no stored events are wanted.
	Limit     int
	LimitZero bool

	Search string // NIP-50
}

// WithIDs returns a copy of f that wants these ids only; none at all matches nothing.
func (f Filter) WithIDs(ids ...ID) Filter {
	f = f.Clone()
	f.IDs = some(ids)
	return f
}

// WithAuthors returns a copy of f that wants events of these authors only; none at all matches nothing.
func (f Filter) WithAuthors(authors ...PubKey) Filter {
	f = f.Clone()
	f.Authors = some(authors)
	return f
}

// WithKinds returns a copy of f that wants these kinds only; none at all matches nothing.
func (f Filter) WithKinds(kinds ...Kind) Filter {
	f = f.Clone()
	f.Kinds = some(kinds)
	return f
}

// WithTag returns a copy of f that wants events with a tag of that letter (without '#')
// whose value is one of these; none at all matches nothing.
func (f Filter) WithTag(letter string, values ...string) Filter {
	f = f.Clone()
	if f.Tags == nil {
		f.Tags = TagMap{}
	}
	f.Tags[letter] = some(values)
	return f
}

// WithSince returns a copy of f that wants events of that second and later.
func (f Filter) WithSince(t Timestamp) Filter {
	f = f.Clone()
	f.Since = &t
	return f
}

// WithUntil returns a copy of f that wants events of that second and earlier.
func (f Filter) WithUntil(t Timestamp) Filter {
	f = f.Clone()
	f.Until = &t
	return f
}

// WithLimit returns a copy of f that wants at most n stored events, none if n is 0.
func (f Filter) WithLimit(n int) Filter {
	f = f.Clone()
	f.Limit, f.LimitZero = n, n == 0
	return f
}

// WithSearch returns a copy of f that wants what the relay finds for that query (NIP-50).
func (f Filter) WithSearch(query string) Filter {
	f = f.Clone()
	f.Search = query
	return f
}

// some copies a list and is never nil.
func some[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }

// Clone returns a copy that shares nothing with f. Nil stays nil and empty stays empty.
func (f Filter) Clone() Filter {
	f.IDs = slices.Clone(f.IDs)
	f.Kinds = slices.Clone(f.Kinds)
	f.Authors = slices.Clone(f.Authors)
	f.Tags = maps.Clone(f.Tags)
	for letter, values := range f.Tags {
		f.Tags[letter] = slices.Clone(values)
	}
	f.Since = clonePtr(f.Since)
	f.Until = clonePtr(f.Until)
	return f
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Matches reports whether the event meets all conditions of the filter (NIP-01). Limit
// and Search are no conditions on a single event and are not looked at (NIP-50 leaves
// the meaning of a query to the relay).
func (f Filter) Matches(e *Event) bool {
	switch {
	case f.Kinds != nil && !slices.Contains(f.Kinds, e.Kind),
		f.Since != nil && e.CreatedAt < *f.Since,
		f.Until != nil && e.CreatedAt > *f.Until,
		f.IDs != nil && !containsHash(f.IDs, e.ID),
		f.Authors != nil && !containsHash(f.Authors, e.PubKey):
		return false
	}
	for letter, values := range f.Tags {
		if !e.Tags.ContainsAny(letter, values) {
			return false
		}
	}
	return true
}

// MatchesNothing reports whether no event can match: a list is empty but not nil, or
// since is after until. Such a filter is not worth sending.
func (f Filter) MatchesNothing() bool {
	if f.IDs != nil && len(f.IDs) == 0 || f.Kinds != nil && len(f.Kinds) == 0 || f.Authors != nil && len(f.Authors) == 0 {
		return true
	}
	for _, values := range f.Tags {
		if len(values) == 0 {
			return true
		}
	}
	return f.Since != nil && f.Until != nil && *f.Since > *f.Until
}

// Validate returns nil if the filter may be sent, else an error that is
// [ErrInvalidFilter] and names the field: tag keys are one letter, the values of #e and #p
// are 64 lower-case hexadecimal digits, all strings are UTF-8, and neither limit, since
// nor until are negative. A filter that matches nothing is valid.
func (f Filter) Validate() error {
	for _, letter := range slices.Sorted(maps.Keys(f.Tags)) {
		if !isTagLetter(letter) {
			return fmt.Errorf("%w: tag key %q is not one letter a-z or A-Z", ErrInvalidFilter, clip(letter))
		}
		for i, v := range f.Tags[letter] {
			if problem := tagValueProblem(letter, v); problem != "" {
				return fmt.Errorf("%w: #%s[%d]: %s", ErrInvalidFilter, letter, i, problem)
			}
		}
	}
	switch {
	case f.Limit < 0:
		return fmt.Errorf("%w: limit is negative", ErrInvalidFilter)
	case f.Limit > 0 && f.LimitZero:
		return fmt.Errorf("%w: limit is %d and LimitZero is set", ErrInvalidFilter, f.Limit)
	case f.Since != nil && *f.Since < 0:
		return fmt.Errorf("%w: since is negative", ErrInvalidFilter)
	case f.Until != nil && *f.Until < 0:
		return fmt.Errorf("%w: until is negative", ErrInvalidFilter)
	case !utf8.ValidString(f.Search):
		return fmt.Errorf("%w: search is not UTF-8", ErrInvalidFilter)
	}
	return nil
}

func isTagLetter(s string) bool {
	return len(s) == 1 && 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z'
}

func tagValueProblem(letter, value string) string {
	if letter == "e" || letter == "p" {
		var id ID
		if decodeHex(id[:], value, "") != nil {
			return "want 64 lower-case hex digits"
		}
	}
	if !utf8.ValidString(value) {
		return "not UTF-8"
	}
	return ""
}

// Filters are the filters of one request: an event is wanted if it matches one of them.
type Filters []Filter

// Matches reports whether the event matches one of the filters. No filters match nothing.
func (filters Filters) Matches(e *Event) bool {
	for i := range filters {
		if filters[i].Matches(e) {
			return true
		}
	}
	return false
}
