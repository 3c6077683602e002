package resume_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

func of(list ...nostr.PubKey) nostr.Filter { return history().WithAuthors(list...) }

func set(l *resume.Leg, filters ...nostr.Filter) resume.Step { return l.SetFilters(filters) }

func TestFiltersThatAreTheSameGoOnUntouched(t *testing.T) {
	a, b := of(authors[0], authors[1]), notes().WithTag("t", "x", "y").WithLimit(3)
	l := legOf(a, b)
	asks := l.Up(at(0)).Asks
	l.Answered(asks[0], page(1, -1, -1), told, at(0))
	s := set(l, notes().WithTag("t", "y", "x", "y").WithLimit(3), of(authors[1], authors[0]))
	assert.Empty(t, s, "lists are sets, the order of filters is none")
	assert.Equal(t, 1, asks[0].Track)
	assert.Equal(t, 0, asks[1].Track)
	assert.True(t, l.Answered(asks[1], page(2, -1, -1), told, at(0)).Live)
	marks := l.Marks()
	assert.Zero(t, marks[1].Floor)
	l.Proven(1, epoch+10)
	l.Alive(at(10))
	assert.Equal(t, epoch+10, l.Marks()[1].At)
	assert.Equal(t, epoch-1, l.Marks()[0].At)
}

// Shows D54.
func TestAListThatHasGrownIsAskedForTheDifference(t *testing.T) {
	for name, c := range map[string]struct{ from, to, added nostr.Filter }{
		"authors": {of(authors[0]), of(authors[1], authors[0], authors[2]), of(authors[1], authors[2])},
		"kinds":   {notes(), nostr.Filter{Kinds: []nostr.Kind{1, 7}}, nostr.Filter{Kinds: []nostr.Kind{7}}},
		"ids":     {notes().WithIDs(nostr.ID{1}), notes().WithIDs(nostr.ID{1}, nostr.ID{2}), notes().WithIDs(nostr.ID{2})},
		"tags":    {notes().WithTag("t", "a").WithTag("e", "b").WithLimit(4), notes().WithTag("t", "a", "c").WithTag("e", "b").WithLimit(4), notes().WithTag("t", "c").WithTag("e", "b").WithLimit(4)},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(c.from)
			old := loaded(t, l, 0, page(1, -1, -1))
			s := set(l, c.to)
			added := only(t, s)
			assert.Equal(t, c.added, added.Filter)
			assert.False(t, added.Once || added.Resumed)
			assert.False(t, l.CaughtUp())
			assert.Empty(t, l.Answered(added, page(1, -2, -2), told, at(10)))
			assert.True(t, l.CaughtUp())
			l.Alive(at(500))
			l.Proven(0, epoch+490)
			assert.Equal(t, epoch+490, l.Marks()[0].At)
			assert.Empty(t, l.Answered(old, resume.Page{}, told, at(500)), "the former goes on")
			l.Down()
			f := l.Up(at(1000)).Asks
			require.Len(t, f, 1, "and after an outage they are one")
			want := c.to.WithSince(max(epoch+190, since0(c.to)))
			want.Limit = 0
			assert.Equal(t, want, f[0].Filter)
		})
	}
}

func since0(f nostr.Filter) nostr.Timestamp {
	if f.Since == nil {
		return 0
	}
	return *f.Since
}

func TestAListThatHasShrunkIsTakenOverByANarrowerAsk(t *testing.T) {
	l := legOf(of(authors[:3]...))
	wide := loaded(t, l, 0, page(1, -1, -1))
	s := set(l, of(authors[1]))
	heir := only(t, s)
	assert.Equal(t, of(authors[1]).WithLimit(1), heir.Filter)
	assert.True(t, l.CaughtUp(), "nothing is missing meanwhile")
	s = l.Answered(heir, page(1, -1, -1), told, at(50))
	assert.Equal(t, resume.Step{Gone: []*resume.Ask{wide}}, s)
	assert.Empty(t, l.Answered(wide, page(1, 90, 90), told, at(90)))
	l.Alive(at(60))
	l.Proven(0, epoch+70)
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 60}}, l.Marks())
	lost := only(t, l.Lost(heir))
	assert.Equal(t, of(authors[1]).WithSince(epoch-240), lost.Filter)
}

func TestAListThatHasGrownAndShrunk(t *testing.T) {
	l := legOf(of(authors[0], authors[1]))
	wide := loaded(t, l, 0, page(1, -1, -1))
	added := only(t, set(l, of(authors[1], authors[2])))
	assert.Equal(t, of(authors[2]), added.Filter)
	s := l.Answered(added, page(1, -1, -1), told, at(1))
	heir := only(t, s)
	assert.Equal(t, of(authors[1], authors[2]).WithLimit(1), heir.Filter)
	assert.ElementsMatch(t, []*resume.Ask{wide, added}, l.Answered(heir, resume.Page{}, told, at(2)).Gone)
}

