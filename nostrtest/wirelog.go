package nostrtest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultWireLog is how many entries the wire log keeps.
	DefaultWireLog = 200

	wireLogText = 400 // bytes kept of a payload
)

// WithWireLog sets how many entries the wire log keeps, the newest; 0 keeps
// none. Each has at most 400 bytes of its frame. Default DefaultWireLog.
func WithWireLog(entries int) Option { return func(c *config) { c.wireLog = entries } }

// Direction is which way an entry of the wire log went.
type Direction uint8

// The directions of the wire log.
const (
	FromClient Direction = iota + 1 // printed as →
	ToClient                        // printed as ←
	OfFault                         // no frame: what a fault did; printed as !
)

// String returns "→", "←" or "!".
func (d Direction) String() string {
	switch d {
	case FromClient:
		return "→"
	case ToClient:
		return "←"
	}
	return "!"
}

// WireEntry is a websocket frame as it passed between the websocket and the
// connection beneath it, or a note. What a client has sent counts when the
// relay has read it, what the relay sends when it is written: slowly dripping
// bytes are shown as one frame at their beginning.
type WireEntry struct {
	Time       time.Time
	Connection int // its number; 0 before there is one
	Direction  Direction
	Kind       string // "TEXT", "BINARY", "CONTINUATION", "CLOSE", "PING", "PONG", "HTTP", "FAULT", or "OPCODE 3" for others
	Fragment   bool   // without FIN: more of the message follows
	Length     uint64 // bytes of payload
	Text       string // the payload, or its first 400 bytes; of a CLOSE its code and reason; nothing if compressed
}

// String returns the entry as the wire log shows it: "#1 → TEXT 15 ["REQ","s",{}]".
func (e WireEntry) String() string {
	connection := "#-"
	if e.Connection > 0 {
		connection = fmt.Sprintf("#%d", e.Connection)
	}
	if e.Direction == OfFault || e.Kind == "HTTP" {
		return fmt.Sprintf("%s %s %s %s", connection, e.Direction, e.Kind, e.Text)
	}
	kind := e.Kind
	if e.Fragment {
		kind += "+"
	}
	text := oneLine.Replace(e.Text)
	return strings.TrimRight(fmt.Sprintf("%s %s %s %d %s", connection, e.Direction, kind, e.Length, text), " ")
}

// oneLine keeps an entry on its line.
var oneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// WireLog returns what has passed between the relay and its clients: every
// frame with its time and direction, handshakes, and what faults did. Only the
// newest entries are kept, see WithWireLog. When a test of NewRelay or
// NewNetwork fails, it is printed at the test's end.
func (r *Relay) WireLog() []WireEntry {
	entries, _ := r.wire.snapshot()
	return entries
}

// wireLog keeps the newest entries, in a ring.
type wireLog struct {
	keep int // immutable

	mu      sync.Mutex // guards the two below; never held while waiting
	records []wireRecord
	total   int // records so far; the next goes to total % keep
}

// wireRecord is an entry as it is kept: frames are many and seldom looked at, so
// that their bytes become text only when they are.
type wireRecord struct {
	WireEntry        // without Kind and Text if it is a frame
	frame     bool   //
	first     byte   // of the frame
	start     []byte // of its payload; the memory is used again
}

// next returns the place of the next record. Caller holds mu.
func (l *wireLog) next() *wireRecord {
	at := l.total % l.keep
	l.total++
	if at == len(l.records) {
		l.records = append(l.records, wireRecord{})
	}
	return &l.records[at]
}

func (l *wireLog) add(e WireEntry) {
	if l.keep == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Time = time.Now()
	r := l.next()
	r.WireEntry, r.frame = e, false
}

// frame adds a frame that f has just completed.
func (l *wireLog) frame(connection int, direction Direction, f *frameReader) {
	if l.keep == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.next()
	r.WireEntry = WireEntry{Time: time.Now(), Connection: connection, Direction: direction, Length: f.total}
	r.frame, r.first = true, f.head[0]
	r.start = append(r.start[:0], f.start...)
}

// snapshot returns the entries in order, and how many there were before them.
func (l *wireLog) snapshot() (entries []WireEntry, before int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries = make([]WireEntry, 0, len(l.records))
	for i := range l.records {
		entries = append(entries, l.records[(l.total+i)%len(l.records)].entry())
	}
	return entries, l.total - len(entries)
}

// entry returns the record as it is shown.
func (r *wireRecord) entry() WireEntry {
	e := r.WireEntry
	if !r.frame {
		return e
	}
	e.Fragment = r.first&finBit == 0
	opcode := r.first & 0x0F
	switch opcode {
	case opContinuation:
		e.Kind = "CONTINUATION"
	case opText:
		e.Kind = "TEXT"
	case opBinary:
		e.Kind = "BINARY"
	case opClose:
		e.Kind = "CLOSE"
	case opPing:
		e.Kind = "PING"
	case opPong:
		e.Kind = "PONG"
	default:
		e.Kind = fmt.Sprintf("OPCODE %d", opcode)
	}
	switch {
	case r.first&rsv1Bit != 0:
		e.Kind += " (compressed)"
	case opcode == opClose && len(r.start) >= 2:
		e.Text = fmt.Sprintf("%d %s", binary.BigEndian.Uint16(r.start), r.start[2:])
	case e.Length > wireLogText:
		e.Text = string(r.start[:wireLogText]) + "…"
	default:
		e.Text = string(r.start)
	}
	e.Text = strings.ToValidUTF8(e.Text, "\uFFFD")
	return e
}

// note adds what a fault did, and wakes those who wait for it. Nothing may be locked.
func (r *Relay) note(connection int, text string) {
	r.wire.add(WireEntry{Connection: connection, Direction: OfFault, Kind: "FAULT", Text: text})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.ring()
}

// show prints the log where logf goes, with times since the first entry.
func (l *wireLog) show(logf func(format string, args ...any), relayURL string) {
	entries, before := l.snapshot()
	if len(entries) == 0 {
		return
	}
	var out strings.Builder
	fmt.Fprintf(&out, "nostrtest: wire log of %s from %s", relayURL, entries[0].Time.Format("15:04:05.000"))
	if before > 0 {
		fmt.Fprintf(&out, " (%d earlier entries are not kept, see WithWireLog)", before)
	}
	for _, e := range entries {
		fmt.Fprintf(&out, "\n%9.3fs %s", e.Time.Sub(entries[0].Time).Seconds(), e)
	}
	logf("%s", out.String())
}
