package gennostr

import (
	"strings"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What a connection hands to the supervisor: the OKs that somebody waits for, challenges,
// and before them the AUTHs that the program has sent itself. A relay may say both as often as it likes: of each event and of
// challenges the latest counts, and one note for all of them is in the inbox at most,
// so that no storm takes more room than one of each.

// hearing is what has been heard and not been taken. Guarded by connection.mu.
type hearing struct {
	awaited    map[nostr.ID]bool    // whose OKs the supervisor wants to hear; true: one is in verdicts
	verdicts   map[nostr.ID]wire.OK // the latest of each
	order      []nostr.ID           // in which the first of them came
	sent       []ownAuth            // the latest
	challenge  string               // the latest
	challenged bool
	before     int  // how many of order came before the first challenge
	noted      bool // a heard is in the inbox
}

// heard tells the supervisor that there is something to take.
type heard struct{ c *connection }

func (ev heard) supervise(s *supervisor) {
	if e := ev.c.entry; e.conn == ev.c {
		s.hear(e)
	}
}

// hear takes what the relay has said. It is called before the end of a connection, too.
func (s *supervisor) hear(e *relayEntry) {
	h, oks := e.conn.takeHeard()
	for _, auth := range h.sent { // first, for an OK may be of one of them
		s.authSent(e, auth)
	}
	for i, ok := range oks {
		if h.challenged && i == h.before {
			s.gotChallenge(e, h.challenge)
		}
		s.gotOK(e, ok)
	}
	if h.challenged && h.before == len(oks) {
		s.gotChallenge(e, h.challenge)
	}
	if len(oks) > 0 {
		s.pump(e)
	}
}

// hears needs mu.
func (c *connection) hears() *hearing {
	if c.hearing == nil {
		c.hearing = new(hearing)
	}
	return c.hearing
}

// await has the OKs about an event told to the supervisor, from before it is sent.
func (c *connection) await(id nostr.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaitLocked(id)
}

func (c *connection) awaitLocked(id nostr.ID) {
	h := c.hears()
	if h.awaited == nil {
		h.awaited, h.verdicts = make(map[nostr.ID]bool), make(map[nostr.ID]wire.OK)
	}
	if _, known := h.awaited[id]; !known {
		h.awaited[id] = false
	}
}

// ignore ends what await has begun.
func (c *connection) ignore(id nostr.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hearing != nil {
		delete(c.hearing.awaited, id)
	}
}

// hearOK needs mu.
func (c *connection) hearOK(ok wire.OK) {
	h := c.hearing
	if h == nil {
		return
	}
	taken, awaited := h.awaited[ok.EventID]
	if !awaited {
		return
	}
	if !taken {
		h.awaited[ok.EventID] = true
		h.order = append(h.order, ok.EventID)
	}
	ok.Message = strings.Clone(ok.Message[:min(len(ok.Message), longestHeard)])
	h.verdicts[ok.EventID] = ok
	c.noteHeard()
}

// longestHeard is how much is kept of an OK's words, and how long a challenge may be, in bytes.
const longestHeard = 4096

// hearChallenge is for every AUTH of the relay's. One that is too long is none.
func (c *connection) hearChallenge(challenge string) {
	if len(challenge) > longestHeard {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hears()
	if !h.challenged {
		h.before = len(h.order)
	}
	h.challenge, h.challenged = challenge, true
	c.noteHeard()
}

// noteSent is for an AUTH that the program is sending. Needs mu.
func (c *connection) noteSent(auth ownAuth) {
	c.awaitLocked(auth.id)
	h := c.hearing
	if len(h.sent) == mostOwnAuths {
		delete(h.awaited, h.sent[0].id)
		h.sent = h.sent[1:]
	}
	h.sent = append(h.sent, auth)
	c.noteHeard()
}

// noteHeard needs mu.
func (c *connection) noteHeard() {
	if !c.hearing.noted {
		c.hearing.noted = true
		c.client.sup.inbox.Put(heard{c})
	}
}

// takeHeard takes what has been heard, OKs in the order in which they came. What refuses
// an AUTH depends on which challenge had come before; of several challenges the latest is
// told, in the place of the first.
func (c *connection) takeHeard() (was hearing, oks []wire.OK) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hearing
	if h == nil {
		return was, nil
	}
	was = *h
	for _, id := range h.order {
		oks = append(oks, h.verdicts[id])
		if _, still := h.awaited[id]; still {
			h.awaited[id] = false
		}
	}
	clear(h.verdicts)
	h.order, h.sent, h.challenge, h.challenged, h.noted = nil, nil, "", false, false
	return was, oks
}
