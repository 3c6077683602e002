package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/domain"
)

func TestPublicDomainsAreTaken(t *testing.T) {
	label := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"example.com":                     "example.com",
		"EXAMPLE.Com":                     "example.com",
		"a-b.c1.example.com":              "a-b.c1.example.com",
		"1.2.3.com":                       "1.2.3.com",
		"xn--bcher-kva.example":           "xn--bcher-kva.example",
		"x.onion":                         "x.onion",
		label + ".com":                    label + ".com",
		strings.Repeat("a.", 126) + "b":   strings.Repeat("a.", 126) + "b",
		"0xyz.example.0xg":                "0xyz.example.0xg",
		"dead.beef":                       "dead.beef",
		strings.Repeat("A.", 126) + "b":   strings.Repeat("a.", 126) + "b",
		"nostr-plebs.example.co-op.co.uk": "nostr-plebs.example.co-op.co.uk",
	} {
		got, err := domain.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got)
	}
}

func TestWhatIsNoPublicDomainIsRefused(t *testing.T) {
	for in, why := range map[string]string{
		"":                               "empty",
		"localhost":                      "no dot",
		"com":                            "no dot",
		".example.com":                   "empty label",
		"example.com.":                   "empty label",
		"example..com":                   "empty label",
		"-example.com":                   "hyphen",
		"example-.com":                   "hyphen",
		"example.com-":                   "hyphen",
		"ex_ample.com":                   "character",
		"exa mple.com":                   "character",
		"example.com\n":                  "character",
		"example.com/path":               "character",
		"example.com?x=1":                "character",
		"example.com#f":                  "character",
		"example.com:8443":               "character",
		"user:pw@example.com":            "character",
		"example.com\\@x.com":            "character",
		"example.com\x00":                "character",
		"b\u00fccher.example":            "xn--",
		"example.\u212aom":               "character", // the Kelvin sign, which lower-cases to k
		"example\u3002com":               "character", // the ideographic full stop, which IDNA maps to a dot
		"\xff.com":                       "character",
		"127.0.0.1":                      "IP address",
		"127.1":                          "IP address",
		"2130706433":                     "IP address",
		"0x7f000001":                     "IP address",
		"0x7f.0x0.0x0.0x1":               "IP address",
		"example.0x":                     "IP address",
		"example.123":                    "IP address",
		"[::1]":                          "character",
		"::1":                            "character",
		strings.Repeat("a", 64) + ".com": "63",
		strings.Repeat("a.", 127) + "b":  "253",
		strings.Repeat("a", 1<<20):       "253",
	} {
		got, err := domain.Parse(in)
		require.ErrorContains(t, err, why, "%.80q", in)
		assert.Empty(t, got)
	}
}

// Names that no public resolver answers, but that of a host or a network does: where an
// identifier with one of them would lead is inside.
func TestWhatIsOnlyKnownInsideANetworkIsRefused(t *testing.T) {
	for _, in := range []string{
		"a.localhost", "A.B.LOCALHOST", // RFC 6761
		"printer.local", "x.printer.local", // RFC 6762
		"metadata.google.internal", "db.internal", // reserved by ICANN
		"home.arpa", "router.home.arpa", // RFC 8375
	} {
		got, err := domain.Parse(in)
		require.ErrorContains(t, err, "inside", in)
		assert.Empty(t, got)
	}
	for _, in := range []string{"local.example.com", "localhost.example", "my-local.com", "notlocal.xlocal", "internal.io", "arpa.home", "myhome.arpa"} {
		got, err := domain.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, in, got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"example.com", "127.0.0.1", "a.0x1", "-.-", "\u212a.com", "EXAMPLE.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := domain.Parse(s)
		if err != nil {
			return
		}
		require.True(t, strings.EqualFold(s, got))
		require.LessOrEqual(t, len(got), 253)
		require.Empty(t, strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-."))
		again, err := domain.Parse(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
