package gennostr_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// subscriber is a handler with a subscription "notes", from a cursor if it has one.
type subscriber struct {
	gennostr.BaseHandler
	saved   gennostr.Cursor
	opts    []gennostr.SubscribeOption
	heard   []string
	phases  []gennostr.Phase
	changes []gennostr.SubscriptionChange
	eoses   []string
	errs    []error
	onEvent func(*gennostr.Self, gennostr.EventMessage) error
	last    func(*gennostr.Self)
}

var allNotes = []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}

func (r *subscriber) Init(self *gennostr.Self) error {
	return self.Subscribe("notes", allNotes, append(r.opts, gennostr.Resume(r.saved))...)
}

func (r *subscriber) OnEvent(self *gennostr.Self, _ gennostr.Relay, m gennostr.EventMessage) error {
	r.heard, r.phases = append(r.heard, m.Event.Content), append(r.phases, m.Phase)
	if r.onEvent != nil {
		return r.onEvent(self, m)
	}
	return nil
}

func (r *subscriber) OnEOSE(_ *gennostr.Self, _ gennostr.Relay, m gennostr.EOSEMessage) error {
	r.eoses = append(r.eoses, m.SubscriptionID)
	return nil
}

func (r *subscriber) OnSubscription(_ *gennostr.Self, _ gennostr.Relay, change gennostr.SubscriptionChange) error {
	r.changes = append(r.changes, change)
	return nil
}

func (r *subscriber) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	r.errs = append(r.errs, err)
	return nil
}

func (r *subscriber) Terminate(self *gennostr.Self, _ error) {
	if r.last != nil {
		r.last(self)
	}
}

const subscribersRelay = "wss://relay.example/"

// reads runs a subscriber on a relay that is connected.
func reads(t *testing.T, r *subscriber) *gennostr.Harness {
	t.Helper()
	h, err := gennostr.NewHarness(r, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(subscribersRelay))
	return h
}

// aNote is the same note whenever it is made.
func aNote(text string) *nostr.Event { return nostrtest.TextNoteAt(notesAt, nostrtest.Key(1), text) }

var notesAt = nostr.Now()

func deliverNote(t *testing.T, h *gennostr.Harness, e *nostr.Event) {
	t.Helper()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.EventMessage{SubscriptionID: "notes", Event: e}))
}

func deliverEOSE(t *testing.T, h *gennostr.Harness) {
	t.Helper()
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.EOSEMessage{SubscriptionID: "notes"}))
}

// Shows D28.
func TestASubscriptionIsAskedAgainAfterEachReconnect(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	sent := h.Sent()
	require.Len(t, sent, 1)
	assert.Equal(t, `["REQ","gn:1",{"kinds":[1]}]`, sent[0].Frame)
	deliverNote(t, h, aNote("stored"))
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("live"))
	assert.Equal(t, []string{"stored", "live"}, r.heard)
	assert.Equal(t, []gennostr.Phase{gennostr.PhaseStored, gennostr.PhaseLive}, r.phases)
	assert.Equal(t, []string{"notes"}, r.eoses)
	require.Len(t, r.changes, 1)
	assert.Equal(t, gennostr.SubscriptionLive, r.changes[0].State)

	_ = h.Disconnect(subscribersRelay, nil)
	require.NoError(t, h.Connect(subscribersRelay))
	require.Len(t, h.Sent(), 1)
	deliverNote(t, h, aNote("live")) // another copy
	deliverNote(t, h, aNote("meanwhile"))
	deliverEOSE(t, h)
	assert.Equal(t, []string{"stored", "live", "meanwhile"}, r.heard)
	assert.Equal(t, gennostr.PhaseResumed, r.phases[2])
	assert.Empty(t, r.errs)
	st := h.Client().Subscriptions()
	require.Len(t, st, 1)
	assert.Equal(t, 1, st[0].Live)
	assert.EqualValues(t, 1, st[0].Duplicates)
}

