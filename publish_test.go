package gennostr_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	relayA = "wss://a.example/"
	relayB = "wss://b.example/"
)

// publisher is a handler that publishes when it is told to.
type publisher struct {
	gennostr.BaseHandler
	reports []gennostr.PublishReport
	oks     []gennostr.OKMessage
	errs    []error
	last    func(*gennostr.Self)
}

func (p *publisher) then(r gennostr.PublishReport) error {
	p.reports = append(p.reports, r)
	return nil
}

func (p *publisher) OnOK(_ *gennostr.Self, _ gennostr.Relay, m gennostr.OKMessage) error {
	p.oks = append(p.oks, m)
	return nil
}

func (p *publisher) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	p.errs = append(p.errs, err)
	return nil
}

func (p *publisher) Terminate(self *gennostr.Self, _ error) {
	if p.last != nil {
		p.last(self)
	}
}

// publishes runs a publisher by hand on relays that are connected.
func publishes(t *testing.T, p *publisher, opts ...gennostr.Option) *gennostr.Harness {
	t.Helper()
	h, err := gennostr.NewHarness(p, append([]gennostr.Option{gennostr.WithRelays(relayA, relayB), quietly()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Connect(relayA))
	require.NoError(t, h.Connect(relayB))
	return h
}

// publish has the handler publish an event.
func publish(t *testing.T, h *gennostr.Harness, p *publisher, e *nostr.Event, opts ...gennostr.PublishOption) {
	t.Helper()
	require.NoError(t, h.Run(func(self *gennostr.Self) error { self.Publish(e, p.then, opts...); return nil }))
}

// saysOK is a relay's verdict.
func saysOK(t *testing.T, h *gennostr.Harness, url string, e *nostr.Event, accepted bool, text string) {
	t.Helper()
	require.NoError(t, h.Deliver(url, gennostr.OKMessage{EventID: e.ID, Accepted: accepted, Message: text}))
}

// verdicts are those of a report.
func verdicts(r gennostr.PublishReport) (list []gennostr.Verdict) {
	for _, o := range r.Outcomes {
		list = append(list, o.Verdict)
	}
	return list
}

// Shows D43.
func TestAPublicationGathersTheVerdictsOfAllRelays(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "to all")
	h := publishes(t, p)
	publish(t, h, p, note)
	sent := h.Sent()
	require.Len(t, sent, 2)
	assert.Equal(t, []string{relayA, relayB}, []string{sent[0].URL, sent[1].URL})
	assert.Equal(t, `["EVENT",`+note.String()+`]`, sent[0].Frame)
	require.Len(t, h.Published(), 1)
	saysOK(t, h, relayB, note, true, "")
	assert.Empty(t, p.reports)
	assert.Equal(t, []gennostr.Verdict{gennostr.Pending, gennostr.Accepted}, verdicts(h.Published()[0]))
	saysOK(t, h, relayA, note, false, "blocked: not here")
	require.Len(t, p.reports, 1)
	r := p.reports[0]
	assert.NoError(t, r.Err())
	assert.Equal(t, note, r.Event)
	assert.NotSame(t, note, r.Event)
	assert.Equal(t, []gennostr.Outcome{
		{URL: relayA, Verdict: gennostr.Refused, Message: "blocked: not here", Tries: 1},
		{URL: relayB, Verdict: gennostr.Accepted, Tries: 1},
	}, r.Outcomes)
	assert.Empty(t, h.Published())
	assert.Len(t, p.oks, 2, "OnOK sees every OK")
	saysOK(t, h, relayA, note, true, "")
	assert.Len(t, p.oks, 3)
	assert.Len(t, p.reports, 1)
	assert.Empty(t, p.errs)
}

// Shows P28, P32.
func TestEveryWordOfARelayIsAVerdict(t *testing.T) {
	for text, want := range map[string]gennostr.Verdict{
		"duplicate: already have this event": gennostr.Duplicate, "duplicate: have a newer event": gennostr.Superseded,
		"replaced: have newer event": gennostr.Superseded, "replaced:": gennostr.Superseded, "invalid: a newer version of this event exists": gennostr.Superseded,
		"pow: 28 bits needed": gennostr.Refused, "blocked: no": gennostr.Refused, "invalid: bad": gennostr.Refused, "restricted: pay": gennostr.Refused,
		"mute: nobody is listening": gennostr.Refused, "error: database": gennostr.Refused, "unsupported: kind": gennostr.Refused, "x-unheard-of: no": gennostr.Refused,
		"deleted: user requested deletion": gennostr.Refused, "": gennostr.Refused,
	} {
		for _, before := range []string{"", "ERROR: "} {
			p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "judged")
			h := publishes(t, p)
			publish(t, h, p, note, gennostr.On(relayA))
			saysOK(t, h, relayA, note, false, before+text)
			require.Len(t, p.reports, 1, text)
			assert.Equal(t, []gennostr.Verdict{want}, verdicts(p.reports[0]), before+text)
			assert.Equal(t, before+text, p.reports[0].Outcomes[0].Message)
			assert.Equal(t, want == gennostr.Duplicate, p.reports[0].Err() == nil, text)
			require.NoError(t, h.Stop())
		}
	}
}

