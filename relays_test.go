package gennostr_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
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

// The relay verbs of Client, beyond what R49–R54 say of them.

func TestBadURLsAndOptionsAreRefusedAndChangeNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := start(t, &recorder{}, over(network)...)
		for _, url := range []string{"", "a.example", "http://a.example", "wss://", "wss://a.example#x", "wss://me@a.example", "wss://a b"} {
			assert.ErrorIs(t, client.AddRelay(url), nostr.ErrInvalidURL, url)
			_, err := client.EnsureRelay(url)
			assert.ErrorIs(t, err, nostr.ErrInvalidURL, url)
			assert.ErrorIs(t, client.SetRelays([]string{"wss://good.example", url}), nostr.ErrInvalidURL, url)
			_, known := client.Relay(url)
			assert.False(t, known)
			_, err = gennostr.Start(t.Context(), nil, gennostr.WithRelays(url))
			assert.ErrorIs(t, err, nostr.ErrInvalidURL, url)
		}
		for name, opt := range map[string]gennostr.RelayOption{
			"nil": nil, "WithReadLimit": gennostr.WithReadLimit(0), "WithHandshakeTimeout": gennostr.WithHandshakeTimeout(-1),
			"WithMessageTimeout": gennostr.WithMessageTimeout(0), "WithWriteTimeout": gennostr.WithWriteTimeout(0), "WithSendQueue": gennostr.WithSendQueue(0),
			"WithMailboxWindow": gennostr.WithMailboxWindow(0, 1), "WithPing": gennostr.WithPing(-1, 1),
			"WithReconnectSchedule": gennostr.WithReconnectSchedule(), "WithReconnectJitter": gennostr.WithReconnectJitter(1),
			"WithStableAfter": gennostr.WithStableAfter(-1), "WithMaxAttempts": gennostr.WithMaxAttempts(-1), "WithForgeryLimit": gennostr.WithForgeryLimit(-1),
		} {
			assert.ErrorContains(t, client.AddRelay("wss://a.example", opt), name)
			assert.ErrorContains(t, client.SetRelays([]string{"wss://a.example"}, opt), name)
			if opt != nil {
				_, err := gennostr.Start(t.Context(), nil, opt)
				assert.ErrorContains(t, err, name)
			}
		}
		assert.Empty(t, client.Relays())
	})
}

func TestSetRelaysReconciles(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relays := map[string]*nostrtest.Relay{}
		for _, name := range []string{"a", "b", "c"} {
			relays[name] = network.NewRelay("wss://" + name + ".example")
		}
		r := &recorder{}
		client := start(t, r, over(network)...)
		set := func(urls ...string) []string {
			require.NoError(t, client.SetRelays(urls))
			synctest.Wait()
			var now []string
			for _, status := range client.Relays() {
				assert.Equal(t, gennostr.RelayConnected, status.State)
				now = append(now, status.URL)
			}
			return now
		}
		assert.Equal(t, []string{"wss://a.example/", "wss://b.example/"}, set("wss://b.example", "wss://a.example", "WSS://A.EXAMPLE//"))
		assert.Equal(t, []string{"wss://b.example/", "wss://c.example/"}, set("wss://c.example", "wss://b.example:443"))
		assert.Equal(t, 1, relays["b"].ConnectionCount(), "what stays is not touched")
		a := ofRelay(r.All(), "wss://a.example/")
		require.Equal(t, []string{"OnConnect", "OnDisconnect"}, namesOf(a))
		assert.ErrorIs(t, reasonOf(t, a[1]), gennostr.ErrRelayRemoved)
		assert.Empty(t, set())
		assert.Equal(t, []string{"wss://a.example/"}, set("wss://a.example"), "and back again")
		assert.Equal(t, 2, relays["a"].ConnectionCount())
		grammar(t, r.All())
	})
}

