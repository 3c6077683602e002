package gennostr_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// archive is what a program has.
type archive struct {
	t      testing.TB
	events map[nostr.ID]*nostr.Event
	came   []nostr.ID
	gave   []nostr.ID
}

func archiveOf(t testing.TB, events ...*nostr.Event) *archive {
	a := &archive{t: t, events: make(map[nostr.ID]*nostr.Event)}
	for _, e := range events {
		a.events[e.ID] = e
	}
	return a
}

func (a *archive) set() *nip77.Set {
	var b nip77.Builder
	for _, e := range a.events {
		require.NoError(a.t, b.Add(e.CreatedAt, e.ID))
	}
	return b.Build()
}

// take is for Fetching, give for Pushing.
func (a *archive) take(e *nostr.Event) error {
	_, there := a.events[e.ID]
	require.False(a.t, there, "%s is there already", e.ID)
	a.events[e.ID] = e
	a.came = append(a.came, e.ID)
	return nil
}

func (a *archive) give(_ context.Context, id nostr.ID) (*nostr.Event, error) {
	a.gave = append(a.gave, id)
	return a.events[id], nil
}

// invented are events of nobody's, n of them, a few in each second. Their ids are as good as real ones.
func invented(n int) []*nostr.Event {
	events := make([]*nostr.Event, n)
	for i := range events {
		events[i] = madeUp(i, 1_600_000_000+nostr.Timestamp(i/4), 1)
		events[i].ID = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	return events
}

func idsIn(events []*nostr.Event) (ids []nostr.ID) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// Shows P67, D56.
func TestSyncFetchesWhatTheProgramLacksAndPushesWhatTheRelayLacks(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(300)
		relay := network.NewRelay(relayA)
		relay.Publish(notes[:250]...)
		have := archiveOf(t, notes[30:]...)
		client := start(t, nil, over(network, quietly())...)
		var told []gennostr.SyncProgress
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(have.take), gennostr.Pushing(have.give),
			gennostr.OnSyncProgress(func(p gennostr.SyncProgress) { told = append(told, p) }))
		require.NoError(t, err)
		assert.ElementsMatch(t, idsIn(notes[:30]), report.Need)
		assert.Equal(t, idsIn(notes[250:]), report.Lacks, "the oldest first")
		assert.ElementsMatch(t, report.Need, have.came)
		assert.Equal(t, report.Lacks, have.gave)
		assert.Equal(t, 30, report.Fetched)
		assert.Equal(t, 50, report.Pushed)
		assert.Empty(t, report.Absent)
		assert.Empty(t, report.Refused)
		assert.True(t, report.Complete && report.Negentropy)
		assert.Len(t, relay.Events(), 300)
		require.NotEmpty(t, told)
		assert.Equal(t, gennostr.SyncProgress{Windows: 1, Rounds: report.Rounds, Need: 30, Lacks: 50, Fetched: 30, Pushed: 50, Answered: 50}, told[len(told)-1])

		again, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(have.take))
		require.NoError(t, err)
		assert.Empty(t, again.Need)
		assert.Empty(t, again.Lacks)
		assert.Equal(t, 1, again.Rounds)
		synctest.Wait()
		for _, r := range relay.Reconciliations() {
			assert.False(t, r.Open())
		}
		assert.Zero(t, gennostr.OpenQueries(client))
	})
}

// Nothing is sent twice over all that is there: a hundredth of it is too much.
func TestSyncOfNearlyEqualSetsCostsNearlyNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		stored := 100_000
		if kit.UnderRace { // which takes ten times as long
			stored /= 5
		}
		events := invented(stored)
		relay := network.NewRelay(relayA)
		relay.Publish(events...)
		have := archiveOf(t, events...)
		for i := range stored / 1000 {
			delete(have.events, events[i*997].ID)
		}
		client := pool(t, network, gennostr.WithRelays(relayA))
		report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, have.set(), gennostr.Fetching(have.take))
		require.NoError(t, err)
		assert.Equal(t, stored, len(have.events))
		assert.Empty(t, report.Lacks)
		all := 0
		for _, e := range events {
			all += len(eventFrame("gn:1", e))
		}
		status, _ := client.Relay(relayA)
		assert.Less(t, int(status.Traffic.BytesIn+status.Traffic.BytesOut), all/100)
		assert.Less(t, report.BytesIn+report.BytesOut, int64(all/100))
	})
}

