package nostrtest_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// stubborn publishes its notes, one after the other and each until it has an
// OK, and reads them back, until everything is done or ctx ends.
type stubborn struct {
	network *nostrtest.Network
	notes   []*nostr.Event
	again   bool // starts over when it is done
	done    int
}

func (s *stubborn) run(ctx context.Context) {
	for ctx.Err() == nil && (s.again || s.done < len(s.notes)) {
		s.session(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// session is one connection; it returns as soon as something is wrong.
func (s *stubborn) session(ctx context.Context) {
	dialling, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(dialling, home, &websocket.DialOptions{HTTPClient: s.network.HTTPClient()})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	exchange := func(question string, answered func(string) bool) bool {
		limit, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if ws.Write(limit, websocket.MessageText, []byte(question)) != nil {
			return false
		}
		for {
			_, message, err := ws.Read(limit)
			if err != nil {
				return false
			}
			if answered(string(message)) {
				return true
			}
		}
	}
	for ctx.Err() == nil && (s.again || s.done < len(s.notes)) {
		event := s.notes[s.done%len(s.notes)]
		if !exchange(frame("EVENT", event), func(m string) bool { return strings.HasPrefix(m, `["OK","`+event.ID.String()+`",true`) }) {
			return
		}
		s.done++
		if s.again { // or no time would pass at an honest relay
			time.Sleep(time.Second)
		}
		if ctx.Err() != nil {
			return
		}
		if !exchange(frame("REQ", "mine", nostr.Filter{}.WithIDs(event.ID)), func(m string) bool { return m == eose("mine") }) {
			return
		}
	}
}

func someNotes(author, n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = nostrtest.TextNoteAt(nostr.Timestamp(1000+i), nostrtest.Key(author), fmt.Sprintf("note %d", i))
	}
	return list
}

var signature = regexp.MustCompile(`"sig":"[0-9a-f]*`)

// wild runs three clients through some virtual time of chaos and returns what went over
// the wire, connection by connection and direction by direction.
func wild(t *testing.T, seed uint64, long time.Duration, notes [][]*nostr.Event) (log []string) {
	synctest.Test(t, func(t *testing.T) {
		network := nostrtest.NewNetwork(t)
		relay := network.NewRelay(home, nostrtest.WithFaults(nostrtest.Chaos(seed)), nostrtest.WithWireLog(1<<20))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		var clients sync.WaitGroup
		for i := range notes {
			clients.Go(func() { (&stubborn{network: network, notes: notes[i], again: true}).run(ctx) })
			time.Sleep(100 * time.Millisecond) // they connect one after the other
		}
		clients.Wait()
		entries := relay.WireLog()
		// What happens in one instant in two directions has no order.
		slices.SortStableFunc(entries, func(a, b nostrtest.WireEntry) int {
			return (a.Connection-b.Connection)*10 + int(a.Direction) - int(b.Direction)
		})
		for _, e := range entries {
			if e.Fragment || e.Kind == "CONTINUATION" { // signatures in pieces
				e.Text = ""
			}
			log = append(log, fmt.Sprintf("%v %s", e.Time.Sub(start), signature.ReplaceAllString(e.String(), "")))
		}
	})
	return log
}

func TestChaosOfTheSameSeedIsTheSameRun(t *testing.T) {
	notes := [][]*nostr.Event{someNotes(1, 10), someNotes(2, 10), someNotes(3, 10)}
	for seed := range uint64(2) {
		first := wild(t, seed, 45*time.Second, notes)
		require.Greater(t, len(first), 250)
		t.Logf("seed %d: %d messages", seed, len(first))
		second := wild(t, seed, 45*time.Second, notes)
		assert.Equal(t, first, second, "seed %d", seed)
		other := wild(t, seed+1000, 30*time.Second, notes)
		assert.NotEqual(t, first[:100], other[:100])
	}
}

func TestChaosMixesWhatItHasAndLosesNothingInSilence(t *testing.T) {
	notes := someNotes(1, 50)
	struck := make(map[string]bool)
	for seed := range uint64(4) {
		inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
			client := &stubborn{network: network, notes: notes}
			client.run(t.Context())
			assert.Len(t, relay.Events(), len(notes))
			for _, e := range relay.WireLog() {
				if e.Kind == "FAULT" {
					struck[e.Text] = true
				}
			}
		}, nostrtest.WithFaults(nostrtest.Chaos(seed)), nostrtest.WithWireLog(1<<20))
	}
	for _, fault := range nostrtest.ChaosFaults() {
		if !struck[fault.String()] {
			t.Logf("%v has not struck", fault)
		}
	}
	assert.Greater(t, len(struck), len(nostrtest.ChaosFaults())*3/4)
}

func TestMendedChaosIsAnHonestRelay(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		ctx, cancel := context.WithCancel(t.Context())
		mend := relay.Break(nostrtest.Chaos(1))
		var clients sync.WaitGroup
		clients.Go(func() { (&stubborn{network: network, notes: someNotes(1, 10), again: true}).run(ctx) })
		time.Sleep(5 * time.Minute)
		mend()
		time.Sleep(time.Minute)
		before := len(relay.WireLog())
		require.Positive(t, before)
		time.Sleep(time.Second)
		cancel()
		clients.Wait()
		calm := relay.WireLog()
		assert.NotContains(t, fmt.Sprint(calm[len(calm)-100:]), "FAULT")
		c := dial(t, network.HTTPClient(), home)
		assert.Equal(t, []string{eose("s")}, c.ask("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{7}}))
	})
}

func TestChaosOfYourChoice(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		without := 0
		for i := range 40 {
			c.send("EVENT", note(i+1))
			c.send("REQ", "s", nostr.Filter{Kinds: []nostr.Kind{7}})
			if got := c.next(); got == eose("s") {
				without++
			} else {
				assert.Equal(t, eose("s"), c.next())
			}
		}
		assert.Positive(t, without)
		assert.Less(t, without, 20)
	}, nostrtest.WithFaults(nostrtest.Chaos(3, nostrtest.NoOK())))
}

func TestChaosGivenAnewBeginsAnew(t *testing.T) {
	fault := nostrtest.Chaos(5, nostrtest.NoOK())
	var runs [2]string
	for i := range runs {
		inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
			c := dial(t, network.HTTPClient(), home)
			for n := range 60 {
				c.send("EVENT", note(n+1))
				time.Sleep(time.Second)
				runs[i] += fmt.Sprint(len(c.got()))
			}
		}, nostrtest.WithFaults(fault))
	}
	assert.Contains(t, runs[0], "0")
	assert.Equal(t, runs[0], runs[1])
}

func TestChaosKeepsToTheConditionsOfItsFaults(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		spared, struck := dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)
		time.Sleep(10 * time.Minute)
		require.NoError(t, spared.ended())
		require.Error(t, struck.ended())
	}, nostrtest.WithFaults(nostrtest.Chaos(5, nostrtest.Cut().OnConnection(2))))
}

func TestChaosSendsHostileMessagesOfAllKinds(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		seen := make(map[string]bool)
		for range 200 {
			c.send("CLOSE", "s")
			time.Sleep(time.Second)
			for _, message := range c.got() {
				seen[message] = true
			}
		}
		assert.Greater(t, len(seen), 10)
	}, nostrtest.WithFaults(nostrtest.Chaos(5, nostrtest.MalformedMessage().On("CLOSE"))))
}
