package nostrtest

import (
	"encoding/json"
	"time"

	"github.com/gennostr/gennostr/nostr/nip11"
)

// The profiles are options that make the relay answer as a relay in the wild does, in
// what a client gets to feel (PROTOCOL, Q01 to Q08). They set limits, policies and the
// information document; options behind a profile override it, faults add up. Strfry and khatru's family have files of their own.

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

// traits is WithFaults for what a relay always does.
func traits(faults ...Fault) Option {
	for i := range faults {
		faults[i].trait = true
	}
	return WithFaults(faults...)
}

// Mocrelay is a relay like mocrelay: a bad signature is answered with NOTICE and
// never with OK; limit 0 returns events; of EVENTs that come at once 35 are answered,
// and one more for each millisecond, the others are lost without an OK; the information
// document lists the kinds of its retention as plain numbers, which parsers that expect
// pairs trip over.
func Mocrelay() Option {
	return options(
		WithoutNegentropy(),
		named("mocrelay", "https://github.com/high-moctane/mocrelay", func(d *nip11.Document) {
			d.Retention = json.RawMessage(`[{"kinds":[0,1,3],"time":3600}]`)
		}),
		traits(NoticeForBadEvents(), LimitZeroSends(), LoseBursts(35, time.Millisecond)),
	)
}

// MattnRelay is a relay like mattn/nostr-relay: it reads five messages a second
// from a connection; limit 0 returns events; a tag condition finds stored events that
// have its value anywhere in their tags; protected events are refused with
// "auth-required:" and no challenge ever comes; what cannot be parsed is answered with
// NOTICE, and so is NEG-OPEN, although NIP-77 is advertised; unknown conditions of a
// filter are passed over. The limits of subscriptions and tags that it states are not
// enforced.
func MattnRelay() Option {
	return options(
		WithoutNegentropy(),
		WithLimits(Limits{MessageLength: 512 << 10, Limit: 500, SubIDLength: 100, ContentLength: 16 << 10}),
		named("nostr-relay", "https://github.com/mattn/nostr-relay", func(d *nip11.Document) {
			subscriptions, tags := int64(20), int64(100)
			d.Limitation.MaxSubscriptions, d.Limitation.MaxEventTags = &subscriptions, &tags
			d.SupportedNIPs = append(d.SupportedNIPs, 77)
		}),
		traits(ReadPace(5), LimitZeroSends(), LooseTags(), NoChallenge(), NoticeForUnreadable(), IgnoreUnknown()),
	)
}

// NostrRelayCore is a relay like @nostr-relay/core: a tampered event that reuses a
// known id gets OK true, and requests of the information document get 426 Upgrade
// Required.
func NostrRelayCore() Option {
	return options(WithoutNegentropy(), traits(TrustKnownIDs(), AnswerInfo(426, "Upgrade Required")))
}

// NakServe is a relay like nak serve: since and until leave out the seconds they
// name, and a sync hangs.
func NakServe() Option {
	return options(
		named("nak serve", "https://github.com/fiatjaf/nak", nil),
		traits(ExclusiveBounds(), NoAnswer().On("NEG-OPEN", "NEG-MSG")),
	)
}

// WalletRelay is a relay like those that wallet services live on (NIP-47):
// ephemeral events are kept for ten minutes, so that requests and responses (kinds 23194
// and 23195) can be asked for after an outage.
func WalletRelay() Option { return traits(KeepEphemeral(10 * time.Minute)) }
