// Package resume decides what one subscription asks of one relay: first, after an
// outage, and until nothing is missing (DESIGN 5: No gap, Complete).
//
// A Leg is the subscription on that relay, with a track for each of its filters. A
// track's mark says where it stands: loaded, and up to when nothing is missing. The
// leg hands out asks, which are filters to be sent in some REQ; the owner hands back
// what came for each before its EOSE. A mark moves only when all the asks of a gap
// have been answered, since relays send the newest first: an interrupted resume
// starts again from the same lower bound.
//
// What it relies on: a live ask is open at the relay from its answer until the leg is
// told that it is Lost, Down, or has called it gone itself; a relay that cuts a page
// cuts its oldest events away. What it does not rely on: dates, neither the
// publishers' nor the relay's, the order within a page, the relay's good will. Events
// that are dated before the bound of a resume cannot be found by a REQ.
//
// It owns no clock, no socket and no goroutine, never sees an event, and is not safe
// for concurrent use: its owner serialises.
package resume

import (
	"time"

	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/nostr"
)

// Config is how a subscription resumes.
type Config struct {
	// Overlap is how far before its mark a resume begins: what differs between the
	// clocks of publishers, and what was published late. Less than 0 counts as 0.
	Overlap time.Duration
	// LiveOnly: what was stored is of no interest, not even after an outage.
	LiveOnly bool
}

// A Mark says where a track stands on a relay. The zero Mark: nothing is loaded.
type Mark struct {
	// Loaded: the first load is complete. The rest means nothing without it.
	Loaded bool
	// Any: an event of this track was proven on this relay.
	Any bool
	// At is where the next resume begins, before the overlap. With Any the earlier
	// of two times: the link was last known to be alive, and the newest created_at
	// proven. Without, when the first REQ was sent, for a filter that has no since.
	At nostr.Timestamp
	// Floor is the oldest date of a first load that left older events out; nothing
	// older is fetched by a resume, but kind 1059. 0: none.
	Floor nostr.Timestamp
}

// An Ask is one filter to be sent in some REQ. Asks are told apart by their pointers;
// the exported fields are for reading, and the lists of the filters are shared.
type Ask struct {
	// Track is the index of the filter, and is kept right by SetFilters; -1 for what
	// Fetch asks for, which is of no track.
	Track int
	// Ask has the Filter that is to be sent. Rest is that of a first load that has a limit.
	paging.Ask
	// Moved is what a REQ has to say that takes over this ask while its REQ is still
	// open, once it is answered: next to nothing is replayed. Not for Once.
	Moved nostr.Filter
	// Once: over with its EOSE. Else it stays open.
	Once bool
	// Resumed: its stored events were missed in an outage; else they are of a first load.
	Resumed bool

	part     *part     // whose mark waits for it; nil for an heir
	heirOf   *track    // takes over all that is open of this track
	kinds    kindsPart // which kinds of its part it is for
	first    bool      // of a first load
	whole    bool      // to be paged until there is no more; else, unless Rest, one page is all
	answered bool
	over     bool // nothing more is to be done about it: its EOSE, if any comes, means nothing
}

// What comes for an ask, and what is known of the relay's pages, is told in paging's terms.
type (
	Hint = paging.Hint
	Page = paging.Page
	Caps = paging.Caps
)

// The hints of an EOSE (NIP-67).
const (
	None   = paging.None
	Finish = paging.Finish
	More   = paging.More
)

// A Gap is a span of dates, inclusive, of which events may be missing and will not be
// asked for again.
type Gap struct {
	Track        int             // -1: of Fetch
	Since, Until nostr.Timestamp // math.MaxInt64: up to whatever date
	// Possible: perhaps nothing is missing, nobody can know. Else the relay gives no
	// more of that second than a page, and the filter leaves nothing to divide it by.
	Possible bool
}

// A Step is what is to be done next.
type Step struct {
	// Asks are to be sent.
	Asks []*Ask
	// Gone are to be closed, or not sent any more.
	Gone []*Ask
	Gaps []Gap
	// Live: with this the leg has caught up, every track is loaded or resumed. Once for
	// each Up.
	Live bool
}
