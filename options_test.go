package gennostr_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
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

func nothing(*gennostr.Self, gennostr.Relay) error { return nil }

// Every bad value is refused, with an error that names its option.
func TestBadOptionsAreRefusedByName(t *testing.T) {
	ofClient := map[string][]gennostr.Option{
		"WithRelays":           {gennostr.WithRelays("a.example"), gennostr.WithRelays("wss://a.example", "https://b.example"), gennostr.WithRelays("")},
		"WithLogger":           {gennostr.WithLogger(nil)},
		"WithInitTimeout":      {gennostr.WithInitTimeout(-1)},
		"WithCallTimeout":      {gennostr.WithCallTimeout(-1), gennostr.WithCallTimeout(0)},
		"WithShutdownTimeout":  {gennostr.WithShutdownTimeout(-1), gennostr.WithShutdownTimeout(0)},
		"WithHibernateAfter":   {gennostr.WithHibernateAfter(-1)},
		"WithSlowCallback":     {gennostr.WithSlowCallback(-1)},
		"WithMailboxLimit":     {gennostr.WithMailboxLimit(0), gennostr.WithMailboxLimit(-1)},
		"WithMailboxBudget":    {gennostr.WithMailboxBudget(0), gennostr.WithMailboxBudget(-1)},
		"WithMaxDials":         {gennostr.WithMaxDials(0), gennostr.WithMaxDials(-1)},
		"WithMaxTasks":         {gennostr.WithMaxTasks(0), gennostr.WithMaxTasks(-1)},
		"WithMaxRelays":        {gennostr.WithMaxRelays(0), gennostr.WithMaxRelays(-1)},
		"WithMaxSubscriptions": {gennostr.WithMaxSubscriptions(0), gennostr.WithMaxSubscriptions(-1)},
		"WithMaxQueries":       {gennostr.WithMaxQueries(0), gennostr.WithMaxQueries(-1)},
		"WithQueryBudget":      {gennostr.WithQueryBudget(0), gennostr.WithQueryBudget(-1)},
		"WithVerifyWorkers":    {gennostr.WithVerifyWorkers(0), gennostr.WithVerifyWorkers(-1)},
		"WithVerifier":         {gennostr.WithVerifier(nil)},
		"nil Option":           {nil},
	}
	ofRelay := map[string][]gennostr.RelayOption{
		"WithReadLimit":               {gennostr.WithReadLimit(0), gennostr.WithReadLimit(-1)},
		"WithMessageTimeout":          {gennostr.WithMessageTimeout(0), gennostr.WithMessageTimeout(-1)},
		"WithHandshakeTimeout":        {gennostr.WithHandshakeTimeout(0), gennostr.WithHandshakeTimeout(-1)},
		"WithWriteTimeout":            {gennostr.WithWriteTimeout(0), gennostr.WithWriteTimeout(-1)},
		"WithPing: interval":          {gennostr.WithPing(-1, time.Second)},
		"WithPing: timeout":           {gennostr.WithPing(time.Second, 0), gennostr.WithPing(time.Second, -1)},
		"WithReconnectSchedule":       {gennostr.WithReconnectSchedule(), gennostr.WithReconnectSchedule(time.Second, 0), gennostr.WithReconnectSchedule(-1, time.Second)},
		"WithReconnectJitter":         {gennostr.WithReconnectJitter(-0.1), gennostr.WithReconnectJitter(1), gennostr.WithReconnectJitter(math.NaN()), gennostr.WithReconnectJitter(math.Inf(1))},
		"WithStableAfter":             {gennostr.WithStableAfter(-1)},
		"WithMaxAttempts":             {gennostr.WithMaxAttempts(-1)},
		"WithForgeryLimit":            {gennostr.WithForgeryLimit(-1)},
		"WithMailboxWindow: messages": {gennostr.WithMailboxWindow(0, 1), gennostr.WithMailboxWindow(-1, 1)},
		"WithMailboxWindow: bytes":    {gennostr.WithMailboxWindow(1, 0), gennostr.WithMailboxWindow(1, -1)},
		"WithSendQueue":               {gennostr.WithSendQueue(0), gennostr.WithSendQueue(-1)},
		`WithTask "x"`:                {gennostr.WithTask("x", -1, nothing), gennostr.WithTask("x", time.Second, nil)},
	}
	refused := func(name string, i int, err error) {
		t.Helper()
		if assert.Error(t, err, "%s, case %d", name, i) {
			assert.True(t, strings.HasPrefix(err.Error(), "gennostr: "+name), "%s, case %d: %v", name, i, err)
		}
	}
	h := newBot(nil)
	for name, opts := range ofClient {
		for i, opt := range opts {
			_, err := gennostr.Start(t.Context(), h, opt)
			refused(name, i, err)
		}
	}
	client := start(t, nil)
	for name, opts := range ofRelay {
		for i, opt := range opts {
			_, err := gennostr.Start(t.Context(), h, opt)
			refused(name, i, err)
			refused(name, i, client.AddRelay("wss://a.example", opt))
			_, err = client.EnsureRelay("wss://a.example", opt)
			refused(name, i, err)
			refused(name, i, client.SetRelays([]string{"wss://a.example"}, opt))
			_, err = gennostr.RelayInformation(t.Context(), "wss://a.example", opt)
			refused(name, i, err)
		}
	}
	refused("nil RelayOption", 0, client.AddRelay("wss://a.example", nil))
	assert.Empty(t, h.All(), "nothing has been started")
	assert.Empty(t, client.Relays(), "nothing has been added")
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	_, err := gennostr.Start(t.Context(), nil, gennostr.WithCallTimeout(0), gennostr.WithMaxTasks(0), gennostr.WithSendQueue(0))
	for _, name := range []string{"WithCallTimeout", "WithMaxTasks", "WithSendQueue"} {
		assert.ErrorContains(t, err, name)
	}
	_, err = gennostr.Start(t.Context(), nil, gennostr.WithRelays("ws://", "http://a.example"))
	assert.ErrorContains(t, err, "host")
}

