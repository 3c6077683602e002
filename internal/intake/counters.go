package intake

import "sync/atomic"

// counters count what an intake has seen. Any goroutine.
type counters struct {
	messages, events, late                                atomic.Uint64
	malformed, unsolicited, mismatched, forged, oversized atomic.Uint64
}

// Counts is a snapshot of them.
type Counts struct {
	Messages    uint64 // taken, whatever became of them
	Events      uint64 // delivered
	Late        uint64 // dropped: of requests closed or replaced a moment before
	Malformed   uint64 // refused: ErrMalformed
	Unsolicited uint64 // refused: ErrUnsolicited
	Mismatched  uint64 // refused: ErrFilterMismatch
	Forged      uint64 // refused: nostr.ErrBadID, nostr.ErrBadSignature
	Oversized   uint64 // refused: ErrTooLarge
}

// Counts may be asked by any goroutine.
func (in *Intake) Counts() Counts {
	c := &in.count
	return Counts{
		Messages: c.messages.Load(), Events: c.events.Load(), Late: c.late.Load(),
		Malformed: c.malformed.Load(), Unsolicited: c.unsolicited.Load(), Mismatched: c.mismatched.Load(),
		Forged: c.forged.Load(), Oversized: c.oversized.Load(),
	}
}

// Late counts a letter whose request was over when it was about to be handled.
func (in *Intake) Late() { in.count.late.Add(1) }
