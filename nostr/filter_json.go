package nostr

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// AppendJSON appends the filter as JSON without white space, in an order that is always
// the same (tags by their letter). Conditions that are not set are left out; an empty list
// is written as []. It does not look whether the filter is valid.
func (f Filter) AppendJSON(dst []byte) []byte {
	start := len(dst)
	key := func(name string) {
		if len(dst) == start {
			dst = append(dst, '{')
		} else {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendQuote(dst, name)
		dst = append(dst, ':')
	}
	if f.IDs != nil {
		key("ids")
		dst = appendList(dst, f.IDs, func(dst []byte, id ID) []byte { return appendQuotedHex(dst, id[:]) })
	}
	if f.Authors != nil {
		key("authors")
		dst = appendList(dst, f.Authors, func(dst []byte, pk PubKey) []byte { return appendQuotedHex(dst, pk[:]) })
	}
	if f.Kinds != nil {
		key("kinds")
		dst = appendList(dst, f.Kinds, func(dst []byte, k Kind) []byte { return strconv.AppendUint(dst, uint64(k), 10) })
	}
	for _, letter := range slices.Sorted(maps.Keys(f.Tags)) {
		key("#" + letter)
		dst = appendList(dst, f.Tags[letter], strictjson.AppendQuote)
	}
	if f.Since != nil {
		key("since")
		dst = strconv.AppendInt(dst, int64(*f.Since), 10)
	}
	if f.Until != nil {
		key("until")
		dst = strconv.AppendInt(dst, int64(*f.Until), 10)
	}
	if f.Limit != 0 || f.LimitZero {
		key("limit")
		dst = strconv.AppendInt(dst, int64(f.Limit), 10)
	}
	if f.Search != "" {
		key("search")
		dst = strictjson.AppendQuote(dst, f.Search)
	}
	if len(dst) == start {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}

func appendQuotedHex(dst, src []byte) []byte {
	return append(appendHex(append(dst, '"'), src), '"')
}

// MarshalJSON returns what [Filter.AppendJSON] appends, or the error of [Filter.Validate].
func (f Filter) MarshalJSON() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return f.AppendJSON(nil), nil
}

// String returns the filter as JSON, for logs.
func (f Filter) String() string { return string(f.AppendJSON(nil)) }

// UnmarshalJSON reads one filter and nothing else, as strictly as [ParseFilter].
// The filter keeps its value when it fails.
func (f *Filter) UnmarshalJSON(data []byte) error {
	p := filterParser{s: strictjson.New(data)}
	if err := p.parse(); err != nil {
		return err
	}
	if err := p.s.End(); err != nil {
		return parseError("filter", "", err)
	}
	*f = p.f
	return nil
}

// ParseFilter reads the filter that data starts with and returns it with the number of
// bytes it took; what follows is not looked at. The filter holds no reference to data.
//
// A key may stand there once. Keys that NIP-01 and NIP-50 do not know are ignored, but
// for those that start with '#' and are not one letter: to ignore a condition on a tag
// would widen the filter. What [Filter.Validate] refuses is refused here too, with a
// [*ParseError].
func ParseFilter(data []byte) (f Filter, n int, err error) {
	p := filterParser{s: strictjson.New(data)}
	if err := p.parse(); err != nil {
		return Filter{}, 0, err
	}
	return p.f, p.s.Pos(), nil
}

type filterParser struct {
	s    strictjson.Scanner
	f    Filter
	seen map[string]bool
}

func (p *filterParser) parse() error {
	if err := p.s.Object(); err != nil {
		return parseError("filter", "", err)
	}
	for n := 0; ; n++ {
		key, more, err := p.s.NextKey(n, nil)
		if err != nil {
			return parseError("filter", "", err)
		}
		if !more {
			return nil
		}
		if err := p.member(string(key)); err != nil {
			return err
		}
	}
}

func (p *filterParser) member(key string) error {
	start := p.s.Pos()
	switch key {
	case "ids", "authors", "kinds", "since", "until", "limit", "search":
	default:
		if len(key) == 0 || key[0] != '#' {
			if err := p.s.Skip(); err != nil {
				return parseError("filter", keyName([]byte(key)), err)
			}
			return nil
		}
		if !isTagLetter(key[1:]) {
			return &ParseError{What: "filter", Field: keyName([]byte(key)), Offset: start, Reason: "not one letter a-z or A-Z behind the #"}
		}
	}
	if p.seen[key] {
		return &ParseError{What: "filter", Field: key, Offset: start, Reason: "duplicate key"}
	}
	if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	p.seen[key] = true

	i, err := p.value(key)
	switch {
	case err == nil:
		return nil
	case i >= 0:
		key = fmt.Sprintf("%s[%d]", key, i)
	}
	return parseError("filter", key, err)
}

// value reads the value of a condition. An error is at element i of it, or, where i
// is negative, of the whole.
func (p *filterParser) value(key string) (i int, err error) {
	switch key {
	case "ids":
		p.f.IDs, i, err = readList(&p.s, func() (id ID, err error) { err = p.s.Hex(id[:]); return id, err })
	case "authors":
		p.f.Authors, i, err = readList(&p.s, func() (pk PubKey, err error) { err = p.s.Hex(pk[:]); return pk, err })
	case "kinds":
		p.f.Kinds, i, err = readList(&p.s, func() (Kind, error) {
			n, err := p.s.Uint64(math.MaxUint16)
			return Kind(n), err
		})
	case "since", "until":
		i = -1
		var n uint64
		n, err = p.s.Uint64(math.MaxInt64)
		if t := Timestamp(n); key == "since" {
			p.f.Since = &t
		} else {
			p.f.Until = &t
		}
	case "limit":
		i = -1
		var n uint64
		n, err = p.s.Uint64(math.MaxInt)
		p.f.Limit, p.f.LimitZero = int(n), n == 0
	case "search":
		i = -1
		var b []byte
		b, err = p.s.String(nil)
		p.f.Search = string(b)
	default:
		i, err = p.tag(key[1:])
	}
	return i, err
}

func (p *filterParser) tag(letter string) (int, error) {
	var buf []byte
	values, i, err := readList(&p.s, func() (string, error) {
		p.s.SkipSpace()
		start := p.s.Pos()
		b, err := p.s.String(buf)
		if err != nil {
			return "", err
		}
		v := string(b)
		if problem := tagValueProblem(letter, v); problem != "" {
			return "", &strictjson.SyntaxError{Offset: start, Msg: problem}
		}
		return v, nil
	})
	if err != nil {
		return i, err
	}
	if p.f.Tags == nil {
		p.f.Tags = TagMap{}
	}
	p.f.Tags[letter] = values
	return i, nil
}

// readList returns a list that is never nil, or an error with the index of the entry
// at fault, -1 if it is the list itself.
func readList[T any](s *strictjson.Scanner, one func() (T, error)) ([]T, int, error) {
	list := []T{}
	if err := s.Array(); err != nil {
		return nil, -1, err
	}
	for i := 0; ; i++ {
		more, err := s.NextElement(i)
		if err != nil {
			return nil, -1, err
		}
		if !more {
			return list, -1, nil
		}
		v, err := one()
		if err != nil {
			return nil, i, err
		}
		list = append(list, v)
	}
}
