package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// R56 and R57: what a connection brings to the handler.

func testR56(t *testing.T) {
	event := kit.TextNotes(1)[0]
	ask := func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "OnConnect" {
			self.Send(n.Relay.URL, kit.Everything("s"))
			self.Send(n.Relay.URL, gennostr.Req{SubscriptionID: "t", Filters: []nostr.Filter{nostr.Filter{}.WithKinds(7)}})
			self.Send(n.Relay.URL, gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{{}}})
			self.Send(n.Relay.URL, gennostr.NegOpen{SubscriptionID: "g", Payload: []byte{0x61}})
		}
		return nil
	}
	// In the frames below § stands for white space between two tokens.
	stored := `§[§"EVENT"§,§"s"§,§` + event.String() + `§]§`
	frames := []struct {
		frame    string
		callback string
		msg      any
	}{
		{stored, "OnEvent", gennostr.EventMessage{SubscriptionID: "s", Event: event, Phase: gennostr.PhaseStored, Raw: true}},
		{`§[§"EOSE"§,§"s"§]§`, "OnEOSE", gennostr.EOSEMessage{SubscriptionID: "s"}},
		{stored, "OnEvent", gennostr.EventMessage{SubscriptionID: "s", Event: event, Phase: gennostr.PhaseLive, Raw: true}},
		{`§[§"OK"§,§"` + event.ID.String() + `"§,§true§,§"duplicate: known"§]§`, "OnOK", gennostr.OKMessage{EventID: event.ID, Accepted: true, Message: "duplicate: known"}},
		{`§[§"NOTICE"§,§"hello"§]§`, "OnNotice", gennostr.NoticeMessage{Message: "hello"}},
		{`§[§"AUTH"§,§"challenge"§]§`, "OnAuth", gennostr.AuthMessage{Challenge: "challenge"}},
		{`§[§"CLOSED"§,§"t"§,§"error: over"§]§`, "OnClosed", gennostr.ClosedMessage{SubscriptionID: "t", Message: "error: over"}},
		{`§[§"COUNT"§,§"c"§,§{§"count"§:§7§,§"approximate"§:§true§}§]§`, "OnCount", gennostr.CountMessage{SubscriptionID: "c", Count: 7, Approximate: true}},
		{`§[§"NEG-MSG"§,§"g"§,§"6100"§]§`, "HandleInfo", gennostr.NegMessage{SubscriptionID: "g", Payload: []byte{0x61, 0}}},
		{`§[§"NEG-ERR"§,§"g"§,§"blocked: too big"§,§500§]§`, "HandleInfo", gennostr.NegErrorMessage{SubscriptionID: "g", Reason: "blocked: too big", Max: 500}},
		{`§[§"HELLO"§,§{§"a"§:§[§]§}§]§`, "HandleInfo", gennostr.UnknownMessage{Verb: "HELLO"}},
	}
	for name, space := range map[string]string{"none": "", "one space": " ", "all four": "\t\r\n ", "line feeds": "\n\n"} {
		t.Run("white space: "+name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay, answer := mute(network, "wss://a.example")
				defer answer()
				r := &kit.Recorder{On: ask}
				kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()))...)
				synctest.Wait()
				for i, f := range frames {
					frame := strings.ReplaceAll(f.frame, "§", space)
					relay.Inject(frame)
					synctest.Wait()
					notes := r.All()
					require.Len(t, notes, i+2, "%s", frame)
					got := notes[i+1]
					assert.Equal(t, f.callback, got.Name)
					switch m := got.Msg.(type) { // these say themselves where they come from
					case gennostr.NegMessage:
						m.Relay, got.Relay, got.Msg = got.Relay, m.Relay, nil
						m.Relay = gennostr.Relay{}
						got.Msg = m
					case gennostr.NegErrorMessage:
						got.Relay, m.Relay = m.Relay, gennostr.Relay{}
						got.Msg = m
					case gennostr.UnknownMessage:
						assert.Equal(t, frame, m.Raw)
						got.Relay, m.Relay, m.Raw = m.Relay, gennostr.Relay{}, ""
						got.Msg = m
					}
					assert.Equal(t, notes[0].Relay, got.Relay)
					assert.Equal(t, f.msg, got.Msg)
				}
			})
		})
	}
	t.Run("callbacks that are not there", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay, answer := mute(network, "wss://a.example")
			defer answer()
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			kit.Start(t, plain{ask}, kit.Over(network, gennostr.WithRelays(relay.URL()), gennostr.WithLogger(logger))...)
			synctest.Wait()
			for _, f := range frames {
				relay.Inject(strings.ReplaceAll(f.frame, "§", ""))
			}
			synctest.Wait()
			var levels []string
			for line := range strings.Lines(log.String()) {
				level, _, _ := strings.Cut(strings.TrimPrefix(line[strings.Index(line, "level="):], "level="), " ")
				levels = append(levels, level)
			}
			// A CLOSED is a problem and goes to OnError (L06), which logs; the rest is not.
			assert.Equal(t, []string{"WARN", "DEBUG", "DEBUG", "DEBUG", "DEBUG"}, levels, log.String())
			for _, said := range []string{"error: over", "COUNT without OnCount", "gennostr.NegMessage", "gennostr.NegErrorMessage", "gennostr.UnknownMessage"} {
				assert.Contains(t, log.String(), said)
			}
		})
	})
}

