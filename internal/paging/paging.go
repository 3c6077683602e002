// Package paging is how stored events are asked for that do not come at once: which
// page may have been cut, what to ask after it, and how a second is divided that holds
// more than a page (DESIGN 5: No gap, Complete). Subscriptions (internal/resume) and
// queries (internal/query) stand on it.
//
// What it relies on: a relay that cuts a page cuts its oldest events away. What it does
// not rely on: dates, the order within a page, the relay's good will.
//
// It owns no clock, no socket and no goroutine, never sees an event, and is not safe
// for concurrent use: its owner serialises.
package paging

import "github.com/gennostr/gennostr/nostr"

// A Hint is what an EOSE says about the end of the stored events (NIP-67).
type Hint uint8

const (
	None   Hint = iota
	Finish      // these were all
	More        // there are more
)

// A Page is what came for an ask before its EOSE.
type Page struct {
	// Events counts those that match the ask, duplicates included.
	Events int
	// Fresh are those of them that whoever asks had not had.
	Fresh int
	// Refused counts those that the relay sent for this REQ and that count for no
	// ask: not genuine, too long to be read, not asked for.
	Refused int
	// Oldest and Newest are the least and the greatest date of Events, in whatever
	// order they came. Dates far in the future may be left out of Newest.
	Oldest, Newest nostr.Timestamp
	// Shared counts those of Events that another ask of the REQ wants as well. They may
	// be of its page, which goes further back perhaps than this one's.
	Shared int
	// End is the oldest date of the Events that are not Shared, and Last the later one of
	// the dates of the last two of them, in the order in which they came. That tells the
	// end of a page from a live event that slipped in and is dated long ago.
	End, Last nostr.Timestamp
	// Turned: the last of them is dated later than the last but one, and earlier than Newest.
	// A relay that sends the newest first has had one slip in there.
	Turned bool
	// Edge counts those of Events that are dated Oldest. 0: not counted, then an ask that
	// has a limit and needs several pages may bring more than its limit.
	Edge int
	// Total counts all events of the REQ, Refused included, whatever ask they match and
	// whether that is over or not.
	Total int
	// Hint is the EOSE's.
	Hint Hint

	dates []nostr.Timestamp // of those that are not Shared, from a Counter that keeps them
}

// Caps is what is known of how many events a relay gives at once.
type Caps struct {
	// Page is the relay's cap for a filter without a limit. If the relay has not told
	// it: the most events that any one ask without a limit has brought from it, none of
	// them Shared, 50 at least. Not more than what the relay gives: a shorter page counts as complete.
	Page int
	// Known: it is told, by NIP-11, and counts for each filter. Else it may be for the REQ.
	Known bool
}

// An Ask is a filter whose stored events are asked for, and where it stands among the pages.
type Ask struct {
	// Filter is what is to be sent.
	Filter nostr.Filter
	// Rest, of an ask that has a limit: how many events are still to come. 0: there is no
	// limit, or it is reached.
	Rest int
	// Exact: with a limit the newest so many are wanted, from this relay. Else what
	// comes may be a choice.
	Exact bool
	// Part: it is for a part of one second, all of it, whatever the limit.
	Part bool

	edge  int // unless Exact: how many of what this page brings have come with the last one, at its oldest second
	tries int // how often it was asked and brought nothing because others filled the REQ
}

// A Gap is a span of dates, inclusive, of which events may be missing and will not be
// asked for again.
type Gap struct {
	Since, Until nostr.Timestamp // math.MaxInt64: up to whatever date
	// Dense: the relay gives no more of that second than a page, and the filter leaves
	// nothing to divide it by. Else it gives nothing new of what it may have there.
	Dense bool
	// Possible: perhaps nothing is missing, nobody can know.
	Possible bool
}
