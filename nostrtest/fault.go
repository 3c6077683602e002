package nostrtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
)

// Fault is one way in which a relay misbehaves, and when. A constructor says
// what goes wrong, the methods say when, and together they read as a sentence:
//
//	nostrtest.NoOK().Nth(2)                                // the second EVENT gets no OK
//	nostrtest.RefuseHandshake(429, time.Minute).Times(3)   // the first three dials are refused
//	nostrtest.Cut().After("EVENT").Nth(5).OnConnection(1)  // connection 1 ends behind the fifth event
//	nostrtest.Reset().AfterBytes(1000).EachConnection()    // so does every connection after 1,000 bytes
//
// WithFaults gives a relay faults from the start, Relay.Break while it runs. A
// Fault is a value: its methods return a changed copy, and one Fault may be
// given to several relays. Its String is the sentence, which the wire log shows
// whenever the fault strikes.
//
// An occasion is what a fault strikes at: a handshake, a message from the
// client, a message to it, a connection that has just opened. Occasions are
// counted for each fault from when it was given to the relay, over all
// connections unless EachConnection says otherwise; Nth, From, Every and Times
// count only those that the other conditions let through. Faults that strike at the
// same occasion do so in the order they were given.
//
// A condition that has no meaning for a fault, such as NoOK().AfterBytes(3), is
// a mistake of the test: NewRelay fails, Break panics.
type Fault struct {
	name   string
	effect effect

	where       place
	verbs       []string // none: every one
	connections []int    // none: every one
	first       int      // the first occasion that counts; 0 for all
	times       int      // how often it strikes; 0 for ever
	every       int      // only at each so many-th occasion from first on; 0 for all
	each        bool     // counted per connection
	threshold   int64    // of atFrames and atBytes
	match       func(Occasion) bool
	asWell      bool // of a fault of sent messages: the genuine one follows
	trait       bool // of a profile: always so, and not worth a line in the wire log
	err         error
}

// Occasion is what the condition of Fault.If is asked about.
type Occasion struct {
	Connection int    // its number; for a handshake how many there have been, this one included
	Verb       string // of the message, such as "REQ"; "PING"; empty for handshakes, connections and what is no message
	Frame      string // the message, as text; empty for handshakes and connections
}

// place is where in a connection's life a fault strikes.
type place uint8

const (
	atHandshake place = iota + 1 // a websocket is asked for
	atInfo                       // the information document is asked for
	atOpen                       // the handshake has succeeded, or Break found the connection open
	atMessage                    // the client has said something, not yet handled; pings included
	beforeSend                   // the relay is about to say something
	afterSend                    // it has been written
	atFrames                     // so many frames have been written on the connection
	atBytes                      // so many bytes
	always                       // as long as the fault lasts
)

// effect is what a fault does: exactly one of the first eight is set. But for
// answer, none runs with a lock held, and each may wait as long as it minds the
// connection's end.
type effect struct {
	handshake func(*handshake) (answered bool)             // on the HTTP server's goroutine
	info      func(*handshake)                             // the same
	message   func(*handling)                              // on the session's reader, before the message is handled
	answer    func(*handling, wire.ServerMessage) []answer // on the session's reader or writer
	sending   func(*outgoing)                              // on the session's writer
	link      func(*act)                                   // on any goroutine
	skew      time.Duration                                // of the relay's clock
	keep      time.Duration                                // for which ephemeral events are stored
	chaos     *chaos                                       // picks other faults

	also    func(*handling) // besides answer
	deflate bool            // besides link: it wants permessage-deflate
}

// newFault returns a fault that strikes every time; format and args are the
// call that makes it, for String.
func newFault(where place, e effect, format string, args ...any) Fault {
	return Fault{name: fmt.Sprintf(format, args...), effect: e, where: where}
}

// String returns the fault as the sentence that makes it.
func (f Fault) String() string { return f.name }

// say returns f with a condition in its name.
func (f Fault) say(format string, args ...any) Fault {
	f.name += "." + fmt.Sprintf(format, args...)
	return f
}

func (f Fault) broken(why string) Fault {
	if f.err == nil {
		f.err = fmt.Errorf("nostrtest: %s: %s", f.name, why)
	}
	return f
}

// On restricts a fault to messages of these verbs from the client, such as
// "REQ" or "EVENT"; "PING" is a websocket ping. A fault of the connection
// strikes when such a message has come, and before the relay answers it; where
// it ends the connection, the message is not handled.
func (f Fault) On(verbs ...string) Fault {
	f = f.say("On(%s)", quoted(verbs))
	switch {
	case f.effect.link != nil:
		return f.movedTo(atMessage, verbs)
	case f.where != atMessage:
		return f.broken("On is for faults of connections and of what clients say")
	}
	return f.ofVerbs(verbs)
}

// Before makes a fault of the connection strike when the relay is about to send
// a message of these verbs, such as "EOSE". Where it ends the connection, the
// message is not sent.
func (f Fault) Before(verbs ...string) Fault {
	return f.say("Before(%s)", quoted(verbs)).movedTo(beforeSend, verbs)
}

// After makes a fault of the connection strike when the relay has sent a
// message of these verbs.
func (f Fault) After(verbs ...string) Fault {
	return f.say("After(%s)", quoted(verbs)).movedTo(afterSend, verbs)
}

// AfterFrames makes a fault of the connection strike once the relay has sent n
// websocket frames on it, pongs and fragments included.
func (f Fault) AfterFrames(n int) Fault {
	f = f.say("AfterFrames(%d)", n).movedTo(atFrames, nil)
	f.threshold = int64(n)
	return f
}

