package nip19_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

func TestExamplesOfTheText(t *testing.T) {
	pk, err := nip19.Decode(npub)
	require.NoError(t, err)
	assert.Equal(t, nip19.PubKey{PubKey: someKey}, pk)
	assert.Equal(t, npub, nip19.EncodePubKey(someKey))

	sk, err := nip19.Decode(nsec)
	require.NoError(t, err)
	assert.Equal(t, secretHex, sk.(nip19.SecretKey).SecretKey.Hex())
	back, err := nip19.EncodeSecretKey(nostr.MustSecretKeyFromHex(secretHex))
	require.NoError(t, err)
	assert.Equal(t, nsec, back)

	profile, err := nip19.Decode(nprofile)
	require.NoError(t, err)
	want := nostr.MustPubKeyFromHex("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d")
	assert.Equal(t, nip19.Profile{PubKey: want, Relays: []string{"wss://r.x.com", "wss://djbas.sadkb.com"}}, profile)
	back, err = nip19.EncodeProfile(want, "wss://r.x.com", "wss://djbas.sadkb.com")
	require.NoError(t, err)
	assert.Equal(t, nprofile, back)
}

func TestExamplesOfTheFile(t *testing.T) {
	f := open(t, "nip19.json")
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Bech32, Hex, PubKey string
			Relays              []string
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		e, err := nip19.Decode(v.Bech32)
		require.NoError(t, err)
		switch e := e.(type) {
		case nip19.PubKey:
			assert.Equal(t, v.Hex, e.PubKey.String())
		case nip19.SecretKey:
			assert.Equal(t, v.Hex, e.SecretKey.Hex())
		case nip19.Profile:
			assert.Equal(t, v.PubKey, e.PubKey.String())
			assert.Equal(t, v.Relays, e.Relays)
		default:
			t.Fatalf("%T", e)
		}
		back, err := nip19.Encode(e)
		require.NoError(t, err)
		assert.Equal(t, v.Bech32, back)
	}
}

// The entities of real events, as other implementations wrote them and others again read them.
func TestRealEntities(t *testing.T) {
	type object struct {
		ID, PubKey, Author, Identifier string
		Kind                           *nostr.Kind
		Relays                         []string
	}
	broken, verbatim := 0, 0
	n := lines(t, "nip19-real.jsonl", func(line []byte) {
		var v struct {
			Bech32, Prefix, Error string
			Value                 json.RawMessage
		}
		require.NoError(t, json.Unmarshal(line, &v))
		got, err := nip19.Decode(v.Bech32)
		if v.Error != "" {
			broken++
			require.ErrorIs(t, err, nip19.ErrMalformed)
			return
		}
		require.NoError(t, err, v.Bech32)
		require.Equal(t, v.Prefix, got.Prefix())

		var hex string
		var o object
		if v.Value[0] == '"' {
			require.NoError(t, json.Unmarshal(v.Value, &hex))
		} else {
			require.NoError(t, json.Unmarshal(v.Value, &o))
		}
		switch e := got.(type) {
		case nip19.PubKey:
			require.Equal(t, hex, e.PubKey.String())
		case nip19.Note:
			require.Equal(t, hex, e.ID.String())
		case nip19.Profile:
			require.Equal(t, object{PubKey: e.PubKey.String(), Relays: e.Relays}, o)
		case nip19.Event:
			author := ""
			if !e.Author.IsZero() {
				author = e.Author.String()
			}
			require.Equal(t, object{ID: e.ID.String(), Author: author, Kind: e.Kind, Relays: e.Relays}, o)
		case nip19.Address:
			require.Equal(t, object{PubKey: e.PubKey.String(), Identifier: e.Identifier, Kind: &e.Kind, Relays: e.Relays}, o)
		default:
			t.Fatalf("%T", e)
		}
		again, err := nip19.Decode(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
		if got.String() == v.Bech32 {
			verbatim++
		}
	})
	assert.Equal(t, 152, n)
	assert.Equal(t, 1, broken)
	assert.Equal(t, 143, verbatim, "the others have their parts in another order")
}

func TestEveryEntitySurvivesTheRoundTrip(t *testing.T) {
	long := "wss://" + strings.Repeat("x", 249)
	many := make([]string, nip19.MaxRelays)
	for i := range many {
		many[i] = fmt.Sprintf("wss://relay-%d.example.com", i)
	}
	for _, e := range []nip19.Entity{
		nip19.PubKey{}, nip19.PubKey{PubKey: someKey}, nip19.Note{}, nip19.Note{ID: someID},
		nip19.Profile{PubKey: someKey}, nip19.Profile{PubKey: someKey, Relays: many}, nip19.Profile{Relays: []string{long, "no url", "\u00fc"}},
		nip19.Event{ID: someID}, nip19.Event{ID: someID, Kind: kind(0)}, nip19.Event{ID: someID, Kind: kind(65535), Author: someKey, Relays: []string{"wss://a"}}, nip19.Event{},
		nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 30023, Identifier: "x"}}, nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 30023}}, nip19.Address{Address: nostr.Address{PubKey: someKey}},
		nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 39999, Identifier: strings.Repeat("\u00fc", 127) + ":"}, Relays: []string{"wss://a", "wss://a"}},
	} {
		s, err := nip19.Encode(e)
		require.NoError(t, err)
		assert.Equal(t, s, e.String())
		assert.True(t, strings.HasPrefix(s, e.Prefix()+"1"))
		for _, spelling := range []string{s, strings.ToUpper(s)} {
			got, err := nip19.Decode(spelling)
			require.NoError(t, err)
			require.Equal(t, e, got)
		}
	}
}