// Shows D53.
func TestSubscribeRefusesWhatMakesNoSense(t *testing.T) {
	h := reads(t, &subscriber{})
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		assert.NoError(t, self.Subscribe("notes", allNotes), "the same again")
		assert.ErrorIs(t, self.Subscribe("notes", []nostr.Filter{{}}), gennostr.ErrSubscriptionExists)
		assert.ErrorIs(t, self.Subscribe("notes", allNotes, gennostr.LiveOnly()), gennostr.ErrSubscriptionExists)
		assert.Error(t, self.Subscribe("", allNotes))
		assert.Error(t, self.Subscribe(strings.Repeat("x", 257), allNotes))
		assert.ErrorIs(t, self.Subscribe("a", nil), gennostr.ErrMatchesNothing)
		assert.ErrorIs(t, self.Subscribe("a", []nostr.Filter{nostr.Filter{}.WithKinds()}), gennostr.ErrMatchesNothing)
		assert.Error(t, self.Subscribe("a", allNotes, nil))
		assert.Error(t, self.Subscribe("a", allNotes, gennostr.On("nonsense")))
		assert.Error(t, self.Subscribe("a", allNotes, gennostr.WithOverlap(-1)))
		assert.Error(t, self.Subscribe("a", allNotes, gennostr.WithBuffer(0)))
		assert.ErrorIs(t, self.SetFilters("a", allNotes), gennostr.ErrUnknownSubscription)
		assert.ErrorIs(t, self.SetFilters("notes", nil), gennostr.ErrMatchesNothing)
		self.Unsubscribe("a")
		return nil
	}))
	for _, m := range []gennostr.ClientMessage{
		gennostr.Req{SubscriptionID: "notes", Filters: allNotes}, gennostr.Close{SubscriptionID: "notes"},
		gennostr.Req{SubscriptionID: "gn:7", Filters: allNotes}, gennostr.Raw(`["CLOSE","gn:1"]`),
	} {
		assert.ErrorIs(t, h.Client().Send(subscribersRelay, m), gennostr.ErrReservedSubscriptionID)
		assert.ErrorIs(t, h.Client().Broadcast(m), gennostr.ErrReservedSubscriptionID)
	}
}

func TestUnsubscribeClosesAndDropsWhatWaits(t *testing.T) {
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, _ gennostr.EventMessage) error { self.Unsubscribe("notes"); return nil }
	h := reads(t, r)
	deliverNote(t, h, aNote("first"))
	assert.Equal(t, `["CLOSE","gn:1"]`, h.Sent()[1].Frame)
	assert.Empty(t, h.Client().Subscriptions())
	assert.Error(t, h.Deliver(subscribersRelay, gennostr.EventMessage{SubscriptionID: "notes", Event: aNote("second")}))
	_ = h.Disconnect(subscribersRelay, nil)
	require.NoError(t, h.Connect(subscribersRelay))
	assert.Empty(t, h.Sent())
	assert.Equal(t, []string{"first"}, r.heard)
}

// Shows L06.
func TestARefusalForNowIsRetriedAndOneForGoodIsNot(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	h.Sent()
	closed := func(text string) {
		require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: text}))
	}
	closed("error: database locked")
	require.Len(t, r.changes, 1)
	assert.Equal(t, gennostr.SubscriptionRetrying, r.changes[0].State)
	assert.Equal(t, "error: database locked", r.changes[0].Message)
	assert.WithinRange(t, r.changes[0].RetryAt, h.Now().Add(time.Second), h.Now().Add(3*time.Second))
	assert.Empty(t, h.Sent())
	require.NoError(t, h.Advance(10*time.Second))
	require.Len(t, h.Sent(), 1)

	closed("ERROR: restricted: members only")
	assert.Equal(t, gennostr.SubscriptionRefused, r.changes[1].State)
	require.NoError(t, h.Advance(24*time.Hour))
	assert.Empty(t, h.Sent())
	_ = h.Disconnect(subscribersRelay, nil)
	require.NoError(t, h.Connect(subscribersRelay))
	assert.Len(t, h.Sent(), 1, "with the next connection")
	assert.Empty(t, r.errs)
}

func TestASubscriptionThatWasRefusedWhileItWasLiveIsLiveAgain(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	deliverEOSE(t, h)
	for range 3 {
		require.NoError(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "error: database locked"}))
		assert.Zero(t, h.Client().Subscriptions()[0].Live)
		require.NoError(t, h.Advance(10*time.Minute))
		assert.Zero(t, h.Client().Subscriptions()[0].Live, "asked, and not answered")
		deliverEOSE(t, h)
		assert.Equal(t, 1, h.Client().Subscriptions()[0].Live)
	}
	assert.Len(t, r.eoses, 4)
	assert.Equal(t, gennostr.SubscriptionLive, r.changes[len(r.changes)-1].State)
	assert.Len(t, r.changes, 7)
}

// mute has no OnSubscription.
type mute struct {
	gennostr.BaseHandler
	errs []error
}

func (m *mute) Init(self *gennostr.Self) error { return self.Subscribe("notes", allNotes) }
func (m *mute) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	m.errs = append(m.errs, err)
	return nil
}

// Shows L06.
func TestWithoutOnSubscriptionARefusalIsAProblem(t *testing.T) {
	m := &mute{}
	h, err := gennostr.NewHarness(m, gennostr.WithRelays(subscribersRelay))
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Connect(subscribersRelay))
	assert.Error(t, h.Deliver(subscribersRelay, gennostr.ClosedMessage{SubscriptionID: "notes", Message: "blocked: no"}))
	require.Len(t, m.errs, 1)
	var refused *gennostr.SubscriptionError
	require.ErrorAs(t, m.errs[0], &refused)
	assert.Contains(t, refused.Error(), "blocked: no")
}