// Shows D43.
func TestAtLeastTellsWhenEnoughRelaysHaveIt(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "enough")
	h := publishes(t, p)
	publish(t, h, p, note, gennostr.AtLeast(1))
	saysOK(t, h, relayB, note, true, "")
	require.Len(t, p.reports, 1)
	assert.NoError(t, p.reports[0].Err())
	assert.Equal(t, []gennostr.Verdict{gennostr.Pending, gennostr.Accepted}, verdicts(p.reports[0]))
	require.Len(t, h.Published(), 1, "the rest goes on")
	saysOK(t, h, relayA, note, true, "")
	assert.Empty(t, h.Published())
	assert.Len(t, p.reports, 1)

	publish(t, h, p, note, gennostr.AtLeast(2))
	saysOK(t, h, relayA, note, false, "blocked: no")
	require.Len(t, p.reports, 2, "two cannot have it any more")
	assert.Error(t, p.reports[1].Err())
	publish(t, h, p, note, gennostr.AtLeast(3))
	require.Len(t, p.reports, 3, "there are no three")
	var failed *gennostr.PublishError
	require.ErrorAs(t, p.reports[2].Err(), &failed)
	assert.Equal(t, "gennostr: publish "+note.ID.String()[:8]+": 0 of 2 relays have it, and 3 were wanted; "+relayA+": pending; "+relayB+": pending", failed.Error())
}

func TestARelayThatChangesItsMindIsToldAgain(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "twice")
	h := publishes(t, p)
	pub, err := h.Client().StartPublish(note)
	require.NoError(t, err)
	require.NoError(t, h.Settle(t.Context()))
	saysOK(t, h, relayA, note, true, "")
	var told []gennostr.Verdict
	for o := range pub.Outcomes() {
		told = append(told, o.Verdict)
		if len(told) == 1 {
			saysOK(t, h, relayA, note, false, "error: could not store it")
			saysOK(t, h, relayB, note, true, "")
		}
	}
	assert.Equal(t, []gennostr.Verdict{gennostr.Accepted, gennostr.Refused, gennostr.Accepted}, told)
	r, err := pub.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []gennostr.Verdict{gennostr.Refused, gennostr.Accepted}, verdicts(r))
	told = nil
	for o := range pub.Outcomes() {
		told = append(told, o.Verdict)
	}
	assert.Equal(t, []gennostr.Verdict{gennostr.Refused, gennostr.Accepted}, told, "the newest of each")
}

