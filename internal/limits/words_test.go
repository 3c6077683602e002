package limits_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/limits"
)

// The words of relays' sources and of their operators' texts, as they arrive. Where a name
// stands behind it the words are that software's.
var words = map[limits.Reason][]string{
	limits.TooManySubscriptions: {
		"ERROR: too many concurrent REQs",            // strfry, NOTICE
		"ERROR: too many concurrent REQs, at most 2", // nostrtest's
		"rate-limited: 20 subscriptions are open, at most 20",
		"Number of subscriptions exceeds limit",                                            // rnostr
		"invalid: limitation.max_subscriptions 20",                                         // in rnostr's form
		"Maximum concurrent subscription count reached",                                    // nostr-rs-relay
		"Subscription error: Maximum concurrent subscription count reached",                // nostr-rs-relay, NOTICE
		"Too many subscriptions: Number of subscriptions must be less than or equal to 10", // nostream
		"Subscription rejected: Too many subscriptions: Number of subscriptions must be less than or equal to 10",
		"blocked: No more than 128 subscriptions are allowed at any one time", // chorus
		"invalid: too many subscriptions",                                     // netstr
		"rate-limited: too many REQs",                                         // rust-nostr's relay builder
		"error: too many subscriptions",                                       // mocrelay
		"rate-limited: too many subscriptions",                                // mocrelay
		"rate-limited: too many subscriptions.",                               // bostr
		"rejected: too many subscriptions",                                    // nostr_relay
		"rate-limited: too many open subscriptions",
		"restricted: too many subscriptions",
		"too many subscriptions (max 100)",
		"error: too many subscriptions (max 200)",
		"error: too many concurrent subscriptions",
		"blocked: subscription limit reached (20)",
		"error: max subscriptions limit of 10 reached",
		"error: number of subscriptions exceeds limit",
		"ERROR: rate-limited: too many subs",
	},
	limits.TooManyFilters: {
		"ERROR: bad req: arr too big",        // strfry
		"invalid: limitation.max_filters 10", // rnostr
		"invalid: too many filters",          // netstr
		"Too many filters: Number of filters per susbscription must be less then or equal to 10", // nostream, as it is spelled there
		"Subscription rejected: Too many filters: Number of filters per susbscription must be less then or equal to 10",
		"rate-limited: too many open filters", // rely's example
		"restricted: too many filters",
		"error: too many filters, limit is 10",
		"blocked: REQ contains 12 filters, maximum is 10 (limit)",
		"too many filters",
	},
	limits.TooLong: {
		"ERROR: bad req: filter validation failed: error parsing authors: total filter items too large", // strfry
		"message too large (200000 > 131072)",                                  // nostr-rs-relay, NOTICE
		"payload reached size limit.",                                          // rnostr, NOTICE
		"invalid: limitation.max_message_length 524288",                        // rnostr
		"invalid: 135 authors in a filter, at most 100",                        // nostrtest's
		"invalid: 3 #t in a filter, at most 2",                                 // nostrtest's
		"invalid: message is too large",                                        // netstr, NOTICE
		"invalid: too many event IDs (max 5000)",                               // nosflare
		`invalid: must be less than or equal to 1000 authors at "[2].authors"`, // @nostr-relay
		`invalid: "ids" must contain less than or equal to 1000`,
		"error: subscription filters are too large",
		"blocked: message too large",
	},
	limits.LimitTooHigh: {
		"Limit too high: Filter limit must be less than or equal to 5000", // nostream
		"Subscription rejected: Limit too high: Filter limit must be less than or equal to 5000",
		"invalid: filter limit is too high",  // netstr
		"invalid: limitation.max_limit 1000", // rnostr
		"blocked: limit too high: 50000 (max 500)",
		"error: limit exceeds max_limit of 1000",
		"error: limit exceeds 200",
		"restricted: limit must not exceed 500",
		`invalid: "[2].limit" must be less than or equal to 5000`,
	},
	limits.RateLimited: {
		"rate-limited: slow down there chief", // netstr, nosflare
		"ERROR: rate-limited: slow down",
		"rate limited",                  // nostream, NOTICE
		"Rate limit exceeded.",          // chorus, NOTICE
		"rate-limited",                  // nostr_relay, NOTICE
		"rate-limited: too many counts", // mocrelay
		"rate-limited: slow down, limit 10 REQs a second",
		"rate-limited: too many subscriptions per minute",
		"blocked: at most 30 reqs per minute",
		"invalid: rate limit exceeded",
		"error: too many requests",
		"error: rate limit exceeded",
		"error: request limit exceeded, too many requests",
		"ERROR: read bandwidth budget exhausted (1048570 bytes/min per IP) (retry in 30ms)", // strfry of relay.damus.io
		"rate-limited: too many concurrent COUNT requests",
		"rate-limited: 訂閱數已達上限",
		"slow down there chief", // rely's example
		"too many connections",
	},
	limits.AuthRequired: {
		"auth-required: all requests must be authenticated",                       // khatru
		"ERROR: auth-required: requested filter requires authentication",          // strfry
		"auth-required: subscribing to specified kind(s) requires authentication", // netstr
		"auth-required: too many subscriptions for strangers",
		"auth-required:",
	},
	limits.Restricted: {
		"restricted: authenticated user does not have authorization for requested filters.", // khatru
		"restricted: you must be in the web of trust to query this relay",                   // haven
		"ERROR: restricted: members only",
	},
	limits.Duplicate: {
		"duplicate: this subscription is open already",
		"Duplicate subscription abc: Ignoring", // nostream
		"Subscription rejected: Duplicate subscription abc: Ignoring",
	},
	limits.Unsupported: {
		"unsupported: filter contains unknown elements",                              // netstr
		"ERROR: bad req: filter validation failed: unrecognised filter item: search", // strfry
		"search is not supported",                                                    // khatru
		"error: mixed search and non-search filters not supported",
	},
	limits.Invalid: {
		"invalid: cannot process filters",                                            // netstr
		"ERROR: bad req: filter validation failed: provided filter is not an object", // strfry
		"ERROR: bad req: invalid subscription id length",                             // strfry
		"ERROR: bad req: subscription id too long",                                   // strfry 1.0
		"invalid: subscription id is too long",                                       // netstr
		"error: subscription ID too long",                                            // mocrelay
		"Subscription identifier max length exceeded",                                // nostr-rs-relay
		"Subscription id should be non-empty string of max length 64 chars",          // rnostr
		"blocked: subscription ID exceeds max length 250",                            // rust-nostr's relay builder
		"Subscription ID too long: Subscription ID must be less or equal to 256",     // nostream
		"invalid: limitation.max_subid_length 100",                                   // rnostr
		"invalid: Filter is underspecified. Scrapers are not allowed",                // chorus
	},
	limits.Blocked: {
		"blocked: kinds 4 not allowed", // nosflare
		"blocked: query too expensive", // rust-nostr's relay builder
	},
	limits.Mute: {"mute: nobody listens"},
	limits.Error: {
		"error: could not connect to the database", // nosflare
		"error: query timeout",                     // mocrelay
		"error:",
		"ERROR: count-failed: can only count events you are involved in", // strfry
		"error: zu viele offene Abos – erst eines schließen",
	},
	limits.Unknown: {
		"", " ", ":", "Subscription closed", "Something is wrong", "Internal error",
		"too many things to filter for", // khatru
		"can't handle empty filters",    // khatru
		"you must buy a subscription", "bye", "pow: 20 bits", "closed: timeout",
		"too many concurrent NEG requests",
		strings.Repeat("x", 1<<20) + "too many subscriptions",
	},
}