func TestSetRelaysBringsBackWhatIsOnItsWayOut(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		network.Partition("wss://a.example") // its closing handshake takes a second
		require.NoError(t, client.SetRelays(nil))
		require.NoError(t, client.SetRelays([]string{"wss://a.example"}))
		require.Len(t, client.Relays(), 1, "added again: it is one of the client's relays")
		assert.Equal(t, gennostr.RelayDialing, client.Relays()[0].State)
		assert.ErrorIs(t, client.AddRelay("wss://a.example"), gennostr.ErrRelayExists)
		assert.NoError(t, client.Reconnect("wss://a.example"), "nothing to do")
		assert.ErrorIs(t, client.Send("wss://a.example", everything("s")), gennostr.ErrNotConnected)
		time.Sleep(2 * time.Second) // virtual
		network.Heal("wss://a.example")
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, []string{"OnConnect", "OnDisconnect", "OnConnect"}, r.Names())
		assert.Equal(t, 2, relay.ConnectionCount())
	})
}

func TestRelaysShowsEveryStateSortedByURL(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		up := network.NewRelay("wss://d.example")
		network.HoldDials("wss://c.example")
		client := start(t, &recorder{On: streamer}, over(network, gennostr.WithRelays("wss://d.example", "wss://c.example", "wss://b.example"))...)
		require.NoError(t, client.AddRelay("wss://a.example", gennostr.WithManualReconnect()))
		began := time.Now()
		synctest.Wait()
		up.Publish(textNotes(2)...)
		time.Sleep(time.Second / 4) // virtual
		synctest.Wait()

		list := client.Relays()
		require.Len(t, list, 4)
		var states []string
		for _, status := range list {
			states = append(states, status.URL+" "+status.State.String())
			one, known := client.Relay(status.URL)
			assert.True(t, known)
			assert.Equal(t, status, one)
		}
		assert.Equal(t, []string{"wss://a.example/ down", "wss://b.example/ waiting", "wss://c.example/ dialing", "wss://d.example/ connected"}, states)

		var dial *gennostr.DialError
		assert.ErrorAs(t, list[0].LastError, &dial)
		assert.Equal(t, began.Add(time.Second/2), list[1].NextAttempt)
		assert.Equal(t, 1, list[1].Attempts)
		assert.Zero(t, list[2].LastError)
		assert.Equal(t, began, list[3].ConnectedAt)
		assert.Equal(t, []int{1, 1}, []int{list[3].Connects, list[3].Attempts})

		before := list[3].Traffic
		assert.EqualValues(t, 2, before.Events)
		assert.EqualValues(t, 3, before.MessagesIn, "two events and an EOSE")
		assert.EqualValues(t, 1, before.MessagesOut)
		assert.Positive(t, before.BytesIn)
		assert.Positive(t, before.BytesOut)
		up.DisconnectAll()
		time.Sleep(time.Second) // virtual
		synctest.Wait()
		after, _ := client.Relay("wss://d.example")
		assert.EqualValues(t, 4, after.Traffic.Events, "summed over its connections")
		assert.EqualValues(t, 6, after.Traffic.MessagesIn)
		assert.Greater(t, after.Traffic.BytesIn, before.BytesIn)
		assert.Equal(t, 2, after.Connects)
		assert.Error(t, after.LastError)
	})
}

// A callback finds its relay in the state that it is told about.
func TestOnConnectFindsTheRelayConnected(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	told := make(chan struct{})
	r := &recorder{On: func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "OnConnect":
			status, known := self.Relay(n.Relay.URL)
			assert.True(t, known)
			assert.Equal(t, gennostr.RelayConnected, status.State)
			assert.Equal(t, n.Relay.ConnectedAt, status.ConnectedAt)
			assert.Equal(t, n.Relay.Attempts, status.Attempts)
			told <- struct{}{}
		case "OnDisconnect":
			status, _ := self.Relay(n.Relay.URL)
			assert.Equal(t, gennostr.RelayWaiting, status.State)
			assert.Equal(t, n.Msg, status.LastError)
		}
		return nil
	}}
	start(t, r, gennostr.WithRelays(relay.URL()), gennostr.WithReconnectSchedule(time.Microsecond))
	for range 50 {
		<-told
		relay.DisconnectAll()
	}
	<-told
}

