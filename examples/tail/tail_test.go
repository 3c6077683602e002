package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
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

// tail runs one inside a bubble. end is Ctrl-C, or waits for its own end.
func tail(t *testing.T, network *nostrtest.Network, out io.Writer, news io.Writer, args ...string) (end func(interrupt bool) error) {
	opts, err := parse(args, io.Discard)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { // ends with cancel; joined by end
		done <- follow(ctx, opts, out, teller(news), func(any) {}, append(settings(opts.relays),
			gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithReconnectJitter(0))...)
	}()
	return func(interrupt bool) error {
		if interrupt {
			cancel()
		}
		defer cancel()
		return <-done
	}
}

// pass lets time pass inside a bubble, and what it brings about happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// screen is a place to write to that may be read at any time.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

var inShort = regexp.MustCompile(`  (?:stored|live|resumed) *  kind \d+  \S+  (.*)\n`)

// texts are what the readable lines say, and empties the screen.
func (s *screen) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for line := range strings.Lines(s.buf.String()) {
		list = append(list, inShort.FindStringSubmatch(line)[1])
	}
	s.buf.Reset()
	return list
}

func TestAnOutageLosesNothingAndShowsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		for i := range 5 {
			relay.Publish(nostrtest.TextNoteAt(nostr.Now()-1000+nostr.Timestamp(i), nostrtest.Key(1), fmt.Sprintf("stored %d", i)))
		}
		var out, news screen
		end := tail(t, network, &out, &news, "-relay", "wss://a.example", "-kind", "1", "-limit", "3")
		synctest.Wait()
		assert.Equal(t, []string{"stored 2", "stored 3", "stored 4"}, out.texts(), "the newest three, oldest first")

		pass(time.Hour)
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "live"))
		synctest.Wait()
		assert.Equal(t, []string{"live"}, out.texts())

		lossAt := nostr.Now()
		relay.Stop()
		for i := range 4 {
			relay.Publish(nostrtest.TextNoteAt(lossAt+nostr.Timestamp(i), nostrtest.Key(1), fmt.Sprintf("missed %d", i)))
		}
		relay.Publish(nostrtest.TextNoteAt(lossAt-299, nostrtest.Key(1), "missed, by a slow clock"))
		pass(10 * time.Minute) // dials fail meanwhile, which moves nothing
		require.NoError(t, relay.Restart())
		pass(time.Minute)
		assert.Equal(t, 5, strings.Count(out.String(), "  resumed  "))
		assert.Equal(t, []string{"missed, by a slow clock", "missed 0", "missed 1", "missed 2", "missed 3"}, out.texts())

		assert.Len(t, relay.Requests(), 2)
		require.NoError(t, end(true))
		assert.Contains(t, news.String(), "connected to wss://a.example/\n")
		assert.Contains(t, news.String(), "disconnected from wss://a.example/: ")
		assert.Contains(t, news.String(), "cannot reach wss://a.example/ (attempt 2): ")
	})
}

func TestEventsOfSeveralRelaysAreShownOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		a, b := network.NewRelay("wss://a.example"), network.NewRelay("wss://b.example")
		both, onlyB := nostrtest.TextNote(nostrtest.Key(1), "both"), nostrtest.TextNote(nostrtest.Key(1), "only b")
		a.Publish(both)
		b.Publish(both, onlyB)
		var out screen
		end := tail(t, network, &out, io.Discard, "-relay", "wss://a.example", "-relay", "wss://b.example")
		synctest.Wait()
		assert.ElementsMatch(t, []string{"both", "only b"}, out.texts())
		live := nostrtest.TextNote(nostrtest.Key(1), "live")
		a.Push(live, live)
		b.Push(live)
		forged := nostrtest.TextNote(nostrtest.Key(1), "genuine")
		forged.Content = "forged"
		b.Push(forged)
		synctest.Wait()
		assert.Equal(t, []string{"live"}, out.texts())
		require.NoError(t, end(true))
	})
}

func TestWhatStrangersWriteCannotReachTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		var out, news screen
		end := tail(t, network, &out, &news, "-relay", "wss://a.example")
		synctest.Wait()
		const evil = "\x1b]0;evil\x07\x1b[2J\u009b31m\x7f\r\n\u202eevil\u2028fake line\x00"
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), evil),
			nostrtest.Event(nostrtest.Key(1), nostr.KindFollowList, "\n", nostr.Tag{"p", "x"}),
			nostrtest.TextNoteAt(1<<62, nostrtest.Key(1), "from the far future"))
		relay.Notice(evil)
		relay.CloseSubscription(wireID(relay), "error: "+evil)
		synctest.Wait()
		relay.StopGracefully(1013, "busy \x1b[31m")
		synctest.Wait()
		require.NoError(t, end(true))
		for name, text := range map[string]string{"events": out.String(), "news": news.String()} {
			assert.NotRegexp(t, `[^\n\x20-\x7e…⋯]`, text, name)
			assert.Contains(t, text, `\x1b]0;evil\a\x1b[2J\u009b31m\x7f \u202eevil fake line\x00`, name)
		}
		assert.Equal(t, 3, strings.Count(out.String(), "\n"))
		assert.Contains(t, out.String(), "(no text, 1 tags)\n")
		assert.Contains(t, out.String(), "@4611686018427387904  live     kind 1")
	})
}

func wireID(relay *nostrtest.Relay) string { return relay.Subscriptions()[0].ID }

// L06: a CLOSED is not the end of it where it may pass, and the end of it where it will not.
func TestClosedSubscriptionsAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		var out, news screen
		end := tail(t, network, &out, &news, "-relay", "wss://a.example")
		synctest.Wait()
		require.Equal(t, 1, relay.CloseSubscription(wireID(relay), "error: shutting down"))
		synctest.Wait()
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "missed"))
		pass(10 * time.Second)
		assert.Equal(t, []string{"missed"}, out.texts())

		relay.CloseSubscription(wireID(relay), "restricted: members only")
		assert.ErrorContains(t, end(false), "no relay serves this subscription")
		assert.Contains(t, news.String(), "asking again in 2s: error: shutting down")
		assert.Contains(t, news.String(), "refuses the subscription: restricted: members only")
	})
}

// What a relay does not keep may be missing after an outage, and is said to be.
func TestGapsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example")
		var news screen
		end := tail(t, network, io.Discard, &news, "-relay", "wss://a.example", "-kind", "20001")
		pass(time.Minute)
		relay.DisconnectAll()
		pass(time.Minute)
		require.NoError(t, end(true))
		assert.Contains(t, news.String(), "wss://a.example/ may not have kept everything from ")
	})
}

func TestOneRefusalDoesNotEndTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		open := network.NewRelay("wss://open.example")
		network.NewRelay("wss://closed.example", nostrtest.WithAuth())
		var out screen
		end := tail(t, network, &out, io.Discard, "-relay", "wss://closed.example", "-relay", "wss://open.example")
		synctest.Wait()
		open.Publish(nostrtest.TextNote(nostrtest.Key(1), "still here"))
		synctest.Wait()
		assert.Equal(t, []string{"still here"}, out.texts())
		require.NoError(t, end(true))
	})
}

// Some relays never send EOSE: what they have is shown all the same.
func TestStoredEventsWaitForEOSEButNotForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay("wss://a.example", nostrtest.WithFaults(nostrtest.NoEOSE()))
		for i := range 3 {
			relay.Publish(nostrtest.TextNoteAt(nostr.Now()-nostr.Timestamp(i), nostrtest.Key(1), fmt.Sprintf("note %d", i)))
		}
		var out screen
		end := tail(t, network, &out, io.Discard, "-relay", "wss://a.example")
		synctest.Wait()
		assert.Empty(t, out.String(), "held back")
		pass(patience)
		assert.Equal(t, []string{"note 2", "note 1", "note 0"}, out.texts())
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "more"))
		synctest.Wait()
		assert.Equal(t, []string{"more"}, out.texts(), "at once now")
		require.NoError(t, end(true))
	})
}

func TestWhatIsHeldBackIsBounded(t *testing.T) {
	var f feed
	for i := range maxHeld - 1 {
		require.False(t, f.hold(&nostr.Event{CreatedAt: nostr.Timestamp(i)}, []byte("x")))
	}
	require.True(t, f.hold(&nostr.Event{}, []byte("x")))
	list := f.take()
	assert.Len(t, list, maxHeld)
	assert.IsNonDecreasing(t, []nostr.Timestamp{list[0].at, list[1].at, list[2].at})
	assert.False(t, f.hold(&nostr.Event{}, nil), "empty again")
	assert.True(t, f.hold(&nostr.Event{}, make([]byte, maxHeldBytes)))
}
