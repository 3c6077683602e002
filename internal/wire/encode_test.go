package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

func everyMessageWithID(id string) []wire.ClientMessage {
	filters := []nostr.Filter{{}}
	return []wire.ClientMessage{
		wire.Req{SubscriptionID: id, Filters: filters}, wire.Close{SubscriptionID: id},
		wire.CountReq{SubscriptionID: id, Filters: filters}, wire.NegOpen{SubscriptionID: id},
		wire.NegMsg{SubscriptionID: id}, wire.NegClose{SubscriptionID: id},
	}
}

func TestP12OnlyLegalIDsAreSent(t *testing.T) {
	for _, id := range []string{"a", `quote " and \ backslash`, "日本", strings.Repeat("i", 64), strings.Repeat("語", 64)} {
		assert.NoError(t, wire.ValidateSubscriptionID(id))
		for _, m := range everyMessageWithID(id) {
			frame, err := wire.EncodeClient(m)
			require.NoError(t, err)
			again, err := wire.ParseClient(frame)
			require.NoError(t, err)
			assert.Equal(t, m.Verb(), again.Verb())
		}
	}
	for _, id := range []string{"", strings.Repeat("i", 65), strings.Repeat("語", 65), "a\nb", "a\x00", "a\x7f", "a\u0085", "a\xff", "\xed\xa0\x80"} {
		assert.ErrorIs(t, wire.ValidateSubscriptionID(id), wire.ErrSubscriptionID)
		for _, m := range everyMessageWithID(id) {
			frame, err := wire.EncodeClient(m)
			assert.ErrorIs(t, err, wire.ErrSubscriptionID)
			assert.Nil(t, frame)
			var e *wire.EncodeError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, m.Verb(), e.Verb)
			assert.Equal(t, "subscription id", e.Field)
		}
	}
}

func TestP18FiltersThatMatchNothingAreNeverSent(t *testing.T) {
	nothing := nostr.Filter{}.WithAuthors()
	one := nostr.Filter{}.WithKinds(1)
	asked := []nostr.Filter{nothing, one, nostr.Filter{}.WithTag("e")}

	frame, err := wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: asked})
	require.NoError(t, err)
	assert.Equal(t, `["REQ","s",{"kinds":[1]}]`, string(frame))
	frame, err = wire.EncodeClient(wire.CountReq{SubscriptionID: "s", Filters: asked})
	require.NoError(t, err)
	assert.Equal(t, `["COUNT","s",{"kinds":[1]}]`, string(frame))
	assert.Len(t, asked, 3)
	assert.True(t, asked[0].MatchesNothing(), "the caller's filters stay as they are")

	for _, m := range []wire.ClientMessage{
		wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{nothing}},
		wire.CountReq{SubscriptionID: "s", Filters: []nostr.Filter{nothing, nothing}},
		wire.NegOpen{SubscriptionID: "s", Filter: nothing},
	} {
		frame, err := wire.EncodeClient(m)
		assert.ErrorIs(t, err, wire.ErrMatchesNothing)
		assert.Nil(t, frame)
	}
}

func TestP11RequestsAreSentWithLegalFilters(t *testing.T) {
	bad := nostr.Filter{}.WithTag("ee", "x")
	_, err := wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{}, bad}})
	assert.ErrorIs(t, err, nostr.ErrInvalidFilter)
	assert.ErrorContains(t, err, "wire: REQ: filters[1]: ")
	_, err = wire.EncodeClient(wire.NegOpen{SubscriptionID: "s", Filter: bad})
	assert.ErrorIs(t, err, nostr.ErrInvalidFilter)

	for _, none := range [][]nostr.Filter{nil, {}} {
		_, err = wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: none})
		assert.ErrorIs(t, err, wire.ErrNoFilter)
		_, err = wire.EncodeClient(wire.CountReq{SubscriptionID: "s", Filters: none})
		assert.ErrorIs(t, err, wire.ErrNoFilter)
	}
	_, err = wire.EncodeClient(wire.Req{SubscriptionID: "s", Filters: make([]nostr.Filter, wire.MaxFilters+1)})
	assert.ErrorIs(t, err, wire.ErrTooManyFilters)
}

func TestP39OnlyAnswersToChallengesAreSentAsAuth(t *testing.T) {
	_, err := wire.EncodeClient(wire.Auth{Event: authEvent()})
	require.NoError(t, err)
	_, err = wire.EncodeClient(wire.Auth{Event: sampleEvent()})
	assert.ErrorIs(t, err, wire.ErrNotAuth)
	for i := range 2 {
		ev := authEvent()
		ev.Tags = ev.Tags[i : i+1]
		_, err = wire.EncodeClient(wire.Auth{Event: ev})
		assert.ErrorIs(t, err, wire.ErrNotAuth)
	}
}

func TestP45AuthenticationEventsAreNeverPublished(t *testing.T) {
	_, err := wire.EncodeClient(wire.Publish{Event: authEvent()})
	assert.ErrorIs(t, err, wire.ErrAuthPublished)
}

func TestOnlySignedAndLegalEventsAreSent(t *testing.T) {
	unnamed, unsigned, untagged := authEvent(), authEvent(), authEvent()
	unnamed.ID = nostr.ID{}
	unsigned.Sig = nostr.Sig{}
	untagged.Tags = nostr.Tags{{}}
	for want, ev := range map[error]*nostr.Event{nostr.ErrInvalidEvent: untagged, wire.ErrNilEvent: nil} {
		for _, m := range []wire.ClientMessage{wire.Publish{Event: ev}, wire.Auth{Event: ev}} {
			_, err := wire.EncodeClient(m)
			assert.ErrorIs(t, err, want)
		}
	}
	for _, ev := range []*nostr.Event{unnamed, unsigned} {
		_, err := wire.EncodeClient(wire.Publish{Event: ev})
		assert.ErrorIs(t, err, wire.ErrUnsigned)
	}
}

func TestUnknownMessagesAreSentIfTheyAreWhatTheySay(t *testing.T) {
	frame, err := wire.EncodeClient(wire.Unknown{Name: "PING"})
	require.NoError(t, err)
	assert.Equal(t, `["PING"]`, string(frame))
	for _, m := range []wire.Unknown{
		{Name: "PING", Raw: []byte(`["PONG"]`)}, {Name: "PING", Raw: []byte(`["PING"`)}, {Name: "PING", Raw: []byte{}},
		{Name: "CLOSE", Raw: []byte(`["CLOSE","s"]`)}, {Name: strings.Repeat("X", 100_000)},
	} {
		_, err := wire.EncodeClient(m)
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	for _, m := range []wire.ClientMessage{nil, (*wire.Req)(nil), &wire.Close{SubscriptionID: "s"}} {
		_, err := wire.EncodeClient(m)
		var e *wire.EncodeError
		assert.ErrorAs(t, err, &e)
	}
}

func TestAMessageWithoutItsEventDoesNotPanic(t *testing.T) {
	assert.Equal(t, `["EVENT",null]`, string(wire.Publish{}.AppendJSON(nil)))
	assert.Equal(t, `["AUTH",null]`, string(wire.Auth{}.AppendJSON(nil)))
	assert.Equal(t, `["EVENT","s",null]`, string(wire.Event{SubscriptionID: "s"}.AppendJSON(nil)))
}
