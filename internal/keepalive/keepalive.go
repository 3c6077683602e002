// Package keepalive says when to ping a silent relay and when it is dead
// (L11, L22, DESIGN 3.6, 3.9).
//
// A relay is judged by the bytes that arrive from it, of whatever kind: a relay
// that never answers pings but sends events is alive, and so is one in the
// middle of a long message. Only time in which somebody looked counts: a program
// that was frozen reads what waits in the kernel before anyone is called dead. It
// owns no clock, no timer and no socket, and is not safe for concurrent use: its
// owner serialises.
package keepalive

import (
	"time"

	"github.com/gennostr/gennostr/internal/attend"
)

// Config is how much silence is tolerated.
type Config struct {
	// Interval is the silence after which a ping is sent. 0 or less: off, never
	// a ping, never a verdict.
	Interval time.Duration
	// Timeout is the further silence after the ping that makes the relay dead,
	// as long as the owner looks when it is told to.
	// 0 or less: pings only, one each Interval of silence, and never a verdict.
	Timeout time.Duration
}

// Action is what the owner of a connection is to do now.
type Action int

const (
	// Wait: nothing to do.
	Wait Action = iota
	// Ping: send a ping, once.
	Ping
	// Dead: nothing arrived in time. Cut the connection.
	Dead
)

func (a Action) String() string {
	switch a {
	case Wait:
		return "wait"
	case Ping:
		return "ping"
	case Dead:
		return "dead"
	}
	return "unknown action"
}

// idle is how far away next lies when there is nothing to come back for. A time
// and not the zero Time: a timer set to the latter would fire at once, for ever.
const idle = 24 * time.Hour

// A Keepalive watches one connection. Made by New.
type Keepalive struct {
	cfg     Config      // immutable after New
	seen    time.Time   // when the last byte known of arrived; at first when the link came up
	answer  attend.Span // the ping's Timeout, from when it was sent or the last hold was seen to end
	waiting bool        // a ping is out, and nothing has arrived since
	held    bool        // the last Check was told of a hold
}

// New returns the keepalive of a connection that came up at now.
func New(cfg Config, now time.Time) *Keepalive {
	return &Keepalive{cfg: cfg, seen: now}
}

// Check decides what to do at now. lastInbound is when the last byte arrived,
// the zero Time if none has yet; it may be later than now, when the reader
// dated a byte after the owner looked at its clock. next is later than now and
// says when to call again at the latest; calling earlier does no harm, and after
// a call that is late by more than a little a ping that is out gets its full
// Timeout anew.
//
// held says that the reader is held up by our own full window, or has been
// since the last Check. Then nothing is read, so silence proves nothing: there
// is no ping and no verdict, and after the hold a ping that is out gets its full
// Timeout anew. A hold that came and went between two calls counts only if the
// owner remembers it for the next one, or calls Check while it lasts.
func (k *Keepalive) Check(now, lastInbound time.Time, held bool) (action Action, next time.Time) {
	if k.cfg.Interval <= 0 {
		return Wait, now.Add(idle)
	}
	// Compared with the byte known before, not with the ping's own time: a pong
	// in the same instant counts, and so does a byte that the reader had dated
	// just before the ping and stored just after.
	if lastInbound.After(k.seen) {
		k.seen = lastInbound
		k.waiting = false
	}
	if held {
		k.held = true
		return Wait, now.Add(k.patience())
	}
	if k.held {
		k.held = false
		k.answer.Restart(now)
	}

	if !k.waiting {
		if due := k.seen.Add(k.cfg.Interval); now.Before(due) {
			return Wait, due
		}
		return k.ping(now)
	}
	over, next := k.answer.Look(now)
	switch {
	case !over:
		return Wait, next
	case k.cfg.Timeout <= 0:
		return k.ping(now)
	}
	return Dead, now.Add(k.cfg.Timeout)
}

func (k *Keepalive) ping(now time.Time) (Action, time.Time) {
	k.waiting = true
	wait := k.cfg.Timeout
	if wait <= 0 {
		wait = k.cfg.Interval
	}
	k.answer = attend.Start(now, wait)
	_, next := k.answer.Look(now)
	return Ping, next
}

// patience is how soon to look again during a hold, so that a peer that died
// meanwhile is found out soon after it.
func (k *Keepalive) patience() time.Duration {
	if k.cfg.Timeout <= 0 {
		return k.cfg.Interval
	}
	return min(k.cfg.Interval, k.cfg.Timeout)
}
