package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Too many queries at once are the service's fault, not the relays', and another time they are not.
func TestTooManyQueriesAtOnceAreForLater(t *testing.T) {
	list := relays(t, 1)
	list[0].Publish(note())
	w := newWorld(t, settings(list...), list, gennostr.WithMaxQueries(1))
	mend := list[0].Break(nostrtest.NoAnswer().On("REQ"))
	first := make(chan int, 1)
	go func() { // ends when the relay answers, or the wait is over; joined below
		status, _, err := w.call(w.soon(), http.MethodGet, "/events?kind=1", nil)
		if err != nil {
			status = -1
		}
		first <- status
	}()
	_, err := list[0].WaitMessage(w.soon(), func(m nostrtest.Message) bool {
		return m.Verb == "REQ" && len(m.Filters) == 1 && len(m.Filters[0].Kinds) == 1
	})
	require.NoError(t, err)
	for _, path := range []string{"/events", "/events/" + note().ID.String()} {
		resp, err := w.http.Get(w.base + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, path)
		assert.Equal(t, "1", resp.Header.Get("Retry-After"), path)
	}
	mend()
	list[0].DisconnectAll() // it is asked again
	assert.Equal(t, http.StatusOK, <-first)
}
