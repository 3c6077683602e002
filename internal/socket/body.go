package socket

import (
	"io"
	"net"
	"sync"
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
type body struct {
	io.ReadWriteCloser
	raw     net.Conn  // what our own dialer opened, nil with somebody else's transport
	began   time.Time // dates are kept relative to it, on the monotonic clock
	buffers *sync.Pool

	// Who reads only: the reader, or coder/websocket's closing handshake, one at a time.
	full   bool   // the last Read was given all it asked for
	ahead  []byte // what was read and not yet handed on: the end of buffer
	buffer *[readAhead]byte
	err    error // what comes after ahead, or after what was handed on

	last    atomic.Int64 // when the last byte arrived, nanoseconds after began
	in, out atomic.Uint64
	reads   atomic.Uint64          // calls of Read
	more    atomic.Bool            // the last Read has left something behind, or may have
	ready   atomic.Bool            // it has
	writers atomic.Int32           // calls of Write that have not returned
	onWait  atomic.Pointer[func()] // called before anything that may wait for the network; nil once that is closed, for others may keep a body
	ended   atomic.Bool            // a Read has found nothing more
	closed  atomic.Bool
}

const readAhead = 32 << 10 // bytes

func (b *body) Read(p []byte) (int, error) {
	b.reads.Add(1)
	defer func() {
		ready := len(b.ahead) > 0
		b.ready.Store(ready)
		b.more.Store(ready || b.full)
	}()
	if b.closed.Load() {
		b.ended.Store(true)
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
	err := b.err
	if err != nil {
		b.ended.Store(true)
	}
	return n, err
}

// receive reads from the connection itself.
func (b *body) receive(p []byte) (int, error) {
	b.waits()
	n, err := b.ReadWriteCloser.Read(p)
	err = foreign.Confine(err)
	if n > 0 {
		b.in.Add(uint64(n))
		b.last.Store(int64(time.Since(b.began)))
	} else if err != nil {
		b.ended.Store(true)
	}
	return n, err
}

// fill reads ahead. It may wait with the buffer in hand, if a stream has ended
// just where a Read did.
func (b *body) fill() {
	if b.buffer == nil {
		buffer, ok := b.buffers.Get().(*[readAhead]byte)
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
		b.buffers.Put(b.buffer)
		b.buffer = nil
	}
	b.ahead = nil
}

func (b *body) waits() {
	if f := b.onWait.Load(); f != nil {
		(*f)()
	}
}

func (b *body) Write(p []byte) (int, error) {
	b.writers.Add(1)
	defer b.writers.Add(-1)
	b.waits()
	n, err := b.ReadWriteCloser.Write(p)
	b.out.Add(uint64(n))
	return n, foreign.Confine(err)
}

// Close closes the raw connection first: TLS of our own would wait up to five
// seconds to say goodbye to a peer that does not read. So may a raw connection
// that is not closesAtOnce.
func (b *body) Close() error {
	b.closed.Store(true)
	b.onWait.Store(nil)
	if b.raw != nil {
		_ = b.raw.Close()
	}
	return b.ReadWriteCloser.Close()
}