// Relays in the wild, and worse: what is found is right, or is said not to be known.
// Shows P66, P67, P68, P69, Q01, Q02, Q07, D56.
func TestSyncWithRelaysThatDoItBadly(t *testing.T) {
	const patience = 10 * time.Second
	for name, test := range map[string]struct {
		relay   []nostrtest.Option
		options []gennostr.SyncOption
		paged   bool // comes by REQ, all of it
		windows int  // at least
		since   nostr.Timestamp
		within  time.Duration
		gap     string
	}{
		"khatru":                          {relay: []nostrtest.Option{nostrtest.Khatru()}},
		"khatru's newer line":             {relay: []nostrtest.Option{nostrtest.KhatruNext()}},
		"strfry":                          {relay: []nostrtest.Option{nostrtest.Strfry()}},
		"NIP-77 switched off":             {relay: []nostrtest.Option{nostrtest.WithoutNegentropy()}, paged: true, within: 2 * time.Second},
		"too many events":                 {relay: []nostrtest.Option{nostrtest.WithLimits(nostrtest.Limits{NegentropyEvents: 100})}, windows: 4},
		"too many, and no cap":            {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegentropyCap(100))}, windows: 4},
		"too many, in other words":        {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegentropyCap(100), nostrtest.PrefixNegErr(), nostrtest.NegErrVerb("NEG-ERROR"))}, windows: 4},
		"sessions lost at their start":    {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.LoseReconciliations().Every(2))}},
		"all sessions lost":               {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.LoseReconciliations())}, paged: true, within: 30 * time.Second},
		"sessions that end":               {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.EndReconciliations("closed: you took too long").Every(2))}},
		"PROTOCOL-ERROR now and then":     {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.EndReconciliations("PROTOCOL-ERROR").Every(3))}},
		"refuses everything":              {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseNegentropy("NEG-ERROR", "blocked: you"))}, paged: true},
		"never answers":                   {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NoAnswer().On("NEG-OPEN", "NEG-MSG"))}, paged: true, within: 2 * patience},
		"never answers, and is not paged": {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NoAnswer().On("NEG-OPEN", "NEG-MSG"))}, options: []gennostr.SyncOption{gennostr.WithoutPaging()}, gap: "no answer in time", within: 2 * patience},
		"hangs now and then":              {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NoAnswer().On("NEG-MSG").Every(2))}, within: time.Minute},
		"garbage":                         {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegMsgBytes([]byte{0x61, 0xff}))}, paged: true},
		"garbage now and then":            {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegMsgBytes(nil).Every(3))}},
		"another version":                 {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.NegMsgBytes([]byte{0x60}))}, paged: true},
		"comes to no end":                 {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.EndlessRanges())}, paged: true},
		"hangs up":                        {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.Cut().On("NEG-OPEN"))}, paged: true},
		"the connection is lost":          {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.Cut().On("NEG-MSG").Times(2))}},
		"the connection is lost in pages": {relay: []nostrtest.Option{nostrtest.WithoutNegentropy(), nostrtest.WithFaults(nostrtest.Cut().AfterFrames(100).Times(2))}, paged: true},
		"small frames":                    {relay: []nostrtest.Option{nostrtest.WithNegentropyFrame(4096), nostrtest.WithLimits(nostrtest.Limits{MessageLength: 16_000})}},
		"windows of a minute":             {options: []gennostr.SyncOption{gennostr.WithWindow(time.Minute)}, since: 1_700_000_000, windows: 17},
		"paged because told to":           {options: []gennostr.SyncOption{gennostr.WithoutNegentropy()}, paged: true},
		"busy":                            {relay: []nostrtest.Option{nostrtest.WithFaults(nostrtest.RefuseNegentropy("NEG-ERR", "rate-limited: slow down").Times(3))}, within: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(1000)
				time.Sleep(time.Until(notes[999].CreatedAt.Time())) // strfry takes nothing of the future
				relay := network.NewRelay(relayA, test.relay...)
				relay.Publish(notes[:980]...)
				have := archiveOf(t, notes[35:]...)
				client := start(t, nil, over(network, quietly())...)
				began := time.Now()
				options := append(test.options, gennostr.Fetching(have.take), gennostr.Pushing(have.give), gennostr.WithPatience(patience))
				report, err := client.Sync(t.Context(), relayA, ofKind(1).WithSince(test.since), have.set(), options...)
				if test.within == 0 {
					test.within = 20 * time.Second
				}
				assert.LessOrEqual(t, time.Since(began), test.within)
				if test.gap != "" {
					var failed *gennostr.SyncError
					require.ErrorAs(t, err, &failed)
					assert.Contains(t, err.Error(), test.gap)
					assert.False(t, report.Complete)
					return
				}
				require.NoError(t, err)
				assert.True(t, report.Complete)
				assert.Len(t, have.events, 1000)
				assert.Equal(t, 35, report.Fetched)
				assert.Equal(t, 20, report.Pushed)
				assert.Equal(t, 1000, len(relay.Events()))
				assert.GreaterOrEqual(t, report.Windows, max(1, test.windows))
				assert.Equal(t, test.paged, !report.Negentropy)
				if test.paged {
					assert.Equal(t, report.Windows, report.Paged)
				}
				assert.Less(t, report.Rounds, 1100)
			})
		})
	}
}

