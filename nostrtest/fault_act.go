package nostrtest

import (
	"time"

	"github.com/gennostr/gennostr/internal/wire"
)

// act is a fault of the connection at the moment it strikes.
type act struct {
	session *session
	fault   *armed
	writing bool // on the session's writer between two frames: what is sent goes out at once
}

// strike lets a fault of the connection strike.
func (s *session) strike(a *armed, writing bool) {
	s.note(a)
	a.effect.link(&act{session: s, fault: a, writing: writing})
}

// note puts into the wire log that a fault strikes; a pause of chaos has no name
// and is not worth a line.
func (s *session) note(a *armed) {
	if a.name != "" {
		s.relay.wire.note(s.number, a.name)
	}
}

// put puts bytes on the wire, between two frames and before all that is queued.
func (a *act) put(u urgent) {
	if a.writing {
		a.session.writeUrgent(u)
		return
	}
	a.session.out.putUrgent(u)
}

// frames is put for proper frames.
func (a *act) frames(b []byte) { a.put(urgent{bytes: b}) }

// urgent is what a fault has to send.
type urgent struct {
	bytes []byte
	what  string // "" if the bytes are frames
	last  bool   // nothing else is sent behind it
	then  func() // may be nil
}

func (s *session) writeUrgent(u urgent) bool {
	ok := true
	switch {
	case u.last:
		ok = s.peer.tap.writeLast(u.bytes) == nil
	case u.what == "":
		_, err := s.peer.Write(u.bytes)
		ok = err == nil
	default:
		s.relay.wire.note(s.number, u.what)
		ok = s.peer.tap.writeBroken(u.bytes) == nil
	}
	if u.then != nil {
		u.then()
	}
	return ok
}

// outgoing is a message of the relay that is about to be written.
type outgoing struct {
	session *session
	verb    string
	message wire.ServerMessage // nil for a message of Inject
	frame   []byte             // as it would be sent; only good until the fault returns

	out        []answer // what is sent in its stead
	replaced   bool     // out counts, and frame does not
	size       int      // of fragments; 0 for one frame
	interleave bool     // pings between fragments
}

// transmit writes a message of the relay, or what the faults make of it.
func (s *session) transmit(verb string, message wire.ServerMessage, frame []byte) bool {
	if !s.relay.faults.any.Load() {
		return s.writeText(frame, 0, false)
	}
	if s.peer.tap.isSevered() {
		return false
	}
	o := Occasion{Connection: s.number, Verb: verb, Frame: string(frame)}
	m := outgoing{session: s, verb: verb, message: message, frame: frame}
	for _, a := range s.relay.faults.due(beforeSend, o) {
		if a.effect.sending != nil {
			s.note(a)
			m.apply(a)
		} else if s.strike(a, true); s.peer.tap.isEnding() {
			return true
		}
	}
	if !m.write() {
		return false
	}
	for _, a := range s.relay.faults.due(afterSend, o) {
		s.strike(a, true)
	}
	return true
}

// write writes what the faults have made of the message.
func (m *outgoing) write() bool {
	if !m.replaced {
		return m.session.writeText(m.frame, m.size, m.interleave)
	}
	for _, a := range m.out {
		if a.after > 0 {
			m.session.answer(a)
			continue
		}
		if a.message != nil {
			a.raw = a.message.AppendJSON(nil)
		}
		if !m.session.writeText(a.raw, m.size, m.interleave) {
			return false
		}
	}
	return true
}

// apply lets one fault change what is sent. A fault sees the message as it was,
// so that two of them add up.
func (m *outgoing) apply(a *armed) {
	before := m.out
	m.out = nil
	spoilt := m.replaced
	a.effect.sending(m)
	if !m.replaced {
		return
	}
	if spoilt { // an earlier fault's work stays
		m.out = append(before, m.out...)
	}
	if a.asWell && !m.hasGenuine() {
		m.out = append(m.out, m.genuine())
	}
}

// replace sets what is sent in the message's stead; nothing loses it.
func (m *outgoing) replace(out ...answer) {
	m.replaced = true
	m.out = append(m.out, out...)
}

func (m *outgoing) genuine() answer { return answer{raw: append([]byte(nil), m.frame...)} }

func (m *outgoing) hasGenuine() bool {
	for _, a := range m.out {
		if a.after == 0 && string(a.raw) == string(m.frame) {
			return true
		}
	}
	return false
}

// writeText writes a text message, whole or in fragments.
func (s *session) writeText(message []byte, size int, pings bool) bool {
	if size <= 0 {
		return s.writeWhole(message)
	}
	_, err := s.peer.Write(fragments(message, size, pings))
	return err == nil
}

// closeWait is how long a client has to answer a close frame of CloseWith.
const closeWait = 5 * time.Second
