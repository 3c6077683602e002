package gennostr_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// countingVerifier counts what it is asked.
type countingVerifier struct {
	mu    sync.Mutex
	asked map[nostr.ID]int // guarded by mu
}

func (v *countingVerifier) VerifySignature(pubkey nostr.PubKey, id nostr.ID, sig nostr.Sig) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asked == nil {
		v.asked = make(map[nostr.ID]int)
	}
	v.asked[id]++
	e := nostr.Event{PubKey: pubkey, ID: id, Sig: sig}
	return e.CheckSignature()
}

// What one relay has brought is not verified again when another brings it, but
// its hash is recomputed each time: a copy that was altered is refused.
// Shows P06, L02.
func TestProvenEventsAreNotVerifiedAgainAndAlwaysHashed(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		v := new(countingVerifier)
		r := &recorder{On: streamer}
		var urls []string
		var relays []*nostrtest.Relay
		for i := range 3 {
			urls = append(urls, fmt.Sprintf("wss://%d.example/", i))
			relays = append(relays, network.NewRelay(urls[i]))
		}
		start(t, r, over(network, gennostr.WithRelays(urls...), gennostr.WithVerifier(v), quietly())...)
		synctest.Wait()
		events := textNotes(5)
		for _, relay := range relays {
			relay.Push(events...)
			synctest.Wait()
		}
		assert.Len(t, r.Named("OnEvent"), 15)
		for _, e := range events {
			assert.Equal(t, 1, v.asked[e.ID])
		}
		altered := *events[0]
		altered.Content = "altered"
		resigned := *events[1]
		resigned.Sig[10] ^= 1
		relays[0].Push(&altered, &resigned)
		synctest.Wait()
		assert.Len(t, r.Named("OnEvent"), 15)
		assert.Equal(t, 2, v.asked[resigned.ID], "another signature has to be verified")
		assert.Equal(t, 1, v.asked[altered.ID])
	})
}

// Five relays that send the same bytes: each of their events is the handler's
// own, to spoil if it likes, and what was forged stays forged when it is sent again.
func TestTheSameBytesFromManyRelaysAreTheSameEvent(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var got []string
		r := &recorder{On: func(self *gennostr.Self, n note) error {
			if m, ok := n.Msg.(gennostr.EventMessage); ok {
				got = append(got, m.Event.String())
				m.Event.Tags[0][1], m.Event.Content, m.Event.Sig = "spoiled", "spoiled", nostr.Sig{}
			}
			return streamer(self, n)
		}}
		var urls []string
		var relays []*nostrtest.Relay
		for i := range 5 {
			urls = append(urls, fmt.Sprintf("wss://%d.example/", i))
			relays = append(relays, network.NewRelay(urls[i]))
		}
		c := start(t, r, over(network, gennostr.WithRelays(urls...), quietly())...)
		synctest.Wait()
		var want []string
		for i := range 300 {
			e := &nostr.Event{CreatedAt: nostr.Timestamp(1_700_000_000 + i), Kind: 1, Tags: nostr.Tags{{"t", "nostr"}}, Content: "note"}
			require.NoError(t, e.Sign(nostrtest.Key(1)))
			genuine := e.String()
			if i%50 == 7 {
				e.Sig[40] ^= 1
			} else {
				want = slices.Concat(want, slices.Repeat([]string{genuine}, len(relays)))
			}
			altered := *e
			altered.Content = "nope"
			for _, relay := range relays {
				relay.Push(e, &altered)
				synctest.Wait()
			}
		}
		assert.Equal(t, want, got)
		assert.True(t, gennostr.KnowsTwins(c), "or this has tested nothing")
		for _, relay := range c.Relays() {
			assert.EqualValues(t, 306, relay.Traffic.Forged, "each of the altered and of the badly signed, from each relay")
		}
	})
}

// Bad signatures among many good ones: each is found, the good ones arrive, in order.
// Shows D27.
func TestForgeriesInABatchCostNoNeighbour(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		r := &recorder{On: streamer}
		relay := network.NewRelay(stageURL)
		start(t, r, over(network, gennostr.WithRelays(stageURL), quietly())...)
		synctest.Wait()
		events := textNotes(200)
		var want []string
		for i, e := range events {
			if i%50 == 7 {
				forged := *e
				forged.Sig[40] ^= 1
				events[i] = &forged
				continue
			}
			want = append(want, e.Content)
		}
		relay.Push(events...)
		synctest.Wait()
		assert.Equal(t, want, contents(r.All(), stageURL))
		refused := r.Named("OnError")
		require.NotEmpty(t, refused)
		assert.ErrorIs(t, reasonOf(t, refused[0]), nostr.ErrBadSignature)
	})
}

// What a verifier has accepted that is trusted no more has to be verified again.
func TestADisagreementOfVerifiersMakesNothingProven(t *testing.T) {
	v := new(countingVerifier)
	onStage(t, streamer, func(t *testing.T, s stage) {
		e := textNotes(1)[0]
		for range 2 {
			s.Relay.Push(e)
			synctest.Wait()
		}
		assert.Equal(t, 1, v.asked[e.ID])
		gennostr.Disagree(s.Client, bip340.Disagreement{Accepted: true})
		s.Relay.Push(e)
		synctest.Wait()
		assert.Equal(t, 2, v.asked[e.ID])
		assert.Len(t, s.Events(), 3)
	}, gennostr.WithVerifier(v), quietly())
}

// Shows D26.
func TestADisagreementOfVerifiersIsLogged(t *testing.T) {
	var log journal
	c := start(t, nil, log.Option())
	gennostr.Disagree(c, bip340.Disagreement{Accepted: true, Pub: [32]byte{0xab}})
	gennostr.Disagree(c, bip340.Disagreement{Panic: errors.New("index out of range")})
	lines := log.Lines("ERROR")
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "accepted=true pubkey=ab00")
	assert.Contains(t, lines[1], "index out of range")
}