func cursorOf(t *testing.T, h *gennostr.Harness) gennostr.Cursor {
	t.Helper()
	var c gennostr.Cursor
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		var ok bool
		c, ok = self.Cursor("notes")
		assert.True(t, ok)
		return nil
	}))
	return c
}

// throughText is the cursor as a program would have saved and loaded it.
func throughText(t *testing.T, c gennostr.Cursor) (back gennostr.Cursor) {
	t.Helper()
	text, err := c.MarshalText()
	require.NoError(t, err)
	require.NoError(t, back.UnmarshalText(text))
	assert.Equal(t, c.String(), back.String())
	return back
}

// Shows L40, D39, D55.
func TestACursorRepeatsNothingThatWasHandled(t *testing.T) {
	r := &subscriber{}
	h := reads(t, r)
	deliverNote(t, h, aNote("a"))
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("b"))
	saved := throughText(t, cursorOf(t, h))

	again := &subscriber{saved: saved}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	assert.Contains(t, h.Sent()[0].Frame, `"since":`)
	for _, text := range []string{"a", "b", "c"} {
		deliverNote(t, h, aNote(text))
	}
	deliverEOSE(t, h)
	assert.Equal(t, []string{"c"}, again.heard)
	assert.Equal(t, []gennostr.Phase{gennostr.PhaseResumed}, again.phases)
}

// Shows L40, D03.
func TestACursorPassesNoEventThatWaitsOrIsHeld(t *testing.T) {
	var release func()
	var during gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, m gennostr.EventMessage) error {
		if m.Event.Content == "held" {
			release = self.Hold()
		}
		during, _ = self.Cursor("notes")
		return nil
	}
	h := reads(t, r)
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("handled"))
	deliverNote(t, h, aNote("held"))
	before := throughText(t, during)
	later := throughText(t, cursorOf(t, h))
	release()
	after := throughText(t, cursorOf(t, h))
	for _, test := range []struct {
		saved  gennostr.Cursor
		expect []string
	}{{before, []string{"held"}}, {later, []string{"held"}}, {after, nil}} {
		again := &subscriber{saved: test.saved}
		require.NoError(t, h.Restart(again))
		require.NoError(t, h.Connect(subscribersRelay))
		deliverNote(t, h, aNote("handled"))
		deliverNote(t, h, aNote("held"))
		assert.Equal(t, test.expect, again.heard)
	}
}

// Shows D39.
func TestTheCursorInOnEventIncludesTheEventAtHand(t *testing.T) {
	var during gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, _ gennostr.EventMessage) error {
		during, _ = self.Cursor("notes")
		return nil
	}
	h := reads(t, r)
	deliverNote(t, h, aNote("a"))
	again := &subscriber{saved: throughText(t, during)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	deliverNote(t, h, aNote("a"))
	assert.Empty(t, again.heard)
}

func TestAnEventWhoseCallbackPanickedComesAgain(t *testing.T) {
	var last gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(_ *gennostr.Self, m gennostr.EventMessage) error {
		if m.Event.Content == "poison" {
			panic("no")
		}
		return nil
	}
	r.last = func(self *gennostr.Self) { last, _ = self.Cursor("notes") }
	h := reads(t, r)
	deliverNote(t, h, aNote("good"))
	_ = h.Deliver(subscribersRelay, gennostr.EventMessage{SubscriptionID: "notes", Event: aNote("poison")})
	require.True(t, h.Stopped())
	again := &subscriber{saved: throughText(t, last)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	deliverNote(t, h, aNote("good"))
	deliverNote(t, h, aNote("poison"))
	assert.Equal(t, []string{"poison"}, again.heard)
}

// A payment that is made is in the cursor that its Then saves; one that waits is not,
// and is asked for by its id.
func TestAQueueAndACursor(t *testing.T) {
	var queue *gennostr.Queue[gennostr.EventMessage]
	var saved gennostr.Cursor
	r := &subscriber{}
	r.onEvent = func(self *gennostr.Self, m gennostr.EventMessage) error {
		if queue == nil {
			queue = gennostr.NewQueue(self, gennostr.QueueConfig[gennostr.EventMessage]{
				Workers: 1, Work: func(context.Context, gennostr.EventMessage) error { return nil },
				Then: func(self *gennostr.Self, m gennostr.EventMessage, err error) error {
					saved, _ = self.Cursor("notes")
					return err
				},
			})
		}
		return queue.Put(m)
	}
	h := reads(t, r)
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("first"))
	deliverNote(t, h, aNote("second"))
	_, err := h.WorkOne()
	require.NoError(t, err)
	again := &subscriber{saved: throughText(t, saved)}
	require.NoError(t, h.Restart(again))
	require.NoError(t, h.Connect(subscribersRelay))
	asked := false
	for _, s := range h.Sent() {
		asked = asked || strings.Contains(s.Frame, aNote("second").ID.String())
	}
	assert.True(t, asked, "by its id")
	deliverNote(t, h, aNote("first"))
	deliverNote(t, h, aNote("second"))
	assert.Equal(t, []string{"second"}, again.heard)
}

