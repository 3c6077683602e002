package nostrtest_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostrtest"
)

// get requests a URL the way a NIP-11 client does.
func get(t *testing.T, client *http.Client, method, url, accept string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, body
}

func TestP47InformationDocumentIsServedOnTheRelaysURL(t *testing.T) {
	limits := nostrtest.Limits{Subscriptions: 20, Limit: 500, Future: 15 * time.Minute}
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		for _, accept := range []string{"application/nostr+json", "text/html, application/nostr+json;q=0.9"} {
			response, body := get(t, network.HTTPClient(), http.MethodGet, "https://a.example/any/path", accept)
			assert.Equal(t, http.StatusOK, response.StatusCode)
			assert.Equal(t, "application/nostr+json", response.Header.Get("Content-Type"))
			assert.Equal(t, "*", response.Header.Get("Access-Control-Allow-Origin"))
			document, err := nip11.Parse(body)
			require.NoError(t, err)
			assert.Empty(t, document.Problems)
			assert.Equal(t, "under test", document.Name)
			assert.True(t, document.Supports(42))
			limitation := document.Limitation
			assert.EqualValues(t, 20, *limitation.MaxSubscriptions)
			assert.EqualValues(t, 500, *limitation.MaxLimit)
			assert.EqualValues(t, nostrtest.DefaultMessageLength, *limitation.MaxMessageLength)
			assert.EqualValues(t, 64, *limitation.MaxSubidLength)
			assert.EqualValues(t, 900, *limitation.CreatedAtUpperLimit)
			assert.Nil(t, limitation.MaxFilters)
			assert.True(t, limitation.AuthRequired)
		}
		assert.Equal(t, 2, relay.InfoRequests())
		assert.Zero(t, relay.ConnectionCount(), "no websocket")
	}, nostrtest.WithLimits(limits), nostrtest.WithAuth(),
		nostrtest.WithInfo(func(document *nip11.Document) { document.Name = "under test" }))
}

func TestP47OtherRequestsAreTold(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		client := network.HTTPClient()
		response, _ := get(t, client, http.MethodGet, "https://a.example", "text/html")
		assert.Equal(t, http.StatusUpgradeRequired, response.StatusCode)
		response, _ = get(t, client, http.MethodPost, "https://a.example", "application/nostr+json")
		assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
		response, body := get(t, client, http.MethodOptions, "https://a.example", "")
		assert.Equal(t, http.StatusNoContent, response.StatusCode)
		assert.Equal(t, "*", response.Header.Get("Access-Control-Allow-Headers"))
		assert.Empty(t, body)
		response, body = get(t, client, http.MethodHead, "https://a.example", "application/nostr+json")
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Empty(t, body)
		assert.Equal(t, 1, relay.InfoRequests())
	})
}
