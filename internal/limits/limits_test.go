package limits_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/internal/limits"
	"github.com/gennostr/gennostr/nostr/nip11"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

const tooMany = "ERROR: too many concurrent REQs"

func num(n int64) *int64 { return &n }

func page(l *limits.Limits) [2]any {
	n, known := l.Page()
	return [2]any{n, known}
}

func TestNothingIsKnownAtFirst(t *testing.T) {
	var l limits.Limits
	assert.Equal(t, 20, l.Subscriptions())
	assert.Equal(t, 50, l.Filters())
	assert.Equal(t, 64<<10, l.MessageBytes())
	assert.Equal(t, 64, l.SubIDLength())
	assert.Equal(t, [2]any{50, false}, page(&l))
	l.Connected(noon)
	l.Connected(noon.Add(100 * limits.RetryAfter))
	assert.Equal(t, 20, l.Subscriptions())
}

func TestWhatIsTold(t *testing.T) {
	var l limits.Limits
	l.Told(nip11.Limitation{MaxSubscriptions: num(200), MaxFilters: num(10), MaxMessageLength: num(131072), MaxSubidLength: num(16), MaxLimit: num(500), DefaultLimit: num(100)})
	assert.Equal(t, 200, l.Subscriptions())
	assert.Equal(t, 10, l.Filters())
	assert.Equal(t, 131072, l.MessageBytes())
	assert.Equal(t, 16, l.SubIDLength())
	assert.Equal(t, [2]any{100, true}, page(&l))

	l.Told(nip11.Limitation{MaxSubidLength: num(256), DefaultLimit: num(1000), MaxLimit: num(300)})
	assert.Equal(t, 20, l.Subscriptions(), "told no more")
	assert.Equal(t, 64, l.SubIDLength(), "NIP-01 allows no more")
	assert.Equal(t, [2]any{300, true}, page(&l), "the smaller one")

	for _, n := range []int64{0, -1, math.MinInt64} {
		l.Told(nip11.Limitation{MaxSubscriptions: &n, MaxFilters: &n, MaxMessageLength: &n, MaxSubidLength: &n, MaxLimit: &n, DefaultLimit: &n})
		assert.Equal(t, []any{20, 50, 64 << 10, 64, [2]any{50, false}}, []any{l.Subscriptions(), l.Filters(), l.MessageBytes(), l.SubIDLength(), page(&l)}, n)
	}
	huge := num(math.MaxInt64)
	l.Told(nip11.Limitation{MaxSubscriptions: huge, MaxFilters: huge, MaxMessageLength: huge, MaxSubidLength: huge, MaxLimit: huge, DefaultLimit: huge})
	assert.Equal(t, []any{1 << 20, 1 << 20, 1 << 20, 64, [2]any{1 << 20, true}}, []any{l.Subscriptions(), l.Filters(), l.MessageBytes(), l.SubIDLength(), page(&l)})
}

func TestP51ThePageCap(t *testing.T) {
	var l limits.Limits
	l.SawPage(30, 1, 2)
	assert.Equal(t, [2]any{50, false}, page(&l), "50 at least")
	l.SawPage(120, 1, 2)
	l.SawPage(80, 1, 2)
	assert.Equal(t, [2]any{120, false}, page(&l), "the largest so far")

	l.Told(nip11.Limitation{MaxLimit: num(500)})
	assert.Equal(t, [2]any{120, false}, page(&l), "without a limit it may send less, and does not say so")
	l.SawPage(500, 1, 2)
	assert.Equal(t, [2]any{500, true}, page(&l), "a page of just that size")
	l.SawPage(501, 1, 2)
	assert.Equal(t, [2]any{501, false}, page(&l), "it does not keep to what it tells")
	l.Told(nip11.Limitation{MaxLimit: num(5000), DefaultLimit: num(400)})
	assert.Equal(t, [2]any{400, true}, page(&l), "the one that was told for it, and be it too low: that costs a question")
	l.SawPage(math.MaxInt, 1, 2)
	l.Told(nip11.Limitation{})
	assert.Equal(t, [2]any{1 << 20, false}, page(&l))
}

// A burst of 20 REQs on a relay that serves ten: the refusals come one by one, and each
// finds one REQ less open.
// Shows D32.
func TestRefusalsAreLearntFrom(t *testing.T) {
	var l limits.Limits
	for open := 19; open >= 10; open-- {
		assert.Equal(t, limits.TooManySubscriptions, l.Refused("error: too many subscriptions", open))
		assert.Equal(t, open, l.Subscriptions())
	}
	l.Refused(tooMany, 15)
	assert.Equal(t, 10, l.Subscriptions(), "an older refusal raises nothing")
	l.Refused("rate-limited: slow down", 3)
	l.Refused("", 3)
	l.Refused("auth-required: too many subscriptions for strangers", 3)
	assert.Equal(t, 10, l.Subscriptions(), "others teach nothing")
	l.Told(nip11.Limitation{MaxSubscriptions: num(200)})
	assert.Equal(t, 10, l.Subscriptions(), "what it does counts more than what it tells")
	l.Told(nip11.Limitation{MaxSubscriptions: num(5)})
	assert.Equal(t, 5, l.Subscriptions())
	for _, open := range []int{0, -1, math.MinInt} {
		var l limits.Limits
		l.Refused(tooMany, open)
		assert.Equal(t, 1, l.Subscriptions(), "never less than one")
	}
}

