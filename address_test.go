package gennostr_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

// A relay's URL is its identity, its Address is what was written (L33).

// addressPaths are paths and queries that some relay insists on, byte for byte.
var addressPaths = []string{
	"/", "/nostr/ws/", "/nostr/ws", "//", "/a//b/", "/wss://inner.example/", "/up/../down", "/./x",
	"/%7Euser/", "/a%2fb", "/caf%C3%A9/", "/?b=2&a=1&sig=x%2Fy", "/inbox?", "/?a=1&&a=0", "/x/?token=%3d%3d",
}

// Shows D07.
func TestL33RelaysAreDialledAsTheyWereWritten(t *testing.T) {
	type dialled struct{ uri, host string }
	dials := make(chan dialled, 1)
	base := rawRelay(t, func(conn net.Conn, request *http.Request) {
		dials <- dialled{request.RequestURI, request.Host}
		says("")(conn, request)
	})
	host := strings.TrimPrefix(base, "ws://")
	for written, uri := range map[string]string{base: "/", base + "?b=2&a=1": "/?b=2&a=1", "WS://" + host + "/X/": "/X/", " " + base + "/y/\n": "/y/"} {
		testDial(t, written, dials, dialled{uri, host})
	}
	for _, path := range addressPaths {
		testDial(t, base+path, dials, dialled{path, host})
	}
	testDial(t, strings.Replace(base, "127.0.0.1", "[::ffff:127.0.0.1]", 1)+"/x/", dials, dialled{"/x/", host})
}

// testDial adds a relay as it is written, and sees what the relay is asked for.
func testDial[T any](t *testing.T, written string, dials <-chan T, want T) {
	t.Helper()
	r := &recorder{}
	client := launch(t, r, quietly())
	require.NoError(t, client.AddRelay(written), written)
	assert.Equal(t, want, within(t, "the dial of "+written, dials), written)
	require.NoError(t, client.Ready(t.Context(), 1))
	relay := r.WaitCount(t, "OnConnect", 1).Relay
	address := strings.TrimSpace(written)
	assert.Equal(t, normal(t, written), relay.URL)
	assert.Equal(t, address, relay.Address)
	for _, either := range []string{written, relay.URL, address} {
		status, known := client.Relay(either)
		assert.True(t, known, either)
		assert.Equal(t, []string{relay.URL, address}, []string{status.URL, status.Address})
		assert.NoError(t, client.Send(either, gennostr.Close{SubscriptionID: "s"}))
		assert.NoError(t, client.Reconnect(either))
		assert.ErrorIs(t, client.AddRelay(either), gennostr.ErrRelayExists)
	}
	require.NoError(t, client.RemoveRelay(relay.URL))
	gone := r.WaitCount(t, "OnDisconnect", 1).Relay
	assert.Equal(t, relay, gone)
	require.NoError(t, client.Stop(t.Context()))
}

// requested lists what a relay of a network was asked for in handshakes.
func requested(relay *nostrtest.Relay) (uris []string) {
	for _, entry := range relay.WireLog() {
		if uri, ok := strings.CutPrefix(entry.Text, "GET "); ok && entry.Kind == "HTTP" {
			uris = append(uris, uri)
		}
	}
	return uris
}

// Shows D07.
func TestL33TheFirstSpellingCountsUntilTheRelayIsRemoved(t *testing.T) {
	const url, first, second = "wss://a.example/ws", "wss://A.example/ws/", "wss://a.example//ws"
	t.Run("while it is there", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &recorder{On: func(self *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" { // by its identity, as the callback names it
					assert.NoError(t, self.AddRelay(n.Relay.URL))
				}
				return nil
			}}
			client := start(t, r, over(network, gennostr.WithRelays(first, second))...)
			added, err := client.EnsureRelay(second)
			assert.NoError(t, err)
			assert.False(t, added)
			require.NoError(t, client.SetRelays([]string{second, url}))
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.DisconnectAll()
			time.Sleep(time.Minute) // virtual
			assert.Equal(t, []string{"/ws/", "/ws/"}, requested(relay))
			assert.Len(t, client.Relays(), 1)
			for _, n := range r.All() {
				assert.Equal(t, []string{url, first}, []string{n.Relay.URL, n.Relay.Address}, n.Name)
			}
			r.On = nil
		})
	})
	t.Run("with WithManualReconnect", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			client := start(t, &recorder{}, over(network, gennostr.WithRelays(first), gennostr.WithManualReconnect())...)
			require.NoError(t, client.Ready(t.Context(), 1))
			for _, verb := range []func() error{
				func() error { return client.Reconnect(url) }, func() error { return client.AddRelay(second) },
				func() error { _, err := client.EnsureRelay(url); return err },
			} {
				relay.DisconnectAll()
				synctest.Wait()
				require.NoError(t, verb())
				require.NoError(t, client.Ready(t.Context(), 1))
			}
			assert.Equal(t, []string{"/ws/", "/ws/", "/ws/", "/ws/"}, requested(relay))
		})
	})
	t.Run("once it is removed", func(t *testing.T) {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &recorder{}
			client := start(t, r, over(network, gennostr.WithRelays(first))...)
			for _, wait := range []bool{true, false} { // on its way out, or gone
				require.NoError(t, client.Ready(t.Context(), 1))
				require.NoError(t, client.RemoveRelay(second))
				if wait {
					synctest.Wait()
				}
				require.NoError(t, client.AddRelay(second))
				status, _ := client.Relay(url)
				assert.Equal(t, second, status.Address)
				require.NoError(t, client.SetRelays(nil))
				synctest.Wait()
				require.NoError(t, client.AddRelay(first))
			}
			require.NoError(t, client.Ready(t.Context(), 1))
			synctest.Wait()
			addresses := map[string]bool{}
			for _, n := range r.Named("OnDisconnect") {
				addresses[n.Relay.Address] = true
			}
			assert.Equal(t, map[string]bool{first: true, second: true}, addresses)
			assert.Contains(t, requested(relay), "/ws/")
		})
	})
}

