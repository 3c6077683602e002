package gennostr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
)

// SyncProgress is how far a comparison has come ([OnSyncProgress]).
type SyncProgress struct {
	Windows  int // spans of dates that have been compared
	Left     int // that wait; a relay that refuses one makes several of it
	Rounds   int // messages of the relay
	Need     int // ids that the relay has and the program lacks
	Lacks    int // ids that the relay lacks
	Fetched  int // events that were handed over
	Pushed   int // events of which the relay has said that it has them now
	Answered int // events that were pushed and got a verdict
}

// SyncReport is what came of a comparison.
type SyncReport struct {
	URL string // the relay's identity, as in [Relay]

	Need  []nostr.ID // the relay has them, the program lacks them; sorted. It is the relay's word.
	Lacks []nostr.ID // the program has them, the relay lacks them; the oldest first

	Fetched int        // events that were handed to [Fetching]
	Absent  []nostr.ID // of Need: the relay says that it has no such event, when it is asked for it
	Pushed  int        // events of [Pushing] that the relay has taken, or had already
	// Refused are those that it has not taken, in the order of Lacks; an Outcome whose Verdict is Unanswered is
	// why Err is not nil.
	Refused []SyncOutcome

	Complete   bool      // all dates of the filter were compared
	Gaps       []SyncGap // those that were not, the newest first
	Negentropy bool      // nothing had to be paged
	Windows    int       // spans of dates that were compared
	Paged      int       // of them, by having all events sent
	Rounds     int       // NEG-MSG of the relay
	BytesIn    int64     // of NEG-MSG, as JSON; events that were fetched or paged are not in it
	BytesOut   int64     // of NEG-OPEN and NEG-MSG

	cause   error // why there is no more in it
	lacking int   // of Need, events that did not come
	missing error // why
}

// SyncOutcome is what became of an event that was pushed.
type SyncOutcome struct {
	ID nostr.ID
	Outcome
}

// SyncGap is a span of dates that was not compared.
type SyncGap struct {
	Since, Until nostr.Timestamp // both belong to it; 0 and the largest there is: no bound
	Reason       string          // "no answer in time", "connection lost", …
	Err          error           // *[RefusedError], *[AuthError], *[DialError], [context.DeadlineExceeded], …; nil: see Reason
}

func (g SyncGap) String() string {
	span := "all dates"
	switch {
	case g.Since > 0 && g.Until < reconcile.Forever:
		span = fmt.Sprintf("created_at %d to %d", g.Since, g.Until)
	case g.Since > 0:
		span = fmt.Sprintf("created_at from %d", g.Since)
	case g.Until < reconcile.Forever:
		span = fmt.Sprintf("created_at to %d", g.Until)
	}
	if g.Err != nil {
		return fmt.Sprintf("%s: %v", span, g.Err)
	}
	return fmt.Sprintf("%s: %s", span, g.Reason)
}

// unanswered counts what was pushed and got no verdict.
func (r SyncReport) unanswered() (n int) {
	for _, o := range r.Refused {
		if o.Verdict == Unanswered || o.Verdict == Pending {
			n++
		}
	}
	return n
}

// Err is nil if all was done, else a *[SyncError]: see [Client.Sync].
func (r SyncReport) Err() error {
	if r.cause == nil && r.Complete && r.missing == nil && r.unanswered() == 0 {
		return nil
	}
	return &SyncError{r}
}

// SyncError is a comparison that has not come to its end, or after which not all has come
// that was to be fetched, or not all was answered that was pushed. errors.Is and As find the causes: of
// each gap, of the transfer, and what ended it, which is an error of [Fetching] or [Pushing] as well.
type SyncError struct{ Report SyncReport }

const (
	// mostSyncGaps is of how many gaps the text of a SyncError tells.
	mostSyncGaps = 3
	// mostCauses bounds what it unwraps to.
	mostCauses = 200
)

func (e *SyncError) Error() string {
	r := e.Report
	var b strings.Builder
	b.WriteString("gennostr: sync")
	if r.URL != "" {
		fmt.Fprintf(&b, " with %s", r.URL)
	}
	if r.cause != nil {
		fmt.Fprintf(&b, ": %v", r.cause)
	}
	for i, g := range r.Gaps {
		if r.cause != nil && errors.Is(r.cause, g.Err) {
			continue // said already
		}
		if i == mostSyncGaps {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; not compared: %v", g)
	}
	if r.missing != nil {
		fmt.Fprintf(&b, "; %d events were not fetched: %v", r.lacking, r.missing)
	}
	if n := r.unanswered(); n > 0 {
		fmt.Fprintf(&b, "; %d events were pushed and not answered", n)
	}
	return b.String()
}

// Unwrap gives the causes.
func (e *SyncError) Unwrap() (causes []error) {
	add := func(err error) {
		if err != nil {
			causes = append(causes, err)
		}
	}
	add(e.Report.cause)
	for _, g := range e.Report.Gaps {
		add(g.Err)
	}
	add(e.Report.missing)
	for _, o := range e.Report.Refused {
		if o.Verdict == Unanswered && len(causes) < mostCauses {
			add(o.Err)
		}
	}
	return causes
}
