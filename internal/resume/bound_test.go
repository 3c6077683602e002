package resume_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// Shows L05, D33.
func TestAResumeBeginsAtTheEarlierOfAliveAndNewest(t *testing.T) {
	for name, c := range map[string]struct {
		newest, alive int64
		want          int64
	}{
		"newest, where publishers' clocks are behind": {newest: 400, alive: 1000, want: 100},
		"alive, where they are ahead":                 {newest: 1600, alive: 1000, want: 700},
		"alive, after a bogus event":                  {newest: int64(bogus - epoch), alive: 1000, want: 700},
		"newest, where nothing has come for a day":    {newest: -86400, alive: 1000, want: -86700},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(notes().WithSince(epoch - 10*day))
			loaded(t, l, 0, page(1, c.newest, c.newest))
			l.Alive(at(c.alive))
			assert.Equal(t, c.want, since(t, again(t, l, 2000)))
		})
	}
}

func TestALiveEventIsProvenLikeAStoredOne(t *testing.T) {
	l := legOf(notes())
	loaded(t, l, 0, page(1, -1000, -1000))
	l.Alive(at(5000))
	l.Proven(0, epoch+3000)
	l.Proven(0, epoch+2000)
	assert.Equal(t, int64(2700), since(t, again(t, l, 9000)))
}

func TestWhatArrivedWhileTheREQWasUnderWayDoesNotMoveTheBoundBeyondIt(t *testing.T) {
	l := legOf(notes())
	loaded(t, l, 100, page(3, 50, 109)) // sent at 100, answered ten seconds later
	assert.Equal(t, int64(-200), since(t, again(t, l, 500)))
}

// Shows D33.
func TestAResumeAsksWithoutTheLimitAndKeepsTheRest(t *testing.T) {
	f := notes().WithAuthors(authors[0]).WithTag("t", "a").WithUntil(epoch + 10*day).WithLimit(5)
	l := legOf(f)
	loaded(t, l, 0, page(2, -2000, -1000))
	want := f.WithSince(epoch - 1300)
	want.Limit = 0
	assert.Equal(t, want, again(t, l, 500))
}

// Shows D33.
func TestNothingOlderThanAFirstLoadThatLeftSomethingOutIsFetched(t *testing.T) {
	for name, c := range map[string]struct {
		filter nostr.Filter
		page   resume.Page
		want   int64
	}{
		"a limit that was reached":              {notes().WithLimit(2), page(2, -20, -10), -20},
		"a limit that was not":                  {notes().WithLimit(3), page(2, -20, -10), -310},
		"a page that was cut":                   {notes(), page(10, -20, -10), -20},
		"one that was not":                      {notes(), page(9, -20, -10), -310},
		"a limit that was reached, long before": {notes().WithLimit(2), page(2, -9000, -10), -310},
		"a limit that only the future reached":  {notes().WithLimit(2), page(2, 4000, 5000), 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := legOf(c.filter)
			loaded(t, l, 0, c.page)
			assert.Equal(t, c.want, since(t, again(t, l, 500)))
		})
	}
}

func TestNothingProvenYet(t *testing.T) {
	t.Run("the filter's own since", func(t *testing.T) {
		l := legOf(notes().WithSince(epoch - 9*day))
		loaded(t, l, 0, resume.Page{})
		l.Alive(at(1000))
		assert.Equal(t, -9*int64(day), since(t, again(t, l, 2000)))
	})
	t.Run("the time of the first REQ", func(t *testing.T) {
		for _, f := range []nostr.Filter{notes(), notes().WithLimit(0), notes().WithLimit(7)} {
			l := legOf(f)
			loaded(t, l, 50, resume.Page{})
			l.Alive(at(1000))
			assert.Equal(t, int64(-250), since(t, again(t, l, 2000)), "%s", f)
			assert.Equal(t, int64(-250), since(t, again(t, l, 3000)), "%s", f)
		}
	})
	t.Run("not after until", func(t *testing.T) {
		l := legOf(notes().WithUntil(epoch - 1000))
		loaded(t, l, 50, resume.Page{})
		assert.Equal(t, int64(-1300), since(t, again(t, l, 2000)))
	})
}

