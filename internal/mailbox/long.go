package mailbox

import (
	"math"
	"sync"
	"time"
)

// LongMessages caps the memory that a client's connections take to read and parse
// messages which are longer than what each of them has of its own. It is apart
// from the Budget of what waits to be handled: a message that is half read is
// nobody's to handle, so it must not stand in the way of those that are whole.
// Make it with NewLongMessages.
//
// A message takes more as it grows, and never gives back before it is done: so
// several can wait for each other, and one whose sender has stopped keeps what it
// has. Where that holds up others, the slowest is given up: see CutSlowest.
type LongMessages struct {
	limit int64         // bytes; immutable
	every time.Duration // between two that are given up; immutable

	mu          sync.Mutex
	held        int64                     // guarded by mu: by all of them
	holders     map[*LongMessage]struct{} // guarded by mu: those that hold something
	first, last *LongMessage              // guarded by mu: those that wait, oldest first
	cutAt       time.Time                 // guarded by mu: when one was last given up
}

// LongMessage is what one connection takes of it. One goroutine, the connection's
// reader, calls its methods.
type LongMessage struct {
	all   *LongMessages // immutable
	owner LongOwner     // immutable

	// Guarded by all.mu.
	held    int64
	wish    int64         // what Hold wanted in vain, 0 for nothing
	freed   chan struct{} // capacity 1; made by the first Hold in vain, which few see, and kept
	next    *LongMessage
	waits   bool // stands in the list
	givenUp bool // GiveUp was called; until it holds nothing

	inUse bool // the reader's: it may hold something, or wish to
}

// LongOwner is the connection of a LongMessage. Both methods are called by any
// goroutine and must not block.
type LongOwner interface {
	// Progress tells how long the message has been on its way, the time in which we
	// have made it wait left out, and how many bytes have arrived. No time at all:
	// it came in at once, or is there.
	Progress() (took time.Duration, bytes int64)
	// GiveUp ends the message, so that its reader calls Release.
	GiveUp()
}

// NewLongMessages returns an account of limit bytes. Where it is used up, one
// message is given up at most so often.
func NewLongMessages(limit int64, every time.Duration) *LongMessages {
	return &LongMessages{limit: limit, every: every, holders: make(map[*LongMessage]struct{})}
}

// New returns the part of one connection, which holds nothing.
func (a *LongMessages) New(owner LongOwner) *LongMessage {
	return &LongMessage{all: a, owner: owner}
}

// Limit is what they may hold at most, in bytes.
func (a *LongMessages) Limit() int64 { return a.limit }

// Held returns the bytes that all messages hold now.
func (a *LongMessages) Held() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held
}

// Hold makes n bytes in all what the message holds. Less than before is given
// back. True if it has them. False leaves the wish behind: the caller waits on
// Freed, which may be readable for nothing, and asks for the same again, or calls
// Release. More than Limit is never had, and is no wish.
func (m *LongMessage) Hold(n int64) bool {
	a := m.all
	m.inUse = true
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.waits && n == m.wish {
		return false
	}
	m.withdraw()
	a.settle() // it may have stood in the way of those behind it
	switch {
	case n > a.limit:
		return false
	case n > m.held && (a.first != nil || n-m.held > a.limit-a.held):
		m.enqueue(n)
		return false
	}
	a.grant(m, n)
	a.settle()
	return true
}

// enqueue registers a wish. Needs all.mu.
func (m *LongMessage) enqueue(n int64) {
	a := m.all
	if m.freed == nil {
		m.freed = make(chan struct{}, 1)
	}
	m.wish, m.waits = n, true
	if a.first == nil {
		a.first = m
	} else {
		a.last.next = m
	}
	a.last = m
}

// Freed is readable when a Hold that returned false is worth another try; before
// there was one it is nil.
func (m *LongMessage) Freed() <-chan struct{} { return m.freed }

// Release gives everything back. It costs nothing when there is nothing.
func (m *LongMessage) Release() {
	if !m.inUse {
		return
	}
	m.inUse = false
	a := m.all
	a.mu.Lock()
	defer a.mu.Unlock()
	m.withdraw()
	a.grant(m, 0)
	m.givenUp = false
	a.settle()
}

// CutSlowest is called by who has waited in vain for a while: it gives up the
// message that has come in at the lowest rate, which may be the caller's own, unless
// one has just been given up, whose room is on its way. Any goroutine.
func (a *LongMessages) CutSlowest(now time.Time) {
	if slowest := a.slowest(now); slowest != nil {
		slowest.owner.GiveUp()
	}
}

func (a *LongMessages) slowest(now time.Time) (slowest *LongMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.first == nil || now.Before(a.cutAt.Add(a.every)) {
		return nil
	}
	var lowest float64
	for m := range a.holders {
		if m.givenUp {
			continue
		}
		rate := math.Inf(1) // it has not been waited for, or has come in whole: it waits for us
		if took, bytes := m.owner.Progress(); took > 0 {
			rate = float64(bytes) / took.Seconds()
		}
		if slowest == nil || rate < lowest || rate == lowest && m.waits && !slowest.waits {
			slowest, lowest = m, rate
		}
	}
	if slowest != nil {
		slowest.givenUp = true
		a.cutAt = now
	}
	return slowest
}

// grant books what a message holds. Needs mu.
func (a *LongMessages) grant(m *LongMessage, n int64) {
	a.held += n - m.held
	m.held = n
	if n > 0 {
		a.holders[m] = struct{}{}
	} else {
		delete(a.holders, m)
	}
}

// settle grants wishes, oldest first, as far as there is room. Needs mu.
func (a *LongMessages) settle() {
	for m := a.first; m != nil && m.wish-m.held <= a.limit-a.held; m = a.first {
		n := m.wish
		m.withdraw()
		a.grant(m, n)
		select {
		case m.freed <- struct{}{}:
		default:
		}
	}
}

// withdraw forgets the wish. Needs all.mu.
func (m *LongMessage) withdraw() {
	if !m.waits {
		return
	}
	a := m.all
	var before *LongMessage
	for o := a.first; o != m; o = o.next {
		before = o
	}
	if before == nil {
		a.first = m.next
	} else {
		before.next = m.next
	}
	if a.last == m {
		a.last = before
	}
	m.wish, m.waits, m.next = 0, false, nil
}
