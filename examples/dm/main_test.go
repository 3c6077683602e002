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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestDemoIsAConversation(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-key", nostrtest.Key(7).Hex()}, &out, io.Discard))
	for _, want := range []string{
		`visitor  says "hello, is anybody there?"`, `writes "hello, is anybody there?"`, `visitor  gets "got it: hello, is anybody there?"`,
		"bot      gets messages from ws://127.0.0.1:", "visitor  gets messages from ws://127.0.0.1:", "my list of relays on ws://127.0.0.1:",
		`visitor  gets "got it: can others read this?"`, "bot      goodbye", "visitor  goodbye",
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "no messages from")
	assert.Equal(t, 4, strings.Count(out.String(), "have seen this: a wrap for"))
	assert.NotContains(t, out.String(), nostrtest.Key(7).Hex())
}

func TestHelpAndMistakes(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	for _, flag := range []string{"-relay", "-lists", "-key"} {
		assert.Contains(t, usage.String(), flag)
	}

	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("rubbish"), 0o600))
	secret := nostrtest.Key(1).Hex()
	for _, args := range [][]string{
		{"-key", ""}, {"-key", secret[1:]}, {"-key", secret + "0"}, {"-key", "nsec1" + secret[:58]}, {secret}, {"-" + secret},
		{"-relay", "http://x.example"}, {"-relay", secret}, {"-lists", "wss://x.example"}, {"-key", strings.Repeat("0", 64)},
		{"-key", file}, {"-key", file + "-missing"}, {"-key", t.TempDir()}, {"-nonsense"}, {"stray"}, {"-relay"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), args, &out, &out)
		require.Error(t, err, "%q", args)
		assert.NotContains(t, err.Error()+out.String(), secret[1:50], "a key is not repeated")
	}
}

// With a relay and a key it lives there until Ctrl-C. What a stranger's list says is
// no way into the network that the bot runs in.
func TestServesARelayUntilItIsTold(t *testing.T) {
	relay, inside := nostrtest.NewRelay(t, nostrtest.Strfry()), nostrtest.NewRelay(t)
	nsec, err := nip19.EncodeSecretKey(botKey)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(nsec+"\n"), 0o600))
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
	defer interrupt()
	var out logbook
	var running sync.WaitGroup
	var ended error
	running.Go(func() {
		ended = run(ctx, []string{"-relay", relay.URL(), "-lists", relay.URL(), "-key", file}, &out, io.Discard)
	})
	w := &world{t: t, ctx: ctx, relay: relay}
	w.isUp()

	list, err := nip17.NewRelayList(inside.URL())
	require.NoError(t, err)
	require.NoError(t, list.Sign(malloryKey))
	relay.Publish(&list, w.wrapped(malloryKey, nip17.Message{Content: "go there"}))
	relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hi\x1b[2J"}))
	assert.Equal(t, "got it: hi\x1b[2J", w.toVisitor(relay, 1)[0].Content)
	out.await(ctx, t, "on "+inside.URL()+"/: unanswered: ")

	relay.Notice("\x1b[2J wants the screen")
	out.await(ctx, t, `\x1b[2J wants the screen`)

	interrupt()
	running.Wait()
	assert.NoError(t, ended)
	assert.Zero(t, inside.ConnectionCount())
	assert.Contains(t, out.String(), nip19.EncodePubKey(botKey.PubKey()))
	assert.NotContains(t, out.String(), nsec)
	assert.NotContains(t, out.String(), "\x1b")
	assert.Empty(t, relay.Events(nostr.Filter{}.WithKinds(nostr.KindTextNote)))
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	assert.Equal(t, "üü…", cut("üüüü", 7))
	assert.Equal(t, "ü…", cut("üüüü", 6), "no character in two")
	assert.Equal(t, "üüüü", cut("üüüü", 8))
}
