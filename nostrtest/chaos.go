package nostrtest

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// How chaotic Chaos is.
const (
	chaosOneIn    = 8                      // handshakes, messages and answers between two that meet a fault, on average
	chaosJitter   = 20 * time.Millisecond  // before something is handled, at most; a tenth of it before it is sent
	chaosSoonest  = 500 * time.Millisecond // until something happens to a connection
	chaosLatest   = 30 * time.Second
	chaosShortest = time.Second // that a lasting fault lasts
	chaosLongest  = 30 * time.Second

	// unevenly is a prime number of nanoseconds, so that drops never fall into one
	// instant with a client's timeout, where their order would be anybody's guess.
	unevenly = 1_000_037 * time.Nanosecond
)

// Chaos mixes faults by chance. About one handshake, message and answer in
// eight meets a fault; besides, every half to thirty seconds one of the faults
// of connections strikes at a connection. What lasts is over after half a minute
// at most, and where it had held back bytes, the connection is reset then.
// Without faults of your choice Chaos mixes ChaosFaults. OnConnection and If
// narrow it down; it cannot be counted.
//
// The seed decides everything, for each connection and direction on its own.
// Besides, chaos makes a short pause, of at most 20 milliseconds, before it
// handles a handshake or a message and before it sends one: in virtual time a
// pause ends only when all else has come to rest. So over the in-memory network
// the same seed and the same clients give the same run: the same faults, at the
// same messages, at the same times. (Signatures are made with fresh randomness
// and differ.) A test that fails prints the seed.
//
// A Chaos given anew, to this relay or another, begins anew.
//
// Mending it gives the honest relay back. The usual test lets chaos rage for
// some virtual minutes, mends it, and asks for what has to be true in the end.
func Chaos(seed uint64, faults ...Fault) Fault {
	names := make([]string, len(faults))
	for i, fault := range faults {
		names[i] = ", " + fault.name
	}
	if len(faults) == 0 {
		faults = ChaosFaults()
	}
	c := &chaos{seed: seed, menu: faults}
	f := newFault(always, effect{chaos: c}, "Chaos(%d%s)", seed, strings.Join(names, ""))
	for _, fault := range faults {
		if err := fault.validate(); err != nil {
			f.err = err
		}
		switch fault.where {
		case atHandshake, atOpen, atMessage, beforeSend, afterSend:
		default:
			f = f.broken(fault.name + " cannot be part of chaos")
		}
		if fault.counted() {
			f = f.broken(fault.name + " cannot be counted in chaos")
		}
	}
	return f
}

// ChaosFaults returns what Chaos mixes by itself. These faults lose nothing in
// silence: what goes missing was refused, is late, or went down with its
// connection, so a client that tries again gets everything in the end.
func ChaosFaults() []Fault {
	return []Fault{
		RefuseHandshake(503, 0), RefuseHandshake(429, 5*time.Second), DelayHandshake(3 * time.Second), CutHandshake(), BadAcceptKey(),
		Cut(), Reset(), Silence(), StallReads(), StallWrites(), Drip(unevenly),
		CloseWith(1001, "going away"), CloseWith(1012, "restarting"), PingFlood(20), NoticeFlood(20),
		Cut().On("REQ"), Reset().On("EVENT"), Cut().After("EVENT"), Cut().Before("EOSE"),
		NoOK(), LateOK(7 * time.Second), TwoOKs(), OKForAnotherID(), RefuseEvents("rate-limited: slow down"), RefuseEvents("error: try again"),
		RefuseRequests("error: try again"), RefuseRequests("rate-limited: slow down"), EndSubscriptions("error: shutting down"),
		LateEOSE(4 * time.Second), TwoEOSEs(), MismatchingEvents(), SlowAnswers(2 * time.Second),
		ForgedEvents().AsWell(), AlteredEvents().AsWell(), RelabelledEvents().AsWell(), DuplicatedEvents(3), UnsolicitedEvents(),
		Fragmented(7), Interleaved(50), MalformedMessage().On("REQ"),
	}
}

