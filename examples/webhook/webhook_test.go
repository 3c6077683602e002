package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// answers is an endpoint without a network: what it says to each try of a note, the
// last one for ever, and how long it takes.
type answers struct {
	script []string
	takes  time.Duration

	mu    sync.Mutex
	tries map[string]int // guarded by mu: by Idempotency-Key
	at    []time.Time    // guarded by mu: of every try
	order []string       // guarded by mu: keys of the notes that were taken
	now   int            // guarded by mu
	most  int            // guarded by mu: at once
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.Header.Get("Idempotency-Key")
	a.mu.Lock()
	if a.tries == nil {
		a.tries = make(map[string]int)
	}
	says := a.script[min(a.tries[key], len(a.script)-1)]
	a.tries[key]++
	a.at = append(a.at, time.Now())
	a.now++
	a.most = max(a.most, a.now)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now--
	}()
	select {
	case <-time.After(a.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if says == "cut" {
		return nil, errors.New("connection reset")
	}
	response := &http.Response{Body: http.NoBody, Header: make(http.Header), Request: r}
	after := ""
	_, _ = fmt.Sscan(says, &response.StatusCode, &after)
	if after != "" {
		response.Header.Set("Retry-After", after)
	}
	if response.StatusCode == 200 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.order = append(a.order, key)
	}
	return response, nil
}

func (a *answers) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.order
}

func optionsOf(t *testing.T, args ...string) options {
	opts, err := parse(append([]string{"-relay", "wss://a.example", "-url", "https://secret.example/token"}, args...), io.Discard)
	require.NoError(t, err)
	return opts
}

func TestTriesAgainLaterAndLater(t *testing.T) {
	for _, c := range []struct {
		script   []string
		tries    int
		err      string
		from, to time.Duration // until it is over
	}{
		{script: []string{"200"}, tries: 1},
		{script: []string{"503", "cut", "429", "200"}, tries: 4, from: 1750 * time.Millisecond, to: 3500 * time.Millisecond},
		{script: []string{"429 10", "200"}, tries: 2, from: 10 * time.Second, to: 10 * time.Second},
		{script: []string{"503 86400", "200"}, tries: 2, from: maxAsked, to: maxAsked},
		{script: []string{"503 -1", "503 soon", "200"}, tries: 3, from: 750 * time.Millisecond, to: 1500 * time.Millisecond},
		{script: []string{"404"}, tries: 1, err: "status 404 Not Found"},
		{script: []string{"500"}, tries: 20, err: "giving up: status 500 Internal Server Error", from: 3 * time.Minute, to: 9 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			endpoint := &answers{script: c.script}
			p := newPoster(optionsOf(t), endpoint, func(_ string, args ...any) {
				assert.NotContains(t, fmt.Sprint(args...), "token")
			})
			d := &delivery{event: nostrtest.TextNote(nostrtest.Key(1), "x")}
			began := time.Now()
			err := p.deliver(t.Context(), d)
			if c.err == "" {
				assert.NoError(t, err, "%q", c.script)
			} else {
				assert.EqualError(t, err, c.err)
			}
			assert.Equal(t, c.tries, d.tries, "%q", c.script)
			assert.GreaterOrEqual(t, time.Since(began), c.from, "%q", c.script)
			assert.LessOrEqual(t, time.Since(began), c.to, "%q", c.script)
		})
	}
}

func TestATryHasATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoster(optionsOf(t, "-timeout", "3s", "-tries", "1"), &answers{script: []string{"200"}, takes: time.Hour}, t.Logf)
		began := time.Now()
		err := p.deliver(t.Context(), &delivery{event: nostrtest.TextNote(nostrtest.Key(1), "x")})
		assert.ErrorContains(t, err, "giving up: ")
		assert.NotContains(t, err.Error(), "token")
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestTheEndOfTheContextEndsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, context.Canceled)
		defer cancel()
		p := newPoster(optionsOf(t), &answers{script: []string{"503 60"}}, t.Logf)
		began := time.Now()
		assert.ErrorIs(t, p.deliver(ctx, &delivery{event: nostrtest.TextNote(nostrtest.Key(1), "x")}), context.Canceled)
		assert.Equal(t, 100*time.Millisecond, time.Since(began))
	})
}

// hooked runs the program inside a bubble, without its HTTP.
func hooked(t *testing.T, network *nostrtest.Network, endpoint *answers, news io.Writer, args ...string) (*Hook, *gennostr.Client) {
	opts := optionsOf(t, args...)
	say := teller(news)
	hook := newHook(opts, newPoster(opts, endpoint, say), io.Discard, say)
	client, err := gennostr.Start(t.Context(), hook, append(settings(opts.relays), gennostr.WithHTTPClient(network.HTTPClient()),
		gennostr.WithMailboxWindow(5, 1<<20))...)
	require.NoError(t, err)
	return hook, client
}

