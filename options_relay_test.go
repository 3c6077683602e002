package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What the options of one relay change, beside its transport.

// counted watches how many dials of a network are under way.
type counted struct {
	now, most atomic.Int32
	network   *nostrtest.Network
}

func (c *counted) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	return c.network.DialContext(ctx, network, addr)
}

// Shows D52, B24.
func TestWithMaxDialsBoundsTheDialsAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const n = 30
		var urls []string
		for i := range n {
			urls = append(urls, fmt.Sprintf("ws://%02d.example/", i))
			network.NewRelay(urls[i])
			network.HoldDials(urls[i])
		}
		dials := &counted{network: network}
		r := &recorder{}
		client := start(t, r, gennostr.WithDialContext(dials.dial), gennostr.WithMaxDials(3), gennostr.WithRelays(urls...), gennostr.WithHandshakeTimeout(time.Minute))
		synctest.Wait()
		assert.EqualValues(t, 3, dials.now.Load())
		require.Len(t, client.Relays(), n)
		for _, status := range client.Relays() {
			assert.Equal(t, gennostr.RelayDialing, status.State, "those that wait for their turn too")
		}

		// The turn is the order of arrival, and a dial that hangs holds up no more than itself.
		network.ReleaseDials(urls[1])
		network.ReleaseDials(urls[2])
		synctest.Wait()
		assert.EqualValues(t, 3, dials.now.Load())
		require.NoError(t, client.RemoveRelay(urls[0]), "dialling: makes room")
		require.NoError(t, client.RemoveRelay(urls[29]), "waiting: its turn never comes")
		synctest.Wait()
		assert.EqualValues(t, 3, dials.now.Load())
		for _, url := range urls {
			network.ReleaseDials(url)
		}
		require.NoError(t, client.Ready(t.Context(), n-2))
		synctest.Wait()
		assert.EqualValues(t, 3, dials.most.Load())
		assert.Equal(t, []string{"OnDisconnect"}, namesOf(ofRelay(r.All(), urls[0])))
		assert.Equal(t, []string{"OnDisconnect"}, namesOf(ofRelay(r.All(), urls[29])))
	})
}

// Shows D52.
func TestWithMaxAttemptsGivesUpAndSaysSo(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithMaxAttempts(3), gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for range 2 { // what connects starts the count anew
			relay.Stop()
			time.Sleep(time.Second) // virtual
			require.NoError(t, relay.Restart())
			require.NoError(t, client.Ready(t.Context(), 1))
		}
		require.Len(t, client.Relays(), 1)
		relay.Stop()
		time.Sleep(time.Hour) // virtual
		synctest.Wait()
		assert.Empty(t, client.Relays())
		notes := r.All()
		reason := sameEnd(t, notes)
		assert.ErrorIs(t, reason, gennostr.ErrGaveUp)
		var dial *gennostr.DialError
		assert.ErrorAs(t, reason, &dial, "and why the last one failed")
		last := 0
		for i, n := range notes {
			if n.Name == "OnConnect" {
				last = i
			}
		}
		failures := 0
		for _, n := range notes[last:] {
			if n.Name == "OnDisconnect" && errors.As(reasonOf(t, n), &dial) {
				failures++
			}
		}
		assert.Equal(t, 3, failures, "in a row")
		require.NoError(t, relay.Restart())
		time.Sleep(time.Hour) // virtual
		assert.ErrorIs(t, client.Reconnect(relay.URL()), gennostr.ErrUnknownRelay)
		require.NoError(t, client.AddRelay(relay.URL()))
		require.NoError(t, client.Ready(t.Context(), 1))
		grammar(t, r.All())
	})
}