func TestWordsOfRelays(t *testing.T) {
	for want, texts := range words {
		for _, text := range texts {
			var l limits.Limits
			assert.Equal(t, want, l.Refused(text, 7), "%.100q", text)
			assert.Equal(t, want == limits.TooManySubscriptions, l.Notice(text), "%.100q", text)
			if want == limits.TooManySubscriptions {
				assert.Equal(t, 7, l.Subscriptions(), text)
			} else {
				assert.Equal(t, 20, l.Subscriptions(), "%.100q", text)
			}
		}
	}
}

// Notices that are about something else, and that come at any time.
func TestOtherNotices(t *testing.T) {
	var l limits.Limits
	for _, text := range []string{
		"ERROR: too many concurrent NEG requests", "ERROR: bad msg: negentropy disabled", "ERROR: bad close: arr too small/big", "could not parse command",
		"Not support binary message", "error: bad JSON.", "Closing due to error(s)", "failed to parse envelope: unknown envelope label",
		"welcome! your subscription expires tomorrow", "event exceeded max size", "Internal requests: 20, exceed nothing", "",
	} {
		assert.False(t, l.Notice(text), text)
	}
}

func TestReasonsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for r := limits.Unknown; r <= limits.Error; r++ {
		assert.NotEmpty(t, r.String())
		names[r.String()] = true
	}
	assert.Len(t, names, int(limits.Error)+1)
	assert.Equal(t, "unknown", limits.Reason(200).String())
}
