package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// maxChallenges bounds the answers to one relay's challenges, of which it may send any number.
const maxChallenges = 3

// publisher is the whole handler. Its fields need no locks: every callback runs
// on the client's goroutine, and accepted is asked when that has ended.
type publisher struct {
	gennostr.BaseHandler

	event   *nostr.Event
	key     nostr.SecretKey
	timeout time.Duration
	out     *printer

	deliveries []*delivery // in the order of the command line
	byURL      map[string]*delivery
}

// delivery is what has become of the event at one relay.
type delivery struct {
	url      string
	sent     bool   // the connection is open, and the event on its way
	verdict  string // the last word, "" while there is none
	accepted bool

	refusal    string   // the relay's auth-required, while that may still change
	again      bool     // the event was sent for the second and last time
	challenges int      // answered so far
	answer     nostr.ID // of the latest answer to a challenge
	answered   bool     // there is a verdict on it:
	authorized bool     // accepted,
	denial     string   // or not, in the relay's words
}

func newPublisher(opts options, event *nostr.Event, stdout, stderr io.Writer) *publisher {
	p := &publisher{
		event: event, key: opts.key, timeout: opts.timeout,
		byURL: make(map[string]*delivery),
	}
	for _, address := range opts.relays {
		d := &delivery{url: identity(address)}
		p.deliveries = append(p.deliveries, d)
		p.byURL[d.url] = d
	}
	p.out = newPrinter(stdout, stderr, p.deliveries)
	return p
}

// accepted tells whether a relay has accepted the event. Only when the client has stopped.
func (p *publisher) accepted() bool {
	for _, d := range p.deliveries {
		if d.accepted {
			return true
		}
	}
	return false
}

// timeIsUp is what the timer brings to HandleInfo.
type timeIsUp struct{}

func (p *publisher) Init(self *gennostr.Self) error {
	self.SendAfter(p.timeout, timeIsUp{})
	return nil
}

func (p *publisher) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	p.byURL[relay.URL].sent = true
	self.Send(relay.URL, gennostr.PublishEvent{Event: p.event})
	return nil
}

// OnOK is a verdict on the event, or on our answer to a challenge. What it says
// of any other event is no concern of ours.
func (p *publisher) OnOK(self *gennostr.Self, relay gennostr.Relay, msg gennostr.OKMessage) error {
	d := p.byURL[relay.URL]
	switch {
	case msg.EventID == p.event.ID && msg.Accepted:
		d.accepted = d.verdict == "" // what comes after the last word is too late
		return p.settle(d, "accepted"+detail(" (%s)", msg.Message))
	case msg.EventID == p.event.ID && msg.Prefix() == "auth-required" && !d.again:
		d.refusal = msg.Message
		return p.authenticated(self, d)
	case msg.EventID == p.event.ID:
		return p.settle(d, "rejected"+detail(": %s", msg.Message))
	case msg.EventID == d.answer && d.challenges > 0:
		d.answered, d.authorized, d.denial = true, msg.Accepted, msg.Message
		return p.authenticated(self, d)
	}
	return nil
}

// OnAuth proves to the relay who we are (NIP-42). That is no secret to it: the
// same key has signed the event. Some relays compare their URL byte for byte:
// the event names the one that was written on the command line.
func (p *publisher) OnAuth(self *gennostr.Self, relay gennostr.Relay, msg gennostr.AuthMessage) error {
	d := p.byURL[relay.URL]
	if d.challenges >= maxChallenges {
		return nil
	}
	auth := &nostr.Event{Kind: nostr.KindClientAuthentication, Tags: nostr.Tags{
		{"relay", relay.Address}, {"challenge", msg.Challenge},
	}}
	if err := auth.Sign(p.key); err != nil {
		return err
	}
	d.challenges++
	d.answer, d.answered = auth.ID, d.authorized // who is known stays known
	self.Send(relay.URL, gennostr.AuthResponse{Event: auth})
	return nil
}

// authenticated goes on when the event was refused for want of authentication
// and there is a verdict on that, whichever of them came first.
func (p *publisher) authenticated(self *gennostr.Self, d *delivery) error {
	switch {
	case d.refusal == "" || !d.answered || d.again || d.verdict != "":
		return nil
	case !d.authorized:
		return p.settle(d, "rejected: "+d.refusal+" (authentication refused"+detail(": %s", d.denial)+")")
	}
	d.again = true
	self.Send(d.url, gennostr.PublishEvent{Event: p.event})
	return nil
}

// OnDisconnect is the end of it: with WithManualReconnect the relay stays away.
func (p *publisher) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	d := p.byURL[relay.URL]
	switch {
	case !d.sent:
		return p.settle(d, "unreachable: "+why(reason))
	case d.refusal != "" && !d.again:
		return p.settle(d, "rejected: "+d.refusal+" (connection lost before authentication: "+why(reason)+")")
	}
	return p.settle(d, "connection lost before the answer: "+why(reason))
}

// HandleInfo gets the timer only.
func (p *publisher) HandleInfo(self *gennostr.Self, msg any) error {
	if _, ok := msg.(timeIsUp); !ok {
		return nil
	}
	p.settleRest(fmt.Sprintf("within %v", p.timeout))
	return gennostr.ErrStop
}

func (p *publisher) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	p.out.news("%s says: %s", relay.URL, msg.Message)
	return nil
}

// OnError gets what else goes wrong. What ends a connection comes here and to
// OnDisconnect, which tells it.
func (p *publisher) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var callback *gennostr.CallbackError
	var rejected *gennostr.RejectError
	var unsent *gennostr.SendError
	switch {
	case errors.As(err, &unsent), errors.As(err, &rejected), errors.As(err, &callback):
		p.out.news("problem with %s: %s", relay.URL, why(err))
	}
	return nil
}

// Terminate is the last callback: after Ctrl-C some relays have not answered yet.
func (p *publisher) Terminate(self *gennostr.Self, reason error) {
	p.settleRest("before the interruption")
}

// settle writes down the last word on a relay, and stops when there is one on each.
func (p *publisher) settle(d *delivery, verdict string) error {
	if d.verdict != "" {
		return nil
	}
	d.verdict = verdict
	p.out.verdicts(p.deliveries)
	for _, d := range p.deliveries {
		if d.verdict == "" {
			return nil
		}
	}
	return gennostr.ErrStop
}

// settleRest is the last word on all that have none yet.
func (p *publisher) settleRest(when string) {
	for _, d := range p.deliveries {
		switch {
		case !d.sent:
			p.settle(d, "unreachable: no connection "+when)
		case d.refusal != "" && !d.again && d.challenges == 0:
			p.settle(d, "rejected: "+d.refusal+" (no challenge came "+when+")")
		case d.refusal != "" && !d.again:
			p.settle(d, "rejected: "+d.refusal+" (no answer to the authentication "+when+")")
		default:
			p.settle(d, "no answer "+when)
		}
	}
}