// plain is a handler with the required callbacks only.
type plain struct {
	on func(*gennostr.Self, kit.Note) error
}

func (p plain) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	return p.on(self, kit.Note{Name: "OnConnect", Relay: relay})
}
func (plain) OnDisconnect(*gennostr.Self, gennostr.Relay, error) error              { return nil }
func (plain) OnEvent(*gennostr.Self, gennostr.Relay, gennostr.EventMessage) error   { return nil }
func (plain) OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error     { return nil }
func (plain) OnOK(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error         { return nil }
func (plain) OnNotice(*gennostr.Self, gennostr.Relay, gennostr.NoticeMessage) error { return nil }
func (plain) OnAuth(*gennostr.Self, gennostr.Relay, gennostr.AuthMessage) error     { return nil }

func (plain) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	return new(gennostr.BaseHandler).OnError(self, relay, err)
}

// mute is a relay that answers nothing by itself from the first REQ on, so
// that a test decides about every byte. answer lets it go on; it is to be
// called before the client stops.
func mute(network *nostrtest.Network, url string) (relay *nostrtest.Relay, answer func()) {
	gate := make(chan struct{})
	relay = network.NewRelay(url, nostrtest.WithReadPolicy(func(nostrtest.Connection, nostrtest.Request) string {
		<-gate
		return "error: the test is over"
	}))
	return relay, sync.OnceFunc(func() { close(gate) })
}

