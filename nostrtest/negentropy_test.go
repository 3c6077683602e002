package nostrtest_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/nostrtest"
)

// replica is the client's side of a reconciliation: what a test's store has, against a relay.
type replica struct {
	c          *client
	id         string
	neg        *nip77.Client
	rounds     int
	have, need []nostr.ID
}

func newReplica(c *client, id string, events ...*nostr.Event) *replica {
	c.t.Helper()
	var b nip77.Builder
	for _, event := range events {
		require.NoError(c.t, b.Add(event.CreatedAt, event.ID))
	}
	neg, err := nip77.NewClient(b.Build(), 0)
	require.NoError(c.t, err)
	return &replica{c: c, id: id, neg: neg}
}

func (r *replica) open(filter nostr.Filter) []string {
	return r.c.ask("NEG-OPEN", r.id, filter, hex.EncodeToString(r.neg.Initiate()))
}

var errDone = errors.New("both sides know all")

// step takes an answer of the relay and sends the next message.
func (r *replica) step(answers []string) ([]string, error) {
	r.c.t.Helper()
	require.Len(r.c.t, answers, 1)
	answer := parts(answers[0])
	require.Equal(r.c.t, []string{"NEG-MSG", r.id}, answer[:2])
	payload, err := hex.DecodeString(answer[2])
	require.NoError(r.c.t, err)
	r.rounds++
	next, err := r.neg.Reconcile(payload, func(id nostr.ID) { r.have = append(r.have, id) }, func(id nostr.ID) { r.need = append(r.need, id) })
	switch {
	case err != nil:
		return nil, err
	case next == nil:
		return nil, errDone
	}
	return r.c.ask("NEG-MSG", r.id, hex.EncodeToString(next)), nil
}

// run goes on to the end.
func (r *replica) run(answers []string) {
	r.c.t.Helper()
	for {
		var err error
		if answers, err = r.step(answers); err != nil {
			require.ErrorIs(r.c.t, err, errDone)
			return
		}
	}
}

func idsOf(events []*nostr.Event) []nostr.ID {
	var ids []nostr.ID
	for _, event := range events {
		ids = append(ids, event.ID)
	}
	slices.SortFunc(ids, nostr.ID.Compare)
	return ids
}

func sorted(ids []nostr.ID) []nostr.ID {
	slices.SortFunc(ids, nostr.ID.Compare)
	return ids
}

// notes returns n events, two of each second.
func notes(n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = unsigned(nostr.Timestamp(1000+i/2), fmt.Sprint("note ", i))
	}
	return list
}

// unsigned returns what Relay.Publish takes as it is: signing thousands takes its time.
func unsigned(at nostr.Timestamp, content string) *nostr.Event {
	event := &nostr.Event{CreatedAt: at, Kind: 1, Tags: nostr.Tags{}, Content: content}
	event.ID = event.GetID()
	return event
}

func TestP66ReconciliationFindsWhatEachSideLacks(t *testing.T) {
	for _, frame := range []int{0, 4096, nostrtest.DefaultNegentropyFrame} {
		t.Run(fmt.Sprint(frame), func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
				all := notes(600)
				random := rand.New(rand.NewPCG(77, uint64(frame)))
				random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				relay.Publish(all[:500]...)
				relay.Publish(nostrtest.EventAt(1000, nostrtest.Key(1), 7, "+")) // another kind
				mine := append(slices.Clone(all[:450]), all[500:]...)
				r := newReplica(dial(t, network.HTTPClient(), home), "sync", mine...)
				r.run(r.open(nostr.Filter{Kinds: []nostr.Kind{1}}))
				assert.Equal(t, idsOf(all[500:]), sorted(r.have))
				assert.Equal(t, idsOf(all[450:500]), sorted(r.need))

				assert.Empty(t, r.c.ask("NEG-CLOSE", "sync"), "which has no answer")
				views := relay.Reconciliations()
				require.Len(t, views, 1)
				view := views[0]
				assert.Equal(t, nostrtest.Reconciliation{
					Connection: 1, Time: view.Time, SubscriptionID: "sync", Filter: nostr.Filter{Kinds: []nostr.Kind{1}},
					Events: 500, Messages: r.rounds, Read: view.Read, Written: view.Written, EndedAt: view.Time,
				}, view, "in a bubble all of it takes no time")
				assert.Positive(t, view.Read)
				longest := 0
				for _, m := range r.c.frames {
					longest = max(longest, len(m))
				}
				if frame > 0 {
					assert.LessOrEqual(t, longest, 2*frame+len(`["NEG-MSG","sync",""]`))
				}
			}, nostrtest.WithNegentropyFrame(frame))
		})
	}
}