func TestAnythingElseIsAFirstLoad(t *testing.T) {
	from := of(authors[0], authors[1]).WithTag("t", "a")
	for name, to := range map[string]nostr.Filter{
		"nothing in common":  of(authors[2]).WithTag("t", "a"),
		"two lists":          of(authors[0]).WithTag("t", "a", "b"),
		"since":              from.WithSince(epoch - 5),
		"until":              from.WithUntil(epoch + 5),
		"limit":              from.WithLimit(5),
		"search":             from.WithSearch("x"),
		"a list less":        history().WithTag("t", "a"),
		"a list more":        from.WithIDs(nostr.ID{1}),
		"another tag":        of(authors[0], authors[1]).WithTag("r", "a"),
		"one tag less":       of(authors[0], authors[1]),
		"no condition of it": {Kinds: []nostr.Kind{1}, Since: from.Since, Tags: from.Tags},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(from)
			old := loaded(t, l, 0, page(1, -1, -1))
			s := set(l, to)
			assert.Equal(t, []*resume.Ask{old}, s.Gone)
			require.Len(t, s.Asks, 1)
			assert.Equal(t, to, s.Asks[0].Filter)
			assert.Equal(t, []resume.Mark{{}}, l.Marks())
		})
	}
	t.Run("a list that was empty", func(t *testing.T) {
		l := legOf(of())
		l.Up(at(0))
		assert.Equal(t, of(authors[0]), only(t, set(l, of(authors[0]))).Filter)
		s := set(l, of())
		assert.Len(t, s.Gone, 1)
		assert.Empty(t, s.Asks)
	})
}

func TestFiltersThatGoAreGoneAndLiveDoesNotWaitForThem(t *testing.T) {
	l := legOf(notes(), history())
	asks := l.Up(at(0)).Asks
	next := only(t, l.Answered(asks[1], page(10, -9, -1), told, at(0)))
	l.Answered(asks[0], page(1, -1, -1), told, at(0))
	s := set(l, notes())
	assert.ElementsMatch(t, []*resume.Ask{asks[1], next}, s.Gone)
	assert.True(t, s.Live)
	assert.Len(t, l.Marks(), 1)
}

func TestFiltersMayBeSetAtAnyTime(t *testing.T) {
	t.Run("before the first connection", func(t *testing.T) {
		l := legOf(of(authors[0]))
		assert.Empty(t, set(l, of(authors[0], authors[1])))
		var asked []nostr.PubKey
		for _, a := range l.Up(at(0)).Asks {
			asked = append(asked, a.Filter.Authors...)
		}
		assert.Equal(t, authors[:2], asked)
	})
	t.Run("during an outage", func(t *testing.T) {
		l := legOf(of(authors[0], authors[1]))
		loaded(t, l, 0, page(1, -1, -1))
		l.Down()
		assert.Empty(t, set(l, of(authors[1], authors[2])))
		asks := l.Up(at(500)).Asks
		require.Len(t, asks, 2)
		assert.Equal(t, of(authors[1]).WithSince(epoch-301), asks[0].Filter)
		assert.Equal(t, of(authors[2]), asks[1].Filter)
	})
	t.Run("during a first load that is made for less", func(t *testing.T) {
		l := legOf(of(authors[0], authors[1]))
		a := only(t, l.Up(at(0)))
		next := only(t, l.Answered(a, page(10, -9, -1), told, at(0)))
		s := set(l, of(authors[1]))
		assert.ElementsMatch(t, []*resume.Ask{a, next}, s.Gone)
		require.Len(t, s.Asks, 1)
		assert.Equal(t, of(authors[1]), s.Asks[0].Filter)
	})
	t.Run("during a first load that goes on for more", func(t *testing.T) {
		l := legOf(of(authors[0]))
		a := only(t, l.Up(at(0)))
		added := only(t, set(l, of(authors[0], authors[1])))
		assert.False(t, l.Answered(added, page(1, -9, -1), told, at(0)).Live)
		assert.True(t, l.Answered(a, page(1, -9, -1), told, at(0)).Live)
	})
	t.Run("while what was set before is being taken over", func(t *testing.T) {
		l := legOf(of(authors[:3]...))
		wide := loaded(t, l, 0, page(1, -1, -1))
		first := only(t, set(l, of(authors[:2]...)))
		s := set(l, of(authors[0]))
		assert.Equal(t, []*resume.Ask{first}, s.Gone)
		require.Len(t, s.Asks, 1)
		assert.Empty(t, l.Answered(first, resume.Page{}, told, at(1)))
		assert.Equal(t, []*resume.Ask{wide}, l.Answered(s.Asks[0], resume.Page{}, told, at(1)).Gone)
	})
	t.Run("while an ask is lost", func(t *testing.T) {
		l := legOf(of(authors[0], authors[1]))
		lost := only(t, l.Lost(loaded(t, l, 0, page(1, -1, -1))))
		s := set(l, of(authors[0]))
		assert.Equal(t, []*resume.Ask{lost}, s.Gone)
		require.Len(t, s.Asks, 1)
		assert.Equal(t, of(authors[0]).WithSince(epoch-301), s.Asks[0].Filter)
	})
}

