package main

import (
	"bufio"
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

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// Shows D57.
func TestDemoAnswersBeforeAndAfterTheOutage(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, io.Discard))
	for _, want := range []string{
		`visitor  says "good morning"`, `bot      heard "good morning" (live)`, `visitor  gets "echo: good morning"`, ": accepted\n",
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
		{"-key", file + "-missing"}, {"-nonsense"}, {"stray"}, {"-" + secret}, {"-relay", secret},
	} {
		var stderr strings.Builder
		err := run(t.Context(), args, io.Discard, &stderr)
		require.Error(t, err, "%q", args)
		assert.NotContains(t, err.Error()+stderr.String(), secret[1:50], "a key is not repeated")
	}
}

// With a relay and a key it lives there until Ctrl-C, and leaves history alone.
func TestServesARelayUntilItIsTold(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithFaults(nostrtest.LimitZeroSends()))
	key := nostrtest.Key(7)
	mention := func(text string) *nostr.Event {
		return nostrtest.Event(nostrtest.Key(8), nostr.KindTextNote, text, nostr.Tag{"p", key.PubKey().String()})
	}
	relay.Publish(mention("long ago"))
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key.Hex()+"\n"), 0o600))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	listens, said := io.Pipe()
	var running sync.WaitGroup
	var err error
	running.Go(func() { err = run(ctx, []string{"-relay", relay.URL(), "-key", file}, said, io.Discard); said.Close() })
	lines := bufio.NewScanner(listens)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening on") {
	}
	running.Go(func() { _, _ = io.Copy(io.Discard, listens) })

	relay.Publish(mention("hi"))
	answer, werr := relay.WaitEvent(t.Context(), nostr.Filter{}.WithAuthors(key.PubKey()))
	require.NoError(t, werr)
	assert.Equal(t, "echo: hi", answer.Content, "the first of its answers")
	interrupt()
	running.Wait()
	assert.NoError(t, err)
}

// What came while the relay was away is answered, and what two relays bring once.
func TestAnswersWhatItHasMissedAndNothingTwice(t *testing.T) {
	const a, b = "wss://a.example", "wss://b.example"
	key := nostrtest.Key(7)
	h, err := gennostr.NewHarness(newBot(key, func(string, string, ...any) {}), gennostr.WithRelays(a, b))
	require.NoError(t, err)
	defer h.Stop()
	bring := func(url, text string) {
		mention := nostrtest.EventAt(1_900_000_000, nostrtest.Key(8), nostr.KindTextNote, text, nostr.Tag{"p", key.PubKey().String()})
		require.NoError(t, h.Deliver(url, gennostr.EventMessage{SubscriptionID: "mentions", Event: mention}))
	}
	for _, url := range []string{a, b} {
		require.NoError(t, h.Connect(url))
		require.NoError(t, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: "mentions"}))
	}
	bring(a, "live")
	bring(b, "live")
	require.NoError(t, h.Disconnect(a, nil)) // before it says OK
	require.NoError(t, h.Connect(a))
	bring(a, "live")
	bring(a, "missed")
	var answers []string
	for _, s := range h.Sent() {
		if m, ok := s.Message.(gennostr.PublishEvent); ok && s.URL == a+"/" {
			answers = append(answers, m.Event.Content)
		}
	}
	assert.Equal(t, []string{"echo: live", "echo: live", "echo: missed"}, answers)
	require.Len(t, h.Published(), 2, "and the first of them is the same event again")
}

func TestATerminalIsNotToldWhatToDo(t *testing.T) {
	var out bytes.Buffer
	teller(&out)("bot", "problem: %s", "\x1b[2J\nof a relay")
	assert.Contains(t, out.String(), `problem: \x1b[2J of a relay`)
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
}