func TestP66IDsOfReconciliationsAreApartAndReopeningBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		all := notes(1000)
		relay.Publish(all...)
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, stored("same"), c.ask("REQ", "same", nostr.Filter{Kinds: []nostr.Kind{7}}))
		first := newReplica(c, "same", all[:900]...)
		answers := first.open(everything)
		second := newReplica(c, "same", all[:10]...)
		fresh := second.open(nostr.Filter{}.WithLimit(20)) // the newest of them
		views := relay.Reconciliations()
		require.Len(t, views, 2)
		assert.False(t, views[0].Open(), "an id has one at a time")
		assert.True(t, views[1].Open())
		assert.Equal(t, 20, views[1].Events, "a limit of the filter counts")
		second.run(fresh)
		assert.Equal(t, idsOf(all[980:]), sorted(second.need))
		assert.Equal(t, idsOf(all[:10]), sorted(second.have))

		_, err := first.step(answers)
		require.NoError(t, err, "its messages go to the second one now")
		c.ask("NEG-CLOSE", "same")
		assert.Len(t, relay.Subscriptions(), 1, "the REQ of the same id goes on")
		assert.Equal(t, []string{`["NEG-ERR","same","closed: nothing is open under this id"]`}, c.ask("NEG-MSG", "same", "61"))
		c.ask("CLOSE", "same")
		third := newReplica(c, "same")
		third.open(everything)
		assert.Len(t, relay.Reconciliations(), 3, "a NEG-MSG begins none")
		c.cut()
		synctest.Wait()
		assert.False(t, relay.Reconciliations()[2].Open(), "it ends with the connection")
	})
}

func TestP67TheSetOfAReconciliationStaysAsItWas(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		all := notes(2000)
		relay.Publish(all[:1000]...)
		r := newReplica(dial(t, network.HTTPClient(), home), "n")
		answers := r.open(everything)
		relay.Publish(all[1000:]...)
		r.run(answers)
		assert.Greater(t, r.rounds, 2)
		assert.Equal(t, idsOf(all[:1000]), sorted(r.need))
	}, nostrtest.WithNegentropyFrame(4096))
}

func TestP68RefusedNegOpens(t *testing.T) {
	policy := func(_ nostrtest.Connection, request nostrtest.Request) string {
		if request.Verb == "NEG-OPEN" && slices.Contains(request.Filters[0].Kinds, 4) {
			return "restricted: not yours"
		}
		return ""
	}
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(notes(11)...)
		c := w.dial()
		for filter, want := range map[string]string{
			`{}`:                       `["NEG-ERR","n","blocked: too many events match, ask for less",10]`,
			`{"kinds":[4]}`:            `["NEG-ERR","n","restricted: not yours"]`,
			`{"&t":["x"]}`:             `["NEG-ERR","n","unsupported: filter contains unknown elements: \"&t\""]`,
			`{"since":"x"}`:            `["NEG-ERR","n","invalid: `,
			`{"since":9,"until":8,"a"`: `["NEG-ERR","n","invalid: `,
		} {
			c.sendFrame(1, `["NEG-OPEN","n",{},"6100000200"]`) // ends, whatever comes of the next
			assert.Equal(t, `["NEG-ERR","n","blocked: too many events match, ask for less",10]`, c.next())
			c.sendFrame(1, `["NEG-OPEN","n",`+filter+`,"6100000200"]`)
			answer := c.next()
			assert.True(t, strings.HasPrefix(answer, want), "%s: %s", filter, answer)
		}
		c.sendFrame(1, `["NEG-OPEN","",{},"6100000200"]`)
		assert.True(t, strings.HasPrefix(c.next(), `["NEG-ERR","","invalid: subscription id`))
		c.sendFrame(1, `["NEG-OPEN","ok",{"limit":10},"6100000200"]`)
		assert.Equal(t, "NEG-MSG", parts(c.next())[0], "ten may be covered")
		c.sendFrame(1, `["NEG-MSG","ok","61ff"]`)
		assert.True(t, strings.HasPrefix(c.next(), `["NEG-ERR","ok","invalid: nip77: message refused`))
		views := w.relay.Reconciliations()
		last := views[len(views)-1]
		assert.False(t, last.Open())
		assert.True(t, strings.HasPrefix(last.Refusal, "invalid: "))
		assert.Equal(t, 2, last.Messages)
		for _, bad := range []string{`["NEG-MSG","ok","6"]`, `["NEG-MSG","ok"]`, `["NEG-OPEN","ok",{},"zz"]`} {
			c.sendFrame(1, bad)
			assert.True(t, strings.HasPrefix(c.next(), `["NEG-ERR","ok","invalid: `), bad)
		}
		c.sendFrame(1, `["NEG-CLOSE"]`)
		assert.Equal(t, "NOTICE", parts(c.next())[0])
	}, nostrtest.WithReadPolicy(policy), nostrtest.WithLimits(nostrtest.Limits{NegentropyEvents: 10}))
}

