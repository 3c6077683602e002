package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
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
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestDemoShowsEverythingOnceOverAnOutage(t *testing.T) {
	var out, news bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &news))
	var last int
	for _, text := range []string{
		"good morning", "two lines of text", `\x1b[2Jthis does not clear the screen`,
		"live note 1", "live note 2", "live note 3", "published during the outage", "live again",
	} {
		assert.Equal(t, 1, strings.Count(out.String(), text+"\n"), text)
		at := strings.Index(out.String(), text)
		assert.Greater(t, at, last, "%q in its place", text)
		last = at
	}
	assert.Equal(t, 10, strings.Count(out.String(), "\n"))
	assert.NotContains(t, out.String(), "\x1b")
	assert.Equal(t, 2, strings.Count(news.String(), ": connected to ws://"), news.String())
	assert.Equal(t, 1, strings.Count(news.String(), "disconnected from ws://"))
	assert.Contains(t, news.String(), "10 events shown")
}

func TestDemoHeedsTheFlags(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-json", "-kind", "7", "-limit", "1"}, &out, io.Discard))
	var ev nostr.Event
	require.NoError(t, json.Unmarshal(out.Bytes(), &ev), "one event, on one line")
	require.NoError(t, ev.Verify())
	assert.Equal(t, nostr.KindReaction, ev.Kind)
}

func TestDemoEndsWithCtrlC(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	assert.NoError(t, run(ctx, nil, io.Discard, io.Discard))
}

func TestDemoEndsWhenNobodyReads(t *testing.T) {
	assert.ErrorContains(t, run(t.Context(), nil, broken{}, io.Discard), "cannot write events: "+io.ErrClosedPipe.Error())
}

func TestHelp(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	for _, name := range []string{"-relay", "-kind", "-author", "-tag", "-since", "-limit", "-json"} {
		assert.Contains(t, usage.String(), "  "+name)
	}
	_, err := parse([]string{"-h"}, io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestMistakesAreExplained(t *testing.T) {
	secret := nostrtest.Key(1)
	nsec, err := nip19.EncodeSecretKey(secret)
	require.NoError(t, err)
	rubbish, empty := filepath.Join(t.TempDir(), "rubbish"), filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(rubbish, []byte(nostrtest.PubKey(1).String()+"\n"+nsec+"\n"), 0o600))
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "-nonsense; see -h"},
		{[]string{"stray"}, `unexpected argument "stray"`},
		{[]string{"-relay", "https://x.example"}, "-relay: "},
		{[]string{"-relay", "x.example"}, "-relay: "},
		{[]string{"-relay", ""}, "-relay: "},
		{[]string{"-kind", "65536"}, `-kind: want a number from 0 to 65535, not "65536"`},
		{[]string{"-kind", "note"}, "-kind: want a number"},
		{[]string{"-author", nsec}, "-author: nostr: public key: this is an nsec"},
		{[]string{"-author", "npub1nobody"}, "nor is it a file: no such file"},
		{[]string{"-author", ""}, "-author: "},
		{[]string{"-author", rubbish}, "key 2 of that file: nostr: public key: this is an nsec"},
		{[]string{"-author", empty}, "there is no key in that file"},
		{[]string{"-author", t.TempDir()}, "is a directory"},
		{[]string{"-tag", "t"}, "-tag: want a letter and a value"},
		{[]string{"-tag", "title=x"}, "relays look for no other tags"},
		{[]string{"-tag", "=x"}, "-tag: want a letter"},
		{[]string{"-tag", "p=somebody"}, "-tag: p: nostr: public key: want 64"},
		{[]string{"-tag", "e=" + nip19.EncodePubKey(nostrtest.PubKey(1))}, "-tag: e: nostr: event id: this is an npub"},
		{[]string{"-since", "yesterday"}, `-since: want a duration such as 24h`},
		{[]string{"-since", "-24h"}, "how long ago: 24h, without the minus"},
		{[]string{"-since", "-1"}, "not negative"},
		{[]string{"-since", "1700000000000"}, "are they milliseconds?"},
		{[]string{"-since", "1965-01-01T00:00:00Z"}, "nothing before 1970"},
		{[]string{"-limit", "-1"}, `-limit: want a number from 0, not "-1"`},
		{[]string{"-limit", "all"}, "-limit: want a number"},
		{[]string{"-json=maybe"}, "see -h"},
		{[]string{"-kind", "x", "-limit", "y"}, "-limit: "}, // all of them at once
	} {
		var news bytes.Buffer
		err := run(t.Context(), c.args, io.Discard, &news)
		if assert.ErrorContains(t, err, c.want, "%q", c.args) {
			assert.NotContains(t, err.Error()+news.String(), nsec)
			assert.NotContains(t, err.Error()+news.String(), secret.Hex())
		}
	}
}

