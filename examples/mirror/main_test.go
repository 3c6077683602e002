package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestTheDemoMakesBothRelaysEqual(t *testing.T) {
	var stdout, stderr strings.Builder
	require.NoError(t, run(t.Context(), nil, &stdout, &stderr), &stderr)
	assert.Equal(t, 2, strings.Count(stdout.String(), "has 1200 notes"), &stdout)
	assert.Equal(t, 3, strings.Count(stderr.String(), "mirror: "), &stderr)
	assert.Contains(t, stderr.String(), "mirror: 0 copied there; 0 were on both, 0 not taken, 0 not there any more; compared in 1 parts for", "the journal knows everything in the end")
}

// pair is two relays, and the options that copy from the first to the second.
func pair(t *testing.T, options ...nostrtest.Option) (from, to *nostrtest.Relay, opts options) {
	from, to = nostrtest.NewRelay(t, options...), nostrtest.NewRelay(t)
	opts.from, opts.to, opts.patience = from.URL(), to.URL(), 10*time.Second
	opts.state = filepath.Join(t.TempDir(), "state")
	return from, to, opts
}

func notes(n int) []*nostr.Event {
	events := make([]*nostr.Event, n)
	for i := range events {
		events[i] = nostrtest.EventAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(i%5), nostr.KindTextNote, fmt.Sprint(i))
	}
	return events
}

func mirrored(t *testing.T, ctx context.Context, opts options) (stdout, stderr string, err error) {
	var out, told strings.Builder
	err = copyAll(ctx, opts, &out, &told)
	return out.String(), told.String(), err
}

// awaits is standard error of a program that is to say something.
type awaits struct {
	text string
	said chan struct{} // closed then
	all  strings.Builder
}

func (a *awaits) Write(p []byte) (int, error) {
	before := strings.Contains(a.all.String(), a.text)
	a.all.Write(p)
	if !before && strings.Contains(a.all.String(), a.text) {
		close(a.said)
	}
	return len(p), nil
}

// published counts how often each event was sent to a relay.
func published(relay *nostrtest.Relay) map[nostr.ID]int {
	times := make(map[nostr.ID]int)
	for _, m := range relay.Received() {
		if m.Verb == "EVENT" && m.Event != nil {
			times[m.Event.ID]++
		}
	}
	return times
}

func ids(relay *nostrtest.Relay) (list []nostr.ID) {
	for _, e := range relay.Events() {
		list = append(list, e.ID)
	}
	return list
}

// Whenever it is stopped: the next run does the rest, and nothing is sent twice.
func TestAMirrorThatWasStoppedGoesOn(t *testing.T) {
	all := notes(120)
	for _, stopAt := range []int{1, 2, 30, 63, 64, 65, 99} {
		from, to, opts := pair(t)
		from.Publish(all...)
		to.Publish(all[100:]...)
		ctx, stop := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		var waits sync.WaitGroup
		waits.Go(func() {
			_, _ = to.WaitEvents(t.Context(), stopAt, nostr.Filter{}) // that were published there
			stop(stopped)
		})
		if _, _, err := mirrored(t, ctx, opts); err != nil {
			require.ErrorIs(t, err, stopped)
		}
		waits.Wait()
		_, told, err := mirrored(t, t.Context(), opts)
		require.NoError(t, err, told)
		assert.ElementsMatch(t, ids(from), ids(to))
		for id, n := range published(to) {
			assert.Equal(t, 1, n, "%s, stopped at %d", id, stopAt)
		}
		_, told, err = mirrored(t, t.Context(), opts)
		require.NoError(t, err)
		assert.Contains(t, told, "mirror: 0 copied there; 0 were on both")
	}
}

// What is too much to be looked at together is looked at in parts.
func TestAMirrorLooksAtPartsOfTheDates(t *testing.T) {
	from, to, opts := pair(t, nostrtest.WithFaults(nostrtest.NegentropyCap(30)))
	from.Publish(notes(200)...)
	to.Publish(notes(250)[50:]...)
	opts.both = true
	kept, err := openJournal("")
	require.NoError(t, err)
	client, err := gennostr.Start(t.Context(), nil, gennostr.WithRelays(opts.from, opts.to))
	require.NoError(t, err)
	defer client.Stop(context.Background())
	m := &mirror{opts: opts, client: client, journal: kept, bar: newBar(new(strings.Builder)), out: new(strings.Builder), most: 20}
	require.NoError(t, m.copy(t.Context()))
	assert.Greater(t, m.sum.windows, 10)
	assert.Equal(t, [2]int{50, 50}, m.sum.copied)
	assert.ElementsMatch(t, ids(from), ids(to))
	assert.Equal(t, 150, m.sum.common)
}

