package nostrtest_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// syncing is a relay with 2,000 events, and a client that lacks every hundredth: it takes
// some messages to find them.
func syncing(t *testing.T, test func(t *testing.T, relay *nostrtest.Relay, r *replica, missing []*nostr.Event), opts ...nostrtest.Option) {
	t.Helper()
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		all := notes(2000)
		relay.Publish(all...)
		var mine, missing []*nostr.Event
		for i, event := range all {
			if i%100 > 0 {
				mine = append(mine, event)
			} else {
				missing = append(missing, event)
			}
		}
		test(t, relay, newReplica(dial(t, network.HTTPClient(), home), "n", mine...), missing)
	}, opts...)
}

func TestRefusedNegentropy(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, missing []*nostr.Event) {
		mend := relay.Break(nostrtest.RefuseNegentropy("NEG-ERR", "blocked: this query is too big"))
		assert.Equal(t, []string{`["NEG-ERR","n","blocked: this query is too big"]`}, r.open(everything))
		mend()
		answers := r.open(everything)
		mend = relay.Break(nostrtest.RefuseNegentropy("NEG-ERROR", "closed: away").On("NEG-MSG"))
		answers, err := r.step(answers)
		require.NoError(t, err)
		assert.Equal(t, []string{`["NEG-ERROR","n","closed: away"]`}, answers)
		mend()
		assert.False(t, relay.Reconciliations()[1].Open(), "an error ends it")
		r.run(r.open(everything))
		assert.Equal(t, idsOf(missing), sorted(r.need))

		defer relay.Break(nostrtest.RefuseRequests("auth-required: who are you?").On("NEG-OPEN"))()
		answers = r.open(everything)
		require.Len(t, answers, 2)
		assert.Equal(t, "AUTH", parts(answers[0])[0])
		assert.Equal(t, `["NEG-ERR","n","auth-required: who are you?"]`, answers[1])
	})
}

func TestNegentropyCapDoesNotSayHowMany(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, missing []*nostr.Event) {
		assert.Equal(t, []string{`["NEG-ERR","n","blocked: too many events match, ask for less"]`}, r.open(everything))
		assert.Equal(t, 2000, relay.Reconciliations()[0].Events)
		until := nostr.Timestamp(1074) // 150 events
		r.run(r.open(nostr.Filter{Until: &until}))
		assert.Equal(t, idsOf(missing[:2]), sorted(r.need))
	}, nostrtest.WithFaults(nostrtest.NegentropyCap(150)))
}

func TestBoundsOfReconciliationsAreExclusiveAsThoseOfRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		all := notes(100)
		relay.Publish(all...)
		first, last := all[0].CreatedAt, all[99].CreatedAt
		count := func(f func(at nostr.Timestamp) bool) (n int) {
			for _, event := range all {
				if f(event.CreatedAt) {
					n++
				}
			}
			return n
		}
		for _, test := range []struct {
			fault nostrtest.Fault
			want  int
		}{
			{nostrtest.ExclusiveBounds(), count(func(at nostr.Timestamp) bool { return at > first && at < last })},
			{nostrtest.ExclusiveSince(), count(func(at nostr.Timestamp) bool { return at > first })},
		} {
			mend := relay.Break(test.fault)
			r := newReplica(dial(t, network.HTTPClient(), home), "n")
			r.run(r.open(nostr.Filter{Since: &first, Until: &last}))
			assert.Len(t, r.need, test.want)
			assert.Less(t, test.want, 100)
			mend()
		}
	})
}

func TestQ02LostReconciliations(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, missing []*nostr.Event) {
		answers, err := r.step(r.open(everything))
		require.NoError(t, err)
		assert.Equal(t, []string{`["NEG-ERROR","n","CLOSED"]`}, answers)
		r.run(r.open(everything))
		assert.Equal(t, idsOf(missing), sorted(r.need), "the second one is kept")
		assert.Equal(t, 1, relay.Reconciliations()[0].Messages)
	}, nostrtest.WithFaults(nostrtest.LoseReconciliations().Nth(1), nostrtest.NegErrVerb("NEG-ERROR"), nostrtest.NegErrSays("closed", "CLOSED")))
}

func TestReconciliationsThatEndInTheMiddle(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, missing []*nostr.Event) {
		mend := relay.Break(nostrtest.EndReconciliations("closed: you took too long"))
		answers, err := r.step(r.open(everything))
		require.NoError(t, err)
		assert.Equal(t, []string{`["NEG-ERR","n","closed: you took too long"]`}, answers)
		mend()
		assert.Equal(t, "closed: you took too long", relay.Reconciliations()[0].Refusal)
		assert.Equal(t, []string{`["NEG-ERR","n","closed: nothing is open under this id"]`}, r.c.ask("NEG-MSG", "n", "61"))

		defer relay.Break(nostrtest.ForgetIdleReconciliations(7 * time.Second))()
		answers = r.open(everything)
		time.Sleep(6 * time.Second)
		_, err = r.step(answers)
		require.NoError(t, err)
		time.Sleep(6 * time.Second)
		assert.Equal(t, []string{`["NEG-MSG","n","61"]`}, r.c.ask("NEG-MSG", "n", "61"), "each message counts")
		time.Sleep(7 * time.Second)
		assert.Equal(t, []string{`["NEG-ERR","n","closed: nothing is open under this id"]`}, r.c.ask("NEG-MSG", "n", "61"))
	})
}

