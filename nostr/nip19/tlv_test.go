package nip19_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

var (
	special = tlv(0, string(someID[:]))
	author  = tlv(2, string(someKey[:]))
	kind1   = tlv(3, "\x00\x00\x00\x01")
)

func TestUnknownTLVsAreIgnored(t *testing.T) {
	unknown := tlv(4, "") + tlv(200, strings.Repeat("\xff", 255)) + tlv(255, "x")
	for s, want := range map[string]nip19.Entity{
		raw(t, "nprofile", unknown, special, unknown, tlv(1, "wss://a"), unknown): nip19.Profile{PubKey: [32]byte(someID), Relays: []string{"wss://a"}},
		raw(t, "nevent", unknown, special, unknown):                               nip19.Event{ID: someID},
		raw(t, "naddr", unknown, kind1, unknown, author, tlv(0, "d")):             nip19.Address{Address: nostr.Address{Identifier: "d", PubKey: someKey, Kind: 1}},
		// What a profile has no use for is nothing it knows.
		raw(t, "nprofile", special, tlv(2, "short"), tlv(3, "short")): nip19.Profile{PubKey: [32]byte(someID)},
	} {
		got, err := nip19.Decode(s)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestTLVsInAnyOrder(t *testing.T) {
	relay := tlv(1, "wss://a")
	want := nip19.Event{ID: someID, Author: someKey, Kind: kind(1), Relays: []string{"wss://a"}}
	for _, parts := range [][]string{{special, relay, author, kind1}, {kind1, author, relay, special}, {author, special, kind1, relay}} {
		got, err := nip19.Decode(raw(t, "nevent", parts...))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestKindZeroAndEmptyIdentifierAreLegal(t *testing.T) {
	got, err := nip19.Decode(raw(t, "naddr", tlv(0, ""), author, tlv(3, "\x00\x00\x00\x00")))
	require.NoError(t, err)
	assert.Equal(t, nip19.Address{Address: nostr.Address{PubKey: someKey}}, got)

	got, err = nip19.Decode(raw(t, "nevent", special, tlv(3, "\x00\x00\x00\x00")))
	require.NoError(t, err)
	require.NotNil(t, got.(nip19.Event).Kind)
	assert.Zero(t, *got.(nip19.Event).Kind)
}

func TestWrongTLVsAreNamed(t *testing.T) {
	for _, v := range []struct {
		prefix string
		parts  string
		t      byte
		text   string
	}{
		{"nprofile", "", 0, "nprofile: TLV 0 (special): missing"},
		{"nevent", kind1 + author, 0, "nevent: TLV 0 (special): missing"},
		{"naddr", kind1 + author, 0, "naddr: TLV 0 (special): missing"},
		{"naddr", tlv(0, "d") + kind1, 2, "naddr: TLV 2 (author): missing"},
		{"naddr", tlv(0, "d") + author, 3, "naddr: TLV 3 (kind): missing"},
		{"nprofile", tlv(0, "x"), 0, "nprofile: TLV 0 (special): 1 bytes, want 32"},
		{"nevent", tlv(0, strings.Repeat("x", 33)), 0, "nevent: TLV 0 (special): 33 bytes, want 32"},
		{"nevent", special + tlv(2, ""), 2, "nevent: TLV 2 (author): 0 bytes, want 32"},
		{"nevent", special + tlv(2, someKey.String()), 2, "nevent: TLV 2 (author): 64 bytes, want 32"},
		{"nevent", special + tlv(3, "\x01"), 3, "nevent: TLV 3 (kind): 1 bytes, want 4"},
		{"nevent", special + tlv(3, "\x00\x01\x00\x00"), 3, "nevent: TLV 3 (kind): beyond 65535"},
		{"naddr", tlv(0, "d") + author + tlv(3, "\x00\x00\x00\x00\x01"), 3, "naddr: TLV 3 (kind): 5 bytes, want 4"},
		{"naddr", tlv(0, "d") + author + tlv(3, "\xff\xff\xff\xff"), 3, "naddr: TLV 3 (kind): beyond 65535"},
		{"naddr", tlv(0, "\xff") + author + kind1, 0, "naddr: TLV 0 (special): not UTF-8"},
		{"nprofile", special + tlv(1, "wss://\xc3"), 1, "nprofile: TLV 1 (relay): not UTF-8"},
		{"nprofile", special + special, 0, "nprofile: TLV 0 (special): more than one"},
		{"naddr", tlv(0, "") + tlv(0, "") + author + kind1, 0, "naddr: TLV 0 (special): more than one"},
		{"nevent", special + author + author, 2, "nevent: TLV 2 (author): more than one"},
		{"nevent", special + kind1 + kind1, 3, "nevent: TLV 3 (kind): more than one"},
		{"nevent", special + "\x01", 1, "nevent: TLV 1 (relay): cut off"},
		{"nevent", special + "\x01\x05wss:", 1, "nevent: TLV 1 (relay): cut off"},
		{"nevent", special + "\x07\xff", 7, "nevent: TLV 7: cut off"},
		{"nevent", special[:20], 0, "nevent: TLV 0 (special): cut off"},
	} {
		e, err := nip19.Decode(raw(t, v.prefix, v.parts))
		assert.Nil(t, e)
		require.ErrorIs(t, err, nip19.ErrMalformed)
		assert.Equal(t, "nip19: malformed: "+v.text, err.Error())
		var part *nip19.TLVError
		require.ErrorAs(t, err, &part)
		assert.Equal(t, v.prefix, part.Prefix)
		assert.Equal(t, v.t, part.Type)
	}
}

func TestRelaysAreKeptUpToABound(t *testing.T) {
	parts := []string{special, tlv(1, "")}
	var want []string
	for i := range nip19.MaxRelays + 10 {
		relay := fmt.Sprintf("wss://%d", i)
		if parts = append(parts, tlv(1, relay), tlv(1, "")); i < nip19.MaxRelays {
			want = append(want, relay)
		}
	}
	got, err := nip19.Decode(raw(t, "nprofile", parts...))
	require.NoError(t, err)
	assert.Equal(t, want, got.(nip19.Profile).Relays)
	_, err = nip19.Decode(got.String())
	assert.NoError(t, err)
}

func TestDecodedEntitiesShareNoMemory(t *testing.T) {
	a, err := nip19.Decode(naddr)
	require.NoError(t, err)
	b, err := nip19.Decode(nevent)
	require.NoError(t, err)
	assert.Equal(t, "NostrChiavenna", a.(nip19.Address).Identifier)
	assert.Equal(t, []string{"wss://relay.damus.io"}, b.(nip19.Event).Relays)
}
