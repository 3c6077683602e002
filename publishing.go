package gennostr

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/attend"
	"github.com/gennostr/gennostr/internal/outcome"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What the supervisor does for publications. It feeds the machine that says which event
// is written when, and what an answer means (internal/outcome), and does what it says.

// publishing is what is to be published on one relay, from connection to connection.
// Supervisor goroutine only.
type publishing struct {
	entry *relayEntry
	relay *outcome.Relay[*publishLeg]
	legs  map[nostr.ID][]*publishLeg // by event; several publications may be of one

	held  []*publishLeg // wait for the relay's document, a subscription or a twin, and have not been handed to relay
	twins int           // of held: such as wait for a twin
	soon  bool          // it is among the supervisor's soon

	look   time.Time // when is the next look at it; zero: not before something happens
	waking bool      // that is a look after a sleep

	blind bool // on this connection nothing waits for the document: it has come, or will not
}

// publishLeg is a publication on one relay.
type publishLeg struct {
	pub     *Publication
	index   int             // of the relay
	at      *publishing     // nil once nothing more is to be told of it
	verdict outcome.Verdict // the relay's last
	sent    int             // how often the event was sent

	held      bool        // it is among at.held
	twin      bool        // since another is open that has its id, and another signature
	holdUntil time.Time   // while it is held, and the relay is connected
	waited    bool        // it has been, on this connection, for long enough
	needs     *relayEntry // what it has engaged, of a publication that names its relays; else nil
}

type (
	published struct{ pub *Publication }
	cancelled struct{ pub *Publication }
)

// supervise begins a publication. One of Init waits until the relays of WithRelays are there.
func (ev published) supervise(s *supervisor) {
	switch {
	case ev.pub.state != nil: // it was cancelled while it waited
	case !s.begun && s.unpublishing == nil:
		s.early = append(s.early, ev)
	default:
		s.publish(ev.pub)
	}
}

func (ev cancelled) supervise(s *supervisor) {
	if ev.pub.state == nil { // it waits still
		ev.pub.begin(nil)
	}
	if ev.pub.legs != nil {
		s.endPublication(ev.pub, context.Canceled)
	}
}

// publish begins a publication on all its relays: those that are the client's now.
func (s *supervisor) publish(p *Publication) {
	if s.unpublishing != nil {
		s.publishLast(p)
		return
	}
	s.publications++
	p.number = s.publications
	urls := s.relaysOf(p.cfg.on)
	p.begin(urls)
	if len(urls) == 0 {
		s.endPublication(p, ErrNoRelay)
		return
	}
	var entries []*relayEntry
	for i, url := range urls {
		leg := &publishLeg{pub: p, index: i}
		p.legs[i] = leg
		e, err := s.relays[url], error(nil)
		if p.cfg.on != nil {
			e, err = s.engage(url, cmp.Or(p.cfg.written[url], url), leg)
			leg.needs = e
		}
		if err != nil {
			s.verdict(leg, outcome.Report{Verdict: outcome.Unanswered, Err: err})
			continue
		}
		s.place(e, leg)
		entries = append(entries, e)
	}
	if p.state.Settled() && !closedChannel(p.decided) { // more were asked for than there are
		p.decide()
	}
	for _, e := range entries {
		s.pumpSoon(e)
	}
}

// relaysOf are those that On names, each once, or all of the client's.
func (s *supervisor) relaysOf(on []string) (urls []string) {
	if on == nil {
		for _, e := range s.sorted() {
			if e.known() {
				urls = append(urls, e.url)
			}
		}
		return urls
	}
	named := make(map[string]struct{}, len(on)) // strangers may have named very many
	for _, url := range on {
		if _, again := named[url]; !again {
			named[url] = struct{}{}
			urls = append(urls, url)
		}
	}
	return urls
}

// relayEnded is told how a relay fares that the publication has named: when it will
// never be connected again there is no verdict.
func (leg *publishLeg) relayEnded(s *supervisor, e *relayEntry, end relayEnd) {
	if end.final && leg.at != nil {
		s.give(leg, end.err)
		s.pump(e)
	}
}

// place gives a leg to its relay.
func (s *supervisor) place(e *relayEntry, leg *publishLeg) {
	p := s.publishingOf(e)
	leg.at = p
	id := leg.pub.event.ID
	p.legs[id] = append(p.legs[id], leg)
	s.admit(p, leg)
}

// publishingOf is made with the first event that is published on a relay.
func (s *supervisor) publishingOf(e *relayEntry) *publishing {
	if e.publishing != nil {
		return e.publishing
	}
	p := &publishing{entry: e, relay: outcome.NewRelay[*publishLeg](s.pace(e)), legs: make(map[nostr.ID][]*publishLeg)}
	e.publishing = p
	if e.stage == connected {
		s.publishUp(e)
	}
	return p
}

