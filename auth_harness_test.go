package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What a handler sees of AUTH, driven by hand: one relay, one subscription.

var me = nostrtest.Key(7)

// membership runs a subscriber with these options on a relay that is connected, and reads
// away its first REQ.
func membership(t *testing.T, r *subscriber, opts ...gennostr.Option) *gennostr.Harness {
	t.Helper()
	h, err := gennostr.NewHarness(r, append(opts, gennostr.WithRelays(subscribersRelay), quietly())...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	h.Sent()
	return h
}

func challenge(t *testing.T, h *gennostr.Harness, text string) {
	t.Helper()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.AuthMessage{Challenge: text}))
}

func refuse(t *testing.T, h *gennostr.Harness, words string) {
	t.Helper()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: words}))
}

const wantsAuth = "auth-required: who are you?"

// answerAuth has the relay answer an AUTH.
func answerAuth(t *testing.T, h *gennostr.Harness, e *nostr.Event, accepted bool, words string) error {
	t.Helper()
	return h.Deliver(subscribersRelay, gennostr.OKMessage{EventID: e.ID, Accepted: accepted, Message: words})
}

// sentAuths are the AUTHs among what was sent, and how many REQs there are.
func sentAuths(h *gennostr.Harness) (auths []*nostr.Event, reqs int) {
	for _, s := range h.Sent() {
		switch m := s.Message.(type) {
		case gennostr.AuthResponse:
			auths = append(auths, m.Event)
		case gennostr.Req:
			reqs++
		}
	}
	return auths, reqs
}

// oneAuth demands that exactly one AUTH was sent, and no REQ.
func oneAuth(t *testing.T, h *gennostr.Harness) *nostr.Event {
	t.Helper()
	auths, reqs := sentAuths(h)
	require.Len(t, auths, 1)
	assert.Zero(t, reqs)
	return auths[0]
}

func stateOf(h *gennostr.Harness) gennostr.RelaySubscription {
	return h.Client().Subscriptions()[0].Relays[0]
}

// Shows P39, P40, P41.
func TestASignerAnswersAChallengeAndWhatWasRefusedIsAskedAgain(t *testing.T) {
	r := &subscriber{}
	h := membership(t, r, gennostr.WithSigner(me.Signer()))
	challenge(t, h, "c1")
	auth := oneAuth(t, h)
	assert.Equal(t, me.PubKey(), auth.PubKey)
	assert.Equal(t, nostr.Tags{{"relay", subscribersRelay}, {"challenge", "c1"}}, auth.Tags)
	assert.Equal(t, nostr.KindClientAuthentication, auth.Kind)
	require.NoError(t, auth.Verify())
	refuse(t, h, wantsAuth)
	assert.Equal(t, gennostr.SubscriptionRetrying, stateOf(h).State)
	assert.Equal(t, wantsAuth, stateOf(h).Message)
	assert.Empty(t, h.Sent(), "the AUTH is on its way")
	st, _ := h.Client().Relay(subscribersRelay)
	assert.Empty(t, st.Authenticated)

	require.NoError(t, answerAuth(t, h, auth, true, ""))
	auths, reqs := sentAuths(h)
	assert.Empty(t, auths)
	assert.Equal(t, 1, reqs)
	st, _ = h.Client().Relay(subscribersRelay)
	assert.Equal(t, []nostr.PubKey{me.PubKey()}, st.Authenticated)
	deliverEOSE(t, h)
	assert.Equal(t, gennostr.SubscriptionLive, stateOf(h).State)
	require.Len(t, r.changes, 2)
	assert.Equal(t, gennostr.SubscriptionChange{SubscriptionID: "notes", State: gennostr.SubscriptionRetrying, Message: wantsAuth}, r.changes[0])
	assert.Empty(t, r.errs)
}

// Q01: the relay tag is the URL as it was written.
// Shows Q01, L33, D07.
func TestAnAuthNamesTheRelayAsItWasWritten(t *testing.T) {
	h, err := gennostr.NewHarness(&subscriber{}, gennostr.WithSigner(me.Signer()))
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	const written = "wss://Relay.Example:443/Path/"
	require.NoError(t, h.Client().AddRelay(written))
	require.NoError(t, h.Connect(written))
	require.NoError(t, h.Deliver(written, gennostr.AuthMessage{Challenge: "c"}))
	auths, _ := sentAuths(h)
	require.Len(t, auths, 1)
	assert.Equal(t, written, auths[0].Tags.Find("relay").Value())
}