func TestBoundaryValuesAreAccepted(t *testing.T) {
	client, err := gennostr.Start(t.Context(), nil,
		gennostr.WithRelays(), gennostr.WithName(""), gennostr.WithInitTimeout(0), gennostr.WithHibernateAfter(0),
		gennostr.WithCallTimeout(1), gennostr.WithMailboxLimit(1), gennostr.WithMailboxBudget(1), gennostr.WithMaxDials(1),
		gennostr.WithMaxTasks(1), gennostr.WithMaxRelays(1), gennostr.WithMaxSubscriptions(1), gennostr.WithVerifyWorkers(1), gennostr.WithPing(0, time.Second), gennostr.WithReconnectJitter(0),
		gennostr.WithStableAfter(0), gennostr.WithMaxAttempts(0), gennostr.WithForgeryLimit(0), gennostr.WithMailboxWindow(1, 1),
		gennostr.WithSendQueue(1), gennostr.WithTask("trim", 0, nil), gennostr.WithTask("unknown", 0, nil),
		gennostr.WithCompression(true), gennostr.WithHeader(nil), gennostr.WithTLSConfig(nil))
	require.NoError(t, err)
	require.NoError(t, client.Stop(t.Context()))
}

// Options of one relay do not leak into another, nor those of Start out of one.
func TestRelayOptionsAreTheRelaysOwn(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		urls := []string{"wss://a.example/", "wss://b.example/", "wss://c.example/"}
		for _, url := range urls {
			network.NewRelay(url)
		}
		ticks := map[string][]string{}
		tick := func(name string) func(*gennostr.Self, gennostr.Relay) error {
			return func(_ *gennostr.Self, relay gennostr.Relay) error {
				ticks[relay.URL] = append(ticks[relay.URL], name)
				return nil
			}
		}
		client := launch(t, nil, over(network, gennostr.WithTask("tick", time.Minute, tick("default")))...)
		require.NoError(t, client.AddRelay(urls[0], gennostr.WithTask("tick", time.Minute, tick("own"))))
		require.NoError(t, client.AddRelay(urls[1], gennostr.WithTask("tick", 0, nil), gennostr.WithTask("more", time.Minute, tick("more"))))
		require.NoError(t, client.AddRelay(urls[2]))
		require.NoError(t, client.Ready(t.Context(), 3))
		time.Sleep(61 * time.Second)
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, map[string][]string{urls[0]: {"own"}, urls[1]: {"more"}, urls[2]: {"default"}}, ticks)
	})
}

// What a caller changes after Start changes nothing.
func TestStartCopiesWhatOptionsWereGiven(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		delays := []time.Duration{time.Second, time.Second}
		header := http.Header{"X-Bot": {"one"}}
		options := []gennostr.Option{gennostr.WithReconnectSchedule(delays...), gennostr.WithHeader(header)}
		client := start(t, nil, over(network, append(options, quietly())...)...)
		delays[0], delays[1] = time.Hour, time.Hour
		header.Set("X-Bot", "two")
		require.NoError(t, client.AddRelay("wss://a.example"))
		require.NoError(t, client.Ready(t.Context(), 1))
		connection, _ := relay.Connection(1)
		assert.Equal(t, "one", connection.Header.Get("X-Bot"))
		relay.DisconnectAll()
		began := time.Now()
		synctest.Wait()
		require.NoError(t, client.Ready(t.Context(), 1))
		assert.Equal(t, time.Second, time.Since(began))
	})
}

