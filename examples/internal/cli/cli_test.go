package cli

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " \t\n ": "", " a\r\n\tb ": "a b", "naïve 👩‍💻": "naïve 👩‍💻", "日本語": "日本語",
		"a\xffb": "a\ufffdb", "\x00": `\x00`, "0123456789": "0123456789", "0123456789a": "0123456789 …",
		"01234 56789 ": "01234 56789", "\u2066x\u2069": `\u2066x\u2069`,
		"\x1b[31m": `\x1b[31m`, "a\u2028b\u2029c\u0085d": "a b c d", "\u009b2J": `\u009b2J`, "\u202eback\x7f": `\u202eback\x7f`,
	} {
		got := Safe(in, 10)
		assert.Equal(t, want, got, "%q", in)
		assert.True(t, utf8.ValidString(got))
	}
	assert.Equal(t, strings.Repeat(`\u202e`, 10)+" …", Safe(strings.Repeat("\u202e", 1000), 10))
}

func nsec(t *testing.T) string {
	t.Helper()
	text, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	return text
}

func TestFailureRepeatsNoKey(t *testing.T) {
	for _, key := range []string{nsec(t), strings.ToUpper(nsec(t)), nsec(t)[:20]} {
		assert.Equal(t, `no such flag: -nsec1… \x1b`, Failure(errors.New("no such flag: -"+key+" \x1b")))
	}
	assert.Len(t, Failure(errors.New(strings.Repeat("x", 10_000))), MaxLine+len(" …"))
}

// Package flag writes what it does not understand to its output. That is nobody's.
func TestParseWritesNothingButUsage(t *testing.T) {
	for _, args := range [][]string{{"-" + nsec(t)}, {"-n", nsec(t)}, {"-u", nsec(t)}, {"-n"}} {
		flags, usage := flag.NewFlagSet("x", flag.ContinueOnError), new(strings.Builder)
		flags.SetOutput(usage)
		flags.Int("n", 1, "a `number`")
		flags.Func("u", "", func(string) error { return errors.New("no") })
		err := Parse(flags, args, "intro\n", usage)
		require.ErrorContains(t, err, "; see -h")
		assert.NotContains(t, Failure(err), nsec(t)[6:])
		assert.Empty(t, usage.String())
	}
	flags, usage := flag.NewFlagSet("x", flag.ContinueOnError), new(strings.Builder)
	n := flags.Int("n", 1, "a `number`")
	require.ErrorIs(t, Parse(flags, []string{"-h"}, "intro\n", usage), flag.ErrHelp)
	assert.Equal(t, "intro\n  -n number\n    \ta number (default 1)\n", usage.String())
	require.NoError(t, Parse(flags, []string{"-n", "2", "x"}, "", usage))
	assert.Equal(t, []any{2, "x"}, []any{*n, flags.Arg(0)})
}

func TestHasSecretKey(t *testing.T) {
	for text, want := range map[string]bool{
		nsec(t): true, "my key: " + nsec(t) + ".\n": true, strings.ToUpper(nsec(t)): true, "nsec1… " + nsec(t): true,
		"": false, "an nsec1 is a key": false, nsec(t)[:62]: false, nip19.EncodePubKey(nostrtest.PubKey(1)): false,
	} {
		assert.Equal(t, want, HasSecretKey("x", text), text)
	}
	assert.False(t, HasSecretKey())
}

func TestSecretKeyIsReadAndNotRepeated(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	good, hex := file("nsec", nsec(t)+"\n"), nostrtest.Key(1).Hex()
	for _, arg := range []string{nsec(t), hex, good, file("hex", " "+hex+"\r\n")} {
		key, err := SecretKey(arg)
		require.NoError(t, err)
		assert.Equal(t, nostrtest.Key(1).Hex(), key.Hex())
	}
	key, err := SecretKeyFile(good)
	require.NoError(t, err)
	assert.Equal(t, nostrtest.Key(1).Hex(), key.Hex())

	bad := file("bad"+hex[1:40], nsec(t)[:62])
	for arg, want := range map[string]string{
		"":            "nor is it a file",
		nsec(t)[1:]:   "nor is it a file",
		hex + "0":     "nor is it a file",
		bad + "x":     "nor is it a file",
		dir:           "nor is it a file",
		bad:           "in that file: nostr: secret key",
		file("e", ""): "in that file: nostr: secret key",
		file("l", strings.Repeat(" ", maxKeyFile)+nsec(t)): "more than 4096 bytes",
	} {
		_, err := SecretKey(arg)
		require.ErrorContains(t, err, want)
		_, fileErr := SecretKeyFile(arg)
		require.ErrorContains(t, fileErr, strings.Replace(want, "nor is it a file", "want the name of a file", 1))
		for _, secret := range []string{nsec(t)[10:40], hex[1:40]} {
			assert.NotContains(t, err.Error()+fileErr.Error(), secret)
		}
	}
	_, err = SecretKeyFile(nsec(t))
	require.Error(t, err, "it wants a file")
	assert.NotContains(t, err.Error(), "nsec1")
}

// A file that is cut short would say less than was meant.
func TestAFileThatIsTooLongIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(name, []byte("12345"), 0o600))
	data, err := ReadFile(name, 5)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(data))
	_, err = ReadFile(name, 4)
	assert.EqualError(t, err, "more than 4 bytes")
}