// Shows D23.
func TestWithForgeryLimitRemovesARelayThatForges(t *testing.T) {
	onStage(t, streamer, func(t *testing.T, s stage) {
		events := textNotes(3)
		s.Relay.Push(forge(events[0]), events[0], forge(events[1]))
		synctest.Wait()
		assert.Empty(t, s.Named("OnDisconnect"), "two are not three")
		s.Relay.DisconnectAll()
		time.Sleep(time.Second) // virtual
		synctest.Wait()
		s.Relay.Push(forge(events[0]), forge(events[1]))
		synctest.Wait()
		assert.Len(t, s.Named("OnDisconnect"), 1, "a connection's own are counted")
		s.Relay.Push(forge(events[2]))
		synctest.Wait()
		assert.ErrorIs(t, sameEnd(t, s.All()), gennostr.ErrForgeryLimit)
		assert.Empty(t, s.Client.Relays())
		time.Sleep(time.Hour) // virtual
		assert.Equal(t, 2, s.Relay.ConnectionCount(), "it does not come back")
		assert.Len(t, s.Events(), 1)
	}, gennostr.WithForgeryLimit(3))
	onStage(t, streamer, func(t *testing.T, s stage) {
		s.Relay.Push(slices.Repeat([]*nostr.Event{forge(textNotes(1)[0])}, 100)...)
		assert.Equal(t, map[error]int{nostr.ErrBadSignature: 100}, s.Rejected(t))
		assert.EqualValues(t, 100, s.Traffic().Forged)
		assert.Empty(t, s.Named("OnDisconnect"), "by default they are dropped, counted and reported")
	})
}

// Shows D24.
func TestWithVerifierJudgesSignaturesAndNothingElse(t *testing.T) {
	note := textNotes(1)[0]
	forged := forge(note)
	altered := note.Clone()
	altered.Content = "altered"
	var asked atomic.Int32
	onStage(t, streamer, func(t *testing.T, s stage) {
		s.Relay.Push(altered)
		s.Relay.Push(forged)
		s.Inject(t, eventFrame("never", note)) // the cheap refusals come first
		require.Len(t, s.Events(), 1, "it was told that the signature is good")
		assert.Equal(t, forged, s.Events()[0].Event)
		assert.EqualValues(t, 1, asked.Load(), "ids are recomputed before it is asked")
		assert.Equal(t, map[error]int{nostr.ErrBadID: 1, gennostr.ErrUnsolicited: 1}, s.Rejected(t))
	}, gennostr.WithVerifier(judge(func(p nostr.PubKey, id nostr.ID, sig nostr.Sig) error {
		asked.Add(1)
		assert.Equal(t, []any{note.PubKey, note.ID, forged.Sig}, []any{p, id, sig})
		return nil
	})))

	refusal := errors.New("the accelerator says no")
	onStage(t, streamer, func(t *testing.T, s stage) {
		s.Relay.Push(note)
		synctest.Wait()
		assert.Empty(t, s.Events())
		require.Len(t, s.Named("OnError"), 1)
		assert.ErrorIs(t, reasonOf(t, s.Named("OnError")[0]), refusal)
		assert.ErrorIs(t, reasonOf(t, s.Named("OnError")[0]), nostr.ErrBadSignature)
		assert.EqualValues(t, 1, s.Traffic().Forged)
	}, gennostr.WithVerifier(judge(func(nostr.PubKey, nostr.ID, nostr.Sig) error { return refusal })))

	onStage(t, streamer, func(t *testing.T, s stage) {
		s.Relay.Push(note, note)
		assert.Equal(t, map[error]int{gennostr.ErrVerifierFailed: 2}, s.Rejected(t))
		assert.Empty(t, s.Events(), "dropped")
		assert.Zero(t, s.Traffic().Forged, "but the relay is not to blame")
		assert.Empty(t, s.Named("OnDisconnect"))
	}, gennostr.WithForgeryLimit(1), gennostr.WithVerifier(judge(func(nostr.PubKey, nostr.ID, nostr.Sig) error { panic("no device") })))
}

