package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/internal/attend"
)

// Dial opens a websocket. It ends with ctx at once, wherever it stands, and
// after HandshakeTimeout. Errors are *HandshakeError and wrap
// ErrHandshakeTimeout, the cause of ctx or what the policy said.
func (d *Dialer) Dial(ctx context.Context, url string) (*Conn, error) {
	a, release := d.begin(ctx)
	defer release()
	client := d.client
	client.Transport = tripper{d, a, client.Transport}
	c := a.conn
	opts := &websocket.DialOptions{HTTPClient: &client, HTTPHeader: d.header.get(),
		OnPingReceived: func(context.Context, []byte) bool { return !c.body.broken.Load() }} // see mayReadOn
	if d.cfg.Compression {
		opts.CompressionMode = websocket.CompressionNoContextTakeover
	}
	ws, resp, err := websocket.Dial(a.ctx, url, opts)
	if err == nil {
		a.closeConns(1) // of hops before the last
		if err = context.Cause(a.ctx); err != nil {
			_ = ws.CloseNow()
		}
	}
	if err != nil {
		cause := context.Cause(a.ctx)
		a.fail(err)
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without what coder/websocket says in front of everything
		}
		return nil, handshakeError(resp, err, cause)
	}
	ws.SetReadLimit(-1) // Message has a limit of its own, with typed errors
	c.ws, c.body.conn = ws, c
	c.writing.conn, c.writing.timeout = c, d.cfg.WriteTimeout
	return c, nil
}

func handshakeError(resp *http.Response, err, cause error) error {
	err = withoutURL(err)
	e := &HandshakeError{Err: err}
	if resp != nil {
		e.Status = resp.StatusCode
		e.RetryAfter = retryAfter(resp.Header)
		if resp.Body != nil {
			snippet, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // in memory already, see explanation
			if text := printable(string(snippet)); text != "" && e.Status != http.StatusSwitchingProtocols {
				e.Err = fmt.Errorf("the relay says %q: %w", text, err)
			}
		}
	}
	if cause != nil && !errors.Is(err, cause) {
		e.Err = fmt.Errorf("%w: %w", cause, err)
	}
	return e
}

// Get fetches a document over the same transport, at most maxBytes of it,
// within HandshakeTimeout (NIP-11). Errors are *HandshakeError, its Status 0
// without an answer, and ErrTooLarge.
func (d *Dialer) Get(ctx context.Context, url, accept string, maxBytes int64) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.HandshakeTimeout, ErrHandshakeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, handshakeError(nil, err, nil)
	}
	req.Header = d.header.get().Clone()
	req.Header.Set("Accept", accept)
	client := d.client
	client.Transport = tripper{d: d, base: client.Transport}
	resp, err := client.Do(req)
	if err != nil {
		return nil, handshakeError(nil, err, context.Cause(ctx))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &HandshakeError{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header),
			Err: fmt.Errorf("status %s", printable(resp.Status))}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, handshakeError(nil, err, context.Cause(ctx))
	}
	if int64(len(data)) > maxBytes {
		return nil, fmt.Errorf("%w: document over %d bytes", ErrTooLarge, maxBytes)
	}
	return data, nil
}

// Conn is an open websocket. Next, Message, Lone and Ready belong to one goroutine; the other
// methods may be called from any.
type Conn struct {
	dialer *Dialer         // immutable: its configuration is ours
	ws     *websocket.Conn // immutable
	body   body
	clock  clock // immutable

	// The reading goroutine only.
	message io.Reader // what Next has announced
	reads   uint32    // of the body, before that
	dying   *dying    // nil until a pong could not be written

	writing writing        // has a lock of its own
	helpers sync.WaitGroup // closers and fired timers

	mu    sync.Mutex
	cause error // guarded by mu: of the cut, nil before
	end   *end  // guarded by mu: nil until reading has ended, or a writer waits for that
}

// end is how reading has ended.
type end struct {
	word *CloseError   // guarded by Conn.mu: nil if there was none
	over chan struct{} // closed when it has, or the connection is cut
}

