package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/seed"
)

// Whatever comes between: in the end each date is in a window that was compared, and
// then what is said of it is right, or it is in a gap. So it is with relays whose since or until leave
// their own second out, but for those of the filter.
func comparedIsRight(rt *rapid.T) {
	n := rapid.IntRange(0, 400).Draw(rt, "events")
	var ours, theirs []item
	for i := range n {
		switch rapid.IntRange(0, 9).Draw(rt, "whose") {
		case 0:
			ours = append(ours, nth(i))
		case 1:
			theirs = append(theirs, nth(i))
		default:
			ours, theirs = append(ours, nth(i)), append(theirs, nth(i))
		}
	}
	faults := rapid.SliceOfDistinct(rapid.SampledFrom([]string{
		"silence", "garbage", "unreadable", "lost", "busy", "trouble", "auth", "twice", "notice", "cut", "no page", "unreachable",
	}), rapid.ID[string]).Draw(rt, "faults")
	noPaging := rapid.Bool().Draw(rt, "no paging")
	c := begin(rt, ours, theirs, func(cfg *reconcile.Config, r *relay) {
		r.cap = rapid.SampledFrom([]int{0, 0, 1, 5, 100}).Draw(rt, "cap")
		r.loose = rapid.IntRange(0, 4).Draw(rt, "loose") == 0
		r.most = rapid.SampledFrom([]int{0, 0, 2}).Draw(rt, "most of a second")
		if rapid.Bool().Draw(rt, "told") {
			r.told = int64(r.cap)
		}
		r.pick = func(what string, odds int) bool {
			return slices.Contains(faults, what) && rapid.IntRange(1, odds).Draw(rt, what) == 1
		}
		cfg.Span = nostr.Timestamp(rapid.SampledFrom([]int{0, 0, 40, 1_000_000}).Draw(rt, "span"))
		if cfg.Span == 40 || rapid.Bool().Draw(rt, "bounds") {
			cfg.Since, cfg.Until = epoch+10, epoch+nostr.Timestamp(rapid.IntRange(9, 200).Draw(rt, "until"))
		}
		switch one := rapid.IntRange(0, 5).Draw(rt, "one bound"); {
		case cfg.Span == 40: // too many windows
		case one == 0:
			cfg.Since, cfg.Until = epoch+10, reconcile.Forever
		case one == 1:
			cfg.Since, cfg.Until = 0, epoch+100
		}
		r.notSince, r.notUntil = rapid.Bool().Draw(rt, "not since"), rapid.Bool().Draw(rt, "not until")
		outer := func(i item) bool { return r.notSince && i.at == cfg.Since || r.notUntil && i.at == cfg.Until } // nobody can tell
		ours, theirs = slices.DeleteFunc(ours, outer), slices.DeleteFunc(theirs, outer)
		if r.loose { // it is the relay's word that what it lists is of these dates
			theirs = within(theirs, *cfg)
		}
		cfg.Ours, r.has = setOf(rt, ours), setOf(rt, theirs)
		cfg.Most = rapid.SampledFrom([]int{1 << 20, 20}).Draw(rt, "most")
		cfg.NoPaging = noPaging
		cfg.NoNegentropy = !cfg.NoPaging && rapid.IntRange(0, 4).Draw(rt, "no negentropy") == 0
		c := *cfg
		defer func() { ours, theirs = within(ours, c), within(theirs, c) }()
	})
	c.settle(20_000)
	gaps := c.m.Gaps()
	if len(faults) == 0 && c.relay.cap == 0 && c.relay.most == 0 && !c.relay.loose && len(c.m.Need()) < 20 {
		require.Empty(rt, gaps)
	}
	mine, its := setOf(rt, ours), setOf(rt, theirs)
	need, lacks := c.m.Need(), c.m.Lacks()
	if len(faults) == 0 && c.relay.most > 0 && !c.relay.loose && !noPaging && len(need) < 20 && len(gaps) < 100 { // there is nothing but that
		for _, g := range gaps {
			for at := g.Since; at <= g.Until; at++ {
				require.Greater(rt, its.Between(at, at).Len(), c.relay.most, "what came is compared, though not all came")
			}
		}
	}
	require.Zero(rt, without(need, missing(its, mine, nil)), "what is needed is there")
	require.Zero(rt, without(lacks, missing(mine, its, nil)), "what is lacked is not")
	require.Zero(rt, without(missing(its, mine, gaps), need), "what was not found")
	require.Zero(rt, without(missing(mine, its, gaps), lacks), "what was not seen to be lacking")
	require.True(rt, unique(need) && unique(lacks) && unique(c.came))
	for _, id := range c.came {
		require.True(rt, c.m.Came(id))
	}
}

