package gennostr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip11"
	"github.com/gennostr/gennostr/nostrtest"
)

// What is given up says what was waited for.
func TestWhatIsGivenUpSaysWhatWasWaitedFor(t *testing.T) {
	auth := func(d *nip11.Document) { d.Limitation.AuthRequired = true }
	slow := gennostr.WithSigner(slowly{nostrtest.Key(1).Signer()})
	for text, c := range map[string]struct {
		relay   []nostrtest.Option
		options []gennostr.Option
		event   *nostr.Event // the next, if it is not nil
		verdict gennostr.Verdict
		tries   int
		is      error
	}{
		"the relay has not answered": {[]nostrtest.Option{nostrtest.WithFaults(nostrtest.NoOK())}, nil, nil, gennostr.Unanswered, 1, context.DeadlineExceeded},
		"has not told its limits": {[]nostrtest.Option{nostrtest.WithInfo(func(*nip11.Document) { time.Sleep(4 * time.Second) })}, nil,
			nostrtest.EventAt(100, nostrtest.Key(1), 1, "old"), gennostr.Unanswered, 0, context.DeadlineExceeded},
		"its turn to be sent has not come": {nil, []gennostr.Option{gennostr.WithPublishPace(0.01, 1)}, nil, gennostr.Unanswered, 0, context.DeadlineExceeded},
		"relay not connected":              {[]nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseHandshake(503, 0))}, nil, nil, gennostr.Unanswered, 0, gennostr.ErrNotConnected},
		"the relay wants AUTH first, and has not accepted one in time": {[]nostrtest.Option{nostrtest.WithAuth(), nostrtest.WithInfo(auth)},
			[]gennostr.Option{slow}, nil, gennostr.Unanswered, 0, context.DeadlineExceeded},
		"AUTH: the relay wants AUTH first, and has not accepted one in time": {[]nostrtest.Option{nostrtest.WithAuth()},
			[]gennostr.Option{slow}, nil, gennostr.Refused, 1, context.DeadlineExceeded},
		"the relay wants AUTH although it has accepted one": {[]nostrtest.Option{nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.RefuseEvents("auth-required: more"))},
			[]gennostr.Option{gennostr.WithSigner(nostrtest.Key(1).Signer())}, nil, gennostr.Refused, 2, nil},
	} {
		t.Run(text, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay(relayA, c.relay...)
				client := start(t, nil, over(network, append([]gennostr.Option{quietly(), gennostr.WithRelays(relayA)}, c.options...)...)...)
				if c.tries == 0 && c.is != gennostr.ErrNotConnected && c.event == nil { // the document is known, and the first has gone
					_, _ = client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "first"), gennostr.GiveUpAfter(20*time.Second))
					relay.DisconnectAll()
					time.Sleep(100 * time.Millisecond)
				}
				event := c.event
				if event == nil {
					event = nostrtest.TextNote(nostrtest.Key(1), "second")
				}
				r, err := client.Publish(t.Context(), event, gennostr.GiveUpAfter(3*time.Second))
				require.Error(t, err)
				o := r.Outcomes[0]
				assert.Equal(t, c.verdict, o.Verdict, "%v", err)
				assert.Equal(t, c.tries, o.Tries)
				require.Error(t, o.Err)
				assert.ErrorContains(t, err, text)
				if c.is != nil {
					assert.ErrorIs(t, o.Err, c.is)
				}
				saysOnce(t, "", err)
			})
		})
	}
}

// slowly takes four seconds to sign.
type slowly struct{ nostr.Signer }

func (s slowly) SignEvent(ctx context.Context, e *nostr.Event) error {
	time.Sleep(4 * time.Second)
	return s.Signer.SignEvent(ctx, e)
}

// A request whose replies are not to be heard in time says so.
func TestARequestThatIsGivenUpSaysWhatWasWaitedFor(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoEOSE()))
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, err := range client.Request(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "well?"), []nostr.Filter{{}}, gennostr.GiveUpAfter(3*time.Second)) {
			saysOnce(t, "the subscription to the replies is not live in time", err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}
