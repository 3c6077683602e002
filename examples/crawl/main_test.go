package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestTheDemoFindsEveryNewestList(t *testing.T) {
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), []string{"-steps", "3", "-top", "1000"}, &stdout, &stderr), &stderr)
	assert.Contains(t, stderr.String(), "step 1: 1 authors, 1 lists, 26 authors are known now")
	assert.Contains(t, stderr.String(), "step 2: 25 authors, 25 lists, 526 authors are known now")
	assert.Contains(t, stderr.String(), "step 3: 500 authors, 500 lists, 526 authors are known now")
	assert.Contains(t, stderr.String(), "wss://dead.example")
	assert.Contains(t, stderr.String(), "step 3: 500 events of wss://few-authors.example")
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	assert.Len(t, lines, 525)
	assert.Equal(t, nip19.EncodePubKey(nostrtest.PubKey(1))+" 25", lines[0])
	assert.NotContains(t, stdout.String(), nip19.EncodePubKey(nostrtest.PubKey(526)), "older lists do not count")
}

func TestACrawlThatNobodyAnswersFails(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithFaults(nostrtest.RefuseRequests("blocked: \x1b[31mno")))
	var stdout, stderr strings.Builder
	opts := options{relays: []string{relay.URL()}, from: []nostr.PubKey{nostrtest.PubKey(1)}, steps: 2, deadline: time.Minute}
	require.ErrorContains(t, walk(t.Context(), opts, &stdout, &stderr), "blocked: ")
	assert.Empty(t, stdout.String())
	assert.NotContains(t, stderr.String(), "\x1b", "a terminal is not told what to do")
}

func TestWhatTheCommandLineSays(t *testing.T) {
	for _, args := range [][]string{{"-relay", "http//x"}, {"-relay", "wss://a.example"}, {"-relay", "wss://a.example", "nobody"}, {"-steps", "0"}} {
		_, err := parse(args, new(strings.Builder))
		require.Error(t, err, args)
	}
	npub := nip19.EncodePubKey(nostrtest.PubKey(1))
	opts, err := parse([]string{"-relay", "wss://a.example", npub, nostrtest.PubKey(2).String()}, new(strings.Builder))
	require.NoError(t, err)
	assert.Equal(t, []nostr.PubKey{nostrtest.PubKey(1), nostrtest.PubKey(2)}, opts.from)
}
