package protocol_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A client on relays with the quirks of deployed ones (Q01 to Q08): what it does there all
// day, and what is peculiar to each.

const deployedURL = "wss://deployed.example/"

// onDeployed gives a client a relay with these traits, and waits until they are connected.
func onDeployed(t *testing.T, traits nostrtest.Option, f func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client), opts ...gennostr.Option) {
	t.Helper()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(deployedURL, traits)
		client := kit.Start(t, nil, kit.Over(network, append(opts, gennostr.WithRelays(deployedURL), kit.Quietly())...)...)
		require.NoError(t, client.Ready(t.Context(), 1))
		f(t, relay, client)
	})
}

// daily is n notes, one a minute, of which the newest is a minute old.
func daily(n int) []*nostr.Event {
	events := make([]*nostr.Event, n)
	for i := range events {
		at := nostr.Now() - nostr.Timestamp(60*(n-i))
		events[i] = nostrtest.TextNoteAt(at, nostrtest.Key(1+i%3), fmt.Sprint("note ", i))
	}
	return events
}

// heard reads events from a subscription until there are n, and says of any that came twice.
func heard(t *testing.T, sub *gennostr.Subscription, n int) (events []*nostr.Event) {
	t.Helper()
	seen := map[nostr.ID]bool{}
	for m := range sub.All() {
		if m.Event == nil {
			continue
		}
		assert.False(t, seen[m.Event.ID], "%s came twice", m.Event.Content)
		seen[m.Event.ID] = true
		if events = append(events, m.Event); len(events) == n {
			break
		}
	}
	return events
}

func idsOf(events []*nostr.Event) (ids []nostr.ID) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	slices.SortFunc(ids, func(a, b nostr.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// What every relay is used for comes out right on each of them: what is stored comes whole
// and each once, through pages too, what is published later comes live, an outage costs
// nothing, an event is accepted, and a count ends.
// Shows P17, Q01, Q02, Q03, Q04, Q05, Q06, Q07, Q08.
func TestDeployedRelaysServeAClient(t *testing.T) {
	for name, traits := range map[string]nostrtest.Option{
		"strfry": nostrtest.Strfry(), "khatru": nostrtest.Khatru(), "khatru's newer line": nostrtest.KhatruNext(),
		"slicestore": nostrtest.Slicestore(), "lmdb": nostrtest.LMDBStore(), "mocrelay": nostrtest.Mocrelay(),
		"mattn": nostrtest.MattnRelay(), "nostr-relay/core": nostrtest.NostrRelayCore(), "nak": nostrtest.NakServe(),
		"of wallets": nostrtest.WalletRelay(),
	} {
		t.Run(name, func(t *testing.T) {
			onDeployed(t, traits, func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
				stored := daily(kit.Sized(900, 60))
				relay.Publish(stored...)
				since := stored[0].CreatedAt - 1
				filter := nostr.Filter{}.WithKinds(nostr.KindTextNote).WithSince(since)

				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				sub, err := client.Subscribe(ctx, []nostr.Filter{filter, filter.WithAuthors(nostrtest.PubKey(1))}, gennostr.WithBuffer(2_000))
				require.NoError(t, err)
				require.NoError(t, sub.CaughtUp(ctx, 1))
				first := heard(t, sub, min(len(stored), 500))
				assert.Len(t, first, min(len(stored), 500))

				report, err := client.Fetch(t.Context(), []nostr.Filter{filter}, gennostr.AllPages(), gennostr.WithDeadline(time.Minute))
				assert.Equal(t, idsOf(stored), idsOf(report.Events))
				if name == "nak" { // where both bounds are off by one, nobody can be sure of the oldest second
					var gap *gennostr.GapError
					require.ErrorAs(t, err, &gap)
					assert.True(t, gap.Gap.Possible)
				} else {
					require.NoError(t, err)
				}

				mine := nostrtest.TextNote(nostrtest.Key(9), "mine")
				outcome, err := client.Publish(t.Context(), mine)
				require.NoError(t, err)
				assert.Equal(t, gennostr.Accepted, outcome.Outcomes[0].Verdict)
				relay.DisconnectAll()
				missed := nostrtest.TextNote(nostrtest.Key(9), "missed")
				relay.Publish(missed)
				require.NoError(t, client.Ready(ctx, 1))
				require.NoError(t, sub.CaughtUp(ctx, 1))
				late := nostrtest.TextNote(nostrtest.Key(9), "late")
				relay.Publish(late)
				rest := heard(t, sub, 3+len(stored)-len(first))
				assert.Subset(t, idsOf(rest), idsOf([]*nostr.Event{mine, missed, late}))
				for _, e := range first {
					assert.NotContains(t, idsOf(rest), e.ID, "nothing comes twice")
				}

				began := time.Now()
				counted, err := client.Count(t.Context(), []nostr.Filter{filter, filter.WithAuthors(nostrtest.PubKey(9))})
				assert.LessOrEqual(t, time.Since(began), 10*time.Second)
				if name == "lmdb" {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					return
				}
				require.NoError(t, err)
				assert.EqualValues(t, 3, counted.Relays[0].Filters[1].N)
			}, gennostr.WithReconnectSchedule(100*time.Millisecond))
		})
	}
}

// strfry serves 200 subscriptions of a connection live; one more gets an EOSE and a notice
// that names nobody. None is deaf.
func TestQ01OfMoreSubscriptionsThanStrfryServesNoneIsDeaf(t *testing.T) {
	onDeployed(t, nostrtest.Strfry(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		subs := make([]*gennostr.Subscription, 250)
		for i := range subs {
			var err error
			subs[i], err = client.Subscribe(ctx, []nostr.Filter{nostr.Filter{}.WithTag("t", fmt.Sprint(i))})
			require.NoError(t, err)
		}
		for _, sub := range subs {
			require.NoError(t, sub.CaughtUp(ctx, 1))
		}
		for i := range subs {
			relay.Publish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i), nostr.Tag{"t", fmt.Sprint(i)}))
		}
		for i, sub := range subs {
			events := heard(t, sub, 1)
			if assert.Len(t, events, 1, "subscription %d", i) {
				assert.Equal(t, fmt.Sprint(i), events[0].Content)
			}
		}
	})
}

