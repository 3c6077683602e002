package gennostr

import (
	"context"
	"errors"
	"sync"
	"time"
)

// byHand is the network of a Harness: a dial goes on until the test says how it
// ends, and an open link brings nothing and takes everything.
type byHand struct {
	took func(*connection, outgoing)

	mu    sync.Mutex
	slots map[*connection]*slot // guarded by mu: those that dial, or are about to
}

// slot is where the test and a dial meet, whoever comes first.
type slot struct {
	open    chan struct{} // closed by the test: the dial succeeds
	reading chan struct{} // closed by the reader: the connection is up
}

func (n *byHand) slot(c *connection) *slot {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.slots[c]
	if s == nil {
		s = &slot{open: make(chan struct{}), reading: make(chan struct{})}
		n.slots[c] = s
	}
	return s
}

// connect lets a dial succeed, and returns when the connection is up or over.
func (n *byHand) connect(c *connection) {
	s := n.slot(c)
	close(s.open)
	select {
	case <-s.reading:
	case <-c.Ended():
	}
}

func (n *byHand) dial(ctx context.Context, c *connection) (link, error) {
	s := n.slot(c)
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.slots, c)
	}()
	select {
	case <-s.open:
		return &handLink{network: n, conn: c, reading: s.reading, cut: make(chan struct{})}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (*byHand) automatic() bool { return false }

// patient: the test that would have to wait is all there is to make room.
func (*byHand) patient() bool { return false }

// handLink is a link without a socket: the test has the relay's part.
type handLink struct {
	network *byHand
	conn    *connection
	reading chan struct{}
	once    sync.Once
	cause   error // written before cut is closed
	cut     chan struct{}
}

func (l *handLink) Next() (bool, error) {
	close(l.reading) // once: it never returns but to end the connection
	<-l.cut
	return false, l.cause
}

func (l *handLink) Cut(cause error) {
	l.once.Do(func() {
		l.cause = cause
		close(l.cut)
	})
}

func (l *handLink) takes(o outgoing) bool {
	l.network.took(l.conn, o)
	return true
}

var errNoSocket = errors.New("gennostr: a Harness has no socket")

func (*handLink) Message([]byte) ([]byte, error)   { return nil, errNoSocket }
func (*handLink) WriteAll([][]byte) error          { return errNoSocket }
func (*handLink) Lone() bool                       { return true }
func (*handLink) Ready() bool                      { return false }
func (*handLink) OnWait(func())                    {}
func (*handLink) OnRoom(func(int) error)           {}
func (*handLink) Slow() (time.Duration, int64)     { return 0, 0 }
func (*handLink) Ping(time.Duration) error         { return nil }
func (*handLink) LastInbound() time.Time           { return time.Now() }
func (*handLink) Ahead() (time.Duration, bool)     { return 0, false }
func (*handLink) BytesIn() uint64                  { return 0 }
func (*handLink) BytesOut() uint64                 { return 0 }
func (*handLink) Close(int, string, time.Duration) {}
func (*handLink) Wait()                            {}
