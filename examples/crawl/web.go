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

// atOnce is for how many authors' lists is asked at once: so many are held.
const atOnce = 200

// step asks for the lists of all who were reached by the one before, and calls progress with
// how many authors have been asked for since it was last called.
func (w *web) step(ctx context.Context, client *gennostr.Client, deadline time.Duration, progress func(authors int)) (sum summary, err error) {
	authors := w.next
	w.next = nil
	for chunk := range slices.Chunk(authors, atOnce) {
		filter := nostr.Filter{}.WithKinds(nostr.KindFollowList).WithAuthors(chunk...)
		report, err := client.Fetch(ctx, []nostr.Filter{filter}, gennostr.WithDeadline(deadline))
		for _, list := range report.Events { // the newest of each author
			w.read(list)
		}
		sum.add(len(chunk), report)
		// A relay that cannot be asked is told by the summary and is no error, as long as
		// another has answered completely.
		answered := slices.ContainsFunc(report.Relays, func(r gennostr.RelayAnswer) bool { return r.Complete })
		if err != nil && (!answered || ctx.Err() != nil) {
			return sum, err
		}
		progress(len(chunk))
	}
	return sum, nil
}

// summary is what a step has brought.
type summary struct {
	authors, lists int
	relays         []gave // in the order in which they were given
}

// gave is what a relay has given in all answers.
type gave struct {
	url        string
	events     int
	incomplete int                  // answers
	last       gennostr.RelayAnswer // that was incomplete
}

func (s *summary) add(authors int, report gennostr.QueryReport) {
	s.authors += authors
	s.lists += len(report.Events)
	for i, answer := range report.Relays {
		if i == len(s.relays) {
			s.relays = append(s.relays, gave{url: answer.URL})
		}
		g := &s.relays[i]
		g.events += answer.Events
		if !answer.Complete {
			g.incomplete++
			g.last = answer
		}
	}
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