func TestFlagsMakeAFilter(t *testing.T) {
	a, b, c := nostrtest.PubKey(1), nostrtest.PubKey(2), nostrtest.PubKey(3)
	note := nostrtest.TextNote(nostrtest.Key(1), "x").ID
	file := filepath.Join(t.TempDir(), "friends")
	require.NoError(t, os.WriteFile(file, []byte(b.String()+"\n"+nip19.EncodePubKey(c)+"\n"), 0o600))
	opts, err := parse([]string{
		"-relay", "WSS://A.example", "-relay", "wss://b.example/x/", "-relay", "wss://a.example:443/",
		"-kind", "1", "-kind", "30023", "-author", "nostr:" + nip19.EncodePubKey(a), "-author", file,
		"-tag", "t=a=b", "-tag", "t=", "-tag", "p=" + nip19.EncodePubKey(a), "-tag", "e=" + nip19.EncodeNote(note), "-tag", "T=x",
		"-since", "1700000000", "-limit", "0", "-json",
	}, io.Discard)
	require.NoError(t, err)
	assert.True(t, opts.json)
	assert.Equal(t, []string{"WSS://A.example", "wss://b.example/x/"}, opts.relays)
	assert.JSONEq(t, nostr.Filter{}.WithKinds(1, 30023).WithAuthors(a, b, c).WithSince(1_700_000_000).WithLimit(0).
		WithTag("t", "a=b", "").WithTag("p", a.String()).WithTag("e", note.String()).WithTag("T", "x").String(), opts.filter.String())

	opts, err = parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, `{"limit":10}`, opts.filter.String(), "some context")
	opts, err = parse([]string{"-since", "1h"}, io.Discard)
	require.NoError(t, err)
	assert.Zero(t, opts.filter.Limit, "all of that time")
	assert.False(t, opts.filter.LimitZero)
}

func TestSinceIsADurationOrSecondsOrATime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for s, want := range map[string]nostr.Timestamp{
		"24h": 1_700_000_000 - 86_400, "90s": 1_699_999_910, "0": 0, "1600000000": 1_600_000_000,
		"1970-01-01T00:00:10Z": 10, "2023-11-14T23:13:20+01:00": 1_700_000_000,
	} {
		at, err := parseSince(s, now)
		assert.NoError(t, err, s)
		assert.Equal(t, want, at, s)
	}
}

// With a relay it stays there until Ctrl-C, and JSON lines are the exact events.
func TestFollowsARelayUntilItIsTold(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	odd := nostrtest.TextNote(nostrtest.Key(1), "<b>&\x1b[31m\u202e\u0085\"\\", nostr.Tag{"t", "ü\n"})
	relay.Publish(odd)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := newLines()
	var running sync.WaitGroup
	var err error
	running.Go(func() { err = run(ctx, []string{"-relay", relay.URL(), "-json"}, out, io.Discard) })
	assert.Equal(t, string(odd.AppendJSON(nil)), out.next(t))
	live := nostrtest.TextNote(nostrtest.Key(2), "live")
	relay.Publish(live)
	assert.Equal(t, string(live.AppendJSON(nil)), out.next(t))
	interrupt()
	running.Wait()
	assert.NoError(t, err)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// lines hands out what was written, line by line.
type lines chan string

func newLines() lines { return make(lines, 100) }

func (l lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l <- strings.TrimSuffix(line, "\n")
	}
	return len(p), nil
}

func (l lines) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(30 * time.Second): // virtual inside a bubble
		t.Fatal("no line within half a minute")
		return ""
	}
}