func TestReadyWaitsForThatManyConnections(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		a := network.NewRelay("wss://a.example")
		inside := make(chan error, 1)
		r := &recorder{On: func(self *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				inside <- self.Client().Ready(self.Context(), 1)
			}
			return nil
		}}
		client := start(t, r, over(network)...)
		require.NoError(t, client.Ready(t.Context(), 0), "none is enough")
		cause := errors.New("enough waited")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		assert.Equal(t, cause, client.Ready(ctx, 1))

		two := make(chan error, 1)
		go func() { two <- client.Ready(t.Context(), 2) }()
		require.NoError(t, client.AddRelay(a.URL()))
		require.NoError(t, client.Ready(t.Context(), 1))
		synctest.Wait()
		assert.Empty(t, two, "one is not two")
		a.Stop()
		synctest.Wait()
		b := network.NewRelay("wss://b.example")
		require.NoError(t, client.AddRelay(b.URL()))
		synctest.Wait()
		assert.Empty(t, two, "two, but not at the same time")
		require.NoError(t, a.Restart())
		require.NoError(t, <-two)

		require.NoError(t, client.Notify("go"))
		assert.ErrorIs(t, <-inside, gennostr.ErrCallingSelf)
		go func() { two <- client.Ready(t.Context(), 3) }()
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.ErrorIs(t, <-two, gennostr.ErrClientClosed)
		assert.ErrorIs(t, client.Ready(t.Context(), 0), gennostr.ErrClientClosed)
	})
}

func TestEveryVerbAfterTheEnd(t *testing.T) {
	var self *gennostr.Self
	h := newBot(func(s *gennostr.Self, _ note) error { self = s; return nil })
	client := start(t, h, quietly())
	require.NoError(t, client.Stop(t.Context()))
	ended := func(err error) { t.Helper(); assert.ErrorIs(t, err, gennostr.ErrClientClosed) }
	own := gennostr.WithHeader(http.Header{"X": {"y"}}) // a transport of its own, which has to be let go
	ended(client.AddRelay("wss://a.example", own))
	_, err := client.EnsureRelay("wss://a.example", own)
	ended(err)
	ended(client.SetRelays([]string{"wss://a.example"}, own))
	ended(client.RemoveRelay("wss://a.example"))
	ended(client.Reconnect("wss://a.example"))
	ended(client.Ready(t.Context(), 1))
	ended(client.Send("wss://a.example", everything("s")))
	ended(client.Broadcast(everything("s")))
	assert.Empty(t, client.Relays())
	_, known := client.Relay("wss://a.example")
	assert.False(t, known)

	ended(self.AddRelay("wss://a.example"))
	self.RemoveRelay("wss://a.example")
	self.Reconnect("wss://a.example")
	self.Send("wss://a.example", everything("s"))
	self.Broadcast(everything("s"))
	assert.Empty(t, self.Relays())
}

// Shows D02.
func TestSelfIsGoodForRelayVerbsBeyondItsCallback(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		var self *gennostr.Self
		r := newBot(func(s *gennostr.Self, n note) error {
			if n.Name == "Init" {
				self = s
			}
			return nil
		})
		client := start(t, r, over(network)...)
		require.NoError(t, self.SetRelays([]string{relay.URL()}))
		require.NoError(t, client.Ready(t.Context(), 1))
		self.Send(relay.URL(), everything("s"))
		self.Broadcast(everything("t"))
		self.Send("wss://unknown.example", everything("u"))
		synctest.Wait()
		assert.Len(t, relay.Subscriptions(), 2)
		require.Len(t, r.Named("OnError"), 1)
		assert.ErrorIs(t, reasonOf(t, r.Named("OnError")[0]), gennostr.ErrUnknownRelay)
		self.RemoveRelay(relay.URL())
		synctest.Wait()
		assert.Empty(t, self.Relays())
	})
}

