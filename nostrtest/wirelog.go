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
	entries []WireEntry
	total   int // entries so far; the next goes to total % keep
}

func (l *wireLog) add(e WireEntry) {
	if l.keep == 0 {
		return
	}
	e.Time = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) < l.keep {
		l.entries = append(l.entries, e)
	} else {
		l.entries[l.total%l.keep] = e
	}
	l.total++
}

// snapshot returns the entries in order, and how many there were before them.
func (l *wireLog) snapshot() (entries []WireEntry, before int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries = make([]WireEntry, 0, len(l.entries))
	for i := range l.entries {
		entries = append(entries, l.entries[(l.total+i)%len(l.entries)])
	}
	return entries, l.total - len(entries)
}

// frame adds a frame that r has just completed.
func (l *wireLog) frame(connection int, direction Direction, r *frameReader) {
	if l.keep == 0 {
		return
	}
	entry := WireEntry{
		Connection: connection, Direction: direction,
		Fragment: r.head[0]&finBit == 0, Length: r.total,
	}
	opcode := r.head[0] & 0x0F
	switch opcode {
	case opContinuation:
		entry.Kind = "CONTINUATION"
	case opText:
		entry.Kind = "TEXT"
	case opBinary:
		entry.Kind = "BINARY"
	case opClose:
		entry.Kind = "CLOSE"
	case opPing:
		entry.Kind = "PING"
	case opPong:
		entry.Kind = "PONG"
	default:
		entry.Kind = fmt.Sprintf("OPCODE %d", opcode)
	}
	switch {
	case r.head[0]&rsv1Bit != 0:
		entry.Kind += " (compressed)"
	case opcode == opClose && len(r.start) >= 2:
		entry.Text = fmt.Sprintf("%d %s", binary.BigEndian.Uint16(r.start), r.start[2:])
	case r.total > wireLogText:
		entry.Text = string(r.start[:wireLogText]) + "…"
	default:
		entry.Text = string(r.start)
	}
	entry.Text = strings.ToValidUTF8(entry.Text, "\uFFFD")
	l.add(entry)
}

// note adds what a fault did.
func (l *wireLog) note(connection int, text string) {
	l.add(WireEntry{Connection: connection, Direction: OfFault, Kind: "FAULT", Text: text})
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
