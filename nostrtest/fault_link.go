package nostrtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
)

// The faults of this file are of the connection: without a condition they
// strike when a connection opens.

// linkFault returns a fault of the connection.
func linkFault(strike func(*act), format string, args ...any) Fault {
	return newFault(atOpen, effect{link: strike}, format, args...)
}

// Cut ends the connection with FIN and without a close frame: the client reads
// what was sent before, and then the end. What is queued is lost.
func Cut() Fault { return linkFault(func(a *act) { a.session.peer.tap.finish() }, "Cut()") }

// Reset ends the connection with RST: the client's next read and write fail
// with "connection reset by peer", and what it has not read yet may be lost.
func Reset() Fault { return linkFault(func(a *act) { a.session.peer.tap.reset() }, "Reset()") }

// Silence leaves the connection half-open: nothing gets through any more, in
// either direction, pongs included, while it stays open. Only a client that
// pings or times its requests finds out. When the fault is mended, all that has
// waited goes on its way.
func Silence() Fault {
	return linkFault(func(a *act) { a.session.peer.tap.hold(a.fault, true, true) }, "Silence()")
}

// StallReads makes the relay stop reading: what the client writes stays in the
// buffers in between, which a Network keeps small (WithBuffer) and an operating
// system does not, and when they are full its writes wait. What the relay sends
// still arrives, but for the answers to what it does not read.
func StallReads() Fault {
	return linkFault(func(a *act) { a.session.peer.tap.hold(a.fault, true, false) }, "StallReads()")
}

// StallWrites makes the relay stop writing: it hears and handles what the client
// says, and neither answers nor pongs.
func StallWrites() Fault {
	return linkFault(func(a *act) { a.session.peer.tap.hold(a.fault, false, true) }, "StallWrites()")
}

// Drip makes the relay write single bytes, each a segment of its own, with a
// pause after each; of 0 it may be that several arrive together.
func Drip(every time.Duration) Fault {
	return linkFault(func(a *act) { a.session.peer.tap.slow(a.fault, every) }, "Drip(%v)", every)
}

// CloseWith ends the connection with a close frame, of any code and reason,
// those included that RFC 6455 forbids on the wire (7.4.1), such as 1006. It
// overtakes what is queued. Messages that the client sends behind it are not
// handled; it has five seconds to close in turn.
func CloseWith(code int, reason string) Fault {
	f := linkFault(func(a *act) {
		s, tap := a.session, a.session.peer.tap
		payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
		if !a.writing {
			tap.end() // the message it strikes at is not handled
		}
		a.put(urgent{bytes: wsFrame{opcode: opClose, payload: payload}.append(nil), last: true, then: func() {
			tap.end()
			s.after(closeWait, tap.finish)
		}})
	}, "CloseWith(%d, %q)", code, reason)
	const room = 125 - 2 // RFC 6455, 5.5
	if code < 0 || code > 0xFFFF || len(reason) > room {
		return f.broken(fmt.Sprintf("want a code of 16 bits and a reason of at most %d bytes", room))
	}
	return f
}

// Crash stops the whole relay, as Relay.Stop, and restarts it at the same
// address after a while. Until then dials are refused. A relay that is closed
// or restarted meanwhile stays so.
func Crash(down time.Duration) Fault {
	return linkFault(func(a *act) {
		a.session.peer.tap.sever()
		a.session.relay.crash(a.session.peer.run, down)
	}, "Crash(%v)", down)
}

// crash stops the relay and restarts it later, on a goroutine that Close waits
// for: the caller may be one that Stop waits for. Where several connections make
// it crash at once, or somebody restarts it meanwhile, that is the end of it.
func (r *Relay) crash(run *run, down time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isClosed() {
		return
	}
	// Close has not begun to wait: it stops the relay before, for which it needs mu.
	r.background.Go(func() {
		if !r.stopRun(run) {
			return
		}
		timer := time.NewTimer(down)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.closed:
			return
		}
		if err := r.startAgain(); err != nil {
			r.logf("restart after a crash: %v", err)
		}
	})
}

// stopRun is Stop, unless the relay has been stopped or restarted since.
func (r *Relay) stopRun(run *run) (stopped bool) {
	r.inTurn(func() {
		if stopped = r.runs(run); stopped {
			r.stop(nil)
		}
	})
	return stopped
}

// startAgain is Restart, unless the relay runs already or has been closed.
func (r *Relay) startAgain() (err error) {
	r.inTurn(func() {
		if r.runs(nil) && !r.isClosed() {
			err = r.start()
		}
	})
	return err
}

func (r *Relay) runs(run *run) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run == run
}

// NoPong leaves pings without an answer.
func NoPong() Fault {
	return newFault(atMessage, effect{message: func(h *handling) { h.ignore = true }}, "NoPong()").pings()
}

func (f Fault) pings() Fault {
	f.verbs = []string{pingVerb}
	return f
}

// PingFlood sends n pings in a row.
func PingFlood(n int) Fault {
	return linkFault(func(a *act) {
		var out []byte
		for i := range n {
			out = wsFrame{opcode: opPing, payload: fmt.Appendf(nil, "flood %d", i+1)}.append(out)
		}
		a.frames(out)
	}, "PingFlood(%d)", n).atLeastOne(n)
}

// PingEvery sends a ping after every period of this length, as strfry does every
// 55 seconds.
func PingEvery(period time.Duration) Fault {
	f := linkFault(func(a *act) {
		s := a.session
		again := *a
		again.writing = false
		var ping func()
		ping = func() {
			if a.fault.isMended() {
				return
			}
			again.frames(wsFrame{opcode: opPing}.append(nil))
			s.after(period, ping)
		}
		s.after(period, ping)
	}, "PingEvery(%v)", period)
	if period <= 0 {
		return f.broken("want a period above 0")
	}
	return f
}

// NoticeFlood sends n NOTICEs in a row.
func NoticeFlood(n int) Fault {
	return linkFault(func(a *act) {
		for i := range n {
			a.frames(textFrame(wire.Notice{Message: fmt.Sprintf("notice %d of %d", i+1, n)}.AppendJSON(nil)))
		}
	}, "NoticeFlood(%d)", n).atLeastOne(n)
}

// Say sends a text message exactly as given, legal or not, in one frame.
func Say(message string) Fault {
	return linkFault(func(a *act) { a.frames(textFrame([]byte(message))) }, "Say(%.60q)", message)
}

// SendBytes puts bytes on the connection exactly as given, between two frames.
func SendBytes(b []byte) Fault {
	b = bytes.Clone(b)
	what := fmt.Sprintf("%d bytes: %.20x", len(b), b)
	return linkFault(func(a *act) { a.put(urgent{bytes: b, what: what}) }, "SendBytes(%.20x)", b).atLeastOne(len(b))
}