// pace is how fast a relay is published to. What a Harness does is done the same each time.
func (s *supervisor) pace(e *relayEntry) outcome.PaceConfig {
	cfg := outcome.PaceConfig{Rate: e.cfg.publishRate, Burst: e.cfg.publishBurst}
	if s.client.network.automatic() {
		cfg.Random = rand.Float64
	}
	return cfg
}

// publishUp is for a connection that has been opened, if there is something to publish.
func (s *supervisor) publishUp(e *relayEntry) {
	if e.publishing == nil || e.awaitsAuth() {
		return
	}
	p, now := e.publishing, s.client.now()
	s.study(e)
	for _, leg := range p.held {
		if leg.holdUntil.IsZero() && !leg.twin { // this is called again whenever an AUTH moves
			leg.holdUntil = now.Add(heldPatience)
		}
	}
	p.relay.Connected(now)
	s.pump(e)
}

// publishDown is for its end, after its last OK.
func (s *supervisor) publishDown(e *relayEntry) {
	if e.publishing == nil {
		return
	}
	p := e.publishing
	p.blind = false
	var hungUp *CloseError
	if errors.As(e.lastErr, &hungUp) && hungUp.Code == messageTooBig {
		p.relay.TooLong(p.length, hungUp)
	}
	p.relay.Lost()
	s.holdAgain(p)
	for _, leg := range p.held {
		leg.holdUntil, leg.waited = time.Time{}, false
	}
	s.pump(e)
}

// messageTooBig is the close code of who was sent a message that is too long (RFC 6455, section 7.4.1).
const messageTooBig = 1009

// length is that of an event as it is sent, in bytes.
func (p *publishing) length(id nostr.ID) int {
	if legs := p.legs[id]; len(legs) > 0 {
		return len(legs[0].pub.frame)
	}
	return 0
}

// unpublishAdded tells that there will be no verdict of a relay that has been removed:
// whom publishes on all relays, and not whom has named it.
func (s *supervisor) unpublishAdded(e *relayEntry, reason error) {
	if e.publishing == nil {
		return
	}
	for _, leg := range e.publishing.inOrder() {
		if leg.at != nil && leg.needs == nil {
			s.give(leg, reason)
		}
	}
	s.pump(e)
}

// give tells that there will be no verdict.
func (s *supervisor) give(leg *publishLeg, reason error) {
	if leg.held {
		s.letGo(leg, reason)
	} else {
		leg.at.relay.Give(leg, reason)
	}
}

// inOrder lists the legs in the order in which their publications began.
func (p *publishing) inOrder() []*publishLeg {
	list := slices.Concat(slices.Collect(maps.Values(p.legs))...)
	slices.SortFunc(list, func(a, b *publishLeg) int { return cmp.Compare(a.pub.number, b.pub.number) })
	return list
}

// unpublish tells all whom a relay owes a verdict that there will be none. It waits for
// nothing that may lie unread, as after a sleep: there is no later look.
func (s *supervisor) unpublish(e *relayEntry, reason error) {
	p := e.publishing
	if p == nil {
		return
	}
	s.letAllGo(p, reason)
	p.relay.End(reason)
	p.look, p.waking = time.Time{}, false
	s.pump(e)
}

// gotOK is for an OK that is awaited.
func (s *supervisor) gotOK(e *relayEntry, ok wire.OK) {
	if p := e.publishing; !s.authOK(e, ok) && p != nil {
		p.relay.OK(s.client.now(), ok.EventID, ok.Accepted, ok.Message)
	}
}

// pumpSoon has pump follow when the supervisor has taken what waits in its inbox, once for
// all of it: what is published side by side is written in one piece then.
func (s *supervisor) pumpSoon(e *relayEntry) {
	if p := e.publishing; p != nil && !p.soon {
		p.soon = true
		s.soon = append(s.soon, p)
	}
}

// pumpNow does what pumpSoon has put off.
func (s *supervisor) pumpNow() {
	for i := 0; i < len(s.soon); i++ { // it may grow
		p := s.soon[i]
		p.soon = false
		s.pump(p.entry)
	}
	clear(s.soon)
	s.soon = s.soon[:0]
}

const (
	// late is by how much more than its time a look at publications tells that the
	// program did not run meanwhile.
	late = attend.Late
	// catchUp is how long is waited then: answers that have come lie unread.
	catchUp = attend.CatchUp
)

// slept tells whether it is too early to look, since the last look was to be long ago:
// relays are not judged before what they have said meanwhile has been read (DESIGN 3.9).
func (s *supervisor) slept(p *publishing, now time.Time) bool {
	switch {
	case !s.client.network.automatic() || p.look.IsZero():
		return false
	case !p.waking && now.Sub(p.look) > late:
		p.waking, p.look = true, now.Add(catchUp)
		s.later.Set(laterKey{entry: p.entry, publish: true}, p.look)
		return true
	case p.waking && now.Before(p.look):
		return true
	}
	p.waking = false
	return false
}

