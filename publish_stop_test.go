package gennostr_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// publishing starts a client with a publisher on a relay.
func publishing(t *testing.T, network *nostrtest.Network, p *publisher, faults ...nostrtest.Fault) (*gennostr.Client, *nostrtest.Relay) {
	t.Helper()
	relay := network.NewRelay(relayA, nostrtest.WithFaults(faults...))
	client := launch(t, p, over(network, quietly(), gennostr.WithRelays(relayA), gennostr.WithShutdownTimeout(8*time.Second))...)
	require.NoError(t, client.Ready(t.Context(), 1))
	return client, relay
}

// inside runs a function as a callback.
func inside(t *testing.T, client *gennostr.Client, f func(*gennostr.Self)) {
	t.Helper()
	require.NoError(t, client.Notify(f))
}

func (p *publisher) HandleInfo(self *gennostr.Self, msg any) error {
	msg.(func(*gennostr.Self))(self)
	return nil
}

// Stop right after sending waits for the OKs of what was written.
// Shows D05.
func TestStopWaitsForTheVerdictsOfWhatWasWritten(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, relay := publishing(t, network, p, nostrtest.Queued(2*time.Second).On("EVENT"))
		notes := numbered(3)
		inside(t, client, func(self *gennostr.Self) { self.Publish(notes[0], p.then) })
		pub, err := client.StartPublish(notes[1])
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(began))
		r, err := pub.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []gennostr.Verdict{gennostr.Accepted}, verdicts(r))
		require.Len(t, p.reports, 1, "told before Terminate")
		assert.NoError(t, p.reports[0].Err())
		assert.Len(t, relay.Events(), 2)
		_, err = client.Publish(t.Context(), notes[2])
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
	})
}

// What the relay does not answer takes half of the deadline, and what was not written
// takes no time at all.
// Shows D05.
func TestPublicationsThatAreOpenAtStopAreTold(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, relay := publishing(t, network, p, nostrtest.NoOK())
		require.NoError(t, client.AddRelay("wss://nowhere.example"))
		note := numbered(1)[0]
		var before int
		p.last = func(*gennostr.Self) { before = len(p.reports) }
		inside(t, client, func(self *gennostr.Self) {
			self.Publish(note, p.then)
			self.Publish(note, p.then, gennostr.On("wss://nowhere.example"))
		})
		pub, err := client.StartPublish(note)
		require.NoError(t, err)
		_, err = relay.WaitEvent(t.Context(), nostr.Filter{})
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 4*time.Second, time.Since(began))
		r, err := pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		assert.Equal(t, []gennostr.Verdict{gennostr.Unanswered, gennostr.Unanswered}, verdicts(r))
		assert.Equal(t, 2, before, "thens run before Terminate")
		for _, r := range p.reports {
			assert.ErrorIs(t, r.Err(), gennostr.ErrClientClosed)
		}
	})
}

func TestWhatTerminatePublishesIsStillWritten(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, relay := publishing(t, network, p, nostrtest.Queued(time.Second).On("EVENT"))
		notes := numbered(2)
		p.last = func(self *gennostr.Self) {
			self.Publish(notes[0], p.then)
			_, err := self.Client().Publish(t.Context(), notes[1])
			assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		}
		require.NoError(t, client.Stop(t.Context()))
		assert.Len(t, relay.Events(), 1)
		assert.Empty(t, p.reports)
	})
}

// What Terminate publishes and nobody is connected for is not lost silently.
func TestWhatTerminatePublishesInVainIsLogged(t *testing.T) {
	for name, relays := range map[string][]string{"not connected": {"wss://nowhere.example"}, "no relay": nil, "not signed": {"wss://nowhere.example"}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				note := numbered(1)[0]
				if name == "not signed" {
					note.Sig = nostr.Sig{}
				}
				p := &publisher{last: func(self *gennostr.Self) { self.Publish(note, nil) }}
				var log bytes.Buffer
				client := start(t, p, over(network, gennostr.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), gennostr.WithRelays(relays...))...)
				require.NoError(t, client.Stop(t.Context()))
				assert.Equal(t, 1, strings.Count(log.String(), "event not published"))
				assert.Contains(t, log.String(), note.ID.String()[:8])
			})
		})
	}
}

// A then that publishes while the client stops: what it hands in is written too.
func TestAThenAtTheEndMayPublish(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, relay := publishing(t, network, p, nostrtest.Queued(time.Second).On("EVENT"))
		notes := numbered(2)
		inside(t, client, func(self *gennostr.Self) {
			self.Publish(notes[0], func(gennostr.PublishReport) error { self.Publish(notes[1], p.then); return nil })
		})
		require.NoError(t, client.Stop(t.Context()))
		assert.Len(t, relay.Events(), 2)
		require.Len(t, p.reports, 1)
		assert.ErrorIs(t, p.reports[0].Err(), gennostr.ErrClientClosed, "nobody waits for its OK")
		assert.Equal(t, []gennostr.Verdict{gennostr.Pending}, verdicts(p.reports[0]))
	})
}