// strfry leaves direct messages out of what else is asked for, without a word: nobody learns
// there that AUTH would bring them. A subscription of their own does.
func TestQ01DirectMessagesComeFromStrfryToASubscriptionOfTheirOwn(t *testing.T) {
	me := nostrtest.Key(7)
	onDeployed(t, nostrtest.Strfry(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		toMe := nostr.Tag{"p", me.PubKey().String()}
		note := nostrtest.TextNote(nostrtest.Key(1), "for all to read", toMe)
		wrap := nostrtest.Event(nostrtest.Key(2), nostr.KindGiftWrap, "sealed", toMe)
		relay.Publish(note, wrap)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		all := nostr.Filter{}.WithKinds(nostr.KindTextNote, nostr.KindGiftWrap).WithTag("p", toMe[1])
		report, err := client.Fetch(ctx, []nostr.Filter{all})
		require.NoError(t, err)
		assert.Equal(t, []*nostr.Event{note}, report.Events, "as the relay does")
		sub, err := client.Subscribe(ctx, []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindGiftWrap).WithTag("p", toMe[1])})
		require.NoError(t, err)
		assert.Equal(t, []*nostr.Event{wrap}, heard(t, sub, 1))
		report, err = client.Fetch(ctx, []nostr.Filter{all})
		require.NoError(t, err)
		assert.Len(t, report.Events, 2, "it knows who asks")
	}, gennostr.WithSigner(me.Signer()))
}

// khatru hangs up on what is longer than 512,000 bytes, of which it says nothing before: the
// publication says so, the event is not sent for ever, and others come through.
func TestQ02KhatruHangsUpOnALongEvent(t *testing.T) {
	onDeployed(t, nostrtest.Khatru(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		report, err := client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("x", 600_000)), gennostr.GiveUpAfter(24*time.Hour))
		require.Error(t, err)
		var hungUp *gennostr.CloseError
		require.ErrorAs(t, err, &hungUp)
		assert.Equal(t, 1009, hungUp.Code)
		assert.Equal(t, gennostr.Unanswered, report.Outcomes[0].Verdict)
		assert.Equal(t, 2, report.Outcomes[0].Tries)
		time.Sleep(time.Hour)
		status, _ := client.Relay(deployedURL)
		assert.Equal(t, 3, status.Connects, "it has cost two connections")
		_, err = client.Publish(t.Context(), nostrtest.TextNote(nostrtest.Key(1), "short"))
		require.NoError(t, err)
		assert.Len(t, relay.Events(), 1)
	})
}

