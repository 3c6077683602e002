package nostrtest

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// session is one websocket. Two goroutines have it: the reader, which is the
// HTTP server's own and handles the client's messages one after the other, and
// the writer, which empties the outbox. The reader starts the writer and waits
// for it.
type session struct {
	relay *Relay
	peer  *peer
	ws    *websocket.Conn // set before serve, and after join
	out   *outbox
	url   string        // as the client reached it, path included; immutable
	ended chan struct{} // closed when the session has left the relay

	timers timers

	number int // set by join

	// Guarded by relay.mu.
	record        *Connection // what the views show, also after the session has ended
	challenge     string      // the one that counts (P38); "" before the first
	challenges    int
	subscriptions []*subscription           // in the order they were opened
	asked         map[string][]nostr.Filter // the last REQ of each id; only kept for faults
	undead        []*subscription           // for which events come although they were told to be over
	pages         map[string][]*nostr.Event // first pages, by filters; only kept for a fault

	reconciliations map[string]*reconciliation // open ones, by ids of a namespace of their own (P66)

	// Reader only.
	pace, burst bucket // of messages read, and of EVENTs taken
}

func newSession(r *Relay, p *peer, req *http.Request) *session {
	return &session{
		relay:  r,
		peer:   p,
		out:    newOutbox(r.cfg.sendBuffer),
		url:    sessionURL(r.URL(), req),
		ended:  make(chan struct{}),
		timers: timers{turn: make(chan struct{}, 1)},

		record: &Connection{
			RemoteAddr: p.RemoteAddr().String(),
			Header:     req.Header.Clone(),
		},
	}
}

// serve runs a session that has joined to its end.
func (s *session) serve() {
	var writer sync.WaitGroup
	writer.Go(s.write) // ended by out.close and peer.Close below
	var failure error
	defer func() {
		if p := recover(); p != nil {
			s.report(p)
		}
		s.leave(failure)
		s.out.close()
		if errors.Is(failure, websocket.ErrMessageTooBig) || s.peer.tap.isEnding() {
			// Let a client that is still sending read the close frame, or the
			// last messages: on a socket, closing at once would throw them away.
			s.peer.drain(stopGrace)
		}
		_ = s.peer.Close()
		s.timers.end()
		writer.Wait()
		_ = s.ws.CloseNow()
	}()
	s.relay.faults.opened(s)
	failure = s.read()
}

func (s *session) report(panicked any) {
	s.relay.logf("panic on connection %d, which ends: %v\n%s", s.number, panicked, debug.Stack())
}

// join makes the session known to the relay. It fails when the relay has been
// stopped during the handshake.
func (s *session) join() bool {
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != s.peer.run {
		return false
	}
	r.lastNumber++
	s.number = r.lastNumber
	s.record.Number, s.record.URL, s.record.ConnectedAt = s.number, s.url, time.Now()
	r.sessions = append(r.sessions, s)
	r.connections.add(s.record)
	if r.cfg.auth {
		s.sendChallenge()
	}
	r.changed.ring()
	return true
}

// leave takes the session out of the relay: nothing is pushed to it any more.
// A session that never joined has nothing to leave.
func (s *session) leave(failure error) {
	r := s.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.number == 0 {
		return
	}
	var frame websocket.CloseError
	if errors.As(failure, &frame) {
		s.record.CloseCode, s.record.CloseReason = int(frame.Code), frame.Reason
	}
	s.record.EndedAt = time.Now()
	s.subscriptions, s.undead = nil, nil
	for id := range s.reconciliations {
		s.endReconciliation(id)
	}
	r.sessions = slices.DeleteFunc(r.sessions, func(other *session) bool { return other == s })
	close(s.ended)
	r.changed.ring()
}

// read handles the client's messages until the connection ends, and returns
// why it did. The background context keeps the library from closing the
// connection on its own; it ends when the peer is closed.
func (s *session) read() error {
	for {
		kind, frame, err := s.ws.Read(context.Background())
		if err != nil {
			return err
		}
		at := time.Now()
		var message wire.ClientMessage
		var bad error
		if kind == websocket.MessageText {
			message, bad = wire.ParseClient(frame)
		} else {
			bad = errBinary
		}
		h := &handling{session: s, frame: frame, message: message, bad: bad}
		if bad == nil {
			h.verb = message.Verb()
			h.unknown = unknownConditions(frame, message)
		}
		record := newMessage(s.number, at, frame, message, bad)
		record.Unknown = h.unknown
		handle := s.comes(h)
		s.relay.noteReceived(record)
		if handle {
			s.handle(h)
		}
		s.relay.noteHandled(record)
	}
}

// unknownConditions returns what a request asks for beyond its filters.
func unknownConditions(frame []byte, message wire.ClientMessage) []string {
	switch message.(type) {
	case wire.Req, wire.CountReq, wire.NegOpen:
		return wire.UnknownConditions(frame)
	}
	return nil
}