// A second of which the relay has too many events is had sent; the rest is not.
func TestSyncPagesASecondThatIsTooMuch(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := invented(400) // four in a second
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NegentropyCap(3)))
		relay.Publish(events...)
		have := archiveOf(t, events[:100]...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, have.set(), gennostr.Fetching(have.take))
		require.NoError(t, err)
		assert.Equal(t, 400, len(have.events))
		assert.Empty(t, report.Lacks)
		assert.False(t, report.Negentropy)
		assert.Equal(t, 102, report.Paged, "and the seconds at either end, which are asked for with those beside them")
		assert.Greater(t, report.Windows, 100, "what is between the seconds is empty")
	})
}

// Of spans of dates nothing is missed where they meet, whatever the relay does with the seconds of since and until.
// Shows Q03, Q07.
func TestSyncOfSpansWithARelayWhoseBoundsAreExclusive(t *testing.T) {
	const crowded = 1_600_000_225 // a second with 1,200 events; the others have four
	events := invented(3000)
	for i := range events {
		events[i].CreatedAt = 1_600_000_000 + nostr.Timestamp(i-max(0, min(i-900, 1200)))/4
	}
	for name, bounds := range map[string]nostrtest.Fault{"both": nostrtest.ExclusiveBounds(), "since": nostrtest.ExclusiveSince()} {
		if kit.UnderRace && name != "both" { // where it takes ten times as long, one is enough
			continue
		}
		for how, windows := range map[string]bool{"windows": true, "what is too much": false} {
			t.Run(name+", "+how, func(t *testing.T) {
				virtual(t, func(t *testing.T, network *nostrtest.Network) {
					faults, options := []nostrtest.Fault{bounds}, []gennostr.SyncOption{gennostr.WithWindow(7 * time.Second)}
					if !windows {
						faults, options = append(faults, nostrtest.NegentropyCap(200)), nil
					}
					time.Sleep(time.Until(events[2999].CreatedAt.Time())) // there are no windows of the future
					network.NewRelay(relayA, nostrtest.WithFaults(faults...)).Publish(events[:2990]...)
					have := archiveOf(t, append(events[2990:], events[500:510]...)...)
					client := pool(t, network, gennostr.WithRelays(relayA))
					filter := nostr.Filter{}.WithSince(1_599_999_000).WithUntil(1_600_001_000)
					report, _ := client.Sync(t.Context(), relayA, filter, have.set(), append(options, gennostr.Fetching(have.take))...)
					assert.Len(t, have.events, 3000)
					assert.ElementsMatch(t, idsIn(events[2990:]), report.Lacks)
					assert.Equal(t, windows, report.Complete && report.Negentropy)
					assert.Greater(t, report.Windows, 15)
					for _, gap := range report.Gaps { // of a second that is paged nobody knows that it is all
						assert.Equal(t, [2]nostr.Timestamp{crowded, crowded}, [2]nostr.Timestamp{gap.Since, gap.Until})
					}
				})
			})
		}
	}
}

// Some relays keep older versions, and then so does a copy.
func TestSyncTakesEveryVersionForAnEvent(t *testing.T) {
	for _, option := range [][]gennostr.SyncOption{nil, {gennostr.WithoutNegentropy()}} {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.KeepExpired()))
			a, b := nostrtest.EventAt(1_600_000_000, nostrtest.Key(1), nostr.KindProfileMetadata, "{}"), nostrtest.EventAt(1_600_000_009, nostrtest.Key(1), nostr.KindProfileMetadata, "{}")
			relay.Publish(b)
			have := archiveOf(t, a)
			client := start(t, nil, over(network, quietly())...)
			report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, have.set(), append(option, gennostr.Fetching(have.take), gennostr.Pushing(have.give))...)
			require.NoError(t, err)
			assert.Len(t, have.events, 2)
			require.Len(t, report.Refused, 1)
			assert.Equal(t, a.ID, report.Refused[0].ID)
			assert.Equal(t, gennostr.Superseded, report.Refused[0].Verdict)
		})
	}
}