// strfry: the challenge comes with the refusal, before it or after it.
func TestTheChallengeComesWithTheRefusal(t *testing.T) {
	for name, when := range map[string]gennostr.AuthTiming{"default": gennostr.AuthDefault, "when needed": gennostr.AuthWhenNeeded} {
		for _, before := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				h := membership(t, &subscriber{}, gennostr.WithSigner(me.Signer()), decides(gennostr.AuthDecision{When: when}))
				if before {
					challenge(t, h, "c")
					refuse(t, h, "ERROR: "+wantsAuth)
				} else {
					refuse(t, h, "ERROR: "+wantsAuth)
					assert.Empty(t, h.Sent())
					challenge(t, h, "c")
				}
				require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
				_, reqs := sentAuths(h)
				assert.Equal(t, 1, reqs)
			})
		}
	}
}

func decides(d gennostr.AuthDecision) gennostr.RelayOption {
	return gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision { return d })
}

// Q05: it wants AUTH and sends no challenge. If it does so at last, that counts.
// Shows Q05.
func TestAChallengeThatComesTooLate(t *testing.T) {
	for _, when := range []gennostr.AuthTiming{gennostr.AuthDefault, gennostr.AuthWhenNeeded} {
		for _, policy := range []bool{true, false} {
			opts := []gennostr.Option{gennostr.WithSigner(me.Signer())}
			if policy {
				opts = append(opts, decides(gennostr.AuthDecision{When: when}))
			}
			r := &subscriber{}
			h := membership(t, r, opts...)
			refuse(t, h, wantsAuth)
			require.NoError(t, h.Advance(time.Minute))
			assert.Empty(t, h.Sent())
			assert.Equal(t, gennostr.SubscriptionRefused, stateOf(h).State)
			require.Len(t, r.changes, 2)
			var failed *gennostr.AuthError
			require.ErrorAs(t, r.changes[1].Err, &failed)
			assert.ErrorContains(t, failed, "no challenge")
			assert.Equal(t, wantsAuth, r.changes[1].Message)

			challenge(t, h, "c")
			require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
			_, reqs := sentAuths(h)
			assert.Equal(t, 1, reqs)
		}
	}
}

// P38: the latest challenge counts; one that is repeated is nothing new.
// Shows P38.
func TestTheLatestChallengeCounts(t *testing.T) {
	h := membership(t, &subscriber{}, gennostr.WithSigner(me.Signer()))
	challenge(t, h, "c1")
	first := oneAuth(t, h)
	challenge(t, h, "c1")
	challenge(t, h, "c2")
	assert.Empty(t, h.Sent(), "one at a time")
	require.NoError(t, answerAuth(t, h, first, false, "invalid: another challenge"))
	second := oneAuth(t, h)
	assert.Equal(t, "c2", second.Tags.Find("challenge").Value())
	require.NoError(t, answerAuth(t, h, second, true, ""))
	challenge(t, h, "c2")
	challenge(t, h, "c3")
	assert.Empty(t, h.Sent(), "who is known is known")
}

// P43: nothing is tried again.
// Shows P43.
func TestARefusedAuthAndARestrictedSubscriptionAreNoLoop(t *testing.T) {
	r := &subscriber{}
	h := membership(t, r, gennostr.WithSigner(me.Signer()))
	challenge(t, h, "c")
	refuse(t, h, wantsAuth)
	err := answerAuth(t, h, oneAuth(t, h), false, "restricted: members only")
	var failed *gennostr.AuthError
	require.ErrorAs(t, err, &failed)
	assert.ErrorIs(t, failed, gennostr.ErrAuthRefused)
	assert.Equal(t, subscribersRelay, failed.URL)
	assert.Equal(t, me.PubKey(), failed.PubKey)
	assert.Equal(t, "restricted: members only", failed.Message)
	assert.Len(t, r.errs, 1, "once")
	for _, text := range []string{"c", "c2", "c3"} {
		challenge(t, h, text)
	}
	require.NoError(t, h.Advance(time.Hour))
	assert.Empty(t, h.Sent())
	last := r.changes[len(r.changes)-1]
	assert.Equal(t, gennostr.SubscriptionRefused, last.State)
	assert.Equal(t, wantsAuth, last.Message)
	assert.ErrorIs(t, last.Err, gennostr.ErrAuthRefused)
	assert.Equal(t, last.Err, stateOf(h).Err)
	assert.ErrorContains(t, &gennostr.SubscriptionError{SubscriptionChange: last}, "members only")
	assert.ErrorIs(t, &gennostr.SubscriptionError{SubscriptionChange: last}, gennostr.ErrAuthRefused)

	r = &subscriber{}
	h = membership(t, r, gennostr.WithSigner(me.Signer()))
	challenge(t, h, "c")
	require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
	refuse(t, h, "restricted: not for you")
	require.NoError(t, h.Advance(time.Hour))
	assert.Empty(t, h.Sent())
	assert.Equal(t, gennostr.SubscriptionRefused, stateOf(h).State)
}

