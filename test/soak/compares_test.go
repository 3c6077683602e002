package soak_test

import (
	"context"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// compares has relays and what the program has compared (NIP-77). What they find has to be
// so, and if it is said to be all, all.
func (w *world) compares() {
	for w.pause(2*time.Second, 10*time.Second) {
		url, filter := w.some(1)[0], nostr.Filter{}.WithKinds(nostr.KindTextNote).WithSince(w.start)
		relay, have := w.relayOf(url), map[nostr.ID]bool{}
		var set nip77.Builder
		for _, e := range w.stored() {
			if filter.Matches(e) && w.number(10) > 0 {
				have[e.ID] = true
				err := set.Add(e.CreatedAt, e.ID)
				w.demand(err == nil, "Add: %v", err)
			}
		}
		before := idsOf(relay.Events(filter))
		ctx, cancel := context.WithTimeout(w.ctx, w.between(time.Second, time.Minute))
		report, err := w.now().Sync(ctx, url, filter, set.Build())
		cancel()
		after := idsOf(relay.Events(filter))
		w.counts.Syncs.Add(1)
		w.demand((err == nil) == report.Complete, "Sync is complete: %v, and the error is %v", report.Complete, err)
		need, lacks := map[nostr.ID]bool{}, map[nostr.ID]bool{}
		for _, id := range report.Need {
			need[id] = true
			w.demand(after[id] && !have[id], "%s is said to have %s", url, id)
		}
		for _, id := range report.Lacks {
			lacks[id] = true
			w.demand(have[id] && !before[id], "%s is said to lack %s", url, id)
		}
		if !report.Complete {
			continue
		}
		w.counts.Compared.Add(1)
		for id := range before {
			w.demand(have[id] || need[id], "a comparison has not found that %s has %s", url, id)
		}
		for id := range have {
			w.demand(after[id] || lacks[id], "a comparison has not found that %s lacks %s", url, id)
		}
	}
}

func idsOf(events []*nostr.Event) map[nostr.ID]bool {
	ids := make(map[nostr.ID]bool, len(events))
	for _, e := range events {
		ids[e.ID] = true
	}
	return ids
}
