package nip77

// reserve is what is kept free of a frame: more than the last id, the bounds around it and the
// range for all the rest can take.
const reserve = 200

// A reply is composed while the spans of a message are read, in order.
type reply struct {
	encoder
	limit int // of the frame, in bytes; 0 is none
	// list takes the ids that the server listed for our items from lower to upper. It is nil
	// on the server's side, which lists its own instead.
	list func(lower, upper int, ids []byte)

	lower int   // where the next span begins, as an index
	from  bound // and as a bound
	open  gap   // what lies before from and has not been written
}

// A gap is what the next thing to be written has to skip. At the end of a message it is left out.
type gap int

const (
	noGap   gap = iota
	equal       // both sides have the same
	settled     // one side knows all it wants to know, though there may be differences
)

// answer composes the reply to a message that has been checked.
func (r *reply) answer(message []byte) []byte {
	for d := newDecoder(message); d.more(); {
		s, err := d.span()
		if err != nil {
			panic("nip77: a message was checked and cannot be read: " + err.Error())
		}
		if !r.take(s) {
			break
		}
	}
	return r.data
}

// take answers a span. It returns false when the frame is full; all that is left has then been
// put into one range.
func (r *reply) take(s span) (more bool) {
	upper := r.set.search(r.lower, s.upper)
	switch {
	case s.mode == modeFingerprint && s.fingerprint == r.set.fingerprint(r.lower, upper):
		r.open = max(r.open, equal)
	case s.mode == modeFingerprint:
		if !r.refine(s, upper) {
			return false
		}
	case s.mode == modeIDList && r.list == nil:
		if !r.ownIDs(s.upper, upper) {
			return false
		}
	case s.mode == modeIDList:
		r.list(r.lower, upper, s.ids)
		r.open = settled
	default:
		r.open = settled
	}
	r.lower, r.from = upper, s.upper
	return true
}

func (r *reply) full() bool { return r.limit != 0 && len(r.data) > r.limit-reserve }

// closeGap writes what is to be skipped before the next range.
func (r *reply) closeGap() {
	if r.open != noGap {
		r.bound(r.from, modeSkip)
		r.open = noGap
	}
}

// refine answers a fingerprint that is not ours. Of a range for which there is no room,
// nothing is written: it becomes part of the rest.
//
// Implementations agree that the fingerprint of such a rest is that of what lies beyond the
// range. It need not be the true one, only another than the other side's, and that it is if
// they have something in the range. If they have nothing there and the same beyond, it would be
// theirs, and what we have in the range would be lost: then it has to be the true one.
//
// A gap where both sides are equal is left to the rest, as the others do too, and found equal
// again. They also open again what is settled, and list its ids a second time; we do not.
func (r *reply) refine(s span, upper int) (more bool) {
	written, last, open := len(r.data), r.last, r.open
	r.closeGap()
	r.split(s.upper, r.lower, upper)
	if !r.full() {
		return true
	}
	r.data, r.last, r.open = r.data[:written], last, open
	nothing := s.fingerprint == ofNothing
	if nothing || open == settled {
		r.closeGap()
	}
	if nothing {
		upper = r.lower
	}
	r.fingerprint(bound{at: infinity}, upper, r.set.Len())
	return false
}

// ownIDs answers a list of ids with ours, as many of them as there is room for.
func (r *reply) ownIDs(b bound, upper int) (more bool) {
	if r.limit != 0 {
		room := (r.limit-reserve-len(r.data))/idSize + 1
		if upper-r.lower > room {
			upper = r.lower + room
			b = r.set.itemBound(upper)
		}
	}
	r.closeGap()
	r.idList(b, r.lower, upper)
	if !r.full() {
		return true
	}
	switch {
	case b.at == infinity:
	case upper == r.set.Len():
		// Others send the fingerprint of nothing, and need a round more to say this.
		r.idList(bound{at: infinity}, upper, upper)
	default:
		r.fingerprint(bound{at: infinity}, upper, r.set.Len())
	}
	return false
}