// Shows D24.
func TestWithTrustedRelaySkipsVerificationButNotTheFilters(t *testing.T) {
	note := textNotes(1)[0]
	altered := note.Clone()
	altered.Content = "altered"
	stranger := nostrtest.Event(nostrtest.Key(1), 7, "+")
	never := gennostr.WithVerifier(judge(func(nostr.PubKey, nostr.ID, nostr.Sig) error {
		t.Error("the verifier was asked")
		return nil
	}))
	onStage(t, nil, func(t *testing.T, s stage) {
		s.Send(t, request("s", ofKind(1)))
		s.Inject(t, eventFrame("s", forge(note)), eventFrame("s", altered), eventFrame("s", stranger), eventFrame("other", note))
		assert.Len(t, s.Events(), 2)
		assert.Equal(t, map[error]int{gennostr.ErrFilterMismatch: 1, gennostr.ErrUnsolicited: 1}, s.Rejected(t))
		assert.EqualValues(t, 2, s.Traffic().Events)
	}, gennostr.WithTrustedRelay(), never)

	// Trust is the one relay's.
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		mine, theirs := network.NewRelay("wss://mine.example"), network.NewRelay("wss://theirs.example")
		r := &recorder{On: streamer}
		client := start(t, r, over(network, gennostr.WithRelays(theirs.URL()))...)
		require.NoError(t, client.AddRelay(mine.URL(), gennostr.WithTrustedRelay()))
		synctest.Wait()
		mine.Push(altered)
		theirs.Push(altered)
		synctest.Wait()
		assert.Len(t, ofRelay(r.Named("OnEvent"), "wss://mine.example/"), 1)
		assert.Empty(t, ofRelay(r.Named("OnEvent"), "wss://theirs.example/"))
	})
}

func TestRelaysHaveTransportsOfTheirOwn(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		// The same name on two internets.
		elsewhere := nostrtest.NewNetwork(t)
		here, there := network.NewRelay("wss://a.example"), elsewhere.NewRelay("wss://b.example")
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithHeader(http.Header{"X-Default": {"1"}}), gennostr.WithRelays("wss://a.example"))...)
		own := []gennostr.RelayOption{gennostr.WithHTTPClient(elsewhere.HTTPClient()), gennostr.WithHeader(http.Header{"X-Own": {"1"}}), gennostr.WithReadLimit(100)}
		require.NoError(t, client.AddRelay("wss://b.example", own...))
		require.NoError(t, client.Ready(t.Context(), 2))
		synctest.Wait()
		a, _ := here.Connection(1)
		b, _ := there.Connection(1)
		assert.Equal(t, []string{"1", ""}, []string{a.Header.Get("X-Default"), a.Header.Get("X-Own")})
		assert.Equal(t, []string{"", "1"}, []string{b.Header.Get("X-Default"), b.Header.Get("X-Own")}, "WithHeader replaces")
		for _, relay := range []*nostrtest.Relay{here, there} {
			relay.Notice(strings.Repeat("x", 900))
		}
		synctest.Wait()
		assert.Len(t, ofRelay(r.Named("OnNotice"), "wss://a.example/"), 1)
		assert.ErrorIs(t, reasonOf(t, ofRelay(r.Named("OnDisconnect"), "wss://b.example/")[0]), gennostr.ErrFrameTooLarge)
		require.NoError(t, client.Ready(t.Context(), 2), "it reconnects over its own")

		// Options of an AddRelay that comes to nothing leave nothing behind (goleak).
		for range 10 {
			assert.ErrorIs(t, client.AddRelay("wss://b.example", own...), gennostr.ErrRelayExists)
			_, err := client.EnsureRelay("wss://b.example", own...)
			assert.NoError(t, err)
			assert.NoError(t, client.SetRelays([]string{"wss://a.example", "wss://b.example"}, own...))
		}
		assert.Equal(t, 1, here.ConnectionCount())
		require.NoError(t, client.RemoveRelay("wss://b.example"))
		synctest.Wait()
		require.NoError(t, client.AddRelay("wss://b.example"), "now over the client's own network")
		synctest.Wait()
		assert.Equal(t, 2, there.ConnectionCount())
	})
}
