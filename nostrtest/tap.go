package nostrtest

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tap sits between a websocket and its connection: it follows the frames in
// both directions for the wire log, counts what is sent, and holds back, drips
// or ends the bytes when a fault says so. The connection beneath it may be a
// socket or a pipe.
type tap struct {
	peer    *peer
	relay   *Relay
	session atomic.Pointer[session] // from join on

	hears  atomic.Bool // what is read are websocket frames
	speaks atomic.Bool // what is written are websocket frames

	// Belong to whoever reads: the HTTP server, then the session's reader.
	in    frameReader
	ahead []byte // read and not yet handed on

	turn   chan struct{} // one token: who has it writes, and owns the four below
	out    frameReader
	frames int64           // written
	bytes  int64           // written
	struck map[*armed]bool // by the counts above

	mu      sync.Mutex // guards all below; never held while waiting
	changed bell
	reads   []*armed // that hold back what is read
	writes  []*armed // that hold back what is written
	drips   []drip   // that slow down what is written
	met     map[*armed]bool
	muted   bool // what is written goes nowhere
	ending  bool // the relay has begun to end the connection: nothing more is handled
	severed bool // and has ended its direction: nothing more is written
}

// drip is a fault that sends single bytes.
type drip struct {
	fault *armed
	every time.Duration
}

// errCut is what a write fails with when a fault has ended the connection.
var errCut = errors.New("nostrtest: a fault has ended the connection")

func newTap(p *peer) *tap {
	t := &tap{peer: p, relay: p.run.relay, turn: make(chan struct{}, 1),
		struck: make(map[*armed]bool), met: make(map[*armed]bool)}
	t.turn <- struct{}{}
	return t
}

// number is that of the connection, 0 while it has none.
func (t *tap) number() int {
	if s := t.session.Load(); s != nil {
		return s.number
	}
	return 0
}

// read is the connection's Read. Bytes that come while a fault holds reads back
// are handed on when it is mended; so is the end of the connection. At most one
// frame is handed on at a time: when the relay gets to read a frame then depends
// on what it does with those before, and not on how they were packed underway.
func (t *tap) read(b []byte) (int, error) {
	var n int
	var err error
	fresh := len(t.ahead) == 0
	if fresh {
		n, err = t.peer.Conn.Read(b)
		if !t.hears.Load() { // asked now: the HTTP server may have waited here since before the handshake
			return n, err
		}
	} else {
		n = copy(b, t.ahead)
	}
	// Not before the HTTP server has let go of the connection: it interrupts a
	// read of its own then, and waits for it.
	if t.speaks.Load() {
		if ended := t.pass(&t.reads); ended != nil && err == nil {
			return 0, ended
		}
	}
	taken, done := t.in.next(b[:n])
	if done {
		t.relay.wire.frame(t.number(), FromClient, &t.in)
	}
	switch {
	case !fresh:
		t.ahead = t.ahead[taken:]
	case taken < n:
		t.ahead, err = append([]byte(nil), b[taken:n]...), nil // the next Read finds the error again
	}
	return taken, err
}

// write is the connection's Write, for whole frames and for pieces of them.
func (t *tap) write(b []byte) (int, error) {
	if !t.speaks.Load() {
		return t.peer.Conn.Write(b)
	}
	if !t.take() {
		return 0, net.ErrClosed
	}
	defer t.give()
	return t.writeFrames(b)
}

// writeLast writes the last frame of the connection: the library's own close
// frame, in answer to the client's, goes nowhere.
func (t *tap) writeLast(b []byte) error {
	if !t.take() {
		return net.ErrClosed
	}
	defer t.give()
	defer t.mute()
	_, err := t.writeFrames(b)
	return err
}

// writeFrames is write for a caller that has the turn.
func (t *tap) writeFrames(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		n, done := t.out.next(b)
		if err := t.pass(&t.writes); err != nil {
			return written, err
		}
		if t.isSevered() {
			return written, errCut
		}
		if t.isMuted() {
			return written + len(b), nil
		}
		if done {
			t.relay.wire.frame(t.number(), ToClient, &t.out)
		}
		sent, err := t.send(b[:n])
		written += sent
		if err != nil {
			return written, err
		}
		b = b[n:]
		if done {
			t.frames++
			if t.strike(atFrames, t.frames); t.isSevered() {
				return written, errCut
			}
		}
	}
	return written, nil
}

// writeBroken writes bytes that are not frames, or not such as they say. They
// are one frame to those who count.
func (t *tap) writeBroken(b []byte) error {
	if !t.take() {
		return net.ErrClosed
	}
	defer t.give()
	if err := t.pass(&t.writes); err != nil {
		return err
	}
	switch {
	case t.isSevered():
		return errCut
	case t.isMuted():
		return nil
	}
	if _, err := t.send(b); err != nil {
		return err
	}
	t.frames++
	t.strike(atFrames, t.frames)
	return nil
}

func (t *tap) take() bool {
	select {
	case <-t.turn:
		return true
	case <-t.peer.gone:
		return false
	}
}

func (t *tap) give() { t.turn <- struct{}{} }

