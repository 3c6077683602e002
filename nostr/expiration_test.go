package nostr_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
)

func TestP62EventsExpireInTheSecondTheyName(t *testing.T) {
	e := &nostr.Event{Tags: nostr.Tags{{"t", "x"}, {"expiration", "1600000000"}}}
	at, ok := e.Expiration()
	assert.True(t, ok)
	assert.Equal(t, nostr.Timestamp(1600000000), at)
	for now, expired := range map[nostr.Timestamp]bool{-1: false, 0: false, 1599999999: false, 1600000000: true, 1600000001: true, 1<<63 - 1: true} {
		assert.Equal(t, expired, e.Expired(now), now)
	}
	assert.True(t, e.Expired(nostr.Now()))
	assert.False(t, (&nostr.Event{}).Expired(1<<63-1), "no tag: never")
}

func TestP62MalformedExpirationsAreIgnored(t *testing.T) {
	for _, v := range []string{"", " 1", "1 ", "+1", "-1", "1.0", "1e3", "0x10", "1_000", "9223372036854775808", "soon", "\u0661", "1600000000\n"} {
		e := &nostr.Event{Tags: nostr.Tags{{"expiration", v}}}
		_, ok := e.Expiration()
		assert.False(t, ok, v)
		assert.False(t, e.Expired(1<<63-1), v)

		e.Tags = append(nostr.Tags{{"expiration"}}, append(e.Tags, nostr.Tag{"expiration", "7", "x"}, nostr.Tag{"expiration", "5"})...)
		at, ok := e.Expiration()
		assert.True(t, ok)
		assert.Equal(t, nostr.Timestamp(7), at, "the first that is a number")
	}
	for v, want := range map[string]nostr.Timestamp{"0": 0, "007": 7, "9223372036854775807": 1<<63 - 1} {
		at, ok := (&nostr.Event{Tags: nostr.Tags{{"expiration", v}}}).Expiration()
		assert.True(t, ok)
		assert.Equal(t, want, at)
	}
}

func TestWithExpirationReplacesAndCopies(t *testing.T) {
	tags := nostr.Tags{{"expiration", "1"}, {"t", "x"}, {"expiration"}}
	assert.Equal(t, nostr.Tags{{"t", "x"}, {"expiration", "1600000000"}}, tags.WithExpiration(1600000000))
	assert.Equal(t, nostr.Tags{{"expiration", "1"}, {"t", "x"}, {"expiration"}}, tags)
	assert.Equal(t, nostr.Tags{{"expiration", "2"}}, nostr.Tags(nil).WithExpiration(2))
}

func ExampleTags_WithExpiration() {
	posted := nostr.Timestamp(1700000000)
	offer := nostr.Event{CreatedAt: posted, Kind: nostr.KindTextNote, Tags: nostr.Tags{{"t", "sale"}}.WithExpiration(posted + 3600), Content: "for one hour"}
	fmt.Println(offer.Tags)
	fmt.Println(offer.Expired(posted+3599), offer.Expired(posted+3600))
	// Output:
	// [[t sale] [expiration 1700003600]]
	// false true
}
