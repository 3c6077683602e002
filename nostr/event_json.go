package nostr

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// AppendJSON appends the event as NIP-01 writes it, without white space and with the
// escapes of the canonical form. It does not look whether the event is valid.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":"`...)
	dst = appendHex(dst, e.ID[:])
	dst = append(dst, `","pubkey":"`...)
	dst = appendHex(dst, e.PubKey[:])
	dst = append(dst, `",`...)
	dst = e.appendFields(dst)
	dst = append(dst, `,"sig":"`...)
	dst = appendHex(dst, e.Sig[:])
	return append(dst, `"}`...)
}

// appendFields appends the four that are no hex.
func (e *Event) appendFields(dst []byte) []byte {
	dst = append(dst, `"created_at":`...)
	dst = strconv.AppendInt(dst, int64(e.CreatedAt), 10)
	dst = append(dst, `,"kind":`...)
	dst = strconv.AppendUint(dst, uint64(e.Kind), 10)
	dst = append(dst, `,"tags":`...)
	dst = appendTags(dst, e.Tags)
	dst = append(dst, `,"content":`...)
	return strictjson.AppendQuote(dst, e.Content)
}

// MarshalJSON returns what [Event.AppendJSON] appends, or the error of [Event.Validate].
// Note that [encoding/json] escapes <, > and & on top; the event's ID does not change by that.
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return e.AppendJSON(make([]byte, 0, e.sizeHint())), nil
}

// UnmarshalJSON reads one event and nothing else, as strictly as [ParseEvent].
// The event keeps its value when it fails.
func (e *Event) UnmarshalJSON(data []byte) error {
	var p eventParser
	if err := p.parse(data); err != nil {
		return err
	}
	if err := p.s.End(); err != nil {
		return parseError("event", "", err)
	}
	*e = p.event
	return nil
}

// ParseEvent reads the event that data starts with and returns it with the number of
// bytes it took; what follows is not looked at. The event holds no reference to data.
// Its content and the strings of its tags share one allocation, about as long as they
// are together: what outlives the event is better kept as a [strings.Clone]. An event
// of nothing but tiny tags takes about eight times its JSON.
//
// All seven fields of NIP-01 must be there, once, and of the right type: hex is lower-case,
// kind 0 to 65535, created_at an integer from 0 to 2⁶³-1, and every tag a list of at
// least one string. Other keys may hold any JSON and are ignored. What is refused
// is refused with a [*ParseError]. Neither hash nor signature are checked.
func ParseEvent(data []byte) (ev *Event, n int, err error) {
	var p eventParser
	if err := p.parse(data); err != nil {
		return nil, 0, err
	}
	ev = new(Event)
	*ev = p.event
	return ev, p.s.Pos(), nil
}

// An eventParser reads in one pass, in which it only notes where the strings of tags
// and content are. When all is known to be good it allocates what they need exactly:
// one string for all text, one list for all strings of tags, one for the tags.
type eventParser struct {
	s        strictjson.Scanner
	event    Event
	seen     field
	optional field // which may be missing, and the hex among them empty

	content  strictjson.Span
	tags     int // how many
	textSize int // of content and all strings of tags, unescaped
}

// A tagItem is where one string of a tag stands. The list of them is handed from call
// to call instead of being a field, so that it can live on the stack.
type tagItem struct {
	start, end, size uint32
	first            bool // of its tag
}

type field uint8

const (
	fieldID field = 1 << iota
	fieldPubKey
	fieldCreatedAt
	fieldKind
	fieldTags
	fieldContent
	fieldSig
	allFields = 1<<iota - 1
)

var fieldNames = [...]string{"id", "pubkey", "created_at", "kind", "tags", "content", "sig"}

func fieldOf(key []byte) field {
	switch string(key) {
	case "id":
		return fieldID
	case "pubkey":
		return fieldPubKey
	case "created_at":
		return fieldCreatedAt
	case "kind":
		return fieldKind
	case "tags":
		return fieldTags
	case "content":
		return fieldContent
	case "sig":
		return fieldSig
	}
	return 0
}