// send puts bytes on the wire, up to where a count of bytes makes a fault
// strike, and on from there. Caller has the turn.
func (t *tap) send(b []byte) (written int, err error) {
	for len(b) > 0 {
		part := b
		if left := t.untilNextFault(); left > 0 && left < int64(len(part)) {
			part = part[:left]
		}
		if err := t.pass(&t.writes); err != nil {
			return written, err
		}
		if t.isSevered() {
			return written, errCut
		}
		n, err := t.push(part)
		written += n
		t.bytes += int64(n)
		if err != nil {
			return written, err
		}
		b = b[n:]
		if t.strike(atBytes, t.bytes); t.isSevered() {
			return written, errCut
		}
	}
	return written, nil
}

// push writes bytes at the speed that the faults allow.
func (t *tap) push(b []byte) (written int, err error) {
	for len(b) > 0 {
		t.mu.Lock()
		slow := slices.Clone(t.drips)
		t.mu.Unlock()
		if len(slow) == 0 {
			n, err := t.peer.Conn.Write(b)
			return written + n, err
		}
		n, err := t.peer.Conn.Write(b[:1])
		written += n
		if err != nil {
			return written, err
		}
		b = b[1:]
		for _, d := range slow {
			t.peer.pause(d.every, d.fault.mended)
		}
		if t.isSevered() {
			return written, errCut
		}
	}
	return written, nil
}

// untilNextFault is how many more bytes may be written before a fault strikes,
// 0 if none will.
func (t *tap) untilNextFault() int64 {
	var next int64
	for _, a := range t.relay.faults.thresholds(atBytes) {
		if left := a.threshold - t.bytes; left > 0 && (next == 0 || left < next) {
			next = left
		}
	}
	return next
}

// strike lets the faults strike whose count has been reached, once each. Caller
// has the turn.
func (t *tap) strike(where place, count int64) {
	s := t.session.Load()
	if s == nil {
		return
	}
	for _, a := range t.relay.faults.thresholds(where) {
		if count < a.threshold || t.struck[a] {
			continue
		}
		t.struck[a] = true
		if a.fits(Occasion{Connection: s.number}) && t.relay.faults.counts(a, s.number) {
			s.strike(a, false)
		}
	}
}

// pass waits while faults hold back one direction, and returns an error when
// the connection has ended meanwhile.
func (t *tap) pass(held *[]*armed) error {
	t.mu.Lock()
	for len(*held) > 0 && !t.ending {
		changed := t.changed.wait()
		t.mu.Unlock()
		select {
		case <-changed:
		case <-t.peer.gone:
			return net.ErrClosed
		}
		t.mu.Lock()
	}
	t.mu.Unlock()
	return nil
}

// hold makes a fault hold back what is read, what is written, or both, unless
// it was mended before it got here: nothing would release it.
func (t *tap) hold(a *armed, reads, writes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.isMended() {
		return
	}
	if reads {
		t.reads = append(t.reads, a)
	}
	if writes {
		t.writes = append(t.writes, a)
	}
}

func (t *tap) slow(a *armed, every time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !a.isMended() {
		t.drips = append(t.drips, drip{a, every})
	}
}

// release ends what faults have begun that last, and reports whether they had
// held anything back.
func (t *tap) release(ended []*armed) (heldBack bool) {
	over := func(a *armed) bool {
		return slices.Contains(ended, a) || a.parent != nil && slices.Contains(ended, a.parent)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	heldBack = slices.ContainsFunc(t.reads, over) || slices.ContainsFunc(t.writes, over)
	t.reads = slices.DeleteFunc(t.reads, over)
	t.writes = slices.DeleteFunc(t.writes, over)
	t.drips = slices.DeleteFunc(t.drips, func(d drip) bool { return over(d.fault) })
	t.changed.ring()
	return heldBack
}

// firstTime reports whether the fault has not met this connection before.
func (t *tap) firstTime(a *armed) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.met[a]
	t.met[a] = true
	return !known
}

// end notes that the relay is ending the connection; from then on nothing is
// held back and nothing more is handled. What is being written goes on, up to
// the close frame.
func (t *tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending = true
	t.changed.ring()
}

func (t *tap) isEnding() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ending
}

// sever is end for a connection on which nothing can be written any more.
func (t *tap) sever() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending, t.severed = true, true // at once: who is held back goes on, and must not write
	t.changed.ring()
}

func (t *tap) isSevered() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.severed
}

// mute makes everything written from now on go nowhere.
func (t *tap) mute() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.muted = true
}

func (t *tap) isMuted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.muted
}

// finish ends the connection with FIN: the client reads what was sent before,
// and then the end. The session's reader is woken, and lingers.
func (t *tap) finish() {
	t.sever()
	_ = t.peer.CloseWrite()
	_ = t.peer.SetReadDeadline(time.Unix(1, 0))
}

// reset ends the connection with RST: the client reads an error.
func (t *tap) reset() {
	t.sever()
	t.peer.reset()
}

// drain reads until the client ends the connection or the time is over: a
// socket closed with unread bytes would be reset, and what was sent last lost.
func (p *peer) drain(limit time.Duration) {
	_ = p.CloseWrite()
	_ = p.SetReadDeadline(time.Now().Add(limit))
	_, _ = io.Copy(io.Discard, p.Conn)
}

// pause waits for a time, and reports whether it has passed; it ends early with
// the connection or when early is closed.
func (p *peer) pause(d time.Duration, early <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-early:
	case <-p.gone:
	}
	return false
}
