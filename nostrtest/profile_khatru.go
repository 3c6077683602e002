package nostrtest

import (
	"time"

	"github.com/gennostr/gennostr/nostr/nip11"
)

// khatruMessageLength is how long a message may be for khatru, in bytes.
const khatruMessageLength = 512_000

// khatruLoses: of so many reconciliations, one that is opened by a fast client is lost.
const khatruLoses = 30

// Khatru is a relay like khatru 0.19.1. Every third message is handled a little
// later than the one behind it, so that answers overtake each other; messages end with a
// line feed. An event comes once for each filter that it matches, and a stored one as
// often as the filter repeats its value; a REQ whose id is open adds to it; a COUNT
// counts its last filter; unknown conditions are passed over. Ephemeral events that
// nobody hears get "mute:"; expired and deleted events are taken; known and outdated
// ones get OK true without a text, and outdated ones are sent live; OK comes behind the
// event that its publisher's own subscriptions get. What cannot be parsed is answered
// with NOTICE; over 512,000 bytes the connection ends with 1009, of which the
// information document says nothing.
//
// NIP-77's answers have up to a megabyte, twice that in hexadecimal. Errors are
// "NEG-ERROR"; a reconciliation is forgotten after seven seconds without a message, and
// every thirtieth at once: the next message is answered with "CLOSED".
func Khatru() Option {
	return options(khatru(CountLastFilter()), concurrent(), traits(OncePerValue()))
}

// KhatruNext is a relay like khatru's newer line, fiatjaf.com/nostr: Khatru, but that a
// filter with ids gets nothing live, that a COUNT counts its first filter, and that a
// deletion which finds nothing is stored and refused. An event whose author somebody
// listens to and whose kind somebody listens to is heard by those alone who asked for
// both, or for neither (CrossedListeners): that loses live events.
func KhatruNext() Option {
	return options(
		khatru(FirstFilters(1).On("COUNT")),
		concurrent(),
		traits(OncePerValue(), DeafToIDs(), CrossedListeners(), VainDeletionSays(false, "blocked: nothing to delete")),
	)
}

// Slicestore is a relay like khatru over eventstore's slicestore: Khatru, but that
// since leaves out the second it names, and that repeated values of a filter repeat
// nothing; it sends 500 events for a filter at most.
func Slicestore() Option {
	limits := khatruLimits()
	limits.Limit = 500
	return options(
		khatru(CountLastFilter()),
		WithLimits(limits),
		concurrent(),
		traits(OncePerFilter(), ExclusiveSince()),
	)
}

// LMDBStore is a relay like khatru over eventstore's lmdb: Khatru, and COUNT is
// never answered, and an event that is published again is stored twice.
func LMDBStore() Option {
	return options(Khatru(), traits(NoAnswer().On("COUNT"), StoreTwice()))
}

// concurrent handles messages as khatru does, each on a goroutine of its own.
func concurrent() Option {
	return traits(
		Overtaken(10*time.Millisecond).On("EVENT", "REQ", "COUNT").Every(3).EachConnection(),
		LoseReconciliations().Every(khatruLoses),
	)
}

// khatru is what all of the family have in common, but for how they count.
func khatru(count Fault) Option {
	return options(
		WithLimits(khatruLimits()),
		WithNegentropyFrame(1<<20),
		named("khatru", "https://github.com/fiatjaf/khatru", func(d *nip11.Document) {
			d.Limitation, d.SupportedNIPs = nip11.Limitation{}, []int{1, 11, 40, 42, 70, 77, 86}
		}),
		traits(
			NegErrVerb("NEG-ERROR"), NegErrSays("closed", "CLOSED"), // before LineFeeds, which leaves a text only
			LineFeeds(), ForgetIdleReconciliations(7*time.Second), AddToOpenIDs(), count, IgnoreUnknown(), NoticeForUnreadable(),
			LiveBeforeOK(), PushOutdated(), MuteUnheard(), KeepExpired(), TakeDeleted(), DuplicateSays(true, ""), OutdatedSays(true, ""),
		),
	)
}

// khatruLimits are khatru's own: it takes subscription ids of any length.
func khatruLimits() Limits {
	return Limits{MessageLength: khatruMessageLength, SubIDLength: khatruMessageLength}
}