func testR57(t *testing.T) {
	const s = time.Second
	t.Run("while connected, on the client's goroutine", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			began := time.Now()
			var runs []time.Duration // unsynchronised: the race detector would see another goroutine
			count := 0
			r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
				count++
				return nil
			}}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()), gennostr.WithReconnectSchedule(25*s),
				gennostr.WithTask("tick", 10*s, func(self *gennostr.Self, relay gennostr.Relay) error {
					count++
					runs = append(runs, time.Since(began))
					assert.Equal(t, "wss://a.example/", relay.URL)
					self.SetTimeout(-1) // what only a callback may say
					return errors.New("a problem of the task")
				}))...)
			time.Sleep(35 * s) // virtual
			synctest.Wait()
			relay.DisconnectAll()
			time.Sleep(45 * s) // virtual: away until 60 s
			synctest.Wait()
			require.NoError(t, client.RemoveRelay(relay.URL()))
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, []time.Duration{10 * s, 20 * s, 30 * s, 70 * s, 80 * s}, runs)
			problem := r.Named("OnError")[0]
			var failed *gennostr.CallbackError
			require.ErrorAs(t, kit.ReasonOf(t, problem), &failed)
			assert.Equal(t, "task tick", failed.Callback)
			assert.Equal(t, "wss://a.example/", problem.Relay.URL)
		})
	})
	t.Run("never after its connection's last word", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			relay := network.NewRelay("wss://a.example")
			r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
				if n.Name == "OnNotice" {
					time.Sleep(20 * s) // virtual: the connection is lost meanwhile, and the task is due
				}
				return nil
			}}
			client := kit.Start(t, r, kit.Over(network, gennostr.WithRelays(relay.URL()), gennostr.WithManualReconnect(),
				gennostr.WithTask("tick", 10*s, func(self *gennostr.Self, relay gennostr.Relay) error { return r.Note(self, "task", relay, nil) }))...)
			synctest.Wait()
			relay.Notice("slow down")
			synctest.Wait()
			relay.DisconnectAll()
			time.Sleep(time.Minute) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, []string{"OnConnect", "OnNotice", "OnError", "OnDisconnect", "Terminate"}, r.Names())
		})
	})
	t.Run("a slow one does not pile up", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			runs := 0
			client := kit.Start(t, &kit.Recorder{}, kit.Over(network, gennostr.WithRelays(network.NewRelay("wss://a.example").URL()),
				gennostr.WithTask("slow", s, func(*gennostr.Self, gennostr.Relay) error {
					runs++
					time.Sleep(9 * s) // virtual
					return nil
				}))...)
			time.Sleep(100 * s) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, 10, runs)
		})
	})
	t.Run("replaced by name, and 0 disables", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			runs := map[string]int{}
			task := func(name string) func(*gennostr.Self, gennostr.Relay) error {
				return func(_ *gennostr.Self, relay gennostr.Relay) error { runs[relay.URL+" "+name]++; return nil }
			}
			client := kit.Start(t, &kit.Recorder{}, kit.Over(network, gennostr.WithTask("x", 10*s, task("replaced")), gennostr.WithTask("x", 10*s, task("default")), gennostr.WithTask("y", 10*s, task("other")))...)
			for url, opts := range map[string][]gennostr.RelayOption{
				"wss://a.example": nil,
				"wss://b.example": {gennostr.WithTask("x", 5*s, task("own"))},
				"wss://c.example": {gennostr.WithTask("x", 0, nil)},
				"wss://d.example": {gennostr.WithTask("trim", 20*s, task("trim"))},
			} {
				require.NoError(t, client.AddRelay(network.NewRelay(url).URL(), opts...))
			}
			time.Sleep(61 * s) // virtual
			synctest.Wait()
			require.NoError(t, client.Stop(t.Context()))
			assert.Equal(t, map[string]int{
				"wss://a.example/ default": 6, "wss://a.example/ other": 6,
				"wss://b.example/ own": 12, "wss://b.example/ other": 6,
				"wss://c.example/ other":   6,
				"wss://d.example/ default": 6, "wss://d.example/ other": 6, "wss://d.example/ trim": 3,
			}, runs)
		})
	})
	t.Run("nonsense is refused", func(t *testing.T) {
		for _, opt := range []gennostr.Option{gennostr.WithTask("x", s, nil), gennostr.WithTask("x", -s, func(*gennostr.Self, gennostr.Relay) error { return nil })} {
			_, err := gennostr.Start(t.Context(), nil, opt)
			assert.ErrorContains(t, err, "WithTask")
		}
	})
	t.Run("one may stop the client", func(t *testing.T) {
		kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
			client := kit.Start(t, &kit.Recorder{}, kit.Over(network, kit.Quietly(), gennostr.WithRelays(network.NewRelay("wss://a.example").URL()),
				gennostr.WithTask("x", s, func(*gennostr.Self, gennostr.Relay) error { return gennostr.Stop(io.ErrUnexpectedEOF) }))...)
			assert.ErrorIs(t, client.Wait(), io.ErrUnexpectedEOF)
		})
	})
	for name, c := range map[string]struct {
		opts []gennostr.Option
		at   time.Duration // when memory comes back, 0 for never
	}{
		"trim, hourly":              {nil, time.Hour},
		"trim, its interval":        {[]gennostr.Option{gennostr.WithTask("trim", time.Minute, nil)}, time.Minute},
		"trim, disabled":            {[]gennostr.Option{gennostr.WithTask("trim", 0, nil)}, 0},
		"trim, replaced by nothing": {[]gennostr.Option{gennostr.WithTask("trim", time.Minute, func(*gennostr.Self, gennostr.Relay) error { return nil })}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
				// What an idle connection keeps of a crowd of subscriptions that have ended.
				const crowd = 2_000
				gate := make(chan struct{})
				relay := network.NewRelay("wss://a.example", nostrtest.WithHistory(0), nostrtest.WithReadPolicy(
					func(nostrtest.Connection, nostrtest.Request) string { <-gate; return "blocked: too many" }))
				client := kit.Start(t, &forgetful{}, kit.Over(network, append(c.opts, gennostr.WithRelays(relay.URL()), gennostr.WithSendQueue(crowd))...)...)
				require.NoError(t, client.Ready(t.Context(), 1))
				began := time.Now()
				for i := range crowd {
					require.NoError(t, client.Send(relay.URL(), kit.Everything(fmt.Sprint(i))))
				}
				close(gate)
				time.Sleep(50 * s) // virtual: past the grace time of what was closed
				synctest.Wait()
				heap := func() int { return int(min(kit.Heap(), kit.Heap(), kit.Heap())) } // what the runtime needs meanwhile is not ours
				full := heap()
				if c.at == 0 {
					time.Sleep(3 * time.Hour) // virtual
					synctest.Wait()
					assert.Less(t, full-heap(), 50_000)
					return
				}
				time.Sleep(time.Until(began.Add(c.at - s))) // virtual
				synctest.Wait()
				assert.Less(t, full-heap(), 50_000, "not yet")
				time.Sleep(2 * s) // virtual
				synctest.Wait()
				assert.Greater(t, full-heap(), 100_000, "given back")
			})
		})
	}
}

// forgetful keeps nothing of what it is told.
type forgetful struct{ gennostr.BaseHandler }

func (*forgetful) OnClosed(*gennostr.Self, gennostr.Relay, gennostr.ClosedMessage) error { return nil }
