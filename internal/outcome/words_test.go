package outcome_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/outcome"
)

// The words of relays' sources, as they arrive. Where a name stands behind it the words
// are that software's.
var answers = []struct {
	accepted bool
	message  string
	verdict  outcome.Verdict
	reason   outcome.Reason
}{
	{true, "", outcome.Accepted, outcome.Other},
	{true, "pow: difficulty 25>=24", outcome.Accepted, outcome.Other},
	{true, "broadcasted to 3", outcome.Accepted, outcome.Other}, // khatru
	{true, "saved: replaced older event, newer event stored", outcome.Accepted, outcome.Other},
	{true, "rate-limited: next time", outcome.Accepted, outcome.Other},
	{true, "mute: nobody", outcome.Accepted, outcome.Other},

	{true, "duplicate: have this event", outcome.Duplicate, outcome.Other}, // strfry
	{true, "duplicate:", outcome.Duplicate, outcome.Other},                 // nostream
	{true, "duplicate: ", outcome.Duplicate, outcome.Other},                // nostr-rs-relay
	{false, "duplicate: event already exists", outcome.Duplicate, outcome.Other},
	{false, "duplicate event", outcome.Duplicate, outcome.Other}, // on rust-nostr's stores
	{false, "ERROR: duplicate: have this event", outcome.Duplicate, outcome.Other},

	{false, "replaced: have newer event", outcome.Superseded, outcome.Other}, // strfry
	{false, "replaced", outcome.Superseded, outcome.Other},
	{false, "invalid: a newer version exists", outcome.Superseded, outcome.Other},
	{false, "ERROR: replaced: have newer event", outcome.Superseded, outcome.Other},
	{false, "duplicate: already have a newer version of this event", outcome.Superseded, outcome.Other}, // netstr
	{true, "duplicate: a newer version is already stored", outcome.Superseded, outcome.Other},           // Quartz
	{true, "replaced: a newer event is stored", outcome.Superseded, outcome.Other},
	{false, "duplicate: newer event already exists", outcome.Superseded, outcome.Other}, // nosflare
	{false, "duplicate: a newer or equal replaceable event already exists", outcome.Superseded, outcome.Other},
	{false, "invalid: not replacing newer replaceable event", outcome.Superseded, outcome.Other}, // realy
	{false, "invalid: a newer version of this event exists", outcome.Superseded, outcome.Other},
	{false, "replaced event", outcome.Superseded, outcome.Other}, // on rust-nostr's stores

	{false, "rate-limited: you are noting too much", outcome.Refused, outcome.RateLimited}, // noteguard
	{false, "rate-limited: slow down", outcome.Refused, outcome.RateLimited},               // nostream
	{false, "rate-limit: you note too much", outcome.Refused, outcome.RateLimited},
	{false, "ERROR: rate-limited: slow down", outcome.Refused, outcome.RateLimited},
	{false, "error: rate limit exceeded", outcome.Refused, outcome.RateLimited},
	{false, "blocked: slow down", outcome.Refused, outcome.RateLimited},

	{false, "auth-required: event marked as protected", outcome.Refused, outcome.AuthRequired}, // strfry
	{false, "ERROR: auth-required: please", outcome.Refused, outcome.AuthRequired},
	{false, "authentication required", outcome.Refused, outcome.AuthRequired},
	{false, "restricted: authentication required, and you have not paid", outcome.Refused, outcome.Restricted},
	{false, "restricted: not allowed to write, slow down", outcome.Refused, outcome.Restricted},

	{false, "mute: no one was listening for this", outcome.Refused, outcome.Mute}, // khatru

	{false, "deleted: user requested deletion", outcome.Refused, outcome.Deleted},          // strfry
	{false, "blocked: this event has been deleted", outcome.Refused, outcome.Deleted},      // khatru
	{false, "duplicate: this event was already deleted", outcome.Refused, outcome.Deleted}, // netstr
	{false, "duplicate: future version of this event was already deleted", outcome.Refused, outcome.Deleted},
	{false, "blocked: a newer deletion exists for this address", outcome.Refused, outcome.Deleted},
	{false, "blocked: event is covered by a deletion request", outcome.Refused, outcome.Deleted},

	{false, "", outcome.Refused, outcome.Other},
	{false, "invalid: cannot delete deletions and someone else's events", outcome.Refused, outcome.Other}, // netstr
	{false, "invalid: event creation date is too far off", outcome.Refused, outcome.Other},
	{false, "pow: 28 bits needed, slow down", outcome.Refused, outcome.Other},
	{false, "blocked: pubkey not allowed", outcome.Refused, outcome.Other},
	{false, "blocked: use a newer client", outcome.Refused, outcome.Other},
	{false, "error: could not connect to the database", outcome.Refused, outcome.Other},
	{false, "unsupported: kind", outcome.Refused, outcome.Other},
	{false, "see https://relay.example.com/duplicate: pay", outcome.Refused, outcome.Other},
}

