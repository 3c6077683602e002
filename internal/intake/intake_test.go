package intake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// bench is an intake with everything that it works with, and what came out of it.
type bench struct {
	*intake.Intake
	common   *intake.Shared
	requests *reqs.Table
	window   *mailbox.Window
	long     *mailbox.LongMessages
	ended    chan struct{}
	checks   int   // guarded by mu
	rate     int64 // bytes a second of its long message
	once     bool  // each event is wanted once

	mu      sync.Mutex
	letters []*intake.Letter // guarded by mu
	refused map[error]int    // guarded by mu
	why     []error          // guarded by mu
	unread  int              // guarded by mu
	copies  int              // guarded by mu
	arrived []wire.ServerMessage
	garbled []string
}

func (b *bench) Ended() <-chan struct{}       { return b.ended }
func (b *bench) Arrived(m wire.ServerMessage) { b.arrived = append(b.arrived, m) }
func (b *bench) Unread(*reqs.Request)         { b.mu.Lock(); defer b.mu.Unlock(); b.unread++ }
func (b *bench) Garbled(frame []byte, _ error) {
	b.garbled = append(b.garbled, string(frame))
}

func (b *bench) Had(l *intake.Letter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.once && slices.ContainsFunc(b.letters, func(had *intake.Letter) bool { return had.Event != nil && had.Event.ID == l.Event.ID })
	if had {
		b.copies++
	}
	return had
}

func (b *bench) Deliver(l *intake.Letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters = append(b.letters, l)
}
func (b *bench) Refuse(reason, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused[reason]++
	b.why = append(b.why, err)
}
func (b *bench) Progress() (time.Duration, int64) { return time.Second, b.rate }
func (b *bench) GiveUp() {
	select {
	case <-b.ended:
	default:
		close(b.ended)
	}
}

type limits struct {
	messages int
	bytes    int64
	budget   int64
	maxTags  int
	trusted  bool
	drops    bool
}

var ample = limits{messages: 1000, bytes: 64 << 20, budget: 64 << 20, maxTags: 65_536}

// newBench makes an intake whose verifier counts what it is asked, and takes
// signatures that begin with a 1.
func newBench(t testing.TB, l limits) *bench {
	b := &bench{
		requests: reqs.New(30 * time.Second), window: mailbox.NewWindow(l.messages, l.bytes, mailbox.NewBudget(l.budget)),
		long: intake.NewLongMessages(l.budget), ended: make(chan struct{}), refused: map[error]int{},
	}
	pool := verify.NewPool(verify.Config{Workers: 1, NewCheck: func() verify.Check {
		return verify.Each(func(e *nostr.Event) error {
			b.mu.Lock()
			b.checks++
			b.mu.Unlock()
			if e.Sig[0] != 1 {
				return nostr.ErrBadSignature
			}
			return nil
		})
	}})
	t.Cleanup(pool.Stop)
	b.common = intake.NewShared(pool, true)
	b.Intake = intake.New(b.common, intake.Config{
		Owner: b, Window: b.window, Long: b.long, Requests: b.requests,
		Trusted: l.trusted, MaxTags: l.maxTags, Drops: l.drops,
	})
	return b
}

// take takes a frame and waits until it has been dealt with.
func (b *bench) take(frame string) bool {
	ok := b.Take(&intake.Buffers{Frame: []byte(frame)}, true, false)
	b.Lane().Drain()
	return ok
}

func (b *bench) ask(id string, filters ...nostr.Filter) *reqs.Request {
	return b.requests.Open(id, reqs.Compile(filters), nil, noon)
}

// event makes an event whose id is right, and whose signature is by choice.
func event(kind nostr.Kind, good bool, tags ...nostr.Tag) *nostr.Event {
	e := &nostr.Event{Kind: kind, CreatedAt: 1_700_000_000, Tags: tags, Content: "c"}
	e.ID = e.GetID()
	if good {
		e.Sig[0] = 1
	}
	return e
}

func frameOf(id string, e *nostr.Event) string { return fmt.Sprintf(`["EVENT",%q,%s]`, id, e) }