func TestAMirrorSaysWhatIsNotTaken(t *testing.T) {
	from := nostrtest.NewRelay(t)
	to := nostrtest.NewRelay(t, nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
		if e.Content == "7" {
			return "blocked: \x1b[31mno"
		}
		return ""
	}))
	from.Publish(notes(10)...)
	stdout, told, err := mirrored(t, t.Context(), options{from: from.URL(), to: to.URL(), patience: 10 * time.Second})
	require.NoError(t, err)
	assert.Contains(t, told, "9 copied there; 0 were on both, 1 not taken")
	assert.Contains(t, stdout, `not taken: `)
	assert.NotContains(t, stdout, "\x1b", "a terminal is not told what to do")
}

func TestAMirrorThatCannotCompareFails(t *testing.T) {
	from, to, opts := pair(t)
	from.Publish(notes(10)...)
	to.Stop()
	_, told, err := mirrored(t, t.Context(), opts)
	require.Error(t, err)
	assert.Contains(t, told, "NOT ALL WAS COMPARED")
}

// What was published before, between and after its runs comes, in both directions.
func TestAMirrorFollows(t *testing.T) {
	from, to, opts := pair(t)
	all := notes(60)
	from.Publish(all[:10]...)
	opts.both, opts.follow = true, true
	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		follows := &awaits{text: "following", said: make(chan struct{})}
		go func() { done <- copyAll(ctx, opts, io.Discard, follows) }() // joined below
		<-follows.said
		part := all[10+20*round:]
		require.NoError(t, to.WaitFor(t.Context(), func() bool { return len(to.Events()) == 10+20*round }))
		from.Publish(part[:10]...)
		to.Publish(part[10:20]...)
		for _, relay := range []*nostrtest.Relay{from, to} {
			require.NoError(t, relay.WaitFor(t.Context(), func() bool { return len(relay.Events()) == 30+20*round }))
		}
		stop()
		require.NoError(t, <-done)
		require.FileExists(t, opts.state+".cursor")
	}
	assert.ElementsMatch(t, ids(from), ids(to))
	assert.Len(t, from.Events(), 50)
}

// The real ones, where they are beside the checkout.
func TestAMirrorOfRealEvents(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "real-events.jsonl"))
	if err != nil {
		t.Skipf("the real events are not beside the checkout: %v", err)
	}
	defer file.Close()
	from, to, opts := pair(t)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		event, _, err := nostr.ParseEvent(lines.Bytes())
		require.NoError(t, err)
		from.Publish(event)
		if n%3 > 0 {
			to.Publish(event)
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, n, 3000)
	stdout, told, err := mirrored(t, t.Context(), opts)
	require.NoError(t, err, told)
	t.Log(n, "events:", told)
	has := make(map[nostr.ID]bool)
	for _, id := range ids(to) {
		has[id] = true
	}
	for _, id := range ids(from) {
		assert.True(t, has[id] || strings.Contains(stdout, id.String()), "%s is there, or it is said why not", id)
	}
	before := published(to)
	_, told, err = mirrored(t, t.Context(), opts)
	require.NoError(t, err)
	assert.Contains(t, told, "mirror: 0 copied there; 0 were on both")
	for id, n := range published(to) {
		if before[id] > 0 && strings.Contains(stdout, id.String()) {
			continue // offered again: it is not on both
		}
		assert.Equal(t, 1, n, id)
	}
}

func TestWhatTheCommandLineSays(t *testing.T) {
	for _, args := range [][]string{
		{"-from", "wss://a.example"}, {"-follow"}, {"x"}, {"-from", "wss://a.example", "-to", "wss://A.example/"}, {"-from", "nowhere", "-to", "wss://a.example"},
		{"-filter", "{"}, {"-filter", `{"limit":1}`}, {"-patience", "0s"}, {"-what"},
	} {
		_, err := parse(args, new(strings.Builder))
		require.Error(t, err, args)
	}
	var usage strings.Builder
	require.NoError(t, run(t.Context(), []string{"-h"}, new(strings.Builder), &usage))
	assert.Contains(t, usage.String(), "usage: mirror")
	opts, err := parse([]string{"-from", "wss://a.example", "-to", "wss://b.example", "-filter", `{"kinds":[1]}`, "-both"}, new(strings.Builder))
	require.NoError(t, err)
	assert.True(t, opts.both)
	assert.Equal(t, []nostr.Kind{1}, opts.filter.Kinds)
}