// AfterBytes makes a fault of the connection strike once the relay has sent n
// bytes on it behind the handshake, which may be amid a frame.
func (f Fault) AfterBytes(n int) Fault {
	f = f.say("AfterBytes(%d)", n).movedTo(atBytes, nil)
	f.threshold = int64(n)
	return f
}

func (f Fault) movedTo(where place, verbs []string) Fault {
	if f.effect.link == nil {
		return f.broken("Before, After, AfterFrames and AfterBytes are for faults of the connection")
	}
	if f.where != atOpen {
		return f.broken("of On, Before, After, AfterFrames and AfterBytes only one")
	}
	f.where = where
	return f.ofVerbs(verbs)
}

func (f Fault) ofVerbs(verbs []string) Fault {
	f.verbs = slices.Clone(verbs)
	for _, verb := range verbs {
		if verb == "" || verb != strings.ToUpper(verb) {
			return f.broken(fmt.Sprintf("%q is no verb: they are in capitals", verb))
		}
	}
	return f
}

// Of restricts a fault of what the relay sends to messages of these verbs, such
// as "EVENT" or "NOTICE".
func (f Fault) Of(verbs ...string) Fault {
	f = f.say("Of(%s)", quoted(verbs))
	if f.effect.sending == nil {
		return f.broken("Of is for faults of what the relay sends")
	}
	return f.ofVerbs(verbs)
}

// AsWell makes a fault that spoils a message send the genuine one as well,
// behind the spoilt one: a forged event first, the real one second.
func (f Fault) AsWell() Fault {
	f = f.say("AsWell()")
	if f.effect.sending == nil {
		return f.broken("AsWell is for faults of what the relay sends")
	}
	f.asWell = true
	return f
}

// OnConnection restricts a fault to connections with these numbers. Handshakes
// are numbered on their own, those that fail included.
func (f Fault) OnConnection(numbers ...int) Fault {
	f.connections = slices.Clone(numbers)
	f = f.say("OnConnection(%s)", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ", "), "[]"))
	if len(numbers) == 0 || slices.Min(numbers) < 1 {
		return f.broken("connections are numbered from 1")
	}
	return f
}

// Nth makes a fault strike at the n-th occasion only.
func (f Fault) Nth(n int) Fault { return f.say("Nth(%d)", n).countedFrom(n).atMost(1) }

// From lets the first n-1 occasions pass.
func (f Fault) From(n int) Fault { return f.say("From(%d)", n).countedFrom(n) }

// Times makes a fault strike at most n times, at least once.
func (f Fault) Times(n int) Fault { return f.say("Times(%d)", n).atMost(n) }

// Every makes a fault strike at each n-th occasion only: the n-th, the one n
// further, and so on.
func (f Fault) Every(n int) Fault {
	f = f.say("Every(%d)", n).countedFrom(n)
	f.every = n
	return f
}

func (f Fault) countedFrom(n int) Fault {
	if n < 1 {
		return f.broken("occasions are counted from 1")
	}
	if f.first != 0 {
		return f.broken("of Nth, From and Every only one")
	}
	f.first = n
	return f
}

func (f Fault) atMost(n int) Fault {
	if n < 1 {
		return f.broken("want at least 1 time")
	}
	if f.times != 0 {
		return f.broken("of Nth and Times only one")
	}
	f.times = n
	return f
}

// counted reports whether the fault does not strike at every occasion.
func (f Fault) counted() bool { return f.first != 0 || f.times != 0 }

// EachConnection makes Nth, From, Every and Times count on every connection afresh.
func (f Fault) EachConnection() Fault {
	f.each = true
	return f.say("EachConnection()")
}

// If makes a fault strike only if condition holds too. It is called on the
// connection's goroutines, without a lock: it may look at the relay, but not
// wait for that connection. A panic in it is logged and ends the connection.
func (f Fault) If(condition func(Occasion) bool) Fault {
	if condition == nil {
		return f.say("If(nil)").broken("want a condition")
	}
	if earlier := f.match; earlier != nil {
		f.match = func(o Occasion) bool { return earlier(o) && condition(o) }
	} else {
		f.match = condition
	}
	return f.say("If(…)")
}

// validate returns what is wrong with the fault.
func (f Fault) validate() error {
	switch {
	case f.err != nil:
		return f.err
	case f.name == "":
		return errors.New("nostrtest: a Fault that no constructor has made")
	case f.where == always && f.counted():
		return fmt.Errorf("nostrtest: %s: it lasts, and has no occasions to count", f.name)
	case f.effect.skew != 0 && (len(f.connections) > 0 || f.match != nil):
		return fmt.Errorf("nostrtest: %s: there is one clock for all connections", f.name)
	case f.effect.keep != 0 && (len(f.connections) > 0 || f.match != nil):
		return fmt.Errorf("nostrtest: %s: there is one store for all connections", f.name)
	case f.threshold < 1 && (f.where == atFrames || f.where == atBytes):
		return fmt.Errorf("nostrtest: %s: want at least 1", f.name)
	}
	return nil
}

// fits reports whether the fault's own conditions hold for an occasion, but for
// those that count.
func (f Fault) fits(o Occasion) bool {
	switch {
	case len(f.connections) > 0 && !slices.Contains(f.connections, o.Connection):
		return false
	case len(f.verbs) > 0 && !slices.Contains(f.verbs, o.Verb):
		return false
	case len(f.verbs) == 0 && o.Verb == pingVerb: // only where it is named
		return false
	}
	return f.match == nil || f.match(o)
}

// pingVerb is how the conditions of faults name a websocket ping.
const pingVerb = "PING"

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(out, ", ")
}