// The cheap refusals come first: what is not wanted is not hashed, and what is
// hashed wrongly is not verified.
// Shows P06, P26, L02, D17.
func TestTheOrderOfRefusals(t *testing.T) {
	wrongID := event(1, true)
	wrongID.ID[0] ^= 1
	for name, c := range map[string]struct {
		frame  string
		reason error
		checks int
	}{
		"not JSON":                      {`["EVENT","a",{"id":"00"}]`, intake.ErrMalformed, 0},
		"unknown subscription":          {frameOf("b", wrongID), intake.ErrUnsolicited, 0},
		"an AUTH event":                 {frameOf("a", event(nostr.KindClientAuthentication, true)), intake.ErrUnsolicited, 0},
		"no filter wants it":            {frameOf("a", event(2, false)), intake.ErrFilterMismatch, 0},
		"its id is not its hash":        {frameOf("a", wrongID), nostr.ErrBadID, 0},
		"its signature is nobody's":     {frameOf("a", event(1, false)), nostr.ErrBadSignature, 1},
		"an EOSE that was not asked":    {`["EOSE","b"]`, intake.ErrUnsolicited, 0},
		"a COUNT that was not asked":    {`["COUNT","a",{"count":1}]`, intake.ErrUnsolicited, 0},
		"a NEG-MSG that was not asked":  {`["NEG-MSG","a","61"]`, intake.ErrUnsolicited, 0},
		"too many tags":                 {frameOf("a", event(1, true, nostr.Tag{"t"}, nostr.Tag{"t"}, nostr.Tag{"t"}, nostr.Tag{"t"})), intake.ErrMalformed, 0},
		"a CLOSED of a REQ never asked": {`["CLOSED","b","x"]`, intake.ErrUnsolicited, 0},
	} {
		l := ample
		l.maxTags = 3
		b := newBench(t, l)
		b.ask("a", nostr.Filter{Kinds: []nostr.Kind{1, nostr.KindClientAuthentication}})
		assert.True(t, b.take(c.frame), name)
		assert.Equal(t, map[error]int{c.reason: 1}, b.refused, name)
		assert.Equal(t, c.checks, b.checks, name)
		assert.Empty(t, b.letters, name)
		n, _ := b.window.Used()
		assert.Zero(t, n, name)
		assert.Zero(t, b.long.Held(), name)
	}
	b := newBench(t, ample)
	assert.True(t, b.Take(&intake.Buffers{Frame: []byte("x")}, false, true))
	assert.Equal(t, map[error]int{intake.ErrMalformed: 1}, b.refused, "binary")
}

// Its owner finds out of which reconciliation a message is that cannot be read; of all others it is not told.
func TestTheOwnerIsToldOfMessagesOfReconciliationsThatCannotBeRead(t *testing.T) {
	b := newBench(t, ample)
	bad := []string{`["NEG-MSG","a","6"]`, `["NEG-MSG","a","xx"]`, `["NEG-MSG","a"`, `["NEG-ERR","a","bl`}
	for _, frame := range append(bad, `["EOSE","a"`, `["NEG-OPEN","a"`, `["EVENT","a",{"id":"00"}]`, `["NEG-MSG","a","61"]`, `{"NEG-MSG":"a"}`, "") {
		require.True(t, b.take(frame))
	}
	assert.Equal(t, bad, b.garbled)
	assert.Equal(t, 9, b.refused[intake.ErrMalformed])
}

func TestALetterCarriesItsRequest(t *testing.T) {
	b := newBench(t, ample)
	r := b.ask("a", nostr.Filter{})
	require.True(t, b.take(frameOf("a", event(1, true))))
	require.True(t, b.take(`["EOSE","a"]`))
	require.True(t, b.take(frameOf("a", event(2, true))))
	require.True(t, b.take(`["NOTICE","hear"]`))
	require.True(t, b.take(`["CLOSED","a","enough"]`))
	require.Len(t, b.letters, 5)
	assert.False(t, b.letters[0].Live)
	assert.True(t, b.letters[2].Live)
	for i, l := range b.letters {
		if i == 3 {
			assert.Nil(t, l.Request)
		} else {
			assert.Same(t, r, l.Request)
		}
		assert.Equal(t, i == 4, l.Ends)
		b.window.Release(l.Size)
	}
	assert.Equal(t, []wire.ServerMessage{wire.EOSE{SubscriptionID: "a"}, wire.Notice{Message: "hear"}, wire.Closed{SubscriptionID: "a", Message: "enough"}}, b.arrived)
	assert.Equal(t, intake.Counts{Messages: 5, Events: 2}, b.Counts())
}