// Shows D56, Q03, Q07.
func TestWhatWasComparedIsRightWhateverHappens(t *testing.T) { rapid.Check(t, comparedIsRight) }

func FuzzWhatWasComparedIsRightWhateverHappens(f *testing.F) { seed.Fuzz(f, comparedIsRight) }

func within(items []item, cfg reconcile.Config) []item {
	return slices.DeleteFunc(slices.Clone(items), func(i item) bool { return i.at < cfg.Since || i.at > cfg.Until })
}

// without counts what is in a list and not in another.
func without(list, other []nostr.ID) (n int) {
	in := make(map[nostr.ID]bool)
	for _, id := range other {
		in[id] = true
	}
	for _, id := range list {
		if !in[id] {
			n++
		}
	}
	return n
}

func unique(ids []nostr.ID) bool {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, nostr.ID.Compare)
	return len(slices.Compact(slices.Clone(ids))) == len(ids)
}

// A relay that does whatever it likes cannot keep a machine busy for ever.
func comparisonEnds(rt *rapid.T) {
	var ours []item
	for i := range rapid.IntRange(0, 200).Draw(rt, "ours") {
		ours = append(ours, nth(i))
	}
	c := begin(rt, ours, nil, func(cfg *reconcile.Config, _ *relay) { cfg.NoPaging = rapid.Bool().Draw(rt, "no paging") })
	answers := rapid.SampledFrom([][]byte{
		nil, {}, {0x61}, {0x60}, {0x62}, {0x61, 0, 0, 1}, {0x61, 0, 0, 2, 0}, append([]byte{0x61, 0, 0, 1}, make([]byte, 16)...), // a fingerprint of something
	})
	words := rapid.SampledFrom([]string{"", "CLOSED", "closed: x", "blocked: x", "error: x", "PROTOCOL-ERROR", "rate-limited: x", "auth-required: x", "restricted: x", "unsupported: x", "invalid: x"})
	kind := rapid.IntRange(0, 6)
	c.up = true
	steps, n := c.m.Up(c.now, 1<<16), 0
	for ; !c.m.Done(); n++ {
		require.Less(rt, n, 300_000)
		last := steps
		steps = nil
		session := 0
		for _, s := range last {
			switch s.Do {
			case reconcile.Open:
				c.m.Opened(c.now, s.Session)
				session = s.Session
			case reconcile.Send:
				session = s.Session
			case reconcile.Page:
				steps = c.m.Paged(c.now, reconcile.Unpaged, "no", true)
			case reconcile.Auth:
				steps = c.m.AuthDone(c.now)
			}
		}
		if steps != nil || c.m.Done() {
			continue
		}
		switch k := kind.Draw(rt, "kind"); {
		case session != 0 && k < 3:
			steps = c.m.Message(c.now, session, answers.Draw(rt, "payload"))
		case session != 0 && k == 3:
			steps = c.m.Garbled(c.now, session, "wire: not hexadecimal")
		case session != 0 && k < 6:
			steps = c.m.Failed(c.now, session, words.Draw(rt, "words"), int64(k))
		case session != 0:
			steps = append(c.m.Down(c.now), c.m.Up(c.now, 1<<16)...)
		default:
			at, some := c.m.Next()
			if !some {
				break
			}
			c.now = at
			steps = c.m.Rang(c.now)
		}
	}
}

// Shows Q07.
func TestEveryComparisonEnds(t *testing.T) { rapid.Check(t, comparisonEnds) }

func FuzzEveryComparisonEnds(f *testing.F) { seed.Fuzz(f, comparisonEnds) }
