package nostrtest

import (
	"net/http"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Message is something a client has sent.
type Message struct {
	Connection int       // number of the connection it came on
	Time       time.Time // when it was read
	Frame      string    // as it was sent
	Verb       string    // "EVENT", "REQ", "CLOSE", "COUNT", "AUTH", …; empty if Err is not nil
	Err        error     // why the relay could not parse it; nil if it could

	SubscriptionID string         // of REQ, COUNT, CLOSE and NIP-77's verbs
	Filters        []nostr.Filter // of REQ and COUNT, and the one of NEG-OPEN
	Unknown        []string       // conditions of the filters that Filters cannot say, such as "&t"
	Event          *nostr.Event   // of EVENT and AUTH: parsed, and perhaps refused
	Payload        []byte         // of NEG-OPEN and NEG-MSG
}

// Request is a REQ, or for a ReadPolicy a REQ, COUNT or NEG-OPEN.
type Request struct {
	Connection     int
	Time           time.Time
	Verb           string // "REQ", "COUNT" or "NEG-OPEN"
	SubscriptionID string
	Filters        []nostr.Filter
	Unknown        []string // conditions of the filters that Filters cannot say, such as "&t": without them it is wider
}

// Subscription is an open subscription.
type Subscription struct {
	Connection int
	ID         string
	Filters    []nostr.Filter
}

// Connection is a client's websocket, open or ended.
type Connection struct {
	Number        int            // from 1, in the order they were made; never used again, also not after Restart
	URL           string         // as the client reached the relay, with its path, normalised; what AUTH has to name
	RemoteAddr    string         // the client's address
	Header        http.Header    // of the handshake
	ConnectedAt   time.Time      //
	Authenticated []nostr.PubKey // in the order they have authenticated (NIP-42)
	Pings         int            // websocket pings received

	EndedAt     time.Time // zero while it is open
	CloseCode   int       // of the close frame the client has sent, whether first or in answer; 0 without one
	CloseReason string    //
}

// Open reports whether the connection had not ended when the view was taken.
func (c Connection) Open() bool { return c.EndedAt.IsZero() }

// Received returns what clients have sent, malformed messages included, in the
// order the relay has begun to handle it.
func (r *Relay) Received() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, _ := r.received.since(0)
	return slices.Clone(all)
}

// Requests returns the REQs among what clients have sent, refused ones included.
func (r *Relay) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, _ := r.received.since(0)
	var requests []Request
	for _, m := range all {
		if m.Verb == "REQ" {
			requests = append(requests, m.request())
		}
	}
	return requests
}

// Accepted returns the events of clients that got OK true, in that order:
// ephemeral ones and repetitions included, those given to Publish not.
func (r *Relay) Accepted() []*nostr.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, _ := r.accepted.since(0)
	return slices.Clone(all)
}

// Events returns what a REQ with these filters would be sent, newest first,
// without the relay's limits; without filters everything stored.
func (r *Relay) Events(filters ...nostr.Filter) []*nostr.Event {
	if len(filters) == 0 {
		filters = []nostr.Filter{{}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	events, _ := r.store.query(question{filters: filters, page: Limits{}.page, now: nostr.Now()})
	return events
}

// Subscriptions returns the open subscriptions, by connection and then in the
// order they were opened.
func (r *Relay) Subscriptions() []Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	var open []Subscription
	for _, s := range r.sessions {
		for _, sub := range s.subscriptions {
			open = append(open, Subscription{Connection: s.number, ID: sub.id, Filters: sub.filters})
		}
	}
	return open
}

// Connections returns the open connections, by number.
func (r *Relay) Connections() []Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := make([]Connection, 0, len(r.sessions))
	for _, s := range r.sessions {
		open = append(open, s.record.copy())
	}
	return open
}

// Connection returns the connection with the given number, open or ended. It
// reports false if there has been none yet.
func (r *Relay) Connection(number int) (Connection, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, _ := r.connections.since(0)
	i, ok := slices.BinarySearchFunc(all, number, func(c *Connection, n int) int { return c.Number - n })
	if !ok {
		return Connection{}, false
	}
	return all[i].copy(), true
}

// ConnectionCount returns how many connections have been made so far, ended
// ones included: the number of the newest.
func (r *Relay) ConnectionCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastNumber
}

// InfoRequests returns how often the information document (NIP-11) was served.
func (r *Relay) InfoRequests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.infoRequests
}

// info returns the session's connection as the views show it.
func (s *session) info() Connection {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	return s.record.copy()
}

// copy returns c with lists of its own. Caller holds the relay's mu.
func (c *Connection) copy() Connection {
	other := *c
	other.Header = c.Header.Clone()
	other.Authenticated = slices.Clone(c.Authenticated)
	return other
}

// noteReceived shows a message to the views, before anybody can have an answer to it.
func (r *Relay) noteReceived(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received.add(m)
}

// noteHandled shows a message to those who wait, who count on what it has done.
func (r *Relay) noteHandled(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handled.add(m)
	r.changed.ring()
}

func newMessage(connection int, at time.Time, frame []byte, message wire.ClientMessage, bad error) Message {
	record := Message{Connection: connection, Time: at, Frame: string(frame), Err: bad}
	if bad != nil {
		return record
	}
	record.Verb = message.Verb()
	switch m := message.(type) {
	case wire.Publish:
		record.Event = m.Event
	case wire.Auth:
		record.Event = m.Event
	case wire.Req:
		record.SubscriptionID, record.Filters = m.SubscriptionID, m.Filters
	case wire.CountReq:
		record.SubscriptionID, record.Filters = m.SubscriptionID, m.Filters
	case wire.Close:
		record.SubscriptionID = m.SubscriptionID
	case wire.NegOpen:
		record.SubscriptionID, record.Filters, record.Payload = m.SubscriptionID, []nostr.Filter{m.Filter}, m.Payload
	case wire.NegMsg:
		record.SubscriptionID, record.Payload = m.SubscriptionID, m.Payload
	case wire.NegClose:
		record.SubscriptionID = m.SubscriptionID
	}
	return record
}

func (m Message) request() Request {
	return Request{Connection: m.Connection, Time: m.Time, Verb: m.Verb, SubscriptionID: m.SubscriptionID, Filters: m.Filters, Unknown: m.Unknown}
}

// history keeps the newest entries of something, and knows every entry's
// position since the beginning. The Relay's mu guards it.
type history[T any] struct {
	keep    int // how many entries are kept; immutable
	entries []T
	dropped int // entries forgotten before entries[0]
}

func (h *history[T]) add(entry T) {
	if h.keep == 0 {
		h.dropped++
		return
	}
	h.entries = append(h.entries, entry)
	// Forget in large steps, so that each entry is moved once.
	if len(h.entries) >= 2*h.keep {
		surplus := len(h.entries) - h.keep
		h.entries = append([]T(nil), h.entries[surplus:]...)
		h.dropped += surplus
	}
}

// since returns the entries from a position on, and the position to ask from
// next. The slice is never written again.
func (h *history[T]) since(position int) (entries []T, next int) {
	first := max(position-h.dropped, len(h.entries)-h.keep, 0)
	first = min(first, len(h.entries))
	return h.entries[first:len(h.entries):len(h.entries)], h.dropped + len(h.entries)
}
