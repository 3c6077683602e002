package nostrtest

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stream carries bytes one way between the two ends of an in-memory
// connection. It behaves like one direction of a TCP connection: a bounded
// buffer that makes the writer wait, an end of file that arrives after the
// bytes before it, and a wire that can be held up in between.
//
// Waiting is done on a channel that the waiter makes itself, and never on a
// condition variable or a mutex held by somebody who waits. A stream made
// inside a testing/synctest bubble therefore blocks durably, and virtual time
// moves on.
type stream struct {
	limit int          // bytes the buffer holds at most; immutable
	wreck *atomic.Bool // the connection was reset: both ends get that. Of both its streams; immutable

	mu      sync.Mutex // guards all below; never held while waiting
	changed bell

	buf     []byte // written and not yet read, from head on
	head    int
	arrived int  // how many of the unread bytes the reader may see
	held    bool // nothing arrives: not bytes, not the end, not the reader's leaving

	writerDone bool // the writer will write no more
	readerDone bool // the reader will read no more

	readBy, writeBy deadline
}

func newStream(limit int, wreck *atomic.Bool) *stream { return &stream{limit: limit, wreck: wreck} }

// read implements net.Conn.Read for the receiving end.
func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	for {
		switch {
		case s.readerDone:
			s.mu.Unlock()
			return 0, net.ErrClosed
		case s.readBy.expired:
			s.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			s.mu.Unlock()
			return 0, nil
		case s.arrived > 0:
			n := copy(p, s.buf[s.head:s.head+s.arrived])
			s.head += n
			s.arrived -= n
			if s.head == len(s.buf) {
				s.buf, s.head = s.buf[:0], 0
			}
			s.changed.ring()
			s.mu.Unlock()
			return n, nil
		case s.wreck.Load():
			s.mu.Unlock()
			return 0, syscall.ECONNRESET
		case s.writerDone && !s.held:
			s.mu.Unlock()
			return 0, io.EOF
		}
		s.wait()
	}
}

// write implements net.Conn.Write for the sending end: it returns once every
// byte is in the buffer. Callers keep concurrent writes apart (see pipe).
func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	for {
		switch {
		case s.writerDone:
			err = net.ErrClosed
		case s.writeBy.expired:
			err = os.ErrDeadlineExceeded
		case s.wreck.Load():
			err = syscall.ECONNRESET
		case s.readerDone && !s.held:
			err = syscall.EPIPE
		case len(p) == 0:
		default:
			if n := s.fill(p); n > 0 {
				p = p[n:]
				written += n
				s.changed.ring()
				continue
			}
			s.wait()
			continue
		}
		s.mu.Unlock()
		return written, err
	}
}

// fill puts as much of p into the buffer as fits. Caller holds mu.
func (s *stream) fill(p []byte) int {
	if s.readerDone { // a held wire to a reader who has gone: the bytes are lost
		return len(p)
	}
	n := min(len(p), s.limit-(len(s.buf)-s.head))
	if s.head > 0 && len(s.buf)+n > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.head:])]
		s.head = 0
	}
	s.buf = append(s.buf, p[:n]...)
	if !s.held {
		s.arrived += n
	}
	return n
}

// finishWriting is the writer's close: the reader meets io.EOF after the last byte.
func (s *stream) finishWriting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writerDone = true
	s.writeBy.stop()
	s.changed.ring()
}

// finishReading is the reader's close: what was not read is gone.
func (s *stream) finishReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readerDone = true
	s.buf, s.head, s.arrived = nil, 0, 0
	s.readBy.stop()
	s.changed.ring()
}

// wrecked is for the stream of a wreck: it drops what was under way, also on a held
// wire, and tells whoever waits.
func (s *stream) wrecked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf, s.head, s.arrived = nil, 0, 0
	s.changed.ring()
}

// hold stops or resumes the wire. What was written while it was held arrives
// when it is let go, as TCP would have sent it again.
func (s *stream) hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
	if !held {
		s.arrived = len(s.buf) - s.head
	}
	s.changed.ring()
}

func (s *stream) setReadDeadline(t time.Time)  { s.setDeadline(&s.readBy, t, &s.readerDone) }
func (s *stream) setWriteDeadline(t time.Time) { s.setDeadline(&s.writeBy, t, &s.writerDone) }

func (s *stream) setDeadline(d *deadline, t time.Time, done *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *done {
		return // a timer now would outlive the connection
	}
	d.stop()
	d.expired = false
	if !t.IsZero() {
		if left := time.Until(t); left <= 0 {
			d.expired = true
		} else {
			turn := d.turn
			d.timer = time.AfterFunc(left, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if d.turn == turn {
					d.expired = true
					s.changed.ring()
				}
			})
		}
	}
	s.changed.ring()
}

// deadline is one of a stream's two deadlines, guarded by the stream's mu.
type deadline struct {
	expired bool
	timer   *time.Timer
	turn    int // counts settings: a timer that fires late finds another number
}

func (d *deadline) stop() {
	d.turn++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// wait gives up mu until the next change, and holds it again when it returns.
func (s *stream) wait() {
	changed := s.changed.wait()
	s.mu.Unlock()
	<-changed
	s.mu.Lock()
}
