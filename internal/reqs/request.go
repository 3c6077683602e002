package reqs

import (
	"sync/atomic"
	"time"
)

// Request is the token of one REQ, COUNT or NEG-OPEN that was sent: what arrives
// for it carries it along, so that whoever handles it later can tell whether it is
// still wanted, and where it belongs. A REQ that replaces another of the same id
// has a token of its own: tokens are generations, which NIP-01 does not have.
type Request struct {
	id    string // immutable
	space space  // immutable
	route any    // immutable

	over    atomic.Bool
	refused atomic.Int64 // events that came for it and were not taken

	live    bool      // guarded by Table.mu: of an open REQ, its EOSE has come
	asked   uint64    // of a COUNT: which one it is; immutable
	askedAt time.Time // of a COUNT; immutable
}

// ID is the subscription id, as it was sent.
func (r *Request) ID() string { return r.id }

// Route is whose request it is: what Open was given.
func (r *Request) Route() any { return r.route }

// Refuse notes that an event came for the request and was not taken: forged, too
// long, not what was asked for. Whoever counts what a relay has sent wants to know.
func (r *Request) Refuse() { r.refused.Add(1) }

// Refused counts them.
func (r *Request) Refused() int { return int(r.refused.Load()) }

// Over tells whether a REQ was closed or replaced by its owner, or its CLOSED has
// been handled: what still waits of it is late. A REQ that the relay has ended is
// not over before that, for its last events are still to be handled. Any goroutine.
func (r *Request) Over() bool { return r.over.Load() }
