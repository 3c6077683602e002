package resume_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

func TestAFirstLoadAsksForTheFilterAsItIs(t *testing.T) {
	filters := []nostr.Filter{notes().WithLimit(5), notes().WithSince(epoch), {}, notes().WithLimit(0).WithAuthors(authors[0])}
	s := legOf(filters...).Up(at(0))
	require.Len(t, s.Asks, len(filters))
	assert.False(t, s.Live)
	for i, a := range s.Asks {
		assert.Equal(t, i, a.Track)
		assert.Equal(t, filters[i], a.Filter)
		assert.False(t, a.Once || a.Resumed)
	}
	assert.Equal(t, notes().WithLimit(1), s.Asks[0].Moved)
	assert.Equal(t, notes().WithSince(epoch).WithLimit(1), s.Asks[1].Moved)
	assert.Equal(t, filters[3], s.Asks[3].Moved, "who wants nothing stored is not sent one")
}

func TestLiveIsSaidOnceForEachUpWhenAllTracksAreThere(t *testing.T) {
	l := legOf(notes(), history())
	asks := l.Up(at(0)).Asks
	assert.False(t, l.Answered(asks[0], page(1, -1, -1), told, at(0)).Live)
	s := l.Answered(asks[1], page(10, -9, -1), told, at(0))
	assert.False(t, s.Live)
	assert.False(t, l.CaughtUp())
	assert.True(t, l.Answered(only(t, s), page(1, -9, -9), told, at(1)).Live)
	assert.True(t, l.CaughtUp())
	lost := only(t, l.Lost(asks[0]))
	assert.False(t, l.CaughtUp())
	assert.False(t, l.Answered(lost, page(1, -1, -1), told, at(2)).Live)
	assert.True(t, l.CaughtUp())
	l.Down()
	assert.False(t, l.CaughtUp())
	asks = l.Up(at(9)).Asks
	assert.False(t, l.Answered(asks[0], resume.Page{}, told, at(9)).Live)
	assert.True(t, l.Answered(asks[1], resume.Page{}, told, at(9)).Live)
}

func TestNothingToAskIsLive(t *testing.T) {
	assert.Equal(t, resume.Step{Live: true}, legOf().Up(at(0)))
	nobody := notes().WithAuthors()
	l := legOf(nobody, notes().WithSince(5).WithUntil(4))
	assert.Equal(t, resume.Step{Live: true}, l.Up(at(0)))
	assert.Equal(t, []resume.Mark{{}, {}}, l.Marks())
	l.Down()
	assert.Equal(t, resume.Step{Live: true}, l.Up(at(0)))
}

// Shows D35.
func TestAnUnfinishedFirstLoadIsRepeated(t *testing.T) {
	f := history()
	l := legOf(f)
	t.Run("before the EOSE", func(t *testing.T) {
		only(t, l.Up(at(0)))
		l.Proven(0, epoch)
		assert.Equal(t, f, again(t, l, 10))
	})
	t.Run("between pages", func(t *testing.T) {
		l.Down()
		s := l.Answered(only(t, l.Up(at(20))), page(10, -9, -1), told, at(20))
		l.Proven(0, epoch+25)
		assert.Equal(t, f, again(t, l, 30))
		assert.Empty(t, l.Answered(s.Asks[0], page(10, -90, -9), told, at(21)), "what was asked before is void")
	})
	t.Run("and not once it is there", func(t *testing.T) {
		l.Down()
		s := l.Answered(only(t, l.Up(at(40))), page(10, -9, -1), told, at(40))
		require.True(t, l.Answered(only(t, s), page(2, -9, -9), told, at(41)).Live)
		assert.Equal(t, int64(-301), since(t, again(t, l, 50)))
	})
}

// Shows D35.
func TestAnInterruptedResumeStartsAgainFromTheSameBound(t *testing.T) {
	l := legOf(notes().WithLimit(3))
	loaded(t, l, 0, page(2, -700, -1))
	for now := int64(1000); now < 5000; now += 1000 {
		l.Down()
		a := only(t, l.Up(at(now)))
		assert.Equal(t, `{"kinds":[1],"since":1749999699}`, a.Filter.String())
		l.Alive(at(now + 1))
		next := only(t, l.Answered(a, page(10, now-100, now-1), told, at(now)))
		l.Proven(0, epoch+nostr.Timestamp(now+5))
		l.Alive(at(now + 9))
		if now == 3000 {
			only(t, l.Answered(next, page(10, now-200, now-100), told, at(now)))
		}
	}
}

