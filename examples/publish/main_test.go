package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// publishTo is the program, run for real; lines are what it says of each relay.
func publishTo(t *testing.T, args ...string) (lines []string, news string, err error) {
	t.Helper()
	var out, stderr bytes.Buffer
	err = run(t.Context(), args, strings.NewReader(""), &out, &stderr)
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, stderr.String(), err
}

func TestDemoShowsWhatMayHappen(t *testing.T) {
	lines, news, err := publishTo(t)
	require.NoError(t, err)
	require.Len(t, lines, 4)
	all := strings.Join(lines, "\n")
	assert.Len(t, regexp.MustCompile(`(?m)^ws://127\.0\.0\.1:\d+/ +accepted$`).FindAllString(all, -1), 3)
	assert.Regexp(t, `(?m)^ws://127\.0\.0\.1:\d+/ +rejected: blocked: this relay takes notes from its members only$`, all)
	assert.Regexp(t, `event note1\w{58} by npub1\w{58}\n`, news)
	assert.Regexp(t, `no connection to ws://127\.0\.0\.1:\d+/ \(attempt 1\): `, news)
}

func TestEventIsWhatTheCommandLineSays(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	key, friend := nostrtest.Key(7), nostrtest.PubKey(8)
	nsec, err := nip19.EncodeSecretKey(key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "me.key")
	require.NoError(t, os.WriteFile(file, []byte(nsec+"\n"), 0o600))
	note := nostrtest.TextNote(key, "x").ID
	for name, arg := range map[string]string{"a file": file, "nsec": nsec, "hex": key.Hex()} {
		relay.Clear()
		lines, news, err := publishTo(t, "-relay", relay.URL(), "-key", arg, "-kind", "30023", "-tag", "d=a=b", "-tag", "title=",
			"-tag", "p="+nip19.EncodePubKey(friend), "-tag", "e="+nip19.EncodeNote(note), "good", "morning", "-", "-x")
		require.NoError(t, err, name)
		assert.Equal(t, []string{relay.URL() + "/  accepted"}, lines)
		assert.NotContains(t, news, nsec)
		stored := relay.Events()
		require.Len(t, stored, 1)
		ev := stored[0]
		require.NoError(t, ev.Verify())
		assert.Equal(t, key.PubKey(), ev.PubKey)
		assert.Equal(t, nostr.KindArticle, ev.Kind)
		assert.Equal(t, "good morning - -x", ev.Content)
		assert.Equal(t, nostr.Tags{{"d", "a=b"}, {"title", ""}, {"p", friend.String()}, {"e", note.String()}}, ev.Tags)
	}
}

func TestDashReadsStandardInput(t *testing.T) {
	for in, want := range map[string]string{"one\ntwo\n": "one\ntwo", "x\r\n": "x", "x\n\n": "x\n", "x\r": "x\r"} {
		relay := nostrtest.NewRelay(t)
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-relay", relay.URL(), "-"}, strings.NewReader(in), &out, io.Discard))
		assert.Equal(t, want, relay.Accepted()[0].Content)
	}
	for in, want := range map[string]string{
		"": "standard input is empty", "\n": "standard input is empty", "\xff": "invalid event: content",
		strings.Repeat("x", maxContent+1): "more than 1048576 bytes",
	} {
		assert.ErrorContains(t, run(t.Context(), []string{"-"}, strings.NewReader(in), io.Discard, io.Discard), want)
	}
	torn := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { return 0, errors.New("torn") }))
	assert.ErrorContains(t, run(t.Context(), []string{"-"}, torn, io.Discard, io.Discard), "standard input: torn")

	ctx, interrupt := context.WithCancel(t.Context())
	stdin, keyboard := io.Pipe()
	defer keyboard.Close() // ends the read that is left behind
	interrupt()
	assert.ErrorContains(t, run(ctx, []string{"-"}, stdin, io.Discard, io.Discard), "interrupted before")
}

func TestTextAfterTwoDashesIsText(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	_, _, err := publishTo(t, "-relay", relay.URL(), "--", "-key", "is a word here")
	require.NoError(t, err)
	assert.Equal(t, "-key is a word here", relay.Accepted()[0].Content)
	_, _, err = publishTo(t, "-relay", relay.URL(), "-kind", "7", "")
	require.NoError(t, err)
	assert.Equal(t, nostr.KindReaction, relay.Accepted()[1].Kind, "without text, if that is what is said")
}