func TestEncodersOfEvents(t *testing.T) {
	ev := &nostr.Event{ID: someID, PubKey: someKey, Kind: 0, Tags: nostr.Tags{{"d", "x"}}}
	s, err := nip19.EncodeEvent(ev, "wss://a", "", "wss://b")
	require.NoError(t, err)
	ev.Kind = 1
	e, err := nip19.Decode(s)
	require.NoError(t, err)
	assert.Equal(t, nip19.Event{ID: someID, Author: someKey, Kind: kind(0), Relays: []string{"wss://a", "wss://b"}}, e)

	assert.Equal(t, note, nip19.EncodeNote(someID))

	for k, want := range map[nostr.Kind]string{0: "", 10002: "", 30023: "x"} {
		ev.Kind = k
		s, err = nip19.EncodeAddress(ev, "wss://a")
		require.NoError(t, err)
		e, err = nip19.Decode(s)
		require.NoError(t, err)
		assert.Equal(t, nip19.Address{Address: nostr.Address{Identifier: want, PubKey: someKey, Kind: k}, Relays: []string{"wss://a"}}, e)
		assert.Equal(t, ev.Address(), e.(nip19.Address).Coordinate())
	}
	ev.Kind = 1
	_, err = nip19.EncodeAddress(ev)
	assert.ErrorIs(t, err, nip19.ErrNotEncodable)
	assert.ErrorContains(t, err, "events of kind 1 have no address")
}

func TestP10CoordinateIsTheValueOfAnATag(t *testing.T) {
	assert.Equal(t, "30023:"+someKey.String()+":a:b", nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 30023, Identifier: "a:b"}}.Coordinate())
	assert.Equal(t, "30023:"+someKey.String()+":", nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 30023}}.Coordinate())
	assert.Equal(t, "10002:"+someKey.String()+":", nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 10002}}.Coordinate())
	assert.Empty(t, nip19.Address{Address: nostr.Address{PubKey: someKey, Kind: 1, Identifier: "x"}}.Coordinate())
}