func TestSyncSaysWhatItCannotDo(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := start(t, nil, over(network, quietly())...)
		time.Sleep(time.Until(time.Unix(1_700_000_000, 0)))
		none := new(nip77.Set)
		for name, call := range map[string]func() (gennostr.SyncReport, error){
			"with a limit": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1).WithLimit(1), none)
			},
			"with a search": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, nostr.Filter{Search: "x"}, none)
			},
			"Sync: ":         func() (gennostr.SyncReport, error) { return client.Sync(t.Context(), "nowhere", ofKind(1), none) },
			"nil SyncOption": func() (gennostr.SyncReport, error) { return client.Sync(t.Context(), relayA, ofKind(1), none, nil) },
			"Fetching: nil": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1), none, gennostr.Fetching(nil))
			},
			"leave no way": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1), none, gennostr.WithoutPaging(), gennostr.WithoutNegentropy())
			},
			"WithWindow": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1), none, gennostr.WithWindow(time.Millisecond))
			},
			"more than 100000": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1).WithSince(1), none, gennostr.WithWindow(time.Second))
			},
			"WithPatience": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1), none, gennostr.WithPatience(0))
			},
			"WithMostIDs": func() (gennostr.SyncReport, error) {
				return client.Sync(t.Context(), relayA, ofKind(1), none, gennostr.WithMostIDs(-1))
			},
		} {
			report, err := call()
			var failed *gennostr.SyncError
			require.ErrorAs(t, err, &failed, name)
			assert.ErrorContains(t, err, name)
			assert.False(t, report.Complete)
		}
		nothing := ofKind(1)
		nothing.Authors = []nostr.PubKey{}
		report, err := client.Sync(t.Context(), relayA, nothing, nil)
		require.NoError(t, err, "nobody has anything that nothing matches")
		assert.True(t, report.Complete)
		assert.Empty(t, client.Guests())
	})
}

// A callback would wait for hours.
func TestSyncIsNotForCallbacks(t *testing.T) {
	h, err := gennostr.NewHarness(nil, quietly())
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		_, err := self.Client().Sync(self.Context(), relayA, nostr.Filter{}, nil)
		assert.ErrorIs(t, err, gennostr.ErrCallingSelf)
		return nil
	}))
}

func TestSyncWithARelayThatIsNotThere(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := start(t, nil, over(network, quietly())...)
		began := time.Now()
		report, err := client.Sync(t.Context(), relayA, ofKind(1), nil)
		var dial *gennostr.DialError
		require.ErrorAs(t, err, &dial)
		assert.False(t, report.Complete)
		assert.Less(t, time.Since(began), time.Second)
	})
}

// The relay's word is not taken for what it gives when it is asked.
func TestSyncWithIDsOfNothing(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.InventedIDs(700).Times(2)))
		notes := textNotes(20)
		relay.Publish(notes...)
		client := start(t, nil, over(network, quietly())...)
		have := archiveOf(t)
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(have.take))
		require.NoError(t, err)
		assert.Equal(t, 20, report.Fetched)
		assert.Len(t, report.Absent, 1400)
		assert.Len(t, report.Need, 1420)
	})
}

// Shows L31, B25.
func TestSyncIsNotTalkedOutOfItsMemory(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.InventedIDs(20_000)))
		client := start(t, nil, over(network, quietly())...)
		report, err := client.Sync(t.Context(), relayA, ofKind(1), nil, gennostr.WithMostIDs(50_000))
		require.ErrorIs(t, err, gennostr.ErrQueryTooLarge)
		assert.False(t, report.Complete)
		assert.Len(t, report.Need, 50_000)
		assert.LessOrEqual(t, report.Rounds, 3)
	})
}

func TestSyncOfAMessageThatIsTooLongToBeReadAsksForLess(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := invented(2000)
		relay := network.NewRelay(relayA)
		relay.Publish(events...)
		client := pool(t, network, gennostr.WithRelays(relayA), gennostr.WithReadLimit(64<<10))
		have := archiveOf(t)
		report, err := client.Sync(t.Context(), relayA, nostr.Filter{}, nil, gennostr.Fetching(have.take))
		require.NoError(t, err)
		assert.Equal(t, 2000, len(have.events))
		assert.True(t, report.Negentropy)
		assert.Greater(t, report.Windows, 1)
		synctest.Wait()
		for _, r := range relay.Reconciliations() {
			assert.False(t, r.Open(), "the relay is told")
		}
	})
}