// Shows L24.
func TestTwoPublicationsOfOneEventBothHearIt(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "twice")
	h := publishes(t, p)
	publish(t, h, p, note, gennostr.On(relayA))
	publish(t, h, p, note, gennostr.On(relayA))
	assert.Len(t, h.Sent(), 1, "written once")
	assert.Len(t, h.Published(), 2)
	saysOK(t, h, relayA, note, true, "")
	require.Len(t, p.reports, 2)
	assert.NoError(t, p.reports[0].Err())
	assert.NoError(t, p.reports[1].Err())
}

func TestRefusalsForTheRateAreRetriedUntilItIsGivenUp(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "slowly")
	h := publishes(t, p)
	began := h.Now()
	publish(t, h, p, note, gennostr.On(relayA), gennostr.GiveUpAfter(20*time.Second))
	for len(p.reports) == 0 {
		for range h.Sent() {
			saysOK(t, h, relayA, note, false, "rate-limited: slow down there")
		}
		require.NoError(t, h.Advance(100*time.Millisecond))
	}
	assert.Equal(t, 20*time.Second, h.Now().Sub(began))
	assert.Equal(t, gennostr.Outcome{URL: relayA, Verdict: gennostr.Refused, Message: "rate-limited: slow down there", Tries: 5}, p.reports[0].Outcomes[0])

	publish(t, h, p, note, gennostr.On(relayB))
	require.NoError(t, h.Advance(59*time.Second))
	assert.Len(t, p.reports, 1)
	require.NoError(t, h.Advance(time.Second))
	require.Len(t, p.reports, 2)
	last := p.reports[1].Outcomes[0]
	assert.ErrorIs(t, last.Err, context.DeadlineExceeded)
	last.Err = nil
	assert.Equal(t, gennostr.Outcome{URL: relayB, Verdict: gennostr.Unanswered, Tries: 1}, last)
}

func TestAnEventIsPublishedAgainAfterAnAuth(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "who am I")
	h := publishes(t, p)
	publish(t, h, p, note, gennostr.On(relayA))
	saysOK(t, h, relayA, note, false, "auth-required: who are you?")
	assert.Empty(t, p.reports)
	auth := nostr.NewAuthEvent(relayA, "challenge", nostr.Now())
	require.NoError(t, auth.Sign(nostrtest.Key(1)))
	require.NoError(t, h.Client().Send(relayA, gennostr.AuthResponse{Event: &auth}))
	h.Sent()
	saysOK(t, h, relayA, &auth, true, "")
	require.Len(t, h.Sent(), 1)
	saysOK(t, h, relayA, note, true, "")
	require.Len(t, p.reports, 1)
	assert.Equal(t, gennostr.Outcome{URL: relayA, Verdict: gennostr.Accepted, Tries: 2}, p.reports[0].Outcomes[0])

	publish(t, h, p, note, gennostr.On(relayB))
	saysOK(t, h, relayB, note, false, "auth-required: who are you?")
	require.NoError(t, h.Advance(9*time.Second))
	assert.Len(t, p.reports, 1)
	require.NoError(t, h.Advance(time.Second))
	require.Len(t, p.reports, 2, "nobody authenticates")
	assert.Equal(t, "auth-required: who are you?", p.reports[1].Outcomes[0].Message)
	assert.Error(t, p.reports[1].Outcomes[0].Err)
}