// Who wanted nothing stored gets little of it, even if a live event was dated long ago.
func TestLimitZeroHasAFloor(t *testing.T) {
	l := legOf(notes().WithLimit(0))
	loaded(t, l, 0, resume.Page{})
	l.Proven(0, epoch-100*day)
	assert.Equal(t, -300-int64(nostr.MaxAhead), since(t, again(t, l, 2000)))
}

func TestAFilterKeepsALaterSinceOfItsOwn(t *testing.T) {
	l := legOf(notes().WithSince(epoch - 10))
	loaded(t, l, 0, page(1, 5, 5))
	assert.Equal(t, int64(-10), since(t, again(t, l, 100)))
}

const wraps = int64(2*24+1) * 3600

// Shows P65, D33.
func TestGiftWrapsAreAskedForApartAndFromEarlierOn(t *testing.T) {
	resumed := func(t *testing.T, f nostr.Filter, p resume.Page) []*resume.Ask {
		l := legOf(f)
		loaded(t, l, 0, p)
		l.Down()
		return l.Up(at(500)).Asks
	}
	t.Run("among other kinds", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{Kinds: []nostr.Kind{1, 1059, 7}}, page(1, 0, 0))
		require.Len(t, asks, 2)
		assert.Equal(t, []nostr.Kind{1, 7}, asks[0].Filter.Kinds)
		assert.Equal(t, int64(-300), since(t, asks[0].Filter))
		assert.Equal(t, `{"kinds":[1,7],"limit":1}`, asks[0].Moved.String())
		assert.Equal(t, []nostr.Kind{1059}, asks[1].Filter.Kinds)
		assert.Equal(t, -300-wraps, since(t, asks[1].Filter))
		assert.Equal(t, `{"kinds":[1059],"limit":1}`, asks[1].Moved.String())
	})
	t.Run("where no kinds are listed", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{}, page(1, 0, 0))
		require.Len(t, asks, 2)
		assert.Nil(t, asks[0].Filter.Kinds)
		assert.Equal(t, int64(-300), since(t, asks[0].Filter))
		assert.Equal(t, []nostr.Kind{1059}, asks[1].Filter.Kinds)
	})
	t.Run("alone", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{Kinds: []nostr.Kind{1059}}, page(1, 0, 0))
		require.Len(t, asks, 1)
		assert.Equal(t, -300-wraps, since(t, asks[0].Filter))
	})
	t.Run("below the floor", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{}.WithLimit(1), page(1, -5, -5))
		require.Len(t, asks, 2)
		assert.Equal(t, int64(-5), since(t, asks[0].Filter))
		assert.Equal(t, -305-wraps, since(t, asks[1].Filter))
	})
	t.Run("not before the filter's own since", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{}.WithSince(epoch-1000), page(1, 0, 0))
		require.Len(t, asks, 2)
		assert.Equal(t, int64(-1000), since(t, asks[1].Filter))
	})
	t.Run("and not apart where that is the bound of all", func(t *testing.T) {
		asks := resumed(t, nostr.Filter{}.WithSince(epoch-100), page(1, 0, 0))
		require.Len(t, asks, 1)
		assert.Equal(t, `{"since":1749999900}`, asks[0].Filter.String())
	})
}

