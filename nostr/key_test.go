package nostr_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

const secretHex = "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef" // of BIP-340's vectors

// Holders of a key, as bots and their configurations are.
type exported struct {
	Name string
	Key  nostr.SecretKey
	Ptr  *nostr.SecretKey
	Any  any
	List []nostr.SecretKey
	Map  map[string]nostr.SecretKey
}

type unexported struct {
	name string
	key  nostr.SecretKey
	ptr  *nostr.SecretKey
	any  any
	list []nostr.SecretKey
	m    map[string]nostr.SecretKey
}

type embedded struct{ nostr.SecretKey }

func holders(sk nostr.SecretKey) map[string]any {
	l, m := []nostr.SecretKey{sk}, map[string]nostr.SecretKey{"k": sk}
	return map[string]any{
		"key": sk, "pointer": &sk, "list": l, "map": m, "array": [1]nostr.SecretKey{sk},
		"exported":       exported{"bot", sk, &sk, sk, l, m},
		"*exported":      &exported{"bot", sk, &sk, sk, l, m},
		"unexported":     unexported{"bot", sk, &sk, sk, l, m},
		"*unexported":    &unexported{"bot", sk, &sk, sk, l, m},
		"embedded":       embedded{sk},
		"*embedded":      &embedded{sk},
		"error":          fmt.Errorf("with key %v: %w", sk, nostr.ErrBadSignature),
		"deep unexposed": []any{map[string]any{"x": &unexported{key: sk}}},
	}
}

// assertNoSecret looks for the secret in the spellings that printers have for 32 bytes.
func assertNoSecret(t *testing.T, text, what string) {
	t.Helper()
	raw, err := hex.DecodeString(secretHex)
	require.NoError(t, err)
	n := new(big.Int).SetBytes(raw)
	lower := strings.ToLower(text)
	for _, spelling := range []string{
		secretHex, secretHex[:16], secretHex[48:], hex.EncodeToString([]byte(secretHex))[:32], n.String(), fmt.Sprint(raw)[1:12], fmt.Sprintf("%x", raw[24:]),
		"0x5190cfef", fmt.Sprint(uint32(0x5190cfef)), fmt.Sprint(uint32(0xa784d904)), // the words of the scalar inside btcec
		fmt.Sprintf("%#v", raw[:4])[8:20], strings.ToLower(string(raw[:8])),
	} {
		assert.NotContains(t, lower, spelling, what)
	}
}

func TestL20SecretKeyIsRedactedUnderEveryVerb(t *testing.T) {
	sk := nostr.MustSecretKeyFromHex(secretHex)
	for _, verb := range "vsdqxXobcOUTtpeEfFgG" {
		for _, flags := range []string{"", "+", "#", "-20", "+#", "020", " ", "10.3", "# "} {
			format := "%" + flags + string(verb)
			for name, v := range holders(sk) {
				assertNoSecret(t, fmt.Sprintf(format, v), format+" of "+name)
			}
			if verb != 'T' && verb != 'p' {
				assert.Equal(t, "SecretKey(redacted)", fmt.Sprintf(format, sk), format)
			}
		}
	}
	assert.Equal(t, "SecretKey(redacted)", sk.String())
	assert.Equal(t, "SecretKey(redacted)", sk.GoString())
	assert.Equal(t, "[SecretKey(redacted)]", fmt.Sprint([]any{sk}))
	for name, v := range holders(sk) {
		assertNoSecret(t, fmt.Sprintln(v)+fmt.Sprint(v), name)
	}
	var buf bytes.Buffer
	log.New(&buf, "", 0).Println(sk, &sk, unexported{key: sk})
	assertNoSecret(t, buf.String(), "log")
}