// Shows P47, P48, P53.
func TestRelayInformation(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example", nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 7}),
			nostrtest.WithInfo(func(d *nip11.Document) { d.Name = "a relay" }))
		document, err := gennostr.RelayInformation(t.Context(), "WSS://A.example:443//", gennostr.WithHTTPClient(network.HTTPClient()))
		require.NoError(t, err)
		assert.Equal(t, "a relay", document.Name)
		require.NotNil(t, document.Limitation.MaxSubscriptions)
		assert.EqualValues(t, 7, *document.Limitation.MaxSubscriptions)
		assert.Equal(t, 1, relay.InfoRequests())

		network.HoldDials("wss://b.example")
		began := time.Now()
		_, err = gennostr.RelayInformation(t.Context(), "wss://b.example", gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithHandshakeTimeout(3*time.Second))
		assert.ErrorIs(t, err, gennostr.ErrHandshakeTimeout)
		assert.Equal(t, 3*time.Second, time.Since(began))
		cause := errors.New("not that long")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		_, err = gennostr.RelayInformation(ctx, "wss://b.example", gennostr.WithHTTPClient(network.HTTPClient()))
		assert.Error(t, err)
		assert.Equal(t, 4*time.Second, time.Since(began))
	})

	var mu sync.Mutex
	var header http.Header
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		header, path = r.Header.Clone(), r.URL.String()
		mu.Unlock()
		switch r.URL.Path {
		case "/huge":
			_, _ = w.Write([]byte(`{"name":"` + strings.Repeat("x", nip11.MaxSize) + `"}`))
		case "/gone":
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/page":
			_, _ = w.Write([]byte("<html>"))
		default:
			_, _ = w.Write([]byte(`{"name":"ours","limitation":{"max_limit":"many"}}`))
		}
	}))
	defer server.Close()
	base := "ws" + strings.TrimPrefix(server.URL, "http")
	document, err := gennostr.RelayInformation(t.Context(), base+"/inbox?x=1", gennostr.WithHeader(http.Header{"Authorization": {"token"}}))
	require.NoError(t, err)
	assert.Equal(t, "ours", document.Name)
	assert.NotEmpty(t, document.Problems, "untidy documents are read as far as they go (P48)")
	assert.Equal(t, []string{"application/nostr+json", "token"}, []string{header.Get("Accept"), header.Get("Authorization")})
	assert.Equal(t, "/inbox?x=1", path, "the relay's own URI (P47)")
	for url, opts := range map[string][]gennostr.RelayOption{
		base + "/huge": nil, base + "/gone": nil, base + "/page": nil, "http://a.example": nil, base: {nil},
		base + "/denied": {gennostr.WithDialPolicy(gennostr.DenyPrivateNetworks)},
	} {
		path = ""
		_, err := gennostr.RelayInformation(t.Context(), url, opts...)
		assert.Error(t, err, url)
		if strings.HasSuffix(url, "/denied") {
			assert.ErrorIs(t, err, gennostr.ErrAddressDenied)
			assert.Empty(t, path)
		}
	}
}

// Shows D19.
func TestDenyPrivateNetworks(t *testing.T) {
	for address, denied := range map[string]bool{
		"127.0.0.1:443": true, "10.1.2.3:443": true, "192.168.0.1:80": true, "169.254.169.254:80": true, "[::1]:443": true, "[fd00::1]:443": true,
		"[::ffff:127.0.0.1]:443": true, "0.0.0.0:443": true, "8.8.8.8:443": false, "[2606:4700::1111]:443": false,
	} {
		err := gennostr.DenyPrivateNetworks("tcp", netip.MustParseAddrPort(address))
		assert.Equal(t, denied, errors.Is(err, gennostr.ErrAddressDenied), address)
	}
}
