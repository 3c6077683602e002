package cursor

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
)

var (
	errEmpty   = errors.New("cursor: empty text")
	errNone    = errors.New(`cursor: text does not start with "` + version + `": no cursor`)
	errTooLong = fmt.Errorf("cursor: text of more than %d bytes", MaxText)
)

// Parse reads what AppendText has written, and nothing else: not with white space around
// it. An error says what is wrong with the text and where, and repeats no more of it than
// its version. It takes memory for a few times the length of the text at most, and refuses
// one above MaxText at once.
func Parse(text []byte) (*Cursor, error) {
	payload, err := decode(text)
	if err != nil {
		return nil, err
	}
	d := decoder{data: payload}
	c := &Cursor{Marks: d.marks()}
	if n := d.count("unfinished ids", MaxUnfinished, len(nostr.ID{})); n > 0 {
		c.Unfinished = make([]nostr.ID, n)
		for i := range c.Unfinished {
			copy(c.Unfinished[i][:], d.bytes(len(nostr.ID{})))
		}
		d.check(ascending(c.Unfinished, nostr.ID.Compare), "unfinished ids are not in order")
	}
	if n := d.count("handled ids", MaxHandled, len(Short{})); n > 0 {
		c.Handled = make([]Short, n)
		for i := range c.Handled {
			copy(c.Handled[i][:], d.bytes(len(Short{})))
		}
		d.check(ascending(c.Handled, Short.Compare), "handled ids are not in order")
	}
	d.check(d.at == len(d.data), "more behind the handled ids")
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// decode returns the bytes that the text stands for, without their checksum, which is
// right.
func decode(text []byte) ([]byte, error) {
	switch {
	case len(text) == 0:
		return nil, errEmpty
	case len(text) > MaxText:
		return nil, errTooLong
	case len(text) < len(version) || text[0] != version[0]:
		return nil, errNone
	case string(text[:len(version)]) != version:
		return nil, fmt.Errorf("cursor: version %q, want %q", text[:len(version)], version)
	}
	digits := text[len(version):]
	at := bytes.IndexAny(digits, "\r\n") // which the decoder would pass over
	payload, err := encoding.AppendDecode(make([]byte, 0, encoding.DecodedLen(len(digits))), digits)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) && (at < 0 || int(corrupt) < at) {
		at = int(corrupt)
	}
	if at >= 0 {
		return nil, fmt.Errorf("cursor: byte %d of the text is no base64url, or the text is cut off there", len(version)+at)
	}
	n := len(payload) - checksumSize
	if n < 0 {
		return nil, fmt.Errorf("cursor: cut off: %d bytes of payload", len(payload))
	}
	if binary.BigEndian.Uint32(payload[n:]) != checksum(payload[:n]) {
		return nil, fmt.Errorf("cursor: wrong checksum over %d bytes of payload: damaged or cut off", n)
	}
	return payload[:n], nil
}

// decoder reads the payload. After the first error it reads zeros.
type decoder struct {
	data []byte
	at   int // in data
	err  error
}

func (d *decoder) check(ok bool, problem string) {
	if !ok && d.err == nil {
		d.err = fmt.Errorf("cursor: %s, at byte %d of the payload", problem, d.at)
	}
}

// bytes returns the next n bytes, nil at an error.
func (d *decoder) bytes(n int) []byte {
	d.check(len(d.data)-d.at >= n, "cut off")
	if d.err != nil {
		return nil
	}
	d.at += n
	return d.data[d.at-n : d.at]
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// varint reads a number in base 128, in as few bytes as can be.
func (d *decoder) varint() uint64 {
	if d.err != nil {
		return 0
	}
	n, size := binary.Uvarint(d.data[d.at:])
	d.check(size > 0 && (size == 1 || d.data[d.at+size-1] != 0), "bad number")
	if d.err != nil {
		return 0
	}
	d.at += size
	return n
}

// zigzag reads a number with a sign.
func (d *decoder) zigzag() nostr.Timestamp {
	n := d.varint()
	return nostr.Timestamp(n>>1) ^ -nostr.Timestamp(n&1)
}

// count reads how many of something follow, of size bytes each at least; 0 at an error.
// So nobody is given memory for what is not there.
func (d *decoder) count(what string, most, size int) int {
	n := d.varint()
	d.check(n <= uint64(most), "too many "+what)
	d.check(n <= uint64((len(d.data)-d.at)/size), "cut off before the end of the "+what)
	if d.err != nil {
		return 0
	}
	return int(n)
}

// marks reads filters, relays and their marks; nil if there are none.
func (d *decoder) marks() []Mark {
	filters := make([]uint64, d.count("filters", MaxMarks, 8))
	for i := range filters {
		filters[i] = d.uint64()
		d.check(i == 0 || filters[i-1] < filters[i], "filters are not in order")
	}
	var marks []Mark
	var before nostr.Timestamp
	used := make([]bool, len(filters))
	for range d.count("relays", MaxMarks, 11) {
		var relay [8]byte
		copy(relay[:], d.bytes(len(relay)))
		n := d.count("marks", MaxMarks-len(marks), 2)
		d.check(n > 0, "a relay without marks")
		for range n {
			m := Mark{Relay: relay}
			if index := d.varint(); index < uint64(len(filters)) {
				m.Filter, used[index] = filters[index], true
			} else {
				d.check(false, "a mark of no filter")
			}
			before = d.mark(&m, before)
			d.check(len(marks) == 0 || compareMarks(marks[len(marks)-1], m) < 0, "marks are not in order")
			if d.err != nil {
				return nil
			}
			marks = append(marks, m)
		}
	}
	for _, u := range used {
		d.check(u, "a filter without marks")
	}
	return marks
}

// mark reads a mark but for its relay and filter, and returns the At that the next one
// is counted from.
func (d *decoder) mark(m *Mark, before nostr.Timestamp) nostr.Timestamp {
	flags := d.byte()
	d.check(flags < flagsEnd, "unknown flags")
	m.Loaded, m.Any = flags&flagLoaded != 0, flags&flagAny != 0
	if flags&flagAt != 0 {
		m.At = before + d.zigzag()
		d.check(m.At != 0, "a time that is none")
		before = m.At
	}
	if flags&flagFloor != 0 {
		m.Floor = m.At + d.zigzag()
		d.check(m.Floor != 0, "a floor that is none")
	}
	return before
}
