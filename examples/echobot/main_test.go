package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDemoAnswersBeforeAndAfterTheOutage(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, io.Discard))
	for _, want := range []string{
		`visitor  says "good morning"`, `bot      heard "good morning"`, `visitor  gets "echo: good morning"`,
		"relay    stopped", "bot      disconnected", "(attempt 2)",
		`visitor  gets "echo: are you still there?"`, "bot      goodbye",
	} {
		assert.Contains(t, out.String(), want)
	}
}

func TestHelpAndMistakes(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	assert.Contains(t, usage.String(), "-relay")

	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("rubbish"), 0o600))
	secret := nostrtest.Key(1).Hex()
	for _, args := range [][]string{
		{"-key", secret[1:]}, {"-key", secret + "0"}, {"-key", "nsec1" + secret[:58]}, {secret},
		{"-relay", "http://x.example"}, {"-key", strings.Repeat("0", 64)}, {"-key", file},
		{"-key", file + "-missing"}, {"-nonsense"}, {"stray"},
	} {
		err := run(t.Context(), args, io.Discard, io.Discard)
		require.Error(t, err, "%q", args)
		assert.NotContains(t, err.Error(), secret[1:50], "a key is not repeated")
	}
}

// With a relay and a key it lives there until Ctrl-C.
func TestServesARelayUntilItIsTold(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	key := nostrtest.Key(7)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key.Hex()+"\n"), 0o600))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var running sync.WaitGroup
	var err error
	running.Go(func() { err = run(ctx, []string{"-relay", relay.URL(), "-key", file}, io.Discard, io.Discard) })
	_, werr := relay.WaitRequest(t.Context(), func(nostrtest.Request) bool { return true })
	require.NoError(t, werr)

	mention := nostrtest.Event(nostrtest.Key(8), nostr.KindTextNote, "hi", nostr.Tag{"p", key.PubKey().String()})
	relay.Publish(mention)
	answer, werr := relay.WaitEvent(t.Context(), nostr.Filter{}.WithAuthors(key.PubKey()))
	require.NoError(t, werr)
	assert.Equal(t, "echo: hi", answer.Content)
	interrupt()
	running.Wait()
	assert.NoError(t, err)
}