// A relay that accepts an AUTH and wants another: there is one more REQ, whose refusal
// may have crossed with the OK, and then an end.
func TestARelayThatIsNeverContent(t *testing.T) {
	r := &subscriber{}
	h := membership(t, r, gennostr.WithSigner(me.Signer()))
	challenge(t, h, "c")
	require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
	asked := 0
	for range 100 {
		if err := h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: wantsAuth}); err != nil {
			break // nothing is open
		}
		_, reqs := sentAuths(h)
		asked += reqs
	}
	assert.Equal(t, 1, asked)
	last := r.changes[len(r.changes)-1]
	assert.Equal(t, gennostr.SubscriptionRefused, last.State)
	assert.ErrorContains(t, last.Err, "although it has accepted one")
}

// Whoever has no signer and does not answer in OnAuth is told at once.
func TestWithoutASignerARefusalIsFinalAsSoonAsOnAuthHasNotAnswered(t *testing.T) {
	r := &subscriber{}
	h := membership(t, r)
	challenge(t, h, "c")
	refuse(t, h, wantsAuth)
	assert.Empty(t, h.Sent())
	require.NotEmpty(t, r.changes)
	last := r.changes[len(r.changes)-1]
	assert.Equal(t, gennostr.SubscriptionRefused, last.State)
	assert.ErrorIs(t, last.Err, gennostr.ErrNoSigner)
}

// asksSomebody answers challenges itself, when it is told to.
type asksSomebody struct {
	subscriber
	challenges []string
}

func (b *asksSomebody) OnAuth(_ *gennostr.Self, _ gennostr.Relay, msg gennostr.AuthMessage) error {
	b.challenges = append(b.challenges, msg.Challenge)
	return nil
}

// Without a signer everything is left to the handler, which may take its time.
// Shows D50.
func TestAHandlerThatAnswersItself(t *testing.T) {
	for name, late := range map[string]time.Duration{"in time": 5 * time.Second, "late": time.Minute} {
		t.Run(name, func(t *testing.T) {
			b := &asksSomebody{}
			h, err := gennostr.NewHarness(b, gennostr.WithRelays(subscribersRelay))
			require.NoError(t, err)
			defer func() { assert.NoError(t, h.Stop()) }()
			require.NoError(t, h.Connect(subscribersRelay))
			challenge(t, h, "c")
			refuse(t, h, wantsAuth)
			h.Sent()
			require.NoError(t, h.Advance(late))
			assert.Equal(t, []string{"c"}, b.challenges)
			assert.Empty(t, h.Sent())
			auth := nostr.NewAuthEvent(subscribersRelay, "c", nostr.Now())
			require.NoError(t, auth.Sign(me))
			require.NoError(t, h.Client().Send(subscribersRelay, gennostr.AuthResponse{Event: &auth}))
			h.Sent()
			require.NoError(t, answerAuth(t, h, &auth, true, ""))
			_, reqs := sentAuths(h)
			assert.Equal(t, 1, reqs)
			st, _ := h.Client().Relay(subscribersRelay)
			assert.Equal(t, []nostr.PubKey{me.PubKey()}, st.Authenticated)
		})
	}
}

// OnAuth sees every challenge, signers or not.
// Shows D50.
func TestOnAuthSeesChallengesThatSignersAnswer(t *testing.T) {
	b := &asksSomebody{}
	h, err := gennostr.NewHarness(b, gennostr.WithRelays(subscribersRelay), gennostr.WithSigner(me.Signer()))
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	require.NoError(t, h.Connect(subscribersRelay))
	challenge(t, h, "c1")
	challenge(t, h, "c2")
	assert.Equal(t, []string{"c1", "c2"}, b.challenges)
	auths, _ := sentAuths(h)
	assert.Len(t, auths, 1)
}

// P46: each connection begins anew.
// Shows P46, L13.
func TestEveryConnectionIsAuthenticatedAnew(t *testing.T) {
	h := membership(t, &subscriber{}, gennostr.WithSigner(me.Signer()))
	for i := range 3 {
		challenge(t, h, string(rune('a'+i)))
		require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
		st, _ := h.Client().Relay(subscribersRelay)
		assert.Len(t, st.Authenticated, 1)
		_ = h.Disconnect(subscribersRelay, nil)
		st, _ = h.Client().Relay(subscribersRelay)
		assert.Empty(t, st.Authenticated)
		require.NoError(t, h.Connect(subscribersRelay))
		h.Sent()
	}
}

// signerFunc signs by a function, as the key me.
type signerFunc func(ctx context.Context, e *nostr.Event) error

