package kit

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// LastOpen is the number of the relay's open connection.
func LastOpen(relay *nostrtest.Relay) int {
	number := 0
	for _, c := range relay.Connections() {
		number = c.Number
	}
	return number
}

// OfRelay returns the notes of one relay.
func OfRelay(notes []Note, url string) (list []Note) {
	for _, n := range notes {
		if n.Relay.URL == url {
			list = append(list, n)
		}
	}
	return list
}

// NamesOf returns the callbacks' names.
func NamesOf(notes []Note) (list []string) {
	for _, n := range notes {
		list = append(list, n.Name)
	}
	return list
}

// ReasonOf is the error in a note.
func ReasonOf(t *testing.T, n Note) error {
	t.Helper()
	err, ok := n.Msg.(error)
	require.True(t, ok, "%s without an error: %v", n.Name, n.Msg)
	return err
}

// SameEnd checks that the notes' last two are OnError and OnDisconnect with the
// same value, and returns it.
func SameEnd(t *testing.T, notes []Note) error {
	t.Helper()
	require.GreaterOrEqual(t, len(notes), 2)
	end := notes[len(notes)-2:]
	require.Equal(t, []string{"OnError", "OnDisconnect"}, NamesOf(end))
	assert.True(t, end[0].Msg == end[1].Msg, "OnError got %v, OnDisconnect %v", end[0].Msg, end[1].Msg)
	return ReasonOf(t, end[1])
}

// Grammar checks the order of callbacks per relay. Guests stand outside of it.
func Grammar(t *testing.T, notes []Note) {
	t.Helper()
	open := map[string]bool{}
	failed := map[string]bool{} // OnError without a connection: OnDisconnect has to be next
	for i, n := range notes {
		url := n.Relay.URL
		if n.Relay.Guest {
			assert.False(t, open[url], "note %d: %s of a guest that is one of the client's", i, n.Name)
			assert.NotContains(t, []string{"OnConnect", "OnDisconnect"}, n.Name, "note %d", i)
			continue
		}
		switch n.Name {
		case "Terminate":
			assert.Equal(t, len(notes)-1, i, "Terminate is the last word")
		case "OnConnect":
			assert.False(t, open[url], "note %d: OnConnect of a connected relay", i)
			assert.False(t, failed[url], "note %d: OnConnect after the OnError of a failed dial", i)
			open[url] = true
		case "OnDisconnect":
			open[url], failed[url] = false, false
		case "OnError":
			var dial *gennostr.DialError
			if errors.As(n.Msg.(error), &dial) {
				assert.False(t, open[url], "note %d: failed dial of a connected relay", i)
				failed[url] = true
			}
		case "HandleInfo":
		default:
			assert.True(t, open[url], "note %d: %s of a relay that is not connected", i, n.Name)
		}
	}
}

// Contents lists the contents of the events of one relay in the order of arrival.
func Contents(notes []Note, url string) (list []string) {
	for _, n := range notes {
		if n.Name == "OnEvent" && n.Relay.URL == url {
			list = append(list, n.Msg.(gennostr.EventMessage).Event.Content)
		}
	}
	return list
}