func TestWhatCannotBeEncodedIsRefused(t *testing.T) {
	many := strings.Split(strings.Repeat("a,", nip19.MaxRelays)+"a", ",")
	big := strings.Split(strings.Repeat(strings.Repeat("a", 255)+",", 20), ",")
	for _, v := range []struct {
		e    nip19.Entity
		why  string
		text string
	}{
		{nil, "nil", ""},
		{nip19.SecretKey{}, "no secret key", "SecretKey(redacted)"},
		{nip19.Profile{Relays: []string{strings.Repeat("a", 256)}}, "relay of 256 bytes, at most 255 fit", "(nprofile: not encodable: relay of 256 bytes, at most 255 fit)"},
		{nip19.Profile{Relays: []string{"\xff"}}, "relay is not UTF-8", "(nprofile: not encodable: relay is not UTF-8)"},
		{nip19.Profile{Relays: many}, "more than 64 relays", "(nprofile: not encodable: more than 64 relays)"},
		{nip19.Profile{Relays: big}, "longer than 5,000", "(nprofile: not encodable: bech32: longer than 5,000 characters)"},
		{nip19.Event{Relays: []string{"", "\xff"}}, "relay is not UTF-8", "(nevent: not encodable: relay is not UTF-8)"},
		{nip19.Address{Address: nostr.Address{Identifier: strings.Repeat("\u00fc", 128)}}, "identifier of 256 bytes", "(naddr: not encodable: identifier of 256 bytes, at most 255 fit)"},
		{nip19.Address{Address: nostr.Address{Identifier: "\xff"}}, "identifier is not UTF-8", "(naddr: not encodable: identifier is not UTF-8)"},
		{nip19.Address{Relays: []string{"\xff"}}, "relay is not UTF-8", "(naddr: not encodable: relay is not UTF-8)"},
	} {
		s, err := nip19.Encode(v.e)
		assert.ErrorIs(t, err, nip19.ErrNotEncodable)
		assert.ErrorContains(t, err, v.why)
		assert.Empty(t, s)
		_, err = nip19.EncodeURI(v.e)
		assert.ErrorIs(t, err, nip19.ErrNotEncodable)
		if v.e != nil {
			assert.Equal(t, v.text, v.e.String())
		}
	}
	_, err := nip19.EncodeSecretKey(nostr.SecretKey{})
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
}

func TestL20DecodedSecretKeysPrintAsRedacted(t *testing.T) {
	e, err := nip19.Decode(nsec)
	require.NoError(t, err)
	sk := e.(nip19.SecretKey)
	for _, v := range []any{e, sk, &sk, []nip19.Entity{e}, map[string]any{"k": sk}, struct{ E nip19.Entity }{e}, struct{ e nip19.Entity }{e}, fmt.Errorf("bad: %v", e)} {
		data, err := json.Marshal(v)
		if err != nil {
			assert.ErrorIs(t, err, nostr.ErrNotMarshaled)
			data = []byte(err.Error())
		}
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %X %d", v, v, v, v, v, v, v, v), fmt.Sprint(v), string(data)} {
			assert.NotContains(t, text, "nsec1")
			assert.NotContains(t, strings.ToLower(text), secretHex[:12])
			assert.NotContains(t, text, "103 222 162") // as decimal bytes
		}
	}
	assert.Equal(t, "SecretKey(redacted)", e.String())
	_, err = json.Marshal(e)
	assert.ErrorIs(t, err, nostr.ErrNotMarshaled)
}

func TestDecodeRefusals(t *testing.T) {
	for s, why := range map[string]string{
		"": "no separator", "npub": "no separator", "npub1": "too short", npub[:62]: "wrong checksum", npub + "q": "wrong checksum", "Npub" + npub[4:]: "mixed",
		" " + npub: "not printable", npub + "\n": "not printable", someKey.String(): "", "nostr:" + npub: "a nostr: URI, which is for DecodeURI", "NOSTR:" + npub: "DecodeURI",
		raw(t, "npub"): "npub of 0 bytes, want 32", raw(t, "npub", strings.Repeat("x", 31)): "npub of 31 bytes", raw(t, "note", strings.Repeat("x", 33)): "note of 33 bytes", raw(t, "nsec", "x"): "nsec of 1 bytes",
		raw(t, "nsec", strings.Repeat("\x00", 32)): "zero or not below", raw(t, "nsec", strings.Repeat("\xff", 32)): "zero or not below",
		strings.Repeat("q", 5001): "longer than 5,000",
	} {
		e, err := nip19.Decode(s)
		require.ErrorIs(t, err, nip19.ErrMalformed, s)
		assert.ErrorContains(t, err, why)
		assert.Nil(t, e)
	}
	for _, prefix := range []string{"nrelay", "bc", "lnurl", "ncryptsec", "npubx", "1npub", "_"} {
		e, err := nip19.Decode(raw(t, prefix, strings.Repeat("x", 32)))
		assert.ErrorIs(t, err, nip19.ErrUnknownPrefix)
		assert.False(t, errors.Is(err, nip19.ErrMalformed))
		assert.Nil(t, e)
	}
}