func TestSyncAuthenticates(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithAuth())
		notes := textNotes(30)
		relay.Publish(notes[:20]...)
		have := archiveOf(t, notes[10:]...)
		client := start(t, nil, over(network, quietly(), gennostr.WithSigner(nostrtest.Key(1).Signer()))...)
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(have.take), gennostr.Pushing(have.give))
		require.NoError(t, err)
		assert.Equal(t, 10, report.Fetched)
		assert.Equal(t, 10, report.Pushed)

		nobody := start(t, nil, over(network, quietly())...)
		_, err = nobody.Sync(t.Context(), relayA, ofKind(1), have.set())
		var auth *gennostr.AuthError
		require.ErrorAs(t, err, &auth)
	})
}

// What the program says ends it, and comes back.
func TestSyncEndsWithTheProgramsError(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		notes := textNotes(60)
		relay := network.NewRelay(relayA)
		relay.Publish(notes[:30]...)
		client := start(t, nil, over(network, quietly())...)
		full := errors.New("disk full")
		have := archiveOf(t, notes[20:]...)
		n := 0
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(func(*nostr.Event) error {
			if n++; n == 5 {
				return full
			}
			return nil
		}))
		require.ErrorIs(t, err, full)
		assert.Equal(t, 4, report.Fetched)
		assert.True(t, report.Complete, "it was compared all the same")
		assert.Len(t, report.Need, 20)

		_, err = client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Pushing(func(context.Context, nostr.ID) (*nostr.Event, error) { return nil, full }))
		require.ErrorIs(t, err, full)
		_, err = client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Pushing(func(context.Context, nostr.ID) (*nostr.Event, error) { return notes[0], nil }))
		require.ErrorContains(t, err, "was asked for")
		report, err = client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Pushing(func(context.Context, nostr.ID) (*nostr.Event, error) { return nil, nil }))
		require.NoError(t, err, "left out")
		assert.Zero(t, report.Pushed)
		unsigned := notes[59].Clone()
		unsigned.Sig = nostr.Sig{}
		report, err = client.Sync(t.Context(), relayA, ofKind(1), archiveOf(t, append(notes[:30:30], unsigned)...).set(),
			gennostr.Pushing(func(context.Context, nostr.ID) (*nostr.Event, error) { return unsigned, nil }))
		require.NoError(t, err)
		require.Len(t, report.Refused, 1)
		assert.ErrorIs(t, report.Refused[0].Err, gennostr.ErrUnsigned)
	})
}

func TestSyncEndsWithItsContextAndWithTheClient(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("NEG-OPEN"))).Publish(textNotes(5)...)
		client := launch(t, nil, over(network, quietly())...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := client.Sync(ctx, relayA, ofKind(1), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, report.Complete)
		synctest.Wait()
		assert.Zero(t, gennostr.OpenSyncs(client))

		_, err = client.Sync(ctx, relayA, ofKind(1), nil)
		require.ErrorIs(t, err, context.DeadlineExceeded, "it had ended before")
		done := make(chan error)
		go func() {
			_, err := client.Sync(t.Context(), relayA, ofKind(1), nil)
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, client.Stop(t.Context()))
		require.ErrorIs(t, <-done, gennostr.ErrClientClosed)
		_, err = client.Sync(t.Context(), relayA, ofKind(1), nil)
		require.ErrorIs(t, err, gennostr.ErrClientClosed)
	})
}

// Several take turns: a relay need not serve more than one session of a client.
func TestSyncsOfOneRelayTakeTurns(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		events := invented(400)
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NegentropyCap(50)))
		relay.Publish(events...)
		client := pool(t, network, gennostr.WithRelays(relayA))
		done := make(chan error)
		for range 5 {
			go func() {
				have := archiveOf(t)
				_, err := client.Sync(t.Context(), relayA, nostr.Filter{}, nil, gennostr.Fetching(have.take))
				if err == nil && len(have.events) != 400 {
					err = fmt.Errorf("%d events", len(have.events))
				}
				done <- err
			}()
		}
		for range 5 {
			require.NoError(t, <-done)
		}
		synctest.Wait()
		open := 0
		var order []string
		for _, m := range relay.Received() {
			switch m.Verb {
			case "NEG-OPEN":
				open++
				order = append(order, m.SubscriptionID)
			case "NEG-CLOSE":
				open--
			}
			require.LessOrEqual(t, open, 1+len(order), "refused ones need no NEG-CLOSE")
		}
		assert.True(t, slices.IsSortedFunc(order, func(a, b string) int { return len(a) - len(b) }))
		assert.Zero(t, gennostr.OpenSyncs(client))
	})
}

