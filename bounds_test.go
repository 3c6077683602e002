package gennostr_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// What a program may have at once, and what news of it may wait.

// Shows B02.
func TestWithMaxSubscriptionsBoundsThem(t *testing.T) {
	const most = 5
	h, err := gennostr.NewHarness(nil, gennostr.WithMaxSubscriptions(most), gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	require.NoError(t, h.Connect(subscribersRelay))
	name := func(i int) string { return fmt.Sprint("sub", i) }
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		for i := range most - 1 {
			require.NoError(t, self.Subscribe(name(i), allNotes))
		}
		return nil
	}))
	outside, err := h.Client().Subscribe(t.Context(), allNotes)
	require.NoError(t, err)
	_, err = h.Client().Subscribe(t.Context(), allNotes)
	require.ErrorIs(t, err, gennostr.ErrTooManySubscriptions)
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		require.ErrorIs(t, self.Subscribe("more", allNotes), gennostr.ErrTooManySubscriptions)
		require.NoError(t, self.Subscribe(name(0), allNotes), "the same again is nothing")
		self.Unsubscribe(name(0))
		require.NoError(t, self.Subscribe("more", allNotes), "there is room again")
		return nil
	}))
	outside.Close()
	again, err := h.Client().Subscribe(t.Context(), allNotes)
	require.NoError(t, err)
	again.Close()
	assert.Len(t, h.Client().Subscriptions(), most-1)
}

// What a program asks itself is bounded on each connection; what an id asks anew takes the
// place of what it has asked.
// Shows B02.
func TestRequestsOfTheProgramsOwnAreBounded(t *testing.T) {
	const most = 5
	h, err := gennostr.NewHarness(nil, gennostr.WithMaxSubscriptions(most), gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	require.NoError(t, h.Connect(subscribersRelay))
	send := func(msg gennostr.ClientMessage) error { return h.Client().Send(subscribersRelay, msg) }
	for name, verbs := range map[string]struct {
		open, close func(id string) gennostr.ClientMessage
	}{
		"REQ": {
			func(id string) gennostr.ClientMessage { return gennostr.Req{SubscriptionID: id, Filters: allNotes} },
			func(id string) gennostr.ClientMessage { return gennostr.Close{SubscriptionID: id} },
		},
		"NEG-OPEN": {
			func(id string) gennostr.ClientMessage {
				return gennostr.NegOpen{SubscriptionID: id, Filter: allNotes[0], Payload: []byte{0x61}}
			},
			func(id string) gennostr.ClientMessage { return gennostr.NegClose{SubscriptionID: id} },
		},
	} {
		for i := range most {
			require.NoError(t, send(verbs.open(fmt.Sprint(i))), name)
		}
		require.ErrorIs(t, send(verbs.open("more")), gennostr.ErrTooManySubscriptions, name)
		require.NoError(t, send(verbs.open("0")), name)
		require.NoError(t, send(verbs.close("1")), name)
		require.NoError(t, send(verbs.open("more")), name)
	}
}

// Shows B03.
func TestWithMaxRelaysBoundsThem(t *testing.T) {
	const most = 4
	url := func(i int) string { return fmt.Sprintf("wss://%d.example/", i) }
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		for _, i := range []int{0, 1, 2, 3, 8} { // a relay that cannot be is given up, and may be added again
			network.NewRelay(url(i))
		}
		_, err := gennostr.Start(t.Context(), nil, over(network, gennostr.WithMaxRelays(2), gennostr.WithRelays(url(0), url(1), "WSS://1.example", url(2)))...)
		require.ErrorContains(t, err, "WithRelays: 3 is over 2")
		client := start(t, nil, over(network, quietly(), gennostr.WithMaxRelays(most), gennostr.WithRelays(url(0), url(1)))...)
		require.NoError(t, client.AddRelay(url(2)))
		added, err := client.EnsureRelay(url(3))
		require.NoError(t, err)
		require.True(t, added)
		require.ErrorIs(t, client.AddRelay(url(4)), gennostr.ErrTooManyRelays)
		_, err = client.EnsureRelay(url(4))
		require.ErrorIs(t, err, gennostr.ErrTooManyRelays)
		_, err = client.EnsureRelay(url(3))
		require.NoError(t, err, "it is there")
		require.ErrorIs(t, client.AddRelay(url(3)), gennostr.ErrRelayExists)

		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(url(8)))
		require.NoError(t, err)
		defer sub.Close()
		synctest.Wait()
		require.Len(t, client.Guests(), 1, "guests have a bound of their own")
		require.ErrorIs(t, client.AddRelay(url(8)), gennostr.ErrTooManyRelays)

		var list, long []string
		for i := range most + 1 {
			list, long = append(list, url(10+i)), append(long, url(20+i))
		}
		require.ErrorIs(t, client.SetRelays(long), gennostr.ErrTooManyRelays)
		require.Len(t, client.Relays(), most, "nothing was changed")
		require.NoError(t, client.SetRelays(list[:most]), "though the others are not gone yet")
		require.NoError(t, client.RemoveRelay(list[0]))
		synctest.Wait() // those that were there before are gone
		require.NoError(t, client.AddRelay(url(8)))
		require.Len(t, client.Relays(), most)
		require.NoError(t, client.Stop(t.Context()))
	})
}