// One that tries again whatever has failed ends with the client.
func TestAThenThatPublishesForEverEndsWithTheClient(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client, _ := publishing(t, network, &publisher{}, nostrtest.NoAnswer().On("EVENT"))
		told, note := 0, numbered(1)[0]
		inside(t, client, func(self *gennostr.Self) {
			var again func(gennostr.PublishReport) error
			again = func(r gennostr.PublishReport) error {
				told++
				assert.ErrorIs(t, r.Err(), gennostr.ErrClientClosed)
				self.Publish(note, again)
				return nil
			}
			self.Publish(note, again)
		})
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, 8, told)
	})
}

func TestACancelledContextEndsPublicationsAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		relay := network.NewRelay(relayA, nostrtest.WithFaults(nostrtest.NoAnswer().On("EVENT")))
		ctx, cancel := context.WithCancel(t.Context())
		client, err := gennostr.Start(ctx, p, over(network, quietly(), gennostr.WithRelays(relayA))...)
		require.NoError(t, err)
		require.NoError(t, client.Ready(t.Context(), 1))
		note := numbered(1)[0]
		inside(t, client, func(self *gennostr.Self) { self.Publish(note, p.then) })
		pub, err := client.StartPublish(note)
		require.NoError(t, err)
		require.NoError(t, relay.WaitFor(t.Context(), func() bool { return len(relay.Received()) > 0 }))
		began := time.Now()
		cancel()
		_, err = pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		assert.Zero(t, time.Since(began))
		<-client.Done()
		assert.Empty(t, p.reports)
	})
}

func TestAfterAPanicNobodyIsToldInside(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, _ := publishing(t, network, p, nostrtest.NoOK())
		note := numbered(1)[0]
		pub, err := client.StartPublish(note)
		require.NoError(t, err)
		inside(t, client, func(self *gennostr.Self) { self.Publish(note, p.then); panic("overboard") })
		_, err = pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		assert.Error(t, client.Wait())
		assert.Empty(t, p.reports)
	})
}

// A then that ends its goroutine, as t.FailNow does, leaves nobody waiting.
func TestAThenThatEndsItsGoroutineAtTheEnd(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, _ := publishing(t, network, p, nostrtest.NoOK())
		note, ended := numbered(1)[0], 0
		p.last = func(*gennostr.Self) { ended++ }
		inside(t, client, func(self *gennostr.Self) {
			self.Publish(note, func(gennostr.PublishReport) error { runtime.Goexit(); return nil })
			self.Publish(note, p.then)
		})
		pub, err := client.StartPublish(note)
		require.NoError(t, err)
		synctest.Wait()
		_ = client.Stop(t.Context())
		_, err = pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		assert.Equal(t, 1, ended)
		assert.Error(t, client.Wait())
		assert.Empty(t, p.reports)
	})
}

// A Stop that is in a hurry does not wait for verdicts.
func TestAStopInAHurryDoesNotWaitForVerdicts(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, _ := publishing(t, network, p, nostrtest.NoOK())
		pub, err := client.StartPublish(numbered(1)[0])
		require.NoError(t, err)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		require.NoError(t, client.Stop(ctx))
		assert.Equal(t, time.Second, time.Since(began))
		_, err = pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
	})
}

func TestInitMayPublish(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		b := newBot(nil)
		told := make(chan gennostr.PublishReport, 2)
		b.On = func(self *gennostr.Self, n note) error {
			if n.Name == "Init" {
				assert.NoError(t, self.AddRelay(relayA))
				self.Publish(numbered(1)[0], func(r gennostr.PublishReport) error { told <- r; return nil })
			}
			return nil
		}
		start(t, b, over(network, quietly())...)
		assert.NoError(t, (<-told).Err())
		assert.Len(t, relay.Events(), 1)
	})
}

// An Init that does not let the client start leaves nobody waiting, and publishes nothing.
func TestAnInitThatFailsTellsNobody(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(relayA)
		var pub *gennostr.Publication
		b := newBot(nil)
		b.On = func(self *gennostr.Self, n note) (err error) {
			if n.Name == "Init" {
				assert.NoError(t, self.AddRelay(relayA))
				self.Publish(numbered(1)[0], func(gennostr.PublishReport) error { assert.Fail(t, "told"); return nil })
				pub, err = self.Client().StartPublish(numbered(1)[0])
				assert.NoError(t, err)
				time.Sleep(time.Second)
				assert.Equal(t, 1, relay.ConnectionCount())
				return gennostr.ErrIgnore
			}
			return nil
		}
		_, err := gennostr.Start(t.Context(), b, over(network, quietly())...)
		require.ErrorIs(t, err, gennostr.ErrIgnore)
		_, err = pub.Wait(t.Context())
		assert.ErrorIs(t, err, gennostr.ErrClientClosed)
		assert.Empty(t, relay.Received())
	})
}