// ended says why reading or writing has ended.
func (c *Conn) ended(err error) error {
	c.mu.Lock()
	cause := c.cause
	c.mu.Unlock()
	var frame websocket.CloseError
	switch {
	case cause != nil:
		return cause
	case errors.As(err, &frame):
		return &CloseError{Code: int(frame.Code), Reason: strings.ToValidUTF8(frame.Reason, "\uFFFD")}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("socket: no close frame: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("socket: %w", err)
}

// Write writes one text message. If the peer does not take it within
// WriteTimeout (of several at a time, one of them), the connection is cut with
// ErrWriteTimeout. After any error
// the connection is of no use: half a message may have been sent. If the peer
// has refused the message by a close frame, the error is its *CloseError, which
// is waited for for a second, if somebody reads.
func (c *Conn) Write(p []byte) error {
	c.writing.begin()
	err := c.write(p)
	c.writing.end()
	if err != nil {
		return c.lastWord(c.ended(err))
	}
	return nil
}

// together is how much of several messages is written in one piece, in bytes.
const together = 16 << 10

// WriteAll is Write for several messages. Short ones go out in one piece, which costs a
// single system call; whether some of them were sent, when there is an error, is as
// uncertain as for one.
func (c *Conn) WriteAll(messages [][]byte) error {
	c.writing.begin()
	var err error
	for i, p := range messages {
		c.body.corked.Store(i < len(messages)-1)
		if err = c.write(p); err != nil {
			c.body.corked.Store(false)
			break
		}
	}
	c.writing.end()
	if err != nil {
		return c.lastWord(c.ended(err))
	}
	return nil
}

// lastWordTimeout is how long a peer that takes nothing more is heard for what it has to say.
const lastWordTimeout = time.Second

// lastWord gives a write that has failed the reason that the peer has for it, if
// it has sent one: that may wait to be read when the connection has been reset already.
func (c *Conn) lastWord(err error) error {
	c.mu.Lock()
	end := c.endLocked()
	if c.cause != nil {
		end.told()
	}
	c.mu.Unlock()
	timer := time.NewTimer(c.dialer.lastWord)
	defer timer.Stop()
	select {
	case <-end.over:
	case <-timer.C:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return c.cause
	case end.word != nil:
		return end.word
	}
	return err
}

func (c *Conn) endLocked() *end {
	if c.end == nil {
		c.end = &end{over: make(chan struct{})}
	}
	return c.end
}

// told wakes who waits for it, once. Conn.mu is held.
func (e *end) told() {
	select {
	case <-e.over:
	default:
		close(e.over)
	}
}

const (
	maxFrame = 64 << 10 // bytes of the longest message that is written in one frame
	fragment = 16 << 10 // bytes of each frame of a longer one
)

// write sends a long message in fragments. The reader's goroutine answers a
// ping of the peer, and gives the connection up if it does not get coder's
// frame lock within five seconds. A frame holds that lock until the kernel has
// taken it; between the frames of a Writer it is free and goes to who has waited
// longest, so pings and pongs wait for one fragment and not for the message.
// (Under compression coder makes frames of a few hundred bytes of them.)
func (c *Conn) write(p []byte) error {
	ctx := context.Background() // writing cuts the connection in time
	if len(p) <= maxFrame {
		return c.ws.Write(ctx, websocket.MessageText, p)
	}
	w, err := c.ws.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(p, fragment) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// Ping sends a ping and waits for the pong, at most for the time within. Its
// error is of no use but for tests: liveness is judged by LastInbound. Somebody
// has to be in Read.
func (c *Conn) Ping(within time.Duration) error {
	// A context that ends while the ping is being written closes the connection: one
	// that has a deadline would do so in a program that was stopped just then.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer attend.AfterFunc(within, cancel).Stop()
	if err := c.ws.Ping(ctx); ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("socket: no pong within %v: %w", within, context.DeadlineExceeded)
}

// LastInbound is when the last byte arrived, or the connection was opened.
func (c *Conn) LastInbound() time.Time { return c.dialer.born.Add(time.Duration(c.body.last.Load())) }

// BytesIn counts what has arrived since the handshake, frame headers included.
func (c *Conn) BytesIn() uint64 { return c.body.in.Load() }

// BytesOut counts what was sent since the handshake. It advances while a long
// message is being written, by some 4 KiB at a time.
func (c *Conn) BytesOut() uint64 { return c.body.out.Load() }

// Close does the closing handshake, with or without somebody in Read, and
// returns when the connection is closed or cut, after within at the latest.
func (c *Conn) Close(code int, reason string, within time.Duration) {
	c.closeFor(ErrClosed, code, reason, within)
}

// closeFor is Close with the cause of the cut.
func (c *Conn) closeFor(cause error, code int, reason string, within time.Duration) {
	timer := time.NewTimer(max(within, 0))
	defer timer.Stop()
	closed := make(chan struct{})
	c.helpers.Go(func() { // ended by the cut at the latest; joined by Wait
		defer close(closed)
		_ = c.ws.Close(websocket.StatusCode(code), reason)
	})
	select {
	case <-closed:
	case <-timer.C:
	}
	c.Cut(cause)
}

// Cut ends the connection at once and does not wait. The first cause counts.
func (c *Conn) Cut(cause error) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	if c.end != nil {
		c.end.told()
	}
	c.helpers.Add(1) // before a second Cut returns and its caller waits
	c.mu.Unlock()
	c.body.closed.Store(true) // nothing more of what was read ahead
	c.writing.stop()
	if raw := c.body.raw; raw != nil && closesAtOnce(raw) {
		_ = raw.Close()
	}
	go func() { // ends when the reader and the writer have let go; joined by Wait
		defer c.helpers.Done()
		_ = c.body.Close()
		_ = c.ws.CloseNow()
	}()
}

// Wait returns, after a Cut or a Close, when every goroutine of the connection has ended.
func (c *Conn) Wait() { c.helpers.Wait() }