// pump does what is to be done now for what is published on a relay.
func (s *supervisor) pump(e *relayEntry) {
	p := e.publishing
	if p == nil {
		return
	}
	now := s.client.now()
	if s.slept(p, now) {
		return
	}
	heldUntil, held := s.tendHeld(p, now)
	for steps := p.relay.Do(now); len(steps) > 0; steps = p.relay.Do(now) {
		wanted := false
		for _, step := range steps {
			switch step.Do {
			case outcome.Send:
				s.sendEvent(p, step.ID)
			case outcome.Auth:
				s.want(e, unauthenticatedEvent{step.ID}, step.Author)
				wanted = true
			case outcome.Tell:
				s.verdict(step.Key, step.Report)
			}
		}
		if wanted { // once for all of them
			s.doAuth(e)
			s.ask(e)
		}
	}
	s.drainedNow()
	at, some := p.relay.Next()
	if held {
		at, some = earlier(at, some, heldUntil)
	}
	p.look = time.Time{}
	if some {
		p.look = at
		s.later.Set(laterKey{entry: e, publish: true}, at)
	} else {
		s.later.Cancel(laterKey{entry: e, publish: true})
	}
}

// sendEvent writes an event. What finds no room is tried again soon; what finds no
// connection, with the next, whose predecessor's end is on its way here.
func (s *supervisor) sendEvent(p *publishing, id nostr.ID) {
	legs := p.legs[id]
	if len(legs) == 0 {
		return // told otherwise in the meantime
	}
	c := p.entry.conn
	if c != nil {
		if c.send(openOf(legs).pub.outgoing()) == nil {
			for _, leg := range legs {
				if !leg.held {
					leg.sent++
				}
			}
			return
		}
	}
	p.relay.Unsent(s.client.now(), id)
}

// outgoing is the event as a message of the library's own: whether it was written
// is the publication's business, not OnError's.
func (p *Publication) outgoing() outgoing {
	return outgoing{msg: PublishEvent{Event: p.event}, frame: p.frame, own: true, event: p.event.ID}
}

// verdict takes the verdict of a relay, the first or another.
func (s *supervisor) verdict(leg *publishLeg, r outcome.Report) {
	p := leg.pub
	if p.legs == nil {
		return
	}
	if p.replies != nil { // it may have been held again, and then it is counted from one
		r.Tries = max(r.Tries, leg.sent)
	}
	leg.verdict = r.Verdict
	s.freeTwins(leg.at)
	ok, settled := p.state.Tell(leg.index, r)
	if !ok {
		return
	}
	o := Outcome{Verdict: Verdict(r.Verdict), Message: r.Message, Tries: r.Tries, Err: r.Err}
	if leg.at != nil && o.Err == nil {
		o.hint, o.Err = leg.explain(r)
	}
	p.note(leg.index, o)
	if p.replies != nil && !p.state.Heard() {
		p.replies.endAfter(p.report().Err())
	}
	over := p.state.Over()
	if over {
		s.endPublication(p, nil)
	} else if settled {
		p.decide()
	}
}

// endPublication frees what a publication takes up, and tells who has not been told.
func (s *supervisor) endPublication(p *Publication, cause error) {
	for _, leg := range p.legs {
		s.drop(leg)
	}
	p.legs = nil
	p.c.publications.Add(-1)
	p.end(cause)
	if !closedChannel(p.decided) {
		p.decide()
	}
}

// drop ends what a relay has to do with a publication.
func (s *supervisor) drop(leg *publishLeg) {
	if leg == nil {
		return
	}
	if leg.needs != nil {
		defer s.disengage(leg.needs, leg)
	}
	if leg.at == nil {
		return
	}
	p, id := leg.at, leg.pub.event.ID
	leg.unhold()
	leg.at = nil
	p.relay.Forget(leg)
	defer s.freeTwins(p)
	legs := slices.DeleteFunc(p.legs[id], func(other *publishLeg) bool { return other == leg })
	if len(legs) > 0 {
		p.legs[id] = legs
		return
	}
	delete(p.legs, id)
	s.unwantAuth(p.entry, id)
	if c := p.entry.conn; c != nil {
		c.ignore(id)
	}
}

// openPublications lists those that are not over, in the order in which they began.
func (s *supervisor) openPublications() (list []*Publication) {
	listed := make(map[*Publication]bool)
	for _, e := range s.relays {
		if e.publishing == nil {
			continue
		}
		for _, legs := range e.publishing.legs {
			for _, leg := range legs {
				if !listed[leg.pub] {
					listed[leg.pub] = true
					list = append(list, leg.pub)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b *Publication) int { return cmp.Compare(a.number, b.number) })
	return list
}

func closedChannel(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
