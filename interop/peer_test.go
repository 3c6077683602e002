//go:build !race

package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// peer is a relay as its clients see it, whoever runs it.
type peer struct {
	name string
	url  string
}

// startKhatru runs khatru over eventstore's slicestore. page is how many events a filter
// gets at most.
func startKhatru(t *testing.T, page int) peer {
	t.Helper()
	server := httptest.NewServer(newKhatru(t, page))
	t.Cleanup(server.Close)
	return peer{name: "khatru", url: "ws" + strings.TrimPrefix(server.URL, "http")}
}

func startOurs(t *testing.T, opts ...nostrtest.Option) peer {
	t.Helper()
	return peer{name: "nostrtest", url: nostrtest.NewRelay(t, opts...).URL()}
}

// talk is a websocket without anybody's client behind it.
type talk struct {
	t     *testing.T
	ws    *websocket.Conn
	asked *int // by ask, which gives each REQ an id of its own
}

func (p peer) talk(t *testing.T) talk {
	t.Helper()
	ws, _, err := websocket.Dial(ctx(t), p.url, nil)
	require.NoError(t, err, p.name)
	ws.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return talk{t, ws, new(int)}
}

// document returns the information document (NIP-11).
func (p peer) document(t *testing.T) (document struct{ Limitation map[string]any }) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx(t), http.MethodGet, "http"+strings.TrimPrefix(p.url, "ws"), nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/nostr+json")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(&document))
	return document
}

func (c talk) say(message string) {
	c.t.Helper()
	bounded, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	require.NoError(c.t, c.ws.Write(bounded, websocket.MessageText, []byte(message)))
}

// read reads the next message as it is, or why there is none.
func (c talk) read() (string, error) {
	bounded, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	_, frame, err := c.ws.Read(bounded)
	return string(frame), err
}

// hear reads the next message and returns its elements.
func (c talk) hear() []json.RawMessage {
	c.t.Helper()
	frame, err := c.read()
	require.NoError(c.t, err)
	var parts []json.RawMessage
	require.NoError(c.t, json.Unmarshal([]byte(frame), &parts), "%s", frame)
	return parts
}

// text returns what a JSON string says.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// publish sends an event and returns the verdict of its OK.
func (c talk) publish(event string) (accepted bool, reason string) {
	c.t.Helper()
	c.say(`["EVENT",` + event + `]`)
	parts := c.hear()
	require.Len(c.t, parts, 4)
	require.Equal(c.t, "OK", text(parts[0]))
	return string(parts[2]) == "true", text(parts[3])
}

// found is an event as an answer to REQ has it.
type found struct {
	ID        string `json:"id"`
	CreatedAt int64  `json:"created_at"`
}

// ask sends a REQ and returns its stored events. No id is used twice: khatru may handle a
// CLOSE after the REQ that follows it, and end that one if it has the same id (Q02).
func (c talk) ask(filters ...string) []found {
	c.t.Helper()
	*c.asked++
	id := fmt.Sprintf(`"ask %d"`, *c.asked)
	c.say(`["REQ",` + id + `,` + strings.Join(filters, ",") + `]`)
	list := []found{}
	for {
		parts := c.hear()
		if text(parts[0]) == "EOSE" {
			c.say(`["CLOSE",` + id + `]`)
			return list
		}
		require.Equal(c.t, "EVENT", text(parts[0]), "%s", parts)
		var event found
		require.NoError(c.t, json.Unmarshal(parts[2], &event))
		list = append(list, event)
	}
}
