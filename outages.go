package gennostr

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/outage"
)

// What the supervisor logs of relays: changes of state, not dials. OnError and
// OnDisconnect get every single end; these lines come whatever they do with it.

// noteLoss tells of a connection that has ended or a dial that has failed, if that
// is news. A relay that is gone for good leaves a line in any case.
func (s *supervisor) noteLoss(e *relayEntry, reason error) {
	if s.cutting {
		return // the client's end, not the relay's
	}
	var panicked *PanicError
	grave := errors.As(reason, &panicked)
	if e.outage == nil {
		e.outage = new(outage.Outage)
	}
	line := e.outage.Lost(time.Now(), orderly(reason), grave)
	attrs := []slog.Attr{slog.String("relay", e.url), slog.Any("error", reason)}
	if grave {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	switch {
	case e.gone:
		s.log(slog.LevelWarn, "relay given up", attrs...)
	case line == outage.Away:
		s.log(slog.LevelWarn, "relay away", attrs...)
	}
	s.setOutage(e)
}

// checkOutage tells that a relay is still away, or that it is back.
func (s *supervisor) checkOutage(e *relayEntry, now time.Time) {
	line := e.outage.Look(now)
	s.setOutage(e)
	attrs := []slog.Attr{slog.String("relay", e.url),
		slog.Duration("away", e.outage.For(now).Round(time.Millisecond)), slog.Int("failures", e.outage.Losses())}
	switch line {
	case outage.StillAway:
		s.log(slog.LevelWarn, "relay still away", append(attrs, slog.Any("error", e.lastErr))...)
	case outage.Back:
		s.log(slog.LevelInfo, "relay back", attrs...)
	}
}

// setOutage sets the alarm for the next line. Nobody waits for a relay that is gone
// for good, nor for one that its handler has left down.
func (s *supervisor) setOutage(e *relayEntry) {
	a := alarm{e, alarmOutage}
	if at, ok := e.outage.Next(); ok && e.known() && e.stage != down {
		s.due.Set(a, at)
	} else {
		s.due.Cancel(a)
	}
}

// maxLines is how many lines may wait for a logger that is slow, or stuck.
const maxLines = 1024

// lines are what the supervisor has to log. A logger is user code, which the
// supervisor does not wait for: a goroutine of their own, which exists only while
// there are some, writes them in their order.
type lines struct {
	mu      sync.Mutex
	waiting []line // guarded by mu
	dropped int    // guarded by mu: for which there was no room
	writing bool   // guarded by mu
	begun   bool   // guarded by mu: Init has let the client start; one that did not start has nothing to tell
}

type line struct {
	level slog.Level
	msg   string
	attrs []slog.Attr
}

// log queues a line. Supervisor goroutine.
func (s *supervisor) log(level slog.Level, msg string, attrs ...slog.Attr) {
	l := &s.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= maxLines {
		l.dropped++
		return
	}
	l.waiting = append(l.waiting, line{level, msg, attrs})
	s.startWritingLocked()
}

// logPanic logs an error that is a panic of the program's of which no callback tells.
func (s *supervisor) logPanic(msg string, e *relayEntry, err error) {
	var panicked *PanicError
	if errors.As(err, &panicked) {
		s.log(slog.LevelWarn, msg, slog.String("relay", e.url), slog.Any("error", err), slog.String("stack", string(panicked.Stack)))
	}
}

// beginLog lets the lines out. Client goroutine, once Init has returned.
func (s *supervisor) beginLog() {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	s.lines.begun = true
	s.startWritingLocked()
}

func (s *supervisor) startWritingLocked() {
	if l := &s.lines; l.begun && !l.writing && len(l.waiting) > 0 {
		l.writing = true
		s.children.Go(s.writeLines) // ends when all are written; joined with the children
	}
}

// writeLines writes what there is.
func (s *supervisor) writeLines() {
	l := &s.lines
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 && l.dropped == 0 {
			l.waiting, l.writing = nil, false
			l.mu.Unlock()
			return
		}
		batch, dropped := l.waiting, l.dropped
		l.waiting, l.dropped = nil, 0
		l.mu.Unlock()
		for _, line := range batch {
			s.client.log.LogAttrs(context.Background(), line.level, line.msg, line.attrs...)
		}
		if dropped > 0 {
			s.client.log.Warn("the logger was too slow: lines about relays were dropped", "count", dropped)
		}
	}
}