func TestARefusalAboveWhatIsToldTeachesNothing(t *testing.T) {
	var l limits.Limits
	l.Told(nip11.Limitation{MaxSubscriptions: num(10)})
	l.Refused(tooMany, 12) // raw REQs of the program's
	l.Told(nip11.Limitation{})
	assert.Equal(t, 20, l.Subscriptions())
}

func TestP31ANoticeAloneChangesNothing(t *testing.T) {
	var l limits.Limits
	assert.True(t, l.Notice(tooMany))
	assert.False(t, l.Notice("restarting in five minutes"))
	assert.Equal(t, 20, l.Subscriptions())
	l.Overloaded(7)
	assert.Equal(t, 7, l.Subscriptions())
}

func TestLearntFilters(t *testing.T) {
	var l limits.Limits
	l.LearntFilters(60)
	assert.Equal(t, 50, l.Filters())
	l.LearntFilters(4)
	l.LearntFilters(9)
	assert.Equal(t, 4, l.Filters())
	l.LearntFilters(0)
	assert.Equal(t, 1, l.Filters())
}

func TestLearntNumbersAreTriedUpwardsAfterADay(t *testing.T) {
	var l limits.Limits
	l.Overloaded(3)
	l.LearntFilters(30)
	now := noon
	for range 10 { // a link that is cut every minute asks the relay nothing more
		l.Connected(now)
		now = now.Add(time.Minute)
	}
	assert.Equal(t, 3, l.Subscriptions())
	var rose []int
	for range 5 {
		now = now.Add(limits.RetryAfter)
		l.Connected(now)
		rose = append(rose, l.Subscriptions())
	}
	assert.Equal(t, []int{6, 12, 20, 20, 20}, rose)
	assert.Equal(t, 50, l.Filters())

	l.Overloaded(3)
	l.Connected(now)
	l.Connected(now.Add(limits.RetryAfter - 1))
	assert.Equal(t, 3, l.Subscriptions(), "refused again: another day")
	l.Connected(now.Add(limits.RetryAfter))
	assert.Equal(t, 6, l.Subscriptions())
}

// Whatever relays say and do, and whenever: the numbers are positive and within what
// is told, and only a new connection a day later raises what has been learnt.
// Shows B28.
func TestNumbersStayWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l limits.Limits
		now := noon
		told := 20
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			before := l.Subscriptions()
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				n := rapid.Int64().Draw(t, "told")
				l.Told(nip11.Limitation{MaxSubscriptions: &n, MaxFilters: &n, MaxMessageLength: &n, DefaultLimit: &n})
				told = 20
				if n > 0 {
					told = int(min(n, 1<<20))
				}
			case 1:
				l.Overloaded(rapid.Int().Draw(t, "open"))
				require.LessOrEqual(t, l.Subscriptions(), before)
			case 2:
				l.Refused(rapid.SampledFrom([]string{tooMany, "invalid: too many filters", "no"}).Draw(t, "text"), rapid.IntRange(-5, 500).Draw(t, "open"))
				require.LessOrEqual(t, l.Subscriptions(), before)
			case 3:
				l.LearntFilters(rapid.Int().Draw(t, "filters"))
				l.SawPage(rapid.Int().Draw(t, "page"), 1, 2)
			default:
				now = now.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "passed")))
				l.Connected(now)
				require.LessOrEqual(t, l.Subscriptions(), min(told, 2*before))
			}
			require.GreaterOrEqual(t, l.Subscriptions(), 1)
			require.LessOrEqual(t, l.Subscriptions(), told)
			require.GreaterOrEqual(t, l.Filters(), 1)
			require.GreaterOrEqual(t, l.MessageBytes(), 1)
			n, _ := l.Page()
			require.GreaterOrEqual(t, n, 1)
		}
	})
}

// One page that is as large as the largest says nothing; two different ones do.
func TestACapIsBelievedWhenDifferentPagesAreAsLarge(t *testing.T) {
	var l limits.Limits
	l.SawPage(100, 10, 20)
	l.SawPage(100, 10, 20)
	assert.False(t, l.Capped(), "the same again")
	l.SawPage(60, 1, 9)
	assert.False(t, l.Capped())
	l.SawPage(100, 5, 10)
	assert.True(t, l.Capped())
	l.SawPage(101, 1, 2)
	assert.False(t, l.Capped(), "it gives more than that")

	var small limits.Limits
	small.SawPage(3, 1, 2)
	small.SawPage(3, 4, 5)
	assert.False(t, small.Capped(), "nobody has such a cap")
}

func TestALimitThatIsRefusedIsHalvedOrAsTold(t *testing.T) {
	var l limits.Limits
	assert.Equal(t, 1<<20, l.Limit())
	require.True(t, l.LimitRefused(5000))
	assert.Equal(t, 2500, l.Limit())
	require.True(t, l.LimitRefused(4000), "of a REQ that was sent before")
	assert.Equal(t, 2000, l.Limit())
	assert.False(t, l.LimitRefused(1), "there is nothing lower")

	told := int64(500)
	l = limits.Limits{}
	l.Told(nip11.Limitation{MaxLimit: &told})
	require.True(t, l.LimitRefused(5000))
	assert.Equal(t, 500, l.Limit())
	require.True(t, l.LimitRefused(500), "although it has told so")
	assert.Equal(t, 250, l.Limit())
	day := time.Now()
	l.Connected(day)
	l.Connected(day.Add(limits.RetryAfter))
	assert.Equal(t, 500, l.Limit(), "tried upwards after a day")
}