func (f signerFunc) PublicKey(context.Context) (nostr.PubKey, error) { return me.PubKey(), nil }

func (f signerFunc) SignEvent(ctx context.Context, e *nostr.Event) error { return f(ctx, e) }

var errAway = errors.New("the bunker is away")

// A signer that does not do what it is to do is told once, and asked again when AUTH is
// needed again.
// Shows L42.
func TestSignersThatFail(t *testing.T) {
	sign := func(e *nostr.Event, with nostr.SecretKey) { _ = e.Sign(with) }
	for name, fails := range map[string]signerFunc{
		"fails":                  func(context.Context, *nostr.Event) error { return errAway },
		"panics":                 func(context.Context, *nostr.Event) error { panic("the bunker burns") },
		"does nothing":           func(context.Context, *nostr.Event) error { return nil },
		"signs as somebody else": func(_ context.Context, e *nostr.Event) error { sign(e, nostrtest.Key(8)); return nil },
		"signs another kind":     func(_ context.Context, e *nostr.Event) error { e.Kind = 1; sign(e, me); return nil },
		"signs another text":     func(_ context.Context, e *nostr.Event) error { e.Content = "I owe you"; sign(e, me); return nil },
		"signs other tags":       func(_ context.Context, e *nostr.Event) error { e.Tags = e.Tags[:1]; sign(e, me); return nil },
		"signs another date":     func(_ context.Context, e *nostr.Event) error { e.CreatedAt++; sign(e, me); return nil },
		"breaks the signature":   func(_ context.Context, e *nostr.Event) error { sign(e, me); e.Sig[0]++; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			broken := true
			r := &subscriber{}
			h := membership(t, r, gennostr.WithSigner(signerFunc(func(ctx context.Context, e *nostr.Event) error {
				if broken {
					return fails(ctx, e)
				}
				return e.Sign(me)
			})))
			err := h.Deliver(subscribersRelay, gennostr.AuthMessage{Challenge: "c"})
			var failed *gennostr.AuthError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, me.PubKey(), failed.PubKey)
			assert.Empty(t, h.Sent())
			switch name {
			case "fails":
				assert.ErrorIs(t, failed, errAway)
			case "panics":
				var panicked *gennostr.PanicError
				require.ErrorAs(t, failed, &panicked)
				assert.Equal(t, "signer", panicked.Where)
			default:
				assert.ErrorContains(t, failed, "has not signed what it was given")
			}
			refuse(t, h, wantsAuth)
			last := r.changes[len(r.changes)-1]
			assert.Equal(t, gennostr.SubscriptionRetrying, last.State)
			assert.False(t, last.RetryAt.IsZero(), "a signer may do better later")
			assert.Equal(t, failed.Err.Error(), last.Err.(*gennostr.AuthError).Err.Error())
			for range 5 {
				require.NoError(t, h.Advance(r.changes[len(r.changes)-1].RetryAt.Sub(h.Now())))
				_, reqs := sentAuths(h)
				require.Equal(t, 1, reqs)
				refuse(t, h, wantsAuth)
			}
			assert.Len(t, r.errs, 1, "once")
			broken = false
			require.NoError(t, h.Advance(r.changes[len(r.changes)-1].RetryAt.Sub(h.Now())))
			h.Sent()
			refuse(t, h, wantsAuth)
			require.NoError(t, answerAuth(t, h, oneAuth(t, h), true, ""))
			_, reqs := sentAuths(h)
			assert.Equal(t, 1, reqs)
		})
	}
}

// An AUTH that was refused after another challenge had come was of the one before, in
// whatever order the supervisor finds both.
func TestARefusalBesideAnotherChallenge(t *testing.T) {
	for _, challengeFirst := range []bool{true, false} {
		r := &subscriber{}
		h := membership(t, r, gennostr.WithSigner(me.Signer()))
		challenge(t, h, "c1")
		first := oneAuth(t, h)
		frames := []string{`["AUTH","c2"]`, fmt.Sprintf(`["OK","%s",false,"invalid: challenge"]`, first.ID)}
		if !challengeFirst {
			frames[0], frames[1] = frames[1], frames[0]
		}
		gennostr.WhileTheSupervisorIsBusy(h, func() {
			for _, f := range frames {
				gennostr.Arrive(h, subscribersRelay, f)
			}
		})
		err := h.Settle(t.Context())
		auths, _ := sentAuths(h)
		if challengeFirst {
			require.NoError(t, err)
			require.Len(t, auths, 1)
			assert.Equal(t, "c2", auths[0].Tags.Find("challenge").Value())
		} else {
			assert.ErrorIs(t, err, gennostr.ErrAuthRefused)
			assert.Empty(t, auths)
		}
	}
}