func TestL20SecretKeyIsRedactedInSlog(t *testing.T) {
	sk := nostr.MustSecretKeyFromHex(secretHex)
	var buf bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
		for name, v := range holders(sk) {
			slog.New(h).With("with", v).Info("message", "value", v, slog.Any("any", v), slog.Group("group", "in", v))
			assertNoSecret(t, buf.String(), name)
			buf.Reset()
		}
		slog.New(h).Info("message", "key", sk)
		assert.Contains(t, buf.String(), "SecretKey(redacted)")
	}
}

// A redacted text in a configuration would be written silently and not be read again.
func TestL20SecretKeyIsNotMarshalled(t *testing.T) {
	sk := nostr.MustSecretKeyFromHex(secretHex)
	fails := func(name string, data []byte, err error) {
		t.Helper()
		require.ErrorIs(t, err, nostr.ErrNotMarshaled, name)
		assertNoSecret(t, err.Error()+string(data), name)
		assert.ErrorContains(t, err, "Hex", "%s: says how to do it on purpose", name)
		assert.ErrorContains(t, err, "NIP-49", name)
	}
	for name, v := range holders(sk) {
		data, err := json.Marshal(v)
		switch name {
		case "unexported", "*unexported", "deep unexposed", "error": // nothing in them is marshalled
			assertNoSecret(t, string(data), name)
		default:
			fails("json: "+name, data, err)
		}
	}
	data, err := json.Marshal(map[nostr.SecretKey]int{sk: 1})
	require.ErrorContains(t, err, "not marshalled", "encoding/json wraps no error of a map's key")
	assertNoSecret(t, err.Error()+string(data), "json: map key")
	data, err = xml.Marshal(embedded{sk})
	fails("xml", data, err)
	var buf bytes.Buffer
	fails("gob", buf.Bytes(), gob.NewEncoder(&buf).Encode(exported{Name: "bot", Key: sk}))
	assertNoSecret(t, buf.String(), "gob")
	data, err = sk.MarshalText()
	fails("text", data, err)
	data, err = sk.MarshalBinary()
	fails("binary", data, err)
}

func TestANoKeyIsWrittenAndReadAsNothing(t *testing.T) {
	type conf struct {
		Key   nostr.SecretKey
		Later nostr.SecretKey `json:",omitzero"`
	}
	data := marshal(t, conf{})
	assert.Equal(t, `{"Key":""}`, data)
	back := conf{Key: keyOne}
	unmarshal(t, data, &back)
	assert.True(t, back.Key.IsZero())
	var out bytes.Buffer
	require.NoError(t, xml.NewEncoder(&out).Encode(conf{}))
	require.NoError(t, xml.Unmarshal(out.Bytes(), &back))
	assert.True(t, back.Key.IsZero())
}

func TestSecretKeyCanBeReadFromConfigurations(t *testing.T) {
	var conf struct{ Key nostr.SecretKey }
	unmarshal(t, `{"Key":"`+secretHex+`"}`, &conf)
	assert.Equal(t, secretHex, conf.Key.Hex())
	for _, bad := range []string{`{"Key":"SecretKey(redacted)"}`, `{"Key":"` + secretHex[1:] + `"}`, `{"Key":["` + secretHex + `"]}`, `{"Key":7}`} {
		err := json.Unmarshal([]byte(bad), &conf)
		require.Error(t, err)
		assertNoSecret(t, err.Error(), bad)
		assert.Equal(t, secretHex, conf.Key.Hex(), "unchanged")
	}

	flags := flag.NewFlagSet("bot", flag.ContinueOnError)
	var usage bytes.Buffer
	flags.SetOutput(&usage)
	flags.TextVar(&conf.Key, "key", conf.Key, "secret key")
	flags.Usage()
	assertNoSecret(t, usage.String(), "usage")
	require.NoError(t, flags.Parse([]string{"-key", strings.Repeat("0", 63) + "1"}))
	assert.True(t, conf.Key.Equal(keyOne))
}