// Shows Q06.
func TestPublishRefusesWhatMakesNoSense(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "fine")
	h := publishes(t, p)
	unsigned := note.Clone()
	unsigned.Sig = nostr.Sig{}
	changed := note.Clone()
	changed.Content = "changed"
	auth := nostr.NewAuthEvent(relayA, "challenge", nostr.Now())
	require.NoError(t, auth.Sign(nostrtest.Key(1)))
	for name, c := range map[string]struct {
		event *nostr.Event
		opt   gennostr.PublishOption
		want  error
	}{
		"no event": {nil, gennostr.AtLeast(1), nil}, "unsigned": {unsigned, gennostr.AtLeast(1), gennostr.ErrUnsigned},
		"changed": {changed, gennostr.AtLeast(1), nostr.ErrBadID}, "an AUTH": {&auth, gennostr.AtLeast(1), gennostr.ErrAuthPublished},
		"nil option": {note, nil, nil}, "AtLeast(0)": {note, gennostr.AtLeast(0), nil}, "GiveUpAfter(0)": {note, gennostr.GiveUpAfter(0), nil},
		"On nothing": {note, gennostr.On(), nil}, "On nonsense": {note, gennostr.On("nonsense"), nil},
	} {
		_, err := h.Client().Publish(t.Context(), c.event, c.opt)
		var failed *gennostr.PublishError
		require.ErrorAs(t, err, &failed, name)
		_, err = h.Client().StartPublish(c.event, c.opt)
		require.ErrorAs(t, err, &failed, name)
		p.reports = nil
		publish(t, h, p, c.event, c.opt)
		require.Len(t, p.reports, 1, name)
		if c.want != nil {
			assert.ErrorIs(t, err, c.want, name)
			assert.ErrorIs(t, p.reports[0].Err(), c.want, name)
		}
	}
	assert.Empty(t, h.Sent())
}

// Shows L32.
func TestNoRelayAndUnknownRelays(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "to whom")
	h, err := gennostr.NewHarness(p, quietly())
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	publish(t, h, p, note)
	require.Len(t, p.reports, 1)
	assert.ErrorIs(t, p.reports[0].Err(), gennostr.ErrNoRelay)
	_, err = h.Client().Publish(t.Context(), note)
	assert.ErrorIs(t, err, gennostr.ErrNoRelay)
	publish(t, h, p, note, gennostr.On(relayA, relayA)) // a guest
	require.Len(t, h.Client().Guests(), 1)
	require.NoError(t, h.FailDial(relayA, io.ErrUnexpectedEOF))
	require.Len(t, p.reports, 1, "it is dialled again")
	require.NoError(t, h.Advance(time.Minute))
	require.Len(t, p.reports, 2)
	require.Len(t, p.reports[1].Outcomes, 1)
	assert.ErrorIs(t, p.reports[1].Err(), io.ErrUnexpectedEOF)
	assert.Empty(t, h.Client().Guests(), "nobody needs it any more")
	err = h.Run(func(self *gennostr.Self) error { self.Publish(note, nil); return nil })
	assert.ErrorIs(t, err, gennostr.ErrNoRelay)
	require.Len(t, p.errs, 1, "without then a failure goes to OnError")
	var failed *gennostr.PublishError
	require.ErrorAs(t, p.errs[0], &failed)
}

func TestARelayThatIsRemovedOwesNothing(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "gone")
	h := publishes(t, p)
	publish(t, h, p, note)
	publish(t, h, p, note, gennostr.On(relayA))
	require.NoError(t, h.Run(func(self *gennostr.Self) error { self.RemoveRelay(relayA); return nil }))
	require.NoError(t, h.Deliver(relayB, gennostr.OKMessage{EventID: note.ID, Accepted: false, Message: "blocked: no"}))
	require.Len(t, p.reports, 1, "who has named the relay waits for it")
	assert.Equal(t, gennostr.Unanswered, p.reports[0].Outcomes[0].Verdict)
	assert.ErrorIs(t, p.reports[0].Err(), gennostr.ErrRelayRemoved)
	require.NoError(t, h.Deliver(relayA, gennostr.OKMessage{EventID: note.ID, Accepted: true}))
	require.Len(t, p.reports, 2)
	assert.NoError(t, p.reports[1].Err(), "a guest's OK")

	// It is added again, and what was published meanwhile comes with it.
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.RemoveRelay(relayB)
		assert.NoError(t, self.AddRelay(relayB))
		self.Publish(note, p.then, gennostr.On(relayB))
		return nil
	}))
	h.Sent()
	require.NoError(t, h.Connect(relayB))
	require.Len(t, h.Sent(), 1)
	saysOK(t, h, relayB, note, true, "")
	require.Len(t, p.reports, 3)
	assert.NoError(t, p.reports[2].Err())
}