// What was proven once is not verified again, and what is in hand is told in order.
func TestAProvenEventIsVerifiedOnce(t *testing.T) {
	b := newBench(t, ample)
	b.ask("a", nostr.Filter{})
	for range 3 {
		require.True(t, b.take(frameOf("a", event(1, true))))
	}
	assert.Len(t, b.letters, 3)
	assert.Equal(t, 1, b.checks)
}

func TestATrustedRelaysEventsAreTakenAsTheyAre(t *testing.T) {
	l := ample
	l.trusted = true
	b := newBench(t, l)
	b.ask("a", nostr.Filter{Kinds: []nostr.Kind{1}})
	e := event(1, false)
	e.ID[0] ^= 1
	require.True(t, b.take(frameOf("a", e)))
	require.True(t, b.take(frameOf("a", event(2, false))))
	assert.Len(t, b.letters, 1)
	assert.Equal(t, map[error]int{intake.ErrFilterMismatch: 1}, b.refused)
}

// A verifier whose error does bad things is confined where it is called; here it
// only says that it failed.
func TestAVerifierThatPanicsIsNoFaultOfTheRelays(t *testing.T) {
	b := newBench(t, ample)
	pool := verify.NewPool(verify.Config{Workers: 1, NewCheck: func() verify.Check {
		return verify.Each(func(*nostr.Event) error { panic("mine") })
	}})
	t.Cleanup(pool.Stop)
	in := intake.New(intake.NewShared(pool, false), b.Config)
	b.ask("a", nostr.Filter{})
	require.True(t, in.Take(&intake.Buffers{Frame: []byte(frameOf("a", event(1, true)))}, true, true))
	in.Drain()
	assert.Equal(t, map[error]int{intake.ErrVerifierFailed: 1}, b.refused)
	assert.Equal(t, 1, b.unread)
	assert.Zero(t, in.Counts().Forged)
}

// waiting starts a Take that has to wait, and says so once it does.
func (b *bench) waiting(frame string) (done chan bool) {
	done = make(chan bool, 1)
	go func() { done <- b.Take(&intake.Buffers{Frame: []byte(frame)}, true, false) }()
	for !b.Waits() {
		select {
		case ok := <-done:
			done <- ok
			return done
		default:
		}
	}
	return done
}

func TestAFullWindowHoldsTheReaderUp(t *testing.T) {
	l := ample
	l.messages = 1
	b := newBench(t, l)
	require.True(t, b.take(`["NOTICE","one"]`))
	done := b.waiting(`["NOTICE","two"]`)
	assert.True(t, b.HeldUp())
	b.window.Release(b.letters[0].Size)
	assert.True(t, <-done)
	assert.False(t, b.HeldUp())

	done = b.waiting(`["NOTICE","three"]`)
	b.Hurry()
	assert.True(t, <-done, "its reader goes on to the closing handshake")
	b.Drain()
	assert.Len(t, b.letters, 2, "and what there is no room for is dropped")
	assert.Len(t, b.arrived, 3, "but has arrived")
}

