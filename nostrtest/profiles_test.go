package nostrtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// document requests the information document.
func (w world) document() (status int, body string) {
	w.t.Helper()
	client := w.httpClient()
	if client == nil {
		client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http"+w.relay.URL()[len("ws"):], nil)
	require.NoError(w.t, err)
	request.Header.Set("Accept", "application/nostr+json")
	response, err := client.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return response.StatusCode, string(all)
}

func TestQ01Strfry(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial() // and no challenge
		c.send("REQ", "dm", nostr.Filter{Kinds: []nostr.Kind{4}})
		assert.Equal(t, "AUTH", parts(c.next())[0], "only when it is needed")
		assert.True(t, strings.HasPrefix(parts(c.next())[2], "ERROR: auth-required: "))
		c.send("REQ", strings.Repeat("x", 65), everything)
		assert.Contains(t, c.next(), "ERROR: invalid: subscription id of 65 characters")
		c.send("REQ", `quote"`, everything)
		assert.Contains(t, c.next(), "ERROR: bad req: invalid character")
		c.send("EVENT", nostrtest.TextNote(nostrtest.Key(1), "", nostr.Tag{"p", "npub1"}))
		assert.Contains(t, c.next(), "unexpected size for fixed-size tag: p")
		c.send("EVENT", nostrtest.TextNote(nostrtest.Key(1), "", nostr.Tag{"a", "30023"}))
		assert.Contains(t, c.next(), "malformed a tag")
		c.send("EVENT", nostrtest.TextNoteAt(nostr.Now()+1000, nostrtest.Key(1), ""))
		assert.Contains(t, c.next(), "created_at is more than 15m0s ahead")
		for i := range 20 {
			c.send("REQ", strings.Repeat("s", i+1), everything)
			assert.Equal(t, "EOSE", parts(c.next())[0])
		}
		c.send("REQ", "one too many", everything)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		c.send("NEG-OPEN", "n", everything, "61")
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		_, body := w.document()
		assert.Contains(t, body, `"max_subscriptions":20`)
		assert.Contains(t, body, "strfry")
	}, nostrtest.Strfry())

	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		c.until(time.Hour)
		f, err := c.header()
		require.NoError(t, err)
		assert.EqualValues(t, 9, f.opcode)
		assert.Equal(t, 55*time.Second, time.Since(start))
	}, nostrtest.Strfry())
}

func TestQ02KhatruAnswersOutOfOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for _, id := range []string{"1", "2", "3", "4"} {
			c.send("REQ", id, everything)
		}
		assert.Equal(t, []string{eose("1") + "\n", eose("2") + "\n", eose("4") + "\n", eose("3") + "\n"}, c.nexts(4))
		c.send("NEG-OPEN", "n", everything, "61")
		assert.Equal(t, `["NEG-ERROR","n","CLOSED"]`+"\n", c.next())
	}, nostrtest.Khatru())
}

func TestQ03EventstoreBackends(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(5))
		at := nostr.Timestamp(5)
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{Since: &at})
		assert.Equal(t, eose("s")+"\n", c.next(), "off by one")
	}, nostrtest.Slicestore())
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("COUNT", "c", everything)
		c.quiet()
		c.alive()
	}, nostrtest.LMDBStore())
}

func TestQ04Mocrelay(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		forged := note(2)
		forged.Content = "forged"
		c.send("EVENT", forged)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
		c.send("EVENT", note(3))
		assert.Equal(t, ok(note(3)), c.next())
		c.send("REQ", "s", nostr.Filter{LimitZero: true})
		assert.Len(t, c.nexts(3), 3)
		_, body := w.document()
		var document struct{ Retention map[string]any }
		require.NoError(t, json.Unmarshal([]byte(body), &document), "an object where a list should be")
		assert.Contains(t, document.Retention, "kinds")
	}, nostrtest.Mocrelay())
}

func TestQ05MattnRelay(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{LimitZero: true})
		assert.Len(t, c.nexts(2), 2)
		c.send("NEG-OPEN", "n", everything, "61")
		assert.Equal(t, "NEG-ERR", parts(c.next())[0])
		_, body := w.document()
		assert.Contains(t, body, ",77]")
	}, nostrtest.MattnRelay())
}

func TestQ06NostrRelayCore(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		event := note(1)
		tampered := event.Clone()
		tampered.Content = "tampered"
		c.send("EVENT", tampered)
		assert.Equal(t, "false", parts(c.next())[2])
		c.send("EVENT", event)
		assert.Equal(t, "true", parts(c.next())[2])
		c.send("EVENT", tampered)
		assert.Equal(t, "true", parts(c.next())[2], "its id is known")
		assert.Equal(t, "note", w.relay.Events()[0].Content)
		status, _ := w.document()
		assert.Equal(t, 426, status)
	}, nostrtest.NostrRelayCore())
}

func TestQ07NakServe(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(5))
		at := nostr.Timestamp(5)
		c := w.dial()
		c.send("REQ", "s", nostr.Filter{Until: &at})
		assert.Equal(t, eose("s"), c.next())
		c.send("NEG-OPEN", "n", everything, "61")
		c.quiet()
	}, nostrtest.NakServe())
}

func TestOptionsBehindAProfileOverrideItAndFaultsAddUp(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Len(t, c.nexts(3), 3, "two events, two EOSEs, but one page")
		assert.Equal(t, eose("s"), c.next())
	}, nostrtest.Strfry(), nostrtest.WithLimits(nostrtest.Limits{Limit: 2}), nostrtest.WithFaults(nostrtest.TwoEOSEs()))
}