// refusing is a verifier that believes nobody.
type refusing struct{}

func (refusing) VerifySignature(nostr.PubKey, nostr.ID, nostr.Sig) error {
	return errors.New("not today")
}

func TestVerifierIsAskedAndATrustedRelayIsNot(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		for _, url := range []string{"wss://a.example", "wss://trusted.example"} {
			network.NewRelay(url).Publish(textNotes(3)...)
		}
		b := newBot(streamer)
		client := launch(t, b, over(network, gennostr.WithVerifier(refusing{}), gennostr.WithVerifyWorkers(2))...)
		require.NoError(t, client.AddRelay("wss://a.example"))
		require.NoError(t, client.AddRelay("wss://trusted.example", gennostr.WithTrustedRelay()))
		time.Sleep(3 * time.Second)
		require.NoError(t, client.Stop(t.Context()))
		assert.Empty(t, contents(b.All(), "wss://a.example/"))
		assert.Len(t, contents(b.All(), "wss://trusted.example/"), 3)
		refusals := 0
		for _, n := range b.Named("OnError") {
			var reject *gennostr.RejectError
			require.ErrorAs(t, reasonOf(t, n), &reject)
			assert.ErrorIs(t, reject, nostr.ErrBadSignature)
			assert.ErrorContains(t, reject, "not today")
			assert.True(t, reject.Forged())
			refusals += reject.Count
		}
		assert.Equal(t, 3, refusals)
	})
}

// Shows D23.
func TestTooManyForgeriesRemoveTheRelay(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		b := newBot(streamer)
		client := start(t, b, over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithForgeryLimit(3))...)
		_, err := relay.WaitRequest(t.Context(), nil)
		require.NoError(t, err)
		forged := *textNotes(1)[0]
		forged.Content = "forged"
		relay.Push(&forged, &forged)
		time.Sleep(time.Minute)
		assert.Empty(t, b.Named("OnDisconnect"))
		relay.Push(&forged)
		time.Sleep(time.Minute)
		require.Len(t, b.Named("OnDisconnect"), 1)
		assert.ErrorIs(t, reasonOf(t, b.Named("OnDisconnect")[0]), gennostr.ErrForgeryLimit)
		assert.Empty(t, client.Relays())
	})
}

func TestMaxAttemptsGivesUp(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		b := newBot(nil)
		client := start(t, b, over(network, gennostr.WithRelays("wss://nobody.example"), gennostr.WithMaxAttempts(3))...)
		time.Sleep(time.Hour)
		assert.Len(t, b.Named("OnDisconnect"), 3)
		last := reasonOf(t, b.Named("OnDisconnect")[2])
		assert.ErrorIs(t, last, gennostr.ErrGaveUp)
		assert.ErrorAs(t, last, new(*gennostr.DialError), "with the last dial's error")
		assert.Empty(t, client.Relays())
	})
}

func TestMaxDialsLetsOthersWaitTheirTurn(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var urls []string
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			urls = append(urls, "wss://"+name+".example/")
			network.NewRelay(urls[len(urls)-1])
			network.HoldDials(urls[len(urls)-1])
		}
		client := start(t, nil, over(network, quietly(), gennostr.WithMaxDials(2), gennostr.WithRelays(urls...))...)
		synctest.Wait()
		for _, status := range client.Relays() {
			assert.Equal(t, gennostr.RelayDialing, status.State, "waiting for a turn is dialling, seen from outside")
		}
		network.ReleaseDials(urls[4]) // not its turn yet
		assert.ErrorIs(t, client.Ready(ended(t), 1), context.Canceled)
		network.ReleaseDials(urls[0])
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.RemoveRelay(urls[2]), "one that waits may be removed")
		network.ReleaseDials(urls[1])
		network.ReleaseDials(urls[3])
		require.NoError(t, client.Ready(t.Context(), 4))
		open := []string{}
		for _, status := range client.Relays() {
			open = append(open, status.URL)
		}
		assert.Equal(t, slices.Delete(slices.Clone(urls), 2, 3), open)
	})
}

// ended is a context that was cancelled once all of the bubble had settled.
func ended(t *testing.T) context.Context {
	synctest.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
