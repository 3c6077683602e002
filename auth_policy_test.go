package gennostr_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Who authenticates, and when: policies, several identities, keys.

var alias = nostrtest.Key(8)

func authors(events []*nostr.Event) (keys []nostr.PubKey) {
	for _, e := range events {
		keys = append(keys, e.PubKey)
	}
	return keys
}

// Shows P44, D50.
func TestAPolicySaysWhenAndAsWhom(t *testing.T) {
	both := []nostr.PubKey{me.PubKey(), alias.PubKey()}
	for name, c := range map[string]struct {
		decision        gennostr.AuthDecision
		atOnce, refused []nostr.PubKey // who answers the challenge, and who a refusal
	}{
		"default":              {gennostr.AuthDecision{}, both, nil},
		"at once":              {gennostr.AuthDecision{When: gennostr.AuthAtOnce}, both, nil},
		"at once, one of them": {gennostr.AuthDecision{When: gennostr.AuthAtOnce, As: both[1:]}, both[1:], nil},
		"when needed":          {gennostr.AuthDecision{When: gennostr.AuthWhenNeeded}, nil, both},
		"when needed, one":     {gennostr.AuthDecision{When: gennostr.AuthWhenNeeded, As: both[:1]}, nil, both[:1]},
		"nobody":               {gennostr.AuthDecision{As: []nostr.PubKey{}}, nil, nil},
		"a stranger":           {gennostr.AuthDecision{As: []nostr.PubKey{nostrtest.PubKey(9)}}, nil, nil},
		"never":                {gennostr.AuthDecision{When: gennostr.AuthNever, As: both}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			r := &subscriber{}
			h := membership(t, r, gennostr.WithSigner(me.Signer()), gennostr.WithSigner(alias.Signer()),
				gennostr.WithAuthPolicy(func(relay gennostr.Relay, msg gennostr.AuthMessage) gennostr.AuthDecision {
					asked = append(asked, relay.URL+" "+msg.Challenge)
					return c.decision
				}))
			challenge(t, h, "c")
			assert.Equal(t, []string{subscribersRelay + " c"}, asked)
			auths, _ := sentAuths(h)
			assert.Equal(t, c.atOnce, authors(auths))
			refuse(t, h, wantsAuth)
			more, _ := sentAuths(h)
			assert.Equal(t, c.refused, authors(more))
			if len(c.atOnce)+len(c.refused) == 0 {
				assert.ErrorIs(t, r.changes[len(r.changes)-1].Err, gennostr.ErrNoSigner)
				return
			}
			require.NoError(t, answerAuth(t, h, append(auths, more...)[0], true, ""))
			_, reqs := sentAuths(h)
			assert.Equal(t, 1, reqs)
		})
	}
}

// A relay can have the policy asked so often, and no more often.
func TestAPolicyIsNotAskedForEveryChallengeOfAStorm(t *testing.T) {
	asked := 0
	h := membership(t, &subscriber{}, gennostr.WithSigner(me.Signer()),
		gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision {
			asked++
			return gennostr.AuthDecision{When: gennostr.AuthWhenNeeded}
		}))
	for i := range 100 {
		challenge(t, h, fmt.Sprint(i))
	}
	assert.Equal(t, 8, asked)
	refuse(t, h, wantsAuth)
	auth := oneAuth(t, h)
	assert.Equal(t, "99", auth.Tags.Find("challenge").Value(), "the latest counts")
	require.NoError(t, answerAuth(t, h, auth, true, ""))
	require.NoError(t, h.Advance(time.Minute))
	challenge(t, h, "another")
	assert.Equal(t, 9, asked)
	for range 10 {
		challenge(t, h, "another")
		challenge(t, h, strings.Repeat("x", 2000))
		challenge(t, h, "")
	}
	assert.Equal(t, 9, asked)
}