func TestWhatRelaysSay(t *testing.T) {
	for _, a := range answers {
		verdict, reason := outcome.Read(a.accepted, a.message)
		assert.Equal(t, a.verdict, verdict, "%v %q", a.accepted, a.message)
		assert.Equal(t, a.reason, reason, "%v %q", a.accepted, a.message)
		upper, _ := outcome.Read(a.accepted, strings.ToUpper(a.message))
		assert.Equal(t, a.verdict, upper, "%v %q in capitals", a.accepted, a.message)
	}
}

// Whatever the words, OK false is never "accepted", and OK true is never refused, never
// unanswered.
func TestAnOKIsNeverTurnedRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
			a, b := rapid.SampledFrom(answers).Draw(t, "a"), rapid.SampledFrom(answers).Draw(t, "b")
			return a.message + rapid.SampledFrom([]string{" ", ": ", ""}).Draw(t, "between") + b.message
		})).Draw(t, "message")
		yes, _ := outcome.Read(true, message)
		assert.Contains(t, []outcome.Verdict{outcome.Accepted, outcome.Duplicate, outcome.Superseded}, yes)
		no, _ := outcome.Read(false, message)
		assert.Contains(t, []outcome.Verdict{outcome.Refused, outcome.Duplicate, outcome.Superseded}, no)
	})
}

func TestLongWordsAreCutBetweenCharacters(t *testing.T) {
	var o outcome.Outcome
	o.Connected(start)
	o.Write()
	o.OK(start, false, "blocked: "+strings.Repeat("é", 4000))
	got := o.Report().Message
	assert.LessOrEqual(t, len(got), 1024)
	assert.Greater(t, len(got), 1000)
	assert.True(t, utf8.ValidString(got))
	outcome.Read(false, strings.Repeat("error: ", 100_000))
}

func TestNames(t *testing.T) {
	assert.Equal(t, "superseded", outcome.Superseded.String())
	assert.Equal(t, "open", outcome.Verdict(99).String())
	assert.Equal(t, "auth-required", outcome.AuthRequired.String())
	assert.Equal(t, "other", outcome.Reason(99).String())
}

// FuzzRead has whatever a relay may say. Case does not count, and neither do words so far
// behind that nobody reads them.
func FuzzRead(f *testing.F) {
	for _, a := range answers {
		f.Add(a.accepted, a.message)
	}
	f.Add(false, strings.Repeat("ERROR: ", 100)+"duplicate: x")
	f.Fuzz(func(t *testing.T, accepted bool, message string) {
		verdict, reason := outcome.Read(accepted, message)
		if accepted {
			require.Contains(t, []outcome.Verdict{outcome.Accepted, outcome.Duplicate, outcome.Superseded}, verdict)
		} else {
			require.Contains(t, []outcome.Verdict{outcome.Refused, outcome.Duplicate, outcome.Superseded}, verdict)
		}
		if verdict != outcome.Refused {
			require.Equal(t, outcome.Other, reason, "what is not refused has no reason")
		}
		if other, _ := outcome.Read(!accepted, message); verdict == outcome.Superseded && accepted {
			require.Equal(t, outcome.Superseded, other, "words that outweigh a true outweigh a false")
		}
		require.NotEqual(t, "open", verdict.String())
		if long := strings.Repeat("x", 512); len(message) <= 512 {
			v, r := outcome.Read(accepted, message+long[len(message):]+"deleted: duplicate: newer event, slow down")
			w, s := outcome.Read(accepted, message+long[len(message):])
			require.Equal(t, []any{w, s}, []any{v, r}, "what is not read means nothing")
		}
		upper := strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				r += 'A' - 'a'
			}
			return r
		}, message)
		if utf8.ValidString(message) {
			v, r := outcome.Read(accepted, upper)
			require.Equal(t, []any{verdict, reason}, []any{v, r}, "in capitals")
		}
	})
}
