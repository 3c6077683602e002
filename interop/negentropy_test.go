//go:build !race

package interop_test

import (
	"fmt"
	"testing"

	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip77"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// go-nostr's client brings two relays to the same state, in as many messages as a small
// frame makes of it.
func TestGoNostrReconcilesWithOurRelay(t *testing.T) {
	store, client := connect(t)
	relay, other := connect(t, nostrtest.WithNegentropyFrame(4096))
	var all []gonostr.Event
	for i := range 600 {
		event := sign(t, 1, 1000+i/2, 1, fmt.Sprint("note ", i))
		all = append(all, event)
		if i%3 != 0 {
			require.NoError(t, client.Publish(ctx(t), event))
		}
		if i%3 != 1 {
			require.NoError(t, other.Publish(ctx(t), event))
		}
	}
	filter := gonostr.Filter{Kinds: []int{1}}
	require.NoError(t, nip77.NegentropySync(ctx(t), client, relay.URL(), filter, nip77.Both))
	for _, synced := range []*nostrtest.Relay{store, relay} {
		var got []gonostr.Event
		for _, event := range synced.Events() {
			got = append(got, gonostr.Event{ID: event.ID.String()})
		}
		assert.Equal(t, ids(all...), ids(got...))
	}
	session := relay.Reconciliations()[0]
	assert.Equal(t, 400, session.Events)
	assert.Greater(t, session.Messages, 2)
	assert.Empty(t, session.Refusal)
}

// gists are what a relay says to messages of NIP-77 that are no use.
func gists(t *testing.T, p peer, messages ...string) (said []string) {
	t.Helper()
	c := p.talk(t)
	for _, message := range messages {
		c.say(message)
		parts := c.hear()
		gist := text(parts[0])
		if gist == "NEG-ERROR" {
			gist += " " + text(parts[1])
		}
		if len(parts) == 3 && text(parts[2]) == "CLOSED" {
			gist += " CLOSED"
		}
		said = append(said, gist)
	}
	return said
}

func TestQ02KhatruProfileReconcilesAsKhatruDoes(t *testing.T) {
	messages := []string{
		`["NEG-OPEN","n",{},"6100000200"]`, `["NEG-MSG","other","6100000200"]`, `["NEG-OPEN","n",{"kinds":[1]},"61ff"]`,
		`["NEG-OPEN","n",{},"6200"]`,
	}
	want := []string{"NEG-MSG", "NEG-ERROR other CLOSED", "NEG-ERROR n", "NEG-MSG"}
	assert.Equal(t, want, gists(t, startKhatru(t, 500), messages...))
	assert.Equal(t, want, gists(t, startOurs(t, nostrtest.Khatru()), messages...))
	assert.Equal(t, want, gists(t, peer{"next", startStranger(t, "next", 500).url()}, messages...))
	assert.Equal(t, want, gists(t, startOurs(t, nostrtest.KhatruNext()), messages...))
}
