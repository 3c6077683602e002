package limits_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
)

func TestP52WhatAnEventExceeds(t *testing.T) {
	const now = nostr.Timestamp(1_000_000)
	e := &nostr.Event{CreatedAt: now, Content: "äöü", Tags: nostr.Tags{{"t", "a"}, {"t", "b"}}}
	e.ID[0], e.ID[1] = 0, 0x0f // 12 bits
	dated := func(at nostr.Timestamp) *nostr.Event { c := *e; c.CreatedAt = at; return &c }
	for _, c := range []struct {
		limit nip11.Limitation
		event *nostr.Event
		want  limits.Excess
	}{
		{nip11.Limitation{}, e, limits.Excess{}},
		{nip11.Limitation{MaxMessageLength: num(300)}, e, limits.Excess{}},
		{nip11.Limitation{MaxMessageLength: num(299)}, e, limits.Excess{Limit: "max_message_length", Bound: 299, Value: 300}},
		{nip11.Limitation{MaxEventTags: num(2)}, e, limits.Excess{}},
		{nip11.Limitation{MaxEventTags: num(1)}, e, limits.Excess{Limit: "max_event_tags", Bound: 1, Value: 2}},
		{nip11.Limitation{MaxContentLength: num(3)}, e, limits.Excess{}}, // characters, not bytes
		{nip11.Limitation{MaxContentLength: num(2)}, e, limits.Excess{Limit: "max_content_length", Bound: 2, Value: 3}},
		{nip11.Limitation{CreatedAtLowerLimit: num(60), CreatedAtUpperLimit: num(60)}, dated(now - 60), limits.Excess{}},
		{nip11.Limitation{CreatedAtLowerLimit: num(60)}, dated(now - 61), limits.Excess{Limit: "created_at_lower_limit", Bound: 60, Value: 61}},
		{nip11.Limitation{CreatedAtUpperLimit: num(60)}, dated(now + 60), limits.Excess{}},
		{nip11.Limitation{CreatedAtUpperLimit: num(60)}, dated(now + 61), limits.Excess{Limit: "created_at_upper_limit", Bound: 60, Value: 61}},
		{nip11.Limitation{MinPowDifficulty: num(12)}, e, limits.Excess{}},
		{nip11.Limitation{MinPowDifficulty: num(13)}, e, limits.Excess{Limit: "min_pow_difficulty", Bound: 13, Value: 12, Least: true}},
	} {
		got, exceeds := limits.Exceeds(c.limit, c.event, 300, now)
		assert.Equal(t, c.want, got)
		assert.Equal(t, c.want.Limit != "", exceeds)
	}
	for _, n := range []int64{0, -1, math.MinInt64} {
		_, exceeds := limits.Exceeds(nip11.Limitation{
			MaxMessageLength: &n, MaxEventTags: &n, MaxContentLength: &n, CreatedAtLowerLimit: &n, CreatedAtUpperLimit: &n, MinPowDifficulty: &n,
		}, dated(now+5), 300, now)
		assert.False(t, exceeds, "%d states nothing", n)
	}
}

func TestPlainEvents(t *testing.T) {
	const now = nostr.Timestamp(1_000_000)
	assert.True(t, limits.Plain(&nostr.Event{CreatedAt: now + 600, Tags: make(nostr.Tags, 100)}, 16<<10, now))
	assert.True(t, limits.Plain(&nostr.Event{CreatedAt: now - 600}, 1, now))
	assert.False(t, limits.Plain(&nostr.Event{CreatedAt: now + 601}, 1, now))
	assert.False(t, limits.Plain(&nostr.Event{CreatedAt: now - 601}, 1, now))
	for _, off := range []nostr.Timestamp{18_446_744_074, math.MaxInt64 - now, math.MinInt64, -18_446_744_073} { // seconds that wrap around as nanoseconds
		assert.False(t, limits.Plain(&nostr.Event{CreatedAt: now + off}, 1, now), off)
	}
	assert.False(t, limits.Plain(&nostr.Event{CreatedAt: now, Tags: make(nostr.Tags, 101)}, 1, now))
	assert.False(t, limits.Plain(&nostr.Event{CreatedAt: now}, 16<<10+1, now))
}

func TestRefusalsThatSpeakOfDates(t *testing.T) {
	for _, text := range []string{
		"invalid: created_at too late", "invalid: created_at too early", "invalid: event creation date is too far off from the current time",
		"rejected: created_at is more than 900 seconds in the future", "The event created_at field is out of the acceptable range (+15min) for this relay.",
		"invalid: timestamp too far in the future", "ERROR: invalid: event too old", "auth-required: AUTH event is too old: check your clock",
	} {
		assert.True(t, limits.Dates(text), text)
	}
	for _, text := range []string{"", "blocked: no", "invalid: bad signature", "rate-limited: slow down", strings.Repeat("x", 1000) + "created_at"} {
		assert.False(t, limits.Dates(text), text)
	}
}