func TestAPolicyThatPanics(t *testing.T) {
	r := &subscriber{}
	h := membership(t, r, gennostr.WithSigner(me.Signer()),
		gennostr.WithAuthPolicy(func(gennostr.Relay, gennostr.AuthMessage) gennostr.AuthDecision { panic("undecided") }))
	err := h.Deliver(subscribersRelay, gennostr.AuthMessage{Challenge: "c"})
	var failed *gennostr.AuthError
	require.ErrorAs(t, err, &failed)
	var panicked *gennostr.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.Equal(t, "auth policy", panicked.Where)
	assert.Equal(t, subscribersRelay, failed.URL)
	assert.True(t, failed.PubKey.IsZero())
	refuse(t, h, wantsAuth)
	assert.Empty(t, h.Sent())
	assert.Equal(t, gennostr.SubscriptionRefused, stateOf(h).State)
}

// What a relay was added with takes the place of what all have.
func TestARelaysOwnSigners(t *testing.T) {
	h, err := gennostr.NewHarness(&subscriber{}, gennostr.WithSigner(me.Signer()), gennostr.WithRelays(relayA), quietly())
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	require.NoError(t, h.Client().AddRelay(relayB, gennostr.WithSigner(alias.Signer()), gennostr.WithSigner(nostrtest.Key(9).Signer())))
	for url, want := range map[string][]nostr.PubKey{
		relayA: {me.PubKey()}, relayB: {alias.PubKey(), nostrtest.PubKey(9)},
	} {
		require.NoError(t, h.Connect(url))
		h.Sent()
		require.NoError(t, h.Deliver(url, gennostr.AuthMessage{Challenge: "c"}))
		auths, _ := sentAuths(h)
		assert.Equal(t, want, authors(auths))
	}
}

func TestOptionsOfAuthThatAreNone(t *testing.T) {
	for name, opt := range map[string]gennostr.Option{"WithSigner": gennostr.WithSigner(nil), "WithAuthPolicy": gennostr.WithAuthPolicy(nil)} {
		_, err := gennostr.Start(t.Context(), nil, opt)
		assert.ErrorContains(t, err, name)
	}
}

// keeper counts how often it is asked for its key, and fails as often as it is told.
type keeper struct {
	nostr.Signer
	asked, fails int
}

func (k *keeper) PublicKey(ctx context.Context) (nostr.PubKey, error) {
	if k.asked++; k.asked <= k.fails {
		return nostr.PubKey{}, errAway
	}
	return k.Signer.PublicKey(ctx)
}

func TestAKeyIsAskedForOnce(t *testing.T) {
	k := &keeper{Signer: me.Signer()}
	h, err := gennostr.NewHarness(&subscriber{}, gennostr.WithSigner(k), gennostr.WithRelays(relayA, relayB), quietly())
	require.NoError(t, err)
	defer func() { assert.NoError(t, h.Stop()) }()
	for _, url := range []string{relayA, relayB} {
		require.NoError(t, h.Connect(url))
		require.NoError(t, h.Deliver(url, gennostr.AuthMessage{Challenge: "c"}))
	}
	auths, _ := sentAuths(h)
	assert.Len(t, auths, 2)
	assert.Equal(t, 1, k.asked)
}

// A key that could not be had is asked for again when it is needed again.
func TestAKeyThatCannotBeHadAtFirst(t *testing.T) {
	k := &keeper{Signer: me.Signer(), fails: 1}
	r := &subscriber{}
	h := membership(t, r, gennostr.WithSigner(k), gennostr.WithSigner(alias.Signer()),
		decides(gennostr.AuthDecision{When: gennostr.AuthWhenNeeded, As: []nostr.PubKey{me.PubKey()}}))
	challenge(t, h, "c")
	require.Error(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: wantsAuth}))
	require.Len(t, r.errs, 1)
	assert.ErrorIs(t, r.errs[0], errAway)
	assert.Empty(t, h.Sent())
	require.NoError(t, h.Advance(time.Minute))
	challenge(t, h, "c2")
	_, again := sentAuths(h)
	assert.Equal(t, 1, again, "it may be there by now, or the relay content")
	assert.Equal(t, 1, k.asked, "nobody needs it")
	require.NoError(t, h.Run(func(self *gennostr.Self) error { return self.Subscribe("more", allNotes) }))
	h.Sent()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "more", Message: wantsAuth}))
	auth := oneAuth(t, h)
	assert.Equal(t, me.PubKey(), auth.PubKey)
	require.NoError(t, answerAuth(t, h, auth, true, ""))
	_, reqs := sentAuths(h)
	assert.Equal(t, 1, reqs, "of the one that was refused")
}

