package gennostr

import (
	"strings"
	"unicode/utf8"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What a connection hands to the supervisor: the OKs that somebody waits for, challenges,
// and before them the AUTHs that the program has sent itself. A relay may say both as often as it likes: of each event and of
// challenges the latest counts, and one note for all of them is in the inbox at most,
// so that no storm takes more room than one of each.

// hearing is what has been heard and not been taken. Guarded by connection.mu.
type hearing struct {
	awaited    map[nostr.ID]hope // whose OKs the supervisor wants to hear
	most       int               // how many there were at once
	order      []nostr.ID        // of those that were heard, as the first OK of each came
	owed       int               // events of publications that are sent and not answered
	challenge  string            // the latest
	sent       []ownAuth         // the latest AUTHs of the program's
	challenged bool
	before     int  // how many of order came before the first challenge
	noted      bool // a heard is in the inbox
}

// hope is an OK that is awaited.
type hope struct {
	heard bool    // ok is the latest, and has not been taken
	owed  bool    // the relay owes it
	ok    wire.OK //
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
		s.pumpSoon(e)
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
		h.awaited = make(map[nostr.ID]hope)
	}
	if _, known := h.awaited[id]; !known {
		h.awaited[id] = hope{}
		h.most = max(h.most, len(h.awaited))
	}
}

// owe notes that an awaited event has been sent: until its OK comes, the relay may bring
// more than its window holds. Needs mu.
func (c *connection) owe(id nostr.ID) {
	w := c.hearing.awaited[id]
	if w.owed {
		return
	}
	w.owed = true
	c.hearing.awaited[id] = w
	if c.hearing.owed++; c.hearing.owed == 1 {
		c.lift()
	}
}

// owes needs mu.
func (c *connection) owes() bool { return c.hearing != nil && c.hearing.owed > 0 }

// expectsOK tells whether more verdicts are to come. They come close behind each other, and
// those who are told of several at once publish the next ones at once.
func (c *connection) expectsOK() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owes()
}

// ignore ends what await has begun.
func (c *connection) ignore(id nostr.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hearing
	if h == nil {
		return
	}
	c.paid(h.awaited[id])
	delete(h.awaited, id)
	if len(h.awaited) == 0 && h.most > 64 { // a map does not shrink
		h.awaited, h.most = nil, 0
	}
}

// paid notes that what was awaited is not owed any more. Needs mu.
func (c *connection) paid(w hope) {
	if !w.owed {
		return
	}
	if c.hearing.owed--; c.hearing.owed == 0 {
		c.nothingOwed()
	}
}

// hearOK needs mu.
func (c *connection) hearOK(ok wire.OK) {
	h := c.hearing
	if h == nil {
		return
	}
	w, awaited := h.awaited[ok.EventID]
	if !awaited {
		return
	}
	if !w.heard {
		h.order = append(h.order, ok.EventID)
	}
	c.paid(w)
	ok.Message = heardOf(ok.Message)
	h.awaited[ok.EventID] = hope{heard: true, ok: ok}
	c.noteHeard()
}

// longestHeard is how much is kept of what a relay says to something, and how long a challenge may be, in bytes.
const longestHeard = 4096

// heardOf is what is kept of a relay's words: a copy, since they may be part of a frame.
func heardOf(words string) string {
	if len(words) <= longestHeard {
		return strings.Clone(words)
	}
	end := longestHeard
	for end > 0 && !utf8.RuneStart(words[end]) {
		end--
	}
	return strings.Clone(words[:end])
}

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
	if len(h.order) > 0 {
		oks = make([]wire.OK, 0, len(h.order))
	}
	told := 0 // before the challenge
	for i, id := range h.order {
		w := h.awaited[id]
		if !w.heard {
			continue // nobody waits for it any more
		}
		oks = append(oks, w.ok)
		h.awaited[id] = hope{owed: w.owed}
		if i < h.before {
			told++
		}
	}
	was = hearing{sent: h.sent, challenge: h.challenge, challenged: h.challenged, before: told}
	if h.order = h.order[:0]; cap(h.order) > 64 {
		h.order = nil
	}
	h.sent, h.challenge, h.challenged, h.noted = nil, "", false, false
	return was, oks
}