func TestHelp(t *testing.T) {
	lines, news, err := publishTo(t, "-h")
	require.NoError(t, err)
	assert.Empty(t, lines)
	for _, name := range []string{"-relay", "-key", "-kind", "-tag", "-timeout", "-atleast"} {
		assert.Contains(t, news, "  "+name)
	}
	_, err = parse([]string{"-h"}, io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestMistakesAreExplainedAndNothingIsSent(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	nsec, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	mistyped := nsec[:len(nsec)-1] + "q"
	rubbish := filepath.Join(t.TempDir(), "rubbish")
	require.NoError(t, os.WriteFile(rubbish, []byte(mistyped), 0o600))
	npub := nip19.EncodePubKey(nostrtest.PubKey(1))
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "nothing to publish"},
		{[]string{"-nonsense"}, "-nonsense; see -h"},
		{[]string{"-relay", "https://x.example", "x"}, "-relay: "},
		{[]string{"-relay", "wss://me:secret@x.example", "x"}, "-relay: "},
		{[]string{"-key", mistyped, "x"}, "-key: nostr: secret key: bad nsec"},
		{[]string{"-key", strings.Repeat("0", 64), "x"}, "-key: nostr: secret key: zero"},
		{[]string{"-key", npub, "x"}, "this is an npub"},
		{[]string{"-key", rubbish, "x"}, "-key: in that file: nostr: secret key: bad nsec"},
		{[]string{"-key", rubbish + "-missing", "x"}, "nor is it a file: no such file"},
		{[]string{"-key", t.TempDir(), "x"}, "nor is it a file: is a directory"},
		{[]string{"-key", "", "x"}, "-key: "},
		{[]string{"-kind", "-1", "x"}, `-kind: want a number from 0 to 65535, not "-1"`},
		{[]string{"-kind", "65536", "x"}, "-kind: want"},
		{[]string{"-tag", "t", "x"}, "-tag: want a name and a value"},
		{[]string{"-tag", "=t", "x"}, "-tag: want a name and a value"},
		{[]string{"-tag", "p=" + nsec, "x"}, "-tag: p: nostr: public key: this is an nsec"},
		{[]string{"-tag", "e=" + npub, "x"}, "-tag: e: nostr: event id: this is an npub"},
		{[]string{"-timeout", "0", "x"}, `-timeout: want a duration such as 10s, not "0"`},
		{[]string{"-timeout", "-3s", "x"}, "-timeout: want"},
		{[]string{"-timeout", "ten", "x"}, "-timeout: want"},
		{[]string{"-atleast", "0", "x"}, `-atleast: want a number from 1 to 1, for so many relays there are, not "0"`},
		{[]string{"-atleast", "2", "x"}, "-atleast: want"},
		{[]string{"-atleast", "one", "x"}, "-atleast: want"},
		{[]string{"hello", "-key", "me.key"}, "-key stands behind the text"},
		{[]string{"hello", "--kind=7"}, "-kind stands behind the text"},
		{[]string{"-", "more"}, "- reads all of the text from standard input"},
		{[]string{"\xff"}, "invalid event: content"},
		{[]string{"-tag", "t=\xff", "x"}, "invalid event: tags"},
	} {
		lines, news, err := publishTo(t, append([]string{"-relay", relay.URL()}, c.args...)...)
		assert.Empty(t, lines)
		if assert.ErrorContains(t, err, c.want, "%q", c.args) {
			assert.NotRegexp(t, regexp.QuoteMeta(nsec)+"|"+regexp.QuoteMeta(mistyped)+"|me:secret", err.Error()+news)
		}
	}
	assert.Zero(t, relay.ConnectionCount())
}

// Such an event would be somebody's proof of who is there.
func TestAnAuthEventIsNotPublished(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	lines, _, err := publishTo(t, "-relay", relay.URL(), "-kind", "22242", "x")
	assert.ErrorIs(t, err, gennostr.ErrAuthPublished)
	assert.Empty(t, lines)
	assert.Zero(t, received(relay, "EVENT"))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
