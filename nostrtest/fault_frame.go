package nostrtest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
)

// Malformation is a way to break the framing of RFC 6455, for MalformedFrame.
type Malformation uint8

// The malformations. A client has to fail the connection over each of them but
// for BinaryMessage and WideLength, which it may take.
const (
	ReservedBit        Malformation = iota + 1 // RSV2 is set, which nobody has agreed on (5.2)
	CompressedUnasked                          // RSV1 is set and the payload is no deflate stream (RFC 7692, 6)
	ReservedOpcode                             // opcode 3 (5.2)
	ReservedControl                            // opcode 11 (5.2)
	MaskedFrame                                // a relay must not mask (5.1)
	LongControl                                // a ping of 126 bytes (5.5)
	SplitControl                               // a ping without FIN (5.5)
	OrphanContinuation                         // continues a message that never began (5.4)
	NestedMessage                              // a message begins before the last fragment of another (5.4)
	InvalidUTF8                                // in a text message (8.1)
	BinaryMessage                              // NOTICE in a binary message; legal, and nothing NIP-01 knows
	WideLength                                 // a short length in eight bytes (5.2)
	NegativeLength                             // the highest bit of the length is set (5.2)
	HugeLength                                 // announces a terabyte, sends 16 bytes, and carries on
	LongLength                                 // announces 16 bytes more than it sends: the next messages are swallowed
	ShortLength                                // announces fewer bytes than it sends: the rest reads as frames
	TruncatedFrame                             // announces 100 bytes, sends 50, and ends the connection with FIN
	TruncatedHeader                            // sends the first byte of a frame, and ends the connection with FIN
	CloseOneByte                               // a close frame with half a code (5.5.1)
	CloseReservedCode                          // a close frame with code 1005 (7.4.1)
	CloseInvalidUTF8                           // a close frame with a broken reason (5.5.1)
	lastMalformation
)

// Malformations returns all of them, for a test that goes through the lot.
func Malformations() []Malformation {
	var all []Malformation
	for m := ReservedBit; m < lastMalformation; m++ {
		all = append(all, m)
	}
	return all
}

// String returns the name of the constant.
func (m Malformation) String() string {
	names := [...]string{"", "ReservedBit", "CompressedUnasked", "ReservedOpcode", "ReservedControl", "MaskedFrame",
		"LongControl", "SplitControl", "OrphanContinuation", "NestedMessage", "InvalidUTF8", "BinaryMessage", "WideLength",
		"NegativeLength", "HugeLength", "LongLength", "ShortLength", "TruncatedFrame", "TruncatedHeader", "CloseOneByte",
		"CloseReservedCode", "CloseInvalidUTF8"}
	if m == 0 || int(m) >= len(names) {
		return fmt.Sprintf("Malformation(%d)", uint8(m))
	}
	return names[m]
}

