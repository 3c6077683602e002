package nostr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

// One string of each kind: the examples of NIP-19, and NIP-19 strings made of known bytes.
const (
	npubA     = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
	npubHexA  = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
	nsecA     = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
	nsecHexA  = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
	noteA     = "note12fsqmnahla7ux0vupctkvsyx03we57v2wqdepjakkq79ad83hhsqg83l69"
	noteHexA  = "52600dcfb7ff7dc33d9c0e176640867c5d9a798a701b90cbb6b03c5eb4f1bde0"
	nprofileA = "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p"
	neventA   = "nevent1qqs0lvtq2hfp39hy9krkk8ztc8y8ck5hafs8sexs6umzfe2azz5vjcspz3mhxue69uhhyetvv9ujuerpd46hxtnfdupzq3svyhng9ld8sv44950j957j9vchdktj7cxumsep9mvvjthc2pjuqvzqqqqqqyt233p2"
	naddrA    = "naddr1qq8yummnw3eyx6rfv9mx2mnwvypzq9eemymaerqvwdc25f6ctyuvzx0zt3qld3zp5hf5cmfc2qlrzdh0qvzqqqyx7cm9ctex"
)

func TestKeysAreReadAsHexOrBech32(t *testing.T) {
	for _, s := range []string{
		npubA, npubHexA, "nostr:" + npubA, "NOSTR:" + npubA, "Nostr:" + npubHexA, strings.ToUpper(npubA), "NOSTR:" + strings.ToUpper(npubA), " " + npubA + "\n", "\t" + npubHexA + "\r\n",
	} {
		got, err := nostr.ParsePubKey(s)
		require.NoError(t, err, s)
		assert.Equal(t, npubHexA, got.String())
	}
	for _, s := range []string{noteA, noteHexA, "nostr:" + noteA, "nostr:" + noteHexA, strings.ToUpper(noteA), noteA + "\n"} {
		got, err := nostr.ParseID(s)
		require.NoError(t, err, s)
		assert.Equal(t, noteHexA, got.String())
	}
	for _, s := range []string{nsecA, nsecHexA, strings.ToUpper(nsecA), nsecA + "\n", " " + nsecHexA} {
		got, err := nostr.ParseSecretKey(s)
		require.NoError(t, err)
		assert.Equal(t, nsecHexA, got.Hex())
	}
}

func TestWrongKindOfEntityIsNamed(t *testing.T) {
	names := map[string]string{
		npubA: "this is an npub (a public key)", nsecA: "this is an nsec (a secret key: show it to nobody)", noteA: "this is a note (an event id)",
		nprofileA: "this is an nprofile", neventA: "this is an nevent", naddrA: "this is an naddr", "nrelay1xyz": "this is an nrelay",
		"ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p": "this is an ncryptsec",
	}
	for s, name := range names {
		for _, spelling := range []string{s, strings.ToUpper(s), " " + s + "\n", s[:len(s)-1]} {
			if s != npubA {
				_, err := nostr.ParsePubKey(spelling)
				assert.ErrorContains(t, err, "public key: "+name)
				assert.ErrorContains(t, err, "want npub")
			}
			if s != noteA {
				_, err := nostr.ParseID("nostr:" + spelling)
				if spelling[0] != ' ' {
					assert.ErrorContains(t, err, "event id: "+name)
					assert.ErrorContains(t, err, "want note")
				}
			}
			if s != nsecA {
				_, err := nostr.ParseSecretKey(spelling)
				assert.ErrorContains(t, err, "secret key: "+name)
				assert.ErrorContains(t, err, "want nsec")
			}
		}
	}
}

func TestStringsThatAreNoKeyAreRefused(t *testing.T) {
	for s, why := range map[string]string{
		"": "got 0 bytes", "nostr:": "got 0 bytes", npubHexA[1:]: "got 63 bytes", npubHexA + "0": "got 65 bytes", strings.ToUpper(npubHexA): "not lower-case hex",
		npubHexA[:62] + "zz": "not lower-case hex", "npub": "got 4 bytes", "npub1": "bad npub: bech32: too short", npubA[:62]: "wrong checksum", npubA[:62] + "h": "wrong checksum",
		npubA[:62] + "b": "outside the alphabet", npubA[:62] + "G": "mixed upper and lower case", "Npub" + npubA[4:]: "mixed",
		"nostr:nostr:" + npubA: "got 69 bytes", "nostr: " + npubA: "not lower-case hex", "npub" + noteA[4:]: "wrong checksum",
		shortNpub: "bad npub: 31 bytes, want 32",
	} {
		got, err := nostr.ParsePubKey(s)
		require.ErrorContains(t, err, why, s)
		assert.True(t, got.IsZero())
	}
}

