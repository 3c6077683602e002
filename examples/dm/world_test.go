package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
	"github.com/gennostr/gennostr/nostrtest"
)

var (
	botKey, visitorKey, malloryKey = nostrtest.Key(1), nostrtest.Key(2), nostrtest.Key(3)
	giftWraps                      = nostr.Filter{}.WithKinds(nostr.KindGiftWrap)
)

// world is an internet in memory in which the bot lives on wss://bot.example.
type world struct {
	t       *testing.T
	ctx     context.Context // has an end, so that what never comes is told
	network *nostrtest.Network
	relay   *nostrtest.Relay // the bot's
	log     logbook
}

// inWorld runs f in virtual time, with the bot ready on a relay of these options.
func inWorld(t *testing.T, f func(t *testing.T, w *world), opts ...nostrtest.Option) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		w := &world{t: t, ctx: ctx, network: nostrtest.NewNetwork(t)}
		w.relay = w.network.NewRelay("wss://bot.example", opts...)
		w.start(settings{name: "bot", key: botKey, inbox: []string{"wss://bot.example"}, onMessage: answer})
		f(t, w)
	})
}

// start runs a mail until the end of the test.
func (w *world) start(s settings) *gennostr.Client {
	s.say = w.log.say
	m := newMail(s)
	client, err := gennostr.Start(context.Background(), m, m.options(anywhere, gennostr.WithHTTPClient(w.network.HTTPClient()))...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { assert.NoError(w.t, client.Stop(context.Background())) })
	return client
}

// toVisitor returns what the wraps for the visitor say that a client has brought to
// a relay, the first n of them.
func (w *world) toVisitor(relay *nostrtest.Relay, n int) (messages []*nip17.Message) {
	w.t.Helper()
	wraps, err := relay.WaitEvents(w.ctx, n, giftWraps.WithTag("p", visitorKey.PubKey().String()))
	require.NoError(w.t, err, "%s", w.log.String())
	for _, wrap := range wraps {
		msg, err := nip17.Open(w.ctx, nip44.Keyer(visitorKey), wrap)
		require.NoError(w.t, err)
		assert.Equal(w.t, botKey.PubKey(), msg.From)
		messages = append(messages, msg)
	}
	return messages
}

// unanswered asserts that whatever there is to do has been done, and no wrap has come of it.
func (w *world) unanswered() {
	w.t.Helper()
	synctest.Wait()
	for _, ev := range w.relay.Accepted() {
		assert.NotEqual(w.t, nostr.KindGiftWrap, ev.Kind, "%s", w.log.String())
	}
}

// isUp waits until the bot's inbox is open.
func (w *world) isUp() {
	w.t.Helper()
	require.NoError(w.t, w.relay.WaitFor(w.ctx, func() bool {
		for _, s := range w.relay.Subscriptions() {
			if isInbox(s.Filters) {
				return true
			}
		}
		return false
	}), "%s", w.log.String())
}

func isInbox(filters []nostr.Filter) bool {
	return len(filters) > 0 && slices.Contains(filters[0].Kinds, nostr.KindGiftWrap)
}

// wrapped is a message to the bot and whoever else it names.
func (w *world) wrapped(from nostr.SecretKey, msg nip17.Message) *nostr.Event {
	w.t.Helper()
	msg.To = append([]nostr.PubKey{botKey.PubKey()}, msg.To...)
	prepared, err := nip17.PrepareMessage(w.ctx, nip44.Keyer(from), msg)
	require.NoError(w.t, err)
	return prepared.ToThem[0].Wrap
}

// ownCopy is what another program of the bot's key keeps of a message to the visitor.
func (w *world) ownCopy() *nostr.Event {
	w.t.Helper()
	prepared, err := nip17.PrepareMessage(w.ctx, nip44.Keyer(botKey), nip17.Message{To: []nostr.PubKey{visitorKey.PubKey()}, Content: "x"})
	require.NoError(w.t, err)
	return prepared.ToUs
}

// reattributed is a rumor of the visitor's that mallory has sealed.
func (w *world) reattributed() *nostr.Event {
	rumor, err := (&nip17.Message{To: []nostr.PubKey{botKey.PubKey()}, Content: "it is me"}).Rumor(visitorKey.PubKey())
	require.NoError(w.t, err)
	key, err := nip44.GenerateConversationKey(botKey.PubKey(), malloryKey)
	require.NoError(w.t, err)
	payload, err := nip44.Encrypt(string(rumor.AppendUnsignedJSON(nil)), key)
	require.NoError(w.t, err)
	seal := nostrtest.Event(malloryKey, nostr.KindSeal, payload)
	wrap, err := nip59.Wrap(seal, botKey.PubKey())
	require.NoError(w.t, err)
	return wrap
}

// logbook keeps what was said.
type logbook struct {
	mu      sync.Mutex
	text    strings.Builder // guarded by mu
	changed chan struct{}   // guarded by mu: closed by the next word, nil if nobody waits
}

func (b *logbook) say(who, format string, args ...any) { fmt.Fprintf(b, who+": "+format+"\n", args...) }

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
	return b.text.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits for a text.
func (b *logbook) await(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for {
		b.mu.Lock()
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		found, changed := strings.Contains(b.text.String(), text), b.changed
		b.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%q was never said: %s", text, b)
		}
	}
}
