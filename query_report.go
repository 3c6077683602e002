package gennostr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/internal/query"
	"github.com/gennostr/gennostr/nostr"
)

// RelayAnswer is what one relay did for a query.
type RelayAnswer struct {
	URL    string // the relay's identity, as in [Relay]
	Events int    // different ones that it has sent
	// Complete: everything has come that the relay has and the query wants. With NIP-67's
	// "finish", or after a page that is shorter than what was asked and than the relay's pages
	// are, or after a further one that brought nothing.
	Complete bool
	// Err is why it is not: a *[DialError]; [ErrNotConnected] with the reason; the relay's
	// words in a *[RefusedError]; an *[AuthError]; [context.DeadlineExceeded]; [ErrBacklog];
	// [ErrTooManyGuests]; [ErrRelayRemoved]; a *[GapError] for each reason why something of what
	// it has did not come; what ended the query. If it is nil, there is more than the page that
	// was asked for ([AllPages]), or there may be, or nobody wanted more.
	Err error
}

func (a RelayAnswer) String() string {
	switch {
	case a.Err != nil:
		return fmt.Sprintf("%s: %d events: %s", a.URL, a.Events, inner(a.Err, a.URL))
	case !a.Complete:
		return fmt.Sprintf("%s: %d events, and there may be more", a.URL, a.Events)
	}
	return fmt.Sprintf("%s: %d events, all", a.URL, a.Events)
}

// QueryReport is what came of a query.
type QueryReport struct {
	// Events are what the relays have, each once: of replaceable and addressable events
	// the newest version (NIP-01), newest first, of equal dates the lowest id first; no more than
	// the limits of the filters. A search (NIP-50) is in the relays' order.
	Events []*nostr.Event
	Relays []RelayAnswer // one for each relay, sorted by URL, or in the order of [On]

	cause     error // why there is no more in it, if that is no relay's doing
	satisfied bool  // there can be no more
	onePage   bool  // more than a page was not asked for
}

// Complete tells whether there is nothing more: each relay has given all that it has, or
// there can be no other event, since ids were asked for and all of them have come.
func (r QueryReport) Complete() bool {
	if r.satisfied || r.cause != nil {
		return r.satisfied
	}
	for _, a := range r.Relays {
		if !a.Complete {
			return false
		}
	}
	return len(r.Relays) > 0
}

// Err is nil if the report is complete; else it is an *[IncompleteError]. With [OnePage] it is
// nil as well where relays have more than the page.
func (r QueryReport) Err() error {
	if r.satisfied {
		return nil
	}
	if r.cause != nil {
		return &IncompleteError{Relays: r.Relays, Err: r.cause}
	}
	for _, a := range r.Relays {
		if !a.Complete && (a.Err != nil || !r.onePage) {
			return &IncompleteError{Relays: r.Relays}
		}
	}
	return nil
}

// IncompleteError is a query, or a count, of which not everything has come, and says which
// relay did what. errors.Is and As find the Err of each of them, and what ended it before
// they had answered: [ErrNoRelay], [ErrClientClosed], [ErrQueryTooLarge], what is wrong with a
// filter or an option, or the cause of the context of whoever has asked.
type IncompleteError struct {
	Relays []RelayAnswer // all relays of the query, also those that have answered completely
	Err    error         // what ended it, if that is no relay's doing
}

// mostAnswers is of how many relays the text of an IncompleteError tells.
const mostAnswers = 5

func (e *IncompleteError) Error() string {
	var b strings.Builder
	b.WriteString("gennostr: query")
	if e.Err != nil {
		b.WriteString(": " + inner(e.Err, ""))
	}
	complete, told := 0, 0
	for _, a := range e.Relays {
		if a.Complete {
			complete++
		}
	}
	if len(e.Relays) > 0 {
		fmt.Fprintf(&b, ": %d of %d relays have answered completely", complete, len(e.Relays))
	}
	for _, a := range e.Relays {
		if a.Complete {
			continue
		}
		if told++; told > mostAnswers {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %v", a)
	}
	return b.String()
}

// Unwrap gives the causes.
func (e *IncompleteError) Unwrap() (causes []error) {
	if e.Err != nil {
		causes = append(causes, e.Err)
	}
	for _, a := range e.Relays {
		if a.Err != nil {
			causes = append(causes, a.Err)
		}
	}
	return causes
}

// RefusedError is a relay that would not answer a query or a count.
type RefusedError struct {
	URL     string // the relay's identity, as in [Relay]
	Message string // its words: "prefix: text" of a CLOSED (NIP-01), or those of a NOTICE where it gave nothing else
	Err     error  // what explains them, if anything does: a *[ClockError]
}

func (e *RefusedError) Error() string { return textPrefix + e.inside("") }
func (e *RefusedError) inside(url string) string {
	who, why := e.URL, ""
	if who == url {
		who = "it"
	}
	if e.Err != nil {
		why = ": " + inner(e.Err, e.URL)
	}
	return fmt.Sprintf("%s refuses the query: %.300q%s", who, e.Message, why)
}

// Unwrap gives what explains it.
func (e *RefusedError) Unwrap() error { return e.Err }

// GapError is a stretch of dates of which something that a relay has may not have come.
type GapError struct {
	URL    string // the relay's identity, as in [Relay]
	Gap    Gap    // Possible: nobody can know
	Reason string // "a second with a page and more", "too many pages", …
}

func (e *GapError) Error() string { return textPrefix + e.inside("") }
func (e *GapError) inside(url string) string {
	perhaps := ""
	if e.Gap.Possible {
		perhaps = ", perhaps"
	}
	relay := ""
	if e.URL != url {
		relay = e.URL + ": "
	}
	return fmt.Sprintf("%s%s%s (created_at %d to %d)", relay, e.Reason, perhaps, e.Gap.Since, e.Gap.Until)
}

// errorOf says of a relay why its answer is not complete. cause is what kept it from being
// asked, or ended the query; nil: the query's time was over. clock explains refusals for dates.
func errorOf(url string, answer query.Answer, cause, clock error) error {
	var list []error
	for _, lack := range answer.Lacks {
		if err := lackError(url, lack, cause, clock); err != nil {
			list = append(list, err)
		}
	}
	return join(list)
}

func lackError(url string, lack query.Lack, cause, clock error) error {
	switch lack.Why {
	case query.More:
		return nil
	case query.Ended:
		return cause
	case query.Refused:
		var auth *AuthError
		if errors.As(cause, &auth) {
			return cause
		}
		refused := &RefusedError{URL: url, Message: lack.Words}
		if limits.Dates(lack.Words) {
			refused.Err = clock
		}
		return refused
	case query.Silent:
		if cause != nil {
			return cause
		}
		return fmt.Errorf("gennostr: no answer in time: %w", context.DeadlineExceeded)
	case query.Unreached, query.Cut:
		return unreached(cause)
	}
	return &GapError{URL: url, Gap: Gap{Since: lack.Since, Until: lack.Until, Possible: lack.Possible}, Reason: lack.Why.String()}
}

// unreached is why a relay was not asked.
func unreached(cause error) error {
	var dial *DialError
	switch {
	case cause == nil:
		return fmt.Errorf("%w in time: %w", ErrNotConnected, context.DeadlineExceeded)
	case errors.As(cause, &dial), errors.Is(cause, ErrRelayRemoved), errors.Is(cause, ErrTooManyGuests), errors.Is(cause, ErrClientClosed):
		return cause
	}
	return because(ErrNotConnected, cause)
}
