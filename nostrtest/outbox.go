package nostrtest

import (
	"sync"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// outbox is the queue of what a session has still to send. Anybody puts in and
// never waits; the session's writer takes out.
type outbox struct {
	limit int           // bytes; 0 for none; immutable
	wake  chan struct{} // holds a token when there may be something to take

	mu     sync.Mutex // guards all below; taken after Relay.mu
	items  []outItem  // from head on
	head   int
	bytes  int    // sum of the sizes of items
	pong   []byte // payload of the newest ping not yet answered
	pinged bool
	urgent []urgent // of faults; overtakes the queue
	closed bool
}

// outItem is one thing to send: exactly one of its first four fields is set.
type outItem struct {
	message wire.ServerMessage // an answer, or a live event of subscription
	raw     []byte             // a frame exactly as given
	stored  *storedEvents
	close   *closeFrame

	spoilt       bool          // raw is the work of a fault: others leave it alone
	subscription *subscription // if it has ended by then, the item is dropped
	size         int
}

// storedEvents is the answer to a REQ: the writer encodes one event at a time,
// so that a result of a million events waits for a slow reader as a million pointers.
type storedEvents struct {
	events []*nostr.Event
	hints  []string

	handling *handling // of the REQ: what becomes of EOSE
}

// closeFrame is the code and reason of a websocket close frame (RFC 6455, 5.5.1).
type closeFrame struct {
	code   int
	reason string
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// put queues an item. It reports false when the queue is over its limit, which
// means that the reader is too slow to be kept.
func (o *outbox) put(item outItem) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if o.limit > 0 && o.bytes+item.size > o.limit {
		return false
	}
	if o.head > len(o.items)/2 { // mostly sent: move the rest to the front rather than grow
		n := copy(o.items, o.items[o.head:])
		clear(o.items[n:])
		o.items, o.head = o.items[:n], 0
	}
	o.items = append(o.items, item)
	o.bytes += item.size
	o.signal()
	return true
}

// putPong asks for the answer to a ping. It overtakes the queue, and only the
// newest ping is answered (RFC 6455, 5.5.3).
func (o *outbox) putPong(payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pong, o.pinged = append(o.pong[:0], payload...), true
	o.signal()
}

// putUrgent queues what a fault has to send. It overtakes the queue.
func (o *outbox) putUrgent(u urgent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.urgent = append(o.urgent, u)
	o.signal()
}

// takeUrgent returns what a fault has to send now.
func (o *outbox) takeUrgent() (u urgent, due bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.urgent) == 0 {
		return urgent{}, false
	}
	u = o.urgent[0]
	o.urgent = o.urgent[1:]
	return u, true
}

// close makes take return false; what is queued is dropped.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.items, o.head, o.bytes, o.urgent = nil, 0, 0, nil
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take waits for the next item. It reports false when the outbox was closed.
// An item with nothing set means that only a pong or something urgent is due.
func (o *outbox) take() (outItem, bool) {
	for {
		o.mu.Lock()
		switch {
		case o.closed:
			o.mu.Unlock()
			return outItem{}, false
		case o.pinged, len(o.urgent) > 0:
			o.mu.Unlock()
			return outItem{}, true
		case o.head < len(o.items):
			item := o.items[o.head]
			o.items[o.head] = outItem{}
			o.bytes -= item.size
			if o.head++; o.head == len(o.items) {
				o.items, o.head = o.items[:0], 0
			}
			o.mu.Unlock()
			return item, true
		}
		o.mu.Unlock()
		<-o.wake
	}
}

// takePong returns the payload of a ping to answer now.
func (o *outbox) takePong(buf []byte) (payload []byte, due bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due = o.pinged
	o.pinged = false
	return append(buf, o.pong...), due
}

// isClosed reports whether the rest of an item is worth sending.
func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// eventSize estimates the bytes of an event as JSON.
func eventSize(e *nostr.Event) int {
	const fixed = 350 // names, punctuation, id, key, signature
	size := fixed + len(e.Content)
	for _, tag := range e.Tags {
		for _, item := range tag {
			size += len(item) + 3
		}
	}
	return size
}
