package gennostr_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	askKind    nostr.Kind = 23194 // of wallets, ephemeral
	answerKind nostr.Kind = 23195
)

// asks is a request, and the filter of its replies.
func asks(text string) (*nostr.Event, []nostr.Filter) {
	e := nostrtest.Event(nostrtest.Key(1), askKind, text)
	return e, []nostr.Filter{nostr.Filter{}.WithKinds(answerKind).WithTag("e", e.ID.String())}
}

// replyTo answers a request.
func replyTo(e *nostr.Event, text string) *nostr.Event {
	return nostrtest.Event(nostrtest.Key(2), answerKind, text, nostr.Tag{"e", e.ID.String()})
}

// wallet is a relay on which a service answers requests.
func wallet(network *nostrtest.Network, url string, answer func(*nostrtest.Relay, *nostr.Event), opts ...nostrtest.Option) *nostrtest.Relay {
	var relay *nostrtest.Relay
	relay = network.NewRelay(url, append(opts, nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
		answer(relay, e)
		return ""
	}))...)
	return relay
}

func asking(t *testing.T, network *nostrtest.Network, urls ...string) *gennostr.Client {
	t.Helper()
	return start(t, nil, over(network, quietly(), gennostr.WithRelays(urls...))...)
}

// The subscription is live before the request is published, and both end with the loop.
// Shows D46.
func TestARequestHearsReplies(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := wallet(network, relayA, func(r *nostrtest.Relay, e *nostr.Event) { // before the OK
			for i := range 3 {
				r.Publish(replyTo(e, fmt.Sprint(i)))
			}
		})
		client := asking(t, network, relayA)
		request, replies := asks("pay")
		var heard []string
		for reply, err := range client.Request(t.Context(), request, replies) {
			require.NoError(t, err)
			if heard = append(heard, reply.Content); len(heard) == 3 {
				break
			}
		}
		assert.Equal(t, []string{"0", "1", "2"}, heard)
		synctest.Wait()
		assert.Empty(t, relay.Subscriptions(), "closed with the loop")
		var verbs []string
		for _, m := range relay.Received() {
			verbs = append(verbs, m.Verb)
		}
		assert.Equal(t, []string{"REQ", "EVENT", "CLOSE"}, verbs)
		assert.Empty(t, client.Subscriptions())
	})
}

// A link that is lost costs no reply: what the relay has kept meanwhile comes, and a
// request whose OK was lost is sent again once the new connection hears the replies.
func TestARequestOutlivesItsConnection(t *testing.T) {
	for name, fault := range map[string]nostrtest.Fault{
		"the request was lost": nostrtest.Cut().On("EVENT").Times(1), "the OK was lost": nostrtest.Cut().Before("OK").Times(1),
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, nostrtest.WithFaults(fault, nostrtest.LateEOSE(time.Second), nostrtest.KeepEphemeral(time.Minute)))
				client := asking(t, network, relayA)
				request, replies := asks("pay")
				go func() { // ends with the reply
					_, err := relay.WaitConnection(t.Context(), 2)
					assert.NoError(t, err)
					_, err = relay.WaitEvent(t.Context(), nostr.Filter{}.WithKinds(askKind))
					assert.NoError(t, err)
					relay.Publish(replyTo(request, "paid"))
				}()
				for reply, err := range client.Request(t.Context(), request, replies) {
					require.NoError(t, err)
					assert.Equal(t, "paid", reply.Content)
					break
				}
				synctest.Wait()
				var asked time.Time
				for _, m := range relay.Received() {
					switch {
					case m.Verb == "REQ":
						asked = m.Time
					case m.Verb == "EVENT":
						assert.GreaterOrEqual(t, m.Time.Sub(asked), time.Second, "when the subscription is live")
					}
				}
				assert.NotZero(t, eventsOf(relay)[request.ID])
			})
		})
	}
}

// What is not answered any more is never sent again, and never sent at all if the caller
// has gone before the relay was there.
// Shows D46.
func TestNobodyPaysAfterTheCallerHasGone(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		relay.Stop()
		client := asking(t, network, relayA)
		request, replies := asks("pay")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var last error
		for _, err := range client.Request(ctx, request, replies) {
			last = err
		}
		assert.ErrorIs(t, last, context.DeadlineExceeded)
		require.NoError(t, relay.Restart())
		time.Sleep(2 * time.Minute)
		assert.Empty(t, relay.Received())
		assert.Zero(t, gennostr.OpenPublications(client))
	})
}

