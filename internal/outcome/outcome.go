package outcome

import "time"

// A Report is what is told of an event on a relay.
type Report struct {
	Verdict Verdict
	Reason  Reason // of what is Refused
	Message string // the relay's words, at most 1,024 bytes of them
	Tries   int    // how often it was written
	Err     error  // what the relay has not said: the signer's failure, the end of the client
}

// A State is where an event stands on a relay.
type State uint8

const (
	Waiting   State = iota // for a connection
	Queued                 // for its turn
	Written                // and unanswered
	Resting                // refused for now: to be tried again at At
	NeedsAuth              // refused until AUTH
	Done                   // see Report
)

// Rests after a refusal for the rate: a second, then twice as long each time.
const (
	firstRest   = time.Second
	longestRest = 32 * time.Second
)

// An Outcome is one event on one relay. The zero Outcome waits for a connection.
type Outcome struct {
	state     State
	connected bool
	at        time.Time // of Resting, which outlives connections
	limited   int       // refusals for the rate
	tries     int
	refusal   Report // the last one that was not final
	report    Report // of Done
}

// State is where it stands; At is when Resting ends.
func (o *Outcome) State() State  { return o.state }
func (o *Outcome) At() time.Time { return o.at }

// Tries counts how often it was written.
func (o *Outcome) Tries() int { return o.tries }

// Report is what would be told if time ended now: the relay's verdict, else its last
// refusal, else nothing.
func (o *Outcome) Report() Report {
	r := Report{Verdict: Unanswered}
	switch {
	case o.state == Done:
		r = o.report
	case o.refusal.Verdict == Refused:
		r = o.refusal
	}
	r.Tries = o.tries
	return r
}

// Connected says that events can be sent.
func (o *Outcome) Connected(now time.Time) {
	o.connected = true
	if o.state == Waiting {
		o.next(now)
	}
}

// Lost says that the connection has ended. What was not answered is written again on
// the next: the relay may have it or not.
func (o *Outcome) Lost() {
	o.connected = false
	if o.state != Done {
		o.state = Waiting
	}
}

// Write says that it is written. Only what is Queued may be.
func (o *Outcome) Write() {
	o.state = Written
	o.tries++
}

// Unsent takes the last Write back: there was no room for it.
func (o *Outcome) Unsent() {
	if o.state == Written {
		o.state = Queued
		o.tries--
	}
}

// Due says what time it is: what has rested is queued.
func (o *Outcome) Due(now time.Time) {
	if o.state == Resting && !now.Before(o.at) {
		o.state = Queued
	}
}

// Again starts what is Done anew, for somebody who publishes it again. Tries go on.
func (o *Outcome) Again(now time.Time) {
	if o.state != Done {
		return
	}
	o.refusal, o.report = Report{}, Report{}
	o.limited, o.at = 0, time.Time{}
	o.state = Waiting
	if o.connected {
		o.next(now)
	}
}

// next is where it stands when there is a connection.
func (o *Outcome) next(now time.Time) {
	o.state = Queued
	if now.Before(o.at) {
		o.state = Resting
	}
}

// OK is the relay's answer, the first or another; limited is a refusal for the rate. One
// that nobody has asked for counts too: others may send the event on this connection.
func (o *Outcome) OK(now time.Time, accepted bool, message string) (limited bool) {
	verdict, reason := Read(accepted, message)
	r := Report{Verdict: verdict, Reason: reason, Message: clip(message)}
	switch {
	case verdict != Refused, o.state == Done:
		o.done(r)
	case reason == RateLimited:
		o.refusal = r
		if o.state == Written {
			o.at = now.Add(min(firstRest<<min(o.limited, 8), longestRest))
			o.limited++
			o.state = Resting
		}
	case reason == AuthRequired:
		// Twice for one write, or late, it says nothing new.
		o.refusal = r
		if o.state == Written {
			o.state = NeedsAuth
		}
	default:
		o.done(r)
	}
	return verdict == Refused && reason == RateLimited
}

// done takes a verdict. That a relay has what it has accepted is no news.
func (o *Outcome) done(r Report) {
	if o.state == Done && o.report.Verdict == Accepted && r.Verdict == Duplicate {
		return
	}
	o.state, o.report = Done, r
}

// AuthDone says that AUTH has been accepted. It is written again. If the relay wants AUTH
// still, whoever sees to that knows whether there is any other to be had.
func (o *Outcome) AuthDone(now time.Time) {
	if o.state == NeedsAuth {
		o.next(now)
	}
}

// AuthFailed says that there will be no AUTH: message is what the relay has said of it,
// "" for nothing, and err what has failed on this side. It is final.
func (o *Outcome) AuthFailed(message string, err error) {
	if o.state != NeedsAuth {
		return
	}
	r := o.refusal
	if message != "" {
		r.Message = clip(message)
	}
	r.Err = err
	o.done(r)
}
