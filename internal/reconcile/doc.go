// Package reconcile decides how a program's events and a relay's are compared (NIP-77,
// P66–P70): what is asked when, what an answer, an error or silence means, and what may be
// said in the end.
//
// A [Machine] is one comparison with one relay. It goes through windows of dates, the
// newest first, one session at a time. It begins with a single window, and halves the one that
// a relay finds too large; a second that is too large still is paged by REQ. So is what is left
// with a relay that turns out not to know NIP-77, or to know it badly. In the end every date
// belongs to a window that was compared, or to a Gap that says why it was not.
//
// What ends it, whatever a relay does: a session ends after 1,000 messages that bring nothing new
// (nip77.MaxIdleRounds), and all of them when Config.Most ids have been listed; a window is begun anew a
// bounded number of times, and there is a bounded number of sessions. Each wait has a deadline, and after
// three windows in a row that ran into it the others are not tried.
//
// The owner sends what the Steps say, in order, and tells the machine what happened. It
// owns no clock, no socket and no goroutine, and is not safe for concurrent use. Unlike other
// deciders of the library it computes: a message with many ids takes it milliseconds. So its owner is not
// the supervisor but whoever waits for the result.
package reconcile