func TestALostAskIsAskedAgain(t *testing.T) {
	t.Run("before its EOSE", func(t *testing.T) {
		l := legOf(history())
		a := only(t, l.Up(at(0)))
		b := only(t, l.Lost(a))
		assert.NotSame(t, a, b)
		assert.Equal(t, history(), b.Filter)
		assert.Empty(t, l.Answered(a, page(1, -1, -1), told, at(0)), "the lost one is over")
		assert.Empty(t, l.Lost(a))
		assert.True(t, l.Answered(b, page(1, -1, -1), told, at(1)).Live)
	})
	t.Run("a page", func(t *testing.T) {
		l := legOf(history())
		page1 := only(t, l.Answered(only(t, l.Up(at(0))), page(10, -9, -1), told, at(0)))
		again := only(t, l.Lost(page1))
		assert.Equal(t, page1.Filter, again.Filter)
		assert.True(t, again.Once)
		assert.False(t, l.CaughtUp())
		assert.True(t, l.Answered(again, page(1, -9, -9), told, at(1)).Live)
	})
	t.Run("live, from where nothing is missing", func(t *testing.T) {
		l := legOf(notes().WithLimit(9))
		a := loaded(t, l, 0, page(1, -1, -1))
		l.Alive(at(600))
		l.Proven(0, epoch+590)
		b := only(t, l.Lost(a))
		assert.Equal(t, notes().WithSince(epoch+290), b.Filter)
		assert.True(t, b.Resumed)
		assert.False(t, b.Once)
		assert.Equal(t, notes().WithLimit(1), b.Moved)
	})
	t.Run("live, between pages: those go on", func(t *testing.T) {
		l := legOf(history())
		a := only(t, l.Up(at(0)))
		next := only(t, l.Answered(a, page(10, -900, -10), told, at(0)))
		l.Proven(0, epoch+50)
		l.Alive(at(40))
		b := only(t, l.Lost(a))
		assert.Equal(t, int64(-260), since(t, b.Filter), "what came since the first page is not asked for again")
		s := l.Answered(next, page(3, -950, -900), told, at(45))
		assert.Empty(t, s)
		assert.Equal(t, []resume.Mark{{}}, l.Marks())
		assert.True(t, l.Answered(b, page(3, -200, 60), told, at(50)).Live)
		assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 50}}, l.Marks())
	})
}

func TestALimitedFirstLoadThatIsLostBetweenPagesIsNotTakenUpBelowThem(t *testing.T) {
	l := legOf(notes().WithLimit(25))
	a := only(t, l.Up(at(0)))
	only(t, l.Answered(a, page(10, -40, -1), told, at(0)))
	l.Proven(0, epoch+100)
	l.Alive(at(100))
	assert.Equal(t, notes().WithSince(epoch-40), only(t, l.Lost(a)).Filter)
}

func TestWhatWasThereBeforeAnAskWasLostIsNotAskedForAgainAfterACut(t *testing.T) {
	l := legOf(notes())
	a := loaded(t, l, 0, page(1, -1, -1))
	l.Alive(at(600))
	l.Proven(0, epoch+590)
	l.Lost(a)
	assert.Equal(t, int64(290), since(t, again(t, l, 900)))
}

func TestWhatAnInterruptedResumeHasProvenDoesNotCount(t *testing.T) {
	l := legOf(notes())
	loaded(t, l, 0, page(1, -1, -1))
	l.Down()
	only(t, l.Answered(only(t, l.Up(at(100))), page(10, 0, 5000), told, at(100)))
	l.Down()
	l.Answered(only(t, l.Up(at(1000))), page(2, -1, 900), told, at(1000))
	assert.Equal(t, epoch+900, l.Marks()[0].At)
}

// A relay that has closed a subscription still answers pings.
func TestALostAskDoesNotLiveWithItsConnection(t *testing.T) {
	l := legOf(notes())
	a := loaded(t, l, 0, page(1, 10, 10))
	b := only(t, l.Lost(a))
	l.Alive(at(5000))
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch}}, l.Marks())
	c := only(t, l.Lost(b))
	assert.Equal(t, int64(-300), since(t, c.Filter))
	l.Answered(c, page(1, 4000, 4000), told, at(6000))
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 4000}}, l.Marks())
}