func TestL01HostileStringsOfOtherDecoders(t *testing.T) {
	for _, s := range []string{
		"nevent1qq5v4rkz", // sent nostr-tools into an endless loop
		"nevent1qqstmzcm5zh6gx4t3mn2f0rywmpugpfpxz9zqkx792y5ml0un7hr98gppamhxue69uhkummnw3ezumt0d5q3samnwvaz7tmjv4kxz7fwwdhx7un59eek7cmfv9kqysphvesn2dnxx4jrvwfkxfskyvt9xd3kgdpjx3jnwdfcvvenqvpjvgurvd34vcmkyvry8pjxxet989nx2wt9xgursephxu6nzctrxyung5ueddn", // the author is hex
	} {
		_, err := nip19.Decode(s)
		assert.ErrorIs(t, err, nip19.ErrMalformed)
	}
}

func TestL20ErrorsDoNotRepeatTheInput(t *testing.T) {
	for _, s := range []string{nsec[:62], nsec + "q", "nsce" + nsec[4:], secretHex, secretHex[:40] + "1qqqqqqqqqqqq", nsec[:40] + "b" + nsec[41:], nsec[:40] + "Q" + nsec[41:], "nostr:" + nsec, raw(t, secretHex, "x")} {
		_, err1 := nip19.Decode(s)
		_, err2 := nip19.DecodeURI(s)
		for _, err := range []error{err1, err2} {
			require.Error(t, err)
			body := strings.TrimPrefix(strings.TrimPrefix(s, "nostr:"), "nsec1")
			for i := 0; i+6 <= len(body); i++ {
				require.NotContains(t, err.Error(), body[i:i+6])
			}
		}
	}
}

// Shows L01.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{npub, nsec, note, nprofile, nevent, naddr, strings.ToUpper(naddr), "nevent1qq5v4rkz", "nrelay1qqqq"} {
		f.Add(s, []byte{})
	}
	for _, data := range []string{"", "\x00", "\x00\x20", tlv(0, "x"), tlv(0, strings.Repeat("x", 32)) + tlv(9, "") + tlv(3, "\x00\x00\x00\x00"), tlv(0, "") + tlv(2, strings.Repeat("x", 32)) + tlv(3, "\x00\x00\xff\xff") + tlv(1, "")} {
		f.Add("", []byte(data))
	}
	f.Fuzz(func(t *testing.T, s string, data []byte) {
		checkDecode(t, s)
		// Checksums are out of a fuzzer's reach; this goes behind them.
		if len(data) < 2000 {
			for _, prefix := range []string{"nprofile", "nevent", "naddr"} {
				checkDecode(t, raw(t, prefix, string(data)))
			}
		}
	})
}

// checkDecode demands that what can be read can be written, and reads the same again.
func checkDecode(t *testing.T, s string) {
	e, err := nip19.Decode(s)
	if err != nil {
		require.Nil(t, e)
		require.True(t, errors.Is(err, nip19.ErrMalformed) || errors.Is(err, nip19.ErrUnknownPrefix))
		return
	}
	written, err := nip19.Encode(e)
	require.NoError(t, err)
	require.LessOrEqual(t, len(written), len(s))
	again, err := nip19.Decode(written)
	require.NoError(t, err)
	if sk, ok := e.(nip19.SecretKey); ok {
		require.True(t, sk.SecretKey.Equal(again.(nip19.SecretKey).SecretKey))
	} else {
		require.Equal(t, e, again)
		require.Equal(t, written, e.String())
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range []string{npub, nprofile, nevent, naddr} {
		b.Run(s[:strings.IndexByte(s, '1')], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = nip19.Decode(s)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range []string{npub, nprofile, nevent, naddr} {
		e, err := nip19.Decode(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(e.Prefix(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = nip19.Encode(e)
			}
		})
	}
}