// What there was no room for is missing from what comes behind it: nothing that answers a request is handed on
// any more, lest an EOSE that finds room be taken for the end of all that there was, or a later event for a sign that
// the earlier ones have come. What answers no request is.
func TestNothingBehindADroppedEventCountsAsAnAnswer(t *testing.T) {
	l := ample
	l.bytes = 1000
	b := newBench(t, l)
	b.once = true
	for _, id := range []string{"a", "b"} {
		b.ask(id, nostr.Filter{})
	}
	full := event(1, true)
	full.Content = strings.Repeat("x", 500)
	full.ID = full.GetID()
	require.True(t, b.take(frameOf("a", full)))
	require.Len(t, b.letters, 1)
	assert.False(t, b.Lacks())
	dropped := event(2, true)
	dropped.Content = strings.Repeat("y", 500)
	dropped.ID = dropped.GetID()
	done := b.waiting(frameOf("a", dropped))
	b.Hurry()
	require.True(t, <-done)
	assert.True(t, b.Lacks())
	for _, frame := range []string{`["EOSE","a"]`, frameOf("b", full), frameOf("b", event(3, true)), `["EOSE","b"]`, `["CLOSED","b","bye"]`} {
		require.True(t, b.take(frame))
	}
	require.Len(t, b.letters, 1, "there was room for each of them")
	assert.Zero(t, b.copies, "nor is it counted that one has come again")
	ok := fmt.Sprintf(`["OK","%s",true,""]`, event(4, true).ID)
	require.True(t, b.take(ok))
	require.True(t, b.take(`["NOTICE","soon"]`))
	assert.Len(t, b.letters, 3)
	assert.Len(t, b.arrived, 2)
}

// A message that answers nothing is missing from nothing.
func TestADroppedNoticeIsNoGap(t *testing.T) {
	l := ample
	l.bytes = 200
	b := newBench(t, l)
	b.ask("a", nostr.Filter{})
	require.True(t, b.take(fmt.Sprintf(`["NOTICE","%s"]`, strings.Repeat("x", 140))))
	done := b.waiting(fmt.Sprintf(`["NOTICE","%s"]`, strings.Repeat("y", 140)))
	b.Hurry()
	require.True(t, <-done)
	assert.False(t, b.Lacks())
	require.True(t, b.take(`["EOSE","a"]`))
	assert.Len(t, b.letters, 2)
}

// A test that has the relay's part is told that there was no room, and goes on.
func TestWhereNobodyWaitsADroppedMessageIsNoGap(t *testing.T) {
	l := ample
	l.messages, l.drops = 1, true
	b := newBench(t, l)
	b.ask("a", nostr.Filter{})
	require.True(t, b.take(frameOf("a", event(1, true))))
	require.True(t, b.take(frameOf("a", event(2, true))))
	require.Len(t, b.letters, 1)
	assert.False(t, b.Lacks())
	b.window.Release(b.letters[0].Size)
	require.True(t, b.take(`["EOSE","a"]`))
	assert.Len(t, b.letters, 2)
}

func TestTheEndOfTheConnectionEndsTheWait(t *testing.T) {
	l := ample
	l.messages = 1
	b := newBench(t, l)
	require.True(t, b.take(`["NOTICE","one"]`))
	done := b.waiting(`["NOTICE","two"]`)
	close(b.ended)
	assert.False(t, <-done)
	b.Drain()
}

// many is an event of n tags, as heavy as JSON can be: hash right, signature wrong.
func many(n int) string {
	e := event(1, false)
	e.Tags = make(nostr.Tags, n)
	for i := range e.Tags {
		e.Tags[i] = nostr.Tag{""}
	}
	e.ID = e.GetID()
	return frameOf("a", e)
}

// What parsing may take is counted before parsing: one after another, where there
// is room for one only.
// Shows L31, D17.
func TestRoomToParseIsTakenBeforeParsing(t *testing.T) {
	l := ample
	l.budget = 4 << 20 // 2 MiB to read and parse
	b := newBench(t, l)
	b.ask("a", nostr.Filter{})
	heavy := many(18_000) // 90 KB of JSON, that may take up to 1.8 MB
	other := b.long.New(b)
	require.True(t, other.Hold(1<<20))
	done := b.waiting(heavy)
	assert.Empty(t, b.refused, "it waits, unparsed")
	other.Release()
	assert.True(t, <-done)
	b.Drain()
	assert.Equal(t, map[error]int{nostr.ErrBadSignature: 1}, b.refused)
	assert.Zero(t, b.long.Held())
}

