package main

import (
	"context"
	"os"
	"path/filepath"
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

func TestTheDemoPublishesEachNoteOnce(t *testing.T) {
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), nil, &stdout, &stderr), &stderr)
	assert.Equal(t, 3, strings.Count(stdout.String(), "has 9 notes"), &stdout)
	assert.Contains(t, stderr.String(), "9 published, 0 had been before, 0 on no relay")
	assert.Contains(t, stderr.String(), "0 published, 9 had been before, 0 on no relay")
}

// What a killed program has written down is published as it is by the next.
func TestAnEventThatWasWrittenDownIsPublishedAsItIs(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.txt"), []byte("a note"), 0o600))
	opts := options{relays: []string{relay.URL()}, sources: []string{dir}, key: nostrtest.Key(1), spool: filepath.Join(dir, "spool"), pace: 10, patience: time.Minute}
	spool, err := openSpool(opts.spool)
	require.NoError(t, err)
	event := nostrtest.TextNote(nostrtest.Key(1), "a note")
	require.NoError(t, spool.enter("file:1.txt", event))
	require.NoError(t, spool.close())
	var stdout strings.Builder
	require.NoError(t, publish(t.Context(), opts, &stdout, func(string, ...any) {}))
	require.Len(t, relay.Events(), 1)
	assert.Equal(t, event.ID, relay.Events()[0].ID)
	assert.Contains(t, stdout.String(), nip19.EncodeNote(event.ID))
}

func TestANoteThatNoRelayTakesIsToldAndTriedTheNextTime(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string { return "blocked: \x1b[31mno" }))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.txt"), []byte("a note"), 0o600))
	opts := options{relays: []string{relay.URL()}, sources: []string{dir}, key: nostrtest.Key(1), spool: filepath.Join(dir, "spool"), pace: 10, patience: time.Minute}
	var stdout strings.Builder
	require.Error(t, publish(t.Context(), opts, &stdout, func(string, ...any) {}))
	assert.Contains(t, stdout.String(), "refused")
	assert.Contains(t, stdout.String(), `blocked: \x1b[31mno`, "a terminal is not told what to do")
	spool, err := openSpool(opts.spool)
	require.NoError(t, err)
	defer spool.close()
	event, done := spool.find("file:1.txt")
	assert.NotNil(t, event)
	assert.False(t, done)
}

func TestASecretKeyIsNotPublished(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.txt"), []byte("my key: "+nsec(t)), 0o600))
	opts := options{relays: []string{relay.URL()}, sources: []string{dir}, key: nostrtest.Key(1), pace: 10, patience: time.Minute}
	var stdout strings.Builder
	require.Error(t, publish(t.Context(), opts, &stdout, func(string, ...any) {}))
	assert.Empty(t, relay.Events())
	assert.NotContains(t, stdout.String(), "nsec1")
}

// Ctrl-C while a relay is away: what no relay has is there for the next time.
func TestAProgramThatIsToldToEndEnds(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.txt"), []byte("a note"), 0o600))
	relay := nostrtest.NewRelay(t)
	relay.Stop()
	opts := options{relays: []string{relay.URL()}, sources: []string{dir}, key: nostrtest.Key(1), pace: 10, patience: time.Hour, every: time.Hour}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.NoError(t, publish(ctx, opts, &strings.Builder{}, func(string, ...any) {}))
	assert.Empty(t, relay.Events())
}

func TestSlipsOfTheCommandLine(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(nsec(t)), 0o600))
	for _, args := range [][]string{
		{"-relay", "wss://a.example"},
		{"notes"},
		{"-relay", "http://a.example", "-key", key, "notes"},
		{"-relay", "wss://a.example", "-key", nsec(t), "notes"},
		{"-pace", "0"},
		{"-pace", "x"},
		{"-patience", "-1s"},
		{"-every", "1ms"},
		{"-unknown"},
	} {
		var stdout, stderr strings.Builder
		err := run(t.Context(), args, &stdout, &stderr)
		require.Error(t, err, args)
		assert.NotContains(t, err.Error(), "nsec1", args)
	}
	var help strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, &strings.Builder{}, &help))
	assert.Contains(t, help.String(), "usage: feed")
}

func nsec(t *testing.T) string {
	t.Helper()
	text, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	return text
}