// bytes returns what goes on the wire, and whether the connection ends behind it.
func (m Malformation) bytes() (b []byte, end bool) {
	notice := []byte(`["NOTICE","` + m.String() + `"]`)
	one := func(f wsFrame) []byte { return f.append(nil) }
	switch m {
	case ReservedBit:
		return one(wsFrame{rsv: rsv2Bit, opcode: opText, payload: notice}), false
	case CompressedUnasked:
		return one(wsFrame{rsv: rsv1Bit, opcode: opText, payload: []byte{0xFF, 0xFF, 0xFF}}), false
	case ReservedOpcode:
		return one(wsFrame{opcode: 3, payload: notice}), false
	case ReservedControl:
		return one(wsFrame{opcode: 11}), false
	case MaskedFrame:
		return one(wsFrame{opcode: opText, masked: true, payload: notice}), false
	case LongControl:
		return one(wsFrame{opcode: opPing, payload: make([]byte, 126)}), false
	case SplitControl:
		return one(wsFrame{open: true, opcode: opPing, payload: []byte("half")}), false
	case OrphanContinuation:
		return one(wsFrame{opcode: opContinuation, payload: notice}), false
	case NestedMessage:
		b = wsFrame{open: true, opcode: opText, payload: notice[:5]}.append(nil)
		return wsFrame{opcode: opText, payload: notice}.append(b), false
	case InvalidUTF8:
		return one(wsFrame{opcode: opText, payload: []byte("[\"NOTICE\",\"\xC3\x28 \xED\xA0\x80 \xFF\"]")}), false
	case BinaryMessage:
		return one(wsFrame{opcode: opBinary, payload: notice}), false
	case WideLength:
		return one(wsFrame{opcode: opText, wide: true, payload: notice}), false
	case NegativeLength:
		return one(wsFrame{opcode: opText, lies: true, length: 1<<63 | 16, payload: notice}), false
	case HugeLength:
		return one(wsFrame{opcode: opText, lies: true, length: 1 << 40, payload: notice[:16]}), false
	case LongLength:
		return one(wsFrame{opcode: opText, lies: true, length: uint64(len(notice)) + 16, payload: notice}), false
	case ShortLength:
		return one(wsFrame{opcode: opText, lies: true, length: 4, payload: notice}), false
	case TruncatedFrame:
		long := bytes.Repeat([]byte(" "), 50)
		return one(wsFrame{opcode: opText, lies: true, length: 100, payload: long}), true
	case TruncatedHeader:
		return []byte{finBit | opText}, true
	case CloseOneByte:
		return one(wsFrame{opcode: opClose, payload: []byte{3}}), false
	case CloseReservedCode:
		return one(wsFrame{opcode: opClose, payload: []byte{0x03, 0xED}}), false
	case CloseInvalidUTF8:
		return one(wsFrame{opcode: opClose, payload: []byte{0x03, 0xE8, 0xFF, 0xFE}}), false
	}
	return nil, false
}

// MalformedFrame sends a frame that is none. The relay then carries on as if
// nothing had happened, unless the malformation ends the connection.
func MalformedFrame(m Malformation) Fault {
	b, end := m.bytes()
	f := linkFault(func(a *act) {
		var then func()
		if end {
			then = a.session.peer.tap.finish
		}
		a.put(urgent{bytes: b, what: "MalformedFrame " + m.String(), then: then})
	}, "MalformedFrame(%v)", m)
	if len(b) == 0 {
		return f.broken("unknown malformation")
	}
	return f
}

// OversizedMessage sends a NOTICE of n bytes in one frame, such as 100 MiB to a
// client whose read limit is 16.
func OversizedMessage(n int) Fault {
	const rest = len(`["NOTICE",""]`)
	f := linkFault(func(a *act) {
		message := append([]byte(`["NOTICE","`), bytes.Repeat([]byte("x"), n-rest)...)
		a.frames(textFrame(append(message, `"]`...)))
	}, "OversizedMessage(%d)", n)
	if n < rest {
		return f.broken(fmt.Sprintf("want at least %d bytes", rest))
	}
	return f
}

// MalformedMessage sends one of HostileMessages, each time the next one.
func MalformedMessage() Fault {
	texts := HostileMessages()
	return linkFault(func(a *act) {
		a.frames(textFrame([]byte(texts[a.nextOf(len(texts))])))
	}, "MalformedMessage()")
}

// nextOf returns which of n things is due: one after the other, in chaos any.
func (a *act) nextOf(n int) int {
	if chaos := a.fault.parent; chaos != nil {
		return int(chaos.chances.draw(chance{a.session.number, always}, 1)[0] % uint64(n))
	}
	e := &a.session.relay.faults
	e.mu.Lock()
	defer e.mu.Unlock()
	a.fault.turn++
	return (a.fault.turn - 1) % n
}