func TestAMessageThatCanNeverHaveRoomIsRefusedAndTheRelayGoesOn(t *testing.T) {
	l := ample
	l.budget = 1 << 20
	b := newBench(t, l)
	b.ask("a", nostr.Filter{})
	require.True(t, b.take(many(60_000)))
	assert.Equal(t, map[error]int{intake.ErrTooLarge: 1}, b.refused)
	assert.ErrorContains(t, b.why[0], "300")
	require.True(t, b.take(frameOf("a", event(1, true))))
	assert.Len(t, b.letters, 1)
	assert.Zero(t, b.long.Held())
}

// A wait for room to read ends with the slowest that has it.
// Shows L31.
func TestASlowMessageGivesWay(t *testing.T) {
	l := ample
	l.budget = 4 << 20
	slow, quick := newBench(t, l), newBench(t, l)
	quick.rate = 1 << 20
	quick.Config.Long = slow.long
	quick.Intake = intake.New(intake.NewShared(verify.NewPool(verify.Config{}), true), quick.Config)
	require.True(t, slow.Room(1<<20))
	require.True(t, quick.Room(512<<10))
	assert.True(t, func() bool {
		go func() { // what the slow one's reader does when it is cut
			<-slow.ended
			slow.Drain()
		}()
		return quick.Room(1536 << 10)
	}())
	quick.Drain()
	assert.Zero(t, slow.long.Held())
}

// Honest lists are long: some tens of thousands of tags pass with the default budget.
// Shows D17.
func TestLongListsPass(t *testing.T) {
	e := event(3, true)
	for i := range 55_000 {
		e.Tags = append(e.Tags, nostr.Tag{"p", fmt.Sprintf("%064x", i)})
	}
	e.ID = e.GetID()
	b := newBench(t, ample)
	b.ask("a", nostr.Filter{})
	require.True(t, b.take(frameOf("a", e)))
	require.Empty(t, b.why)
	require.Len(t, b.letters, 1)
	assert.Len(t, b.letters[0].Event.Tags, 55_000)
	assert.Zero(t, b.long.Held())
}

// Whatever a relay sends: nothing panics, nothing is delivered that was not asked
// for and proven, and all accounts are even once what came out has been handled.
// Shows P35, L01.
func FuzzTake(f *testing.F) {
	f.Add(frameOf("a", event(1, true)) + "\n" + frameOf("a", event(1, false)) + "\n" + `["EOSE","a"]` + "\n" + `["CLOSED","a","x"]`)
	f.Add(`["COUNT","a",{"count":1}]` + "\n" + `["OK","00",true,""]` + "\n" + `["NEG-ERR","a","x"]` + "\n" + `["WHAT",1]`)
	f.Add(many(2_000) + "\n" + `["AUTH","x"]` + "\n" + `["NOTICE","x"]`)
	f.Fuzz(func(t *testing.T, frames string) {
		l := ample
		l.budget, l.maxTags = 1<<20, 1000
		b := newBench(t, l)
		b.ask("a", nostr.Filter{Kinds: []nostr.Kind{1}})
		for i, frame := range strings.Split(frames, "\n") {
			if i == 100 {
				break
			}
			require.True(t, b.take(frame))
			for _, letter := range b.letters {
				if e := letter.Event; e != nil {
					require.NoError(t, e.CheckID())
					require.EqualValues(t, 1, e.Sig[0])
					require.EqualValues(t, 1, e.Kind)
				}
				b.window.Release(letter.Size)
			}
			b.letters = nil
			n, size := b.window.Used()
			require.Zero(t, n)
			require.Zero(t, size)
			require.Zero(t, b.long.Held())
		}
		for reason := range b.refused {
			require.True(t, errors.Is(reason, intake.ErrMalformed) || errors.Is(reason, intake.ErrUnsolicited) || errors.Is(reason, intake.ErrFilterMismatch) ||
				errors.Is(reason, intake.ErrTooLarge) || errors.Is(reason, nostr.ErrBadID) || errors.Is(reason, nostr.ErrBadSignature), reason)
		}
	})
}
