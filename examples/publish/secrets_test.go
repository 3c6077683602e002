package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
)

// The worst slip there is: the key where the text belongs.
func TestSecretKeyIsNeverPublished(t *testing.T) {
	nsec, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	relay := nostrtest.NewRelay(t)
	for _, c := range []struct{ args, stdin string }{
		{nsec + " hello", ""}, {"hello " + strings.ToUpper(nsec), ""}, {"-tag t=" + nsec + " hello", ""}, {"-", "my key: " + nsec + ".\n"},
	} {
		args := append([]string{"-relay", relay.URL()}, strings.Fields(c.args)...)
		err := run(t.Context(), args, strings.NewReader(c.stdin), io.Discard, io.Discard)
		assert.ErrorContains(t, err, "secret key")
		assert.NotContains(t, err.Error(), nsec)
	}
	assert.Empty(t, relay.Events())
}

// What is printed last goes through cli.Failure: flags repeat what they do not understand.
func TestSlipsAreNotRepeated(t *testing.T) {
	nsec, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	for _, args := range [][]string{{"-key" + nsec, "hi"}, {"-kind", nsec, "hi"}, {"-timeout", nsec, "hi"}, {"-atleast", nsec, "hi"}} {
		err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard)
		assert.NotContains(t, cli.Failure(err), nsec[:12])
	}
}