// Test reports print what differs by reflection, through pointers and unexported fields.
func TestL20SecretKeyIsRedactedInTestReports(t *testing.T) {
	held, others := holders(nostr.MustSecretKeyFromHex(secretHex)), holders(nostr.GenerateSecretKey())
	for name, v := range held {
		var report recorder
		assert.Equal(&report, others[name], v)
		assert.Nil(&report, v)
		assert.Empty(&report, v)
		assert.Contains(t, report.String(), "Error Trace", name)
		assertNoSecret(t, report.String(), name)
	}
}

type recorder struct{ strings.Builder }

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

func TestSecretKeyHexIsTheOneWayOut(t *testing.T) {
	sk, err := nostr.SecretKeyFromHex(secretHex)
	require.NoError(t, err)
	assert.Equal(t, secretHex, sk.Hex())
	assert.Equal(t, "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659", sk.PubKey().String())
	assert.False(t, sk.IsZero())
}

func TestSecretKeysOutOfRangeAreRefused(t *testing.T) {
	const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for _, s := range []string{strings.Repeat("0", 64), order, order[:63] + "2", strings.Repeat("f", 64)} {
		_, err := nostr.SecretKeyFromHex(s)
		assert.ErrorContains(t, err, "order", s)
	}
	last, err := nostr.SecretKeyFromHex(order[:63] + "0")
	require.NoError(t, err)
	assert.Equal(t, keyOne.PubKey(), last.PubKey(), "-1 and 1 share their x coordinate")
}

func TestErrorsDoNotRepeatASecretKey(t *testing.T) {
	nsec := "nsec1" + strings.Repeat("q", 58)
	for _, bad := range []string{strings.ToUpper(secretHex), secretHex[:63], secretHex + "0", secretHex[:63] + "z", "0x" + secretHex[2:], nsec, "", secretHex + "\n"} {
		sk, err := nostr.SecretKeyFromHex(bad)
		require.Error(t, err, bad)
		assert.True(t, sk.IsZero())
		errs := err.Error()
		_, err = nostr.PubKeyFromHex(bad)
		require.Error(t, err)
		errs += err.Error()
		assertNoSecret(t, errs, bad)
		if bad != "" {
			assert.NotContains(t, errs, bad)
		}
		assert.Panics(t, func() { nostr.MustSecretKeyFromHex(bad) })
	}
	_, err := nostr.SecretKeyFromHex(nsec)
	assert.ErrorContains(t, err, "nsec")
}

func TestZeroSecretKeyIsNoKey(t *testing.T) {
	var none nostr.SecretKey
	assert.True(t, none.IsZero())
	assert.True(t, none.PubKey().IsZero())
	assert.Empty(t, none.Hex())
	assert.ErrorIs(t, (&nostr.Event{}).Sign(none), nostr.ErrNoSecretKey)
	assert.Equal(t, "SecretKey(redacted)", fmt.Sprint(none))
	assert.True(t, none.Equal(nostr.SecretKey{}))
	assert.False(t, none.Equal(keyOne))
	assert.False(t, keyOne.Equal(none))
}

func TestSecretKeysAreEqualByValue(t *testing.T) {
	a, b := nostr.MustSecretKeyFromHex(secretHex), nostr.MustSecretKeyFromHex(secretHex)
	copied := a
	assert.True(t, a.Equal(b))
	assert.True(t, a == copied)
	assert.False(t, a.Equal(keyOne))
	// A key and its negative have the same public key and are two keys.
	minusOne := nostr.MustSecretKeyFromHex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140")
	assert.False(t, keyOne.Equal(minusOne))
}

func TestGeneratedKeysDiffer(t *testing.T) {
	a, b := nostr.GenerateSecretKey(), nostr.GenerateSecretKey()
	assert.False(t, a.Equal(b))
	assert.NotEqual(t, a.PubKey(), b.PubKey())
	again, err := nostr.SecretKeyFromHex(a.Hex())
	require.NoError(t, err)
	assert.True(t, a.Equal(again))
	assert.Equal(t, a.PubKey(), again.PubKey())
}
