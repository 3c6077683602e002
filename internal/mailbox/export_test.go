package mailbox

import "fmt"

// Slots returns how many slots the queue holds memory for.
func (q *Queue[T]) Slots() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, c := range []*chunk[T]{q.current, q.spare} {
		if c != nil {
			n += cap(c.items)
		}
	}
	for c := q.first; c != nil; c = c.next {
		n += cap(c.items)
	}
	return n
}

// MaxChunk returns the slots of a full-grown chunk.
func (q *Queue[T]) MaxChunk() int { return q.maxChunk }

// CheckInvariants reports the first sentence of the fields' comments that does
// not hold; windows are all windows of the budget.
func (b *Budget) CheckInvariants(windows []*Window) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var used, extra, pledged int64
	waiting := 0
	for i, w := range windows {
		used += w.bytes - w.extra
		extra += w.extra
		if w.extra < 0 || w.extra > w.bytes {
			return fmt.Errorf("window %d has booked %d of its %d bytes as extra", i, w.extra, w.bytes)
		}
		if w.messages < 0 || w.bytes < 0 {
			return fmt.Errorf("window %d holds %d messages of %d bytes", i, w.messages, w.bytes)
		}
		switch w.state {
		case promised:
			pledged += w.wish
			waiting++
		case queued:
			waiting++
		default:
			if w.older != nil || w.newer != nil || b.head == w || b.next == w {
				return fmt.Errorf("window %d does not wait for the budget but stands in its list", i)
			}
		}
		if w.state == full && w.hasRoom(w.wish) {
			return fmt.Errorf("window %d waits for its own limits, which admit its wish", i)
		}
		if w.state == promised && len(w.freed) == 0 {
			return fmt.Errorf("window %d has a promise and no token", i) // holds while the test alone reads Freed
		}
	}
	if used != b.used || pledged != b.promised {
		return fmt.Errorf("used %d, windows hold %d; promised %d, windows have %d", b.used, used, b.promised, pledged)
	}
	if extra != b.extra || extra > b.limit {
		return fmt.Errorf("extra %d of %d, windows hold %d", b.extra, b.limit, extra)
	}
	listed, behind := 0, false
	var older *Window
	for w := b.head; w != nil; w = w.newer {
		if w == b.next {
			behind = true
		}
		if w.older != older || behind != (w.state == queued) {
			return fmt.Errorf("the list is wrong at its element %d", listed)
		}
		older = w
		listed++
	}
	if listed != waiting || b.tail != older || behind != (b.next != nil) {
		return fmt.Errorf("%d windows stand in the list, %d wait", listed, waiting)
	}
	if b.next != nil && b.fits(b.next.wish) {
		return fmt.Errorf("the oldest queued wish, %d bytes, fits", b.next.wish)
	}
	return nil
}

// CheckInvariants reports the first thing that is wrong with the account.
func (a *LongMessages) CheckInvariants() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var held int64
	for m := range a.holders {
		held += m.held
	}
	if held != a.held {
		return fmt.Errorf("held %d, the holders have %d", a.held, held)
	}
	last := (*LongMessage)(nil)
	for m := a.first; m != nil; m = m.next {
		if !m.waits || m.wish <= m.held {
			return fmt.Errorf("one stands in line with a wish for %d and holds %d", m.wish, m.held)
		}
		last = m
	}
	if last != a.last && a.first != nil {
		return fmt.Errorf("the end of the line is wrong")
	}
	if f := a.first; f != nil && f.wish-f.held <= a.limit-a.held {
		return fmt.Errorf("the first in line wants %d more, and there are %d", f.wish-f.held, a.limit-a.held)
	}
	return nil
}
