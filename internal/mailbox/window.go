package mailbox

import (
	"fmt"
	"slices"
	"sync"
)

// Budget caps the bytes that all connections of a client have reserved
// together. Make it with NewBudget and hand it to each NewWindow.
//
// Windows that find no room wait in a queue. Room that comes free is promised
// to the oldest of them, and a promise is kept: nobody else can take that
// room, and nobody overtakes the queue. So a window that wants much is not
// starved by many that want little.
type Budget struct {
	limit int64 // bytes; immutable

	// mu guards the fields below and those of every Window of this budget.
	// Nothing is called while it is held.
	mu    sync.Mutex
	used  int64 // what all windows have reserved, but for extra
	extra int64 // what lifted windows have reserved beyond their limits and this one: at most limit

	// head…tail are the waiting windows, oldest first. Those before next are
	// promised, next and those behind it are queued; next is nil when nobody
	// is queued. When mu is free, next is nil or its wish does not fit.
	head, tail, next *Window
	promised         int64 // sum of the wishes of the promised windows

	lifts []*Window // the lifted ones
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used returns the bytes that are reserved now.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used + b.extra
}

// fits reports whether n more bytes may be reserved or promised. An empty
// budget takes anything: what is larger than the limit must get through some
// time, and nothing would ever be released to make it fit. Needs mu.
func (b *Budget) fits(n int64) bool {
	taken := b.used + b.promised
	return taken == 0 || n <= b.limit-taken
}

// settle promises room to queued windows, oldest first, as far as it reaches.
// To be called after whatever may have made room. Needs mu.
func (b *Budget) settle() {
	for b.next != nil && b.fits(b.next.wish) {
		w := b.next
		b.next = w.newer
		b.promised += w.wish
		w.state = promised
		w.poke()
	}
}

// waitState says what a window's wish waits for.
type waitState uint8

const (
	content  waitState = iota // nothing: there is no wish
	full                      // its own limits; in no list
	queued                    // room in the budget; in its list, at next or behind
	promised                  // its reader: the room is set aside; in the list, before next
)

// Window caps the messages of one connection that have been accepted and not
// been handled, by number and by bytes. Make it with NewWindow.
//
// One goroutine, the connection's reader, calls Reserve, Freed and Abandon; the
// other methods may be called from any.
type Window struct {
	budget *Budget // immutable

	// All below is guarded by budget.mu.
	freed        chan struct{} // capacity 1; made by the first Reserve in vain, which few see, and kept
	maxMessages  int
	maxBytes     int64
	messages     int       // reserved and not released
	bytes        int64     // of these messages
	extra        int64     // how many of these are booked as the budget's extra
	raised       int64     // see Lift; 0: not lifted
	wish         int64     // bytes the last Reserve wanted in vain; meaningless when content
	state        waitState // what the wish waits for
	older, newer *Window   // neighbours in the budget's list; nil when not in it
}

// NewWindow returns a window of at most maxMessages messages of together at
// most maxBytes bytes, which shares b with others; b may be nil: no sharing.
func NewWindow(maxMessages int, maxBytes int64, b *Budget) *Window {
	if b == nil {
		b = NewBudget(1<<63 - 1)
	}
	return &Window{budget: b, maxMessages: maxMessages, maxBytes: maxBytes}
}

// Limit changes what NewWindow was given. What is reserved stays. Any goroutine.
func (w *Window) Limit(maxMessages int, maxBytes int64) {
	w.budget.mu.Lock()
	defer w.budget.mu.Unlock()
	w.maxMessages, w.maxBytes = maxMessages, maxBytes
	w.reconsider()
}

// Reserve makes room for one message of so many bytes, if there is room: in
// the window and, in turn, in the budget. An empty window has room for one
// message however large, and so has an empty budget; hence a limit smaller
// than a message slows a relay down, but does not silence it.
//
// False leaves the wish behind. The caller then waits on Freed and reserves
// the same again; if it no longer wants to, it must Abandon, since room may
// have been promised to it that others are waiting for. (A Reserve of another
// size gives up the former wish and goes to the end of the queue.)
func (w *Window) Reserve(bytes int) bool {
	n := int64(bytes)
	if n < 0 {
		panic(fmt.Sprintf("mailbox: Reserve of %d bytes", bytes))
	}
	b := w.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.state != content && n != w.wish {
		w.withdraw()
	}
	var extra int64
	switch {
	case w.state == promised:
	case w.state == content && w.hasRoom(n) && b.next == nil && b.fits(n):
	case w.lifted(n):
		extra = n
	case w.state == queued:
		return false
	case !w.hasRoom(n):
		w.await(n, full)
		return false
	default:
		w.enqueue(n)
		return false
	}
	w.messages++
	w.bytes += n
	w.extra += extra
	b.used += n - extra
	b.extra += extra
	w.withdraw() // last: with the promise gone before the bytes are booked, another could be promised the same room
	return true
}

