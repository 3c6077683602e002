package gennostr_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// AddRelay with options that say how a relay is reached has a guest dialled anew, though others need it. Its
// reader may stand there with an event for which there is no room, and with what came behind it unread: that is no answer.

// anew is how a guest is added that has to be dialled anew.
var anew = gennostr.WithHeader(http.Header{"Authorization": {"secret"}})

// long are so many notes of 10 KB each, an hour apart, the oldest first.
func long(n int, kind nostr.Kind, at nostr.Timestamp) (events []*nostr.Event) {
	for i := range n {
		e := &nostr.Event{Kind: kind, CreatedAt: at + nostr.Timestamp(3600*i), Content: strings.Repeat("x", 10_000)}
		if err := e.Sign(nostrtest.Key(1)); err != nil {
			panic(err)
		}
		events = append(events, e)
	}
	return events
}

// full is a client with a subscription on a guest whose events nobody takes: so many have come as there is room for
// while an OK is waited for, and the reader stands there with the next. What the relay has sent beside, up to 64 KB, has not been read.
// The OK does not come, so that the closing handshake does not begin before the reader has got on.
func full(t *testing.T, network *nostrtest.Network, stored []*nostr.Event) (*gennostr.Client, *gennostr.Subscription) {
	t.Helper()
	network.NewRelay(guestURL, nostrtest.WithFaults(nostrtest.NoOK())).Publish(stored...)
	client := start(t, nil, over(network, quietly(), gennostr.WithTrustedRelay(),
		gennostr.WithGuestOptions(gennostr.WithTrustedRelay(), gennostr.WithMailboxWindow(1000, 64<<10)))...)
	sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
	require.NoError(t, err)
	synctest.Wait()
	require.Equal(t, 6, sub.Status().Waiting)
	require.NoError(t, client.Send(guestURL, gennostr.PublishEvent{Event: nostrtest.Event(nostrtest.Key(2), 0, "{}")}))
	synctest.Wait()
	require.Equal(t, fitting, sub.Status().Waiting)
	return client, sub
}

const fitting = 25

// comeBy ranges over a subscription until so many events have come, or for an hour.
func comeBy(sub *gennostr.Subscription, n int) map[nostr.ID]int {
	stop := time.AfterFunc(time.Hour, sub.Close)
	defer stop.Stop()
	came := make(map[nostr.ID]int)
	for m := range sub.Events() {
		if came[m.Event.ID]++; len(came) == n {
			break
		}
	}
	return came
}

// Shows D10, D48.
func TestAGuestThatIsDialledAnewLosesNoStoredEventOfASubscription(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := long(fitting+1, nostr.KindTextNote, 900_000_000)
		client, sub := full(t, network, events)
		require.NoError(t, client.AddRelay(guestURL, anew))
		time.Sleep(time.Minute)
		came := comeBy(sub, len(events))
		for i, e := range events {
			assert.Equal(t, 1, came[e.ID], "event %d", i)
		}
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
	})
}

// A page that lacks an event is not the whole of it.
func TestAGuestThatIsDialledAnewLosesNoEventOfAQuery(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		wanted := long(1, nostr.KindReaction, 900_000_000)
		client, _ := full(t, network, append(wanted, long(fitting+1, nostr.KindTextNote, 900_000_000)...))
		added := time.AfterFunc(500*time.Millisecond, func() { assert.NoError(t, client.AddRelay(guestURL, anew)) }) // before it is a backlog
		defer added.Stop()
		report, err := client.Fetch(t.Context(), []nostr.Filter{ofKind(nostr.KindReaction)}, gennostr.On(guestURL))
		require.NoError(t, err)
		assert.True(t, report.Complete())
		assert.Len(t, report.Events, 1)
	})
}

// Nor is the answer to a ping that comes behind what was dropped a sign that all has come which the relay had sent before it.
func TestAPongBehindADroppedEventProvesNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client, _ := full(t, network, long(fitting+1, nostr.KindTextNote, 900_000_000))
		time.Sleep(31 * time.Second) // a ping is on its way
		alive := gennostr.AliveUntil(client, guestURL)
		before := alive()
		require.NoError(t, client.AddRelay(guestURL, anew))
		time.Sleep(100 * time.Millisecond)
		assert.Equal(t, before, alive())
	})
}