// So does one that was added again and removed before its OnDisconnect came, which stays as
// a guest for who has named it.
func TestARelayThatIsTakenBackOwesNothing(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "gone")
	h := publishes(t, p)
	publish(t, h, p, nostrtest.TextNote(nostrtest.Key(1), "named"), gennostr.On(relayA))
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.RemoveRelay(relayA)
		assert.NoError(t, self.AddRelay(relayA))
		self.Publish(note, p.then)
		self.RemoveRelay(relayA)
		return nil
	}))
	saysOK(t, h, relayB, note, true, "")
	require.Len(t, p.reports, 1)
	assert.Equal(t, []gennostr.Verdict{gennostr.Unanswered, gennostr.Accepted}, verdicts(p.reports[0]))
	assert.ErrorIs(t, p.reports[0].Outcomes[0].Err, gennostr.ErrRelayRemoved)
	assert.Len(t, h.Published(), 1, "who has named it waits")
}

func TestWhatIsNotConnectedIsSaidSo(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "away")
	h := publishes(t, p)
	away := errors.New("no route")
	_ = h.Disconnect(relayA, nil)
	_ = h.FailDial(relayA, away)
	publish(t, h, p, note, gennostr.On(relayA))
	require.NoError(t, h.Advance(time.Minute))
	require.Len(t, p.reports, 1)
	assert.ErrorIs(t, p.reports[0].Err(), gennostr.ErrNotConnected)
	assert.ErrorIs(t, p.reports[0].Err(), away)
	assert.Zero(t, p.reports[0].Outcomes[0].Tries)
}

// Shows D45, B10.
func TestPublishQueueIsBounded(t *testing.T) {
	p := &publisher{}
	h := publishes(t, p, gennostr.WithPublishQueue(2))
	notes := []*nostr.Event{nostrtest.TextNote(nostrtest.Key(1), "1"), nostrtest.TextNote(nostrtest.Key(1), "2"), nostrtest.TextNote(nostrtest.Key(1), "3")}
	for _, e := range notes {
		publish(t, h, p, e, gennostr.On(relayA))
	}
	require.Len(t, p.reports, 1)
	assert.ErrorIs(t, p.reports[0].Err(), gennostr.ErrPublishQueueFull)
	assert.Equal(t, notes[2].ID, p.reports[0].Event.ID)
	_, err := h.Client().StartPublish(notes[2])
	assert.ErrorIs(t, err, gennostr.ErrPublishQueueFull)
	saysOK(t, h, relayA, notes[0], true, "")
	publish(t, h, p, notes[2], gennostr.On(relayA))
	assert.Len(t, p.reports, 2, "there is room again")
}

// A handler that publishes in a loop has what it could not do logged, once too much of it
// waits to be told.
// Shows B10.
func TestWhatCannotBePublishedTakesBoundedMemory(t *testing.T) {
	p := &publisher{}
	h := publishes(t, p, gennostr.WithPublishQueue(1), gennostr.WithMailboxLimit(10))
	note := nostrtest.TextNote(nostrtest.Key(1), "again and again")
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		for range 1000 {
			self.Publish(note, p.then)
		}
		return nil
	}))
	assert.Len(t, p.reports, 10)
	assert.Len(t, h.Published(), 1)
	require.NoError(t, h.Cast(nil), "the room was given back")
}

func TestThenIsJudgedLikeACallback(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "judged")
	h := publishes(t, p)
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Publish(note, func(gennostr.PublishReport) error { return errors.New("not happy") }, gennostr.On(relayA))
		self.Publish(note, func(gennostr.PublishReport) error { return gennostr.ErrStop }, gennostr.On(relayB))
		return nil
	}))
	err := h.Deliver(relayA, gennostr.OKMessage{EventID: note.ID, Accepted: true})
	var callback *gennostr.CallbackError
	require.ErrorAs(t, err, &callback)
	assert.Equal(t, "the continuation of Publish", callback.Callback)
	assert.ErrorIs(t, h.Deliver(relayB, gennostr.OKMessage{EventID: note.ID, Accepted: true}), gennostr.ErrStop)
	assert.True(t, h.Stopped())
}

