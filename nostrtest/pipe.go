package nostrtest

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// pipe is one end of an in-memory connection: a net.Conn over two streams.
type pipe struct {
	in, out       *stream
	wreck         *atomic.Bool // of both
	local, remote memoryAddr
	writing       chan struct{} // holds one token while a Write is under way, so that writes never mix
	closed        chan struct{} // closed by the first Close
	closing       chan struct{} // one token, taken by the first Close
	onClose       func()        // called once by the first Close; may be nil; set before the pipe is shared
}

var (
	_ net.Conn = (*pipe)(nil)
	_ net.Addr = memoryAddr("")
)

// newPipe returns the two ends of a connection between the addresses a and b.
// Each direction holds limit bytes before a writer has to wait.
func newPipe(limit int, a, b memoryAddr) (*pipe, *pipe) {
	wreck := new(atomic.Bool)
	ab, ba := newStream(limit, wreck), newStream(limit, wreck)
	end := func(in, out *stream, local, remote memoryAddr) *pipe {
		p := &pipe{in: in, out: out, wreck: wreck, local: local, remote: remote,
			writing: make(chan struct{}, 1), closed: make(chan struct{}), closing: make(chan struct{}, 1)}
		p.closing <- struct{}{}
		return p
	}
	return end(ba, ab, a, b), end(ab, ba, b, a)
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.in.read(b)
	return n, p.wrap("read", err)
}

func (p *pipe) Write(b []byte) (int, error) {
	p.writing <- struct{}{}
	defer func() { <-p.writing }()
	n, err := p.out.write(b)
	return n, p.wrap("write", err)
}

// Close ends both directions and every call that waits on this end. The other end reads what has been written and
// then io.EOF; its own writes fail. A second Close reports net.ErrClosed.
func (p *pipe) Close() error {
	select {
	case <-p.closing:
	default:
		return p.wrap("close", net.ErrClosed)
	}
	p.out.finishWriting()
	p.in.finishReading()
	close(p.closed)
	if p.onClose != nil {
		p.onClose()
	}
	return nil
}

// CloseWrite ends the outward direction only, as (*net.TCPConn).CloseWrite.
func (p *pipe) CloseWrite() error {
	select {
	case <-p.closed:
		return p.wrap("close", net.ErrClosed)
	default:
	}
	p.out.finishWriting()
	return nil
}

// reset ends the connection for both ends at once with "connection reset by
// peer", whatever was still under way. Whoever hears of it first may close his end at
// once: the other has been reset by then, and does not read an orderly end.
func (p *pipe) reset() {
	p.wreck.Store(true)
	p.in.wrecked()
	p.out.wrecked()
}

// hold stops or resumes both directions.
func (p *pipe) hold(held bool) {
	p.in.hold(held)
	p.out.hold(held)
}

func (p *pipe) LocalAddr() net.Addr  { return p.local }
func (p *pipe) RemoteAddr() net.Addr { return p.remote }

func (p *pipe) SetDeadline(t time.Time) error {
	p.in.setReadDeadline(t)
	p.out.setWriteDeadline(t)
	return p.openError()
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.in.setReadDeadline(t)
	return p.openError()
}

func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.out.setWriteDeadline(t)
	return p.openError()
}

func (p *pipe) openError() error {
	select {
	case <-p.closed:
		return p.wrap("set", net.ErrClosed)
	default:
		return nil
	}
}

// wrap dresses an error as the net package does; io.EOF stays bare.
func (p *pipe) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: p.local.Network(), Source: p.local, Addr: p.remote, Err: err}
}

// memoryAddr is the address of an end: "a.example:443" or "client:7".
type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }
