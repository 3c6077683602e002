package backoff

import "time"

// An Intensity counts restarts in a sliding window, as an OTP supervisor does
// (R46): more than Max within Within are too many. With Max 3 and Within 5 s
// the fourth in 5 s is; restarts at 0, 2, 4 and 6 s are not. Two that are
// exactly Within apart count as within it.
//
// Max and Within are set before the first Add. The zero value tolerates none.
type Intensity struct {
	Max    int           // tolerated within the window; below 0 is 0
	Within time.Duration // length of the window

	recent []time.Time // the latest restarts in the window, oldest first; at most Max
}

// Add counts a restart at now, and reports whether that was one too many. It
// remembers no more than Max of them, however often it is called.
func (i *Intensity) Add(now time.Time) (exceeded bool) {
	gone := 0
	for gone < len(i.recent) && now.Sub(i.recent[gone]) > i.Within {
		gone++
	}
	i.recent = append(i.recent[:0], i.recent[gone:]...)
	if len(i.recent) < i.Max {
		i.recent = append(i.recent, now)
		return false
	}
	if len(i.recent) > 0 { // full: the newest Max decide about the next one
		copy(i.recent, i.recent[1:])
		i.recent[len(i.recent)-1] = now
	}
	return true
}

// Reset forgets all restarts.
func (i *Intensity) Reset() { i.recent = nil }
