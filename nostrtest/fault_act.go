package nostrtest

import (
	"bytes"
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
	if a.name != "" && !a.trait {
		s.relay.note(s.number, a.name)
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
		s.relay.note(s.number, u.what)
		ok = s.peer.tap.writeBroken(u.bytes) == nil
	}
	if u.then != nil {
		u.then()
	}
	return ok
}

// outgoing is a message of the relay that is about to be written, as one fault
// finds it: faults work on it one after the other, each on what the last one made.
type outgoing struct {
	session *session
	message wire.ServerMessage // nil where only the text is known
	frame   []byte             // the text; only good until the fault returns

	out      []answer // what is sent in its stead
	replaced bool     // out counts
	shape    shape
}

// shape is how messages are put into frames.
type shape struct {
	size  int  // of fragments; 0 for one frame
	pings bool // between fragments
}

// verbOf returns the verb of a text, "" if it does not begin as a message does.
func verbOf(text []byte) string {
	rest, isMessage := bytes.CutPrefix(text, []byte(`["`))
	verb, _, ends := bytes.Cut(rest, []byte(`"`))
	if !isMessage || !ends {
		return ""
	}
	return string(verb)
}

// transmit writes a message of the relay, or what the faults make of it.
func (s *session) transmit(verb string, message wire.ServerMessage, frame []byte) bool {
	if !s.relay.faults.any.Load() {
		return s.writeText(frame, shape{})
	}
	if s.peer.tap.isSevered() {
		return false
	}
	o := Occasion{Connection: s.number, Verb: verb, Frame: string(frame)}
	list, form := []answer{{message: message, raw: frame}}, shape{}
	for _, a := range s.relay.faults.due(beforeSend, o) {
		if a.effect.sending != nil {
			s.note(a)
			list, form = s.spoil(a, list, form)
		} else if s.strike(a, true); s.peer.tap.isEnding() {
			return true
		}
	}
	sent := false
	for _, m := range list {
		switch {
		case m.after > 0:
			m.raw, m.spoilt = m.text(), true
			s.answer(m)
			continue
		case !s.writeText(m.text(), form):
			return false
		}
		sent = true
	}
	if sent {
		s.wrote(o)
	}
	return true
}

// transmitSpoilt writes a message that was late.
func (s *session) transmitSpoilt(text []byte) bool {
	if !s.writeText(text, shape{}) {
		return false
	}
	s.wrote(Occasion{Connection: s.number, Verb: verbOf(text), Frame: string(text)})
	return true
}

// wrote lets the faults strike that come behind a message.
func (s *session) wrote(o Occasion) {
	for _, a := range s.relay.faults.due(afterSend, o) {
		s.strike(a, true)
	}
}

// spoil lets one fault work on a list of messages.
func (s *session) spoil(a *armed, list []answer, form shape) ([]answer, shape) {
	var out []answer
	for _, m := range list {
		if m.after > 0 { // on its way already
			out = append(out, m)
			continue
		}
		o := outgoing{session: s, message: m.message, frame: m.text(), shape: form}
		a.effect.sending(&o)
		form = o.shape
		if o.replaced {
			out = append(out, o.out...)
		}
		if !o.replaced || a.asWell {
			out = append(out, m)
		}
	}
	return out, form
}

// text returns the message as it is sent.
func (a answer) text() []byte {
	if a.raw == nil && a.message != nil {
		return a.message.AppendJSON(nil)
	}
	return a.raw
}

// replace sets what is sent in the message's stead; nothing loses it.
func (m *outgoing) replace(out ...answer) {
	m.replaced = true
	m.out = append(m.out, out...)
}

// same returns the message as it is.
func (m *outgoing) same() answer {
	return answer{message: m.message, raw: append([]byte(nil), m.frame...)}
}

// writeText writes a text message, whole or in fragments.
func (s *session) writeText(message []byte, form shape) bool {
	if form.size <= 0 {
		return s.writeWhole(message)
	}
	_, err := s.peer.Write(fragments(message, form.size, form.pings))
	return err == nil
}

// closeWait is how long a client has to answer a close frame of CloseWith.
const closeWait = 5 * time.Second