// Beside a subscription, on a relay that takes one only.
func TestSyncLeavesSubscriptionsAlone(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA, nostrtest.WithLimits(nostrtest.Limits{Subscriptions: 1}))
		notes := textNotes(40)
		relay.Publish(notes[:20]...)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{ofKind(1)})
		require.NoError(t, err)
		defer sub.Close()
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		have := archiveOf(t, notes[10:]...)
		report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.Fetching(have.take), gennostr.Pushing(have.give))
		require.NoError(t, err)
		assert.Equal(t, 10, report.Fetched)
		assert.Equal(t, 20, report.Pushed)
		came := 0
		for range sub.Events() {
			if came++; came == 40 {
				break
			}
		}
	})
}

// Under a Harness what is sent can be seen, and the relay's part be played.
func TestSyncUnderAHarness(t *testing.T) {
	h, err := gennostr.NewHarness(nil, gennostr.WithRelays(relayA), quietly())
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(relayA))
	type result struct {
		report gennostr.SyncReport
		err    error
	}
	begin := func() <-chan result {
		done := make(chan result, 1)
		go func() {
			report, err := h.Client().Sync(t.Context(), relayA, ofKind(1), nil, gennostr.WithoutPaging())
			done <- result{report, err}
		}()
		return done
	}
	opened := func() gennostr.NegOpen {
		for {
			for _, sent := range h.Sent() {
				if open, is := sent.Message.(gennostr.NegOpen); is {
					return open
				}
			}
			require.NoError(t, h.Settle(t.Context()))
		}
	}
	done := begin()
	open := opened()
	assert.Equal(t, ofKind(1), open.Filter)
	client, err := nip77.NewServer(archiveOf(t, textNotes(3)...).set(), 0)
	require.NoError(t, err)
	answer, err := client.Reconcile(open.Payload)
	require.NoError(t, err)
	require.NoError(t, h.Deliver(relayA, gennostr.NegMessage{SubscriptionID: open.SubscriptionID, Payload: answer}))
	got := <-done
	require.NoError(t, got.err)
	assert.Len(t, got.report.Need, 3)

	done = begin() // and nobody answers
	opened()
	for over := false; !over; { // it may not have begun to wait when what it has sent is seen
		require.NoError(t, h.Advance(20*time.Second))
		select {
		case got = <-done:
			over = true
		default:
			runtime.Gosched()
		}
	}
	require.ErrorIs(t, got.err, context.DeadlineExceeded)
}

// Ids of the library's own are not the program's.
// Shows D53.
func TestSyncsSessionsAreNotTheProgramsToTouch(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		network.NewRelay(relayA)
		client := start(t, nil, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, m := range []gennostr.ClientMessage{
			gennostr.NegOpen{SubscriptionID: "gn:s1", Payload: []byte{0x61}}, gennostr.NegMsg{SubscriptionID: "gn:s1", Payload: []byte{0x61}}, gennostr.NegClose{SubscriptionID: "gn:s1"},
		} {
			require.ErrorIs(t, client.Send(relayA, m), gennostr.ErrReservedSubscriptionID)
		}
		require.NoError(t, client.Send(relayA, gennostr.NegOpen{SubscriptionID: "mine", Payload: []byte{0x61}}))
	})
}

// A relay that is asked for what stands behind events that nobody handles is not waited for in vain.
// Shows L27.
func TestSyncBehindABacklog(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		release := make(chan struct{})
		client := start(t, newBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "OnEvent" {
				<-release
			}
			return nil
		}),
			over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithMailboxWindow(4, 4096), gennostr.WithTrustedRelay())...)
		defer close(release)
		require.NoError(t, client.Ready(t.Context(), 1))
		require.NoError(t, client.Send(relayA, gennostr.Req{SubscriptionID: "all", Filters: []nostr.Filter{{}}}))
		synctest.Wait()
		relay.Push(invented(200)...)
		synctest.Wait()
		_, err := client.Sync(t.Context(), relayA, nostr.Filter{}, nil)
		require.ErrorIs(t, err, gennostr.ErrBacklog)
	})
}