// mocrelay loses what comes too fast, without an OK, answers a bad signature with a NOTICE,
// and sends stored events for limit 0.
func TestQ04MocrelayLosesABurst(t *testing.T) {
	onDeployed(t, nostrtest.Mocrelay(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		relay.Publish(nostrtest.TextNoteAt(nostr.Now()-100, nostrtest.Key(2), "stored"))
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithAuthors(nostrtest.PubKey(2))}, gennostr.LiveOnly())
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		live := nostrtest.TextNote(nostrtest.Key(2), "live")
		relay.Publish(live)
		assert.Equal(t, []*nostr.Event{live}, heard(t, sub, 1))

		forged := *nostrtest.TextNote(nostrtest.Key(1), "forged")
		forged.Sig[0] ^= 1
		report, err := client.Publish(t.Context(), &forged)
		require.Error(t, err)
		assert.Equal(t, gennostr.Unanswered, report.Outcomes[0].Verdict)
		assert.Equal(t, 1, report.Outcomes[0].Tries)

		var published []*gennostr.Publication
		for i := range 50 {
			pub, err := client.StartPublish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i)))
			require.NoError(t, err)
			published = append(published, pub)
		}
		answered := 0
		for _, pub := range published {
			report, err := pub.Wait(t.Context())
			if err == nil {
				answered++
				continue
			}
			assert.Equal(t, gennostr.Unanswered, report.Outcomes[0].Verdict)
		}
		assert.Equal(t, answered+2, len(relay.Events()), "what is told is what is there")
		assert.GreaterOrEqual(t, answered, 35)
	})
}

// mattn/nostr-relay finds what has the value of a tag anywhere, and reads five messages a second.
func TestQ05WhatMattnRelayFindsBesideIsNotDelivered(t *testing.T) {
	onDeployed(t, nostrtest.MattnRelay(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		asked := nostrtest.TextNoteAt(nostr.Now()-100, nostrtest.Key(1), "asked for", nostr.Tag{"t", "gophers"})
		relay.Publish(asked, nostrtest.TextNoteAt(nostr.Now()-90, nostrtest.Key(1), "of somebody's name", nostr.Tag{"subject", "gophers"}))
		report, err := client.Fetch(t.Context(), []nostr.Filter{nostr.Filter{}.WithTag("t", "gophers")})
		require.NoError(t, err)
		assert.Equal(t, []*nostr.Event{asked}, report.Events)
		status, _ := client.Relay(deployedURL)
		assert.EqualValues(t, 1, status.Traffic.Mismatched)

		var pubs []*gennostr.Publication
		for i := range 50 { // ten seconds' worth
			pub, err := client.StartPublish(nostrtest.TextNote(nostrtest.Key(1), fmt.Sprint(i)))
			require.NoError(t, err)
			pubs = append(pubs, pub)
		}
		for _, pub := range pubs {
			_, err := pub.Wait(t.Context())
			require.NoError(t, err)
		}
	})
}

// Relays that wallet services live on keep ephemeral kinds for a while: what came during an
// outage is asked for, and what may be missing all the same is said.
func TestQ08EphemeralEventsOfAnOutageAreAskedFor(t *testing.T) {
	onDeployed(t, nostrtest.WalletRelay(), func(t *testing.T, relay *nostrtest.Relay, client *gennostr.Client) {
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{nostr.Filter{}.WithKinds(23194, 23195)})
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		relay.DisconnectAll()
		response := nostrtest.Event(nostrtest.Key(1), 23195, "paid")
		relay.Publish(response)
		assert.Equal(t, []*nostr.Event{response}, heard(t, sub, 1))
	})
}