// Release gives back the room of one message, once that has been handled or
// dropped; bytes is what was reserved for it. Any goroutine.
func (w *Window) Release(bytes int) {
	n := int64(bytes)
	b := w.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if n < 0 || w.messages == 0 || n > w.bytes {
		panic(fmt.Sprintf("mailbox: Release of %d bytes, %d messages of %d bytes are reserved", bytes, w.messages, w.bytes))
	}
	w.messages--
	w.bytes -= n
	extra := min(n, w.extra) // first: what was lent is given back first
	w.extra -= extra
	b.extra -= extra
	b.used -= n - extra
	w.reconsider()
	b.settle()
	if extra > 0 {
		b.reconsiderLifted()
	}
}

// Lift suspends the window's limits and the budget's, as long as the window
// holds at most maxBytes: for the time in which somebody waits for an answer
// that may stand behind unread messages in the same socket. 0 ends it. What is
// reserved beyond the limits meanwhile is booked on a second budget of the same
// size, which all lifted windows share; where that is used up, they wait like
// others. Any goroutine.
func (w *Window) Lift(maxBytes int64) {
	b := w.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.raised > 0 && maxBytes <= 0 {
		b.lifts = slices.DeleteFunc(b.lifts, func(o *Window) bool { return o == w })
	} else if w.raised <= 0 && maxBytes > 0 {
		b.lifts = append(b.lifts, w)
	}
	w.raised = maxBytes
	w.reconsider()
}

// Freed returns a channel of capacity 1 that is poked when a Reserve that
// returned false may now succeed; a token may turn out to be stale. Before one
// has returned false it is nil.
//
// No wake-up is lost: the wish is registered in the critical section that
// refuses it, every later section that makes room looks at the wishes before
// it ends, and the poke is part of that section. So a token sent for a wish is
// read after that wish was refused, or else lies unread: both lead to another
// Reserve. And as room in the budget is promised and not merely announced, it
// is still there when the reader comes.
func (w *Window) Freed() <-chan struct{} { return w.freed }

// Rouse pokes a reader that waits on Freed, for something else than room.
func (w *Window) Rouse() {
	w.budget.mu.Lock()
	defer w.budget.mu.Unlock()
	w.poke()
}

// Abandon withdraws the wish of a Reserve that returned false: the connection
// has ended, or no longer wants to wait. Reservations stay, and are released
// as their messages are handled. Harmless when there is no wish.
func (w *Window) Abandon() {
	w.budget.mu.Lock()
	defer w.budget.mu.Unlock()
	w.withdraw()
}

// Used returns what is reserved now.
func (w *Window) Used() (messages int, bytes int64) {
	w.budget.mu.Lock()
	defer w.budget.mu.Unlock()
	return w.messages, w.bytes
}

// hasRoom reports whether the window's own limits admit n bytes more.
// Needs budget.mu.
func (w *Window) hasRoom(n int64) bool {
	return w.messages == 0 || w.messages < w.maxMessages && n <= w.maxBytes-w.bytes
}

// lifted reports whether n bytes more pass under a Lift. Needs budget.mu.
func (w *Window) lifted(n int64) bool {
	return w.raised > 0 && n <= w.raised-w.bytes && n <= w.budget.limit-w.budget.extra
}

// reconsiderLifted pokes the readers for which the extra budget was used up. Needs mu.
func (b *Budget) reconsiderLifted() {
	for _, w := range b.lifts {
		w.reconsider()
	}
}

// reconsider pokes the reader when the window's own limits, or a Lift, no longer
// stand in the way of its wish. To be called after whatever may have changed
// that. Needs budget.mu.
func (w *Window) reconsider() {
	waits := w.state == full || w.state == queued
	if w.state == full && w.hasRoom(w.wish) || waits && w.lifted(w.wish) {
		w.withdraw()
		w.poke()
	}
}

// poke needs budget.mu. Where nobody has waited yet, there is nobody to poke.
func (w *Window) poke() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// await registers a wish. Needs budget.mu.
func (w *Window) await(n int64, state waitState) {
	w.wish, w.state = n, state
	if w.freed == nil {
		w.freed = make(chan struct{}, 1)
	}
}

// enqueue registers a wish that waits for the budget. The window must be
// content. Needs budget.mu.
func (w *Window) enqueue(n int64) {
	b := w.budget
	w.await(n, queued)
	if b.tail == nil {
		b.head = w
	} else {
		b.tail.newer, w.older = w, b.tail
	}
	b.tail = w
	if b.next == nil {
		b.next = w
	}
}

// withdraw forgets the wish, with the promise if there is one, and lets those
// behind it move up. Needs budget.mu.
func (w *Window) withdraw() {
	state := w.state
	w.state = content
	if state == content || state == full {
		return
	}
	b := w.budget
	if w.older == nil {
		b.head = w.newer
	} else {
		w.older.newer = w.newer
	}
	if w.newer == nil {
		b.tail = w.older
	} else {
		w.newer.older = w.older
	}
	if b.next == w {
		b.next = w.newer
	}
	w.older, w.newer = nil, nil
	if state == promised {
		b.promised -= w.wish
	}
	b.settle()
}
