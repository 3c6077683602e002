// Package outcome decides what becomes of what is published (DESIGN 5: Publish).
//
// An Outcome is one event on one relay: waiting for a connection, queued, written and
// unanswered, refused for now, waiting for AUTH, done. A Relay holds all that is to be
// published on one relay: its Outcomes, who waits for them and until when, and the Pace
// at which they are written. A Publication is one event on all of its relays: when
// whoever publishes is told, and whether that is a success.
//
// Success is an OK from the relay, nothing else (L04). What the link's end has left
// unanswered is written again on the next link. When time ends, the words of the last
// refusal are the verdict, and if there was none there is no verdict: unanswered. A relay
// that answers twice is believed the second time, and that is told (P28).
//
// There is no goroutine, no lock and no clock here. The owner serialises, hands the time
// in, and does the Steps that Do says.
package outcome
