package nostrtest

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// The profiles of this file are options that make the relay answer as a relay
// in the wild does, in what a client gets to feel. They
// set limits, policies and the information document; options behind a profile
// override it, faults add up. None speaks NIP-77.

// options is several options as one.
func options(opts ...Option) Option {
	return func(c *config) {
		for _, opt := range opts {
			opt(c)
		}
	}
}

// named fills in who the relay is.
func named(name, software string, edit func(*nip11.Document)) Option {
	return WithInfo(func(d *nip11.Document) {
		d.Name, d.Software = name, software
		if edit != nil {
			edit(d)
		}
	})
}

// Strfry is a relay like strfry 1.1.1 with its defaults: CLOSED says "ERROR: "
// before its prefix; subscription ids are printable ASCII without quotes and
// backslashes, and at most 64 long; 20 subscriptions,
// and one more gets a NOTICE and nothing else; 200 filters, 500 events per
// filter; created_at at most 15 minutes ahead; events with malformed e, p and a
// tags are refused; direct messages (kinds 4 and 1059) are for those who have
// authenticated, and the challenge comes only then; one key per connection; a
// ping every 55 seconds; NEG-OPEN is answered with NOTICE.
func Strfry() Option {
	return options(
		WithLimits(Limits{
			MessageLength: 128 << 10, Filters: 200, Limit: 500, DefaultLimit: 500, SubIDLength: 64,
			EventTags: 2000, ContentLength: 64 << 10, Future: 15 * time.Minute,
		}),
		named("strfry", "git+https://github.com/hoytech/strfry.git", func(d *nip11.Document) {
			most := int64(20)
			d.Version, d.Limitation.MaxSubscriptions = "1.1.1", &most
		}),
		WithPolicy(func(_ Connection, event *nostr.Event) string { return malformedTag(event) }),
		WithReadPolicy(func(conn Connection, request Request) string {
			for _, r := range request.SubscriptionID {
				if r < ' ' || r > '~' || r == '"' || r == '\\' {
					return "bad req: invalid character in subscription id"
				}
			}
			for _, f := range request.Filters {
				for _, kind := range f.Kinds {
					if (kind == nostr.KindEncryptedDirectMessage || kind == nostr.KindGiftWrap) && len(conn.Authenticated) == 0 {
						return "auth-required: direct messages are for their readers"
					}
				}
			}
			return ""
		}),
		WithFaults(PrefixClosed(), SubscriptionCapNotice(20), OneKeyOnly(), PingEvery(55*time.Second)),
	)
}

// malformedTag returns what is wrong with an event's e, p and a tags, or "".
func malformedTag(event *nostr.Event) string {
	for _, tag := range event.Tags {
		switch tag.Key() {
		case "e", "p":
			if b, err := hex.DecodeString(tag.Value()); err != nil || len(b) != 32 {
				return "invalid: unexpected size for fixed-size tag: " + tag.Key()
			}
		case "a":
			if strings.Count(tag.Value(), ":") < 2 {
				return "invalid: malformed a tag"
			}
		}
	}
	return ""
}

// Khatru is a relay like khatru: every third message is handled a little
// later than the one behind it, so that answers overtake each other; messages end
// with a line feed; NIP-77 is refused with "NEG-ERROR".
func Khatru() Option {
	return options(
		named("khatru", "https://github.com/fiatjaf/khatru", nil),
		WithFaults(
			Overtaken(10*time.Millisecond).On("EVENT", "REQ", "COUNT").Every(3).EachConnection(),
			LineFeeds(),
			RefuseNegentropy("NEG-ERROR", "CLOSED"),
		),
	)
}

// Slicestore is a relay like khatru over eventstore's slicestore: Khatru,
// and since and until leave out the seconds they name.
func Slicestore() Option { return options(Khatru(), WithFaults(ExclusiveBounds())) }

// LMDBStore is a relay like khatru over eventstore's lmdb: Khatru, and
// COUNT is never answered.
func LMDBStore() Option { return options(Khatru(), WithFaults(NoAnswer().On("COUNT"))) }

// Mocrelay is a relay like mocrelay: a bad signature is answered with
// NOTICE and never with OK, limit 0 returns events, and the information document
// has a retention that is no list.
func Mocrelay() Option {
	return options(
		named("mocrelay", "https://github.com/high-moctane/mocrelay", func(d *nip11.Document) {
			d.Retention = json.RawMessage(`{"kinds":[0,1,[10000,19999]],"time":3600}`)
		}),
		WithFaults(NoticeForBadEvents(), LimitZeroSends()),
	)
}

// MattnRelay is a relay like mattn/nostr-relay: it advertises NIP-77 and
// refuses NEG-OPEN, limit 0 returns events, and no challenge is sent when a
// client connects.
func MattnRelay() Option {
	return options(
		named("nostr-relay", "https://github.com/mattn/nostr-relay", func(d *nip11.Document) {
			d.SupportedNIPs = append(d.SupportedNIPs, 77)
		}),
		WithFaults(LimitZeroSends(), RefuseNegentropy("NEG-ERR", "blocked: negentropy is disabled")),
	)
}

// NostrRelayCore is a relay like @nostr-relay/core: a tampered event that
// reuses a known id gets OK true, and requests of the information document get
// 426 Upgrade Required.
func NostrRelayCore() Option {
	return WithFaults(TrustKnownIDs(), AnswerInfo(426, "Upgrade Required"))
}

// NakServe is a relay like nak serve: since and until leave out the
// seconds they name, and a sync hangs.
func NakServe() Option {
	return options(
		named("nak serve", "https://github.com/fiatjaf/nak", nil),
		WithFaults(ExclusiveBounds(), NoAnswer().On("NEG-OPEN", "NEG-MSG")),
	)
}