func TestGiftWrapsThatAreLostAreTheirOwnAffair(t *testing.T) {
	l := legOf(nostr.Filter{Kinds: []nostr.Kind{1, 1059}})
	a := loaded(t, l, 0, page(1, 0, 0))
	both := l.Lost(a).Asks
	require.Len(t, both, 2, "a first load is for all kinds, a resume is not")
	l.Answered(both[0], resume.Page{}, told, at(1000))
	assert.Equal(t, int64(-300), since(t, only(t, l.Lost(both[0])).Filter), "the gap before is still open for the others")
	l.Down()
	both = l.Up(at(2000)).Asks
	l.Answered(both[0], page(1, 1990, 1990), told, at(2000))
	assert.Equal(t, int64(-300), since(t, only(t, l.Lost(both[0])).Filter), "and so it is on the next connection")
	l.Down()
	both = l.Up(at(2000)).Asks
	for _, a := range both {
		l.Answered(a, page(1, 1990, 1990), told, at(2000))
	}
	wrapsAgain := only(t, l.Lost(both[1]))
	assert.Equal(t, []nostr.Kind{1059}, wrapsAgain.Filter.Kinds)
	assert.Equal(t, 1690-wraps, since(t, wrapsAgain.Filter))
	l.Alive(at(3000))
	assert.Equal(t, epoch+1990, l.Marks()[0].At)
}

func TestATakeoverIsASignOfLife(t *testing.T) {
	l := legOf(notes())
	a := loaded(t, l, 0, page(1, 0, 0))
	assert.Empty(t, l.Answered(a, page(1, 900, 900), told, at(1000)))
	assert.Equal(t, []resume.Mark{{Loaded: true, Any: true, At: epoch + 900}}, l.Marks())
	assert.True(t, l.CaughtUp())
}

func TestAFreshFilterIsUnansweredAndMayBeCut(t *testing.T) {
	l := legOf(notes().WithLimit(3))
	a := only(t, l.Up(at(0)))
	assert.Equal(t, a.Filter, l.Fresh(a), "nothing new before the EOSE")
	l.Answered(a, page(1, -1, -1), told, at(0))
	l.Alive(at(500))
	l.Proven(0, epoch+499)
	want := notes().WithSince(epoch + 199)
	assert.Equal(t, want, l.Fresh(a))
	assert.Equal(t, want, a.Filter)
	assert.True(t, a.Resumed)
	assert.False(t, l.CaughtUp())
	l.Alive(at(900))
	assert.Equal(t, epoch+499, l.Marks()[0].At)
	next := only(t, l.Answered(a, page(10, 400, 800), told, at(700)))
	assert.Equal(t, want.WithUntil(epoch+400), next.Filter)
	assert.Equal(t, next.Filter, l.Fresh(next))
	l.Answered(next, page(1, 400, 400), told, at(701))
	assert.Equal(t, epoch+700, l.Marks()[0].At)
	assert.Equal(t, a.Filter, l.Fresh(a).WithSince(*a.Filter.Since))
}

func TestAFreshFilterIsOneForGiftWrapsToo(t *testing.T) {
	l := legOf(nostr.Filter{})
	a := loaded(t, l, 0, page(1, 0, 0))
	f := l.Fresh(a)
	assert.Nil(t, f.Kinds)
	assert.Equal(t, -300-wraps, since(t, f))
}

// Shows D36.
func TestEphemeralKindsHaveAPossibleGap(t *testing.T) {
	for name, c := range map[string]struct {
		kinds []nostr.Kind
		gap   bool
	}{
		"named":     {[]nostr.Kind{1, 23194}, true},
		"not named": {[]nostr.Kind{1}, false},
		"all kinds": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			want := []resume.Gap{{Since: epoch - 300, Until: epoch + 1000, Possible: true}}
			if !c.gap {
				want = nil
			}
			l := legOf(nostr.Filter{Kinds: c.kinds}.WithLimit(7))
			a := loaded(t, l, 0, page(1, 0, 0))
			l.Down()
			var gaps []resume.Gap
			for _, a = range l.Up(at(900)).Asks {
				gaps = append(gaps, l.Answered(a, resume.Page{}, told, at(1000)).Gaps...)
			}
			assert.Equal(t, want, gaps, "after an outage")
			if c.gap {
				again := only(t, l.Lost(a))
				gaps = l.Answered(again, resume.Page{}, told, at(2000)).Gaps
				assert.Equal(t, []resume.Gap{{Since: epoch - 300, Until: epoch + 2000, Possible: true}}, gaps, "after a CLOSED")
			}
		})
	}
}

