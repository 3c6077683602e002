package gennostr_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostrtest"
)

// mutely is a relay whose information document never comes, and counts who asks for it.
func mutely(network *nostrtest.Network) (relay *nostrtest.Relay, asked *atomic.Int32) {
	asked = new(atomic.Int32)
	return network.NewRelay(relayA, nostrtest.WithInfo(func(*nip11.Document) { asked.Add(1); time.Sleep(time.Hour) })), asked
}

// However a client has come to ask for a document that never comes, its end waits for
// nothing of that: not for the time that a handshake may take.
func TestADocumentThatNeverComesHoldsUpNoEnd(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *gennostr.Client, *nostrtest.Relay){
		"a relay": func(*testing.T, *gennostr.Client, *nostrtest.Relay) {},
		"one that was removed": func(t *testing.T, client *gennostr.Client, _ *nostrtest.Relay) {
			require.NoError(t, client.RemoveRelay(relayA))
		},
		"one that was removed and added again": func(t *testing.T, client *gennostr.Client, _ *nostrtest.Relay) {
			require.NoError(t, client.RemoveRelay(relayA))
			require.NoError(t, client.AddRelay(relayA))
		},
		"one that is away": func(_ *testing.T, _ *gennostr.Client, relay *nostrtest.Relay) { relay.DisconnectAll() },
		"one that was removed while it was away": func(t *testing.T, client *gennostr.Client, relay *nostrtest.Relay) {
			relay.DisconnectAll()
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(relayA))
		},
		"one that is being closed": func(t *testing.T, client *gennostr.Client, relay *nostrtest.Relay) {
			relay.Break(nostrtest.StallReads())
			require.NoError(t, client.RemoveRelay(relayA))
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay, asked := mutely(network)
				client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
				_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), ""))
				require.NoError(t, err)
				synctest.Wait()
				require.EqualValues(t, 1, asked.Load())
				before(t, client, relay)
				synctest.Wait()
				began := time.Now()
				require.NoError(t, client.Stop(t.Context()))
				assert.LessOrEqual(t, time.Since(began), time.Second, "what a closing handshake takes")
			})
		})
	}
}

// A guest whose document never comes leaves nothing behind when it is not needed any more.
func TestADocumentThatNeverComesHoldsUpNoEndOfAGuest(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		_, asked := mutely(network)
		client := start(t, nil, over(network, quietly(), gennostr.WithGuestIdle(time.Millisecond), gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)))...)
		_, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), ""), gennostr.On(relayA))
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.EqualValues(t, 1, asked.Load())
		require.Empty(t, client.Guests())
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Zero(t, time.Since(began))
	})
}

// initAsker has a document asked for in Init, and does not let the client start.
type initAsker struct {
	gennostr.BaseHandler
	end func() error
}

func (h *initAsker) Init(self *gennostr.Self) error {
	if err := self.Subscribe("all", []nostr.Filter{ofKind(1)}, gennostr.On(relayA)); err != nil {
		return err
	}
	if err := self.AddRelay(relayA); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return h.end()
}

func TestADocumentThatNeverComesHoldsUpNoInitThatFails(t *testing.T) {
	failed := errors.New("no")
	for name, end := range map[string]func() error{
		"an error": func() error { return failed }, "a panic": func() error { panic(failed) }, "ignored": func() error { return gennostr.ErrIgnore },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				_, asked := mutely(network)
				began := time.Now()
				_, err := gennostr.Start(t.Context(), &initAsker{end: end}, over(network, quietly())...)
				require.Error(t, err)
				require.EqualValues(t, 1, asked.Load())
				assert.Equal(t, time.Second, time.Since(began))
			})
		})
	}
}

// tripper is a transport of the program's.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The program's own transport runs for the document, too: if it panics there, that is
// logged, and no more than that.
func TestAPanicOverADocumentIsLogged(t *testing.T) {
	for name, fail := range map[string]func(){"a panic": func() { panic("no such thing") }, "the end of its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA)
				client := *network.HTTPClient()
				base := client.Transport
				client.Transport = tripper(func(r *http.Request) (*http.Response, error) {
					if r.Header.Get("Upgrade") == "" {
						fail()
					}
					return base.RoundTrip(r)
				})
				var log bytes.Buffer
				c := start(t, nil, over(network, gennostr.WithHTTPClient(&client), gennostr.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), gennostr.WithRelays(relayA))...)
				began := time.Now()
				_, err := c.Publish(t.Context(), nostrtest.EventAt(100, nostrtest.Key(1), 1, "waits for the document"))
				require.NoError(t, err)
				assert.Zero(t, time.Since(began))
				assert.Len(t, relay.Events(), 1)
				require.NoError(t, c.Stop(t.Context()))
				assert.Equal(t, 1, strings.Count(log.String(), "panic while a relay's document was read"))
			})
		})
	}
}
