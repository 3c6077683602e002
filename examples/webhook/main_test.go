package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
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

func TestDemoDeliversEverythingOnceOverFailuresAndAnOutage(t *testing.T) {
	var out, news bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &news))
	assert.Equal(t, demoNotes, strings.Count(out.String(), " delivered"))
	assert.Contains(t, out.String(), "24 notes taken, 0 of them twice;")
	assert.Contains(t, out.String(), "at most 4 at once")
	assert.Contains(t, news.String(), "status 503 Service Unavailable; again in ")
	assert.Equal(t, 2, strings.Count(news.String(), ": connected to ws://"), news.String())
	assert.Contains(t, news.String(), "24 delivered, 0 refused, 0 left")
}

func TestDemoHeedsTheFlags(t *testing.T) {
	var out, news bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-author", nostrtest.PubKey(2).String(), "-parallel", "1", "-tries", "1"}, &out, &news))
	assert.Contains(t, out.String(), "at most 1 at once")
	assert.Contains(t, news.String(), "not delivered: giving up: status 503 Service Unavailable")
	assert.Contains(t, news.String(), "3 delivered, 1 refused, 0 left", "of four by that author")
}

func TestDemoEndsWithCtrlC(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	assert.NoError(t, run(ctx, nil, io.Discard, io.Discard))
}

func TestDemoEndsWhenNobodyReads(t *testing.T) {
	assert.ErrorContains(t, run(t.Context(), nil, broken{}, io.Discard), "cannot write: "+io.ErrClosedPipe.Error())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestHelp(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	for _, name := range []string{"-relay", "-url", "-kind", "-author", "-tag", "-since", "-parallel", "-timeout", "-tries"} {
		assert.Contains(t, usage.String(), "  "+name)
	}
	_, err := parse([]string{"-h"}, io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestMistakesAreExplained(t *testing.T) {
	nsec, err := nip19.EncodeSecretKey(nostrtest.Key(1))
	require.NoError(t, err)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "-nonsense; see -h"},
		{[]string{"stray"}, `unexpected argument "stray"`},
		{[]string{"-relay", "wss://a.example"}, "-relay and -url belong together"},
		{[]string{"-url", "https://a.example"}, "-relay and -url belong together"},
		{[]string{"-relay", "https://a.example", "-url", "https://a.example"}, "-relay: "},
		{[]string{"-relay", "wss://a.example", "-url", "ftp://a.example/hush"}, "-url: want an http or https URL"},
		{[]string{"-relay", "wss://a.example", "-url", "https:///hush"}, "-url: want an http or https URL"},
		{[]string{"-relay", "wss://a.example", "-url", "%zz hush"}, "-url: want an http or https URL"},
		{[]string{"-kind", "65536"}, `-kind: want a number from 0 to 65535, not "65536"`},
		{[]string{"-author", nsec}, "-author: nostr: public key: this is an nsec"},
		{[]string{"-tag", "title=x"}, "-tag: want a letter and a value"},
		{[]string{"-tag", "p=somebody"}, "-tag: p: nostr: public key: want 64"},
		{[]string{"-since", "yesterday"}, "-since: want a duration such as 24h"},
		{[]string{"-since", "-24h"}, "-since: want a duration"},
		{[]string{"-parallel", "0"}, "-parallel: want a number from 1"},
		{[]string{"-timeout", "30"}, `-timeout: want a duration such as 30s, not "30"`},
		{[]string{"-tries", "-1"}, "-tries: want a number from 0"},
		{[]string{"-kind", "x", "-tries", "y"}, "-tries: "}, // all of them at once
	} {
		var news bytes.Buffer
		err := run(t.Context(), c.args, io.Discard, &news)
		if assert.ErrorContains(t, err, c.want, "%q", c.args) {
			assert.NotContains(t, err.Error()+news.String(), nsec)
			assert.NotContains(t, err.Error()+news.String(), "hush")
		}
	}
}

func TestFlagsMakeAFilter(t *testing.T) {
	a := nostrtest.PubKey(1)
	opts, err := parse([]string{
		"-relay", "WSS://A.example", "-relay", "wss://a.example:443/", "-url", "https://b.example/hook",
		"-kind", "1", "-kind", "30023", "-author", nip19.EncodePubKey(a), "-tag", "t=a=b", "-tag", "t=c", "-tag", "p=" + nip19.EncodePubKey(a),
		"-since", "1700000000", "-parallel", "2", "-timeout", "1m", "-tries", "0",
	}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"wss://a.example/"}, opts.relays)
	assert.JSONEq(t, nostr.Filter{}.WithKinds(1, 30023).WithAuthors(a).WithTag("t", "a=b", "c").WithTag("p", a.String()).String(), opts.filter.String())
	assert.Equal(t, nostr.Timestamp(1_700_000_000), opts.since)
	assert.Equal(t, []any{2, time.Minute, 0}, []any{opts.parallel, opts.timeout, opts.tries})

	opts, err = parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, `{"kinds":[1]}`, opts.filter.String())
	assert.InDelta(t, time.Now().Unix(), int64(opts.since), 60)
	assert.Equal(t, []any{4, 30 * time.Second, 20}, []any{opts.parallel, opts.timeout, opts.tries})
}

// The real thing: over HTTP, from a relay, until it is told to end.
func TestPostsNotesOfARelayUntilItIsTold(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	posted := make(chan *nostr.Event, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		event := new(nostr.Event)
		assert.NoError(t, json.NewDecoder(r.Body).Decode(event))
		assert.NoError(t, event.Verify())
		assert.Equal(t, event.ID.String(), r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusNoContent)
		posted <- event
	}))
	defer server.Close()
	relay.Publish(nostrtest.TextNoteAt(nostr.Now()-3600, nostrtest.Key(1), "older"),
		nostrtest.Event(nostrtest.Key(1), nostr.KindReaction, "+"))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var running sync.WaitGroup
	var err error
	running.Go(func() {
		err = run(ctx, []string{"-relay", relay.URL(), "-url", server.URL, "-since", "30m"}, io.Discard, io.Discard)
	})
	stored := nostrtest.TextNote(nostrtest.Key(1), "stored or live")
	relay.Publish(stored)
	assert.Equal(t, stored.ID, next(t, posted).ID)
	live := nostrtest.TextNote(nostrtest.Key(2), "live")
	relay.Publish(live)
	assert.Equal(t, live.ID, next(t, posted).ID)
	interrupt()
	running.Wait()
	assert.NoError(t, err)
	assert.Empty(t, posted)
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		require.FailNow(t, "never came")
		panic("unreachable")
	}
}
