package accidents_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/gennostr/gennostr/test/kit"
)

// Relays of which there may be thousands in a test that looks at memory: what a connection
// takes is the client's, for a bare relay has no goroutine, and keeps nothing but bytes that
// have not been read yet.

// bare leads to a bare relay, whatever is dialled.
func bare(context.Context, string, string) (net.Conn, error) {
	return &bareConn{some: make(chan struct{}, 1), over: make(chan struct{})}, nil
}

// bareConn is the client's end. It does the handshake, answers pings and a REQ, of which
// it has nothing stored, says goodbye, and is mute otherwise.
type bareConn struct {
	some chan struct{} // capacity 1: there is something to read
	over chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool   // guarded by mu
	up     bool   // guarded by mu: the handshake is done
	in     []byte // guarded by mu: what has been written, and is no whole frame
	out    []byte // guarded by mu: what is to be read
}

func (c *bareConn) Read(p []byte) (int, error) {
	for {
		c.mu.Lock()
		n := copy(p, c.out)
		if c.out = c.out[n:]; len(c.out) == 0 {
			c.out = nil
		}
		c.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-c.some:
		case <-c.over:
			return 0, io.EOF
		}
	}
}

func (c *bareConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	c.in = append(c.in, p...)
	for c.take() {
	}
	if len(c.in) == 0 {
		c.in = nil
	}
	if len(c.out) > 0 {
		select {
		case c.some <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// take answers one frame, if it is there. Needs mu.
func (c *bareConn) take() bool {
	if !c.up {
		end := bytes.Index(c.in, []byte("\r\n\r\n"))
		if end < 0 {
			return false
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.in[:end+4])))
		if err != nil {
			panic(err)
		}
		c.in, c.up = c.in[end+4:], true
		c.out = append(c.out, kit.Switching(request)...)
		return true
	}
	op, payload, size := unmasked(c.in)
	if size == 0 {
		return false
	}
	c.in = c.in[size:]
	switch {
	case op == 0x88: // a goodbye
		c.out = append(c.out, kit.Frame(op, payload)...)
	case op == kit.OpPing:
		c.out = append(c.out, kit.Frame(0x8A, payload)...)
	case strings.HasPrefix(payload, `["REQ"`):
		c.out = append(c.out, kit.Frame(kit.OpText, fmt.Sprintf(`["EOSE",%q]`, second(payload)))...)
	}
	return true
}

// unmasked is the first frame of a client's, and how many bytes it has; 0 if it is not there.
func unmasked(b []byte) (op byte, payload string, size int) {
	if len(b) < 6 {
		return 0, "", 0
	}
	length, head := int(b[1]&0x7F), 2
	if length == 126 {
		length, head = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	size = head + 4 + length
	if len(b) < size {
		return 0, "", 0
	}
	mask, text := b[head:head+4], bytes.Clone(b[head+4:size])
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return b[0], string(text), size
}

func (c *bareConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.over)
	}
	return nil
}

func (*bareConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*bareConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*bareConn) SetDeadline(time.Time) error      { return nil }
func (*bareConn) SetReadDeadline(time.Time) error  { return nil }
func (*bareConn) SetWriteDeadline(time.Time) error { return nil }

// heapAndStacks are what is live, and the stacks of the goroutines. The runtime makes those
// smaller in a collection, if they are too large, by half each time.
func heapAndStacks() (heap, stacks int64) {
	for range 3 {
		runtime.GC()
	}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	return min(live(), live(), live()), int64(sample[0].Value.Uint64())
}
