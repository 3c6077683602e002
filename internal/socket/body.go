package socket

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr/internal/foreign"
)

// body is the connection underneath the websocket. It counts and dates what
// passes, and can be closed without waiting for anybody.
//
// coder/websocket reads 4 KB at a time. While more is waiting than it asks for,
// the body reads far ahead into a buffer of its dialer's, which it gives back when
// it has caught up: a stream costs an eighth of the system calls, and a silent
// connection has no buffer.
//
// Where it stands after a Read (supply), and what the next one does:
//
//	supply     buffer  ahead  full   next Read
//	caughtUp   none    empty  false  asks the network for as much as is wanted
//	streaming  kept    empty  true   reads ahead, unless so much is wanted anyway
//	inHand     held    some   any    hands on what it has, without the network
//
// After an error of the network (err) there are no more reads of it: what is in
// hand goes first, then the error, and that again and again. A closed body gives
// nothing but net.ErrClosed.
type body struct {
	io.ReadWriteCloser
	raw  net.Conn // what our own dialer opened, nil with somebody else's transport
	conn *Conn    // whose body it is, nil before the handshake has succeeded

	// Who reads only: the reader, or coder/websocket's closing handshake, one at a time.
	ahead  []byte // what was read and not yet handed on: the end of buffer
	buffer *[readAhead]byte
	err    error  // of the network
	frames frames // of what was handed on
	full   bool   // the network has last given as much as it was asked for

	held   []byte      // guarded by coder/websocket's frame lock: written while it was corked
	corked atomic.Bool // more is written at once

	supply   atomic.Int32             // caughtUp, streaming, inHand
	reads    atomic.Uint32            // calls of Read
	writers  atomic.Int32             // calls of Write that have not returned
	ended    atomic.Bool              // a Read has failed
	broken   atomic.Bool              // a Write has failed
	closed   atomic.Bool              //
	in, out  atomic.Uint64            // bytes
	last     atomic.Int64             // when the last byte arrived, nanoseconds after Dialer.born
	deadline atomic.Pointer[deadline] // made by who reads, when a message has to be waited for
	hooks    atomic.Pointer[hooks]    // nil once that is closed, for others may keep a body
}

// hooks are what the reader's owner is asked.
type hooks struct {
	wait func()          // before anything that may wait for the network; may be nil
	room func(int) error // before a message's buffer grows; may be nil
}

const readAhead = 32 << 10 // bytes

const (
	caughtUp  int32 = iota // nothing is known to wait behind what was handed on
	streaming              // more may wait
	inHand                 // more has been read
)

func (b *body) Read(p []byte) (int, error) {
	if b.conn == nil { // coder/websocket looks for an explanation behind an upgrade that it refuses, for seconds
		return 0, io.EOF
	}
	b.reads.Add(1)
	n, err := b.read(p)
	b.frames.pass(p[:n])
	switch {
	case len(b.ahead) > 0:
		b.supply.Store(inHand)
	case b.full:
		b.supply.Store(streaming)
	default:
		b.supply.Store(caughtUp)
	}
	if err != nil {
		b.ended.Store(true)
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, net.ErrClosed // what was read ahead is cut off with the connection
	}
	if len(b.ahead) == 0 && b.err == nil {
		if !b.full || len(p) >= readAhead {
			n, err := b.receive(p)
			b.full = n == len(p)
			if n > 0 { // an end that comes with the last bytes is told after them
				b.err, err = err, nil
			}
			b.release() // a stream may end with a long message, which needs no buffer
			return n, err
		}
		b.fill()
	}
	n := copy(p, b.ahead)
	if b.ahead = b.ahead[n:]; len(b.ahead) > 0 || n > 0 && b.err != nil {
		return n, nil
	}
	b.release()
	return n, b.err
}

// receive reads from the connection itself.
func (b *body) receive(p []byte) (int, error) {
	b.waits()
	var d *deadline
	if b.frames.inside() {
		d = b.messageDeadline()
		d.wait(b.frames.count)
	}
	n, err := b.ReadWriteCloser.Read(p)
	err = foreign.Confine(err)
	if d != nil {
		d.came(n)
	}
	if n > 0 {
		b.in.Add(uint64(n))
		b.last.Store(int64(time.Since(b.conn.dialer.born)))
	}
	return n, err
}

func (b *body) messageDeadline() *deadline {
	d := b.deadline.Load()
	if d == nil {
		d = &deadline{conn: b.conn, timeout: b.conn.dialer.cfg.MessageTimeout}
		b.deadline.Store(d)
	}
	return d
}

// fill reads ahead. It may wait with the buffer in hand, if a stream has ended
// just where a Read did.
func (b *body) fill() {
	if b.buffer == nil {
		buffer, ok := b.conn.dialer.ahead.Get().(*[readAhead]byte)
		if !ok {
			buffer = new([readAhead]byte)
		}
		b.buffer = buffer
	}
	n, err := b.receive(b.buffer[:])
	b.ahead, b.err = b.buffer[:n], err
	b.full = n == readAhead
}

// release gives the buffer back, unless the stream goes on.
func (b *body) release() {
	if b.buffer != nil && (!b.full || b.err != nil) {
		b.conn.dialer.ahead.Put(b.buffer)
		b.buffer = nil
	}
	b.ahead = nil
}

func (b *body) waits() {
	if h := b.hooks.Load(); h != nil && h.wait != nil {
		h.wait()
	}
}

// Write is called with coder/websocket's frame lock. What is written while it is corked
// waits for the next write that is not, which follows at once.
func (b *body) Write(p []byte) (int, error) {
	held := len(b.held)
	if b.corked.Load() && held+len(p) <= together {
		b.held = append(b.held, p...)
		return len(p), nil
	}
	if held > 0 {
		p, b.held = append(b.held, p...), nil
	}
	b.writers.Add(1)
	defer b.writers.Add(-1)
	b.waits()
	n, err := b.ReadWriteCloser.Write(p)
	b.out.Add(uint64(n))
	if err != nil {
		b.broken.Store(true)
	}
	return max(0, n-held), foreign.Confine(err)
}

// Close closes the raw connection first: TLS of our own would wait up to five
// seconds to say goodbye to a peer that does not read. So may a raw connection
// that is not closesAtOnce.
func (b *body) Close() error {
	b.closed.Store(true)
	b.hooks.Store(nil)
	if b.raw != nil {
		_ = b.raw.Close()
	}
	return b.ReadWriteCloser.Close()
}