// Nor while the body of the loop takes its time after ctx has ended.
func TestNothingIsSentAfterTheContextHasEnded(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		wallet(network, relayA, func(r *nostrtest.Relay, e *nostr.Event) { r.Publish(replyTo(e, "paid")) })
		busy := network.NewRelay(relayB, nostrtest.WithFaults(nostrtest.RefuseEvents("rate-limited: later")))
		client := asking(t, network, relayA, relayB)
		request, replies := asks("pay")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range client.Request(ctx, request, replies) {
			if last = err; err == nil {
				cancel()
				sent := eventsOf(busy)[request.ID]
				time.Sleep(30 * time.Second)
				assert.Equal(t, sent, eventsOf(busy)[request.ID])
			}
		}
		assert.ErrorIs(t, last, context.Canceled)
	})
}

// A relay that challenges all the time, and has no end of its stored events, is sent the
// request nevertheless.
func TestChallengesDoNotHoldARequestUp(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoEOSE()))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithSigner(nostrtest.Key(1).Signer()))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		go func() { // ends with ctx
			for i := 0; ctx.Err() == nil; i++ {
				relay.Break(nostrtest.Say(fmt.Sprintf(`["AUTH","%d"]`, i)))()
				time.Sleep(time.Second)
			}
		}()
		request, replies := asks("pay")
		for range client.Request(ctx, request, replies) {
		}
		assert.Equal(t, 1, eventsOf(relay)[request.ID])
		time.Sleep(time.Second)
	})
}

// When nobody can answer any more, the loop ends with one error.
// Shows D46.
func TestARequestThatNobodyCanAnswerEnds(t *testing.T) {
	for name, c := range map[string]struct {
		opts  []nostrtest.Option
		after time.Duration
		says  string
	}{
		"nobody listens":         {[]nostrtest.Option{nostrtest.WithFaults(nostrtest.MuteUnheard())}, 0, "mute:"},
		"it is refused":          {[]nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseEvents("blocked: no"))}, 0, "blocked: no"},
		"so are its replies":     {[]nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseRequests("restricted: members only"))}, 0, "restricted: members only"},
		"it wants AUTH":          {[]nostrtest.Option{nostrtest.WithAuth()}, 0, "auth-required:"},
		"the relay is not there": {nil, time.Minute, "relay not connected"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, c.opts...)
				client := asking(t, network, relayA)
				require.NoError(t, client.Ready(t.Context(), 1))
				if c.opts == nil {
					relay.Stop()
				}
				began := time.Now()
				request, replies := asks("anybody?")
				var errs []error
				for reply, err := range client.Request(t.Context(), request, replies) {
					assert.Nil(t, reply)
					errs = append(errs, err)
				}
				require.Len(t, errs, 1)
				var failed *gennostr.PublishError
				require.ErrorAs(t, errs[0], &failed)
				assert.Contains(t, errs[0].Error(), c.says)
				assert.Equal(t, c.after, time.Since(began))
			})
		})
	}
}

// One relay that listens is enough, and one that never ends its stored events is heard too.
func TestARequestOnSeveralRelays(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.MuteUnheard()))
		wallet(network, relayB, func(r *nostrtest.Relay, e *nostr.Event) { r.Publish(replyTo(e, "paid")) }, nostrtest.WithFaults(nostrtest.NoEOSE()))
		client := asking(t, network, relayA, relayB)
		request, replies := asks("pay")
		for reply, err := range client.Request(t.Context(), request, replies, gennostr.GiveUpAfter(time.Hour)) {
			require.NoError(t, err)
			assert.Equal(t, "paid", reply.Content)
			break
		}
	})
}

func TestARequestSaysWhatIsWrongWithIt(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := start(t, nil, over(network, quietly())...)
		request, replies := asks("pay")
		unsigned := request.Clone()
		unsigned.Sig = nostr.Sig{}
		for want, c := range map[error]struct {
			event   *nostr.Event
			replies []nostr.Filter
			opts    []gennostr.PublishOption
		}{
			gennostr.ErrNoRelay: {request, replies, nil}, gennostr.ErrUnsigned: {unsigned, replies, nil},
			gennostr.ErrMatchesNothing: {request, nil, []gennostr.PublishOption{gennostr.On(relayA)}},
			gennostr.ErrNotConnected:   {request, replies, []gennostr.PublishOption{gennostr.On(relayA)}},
		} {
			n := 0
			for _, err := range client.Request(t.Context(), c.event, c.replies, c.opts...) {
				assert.ErrorIs(t, err, want)
				n++
			}
			assert.Equal(t, 1, n)
		}
	})
}

func TestARequestEndsWithTheClient(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA)
		client := launch(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		request, replies := asks("pay")
		time.AfterFunc(time.Second, func() { _ = client.Stop(context.Background()) })
		var last error
		for _, err := range client.Request(t.Context(), request, replies) {
			last = err
		}
		assert.ErrorIs(t, last, gennostr.ErrClientClosed)
		<-client.Done()
	})
}
