package gennostr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What is published while the client stops, by what that has told.

// Whatever becomes of it, then says so: whether it was refused at once, or there was no
// time for it any more.
func TestWhatIsPublishedWhileTheClientStopsIsTold(t *testing.T) {
	for name, publish := range map[string]func(self *gennostr.Self, then func(gennostr.PublishReport) error){
		"an event that is not signed": func(self *gennostr.Self, then func(gennostr.PublishReport) error) {
			self.Publish(&nostr.Event{Kind: 1, Content: "unsigned"}, then)
		},
		"an event": func(self *gennostr.Self, then func(gennostr.PublishReport) error) {
			self.Publish(nostrtest.TextNote(nostrtest.Key(1), "late"), then)
		},
	} {
		for when, begin := range map[string]func(*gennostr.Self, *publisher, func(*gennostr.Self)){
			"by what Go has come to": func(self *gennostr.Self, p *publisher, late func(*gennostr.Self)) {
				gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, nil }, func(int, error) error { late(self); return nil })
			},
			"by what a publication has come to": func(self *gennostr.Self, p *publisher, late func(*gennostr.Self)) {
				self.Publish(nostrtest.TextNote(nostrtest.Key(1), "open"), func(gennostr.PublishReport) error { late(self); return nil })
			},
		} {
			t.Run(name+", "+when, func(t *testing.T) {
				virtual(t, func(t *testing.T, network *nostrtest.Network) {
					p := &publisher{}
					client, _ := publishing(t, network, p, nostrtest.NoOK())
					inside(t, client, func(self *gennostr.Self) {
						begin(self, p, func(self *gennostr.Self) { publish(self, p.then) })
					})
					time.Sleep(time.Second)
					require.Empty(t, p.reports)
					var before int
					p.last = func(*gennostr.Self) { before = len(p.reports) }
					require.NoError(t, client.Stop(t.Context()))
					require.Len(t, p.reports, 1)
					assert.Error(t, p.reports[0].Err())
					assert.Equal(t, 1, before, "before Terminate")
				})
			})
		}
	}
}

// Who tries again whatever has failed does not keep the client from stopping.
func TestWhoTriesAgainForEverDoesNotKeepTheClientFromStopping(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		p := &publisher{}
		client, _ := publishing(t, network, p, nostrtest.NoOK())
		tries := 0
		var publish func(self *gennostr.Self)
		publish = func(self *gennostr.Self) {
			tries++
			self.Publish(nostrtest.TextNote(nostrtest.Key(1), "again"), func(r gennostr.PublishReport) error {
				if r.Err() != nil {
					publish(self)
				}
				return nil
			})
		}
		var work func(self *gennostr.Self)
		work = func(self *gennostr.Self) {
			if tries++; tries > 1000 {
				return // time stands still as long as anybody is busy
			}
			gennostr.Go(self, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, func(_ int, err error) error {
				if err != nil {
					work(self)
				}
				return nil
			})
		}
		inside(t, client, publish)
		inside(t, client, work)
		inside(t, client, func(self *gennostr.Self) { // is waited for meanwhile
			gennostr.Go(self, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				time.Sleep(2 * time.Second)
				return 0, nil
			}, func(int, error) error { return nil })
		})
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, client.Stop(t.Context()))
		assert.Less(t, time.Since(began), 8*time.Second)
		assert.Less(t, tries, 100)
	})
}