// HostileMessages returns texts that are no message of a relay, or not quite:
// bad JSON, truncated, wrong types, too deep, too short, unknown.
// A client has to survive each of them, and to keep the connection.
func HostileMessages() []string {
	id := strings.Repeat("0", 64)
	return []string{
		``, ` `, `[`, `]`, `[]`, `{}`, `null`, `true`, `0`, `"EVENT"`, `[[]]`, `[null]`, `[1]`, `[""]`,
		`["EVENT"`, `["EVENT",`, `["EVENT"]`, `["EVENT",1`, `["EVENT",""]`, `["EVENT","s"]`, `["EVENT","s",{}]`,
		`["EVENT","s",null]`, `["EVENT","s",[]]`, `["EVENT","s",{"id":1}]`, `["EVENT","s",{"id":"` + id + `"}]`,
		`["EVENT",{},"s"]`, `["EVENT","s",{"kind":1e999}]`, `["EVENT","s",{"kind":-1,"tags":[[]],"created_at":1.5}]`,
		`["OK"]`, `["OK","` + id + `"]`, `["OK","zz",true,""]`, `["OK","` + id + `","true",""]`, `["OK","` + id + `",true,null]`,
		`["EOSE"]`, `["EOSE",1]`, `["EOSE","never opened"]`, `["CLOSED"]`, `["CLOSED",null,""]`, `["CLOSED","never opened",""]`,
		`["NOTICE"]`, `["NOTICE",{}]`, `["AUTH"]`, `["AUTH",0]`, `["COUNT","s"]`, `["COUNT","s",{"count":-1}]`,
		`["COUNT","s",{"count":1e400}]`, `["NEG-MSG","s","0"]`, `["UNHEARD-OF","s",{"a":[1,2,3]}]`, `["event","s",{}]`,
		`["NOTICE","\ud800"]`, `["NOTICE","\x00"]`, "[\"NOTICE\",\"\x00\"]", `["NOTICE","twice"]["NOTICE","twice"]`, `["NOTICE","comma",]`,
		"\uFEFF[\"NOTICE\",\"byte order mark\"]",
		strings.Repeat("[", 10_000), strings.Repeat(`["EVENT",`, 1_000), `["EVENT","s",` + strings.Repeat(`{"a":`, 2_000),
		`["` + strings.Repeat("V", 10_000) + `"]`, `["EOSE","` + strings.Repeat("s", 10_000) + `"]`,
	}
}

// Fragmented sends every message in fragments of this many bytes (RFC 6455, 5.4),
// uncompressed.
func Fragmented(size int) Fault {
	return sized(newFault(beforeSend, effect{sending: func(m *outgoing) { m.shape.size = size }}, "Fragmented(%d)", size), size)
}

// Interleaved is Fragmented with a ping between any two fragments, which a
// client has to answer before the message is whole.
func Interleaved(size int) Fault {
	return sized(newFault(beforeSend, effect{sending: func(m *outgoing) {
		m.shape = shape{size: size, pings: true}
	}}, "Interleaved(%d)", size), size)
}

func sized(f Fault, size int) Fault {
	if size < 1 {
		return f.broken("want at least 1 byte")
	}
	return f
}

// DeflateBomb sends a NOTICE that permessage-deflate (RFC 7692) has made a
// thousand times smaller: of size bytes once it is inflated, rounded up to
// whole MiB. The relay agrees to compression while it has this fault. A client
// that has not asked for compression gets the bomb as well, as a frame that it
// has to refuse; one that had agreed on compression before (WithCompression)
// cannot inflate what follows the bomb.
func DeflateBomb(size int) Fault {
	f := linkFault(func(a *act) {
		frame := wsFrame{opcode: opText, rsv: rsv1Bit, payload: deflateBomb(size)}
		a.put(urgent{bytes: frame.append(nil), what: fmt.Sprintf("DeflateBomb of %d bytes, deflated %d", size, len(frame.payload))})
	}, "DeflateBomb(%d)", size)
	f.effect.deflate = true
	if size < 1 {
		return f.broken("want at least 1 byte")
	}
	return f
}

// deflateBomb returns a NOTICE full of blanks, deflated. A MiB of blanks behind
// another one deflates to the same bytes each time, so it is done once.
func deflateBomb(size int) []byte {
	const block = 1 << 20
	deflate := func(text []byte) []byte {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestCompression)
		if err != nil {
			panic(err) // the level is one
		}
		_, _ = w.Write(text)
		_ = w.Flush()
		return out.Bytes()
	}
	bomb := deflate([]byte(`["NOTICE","`))
	blanks := deflate(bytes.Repeat([]byte(" "), block))
	for range (size + block - 1) / block {
		bomb = append(bomb, blanks...)
	}
	bomb = append(bomb, deflate([]byte(`"]`))...)
	return bytes.TrimSuffix(bomb, []byte{0, 0, 0xFF, 0xFF}) // RFC 7692, 7.2.1
}