// chaos is what Chaos is made of. Immutable: whoever is given it has chances of
// its own, so that it begins anew there.
type chaos struct {
	seed uint64
	menu []Fault
}

// chances are the random numbers of a Chaos that a relay has been given.
type chances struct {
	seed uint64

	mu      sync.Mutex // guards streams and what is drawn from them; never held while waiting
	streams map[chance]*rand.Rand
}

// chance names a stream of random numbers: what happens on one connection in one
// direction must not depend on what happens elsewhere at the same time.
type chance struct {
	connection int // for handshakes: which
	of         place
}

// draw returns n random numbers of a stream.
func (c *chances) draw(of chance, n int) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := c.streams[of]
	if stream == nil {
		stream = rand.New(rand.NewPCG(c.seed, uint64(of.connection)<<8|uint64(of.of)))
		c.streams[of] = stream
	}
	numbers := make([]uint64, n)
	for i := range numbers {
		numbers[i] = stream.Uint64()
	}
	return numbers
}

// pick returns what strikes at an occasion. Each occasion draws the same count
// of numbers, whatever comes of them.
func (c *chaos) pick(parent *armed, where place, o Occasion) []*armed {
	switch {
	case where == atInfo, where == atOpen, o.Verb == pingVerb:
		return nil
	case o.Verb == "" && where != atHandshake: // what is no message
		return nil
	}
	n := parent.chances.draw(chance{o.Connection, where}, 3)
	var picked []*armed
	pause := time.Duration(n[0] % uint64(chaosJitter))
	switch where {
	case atHandshake:
		picked = append(picked, parent.child(Fault{effect: effect{handshake: func(h *handshake) bool {
			return !h.peer.pause(pause, nil) || h.left()
		}}}))
	case atMessage:
		picked = append(picked, parent.child(Fault{effect: effect{message: func(h *handling) {
			h.session.peer.pause(pause, nil)
		}}}))
	case beforeSend:
		pause /= 10
		picked = append(picked, parent.child(Fault{effect: effect{sending: func(m *outgoing) {
			m.session.peer.pause(pause, nil)
		}}}))
	}
	if n[1]%chaosOneIn != 0 {
		return picked
	}
	var fitting []Fault
	for _, f := range c.menu {
		if f.where == where && f.fits(o) {
			fitting = append(fitting, f)
		}
	}
	if len(fitting) > 0 {
		f := fitting[n[2]%uint64(len(fitting))]
		if strike := f.effect.link; strike != nil && where == afterSend {
			f.effect.link = func(a *act) {
				if a.session.peer.pause(pause, nil) {
					strike(a)
				}
			}
		}
		picked = append(picked, parent.child(f))
	}
	return picked
}

// follow makes something happen to a connection again and again, as long as both last.
func (c *chaos) follow(s *session, parent *armed) {
	var fitting []Fault
	for _, f := range c.menu {
		if f.where == atOpen && f.fits(Occasion{Connection: s.number}) {
			fitting = append(fitting, f)
		}
	}
	if len(fitting) == 0 {
		return
	}
	unlessMended := func(f func()) func() {
		return func() {
			if !parent.isMended() {
				f()
			}
		}
	}
	n := parent.chances.draw(chance{s.number, atOpen}, 3)
	between := func(least, most time.Duration, number uint64) time.Duration {
		return least + time.Duration(number%uint64(most-least))
	}
	s.after(between(chaosSoonest, chaosLatest, n[0]), unlessMended(func() {
		child := parent.child(fitting[n[1]%uint64(len(fitting))])
		s.strike(child, false)
		s.after(between(chaosShortest, chaosLongest, n[2]), unlessMended(func() {
			if heldBack := s.peer.tap.release([]*armed{child}); heldBack {
				s.relay.note(s.number, "the end of "+child.name)
				s.peer.tap.reset()
				return
			}
			c.follow(s, parent)
		}))
	}))
}

// child returns an armed fault that ends with its parent.
func (a *armed) child(f Fault) *armed {
	return &armed{Fault: f, mended: a.mended, parent: a}
}