// Lists of relays that change all the time, while the handler takes no notice of those that
// are gone: at most as many again are on their way out.
// Shows B03.
func TestRelaysOnTheirWayOutAreBounded(t *testing.T) {
	const most = 10
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		goOn := make(chan struct{})
		r := &recorder{On: func(_ *gennostr.Self, n note) error {
			if n.Name == "OnDisconnect" {
				<-goOn
			}
			return nil
		}}
		client := start(t, r, over(network, quietly(), gennostr.WithMaxRelays(most))...)
		refused := 0
		for round := range 20 {
			var list []string
			for i := range most {
				list = append(list, fmt.Sprintf("wss://%d.of%d.example/", i, round))
			}
			if err := client.SetRelays(list); err != nil {
				require.ErrorIs(t, err, gennostr.ErrTooManyRelays)
				refused++
			}
			time.Sleep(time.Minute) // virtual
			assert.LessOrEqual(t, len(client.Relays()), most)
		}
		assert.Positive(t, refused)
		close(goOn)
		require.NoError(t, client.Stop(t.Context()))
	})
}

// changes is a handler of a subscription that hangs in its first change, and counts.
type changes struct {
	gennostr.BaseHandler
	hang    chan struct{}
	told    int
	last    gennostr.SubscriptionChange
	longest int // words, in bytes
}

func (h *changes) Init(self *gennostr.Self) error { return self.Subscribe("notes", allNotes) }

func (h *changes) OnSubscription(_ *gennostr.Self, _ gennostr.Relay, change gennostr.SubscriptionChange) error {
	<-h.hang
	h.told++
	h.last, h.longest = change, max(h.longest, len(change.Message))
	return nil
}

// A relay that refuses and grants for a week, while the handler hangs: so many changes wait
// and no more, of them the latest, and of its words what one may want to read.
// Shows B22.
func TestChangesThatWaitForAHandlerAreBounded(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.RefuseRequests("error: "+strings.Repeat("not today ", 10_000))))
		h := &changes{hang: make(chan struct{})}
		client := start(t, h, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSlowCallback(0))...)
		time.Sleep(time.Duration(kit.Sized(7, 2)) * 24 * time.Hour) // virtual
		assert.LessOrEqual(t, client.Stats().Mailbox, 100)
		asked := 0
		for _, req := range relay.Requests() {
			if req.Verb == "REQ" {
				asked++
			}
		}
		assert.Greater(t, asked, 200)
		close(h.hang)
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		assert.Greater(t, h.told, 10)
		assert.LessOrEqual(t, h.told, 100)
		assert.Equal(t, gennostr.SubscriptionRetrying, h.last.State)
		assert.True(t, h.last.RetryAt.After(time.Now().Add(-time.Hour)), "it is the latest")
		assert.LessOrEqual(t, h.longest, 4096)
	})
}
