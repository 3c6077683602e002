package reconcile

import (
	"errors"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Opened says that a NEG-OPEN was sent: from now on its answer is waited for.
func (m *Machine) Opened(now time.Time, session int) {
	if m.state == turn && session == m.session {
		m.ask(now)
	}
}

// ask waits for an answer.
func (m *Machine) ask(now time.Time) {
	m.state, m.due, m.slack = asked, now.Add(m.cfg.Patience), false
}

// Yielded says that a session was ended for others, who have waited for long: the window is begun anew
// when it is its turn again.
func (m *Machine) Yielded(now time.Time, session int) []Step {
	if m.state != asked || session != m.session {
		return nil
	}
	return m.begin(now)
}

// Message takes a NEG-MSG.
func (m *Machine) Message(now time.Time, session int, payload []byte) []Step {
	if m.state != asked || session != m.session {
		return nil
	}
	m.stats.Messages++
	before := len(m.need) + len(m.lacks)
	next, err := m.client.Reconcile(payload, func(id nostr.ID) {
		if !m.beside(id) {
			m.lacks[id] = struct{}{}
		}
	}, func(id nostr.ID) {
		if _, before := m.need[id]; before { // by a session of another window, or a page
			return
		}
		if m.full = m.full || len(m.need) >= m.cfg.Most; !m.full {
			m.need[id] = false
		}
	})
	if err != nil {
		return m.unread(now, err)
	}
	m.spoke, m.answered, m.notice = true, true, ""
	if len(m.need)+len(m.lacks) > before {
		m.progressed()
	}
	shut := Step{Do: Shut, Session: session}
	switch {
	case m.full:
		m.end(TooMany, "")
		return []Step{shut}
	case next == nil:
		m.deep = 0
		return append([]Step{shut}, m.done(now)...)
	}
	m.ask(now)
	return []Step{{Do: Send, Session: session, Payload: next}}
}

// beside tells whether one of ours is of the seconds that are asked for beyond the window at hand. Whether
// the relay has it another window tells.
func (m *Machine) beside(id nostr.ID) bool {
	_, before := m.ours.Index(m.cur.Since-1, id)
	_, after := m.ours.Index(m.cur.Until+1, id)
	return before || after
}

// unread is for a message of which nothing can be made.
func (m *Machine) unread(now time.Time, err error) []Step {
	var version *nip77.VersionError
	shut := Step{Do: Shut, Session: m.session}
	switch {
	case errors.As(err, &version):
		m.switchOff(Unsupported, err.Error())
		return append([]Step{shut}, m.begin(now)...)
	case errors.Is(err, nip77.ErrStalled):
		m.note(Garbage, err.Error())
		return append([]Step{shut}, m.otherwise(now)...)
	}
	m.note(Garbage, err.Error())
	return append([]Step{shut}, m.lost(now, heavy)...)
}

// Garbled says that the relay has sent something in a session of which not even a message can be made. That is
// over: nobody knows what was said in it.
func (m *Machine) Garbled(now time.Time, session int, words string) []Step {
	if m.state != asked || session != m.session {
		return nil
	}
	m.note(Garbage, words)
	return m.lost(now, heavy)
}

// note keeps what stands between us and an answer, for what is said in the end.
func (m *Machine) note(why Why, words string) { m.wordsWhy, m.words = why, words }

// otherwise has the window at hand paged.
func (m *Machine) otherwise(now time.Time) []Step {
	if !m.up {
		m.wait(now)
		return nil
	}
	return m.page(now)
}

// lost begins a session anew that has come to no good end; weight is how much that counts.
func (m *Machine) lost(now time.Time, weight int) []Step {
	m.losses += weight
	switch {
	case m.losses > mostLosses:
		if !m.spoke {
			m.switchOff(m.wordsWhy, m.words)
		}
		return m.otherwise(now)
	case m.losses == 1:
		return m.begin(now)
	}
	m.pause(now, firstPause<<min(m.losses-2, 16))
	return nil
}

func (m *Machine) pause(now time.Time, d time.Duration) {
	m.state, m.due, m.slack = pausing, now.Add(min(d, mostPause)), false
}

// Failed takes a NEG-ERR, or a CLOSED in its place: the relay has ended the session. max is
// how much it reconciles at once, 0 if it has not said so.
func (m *Machine) Failed(now time.Time, session int, words string, most int64) []Step {
	if m.state != asked || session != m.session {
		return nil
	}
	m.hangups = 0 // it knows what NEG-OPEN is
	switch reason := new(limits.Limits).Refused(words, 1); {
	case reason == limits.AuthRequired:
		return m.auth(now, words)
	case reason == limits.RateLimited, reason == limits.TooManySubscriptions:
		return m.wearied(now, words)
	case reason == limits.Blocked, reason == limits.TooLong, reason == limits.LimitTooHigh, most > 0:
		return m.tooLarge(now, words, most)
	case reason == limits.Unsupported, reason == limits.Restricted, reason == limits.Mute:
		m.switchOff(Refused, words)
		return m.begin(now)
	case reason == limits.Invalid:
		m.note(Refused, words)
		return m.lost(now, heavy)
	default: // "closed:" after a while, "CLOSED" of what it has not stored yet, trouble of its own (Q01, Q02)
		m.note(Refused, words)
		return m.lost(now, 1)
	}
}

// auth waits for an AUTH, but not again and again.
func (m *Machine) auth(now time.Time, words string) []Step {
	m.note(Refused, words)
	if m.auths++; m.auths > 3 {
		m.end(Refused, words)
		return nil
	}
	m.state = authing
	return []Step{{Do: Auth, Words: words}}
}

// AuthDone says that the relay has accepted an AUTH.
func (m *Machine) AuthDone(now time.Time) []Step {
	if m.state != authing {
		return nil
	}
	return m.begin(now)
}

// AuthFailed says that there will be none.
func (m *Machine) AuthFailed() {
	if m.state == authing {
		m.end(Refused, m.words)
	}
}

// wearied waits until a relay that has too much to do has less.
func (m *Machine) wearied(now time.Time, words string) []Step {
	m.note(Refused, words)
	if m.busy++; m.busy > mostLosses {
		return m.otherwise(now)
	}
	m.pause(now, longPause<<min(m.busy-1, 16))
	return nil
}

// tooLarge divides a window that the relay does not compare as a whole.
func (m *Machine) tooLarge(now time.Time, words string, most int64) []Step {
	m.note(Refused, words)
	if m.cur.second() {
		return m.otherwise(now)
	}
	times := mostDeep
	if m.spoke {
		times = mostDeeper
	}
	if m.deep++; m.deep > times { // it is not for the number of events that it says no
		m.switchOff(Refused, words)
		return m.begin(now)
	}
	m.downs = 0 // it hangs up with its answer, perhaps, and what is asked next is another thing
	m.todo = append(m.todo, divide(m.cur, m.ours, max(0, most), nostr.TimestampOf(now))...)
	return m.next(now)
}

// Noticed says that the relay has sent a NOTICE. Relays that do not do NIP-77 answer NEG-OPEN with nothing
// else. But a NOTICE may be about anything (P31), so it has to speak of such a thing, and the
// NEG-OPEN has to stay unanswered.
func (m *Machine) Noticed(now time.Time, words string) {
	if m.state == asked && !m.answered && m.notice == "" && AboutNegentropy(words) {
		m.notice, m.due, m.slack = words, now.Add(min(noticeWait, m.cfg.Patience)), false
	}
}

// AboutNegentropy tells whether a NOTICE may say that a relay does not do NIP-77.
func AboutNegentropy(words string) bool {
	s := strings.ToLower(words[:min(len(words), 512)])
	for _, w := range []string{
		"neg", "nip-77", "nip77", "unknown", "unrecogni", "unsupported", "not supported", "not implemented", "unexpected", "unhandled",
		"invalid", "bad msg", "bad message", "bad request", "malformed", "failed to parse", "could not parse", "cannot parse",
	} {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// Rang says that the time of Next has come.
func (m *Machine) Rang(now time.Time) []Step {
	due, some := m.Next()
	if !some || now.Before(due) {
		return nil
	}
	if m.state != pausing && !m.slack && now.Sub(due) > late { // the program did not run meanwhile (DESIGN 3.9)
		m.due, m.slack = now.Add(catchUp), true
		return nil
	}
	switch {
	case m.state == pausing:
		return m.begin(now)
	case m.state == offline && m.bytes == 0:
		m.end(Unreached, "")
		return nil
	case m.state == offline:
		m.end(m.away())
		return nil
	}
	shut, notice := Step{Do: Shut, Session: m.session}, m.notice
	switch {
	case strings.Contains(strings.ToLower(notice), "too many"): // sessions at once (Q01)
		return append([]Step{shut}, m.wearied(now, notice)...)
	case m.spoke:
	case notice != "":
		m.switchOff(Refused, notice)
		return append([]Step{shut}, m.begin(now)...)
	default: // it does not know what was asked
		m.switchOff(Silent, "")
		return append([]Step{shut}, m.begin(now)...)
	}
	m.note(Silent, notice)
	return append([]Step{shut}, m.lost(now, heavy)...)
}

// Stop says that the relay cannot be asked any more, or is not to be.
func (m *Machine) Stop(why Why, words string) []Step {
	open := m.state == asked || m.state == turn
	if m.state != over {
		m.end(why, words)
	}
	if open {
		return []Step{{Do: Shut, Session: m.session}}
	}
	return nil
}
