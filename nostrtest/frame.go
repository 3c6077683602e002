package nostrtest

import (
	"encoding/binary"
	"fmt"
)

// Opcodes of RFC 6455, 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// Bits of a frame's first two bytes (RFC 6455, 5.2).
const (
	finBit  = 0x80
	rsv1Bit = 0x40 // with permessage-deflate: the message is compressed
	rsv2Bit = 0x20
	maskBit = 0x80
)

// wsFrame is a websocket frame as no library would write it: each field is put
// on the wire as it is.
type wsFrame struct {
	open    bool // without FIN: more fragments are to follow
	rsv     byte // rsv1Bit, rsv2Bit
	opcode  byte
	masked  bool // with a key of zeros, so that the payload reads the same
	wide    bool // the length takes eight bytes, however small it is
	payload []byte

	lies   bool // the length is announced, not that of the payload
	length uint64
}

// append appends the frame's bytes to dst.
func (f wsFrame) append(dst []byte) []byte {
	first := f.opcode | f.rsv
	if !f.open {
		first |= finBit
	}
	length := uint64(len(f.payload))
	if f.lies {
		length = f.length
	}
	var second byte
	if f.masked {
		second = maskBit
	}
	dst = append(dst, first)
	switch {
	case f.wide || length > 0xFFFF:
		dst = binary.BigEndian.AppendUint64(append(dst, second|127), length)
	case length > 125:
		dst = binary.BigEndian.AppendUint16(append(dst, second|126), uint16(length))
	default:
		dst = append(dst, second|byte(length))
	}
	if f.masked {
		dst = append(dst, 0, 0, 0, 0)
	}
	return append(dst, f.payload...)
}

// text returns the bytes of a text message in one frame.
func textFrame(message []byte) []byte { return wsFrame{opcode: opText, payload: message}.append(nil) }

// fragments returns a text message in pieces of size bytes each, with a ping
// between any two if pings is set (RFC 6455, 5.4).
func fragments(message []byte, size int, pings bool) []byte {
	var out []byte
	opcode := byte(opText)
	for number := 1; ; number++ {
		n := min(size, len(message))
		last := n == len(message)
		out = wsFrame{open: !last, opcode: opcode, payload: message[:n]}.append(out)
		if last {
			return out
		}
		if pings {
			out = wsFrame{opcode: opPing, payload: fmt.Appendf(nil, "between %d", number)}.append(out)
		}
		message, opcode = message[n:], opContinuation
	}
}

// frameReader follows the frames in a stream of bytes that somebody else reads
// or writes. It keeps the start of each payload for the wire log.
type frameReader struct {
	head  [14]byte // of the frame under way
	have  int      // bytes of head that have come
	left  uint64   // bytes of payload still to come
	total uint64   // bytes of payload
	start []byte   // of the payload, unmasked
}

// next takes bytes up to the end of the frame under way and says how many, and
// whether the frame is complete.
func (r *frameReader) next(b []byte) (n int, done bool) {
	if r.have > 0 && r.have == r.headLength() && r.left == 0 { // the last one was complete
		r.have = 0
	}
	for r.have < r.headLength() {
		if n == len(b) {
			return n, false
		}
		r.head[r.have] = b[n]
		r.have++
		n++
		if r.have == r.headLength() {
			r.total = r.announced()
			r.left, r.start = r.total, r.start[:0]
		}
	}
	payload := b[n:]
	if uint64(len(payload)) > r.left {
		payload = payload[:r.left]
	}
	if keep := wireLogText + 1 - len(r.start); keep > 0 {
		at := len(r.start)
		r.start = append(r.start, payload[:min(keep, len(payload))]...)
		if key := r.key(); key != nil {
			for i := at; i < len(r.start); i++ {
				r.start[i] ^= key[i%4]
			}
		}
	}
	r.left -= uint64(len(payload))
	return n + len(payload), r.left == 0
}

// headLength is how many bytes the head has, as far as the bytes so far tell.
func (r *frameReader) headLength() int {
	if r.have < 2 {
		return 2
	}
	n := 2
	switch r.head[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if r.head[1]&maskBit != 0 {
		n += 4
	}
	return n
}

func (r *frameReader) announced() uint64 {
	switch length := r.head[1] &^ maskBit; length {
	case 126:
		return uint64(binary.BigEndian.Uint16(r.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(r.head[2:])
	default:
		return uint64(length)
	}
}

// key returns the four bytes that mask the payload, nil without.
func (r *frameReader) key() []byte {
	if r.head[1]&maskBit == 0 {
		return nil
	}
	n := r.headLength()
	return r.head[n-4 : n]
}
