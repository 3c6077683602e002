package pack_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/pack"

	"github.com/gennostr/gennostr/test/seed"
)

// capacity is how many filters a relay takes from us for sure.
func capacity(subscriptions, filters int) int {
	if subscriptions > 2 {
		subscriptions-- // the last one is for pages
	}
	return max(subscriptions-1, 1) * filters
}

// Any relay, asks that come and go, answers that come late and in any order, CLOSED
// at any time: what has been caught up is served until the relay ends it, and that is told
// (world.hear, world.allServed); no REQ is too long, and there are never too many
// (world.do); in the end everybody is served but those whom the relay does not like.
func nobodyIsDeaf(t *rapid.T) {
	fit := rapid.IntRange(1, 12).Draw(t, "asks that fit by their bytes")
	told := pack.Config{
		Subscriptions: rapid.IntRange(1, 9).Draw(t, "subscriptions"),
		Filters:       rapid.IntRange(2, 12).Draw(t, "filters"),
		Bytes:         80 + fit*(100+48),
	}
	w := newWorld(t, told)
	w.subscriptions = rapid.IntRange(1, told.Subscriptions).Draw(t, "in truth")
	w.filters = rapid.IntRange(1, told.Filters).Draw(t, "filters in truth")
	room := capacity(w.subscriptions, min(w.filters, fit))
	for name := range 200 {
		w.step(t, name, room)
	}
	w.other = 0
	w.slots.Others(0)
	w.reqs = 0
	w.run(30 * time.Minute)
	w.allServed()
	require.LessOrEqual(t, w.reqs, 60+30*room, "it comes to rest")
	for _, x := range w.wants {
		require.False(t, w.dislikes[x.name], "the relay has taken what it does not like")
	}
}

// Shows L37.
func TestNobodyIsDeafInAnyWorld(t *testing.T) { rapid.Check(t, nobodyIsDeaf) }

func FuzzNobodyIsDeafInAnyWorld(f *testing.F) { seed.Fuzz(f, nobodyIsDeaf) }

func (w *world) step(t *rapid.T, name, room int) {
	switch rapid.IntRange(0, 12).Draw(t, "step") {
	case 0, 1:
		for i := range rapid.IntRange(1, 8).Draw(t, "how many") {
			if len(w.wants) >= room {
				break
			}
			if rapid.IntRange(0, 9).Draw(t, "liked") == 0 {
				w.dislikes[name*10+i] = true
			}
			if rapid.IntRange(0, 4).Draw(t, "page") == 0 {
				w.page(name*10 + i)
			} else {
				w.add(name*10 + i)
			}
		}
	case 2:
		if n := len(w.wants); n > 0 {
			w.remove(w.wants[rapid.IntRange(0, n-1).Draw(t, "removed")])
		}
	case 3, 4, 5:
		for range min(len(w.toRelay), rapid.IntRange(1, 8).Draw(t, "heard")) {
			w.hear()
		}
	case 6, 7:
		for n := len(w.unanswered); n > 0 && rapid.IntRange(0, 3).Draw(t, "answer") > 0; n-- {
			w.answer(rapid.IntRange(0, n-1).Draw(t, "which"))
		}
	case 8, 9:
		for range min(len(w.toClient), rapid.IntRange(1, 8).Draw(t, "read")) {
			w.read()
			if rapid.Bool().Draw(t, "do") {
				w.do()
			}
		}
	case 10:
		w.whim(t)
	case 11:
		w.other = rapid.IntRange(0, 2).Draw(t, "others")
		w.slots.Others(w.other)
	case 12:
		if len(w.guilty) > 0 && len(w.wants) < room {
			again := &want{name: w.guilty[0], bytes: 100}
			w.guilty = w.guilty[1:]
			w.slots.Add(w.now, w.ask(again, 1))
		}
	}
	if rapid.Bool().Draw(t, "later") {
		w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(15*time.Second)).Draw(t, "time")))
	}
	if rapid.IntRange(0, 3).Draw(t, "owner is busy") > 0 {
		w.do()
	}
}

// whim is what a relay or an owner does without a reason.
func (w *world) whim(t *rapid.T) {
	switch rapid.IntRange(0, 3).Draw(t, "whim") {
	case 0: // a REQ is ended
		for n := range w.last() {
			if _, ok := w.open[n]; ok && rapid.Bool().Draw(t, "this one") {
				w.close(n)
				return
			}
		}
	case 1: // somebody is liked no longer
		if n := len(w.wants); n > 0 {
			w.dislikes[w.wants[rapid.IntRange(0, n-1).Draw(t, "liked no longer")].name] = true
			for n := range w.last() {
				if members, ok := w.open[n]; ok && w.disliked(members) {
					w.close(n)
				}
			}
		}
	case 2:
		w.cfg.Subscriptions = rapid.IntRange(w.subscriptions, w.subscriptions+3).Draw(t, "learnt")
		w.slots.SetConfig(w.cfg)
	case 3:
		w.slots.Pause(w.now.Add(time.Second))
	}
}

// last is more than any number of a REQ.
func (w *world) last() (last int) {
	for n := range w.open {
		last = max(last, n+1)
	}
	return last
}
