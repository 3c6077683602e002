package cursor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// The bytes behind "g1", all numbers that are called a varint being in base 128, lowest
// digits first, as protocol buffers and encoding/binary have them, in as few bytes as can be:
//
//	filters     varint n, then n × 8 bytes: the hashes, big-endian, ascending
//	relays      varint n, then for each, ascending:
//	  hash      8 bytes
//	  marks     varint n, at least 1, then for each, by filter, ascending:
//	    filter  varint, index of the hash
//	    flags   1 byte: 1 loaded, 2 any, 4 an At follows, 8 a Floor follows
//	    At      varint, zigzag: less the At of the cursor's mark before it that has one, else less 0
//	    Floor   varint, zigzag: less the mark's At
//	unfinished  varint n, then n × 32 bytes, ascending
//	handled     varint n, then n × 8 bytes, ascending
//	checksum    4 bytes, big-endian: CRC-32C of "g1" and all bytes before
const version = "g1"

const (
	flagLoaded = 1 << iota
	flagAny
	flagAt
	flagFloor
	flagsEnd
)

const (
	checksumSize = 4
	manySize     = 2 // of a varint from 128 to 16,383, as that of handled ids is where they are cut
)

// maxPayload is how many bytes fit into a text.
var maxPayload = encoding.DecodedLen(MaxText - len(version))

// Strict: unused bits of the last digit are zero, so that there is one text.
var encoding = base64.RawURLEncoding.Strict()

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendText appends the cursor's text to b: at most MaxText bytes, ASCII without white
// space. The lists may be in any order, and c stays as it is.
//
// Of more than MaxMarks marks those are left out that say nothing, then the last ones; of
// more than MaxHandled handled ids, or than fit, the last ones. Two marks of one relay
// and filter become one. It fails, and appends nothing, for more than MaxUnfinished
// unfinished ids: none of them can be left out without losing an event.
func (c *Cursor) AppendText(b []byte) ([]byte, error) {
	unfinished := normalUnfinished(c.Unfinished)
	if len(unfinished) > MaxUnfinished {
		return b, fmt.Errorf("cursor: %d unfinished ids, at most %d", len(unfinished), MaxUnfinished)
	}
	handled := c.Handled
	payload := make([]byte, 0, maxPayload)
	payload = appendMarks(payload, normalMarks(c.Marks))
	payload = binary.AppendUvarint(payload, uint64(len(unfinished)))
	for _, id := range unfinished {
		payload = append(payload, id[:]...)
	}
	room := (maxPayload - len(payload) - manySize - checksumSize) / len(Short{})
	if len(handled) > room {
		handled = handled[:room]
	}
	handled = normalHandled(handled)
	payload = binary.AppendUvarint(payload, uint64(len(handled)))
	for _, s := range handled {
		payload = append(payload, s[:]...)
	}
	payload = binary.BigEndian.AppendUint32(payload, checksum(payload))
	return encoding.AppendEncode(append(b, version...), payload), nil
}

func checksum(payload []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(version), castagnoli), castagnoli, payload)
}

// appendMarks writes marks that are normal.
func appendMarks(dst []byte, marks []Mark) []byte {
	filters := make([]uint64, len(marks))
	for i, m := range marks {
		filters[i] = m.Filter
	}
	slices.Sort(filters)
	filters = slices.Compact(filters)
	dst = binary.AppendUvarint(dst, uint64(len(filters)))
	for _, f := range filters {
		dst = binary.BigEndian.AppendUint64(dst, f)
	}
	relays := 0
	for i := range marks {
		if i == 0 || marks[i].Relay != marks[i-1].Relay {
			relays++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(relays))
	var before nostr.Timestamp
	for len(marks) > 0 {
		n := 1
		for n < len(marks) && marks[n].Relay == marks[0].Relay {
			n++
		}
		dst = append(dst, marks[0].Relay[:]...)
		dst = binary.AppendUvarint(dst, uint64(n))
		for _, m := range marks[:n] {
			index, _ := slices.BinarySearch(filters, m.Filter)
			dst = binary.AppendUvarint(dst, uint64(index))
			dst, before = appendMark(dst, m, before)
		}
		marks = marks[n:]
	}
	return dst
}

// appendMark writes a mark but for its relay and filter. Differences may run over: they
// run back when they are added up.
func appendMark(dst []byte, m Mark, before nostr.Timestamp) ([]byte, nostr.Timestamp) {
	var flags byte
	if m.Loaded {
		flags |= flagLoaded
	}
	if m.Any {
		flags |= flagAny
	}
	if m.At != 0 {
		flags |= flagAt
	}
	if m.Floor != 0 {
		flags |= flagFloor
	}
	dst = append(dst, flags)
	if m.At != 0 {
		dst = binary.AppendVarint(dst, int64(m.At-before))
		before = m.At
	}
	if m.Floor != 0 {
		dst = binary.AppendVarint(dst, int64(m.Floor-m.At))
	}
	return dst, before
}
