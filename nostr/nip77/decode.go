package nip77

import (
	"math/bits"

	"github.com/gennostr/gennostr/nostr"
)

// The modes of a range.
const (
	modeSkip        = 0
	modeFingerprint = 1
	modeIDList      = 2
)

const idSize = len(nostr.ID{})

// A span is a range as it came. Its slices are parts of the message.
type span struct {
	upper       bound
	mode        uint64
	fingerprint [fingerprintSize]byte // of modeFingerprint
	ids         []byte                // of modeIDList: one after another
}

// A decoder reads a message. It hands out nothing that is not there: each length is compared
// with the bytes that are left before it is used for anything.
type decoder struct {
	data     []byte
	offset   int
	previous bound // the last span's upper
}

// checkMessage reads a whole message, so that one that ends badly has no effect at all. It
// returns the version: of others than ours only the range is checked (P69).
func checkMessage(data []byte) (version byte, err error) {
	switch {
	case len(data) == 0:
		return 0, &ParseError{Reason: "an empty message, without a protocol version"}
	case data[0] < versionZero || data[0] > versionLast:
		return 0, &ParseError{Reason: "no protocol version"}
	case data[0] != Version:
		return data[0], nil
	}
	for d := newDecoder(data); d.more(); {
		if _, err := d.span(); err != nil {
			return 0, err
		}
	}
	return Version, nil
}

// newDecoder reads the spans of a message, from behind its version.
func newDecoder(data []byte) decoder { return decoder{data: data, offset: 1} }

func (d *decoder) more() bool { return d.offset < len(d.data) }

func (d *decoder) span() (s span, err error) {
	if s.upper, err = d.bound(); err != nil {
		return s, err
	}
	start := d.offset
	if s.mode, err = d.varint(); err != nil {
		return s, err
	}
	switch s.mode {
	case modeSkip:
	case modeFingerprint:
		var b []byte
		if b, err = d.bytes(fingerprintSize, "a fingerprint"); err == nil {
			s.fingerprint = [fingerprintSize]byte(b)
		}
	case modeIDList:
		s.ids, err = d.idList()
	default:
		err = &ParseError{Offset: start, Reason: "an unknown mode"}
	}
	return s, err
}

// bound reads an upper bound and sees to it that bounds do not go back. One that is equal to
// the last is an empty range; so is all that comes after infinity.
func (d *decoder) bound() (b bound, err error) {
	start := d.offset
	if b.at, err = d.timestamp(); err != nil {
		return b, err
	}
	lengthAt := d.offset
	length, err := d.varint()
	if err != nil {
		return b, err
	}
	if length > uint64(idSize) {
		return b, &ParseError{Offset: lengthAt, Reason: "an id prefix of more than 32 bytes"}
	}
	if b.prefix, err = d.bytes(int(length), "an id prefix"); err != nil {
		return b, err
	}
	if b.compare(d.previous) < 0 {
		return b, &ParseError{Offset: start, Reason: "a bound before the last one"}
	}
	d.previous = b
	return b, nil
}

// timestamp reads 0 for infinity, else the difference to the last one plus 1.
func (d *decoder) timestamp() (uint64, error) {
	start := d.offset
	offset, err := d.varint()
	if err != nil || offset == 0 {
		return infinity, err
	}
	at, carry := bits.Add64(d.previous.at, offset-1, 0)
	if carry != 0 || at == infinity && d.previous.at != infinity {
		return 0, &ParseError{Offset: start, Reason: "a timestamp beyond 64 bits"}
	}
	return at, nil
}

func (d *decoder) idList() ([]byte, error) {
	start := d.offset
	count, err := d.varint()
	if err != nil {
		return nil, err
	}
	if count > uint64(len(d.data)-d.offset)/uint64(idSize) {
		return nil, &ParseError{Offset: start, Reason: "a list of more ids than there are bytes left"}
	}
	return d.bytes(int(count)*idSize, "ids")
}

func (d *decoder) bytes(n int, what string) ([]byte, error) {
	if n > len(d.data)-d.offset {
		return nil, &ParseError{Offset: d.offset, Reason: what + " cut short"}
	}
	b := d.data[d.offset : d.offset+n : d.offset+n]
	d.offset += n
	return b, nil
}

// varint reads base-128 digits, most significant first. Leading zeros, which no
// implementation writes, are let pass within the length that 64 bits can have.
func (d *decoder) varint() (v uint64, err error) {
	start := d.offset
	for i := start; i < len(d.data); i++ {
		if i-start == maxVarintSize || v>>(64-7) != 0 {
			return 0, &ParseError{Offset: start, Reason: "a number beyond 64 bits"}
		}
		v = v<<7 | uint64(d.data[i]&0x7f)
		if d.data[i] < 0x80 {
			d.offset = i + 1
			return v, nil
		}
	}
	return 0, &ParseError{Offset: start, Reason: "a number cut short"}
}
