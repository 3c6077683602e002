package gennostr_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// The events of one second that a relay does not give, since they are more than a page, are not known. All
// others are compared, however that is done.
// Shows D56, P37.
func TestSyncOfARelayWithSecondsThatArePagesAndMore(t *testing.T) {
	const first, crowd = 1_600_000_000, 700
	events := invented(4000)
	var crowds []nostr.Timestamp
	for i := range events { // four in a second, but for two crowds
		at := first + nostr.Timestamp(i/4)
		for _, from := range []int{800, 2400} {
			if from <= i && i < from+crowd {
				at = first + nostr.Timestamp(from/4)
			}
		}
		events[i].CreatedAt = at
	}
	crowds = []nostr.Timestamp{first + 600, first + 200}
	crowded := func(at nostr.Timestamp) bool { return at == crowds[0] || at == crowds[1] }
	limits := nostrtest.WithLimits(nostrtest.Limits{Limit: 500})
	for name, test := range map[string]struct {
		relay    []nostrtest.Option
		options  []gennostr.SyncOption
		notPaged bool
	}{
		"no NIP-77":            {relay: []nostrtest.Option{nostrtest.WithoutNegentropy()}},
		"paged, as told":       {options: []gennostr.SyncOption{gennostr.WithoutNegentropy()}},
		"a cap":                {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegentropyCap(100))}},
		"a cap that is told":   {relay: []nostrtest.Option{nostrtest.WithLimits(nostrtest.Limits{Limit: 500, NegentropyEvents: 100})}},
		"refused":              {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseNegentropy("NEG-ERR", "blocked: you"))}},
		"lost":                 {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.LoseReconciliations())}},
		"garbage":              {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegMsgBytes(nil))}},
		"a cap, and not paged": {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegentropyCap(100))}, options: []gennostr.SyncOption{gennostr.WithoutPaging()}, notPaged: true},
	} {
		for what, having := range map[string][]*nostr.Event{"nothing": nil, "some": events[3000:3500], "nearly all": events[20:]} {
			if kit.UnderRace && what != "nearly all" { // where it takes twenty times as long, one is enough
				continue
			}
			t.Run(name+", who has "+what, func(t *testing.T) {
				virtual(t, func(t *testing.T, network *nostrtest.Network) {
					time.Sleep(time.Until(events[3999].CreatedAt.Time()))
					relay := network.NewRelay(relayA, append([]nostrtest.Option{limits}, test.relay...)...)
					relay.Publish(events[:3900]...)
					have := archiveOf(t, slices.Concat(having, events[3900:])...)
					client := pool(t, network, gennostr.WithRelays(relayA))
					began := time.Now()
					report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, have.set(), append(test.options, gennostr.Fetching(have.take))...)
					require.Error(t, err)
					assert.Less(t, time.Since(began), time.Minute)
					require.Len(t, report.Gaps, 2)
					for i, gap := range report.Gaps {
						if test.notPaged { // what lies beside them is asked for with them
							assert.Equal(t, []nostr.Timestamp{crowds[i] - 1, crowds[i] + 1}, []nostr.Timestamp{gap.Since, gap.Until})
							continue
						}
						assert.Equal(t, []nostr.Timestamp{crowds[i], crowds[i]}, []nostr.Timestamp{gap.Since, gap.Until}, gap.String())
						var why *gennostr.GapError
						require.ErrorAs(t, gap.Err, &why)
						assert.Equal(t, [2]nostr.Timestamp{crowds[i], crowds[i]}, [2]nostr.Timestamp{why.Gap.Since, why.Gap.Until})
					}
					assert.True(t, slices.Equal(nip77Order(events[3900:]), report.Lacks), "%d", len(report.Lacks))
					missing := 0
					for _, e := range events {
						if have.events[e.ID] == nil {
							missing++
							assert.True(t, crowded(e.CreatedAt) || test.notPaged)
						}
					}
					assert.LessOrEqual(t, missing, 2*crowd)
				})
			})
		}
	}
}

// nip77Order lists ids as SyncReport.Lacks does.
func nip77Order(events []*nostr.Event) []nostr.ID {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b *nostr.Event) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), a.ID.Compare(b.ID))
	})
	return idsIn(events)
}