func TestAMarkIsWhatARestartResumesFrom(t *testing.T) {
	l := legOf(notes().WithLimit(2), notes().WithAuthors(authors[0]))
	asks := l.Up(at(0)).Asks
	require.Len(t, asks, 2)
	assert.Equal(t, []resume.Mark{{}, {}}, l.Marks(), "a first load that goes on is none")
	l.Answered(asks[0], page(2, -50, 10), told, at(5))
	l.Answered(asks[1], resume.Page{}, told, at(6))
	assert.Equal(t, []resume.Mark{
		{Loaded: true, Any: true, At: epoch + 5, Floor: epoch - 50},
		{Loaded: true, At: epoch + 6},
	}, l.Marks())
	l.Alive(at(100))
	l.Proven(1, epoch+70)
	marks := l.Marks()
	assert.Equal(t, []resume.Mark{
		{Loaded: true, Any: true, At: epoch + 10, Floor: epoch - 50},
		{Loaded: true, Any: true, At: epoch + 70},
	}, marks)

	l = resume.New([]nostr.Filter{notes().WithLimit(2), notes().WithAuthors(authors[0])}, marks, resume.Config{Overlap: overlap})
	asks = l.Up(at(1000)).Asks
	require.Len(t, asks, 2)
	assert.Equal(t, int64(-50), since(t, asks[0].Filter))
	assert.Equal(t, int64(-230), since(t, asks[1].Filter))
	assert.True(t, asks[0].Resumed && asks[1].Resumed)
	assert.Equal(t, marks, l.Marks())
}

// Shows D39.
func TestAMarkOfAnotherFilterLeavesSomethingToAskFor(t *testing.T) {
	f := notes().WithUntil(epoch)
	l := resume.New([]nostr.Filter{f}, []resume.Mark{{Loaded: true, Any: true, At: epoch + 5000}}, resume.Config{Overlap: overlap})
	assert.Equal(t, f.WithSince(epoch), only(t, l.Up(at(6000))).Filter)
}

// A clock that was wrong and is set back must not mute what is dated before the mark.
func TestAMarkInTheFutureIsTheePresent(t *testing.T) {
	l := resume.New([]nostr.Filter{notes()}, []resume.Mark{{Loaded: true, Any: true, At: bogus}}, resume.Config{Overlap: overlap})
	assert.Equal(t, int64(700), since(t, only(t, l.Up(at(1000))).Filter))
}

func TestNoTimeIsTooStrange(t *testing.T) {
	dates := []nostr.Timestamp{math.MinInt64, -1, 0, 1, epoch, math.MaxInt64 - 1, math.MaxInt64}
	times := []time.Time{{}, time.Unix(0, 0), epoch.Time(), nostr.Timestamp(math.MaxInt64).Time()}
	overlaps := []time.Duration{math.MinInt64, 0, 1, overlap, math.MaxInt64}
	for _, date := range dates {
		for _, now := range times {
			for _, over := range overlaps {
				for _, f := range []nostr.Filter{notes(), notes().WithLimit(0), {}, notes().WithSince(5), notes().WithUntil(math.MaxInt64)} {
					l := resume.New([]nostr.Filter{f}, nil, resume.Config{Overlap: over})
					a := only(t, l.Up(now))
					for range 3 {
						p := resume.Page{Events: 10, Fresh: 10, Total: 10, Oldest: date, Newest: date}
						next := []*resume.Ask{a}
						for n := 0; len(next) > 0 && n < 50; n++ {
							for _, a := range next {
								require.NoError(t, a.Filter.Validate())
								require.NoError(t, a.Moved.Validate())
							}
							s := l.Answered(next[0], p, told, now)
							next = append(next[1:], s.Asks...)
							p = resume.Page{}
						}
						l.Proven(0, date)
						l.Alive(now)
						l.Down()
						asks := l.Up(now).Asks
						require.NotEmpty(t, asks)
						a = asks[0]
						require.NoError(t, a.Filter.Validate())
						require.False(t, a.Filter.MatchesNothing())
					}
				}
			}
		}
	}
	l := resume.New([]nostr.Filter{notes()}, []resume.Mark{{Loaded: true, Any: true, At: math.MinInt64, Floor: math.MinInt64}}, resume.Config{Overlap: overlap})
	assert.Equal(t, nostr.Timestamp(0), *only(t, l.Up(at(0))).Filter.Since)
}
