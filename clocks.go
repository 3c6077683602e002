package gennostr

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
)

// Clocks: a relay that refuses something for its dates may be right, and this machine's
// clock wrong. Both clocks are known from the handshake.

// ClockError explains a refusal that speaks of dates: this machine's clock differs from
// the relay's. It is found in what tells of the refusal: the Err of an [Outcome], of a
// [SubscriptionChange], of a *[RefusedError], or of an *[AuthError].
type ClockError struct {
	URL   string        // the relay's identity, as in [Relay]
	Ahead time.Duration // how far this machine's clock is ahead of the relay's, to a second or two; negative: behind
}

func (e *ClockError) Error() string { return textPrefix + e.inside("") }
func (e *ClockError) inside(url string) string {
	how := "ahead of"
	if e.Ahead < 0 {
		how = "behind"
	}
	whose := "the relay's"
	if e.URL != url {
		whose = "that of " + e.URL
	}
	return fmt.Sprintf("this machine's clock is %v %s %s", e.Ahead.Abs().Round(time.Second), how, whose)
}

// clockTolerance is how far clocks may differ until that explains a refusal.
const clockTolerance = time.Minute

// ahead is how far the clock of a relay that is connected is ahead of ours, 0 if it has not told.
func (e *relayEntry) ahead() time.Duration {
	if e.stage != connected {
		return 0
	}
	d, _ := e.conn.link.Ahead()
	return d
}

// wrongClock tells that our clock is wrong, if it is, and one of the dates has been given
// by it. Of what is dated by another clock ours says nothing.
func (e *relayEntry) wrongClock(now time.Time, dates ...nostr.Timestamp) error {
	ahead := -e.ahead()
	if ahead.Abs() < clockTolerance {
		return nil
	}
	for _, date := range dates {
		if byOurClock(now.Sub(date.Time()), ahead) {
			return &ClockError{URL: e.url, Ahead: ahead}
		}
	}
	return nil
}

// byOurClock tells whether what is so old by our clock was dated by it rather than by the
// relay's: it is nearer to ours, or between the two, where only one calls it the future.
func byOurClock(age, ahead time.Duration) bool {
	between := age >= 0 && age < ahead || age <= 0 && age > ahead
	return between || age.Abs() <= ahead.Abs()/2
}

// wrongClockFor is that for a filter, if the relay refuses it in words that speak of dates.
func (e *relayEntry) wrongClockFor(message string, now time.Time, f nostr.Filter) error {
	if !limits.Dates(message) {
		return nil
	}
	var dates []nostr.Timestamp
	for _, bound := range []*nostr.Timestamp{f.Since, f.Until} {
		if bound != nil {
			dates = append(dates, *bound)
		}
	}
	return e.wrongClock(now, dates...)
}

// explainAuth is why there is no AUTH, with what explains a refusal of one: it is dated
// by our clock.
func (e *relayEntry) explainAuth(err *AuthError, now time.Time) {
	if !limits.Dates(err.Message) {
		return
	}
	if clock := e.wrongClock(now, nostr.TimestampOf(now)); clock != nil {
		err.Err = &dueTo{err.Err, clock}
	}
}