func TestATakeoverThatFailsIsTriedAgain(t *testing.T) {
	l := legOf(of(authors[0], authors[1]))
	wide := loaded(t, l, 0, page(1, -1, -1))
	heir := only(t, set(l, of(authors[0])))
	second := only(t, l.Lost(heir))
	assert.Equal(t, heir.Filter, second.Filter)
	lost := only(t, l.Lost(wide))
	assert.Equal(t, of(authors[0]).WithSince(epoch-301), lost.Filter)
	s := l.Answered(second, resume.Page{}, told, at(5))
	assert.Equal(t, []*resume.Ask{second}, s.Gone, "it cannot stand in for what was missed")
	assert.Empty(t, s.Asks)
	s = l.Answered(lost, page(10, 3, 5), told, at(6))
	rest := only(t, s)
	assert.True(t, rest.Once, "and there is no point in a third before all of that has come")
	third := only(t, l.Answered(rest, page(1, 3, 3), told, at(6)))
	assert.Equal(t, []*resume.Ask{lost}, l.Answered(third, resume.Page{}, told, at(7)).Gone)
	assert.Equal(t, epoch+5, l.Marks()[0].At)
}

// A list of thousands that grows by one is not sent anew each time, and does not stay in
// thousands of parts.
func TestAFilterThatGrowsBitByBitIsPutTogether(t *testing.T) {
	one := func(i int) nostr.PubKey { return nostr.PubKey{byte(i), byte(i >> 8), 1} }
	list := []nostr.PubKey{one(0)}
	l := legOf(of(list...))
	open := map[*resume.Ask]bool{loaded(t, l, 0, page(1, -1, -1)): true}
	sent := 0
	for i := 1; i <= 700; i++ {
		list = append(list, one(i))
		asks := set(l, of(list...)).Asks
		for len(asks) > 0 {
			a := asks[0]
			open[a] = true
			sent += len(a.Filter.Authors)
			s := l.Answered(a, resume.Page{}, told, at(int64(i)))
			for _, gone := range s.Gone {
				delete(open, gone)
			}
			asks = append(asks[1:], s.Asks...)
		}
		assert.LessOrEqual(t, len(open), resume.MaxParts)
	}
	assert.Less(t, sent, 700+700*700/2/(resume.MaxParts-1)*3/2)
	covered := map[nostr.PubKey]int{}
	for a := range open {
		for _, author := range a.Filter.Authors {
			covered[author]++
		}
	}
	assert.Len(t, covered, 701)
	for author, n := range covered {
		assert.Equal(t, 1, n, author)
	}
}

func TestAMarkOfAFilterThatHasGrown(t *testing.T) {
	t.Run("is none before all is loaded, where a first load is all there is", func(t *testing.T) {
		l := legOf(of(authors[0]))
		loaded(t, l, 0, page(1, -1, -1))
		added := only(t, set(l, of(authors[0], authors[1])))
		assert.Equal(t, []resume.Mark{{}}, l.Marks())
		l.Answered(added, resume.Page{}, told, at(5))
		assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch - 1}}, l.Marks())
	})
	t.Run("is that of the former, where it is a choice", func(t *testing.T) {
		few := notes().WithLimit(1)
		l := legOf(few.WithAuthors(authors[0]))
		loaded(t, l, 0, page(1, -1, -1))
		added := only(t, set(l, few.WithAuthors(authors[:2]...)))
		assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch - 1, Floor: epoch - 1}}, l.Marks())
		l.Answered(added, page(1, -50, -50), told, at(5))
		assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch - 50, Floor: epoch - 50}}, l.Marks())
	})
}

// Nothing was proven of what was added: then it is as far as the link was alive for it.
func TestAMarkIsNotFurtherThanThePartThatIsBehind(t *testing.T) {
	l := legOf(of(authors[0]))
	loaded(t, l, 0, page(1, 400, 400))
	added := only(t, set(l, of(authors[0], authors[1])))
	l.Alive(at(500))
	l.Answered(added, resume.Page{}, told, at(5))
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 5}}, l.Marks())
}

// Of what was added nothing was ever proven, and it was lost: nobody knows what the clocks of
// its authors show, so the others' dates are no bound for it.
func TestAPartThatMissedSomethingKeepsItsBound(t *testing.T) {
	l := legOf(of(authors[0]))
	loaded(t, l, 0, page(1, -1, -1))
	added := only(t, set(l, of(authors[0], authors[1])))
	l.Answered(added, resume.Page{}, told, at(5))
	only(t, l.Lost(added))
	l.Answered(l.Up(at(5)).Asks[0], page(1, 1000, 1000), told, at(1000))
	l.Down()
	assert.Equal(t, []resume.Mark{{Loaded: true, At: epoch + 5}}, l.Marks())
	asks := l.Up(at(2000)).Asks
	require.Len(t, asks, 2)
	assert.Equal(t, of(authors[0]).WithSince(epoch+700), asks[0].Filter)
	assert.Equal(t, of(authors[1]), asks[1].Filter)
	for _, a := range asks {
		l.Answered(a, resume.Page{}, told, at(2000))
	}
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 1000}}, l.Marks())
	l.Down()
	assert.Len(t, l.Up(at(3000)).Asks, 1)
}