// authenticator proves who it is, as the documentation of OnAuth says.
type authenticator struct {
	gennostr.BaseHandler
	key nostr.SecretKey
}

func (a *authenticator) OnAuth(self *gennostr.Self, relay gennostr.Relay, m gennostr.AuthMessage) error {
	event := nostrtest.Event(a.key, nostr.KindClientAuthentication, "", nostr.Tag{"relay", relay.Address}, nostr.Tag{"challenge", m.Challenge})
	self.Send(relay.URL, gennostr.AuthResponse{Event: event})
	return nil
}

// Some relays compare the relay tag of an AUTH with their URL byte for byte (Q01).
func TestL33AnAUTHCanNameTheRelayAsItWasWritten(t *testing.T) {
	for _, path := range append(addressPaths, "") {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			address := "wss://A.example" + path
			client := start(t, &authenticator{key: nostrtest.Key(1)}, over(network, gennostr.WithRelays(address))...)
			require.NoError(t, client.Ready(t.Context(), 1))
			relay.RequestAuth()
			synctest.Wait()
			var named []string
			for _, m := range relay.Received() {
				if _, event, ok := strings.Cut(m.Frame, `["AUTH",`); ok {
					e, _, err := nostr.ParseEvent([]byte(strings.TrimSuffix(event, "]")))
					require.NoError(t, err)
					named = append(named, e.Tags.Find("relay").Value())
				}
			}
			assert.Equal(t, []string{address}, named)
		})
	}
}

// OnError is told of which relay a message failed, also where there is no connection to ask.
func TestFailuresOfSendingNameTheRelay(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const url, address = "wss://a.example/ws", "wss://a.example/ws/"
		network.NewRelay("wss://a.example").Stop()
		r := &recorder{On: func(self *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				self.Send(n.Msg.(string), tag(1))
			}
			return nil
		}}
		client := start(t, r, over(network, gennostr.WithRelays(address), gennostr.WithManualReconnect())...)
		synctest.Wait()
		before := len(r.Named("OnError"))
		for _, to := range []string{address, "wss://b.example/x/", "what?"} {
			require.NoError(t, client.Notify(to))
		}
		synctest.Wait()
		var told []gennostr.Relay
		for _, n := range r.Named("OnError")[before:] {
			var failed *gennostr.SendError
			require.True(t, errors.As(reasonOf(t, n), &failed))
			assert.Equal(t, n.Relay.URL, failed.URL)
			told = append(told, n.Relay)
		}
		assert.Equal(t, []gennostr.Relay{{URL: url, Address: address}, {URL: "wss://b.example/x"}, {}}, told)
	})
}

func TestL33RelayInformationAsksForWhatWasWritten(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.RequestURI
		w.Header().Set("Content-Type", nip11.ContentType)
		_, _ = w.Write([]byte(`{"name":"x"}`))
	}))
	defer server.Close()
	for _, path := range addressPaths {
		_, err := gennostr.RelayInformation(t.Context(), strings.Replace(server.URL, "http", "WS", 1)+path)
		require.NoError(t, err, path)
		assert.Equal(t, path, <-asked)
	}
}

// What is dialled is the relay that was named, whatever stands in its path: the same
// identity, the same server, no more than a path and a query.
func FuzzIdentify(f *testing.F) {
	for _, path := range addressPaths {
		f.Add("wss://A.example:443" + path)
	}
	for _, raw := range []string{"ws://[::ffff:127.0.0.1]:080//x?", " wss://b\u00fccher.example./?//#", "wss://a@b//c", "wss:///x", "WSS://a?b//c", "wss://a.example/%2e%2E//x\n"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		identity, address, target, err := gennostr.Identify(raw)
		if err != nil {
			assert.ErrorIs(t, err, nostr.ErrInvalidURL)
			return
		}
		assert.Equal(t, strings.Trim(raw, " \t\r\n"), address)
		_, dialledRest, _ := strings.Cut(target, "//")
		if i := strings.IndexAny(dialledRest, "/?"); i >= 0 {
			assert.True(t, strings.HasSuffix(address, dialledRest[i:]), "path and query are as written")
		}
		for _, spelling := range []string{address, target, identity} {
			same, err := nostr.NormalizeURL(spelling)
			require.NoError(t, err)
			assert.Equal(t, identity, same)
		}
		dialled, err := url.Parse(target)
		require.NoError(t, err)
		named, err := url.Parse(identity)
		require.NoError(t, err)
		assert.Equal(t, []string{named.Scheme, named.Host}, []string{dialled.Scheme, dialled.Host})
		assert.Nil(t, dialled.User)
		assert.Empty(t, dialled.Fragment+dialled.Opaque)
		assert.False(t, strings.ContainsFunc(dialled.RequestURI(), func(r rune) bool { return r <= ' ' || r == 0x7f }), "it fits a request line")
	})
}
