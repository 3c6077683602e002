package gennostr_test

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// What a program holds on to is printed some day, by a log line or a failing test: neither
// a key nor a header nor a proxy's password is in it.
// Shows L20, D21.
func TestNothingThatAProgramHoldsPrintsASecret(t *testing.T) {
	const token, password = "t0k3n-of-the-header", "pr0xy-p4ssw0rd"
	key := nostr.GenerateSecretKey()
	opts := []gennostr.Option{
		quietly(), gennostr.WithRelays("wss://a.example/"), gennostr.WithSigner(key.Signer()),
		gennostr.WithHeader(http.Header{"Authorization": {"Bearer " + token}}),
		gennostr.WithProxy(http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("me", password), Host: "127.0.0.1:1"})),
	}
	h, err := gennostr.NewHarness(nil, opts...)
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	require.NoError(t, h.Connect("wss://a.example/"))
	client := h.Client()
	sub, err := client.Subscribe(t.Context(), []nostr.Filter{{}})
	require.NoError(t, err)
	publication, err := client.StartPublish(textNotes(1)[0])
	require.NoError(t, err)
	var self *gennostr.Self
	require.NoError(t, h.Run(func(s *gennostr.Self) error { self = s; return nil }))
	held := struct { // a bot's fields, of which fmt asks no method
		client *gennostr.Client
		self   *gennostr.Self
		opts   []gennostr.Option
	}{client, self, opts}

	shown := 0
	for name, v := range map[string]any{
		"client": client, "harness": h, "self": self, "options": opts, "stats": client.Stats(), "relays": client.Relays(), "bot": held, "a pointer to it": &held,
		"subscription": sub, "its status": sub.Status(), "publication": publication, "requests": h.Subscribed("wss://a.example/"),
	} {
		var text strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&text, verb, v)
		}
		slog.New(slog.NewTextHandler(&text, nil)).Info("held", "value", v)
		slog.New(slog.NewJSONHandler(&text, nil)).Info("held", "value", v)
		shown += text.Len()
		for what, secret := range map[string]string{"token": token, "password": password, "key": key.Hex()} {
			for _, spelling := range []string{secret, hex.EncodeToString([]byte(secret)), fmt.Sprint([]byte(secret))} {
				assert.NotContains(t, strings.ToLower(text.String()), spelling, "%s shows the %s", name, what)
			}
		}
	}
	assert.Greater(t, shown, 5_000)
}

// A relay's certificate is verified unless the program says otherwise.
// Shows D20.
func TestARelayWhoseCertificateNobodyKnowsIsNotSpokenTo(t *testing.T) {
	asked := make(chan *http.Request, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	relayURL := "wss" + strings.TrimPrefix(server.URL, "https")
	for name, opts := range map[string][]gennostr.RelayOption{
		"by default":    nil,
		"with a header": {gennostr.WithHeader(http.Header{"Authorization": {"Bearer t0k3n"}})},
		"with a client": {gennostr.WithHTTPClient(&http.Client{})},
		"with a policy": {gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return nil })},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			client := start(t, r, quietly(), gennostr.WithManualReconnect())
			require.NoError(t, client.AddRelay(relayURL, opts...))
			reason := r.WaitCount(t, "OnDisconnect", 1).Msg.(error)
			var dial *gennostr.DialError
			require.ErrorAs(t, reason, &dial)
			var unknown x509.UnknownAuthorityError
			require.ErrorAs(t, reason, &unknown)
			_, err := gennostr.RelayInformation(t.Context(), relayURL, opts...)
			require.ErrorAs(t, err, &unknown)
			assert.Empty(t, asked, "nothing was sent")
		})
	}
}