// A hundred notes, an endpoint that takes its time and fails each of them once, and
// a relay that is cut now and then: all are taken, once, and no more at once than said.
func TestNothingIsLostAndNobodyIsFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		endpoint := &answers{script: []string{"503", "200"}, takes: 20 * time.Second}
		hook, client := hooked(t, network, endpoint, io.Discard, "-parallel", "3")
		synctest.Wait()
		var ids []string
		for n := range 100 {
			note := nostrtest.TextNote(nostrtest.Key(1+n%5), fmt.Sprint(n))
			ids = append(ids, note.ID.String())
			relay.Publish(note)
			if n%30 == 29 {
				<-time.After(10 * time.Minute)
				synctest.Wait()
				relay.DisconnectAll()
				<-time.After(time.Minute)
			}
		}
		synctest.Wait()
		assert.LessOrEqual(t, client.Stats().Queues[0].Waiting, 5, "the rest waits at the relay")
		<-time.After(3 * time.Hour)
		synctest.Wait()
		assert.ElementsMatch(t, ids, endpoint.taken())
		assert.Equal(t, 3, endpoint.most)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 100, hook.delivered)
		assert.Empty(t, hook.left)
	})
}

func TestTheEndSaysWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		for n := range 4 {
			relay.Publish(nostrtest.TextNoteAt(nostr.Now()-nostr.Timestamp(10*n), nostrtest.Key(1+n), fmt.Sprint(n)))
		}
		var news bytes.Buffer
		hook, client := hooked(t, network, &answers{script: []string{"200"}, takes: 5 * time.Second}, &news, "-parallel", "1", "-since", "1h")
		synctest.Wait()
		<-time.After(6 * time.Second) // the second one is on its way
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 4*time.Second, time.Since(began), "it may end")
		assert.Equal(t, 2, hook.delivered)
		assert.Len(t, hook.left, 2)
		assert.Contains(t, news.String(), "2 delivered, 0 refused, 2 left")
		assert.Contains(t, news.String(), fmt.Sprintf("-since %d\n", began.Unix()-6-30))
	})
}

// By hand: what is asked after a loss, and that a second copy is not posted.
func TestAsksAgainFromTheNewestThatHasCome(t *testing.T) {
	opts := optionsOf(t, "-since", "1700000000")
	hook := newHook(opts, newPoster(opts, &answers{script: []string{"200"}}, t.Logf), io.Discard, t.Logf)
	h, err := gennostr.NewHarness(hook, settings(opts.relays)...)
	require.NoError(t, err)
	defer h.Stop()
	url := opts.relays[0]
	since := func() nostr.Timestamp { return *h.Subscribed(url)[0].Filters[0].Since }
	deliver := func(at nostr.Timestamp) {
		note := nostrtest.TextNoteAt(at, nostrtest.Key(1), "x")
		require.NoError(t, h.Deliver(url, gennostr.EventMessage{SubscriptionID: subscription, Event: note}))
		require.NoError(t, h.Deliver(url, gennostr.EventMessage{SubscriptionID: subscription, Event: note}))
	}
	again := func() {
		_ = h.Disconnect(url, io.ErrUnexpectedEOF)
		require.NoError(t, h.Connect(url))
	}
	require.NoError(t, h.Connect(url))
	deliver(1_700_005_000)
	again()
	assert.Equal(t, nostr.Timestamp(1_700_000_000), since(), "stored notes come newest first: there may be more")
	require.NoError(t, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: subscription}))
	again()
	assert.Equal(t, nostr.Timestamp(1_700_004_700), since())
	require.NoError(t, h.Deliver(url, gennostr.EOSEMessage{SubscriptionID: subscription}))
	deliver(1 << 40)
	again()
	assert.InDelta(t, int64(nostr.Now()-300), int64(since()), 60, "a note from the future opens no gap")

	require.NoError(t, h.Deliver(url, gennostr.ClosedMessage{SubscriptionID: subscription, Message: "error: \x1b[2J"}))
	assert.Empty(t, h.Subscribed(url))
	require.NoError(t, h.Advance(askAgain))
	assert.Len(t, h.Subscribed(url), 1)

	assert.Equal(t, 2, h.Client().Stats().Queues[0].Waiting, "each once")
	require.NoError(t, h.Work())
	assert.Equal(t, 2, hook.delivered)
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory(3)
	for range 2 {
		for i := range byte(5) {
			assert.True(t, m.add(nostr.ID{i}), "forgotten meanwhile, or new")
			assert.False(t, m.add(nostr.ID{i}))
		}
	}
	assert.Len(t, m.ids, 3)
}
