package main

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// web is who follows whom, as far as it is known.
type web struct {
	next      []nostr.PubKey        // whose lists are to be asked for
	seen      map[nostr.PubKey]bool // those, and all before them
	followers map[nostr.PubKey]int
}

func newWeb(from []nostr.PubKey) *web {
	w := &web{seen: make(map[nostr.PubKey]bool), followers: make(map[nostr.PubKey]int)}
	for _, key := range from {
		w.reach(key)
	}
	return w
}

func (w *web) reach(key nostr.PubKey) {
	if !w.seen[key] {
		w.seen[key] = true
		w.next = append(w.next, key)
	}
}

// step asks for the lists of all who were reached by the one before. A relay that cannot
// be asked is told by the report and no error, as long as another has answered completely.
func (w *web) step(ctx context.Context, client *gennostr.Client, deadline time.Duration) (asked int, report gennostr.QueryReport, err error) {
	authors := w.next
	w.next = nil
	if len(authors) == 0 {
		return 0, report, nil
	}
	filter := nostr.Filter{}.WithKinds(nostr.KindFollowList).WithAuthors(authors...)
	report, err = client.Fetch(ctx, []nostr.Filter{filter}, gennostr.WithDeadline(deadline))
	for _, list := range report.Events { // the newest of each author
		w.read(list)
	}
	if slices.ContainsFunc(report.Relays, func(r gennostr.RelayAnswer) bool { return r.Complete }) && ctx.Err() == nil {
		err = nil
	}
	return len(authors), report, err
}

// read takes a list: whom it names twice is followed once.
func (w *web) read(list *nostr.Event) {
	named := make(map[nostr.PubKey]bool)
	for key := range list.Tags.PubKeys("p") {
		if named[key] || key == list.PubKey {
			continue
		}
		named[key] = true
		w.followers[key]++
		w.reach(key)
	}
}

func (w *web) known() int { return len(w.seen) }

// followed is somebody, and how many follow them.
type followed struct {
	key       nostr.PubKey
	followers int
}

// most lists those whom most follow.
func (w *web) most(n int) []followed {
	list := make([]followed, 0, len(w.followers))
	for key, followers := range w.followers {
		list = append(list, followed{key, followers})
	}
	slices.SortFunc(list, func(a, b followed) int {
		return cmp.Or(cmp.Compare(b.followers, a.followers), bytes.Compare(a.key[:], b.key[:]))
	})
	return list[:min(n, len(list))]
}
