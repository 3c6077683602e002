package nostrtest_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

func TestRefusedHandshakes(t *testing.T) {
	for _, refusal := range []struct {
		status     int
		retryAfter time.Duration
		header     string
	}{{403, 0, ""}, {429, 90 * time.Second, "90"}, {429, 1500 * time.Millisecond, "2"}, {503, time.Minute, "60"}, {200, 0, ""}} {
		everywhere(t, func(t *testing.T, w world) {
			for range 2 {
				response := w.ask().answer()
				assert.Equal(t, refusal.status, response.StatusCode)
				assert.Equal(t, refusal.header, response.Header.Get("Retry-After"))
				assert.Zero(t, w.relay.ConnectionCount())
			}
			w.dial().alive()
		}, nostrtest.WithFaults(nostrtest.RefuseHandshake(refusal.status, refusal.retryAfter).Times(2)))
	}
}

func TestHandshakesAreNumberedOnTheirOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.dial().alive()
		assert.Equal(t, 503, w.ask().answer().StatusCode)
		w.dial().alive()
		assert.Equal(t, 503, w.ask().answer().StatusCode)
		w.dial().alive()
		assert.Equal(t, 3, w.relay.ConnectionCount())
	}, nostrtest.WithFaults(nostrtest.RefuseHandshake(503, 0).OnConnection(2, 4)))
}

func TestDelayedHandshake(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		w := world{t, relay, network}
		start := time.Now()
		c := w.ask()
		c.until(time.Hour)
		_, err := http.ReadResponse(c.in, nil)
		require.NoError(t, err)
		assert.Equal(t, 30*time.Second, time.Since(start))
		c.alive()
		assert.Zero(t, relay.Connections()[0].Pings-1)

		// A client that does not wait so long leaves nothing behind.
		gone := w.ask()
		require.NoError(t, gone.conn.Close())
		time.Sleep(time.Hour)
		assert.Equal(t, 1, relay.ConnectionCount())
	}, nostrtest.WithFaults(nostrtest.DelayHandshake(30*time.Second)))
}

func TestIgnoredHandshakeGoesOnWhenItIsMended(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		mend := w.relay.Break(nostrtest.IgnoreHandshake())
		c := w.ask()
		c.quiet()
		mend()
		assert.Equal(t, http.StatusSwitchingProtocols, c.answer().StatusCode)
		c.alive()

		w.relay.Break(nostrtest.IgnoreHandshake())
		c = w.ask()
		c.quiet()
		w.relay.Stop() // waits for nobody
		_, err := c.end()
		require.Error(t, err)
	})
}

func TestCutHandshake(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		rest, err := w.ask().end()
		assert.Empty(t, rest)
		assert.Equal(t, io.EOF, err)
		w.dial().alive()
	}, nostrtest.WithFaults(nostrtest.CutHandshake().Nth(1)))
}

func TestBadAcceptKey(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		good := w.dial().response.Header.Get("Sec-WebSocket-Accept")
		c := w.dial()
		bad := c.response.Header.Get("Sec-WebSocket-Accept")
		assert.NotEmpty(t, bad)
		assert.NotEqual(t, good, bad)
		c.send("REQ", "s", everything)
		c.quiet()
		_, err := tryDial(t, w.httpClient(), w.relay.URL())
		require.NoError(t, err, "the third is honest again")
	}, nostrtest.WithFaults(nostrtest.BadAcceptKey().Nth(2)))
}

func (w world) httpClient() *http.Client {
	if w.network != nil {
		return w.network.HTTPClient()
	}
	return nil
}

func TestAnswerHandshakeSaysExactlyThat(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 101 "} {
		everywhere(t, func(t *testing.T, w world) {
			rest, err := w.ask().end()
			assert.Equal(t, text, rest)
			assert.Equal(t, io.EOF, err)
		}, nostrtest.WithFaults(nostrtest.AnswerHandshake(text)))
	}
}

func TestAnswerInfo(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		client := w.httpClient()
		if client == nil {
			client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+w.relay.URL()[len("ws"):], nil)
		require.NoError(t, err)
		request.Header.Set("Accept", "application/nostr+json")
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, 500, response.StatusCode)
		assert.Equal(t, "<html>", string(body))
		w.dial().alive()
	}, nostrtest.WithFaults(nostrtest.AnswerInfo(500, "<html>")))
}

func TestHandshakeDelayedByNothingGoesOn(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.dial().alive()
	}, nostrtest.WithFaults(nostrtest.DelayHandshake(0)))
}

func TestClientMayTryAgainOnTheConnectionOfARefusedHandshake(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.ask()
		_, err := io.Copy(io.Discard, c.answer().Body)
		require.NoError(t, err)
		c.sayHello()
		require.Equal(t, http.StatusSwitchingProtocols, c.answer().StatusCode)
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next())
		assert.Equal(t, []string{
			`#- → HTTP GET /`,
			`#- ! FAULT RefuseHandshake(429, 0s).Times(1)`,
			`#- ← HTTP 429 Too Many Requests`,
			`#- → HTTP GET /`,
			`#1 ← HTTP 101 Switching Protocols`,
			`#1 → TEXT 14 ["REQ","s",{}]`,
			`#1 ← TEXT 12 ["EOSE","s"]`,
		}, lines(w.relay))
	}, nostrtest.WithFaults(nostrtest.RefuseHandshake(429, 0).Times(1)))
}
