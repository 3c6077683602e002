package gennostr_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// answersAll answers every REQ in the same way, for a time, and counts them: all, and
// the most in a moment.
func answersAll(t *testing.T, n int, wait time.Duration, answer func(h *gennostr.Harness, id string)) (all, atOnce, news int) {
	t.Helper()
	m := &newsCounter{manySubscriptions: many(n)}
	h, err := gennostr.NewHarness(m, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	for began := h.Now(); h.Now().Sub(began) < wait; _ = h.Advance(100 * time.Millisecond) {
		moment := 0
		for sent := h.Sent(); len(sent) > 0; sent = h.Sent() {
			for _, s := range sent {
				if req, ok := s.Message.(gennostr.Req); ok {
					moment++
					answer(h, req.SubscriptionID)
				}
			}
		}
		all, atOnce = all+moment, max(atOnce, moment)
	}
	return all, atOnce, m.news
}

type newsCounter struct {
	*manySubscriptions
	news int
}

func (c *newsCounter) OnSubscription(*gennostr.Self, gennostr.Relay, gennostr.SubscriptionChange) error {
	c.news++
	return nil
}

// A relay that serves each REQ, and ends it at once as one too many, is asked less and less often.
func TestARelayThatEndsWhatItHasJustServedIsAskedLessAndLessOften(t *testing.T) {
	for _, words := range []string{"duplicate: subscription", "rate-limited: too many subscriptions, max 20"} {
		t.Run(words, func(t *testing.T) {
			all, _, news := answersAll(t, 50, 10*time.Minute, func(h *gennostr.Harness, id string) {
				require.NoError(t, h.Receive(subscribersRelay, `["EOSE","`+id+`"]`))
				_ = h.Receive(subscribersRelay, `["CLOSED","`+id+`","`+words+`"]`)
			})
			assert.Less(t, all, 500, "REQs in ten minutes")
			assert.Less(t, news, 2000, "changes that OnSubscription was told")
		})
	}
}

// A relay that is in trouble and says so is not made to say it six hundred times more.
func TestARelayInTroubleIsNotAskedForEachSubscriptionAtOnce(t *testing.T) {
	_, atOnce, _ := answersAll(t, 300, time.Second, func(h *gennostr.Harness, id string) {
		_ = h.Receive(subscribersRelay, `["CLOSED","`+id+`","error: database is locked"]`)
	})
	assert.LessOrEqual(t, atOnce, 150, "REQs in one moment")
}

type manySubscriptions struct {
	gennostr.BaseHandler
	n int
}

func many(n int) *manySubscriptions { return &manySubscriptions{n: n} }

func (m *manySubscriptions) Init(self *gennostr.Self) error {
	for i := range m.n {
		name := fmt.Sprint(i)
		if err := self.Subscribe(name, []nostr.Filter{nostr.Filter{}.WithTag("t", name)}); err != nil {
			return err
		}
	}
	return nil
}