func (p *eventParser) parse(data []byte) error {
	if len(data) > math.MaxInt32 {
		return &ParseError{What: "event", Reason: "more than 2 GiB"}
	}
	var stack [48]tagItem
	items := stack[:0]
	p.s = strictjson.New(data)
	if err := p.s.Object(); err != nil {
		return parseError("event", "", err)
	}
	var keyBuf [16]byte
	for n := 0; ; n++ {
		key, more, err := p.s.NextKey(n, keyBuf[:0])
		if err != nil {
			return parseError("event", "", err)
		}
		if !more {
			break
		}
		f := fieldOf(key)
		if f != 0 && p.seen&f != 0 {
			return p.refuse(string(key), "duplicate key")
		}
		p.seen |= f
		if f == fieldTags {
			items, err = p.readTags(items)
		} else {
			err = p.readField(f, key)
		}
		if err != nil {
			return err
		}
	}
	if p.seen|p.optional != allFields {
		for i, name := range fieldNames {
			if (p.seen|p.optional)&(1<<i) == 0 {
				return p.refuse(name, "missing")
			}
		}
	}
	p.build(data, items)
	return nil
}

func (p *eventParser) refuse(name, reason string) error {
	return &ParseError{What: "event", Field: name, Offset: p.s.Pos(), Reason: reason}
}

func (p *eventParser) readField(f field, key []byte) (err error) {
	e := &p.event
	var n uint64
	switch f {
	case fieldID:
		err = p.hex(f, e.ID[:])
	case fieldPubKey:
		err = p.hex(f, e.PubKey[:])
	case fieldSig:
		err = p.hex(f, e.Sig[:])
	case fieldCreatedAt:
		n, err = p.s.Uint64(math.MaxInt64)
		e.CreatedAt = Timestamp(n)
	case fieldKind:
		n, err = p.s.Uint64(math.MaxUint16)
		e.Kind = Kind(n)
	case fieldContent:
		p.content, err = p.s.Span()
		p.textSize += p.content.Size
	default:
		if err = p.s.Skip(); err != nil {
			return parseError("event", keyName(key), err)
		}
	}
	if err != nil {
		return parseError("event", string(key), err)
	}
	return nil
}

func (p *eventParser) hex(f field, dst []byte) error {
	if p.optional&f == 0 {
		return p.s.Hex(dst)
	}
	if p.s.Peek() == '"' && bytes.HasPrefix(p.s.Rest(), []byte(`""`)) {
		p.s.Advance(2)
		return nil
	}
	start := p.s.Pos()
	if err := p.s.Hex(dst); err != nil {
		return err
	}
	for _, b := range dst {
		if b != 0 {
			return nil
		}
	}
	// Something that nobody's is must not pass for something that is not there.
	return &strictjson.SyntaxError{Offset: start, Msg: "all zeros"}
}

func (p *eventParser) readTags(items []tagItem) ([]tagItem, error) {
	if err := p.s.Array(); err != nil {
		return nil, parseError("event", "tags", err)
	}
	for ; ; p.tags++ {
		more, err := p.s.NextElement(p.tags)
		if err != nil {
			return nil, parseError("event", "tags", err)
		}
		if !more {
			return items, nil
		}
		if items, err = p.readTag(items); err != nil {
			return nil, err
		}
	}
}

func (p *eventParser) readTag(items []tagItem) ([]tagItem, error) {
	if err := p.s.Array(); err != nil {
		return nil, parseError("event", fmt.Sprintf("tags[%d]", p.tags), err)
	}
	for j := 0; ; j++ {
		more, err := p.s.NextElement(j)
		if err != nil {
			return nil, parseError("event", fmt.Sprintf("tags[%d]", p.tags), err)
		}
		if !more {
			if j == 0 {
				return nil, p.refuse(fmt.Sprintf("tags[%d]", p.tags), "empty tag")
			}
			return items, nil
		}
		span, err := p.s.Span()
		if err != nil {
			return nil, parseError("event", fmt.Sprintf("tags[%d][%d]", p.tags, j), err)
		}
		items = append(items, tagItem{uint32(span.Start), uint32(span.End), uint32(span.Size), j == 0})
		p.textSize += span.Size
	}
}

func (p *eventParser) build(data []byte, items []tagItem) {
	var text strings.Builder
	text.Grow(p.textSize)
	for _, it := range items {
		writeText(&text, data[it.start:it.end], int(it.size))
	}
	writeText(&text, data[p.content.Start:p.content.End], p.content.Size)
	rest := text.String()

	list := make([]string, len(items))
	p.event.Tags = make(Tags, 0, p.tags)
	start := 0
	for i, it := range items {
		list[i], rest = rest[:it.size], rest[it.size:]
		// The third index keeps an append to one tag from running into the next.
		if i+1 == len(items) || items[i+1].first {
			p.event.Tags = append(p.event.Tags, list[start:i+1:i+1])
			start = i + 1
		}
	}
	p.event.Content = rest
}

func writeText(b *strings.Builder, raw []byte, size int) {
	if len(raw) == size {
		b.Write(raw)
		return
	}
	strictjson.WriteUnescaped(b, raw)
}