func TestADamagedCursorIsAnError(t *testing.T) {
	h := reads(t, &subscriber{})
	deliverNote(t, h, aNote("a"))
	text, err := cursorOf(t, h).MarshalText()
	require.NoError(t, err)
	for i := range text {
		damaged := append([]byte(nil), text...)
		damaged[i] ^= 1
		var c gennostr.Cursor
		assert.Error(t, c.UnmarshalText(damaged))
	}
	var zero gennostr.Cursor
	assert.NoError(t, zero.UnmarshalText(nil))
	assert.True(t, zero.IsZero())
}

// Shows D28.
func TestOnConfinesASubscriptionToItsRelays(t *testing.T) {
	r := &subscriber{opts: []gennostr.SubscribeOption{gennostr.On("wss://other.example")}}
	h := reads(t, r)
	assert.Empty(t, h.Sent())
	_, err := h.Client().EnsureRelay("wss://OTHER.example/")
	require.NoError(t, err)
	require.NoError(t, h.Connect("wss://other.example"))
	assert.Len(t, h.Sent(), 1)
}

func TestLiveOnlyTakesNothingStored(t *testing.T) {
	r := &subscriber{opts: []gennostr.SubscribeOption{gennostr.LiveOnly()}}
	h := reads(t, r)
	deliverNote(t, h, aNote("stored"))
	deliverEOSE(t, h)
	deliverNote(t, h, aNote("live"))
	_ = h.Disconnect(subscribersRelay, nil)
	require.NoError(t, h.Connect(subscribersRelay))
	deliverNote(t, h, aNote("missed"))
	deliverEOSE(t, h)
	assert.Equal(t, []string{"live"}, r.heard)
}

// Shows D54.
func TestSetFiltersAsksOnlyForWhatIsNew(t *testing.T) {
	a, b := nostrtest.PubKey(1), nostrtest.PubKey(2)
	r := &subscriber{}
	h := reads(t, r)
	set := func(filters ...nostr.Filter) {
		require.NoError(t, h.Run(func(self *gennostr.Self) error { return self.SetFilters("notes", filters) }))
	}
	deliverEOSE(t, h)
	h.Sent()
	set(allNotes[0])
	assert.Empty(t, h.Sent(), "nothing new")
	set(allNotes[0].WithAuthors(a))
	frames := h.Sent()
	require.NotEmpty(t, frames)
	deliverEOSE(t, h)
	h.Sent()
	set(allNotes[0].WithAuthors(a, b))
	found := false
	for _, s := range h.Sent() {
		if strings.HasPrefix(s.Frame, `["REQ"`) {
			found = true
			assert.NotContains(t, s.Frame, a.String())
			assert.Contains(t, s.Frame, b.String())
		}
	}
	assert.True(t, found)
}

func TestAnOutsideSubscriptionYieldsEventsAndNews(t *testing.T) {
	h := reads(t, &subscriber{})
	ctx, cancel := context.WithCancelCause(context.Background())
	sub, err := h.Client().Subscribe(ctx, allNotes)
	require.NoError(t, err)
	require.NoError(t, h.Settle(ctx))
	sent := h.Sent()
	id := "gn:2"
	require.Contains(t, sent[len(sent)-1].Frame, id)
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.EventMessage{SubscriptionID: id, Event: aNote("a")}))
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.EOSEMessage{SubscriptionID: id}))
	require.NoError(t, h.Deliver(subscribersRelay, gennostr.EventMessage{SubscriptionID: id, Event: aNote("b")}))
	require.NoError(t, sub.CaughtUp(ctx, 1))
	var got []string
	for m := range sub.All() {
		if m.Change != nil {
			got = append(got, m.Change.State.String())
			continue
		}
		if got = append(got, m.Event.Content); m.Event.Content == "b" {
			break
		}
	}
	assert.Equal(t, []string{"a", "live", "b"}, got)
	assert.NoError(t, sub.Err())
	assert.Zero(t, sub.Status().Waiting)
	cause := errors.New("enough")
	cancel(cause)
	for range sub.All() {
		assert.Fail(t, "it has ended")
	}
	assert.ErrorIs(t, sub.Err(), cause)
}
