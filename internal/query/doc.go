// Package query decides what a query asks of its relays, when it is over, and what may
// be said of it then (DESIGN 5: Query, Complete).
//
// A [Leg] is the query on one relay. It hands out asks, one filter each, to be sent once
// in some REQ; the owner hands back what came for each before its EOSE, or that
// it was refused, or that the connection was lost. It pages (internal/paging) until the
// relay has no more, or as far as the query goes, and says then whether that was
// everything, and if not, why. A [Tally] does the same with COUNT. A [Merge] is
// the query as a whole: what its relays bring, each event once, newer versions in the
// place of older ones.
//
// What ends a leg, whatever a relay does: it hands out a bounded number of asks
// (Config.Asks), repeats included, and each of them is to be taken for answered once it has
// brought more than [Leg.Room]. So no relay can send a query more than the product of
// the two, and every leg whose asks are answered, refused, lost or expired comes to its end.
//
// What complete relies on: a relay sends the newest first and cuts the oldest away, and gives
// 25 events at once, or says that it gives less, or that there are more (NIP-11, NIP-67).
// Dates, the publishers' and the relay's, are not relied on, nor is that the relay does
// as the filter says. Where it is seen not to, the answer is not complete.
//
// It owns no clock, no socket and no goroutine, and is not safe for concurrent use: its
// owner serialises. A leg and a tally never see an event.
package query