func TestSpellingsOfNegErr(t *testing.T) {
	cap3 := nostrtest.WithLimits(nostrtest.Limits{NegentropyEvents: 3})
	for name, c := range map[string]struct {
		faults []nostrtest.Fault
		want   string
	}{
		"verb":           {[]nostrtest.Fault{nostrtest.NegErrVerb("NEG-ERROR")}, `["NEG-ERROR","n","blocked: too many events match, ask for less",3]`},
		"prefix":         {[]nostrtest.Fault{nostrtest.PrefixNegErr()}, `["NEG-ERR","n","ERROR: blocked: too many events match, ask for less",3]`},
		"text":           {[]nostrtest.Fault{nostrtest.NegErrSays("blocked", "RESULTS_TOO_BIG")}, `["NEG-ERR","n","RESULTS_TOO_BIG",3]`},
		"any text":       {[]nostrtest.Fault{nostrtest.NegErrSays("", "no")}, `["NEG-ERR","n","no",3]`},
		"another's text": {[]nostrtest.Fault{nostrtest.NegErrSays("closed", "no")}, `["NEG-ERR","n","blocked: too many events match, ask for less",3]`},
		"verb first":     {[]nostrtest.Fault{nostrtest.NegErrVerb("NEG-ERROR"), nostrtest.PrefixNegErr()}, `["NEG-ERROR","n","ERROR: blocked: too many events match, ask for less",3]`},
		"verb last":      {[]nostrtest.Fault{nostrtest.NegErrSays("", ""), nostrtest.NegErrVerb(`"x`)}, `["\"x","n","",3]`},
	} {
		t.Run(name, func(t *testing.T) {
			syncing(t, func(t *testing.T, _ *nostrtest.Relay, r *replica, _ []*nostr.Event) {
				assert.Equal(t, []string{c.want}, r.open(everything))
			}, nostrtest.WithFaults(c.faults...), cap3)
		})
	}
}

func TestAnswersThatNeverComeAndNotices(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, _ []*nostr.Event) {
		mend := relay.Break(nostrtest.NoAnswer().On("NEG-MSG"))
		answers, err := r.step(r.open(everything))
		require.NoError(t, err)
		assert.Empty(t, answers)
		mend()
		mend = relay.Break(nostrtest.Lose().Of("NEG-MSG"))
		assert.Empty(t, r.open(everything), "it was heard and answered, and the answer is lost")
		assert.Positive(t, relay.Reconciliations()[1].Written)
		mend()
		mend = relay.Break(nostrtest.NoticeInstead("invalid: unknown verb").On("NEG-OPEN"))
		assert.Equal(t, []string{`["NOTICE","invalid: unknown verb"]`}, r.open(everything))
		mend()
	})
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, _ []*nostr.Event) {
		for _, payload := range [][]byte{{}, {0x61, 0xff}, []byte("another way of saying it")} {
			mend := relay.Break(nostrtest.NegMsgBytes(payload))
			answers := r.open(everything)
			require.Equal(t, []string{frame("NEG-MSG", "n", hex.EncodeToString(payload))}, answers)
			_, err := r.step(answers)
			var refused *nip77.ParseError
			require.ErrorAs(t, err, &refused)
			mend()
		}
		defer relay.Break(nostrtest.NegMsgBytes([]byte{0x60}))()
		_, err := r.step(r.open(everything))
		var version *nip77.VersionError
		require.ErrorAs(t, err, &version)
	})
}

func TestRelaysThatAskForEver(t *testing.T) {
	syncing(t, func(t *testing.T, relay *nostrtest.Relay, r *replica, _ []*nostr.Event) {
		mend := relay.Break(nostrtest.EndlessRanges())
		answers := r.open(everything)
		for {
			var err error
			if answers, err = r.step(answers); err != nil {
				require.ErrorIs(t, err, nip77.ErrStalled)
				break
			}
		}
		mend()
		assert.Greater(t, r.rounds, nip77.MaxIdleRounds)
		assert.Empty(t, r.need)

		defer relay.Break(nostrtest.InventedIDs(200))()
		answers = r.open(everything)
		rounds := kit.Sized(50, 10)
		for range rounds {
			var err error
			answers, err = r.step(answers)
			require.NoError(t, err, "there is something new each time")
		}
		assert.Len(t, r.need, rounds*200)
		assert.Greater(t, len(answers[0]), 64*200)
	})
}

func TestInventedIDsTakeAnyNumber(t *testing.T) {
	for _, n := range []int{1, 127, 128, 16_384, 20_000} {
		syncing(t, func(t *testing.T, _ *nostrtest.Relay, r *replica, _ []*nostr.Event) {
			_, err := r.step(r.open(everything))
			require.NoError(t, err)
			assert.Len(t, r.need, n)
		}, nostrtest.WithFaults(nostrtest.InventedIDs(n).On("NEG-OPEN")))
	}
}

func TestFaultsOfNegentropyThatMakeNoSense(t *testing.T) {
	for _, fault := range []nostrtest.Fault{
		nostrtest.RefuseNegentropy("NEG-ERR", ""), nostrtest.NegentropyCap(0), nostrtest.EndReconciliations(""),
		nostrtest.ForgetIdleReconciliations(0), nostrtest.InventedIDs(0),
	} {
		_, err := nostrtest.StartRelay(nostrtest.WithFaults(fault))
		assert.ErrorContains(t, err, fault.String())
	}
}