// Shows D36.
func TestLiveOnlyResumesNothing(t *testing.T) {
	l := resume.New([]nostr.Filter{notes().WithSince(epoch).WithLimit(50), notes().WithLimit(0)}, nil, resume.Config{LiveOnly: true, Overlap: overlap})
	for now := range int64(3) {
		asks := l.Up(at(now)).Asks
		require.Len(t, asks, 2)
		assert.Equal(t, notes().WithSince(epoch).WithLimit(1), asks[0].Filter)
		assert.Equal(t, notes().WithLimit(0), asks[1].Filter)
		assert.False(t, l.Answered(asks[0], page(1, -1, -1), resume.Caps{Page: 1, Known: true}, at(now)).Live)
		s := l.Answered(asks[1], page(10, -1, -1), told, at(now))
		assert.Equal(t, resume.Step{Live: true}, s)
		lost := only(t, l.Lost(asks[0]))
		assert.Equal(t, asks[0].Filter, lost.Filter)
		l.Answered(lost, page(1, -1, -1), told, at(now))
		assert.Equal(t, lost.Filter, l.Fresh(lost))
		assert.Equal(t, []resume.Mark{{}, {}}, l.Marks())
		l.Down()
	}
}

func TestFetchAsksOnceInParts(t *testing.T) {
	ids := make([]nostr.ID, 600)
	for i := range ids {
		ids[i] = nostr.ID{byte(i), byte(i >> 8)}
	}
	l := legOf(notes())
	assert.Empty(t, l.Fetch(append(ids[:300:300], ids[0])), "nothing is open")
	s := l.Up(at(0))
	require.Len(t, s.Asks, 3)
	assert.Equal(t, resume.Step{}, l.Fetch(ids[:300]), "it is under way")
	more := l.Fetch(ids)
	require.Len(t, more.Asks, 2)
	var asked []nostr.ID
	fetches := append(s.Asks[1:], more.Asks...)
	for _, a := range fetches {
		assert.Equal(t, -1, a.Track)
		assert.True(t, a.Once && a.Resumed)
		assert.LessOrEqual(t, len(a.Filter.IDs), 256)
		assert.Equal(t, nostr.Filter{IDs: a.Filter.IDs}, a.Filter)
		asked = append(asked, a.Filter.IDs...)
	}
	assert.Equal(t, ids, asked)
	assert.True(t, l.Answered(s.Asks[0], page(1, -1, -1), told, at(0)).Live, "the tracks are not held up")

	s = l.Answered(fetches[0], page(10, -500, -1), told, at(1))
	rest := only(t, s)
	assert.Equal(t, int64(-500), until(t, rest.Filter))
	assert.Equal(t, rest.Filter, only(t, l.Lost(rest)).Filter)
	l.Answered(fetches[1], page(5, -500, -1), told, at(1))
	l.Down()
	assert.Empty(t, l.Answered(fetches[2], page(5, -500, -1), told, at(1)))
	s = l.Up(at(9))
	require.Len(t, s.Asks, 4, "what was not answered is asked for again")
	for _, a := range s.Asks[1:] {
		l.Answered(a, page(5, -500, -1), told, at(9))
	}
	l.Down()
	assert.Len(t, l.Up(at(19)).Asks, 1)
}

func TestAFilterIsTheLegsOwn(t *testing.T) {
	f := notes().WithAuthors(authors[0]).WithTag("t", "a")
	s := epoch
	f.Since = &s
	want := f.Clone()
	l := legOf(f)
	f.Kinds[0], f.Authors[0], f.Tags["t"][0], s = 9, authors[1], "b", 0
	assert.Equal(t, want, only(t, l.Up(at(0))).Filter)
}