func TestP69AnotherVersionIsAnsweredWithOurs(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("NEG-OPEN", "n", everything, "62001122")
		assert.Equal(t, `["NEG-MSG","n","61"]`, c.next())
	})
}

func TestP41NegOpenWaitsForAuthentication(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.got() // the challenge
		assert.Equal(t, []string{`["NEG-ERR","n","auth-required: authenticate before reading"]`}, c.ask("NEG-OPEN", "n", everything, "61"))
		assert.Equal(t, "auth-required: authenticate before reading", relay.Reconciliations()[0].Refusal)
	}, nostrtest.WithAuth())
}

func TestEventsBeforeTheEpochAreLeftOutOfReconciliations(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(unsigned(-5, "long ago"), note(1))
		r := newReplica(dial(t, network.HTTPClient(), home), "n")
		r.run(r.open(everything))
		assert.Equal(t, idsOf(relay.Events()[:1]), r.need)
	})
}

func TestP68WithoutNegentropyANoticeAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for _, message := range []string{`["NEG-OPEN","n",{},"61"]`, `["NEG-MSG","n","61"]`, `["NEG-CLOSE","n"]`, `["NEG-OPEN","n",{},"x"]`} {
			c.sendFrame(1, message)
			assert.Equal(t, frame("NOTICE", "ERROR: bad msg: negentropy disabled"), c.next())
		}
		assert.Empty(t, w.relay.Reconciliations())
		_, body := w.document()
		assert.NotContains(t, body, "77")
	}, nostrtest.WithoutNegentropy())
	everywhere(t, func(t *testing.T, w world) {
		_, body := w.document()
		assert.Contains(t, body, "70,77]")
	})
}

func TestP68CloseReconciliationSendsNegErr(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c, other := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		for _, c := range []*client{c, other} {
			c.ask("NEG-OPEN", "n", everything, "6100000200")
		}
		c.ask("REQ", "n", everything)
		assert.Equal(t, 2, relay.CloseReconciliation("n", "closed: you took too long"))
		for _, c := range []*client{c, other} {
			assert.Equal(t, []string{`["NEG-ERR","n","closed: you took too long"]`}, c.got())
		}
		for _, view := range relay.Reconciliations() {
			assert.False(t, view.Open())
			assert.Equal(t, "closed: you took too long", view.Refusal)
		}
		assert.Zero(t, relay.CloseReconciliation("n", "again"))
		assert.Len(t, relay.Subscriptions(), 1)
	})
}

func TestNegentropyLimitsAreChecked(t *testing.T) {
	for _, opt := range []nostrtest.Option{
		nostrtest.WithNegentropyFrame(4095), nostrtest.WithNegentropyFrame(-1),
		nostrtest.WithLimits(nostrtest.Limits{NegentropyEvents: -1}),
	} {
		_, err := nostrtest.StartRelay(opt)
		assert.ErrorContains(t, err, "egentropy")
	}
}

func TestViewsShowWhatReconciliationsSay(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.ask("NEG-OPEN", "n", nostr.Filter{Kinds: []nostr.Kind{1}}, "6100000200")
		time.Sleep(time.Minute)
		c.ask("NEG-MSG", "n", "61")
		got := relay.Received()
		require.Len(t, got, 2)
		assert.Equal(t, []byte{0x61, 0, 0, 2, 0}, got[0].Payload)
		assert.Equal(t, []nostr.Filter{{Kinds: []nostr.Kind{1}}}, got[0].Filters)
		assert.Equal(t, []byte{0x61}, got[1].Payload)
		assert.Empty(t, relay.Requests(), "which are the REQs")
		view := relay.Reconciliations()[0]
		assert.True(t, view.Open())
		assert.Equal(t, 2, view.Messages)
		assert.Equal(t, 6, view.Read)
		c.ask("NEG-CLOSE", "n")
		assert.Equal(t, time.Minute, relay.Reconciliations()[0].EndedAt.Sub(view.Time))
	})
}
