package main

import (
	"slices"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// authPause is what lies at least between two answers to a relay's challenges, of
// which it may send any number. The latest counts.
const authPause = time.Second

// role is what a relay is to us.
type role uint8

const (
	guest role = iota // somebody else's: we bring a letter and leave
	lists             // where lists of kind 10050 are published and looked up
	inbox             // where our own messages come to; all of the above, too
)

// link is what we want of one relay, and how far its connection has got with it.
// Whatever was refused for want of authentication is sent again as soon as the
// relay knows us, and everything that is not done with is sent again on a
// connection that comes back.
type link struct {
	role     role
	key      nostr.SecretKey // what it authenticates with
	requests map[string]*request
	letters  []*letter // no verdict on them yet, in the order they were posted

	// Of the open connection:
	relay      gennostr.Relay
	connected  bool
	latest     string    // the latest challenge
	auth       nostr.ID  // our latest answer to one
	authAfter  time.Time // not before then the next
	authLater  bool      // a timer will do it
	authorized bool      // an answer was accepted
}

// request is a subscription that is to be open.
type request struct {
	filters []nostr.Filter
	trial
}

// letter is an event that the relay is to take.
type letter struct {
	event *nostr.Event
	what  string // for the log
	trial
}

// trial is how a message fares on a connection.
type trial struct {
	refused bool // it needs authentication first
	again   bool // it was sent again after that, and not a third time
}

// open begins a connection: it starts with nothing. Letters go first, the list of
// relays before all.
func (l *link) open(self *gennostr.Self, relay gennostr.Relay) {
	l.relay, l.connected = relay, true
	l.latest, l.auth, l.authAfter, l.authLater, l.authorized = "", nostr.ID{}, time.Time{}, false, false
	for _, letter := range l.letters {
		letter.trial = trial{}
		self.Send(relay.URL, gennostr.PublishEvent{Event: letter.event})
	}
	for id, r := range l.requests {
		r.trial = trial{}
		self.Send(relay.URL, gennostr.Req{SubscriptionID: id, Filters: r.filters})
	}
}

// post wants the relay to have the event.
func (l *link) post(self *gennostr.Self, event *nostr.Event, what string) {
	l.letters = append(l.letters, &letter{event: event, what: what})
	if l.connected {
		self.Send(l.relay.URL, gennostr.PublishEvent{Event: event})
	}
}

// ask wants a subscription to be open.
func (l *link) ask(self *gennostr.Self, id string, filters ...nostr.Filter) {
	l.requests[id] = &request{filters: filters}
	if l.connected {
		self.Send(l.relay.URL, gennostr.Req{SubscriptionID: id, Filters: filters})
	}
}

// answerChallenge is the timer's message to HandleInfo.
type answerChallenge struct{ relay gennostr.Relay }

// challenge is answered, also one that comes late, or is not the first (NIP-42).
func (l *link) challenge(self *gennostr.Self, msg gennostr.AuthMessage) error {
	l.latest = msg.Challenge
	wait := time.Until(l.authAfter)
	switch {
	case l.authLater:
		return nil
	case wait > 0:
		l.authLater = true
		self.SendAfter(wait, answerChallenge{l.relay})
		return nil
	}
	return l.authenticate(self)
}

// authenticate answers the latest challenge. Some relays compare their URL byte for
// byte: the event names the one that was written when the relay was added.
func (l *link) authenticate(self *gennostr.Self) error {
	l.authLater, l.authAfter = false, time.Now().Add(authPause)
	auth := nostr.NewAuthEvent(l.relay.Address, l.latest, nostr.Now())
	if err := auth.Sign(l.key); err != nil {
		return err
	}
	l.auth = auth.ID
	self.Send(l.relay.URL, gennostr.AuthResponse{Event: &auth})
	return nil
}

// verdict returns the letter that is done with, nil if none is.
func (l *link) verdict(self *gennostr.Self, msg gennostr.OKMessage) *letter {
	i := slices.IndexFunc(l.letters, func(x *letter) bool { return x.event.ID == msg.EventID })
	if i < 0 {
		return nil
	}
	letter := l.letters[i]
	if !msg.Accepted && msg.Prefix() == "auth-required" && !letter.again {
		letter.refused = true
		l.repeat(self, false)
		return nil
	}
	l.drop(letter)
	return letter
}

// closed reports whether a subscription is done with, and not just waiting for authentication.
func (l *link) closed(self *gennostr.Self, msg gennostr.ClosedMessage) bool {
	r := l.requests[msg.SubscriptionID]
	if r != nil && msg.Prefix() == "auth-required" && !r.again {
		r.refused = true
		l.repeat(self, false)
		return false
	}
	return r != nil
}

// accepted: the relay knows who we are. On the first time all requests are sent
// again, for some relays do not refuse, but leave private messages out.
func (l *link) accepted(self *gennostr.Self) {
	first := !l.authorized
	l.authorized = true
	l.repeat(self, first)
}

// repeat sends again what was refused, or all requests, if the relay knows us by now.
func (l *link) repeat(self *gennostr.Self, all bool) {
	if !l.authorized {
		return // accepted will do it, whenever the challenge comes
	}
	for _, letter := range l.letters {
		if letter.refused {
			letter.trial = trial{again: true}
			self.Send(l.relay.URL, gennostr.PublishEvent{Event: letter.event})
		}
	}
	for id, r := range l.requests {
		if r.refused || all {
			r.trial = trial{again: true}
			self.Send(l.relay.URL, gennostr.Req{SubscriptionID: id, Filters: r.filters})
		}
	}
}

// find returns the letter that is still on its way, nil if it is not.
func (l *link) find(id nostr.ID) *letter {
	for _, letter := range l.letters {
		if letter.event.ID == id {
			return letter
		}
	}
	return nil
}

func (l *link) drop(letter *letter) {
	if i := slices.Index(l.letters, letter); i >= 0 {
		l.letters = slices.Delete(l.letters, i, i+1)
	}
}