// P61: an event that only its author may publish needs an AUTH of the author's.
// Shows P42, P44, P61.
func TestAnEventIsPublishedAsItsAuthor(t *testing.T) {
	for name, c := range map[string]struct {
		by   nostr.SecretKey
		want []nostr.PubKey
	}{
		"the first": {me, []nostr.PubKey{me.PubKey()}}, "the second": {alias, []nostr.PubKey{alias.PubKey()}},
		"a stranger": {nostrtest.Key(9), []nostr.PubKey{me.PubKey(), alias.PubKey()}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &publisher{}
			h := publishes(t, p, gennostr.WithSigner(me.Signer()), gennostr.WithSigner(alias.Signer()),
				decides(gennostr.AuthDecision{When: gennostr.AuthWhenNeeded}))
			e := nostrtest.TextNote(c.by, "protected")
			require.NoError(t, h.Run(func(self *gennostr.Self) error {
				self.Publish(e, p.then, gennostr.On(relayA))
				return nil
			}))
			require.NoError(t, h.Deliver(relayA, gennostr.AuthMessage{Challenge: "c"}))
			h.Sent()
			saysOK(t, h, relayA, e, false, wantsAuth)
			auths, _ := sentAuths(h)
			assert.ElementsMatch(t, c.want, authors(auths))
			saysOK(t, h, relayA, auths[0], true, "")
			require.Len(t, h.Sent(), 1, "again")
			saysOK(t, h, relayA, e, true, "")
			require.Len(t, p.reports, 1)
			assert.Equal(t, gennostr.Accepted, p.reports[0].Outcomes[0].Verdict)
			assert.Equal(t, 2, p.reports[0].Outcomes[0].Tries)
		})
	}
}

// strfry knows one identity for each connection: who needs another is refused, and nobody else.
// Shows P44, Q01.
func TestASecondIdentityThatTheRelayRefuses(t *testing.T) {
	p := &publisher{}
	h := publishes(t, p, gennostr.WithSigner(me.Signer()), gennostr.WithSigner(alias.Signer()),
		decides(gennostr.AuthDecision{When: gennostr.AuthWhenNeeded}))
	mine, theirs := nostrtest.TextNote(me, "mine"), nostrtest.TextNote(alias, "theirs")
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Publish(mine, p.then, gennostr.On(relayA))
		self.Publish(theirs, p.then, gennostr.On(relayA))
		return nil
	}))
	require.NoError(t, h.Deliver(relayA, gennostr.AuthMessage{Challenge: "c"}))
	h.Sent()
	saysOK(t, h, relayA, theirs, false, wantsAuth)
	saysOK(t, h, relayA, mine, false, wantsAuth)
	auths, _ := sentAuths(h)
	require.Equal(t, []nostr.PubKey{alias.PubKey(), me.PubKey()}, authors(auths))
	saysOK(t, h, relayA, auths[1], true, "")
	require.Len(t, h.Sent(), 1)
	saysOK(t, h, relayA, mine, true, "")
	refused := h.Deliver(relayA, gennostr.OKMessage{EventID: auths[0].ID, Message: "error: already authenticated"})
	require.ErrorIs(t, refused, gennostr.ErrAuthRefused)
	require.Len(t, h.Sent(), 1, "the other's may do")
	saysOK(t, h, relayA, theirs, false, wantsAuth)
	require.Len(t, p.reports, 2)
	assert.Equal(t, gennostr.Accepted, p.reports[0].Outcomes[0].Verdict)
	o := p.reports[1].Outcomes[0]
	assert.Equal(t, gennostr.Refused, o.Verdict)
	assert.Equal(t, "error: already authenticated", o.Message)
	assert.ErrorIs(t, o.Err, gennostr.ErrAuthRefused)
	assert.Empty(t, h.Sent())
	st, _ := h.Client().Relay(relayA)
	assert.Equal(t, []nostr.PubKey{me.PubKey()}, st.Authenticated)
}