// shortNpub has a good checksum over 31 zeros.
const shortNpub = "npub1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqkxnxjx"

func TestL20ErrorsOfParsersDoNotRepeatTheInput(t *testing.T) {
	for _, s := range []string{
		nsecA, nsecHexA, nsecA[:62], nsecA + "q", strings.ToUpper(nsecA), "nostr:" + nsecA, "nsce" + nsecA[4:], nsecHexA[:63], nsecHexA + "1", "1" + nsecHexA[:40], nsecHexA[:40] + "1qqqqqqqqqqqq",
		strings.ToUpper(nsecHexA), nsecA[:40] + "b" + nsecA[41:], nsecA[:40] + "Q" + nsecA[41:], nsecA[:40] + " " + nsecA[41:], nsecA[:40] + "\u00fc" + nsecA[41:], nsecHexA[:32] + "\n" + nsecHexA[32:],
	} {
		_, errPK := nostr.ParsePubKey(s)
		_, errID := nostr.ParseID(s)
		_, errSK := nostr.ParseSecretKey(s)
		for _, err := range []error{errPK, errID, errSK} {
			if err == nil {
				continue // a good key, or hex that could be one
			}
			text := strings.ToLower(err.Error())
			body := strings.TrimPrefix(strings.ToLower(s), "nostr:")
			body = strings.TrimPrefix(body, "nsec1")
			for i := 0; i+6 <= len(body); i++ {
				require.NotContains(t, text, body[i:i+6])
			}
		}
	}
}

func TestSecretKeysAreNoURIs(t *testing.T) {
	for _, s := range []string{"nostr:" + nsecA, "NOSTR:" + nsecHexA, " nostr:" + nsecA} {
		sk, err := nostr.ParseSecretKey(s)
		assert.ErrorContains(t, err, "must not be a nostr: URI")
		assert.True(t, sk.IsZero())
	}
}

func TestSecretKeysOutOfRangeAreRefusedAsBech32Too(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("0", 64), "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
		"nsec1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqwkhnav",
	} {
		_, err := nostr.ParseSecretKey(s)
		assert.ErrorContains(t, err, "zero or not below the order")
	}
}

// Shows L01.
func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{npubA, npubHexA, nsecA, nsecHexA, noteA, "nostr:" + npubA, " NOSTR:" + strings.ToUpper(noteA) + "\n", nprofileA, shortNpub, "npub1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if pk, err := nostr.ParsePubKey(s); err == nil {
			again, err := nostr.ParsePubKey(pk.String())
			require.NoError(t, err)
			require.Equal(t, pk, again)
		}
		if id, err := nostr.ParseID(s); err == nil {
			again, err := nostr.ParseID("nostr:" + id.String())
			require.NoError(t, err)
			require.Equal(t, id, again)
		}
		if sk, err := nostr.ParseSecretKey(s); err == nil {
			again, err := nostr.ParseSecretKey(sk.Hex())
			require.NoError(t, err)
			require.True(t, sk.Equal(again))
		}
	})
}

func ExampleParsePubKey() {
	for _, s := range []string{
		"3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d",
		"npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
		"nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
	} {
		pk, err := nostr.ParsePubKey(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(pk)
	}
	// Output:
	// 3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d
	// 3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d
	// nostr: public key: this is an nsec (a secret key: show it to nobody), want npub or 64 lower-case hex digits
}

// bech32 ends its prefix at the last "1": what only begins like an npub is none.
func TestEntitiesWithSomethingBehindTheirPrefixAreRefused(t *testing.T) {
	_, err := nostr.ParsePubKey("npub1junk1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqsyj4r0x")
	assert.Error(t, err)
	_, err = nostr.ParseSecretKey("nsec1xx11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqskejn4f")
	assert.Error(t, err)
}