// comes tells whether a message is to be handled now, as the faults want it.
func (s *session) comes(h *handling) bool {
	if !s.relay.faults.any.Load() { // there is nothing to ask
		return true
	}
	if s.peer.tap.isEnding() || !s.faulty(h) || !s.peer.pause(h.wait, nil) || s.peer.tap.isEnding() {
		return false
	}
	if h.later > 0 {
		s.after(h.later, func() { s.handle(h) })
		return false
	}
	return true
}

var errBinary = errors.New("binary frame, want text")

// write sends what the outbox holds. A test's own function may panic in a fault
// here, or end the goroutine with FailNow, which ends the connection as it does
// on the session's reader.
func (s *session) write() {
	finished := false
	defer func() {
		if p := recover(); p != nil {
			s.report(p)
		}
		if !finished {
			_ = s.peer.Close()
		}
	}()
	s.writeAll()
	finished = true
}

// writeAll sends until the outbox is closed or the connection fails.
func (s *session) writeAll() {
	var frame []byte
	for {
		item, ok := s.out.take()
		if !ok || !s.between() {
			return
		}
		if item.subscription != nil && item.subscription.over.Load() {
			continue
		}
		switch {
		case item.message != nil:
			frame = item.message.AppendJSON(frame[:0])
			ok = s.transmit(item.message.Verb(), item.message, frame)
		case item.spoilt:
			ok = s.transmitSpoilt(item.raw)
		case item.raw != nil:
			ok = s.transmit(verbOf(item.raw), nil, item.raw)
		case item.stored != nil:
			frame, ok = s.writeStored(item.subscription, item.stored, frame)
		case item.close != nil:
			_ = s.ws.Close(websocket.StatusCode(item.close.code), item.close.reason)
			return
		}
		if !ok {
			s.giveUp()
			return
		}
		const keep = 64 << 10
		if cap(frame) > keep {
			frame = nil
		}
	}
}

// writeStored sends stored events and EOSE (P29), unless the subscription ends meanwhile.
func (s *session) writeStored(sub *subscription, stored *storedEvents, buf []byte) ([]byte, bool) {
	for _, event := range stored.events {
		if sub.over.Load() || s.out.isClosed() {
			return buf, true
		}
		message := wire.Event{SubscriptionID: sub.id, Event: event}
		buf = message.AppendJSON(buf[:0])
		if !s.transmit(message.Verb(), message, buf) || !s.between() {
			return buf, false
		}
	}
	if sub.over.Load() {
		return buf, true
	}
	for _, a := range stored.handling.rewrite(wire.EOSE{SubscriptionID: sub.id, Hints: stored.hints}) {
		if sub.over.Load() {
			break
		}
		if a.after > 0 || a.raw != nil {
			s.answer(a)
			continue
		}
		buf = a.message.AppendJSON(buf[:0])
		if !s.transmit(a.message.Verb(), a.message, buf) {
			return buf, false
		}
		if _, closed := a.message.(wire.Closed); closed {
			sub.over.Store(true) // live events are queued behind it
		}
	}
	return buf, true
}

func (s *session) writeWhole(frame []byte) bool {
	return s.ws.Write(context.Background(), websocket.MessageText, frame) == nil
}

// between sends what goes between two messages: a pong, and what faults send.
// It is written past the library, which has no call for it. It cannot land
// inside another frame: between its writes, and only there, the writer has
// everything flushed, and what the library writes from the reader is a single
// write that ends the connection.
func (s *session) between() bool {
	for s.sendPong() {
		u, due := s.out.takeUrgent()
		if !due {
			return true
		}
		if !s.writeUrgent(u) {
			break
		}
	}
	s.giveUp()
	return false
}

// giveUp is for a connection that takes no more: the reader ends, and with it
// the session. Where a fault has cut it, the reader knows already.
func (s *session) giveUp() {
	if !s.peer.tap.isSevered() {
		_ = s.peer.Close()
	}
}

// sendPong answers the newest ping, if there is one.
func (s *session) sendPong() bool {
	var buf [2 + 125]byte
	payload, due := s.out.takePong(buf[2:2])
	if !due {
		return true
	}
	const finalPong = 0x8A // RFC 6455, 5.2 and 5.5.3
	buf[0], buf[1] = finalPong, byte(len(payload))
	_, err := s.peer.Write(buf[:2+len(payload)])
	return err == nil
}

// send queues a message. A client that has left too much unread is cut off.
func (s *session) send(item outItem) {
	if item.size == 0 {
		const small = 200 // a bound for answers, which are short
		item.size = small + len(item.raw)
	}
	if !s.out.put(item) {
		s.relay.logf("connection %d reads too slowly: over %d bytes unsent, cut off", s.number, s.relay.cfg.sendBuffer)
		s.out.close()
		_ = s.peer.Close()
	}
}

func (s *session) reply(message wire.ServerMessage) { s.send(outItem{message: message}) }

// sendClose queues a close frame behind everything else.
func (s *session) sendClose(frame closeFrame) { s.send(outItem{close: &frame}) }