// Shows D55.
func TestARestartForgetsWhatWasPublished(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "lost")
	h := publishes(t, p)
	publish(t, h, p, note)
	pub, err := h.Client().StartPublish(note)
	require.NoError(t, err)
	require.NoError(t, h.Settle(t.Context()))
	require.NoError(t, h.Restart(p))
	assert.Empty(t, h.Published())
	require.NoError(t, h.Connect(relayA))
	assert.Empty(t, h.Sent())
	assert.Empty(t, p.reports, "a crash tells nothing")
	_, err = pub.Wait(t.Context())
	assert.ErrorIs(t, err, gennostr.ErrClientClosed)
}

// Shows D44.
func TestContextsEndTheWaitingAndCancelThePublication(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "wait")
	h := publishes(t, p)
	pub, err := h.Client().StartPublish(note)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	r, err := pub.Wait(ctx)
	assert.ErrorIs(t, err, enough)
	assert.NotNil(t, r.Event)
	require.NoError(t, h.Settle(t.Context()))
	assert.Len(t, h.Published(), 1)
	saysOK(t, h, relayA, note, true, "")
	r, err = pub.Wait(ctx)
	assert.NoError(t, err, "one has it")
	assert.Equal(t, []gennostr.Verdict{gennostr.Accepted, gennostr.Pending}, verdicts(r))
	pub.Cancel()
	pub.Cancel()
	require.NoError(t, h.Settle(t.Context()))
	assert.Empty(t, h.Published())
	r, err = pub.Wait(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, []gennostr.Verdict{gennostr.Accepted, gennostr.Pending}, verdicts(r))

	pub, err = h.Client().StartPublish(note)
	require.NoError(t, err)
	pub.Cancel()
	_, err = pub.Wait(t.Context())
	assert.ErrorIs(t, err, context.Canceled)
	for range pub.Outcomes() {
		assert.Fail(t, "there is none")
	}
}

func TestTheEventIsCopiedAtTheCall(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "mine", nostr.Tag{"t", "x"})
	h := publishes(t, p)
	want := note.String()
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		self.Publish(note, p.then, gennostr.On(relayA))
		note.Content, note.Tags[0][1] = "changed", "changed"
		return nil
	}))
	sent := h.Sent()
	require.Len(t, sent, 1)
	assert.True(t, strings.Contains(sent[0].Frame, want))
	_ = h.Disconnect(relayA, nil)
	require.NoError(t, h.Connect(relayA))
	sent = h.Sent()
	require.Len(t, sent, 1)
	assert.True(t, strings.Contains(sent[0].Frame, want), "and sent again as it was")
}

// The event of a report is the program's, and may be signed anew while other relays have
// not answered.
func TestTheEventOfAReportMayBeChanged(t *testing.T) {
	p, note := &publisher{}, nostrtest.TextNote(nostrtest.Key(1), "first")
	h := publishes(t, p)
	publish(t, h, p, note, gennostr.AtLeast(1))
	saysOK(t, h, relayB, note, true, "")
	require.Len(t, p.reports, 1)
	mine := p.reports[0].Event
	mine.Content = "second"
	require.NoError(t, mine.Sign(nostrtest.Key(1)))
	require.Len(t, h.Published(), 1)
	assert.Equal(t, note, h.Published()[0].Event)
	saysOK(t, h, relayA, note, true, "")
	assert.Empty(t, h.Published())
	_ = h.Sent()
	publish(t, h, p, note, gennostr.On(relayA))
	sent := h.Sent()
	require.Len(t, sent, 1)
	assert.Equal(t, gennostr.PublishEvent{Event: note}, sent[0].Message)
}
