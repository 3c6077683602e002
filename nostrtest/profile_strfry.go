package nostrtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

// strfryPrivate are the kinds that strfry shows only to those they are of or for.
var strfryPrivate = [...]nostr.Kind{nostr.KindEncryptedDirectMessage, nostr.KindGiftWrap}

// What strfry allows by default.
const (
	strfrySubscriptions = 200
	strfryEventSize     = 64 << 10 // bytes of an event as JSON
)

// Strfry is a relay like strfry 1.1.1 with its defaults.
//
// CLOSED says "ERROR: " before its text, and "bad req:" for what it does not understand,
// unknown conditions of a filter among it; subscription ids are printable ASCII without
// quotes and backslashes, and at most 64 long. 200 subscriptions are served live; one
// more gets its stored events, EOSE, and a NOTICE that does not name it. 200 filters,
// 500 events per filter.
//
// Direct messages (kinds 4 and 1059) are for those who have authenticated as their
// author or reader: others do not get them with broad filters or among other kinds, and
// a REQ for nothing else is refused. The challenge comes only then, the relay tag is
// compared byte for byte with Relay.URL, and there is one key per connection.
//
// Events of over 64 KiB, events dated more than 15 minutes ahead, and events with
// malformed e and p tags, or a tags in deletions, are refused; "replaced:" and
// "deleted:" come with OK false. Ephemeral events are kept for five minutes. What the
// relay has not handled when a connection ends is dropped. It pings every 55 seconds.
//
// A reconciliation (NIP-77) covers a million events; answers have up to 500,000 bytes, twice
// that in hexadecimal. What cannot be read is answered with "PROTOCOL-ERROR", and a NEG-MSG
// after the end with "closed: unknown subscription handle". Many strfry relays have switched NIP-77
// off: see WithoutNegentropy.
func Strfry() Option {
	return options(
		WithLimits(Limits{
			MessageLength: 128 << 10, Filters: 200, Limit: 500, SubIDLength: 64, EventTags: 2000, Future: 15 * time.Minute,
			NegentropyEvents: 1_000_000,
		}),
		WithNegentropyFrame(500_000),
		named("strfry", "git+https://github.com/hoytech/strfry.git", func(d *nip11.Document) {
			subscriptions := int64(strfrySubscriptions)
			told := nip11.Limitation{MaxMessageLength: d.Limitation.MaxMessageLength, MaxSubscriptions: &subscriptions, MaxLimit: d.Limitation.MaxLimit}
			d.Version, d.Limitation = "1.1.1", told
		}),
		WithPolicy(func(_ Connection, event *nostr.Event) string { return strfryRefusesEvent(event) }),
		WithReadPolicy(strfryRefusesRequest),
		traits(
			IgnoreUnknown(), // the read policy has its own words for them
			strfryClosed(), PrefixClosed(),
			SubscriptionCapEOSE(strfrySubscriptions),
			HideKinds(strfryPrivate[:]...), OneKeyOnly(), ExactAuthURL(),
			DuplicateSays(true, "duplicate: have this event"),
			OutdatedSays(false, "replaced: have newer event"),
			DeletedSays(false, "deleted: user requested deletion"),
			KeepEphemeral(5*time.Minute),
			Queued(5*time.Millisecond),
			PingEvery(55*time.Second),
			NegErrSays("invalid", "PROTOCOL-ERROR"), NegErrSays("blocked", "blocked: too many query results"),
			NegErrSays("closed", "closed: unknown subscription handle"),
		),
	)
}

// strfryClosed puts strfry's words for what it does not understand into CLOSED.
func strfryClosed() Fault {
	return sentFault("CLOSED", func(m *outgoing) {
		closed, ok := m.message.(wire.Closed)
		if text, invalid := strings.CutPrefix(closed.Message, "invalid: "); ok && invalid {
			closed.Message = "bad req: " + text
			m.replace(answer{message: closed})
		}
	}, "strfryClosed()")
}

// strfryRefusesRequest returns why strfry does not answer a REQ or COUNT, or "".
func strfryRefusesRequest(conn Connection, request Request) string {
	for _, r := range request.SubscriptionID {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return "bad req: invalid character in subscription id"
		}
	}
	if len(request.Unknown) > 0 {
		return "bad req: unrecognised filter item: " + request.Unknown[0]
	}
	private := func(f nostr.Filter) bool {
		return len(f.Kinds) > 0 && !slices.ContainsFunc(f.Kinds, func(k nostr.Kind) bool { return !slices.Contains(strfryPrivate[:], k) })
	}
	if request.Verb == "NEG-OPEN" { // it sees nothing of them, and is not told
		return ""
	}
	if len(conn.Authenticated) == 0 && !slices.ContainsFunc(request.Filters, func(f nostr.Filter) bool { return !private(f) }) {
		return "auth-required: requested filter requires authentication"
	}
	return ""
}

// strfryRefusesEvent returns why strfry does not take an event, or "".
func strfryRefusesEvent(event *nostr.Event) string {
	if n := len(event.String()); n > strfryEventSize {
		return fmt.Sprintf("invalid: event too large: %d", n)
	}
	for _, tag := range event.Tags {
		switch key, value := tag.Key(), tag.Value(); {
		case key == "e" || key == "p":
			if b, err := hex.DecodeString(value); err != nil || len(b) != 32 {
				return "invalid: unexpected size for fixed-size tag: " + key
			}
		case key == "a" && event.Kind == nostr.KindDeletion:
			if strings.Count(value, ":") < 2 {
				return "invalid: malformed a tag"
			}
			if author := strings.Split(value, ":")[1]; author != event.PubKey.String() {
				return "invalid: can't delete other user's events"
			}
		}
	}
	return ""
}
