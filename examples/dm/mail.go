package main

import (
	"errors"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip44"
)

const (
	inboxID  = "inbox"
	askAgain = 30 * time.Second // after a relay has closed the inbox
)

// settings are what two people differ in.
type settings struct {
	name  string // in what it says
	key   nostr.SecretKey
	inbox []string // relays that we want our messages on; our list of kind 10050 has these
	lists []string // more relays where lists of kind 10050 are to be found

	// onMessage gets each message once, on the client's goroutine. relay is the URL it came from.
	onMessage func(self *gennostr.Self, m *mail, msg *nip17.Message, relay string)
	say       func(who, format string, args ...any)
	strangers []gennostr.RelayOption // for the relays that others have named
}

// mail receives and sends private messages for one key. Its fields need no locks:
// every callback runs on the client's goroutine. What takes a while, encryption
// above all, is the work of two queues, off that goroutine.
type mail struct {
	gennostr.BaseHandler
	settings

	me      nostr.PubKey
	keys    nostr.Keyer
	list    nostr.Event // our relays, kind 10050
	links   map[string]*link
	lookups map[string]*lookup // by the id of their subscription
	asked   int                // how many there have been
	seen    *memory

	client  *gennostr.Client
	reading *gennostr.Queue[*received]
	writing *gennostr.Queue[*written]
}

func newMail(s settings) *mail {
	return &mail{
		settings: s, me: s.key.PubKey(), keys: nip44.Keyer(s.key),
		links: make(map[string]*link), lookups: make(map[string]*lookup),
		seen: newMemory(maxRemembered, nostr.Now()),
	}
}

// Init makes the list of relays, and adds them.
func (m *mail) Init(self *gennostr.Self) (err error) {
	m.client = self.Client()
	m.reading = gennostr.NewQueue(self, gennostr.QueueConfig[*received]{Name: "reading", Work: m.read, Then: m.haveRead})
	m.writing = gennostr.NewQueue(self, gennostr.QueueConfig[*written]{
		Name: "writing", Work: m.write, Then: m.haveWritten,
		Key: func(w *written) string { return nip17.NewRoom(w.msg.To...).String() }, // in order for each of them
	})
	if m.list, err = nip17.NewRelayList(m.inbox...); err != nil {
		return err
	}
	if err := m.list.Sign(m.key); err != nil {
		return err
	}
	for i, address := range slices.Concat(m.inbox, m.lists) {
		if _, err := self.EnsureRelay(address); err != nil {
			return err
		}
		url, role := identity(address), inbox
		if i >= len(m.inbox) {
			role = lists
		}
		if m.links[url] == nil {
			m.links[url] = &link{role: role, key: m.key, requests: make(map[string]*request)}
		}
	}
	return nil
}

// OnConnect publishes our list and asks for our messages: also for those of before
// an outage, and with InboxFilter two days further back, for that is how far wraps
// are dated back on purpose.
func (m *mail) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	l := m.links[relay.URL]
	if l == nil {
		return nil
	}
	if l.role != guest {
		m.say(m.name, "connected to %s (attempt %d)", relay.URL, relay.Attempts)
		if l.find(m.list.ID) == nil {
			l.letters = slices.Insert(l.letters, 0, &letter{event: &m.list, what: "my list of relays"})
		}
	}
	if l.role == inbox {
		l.requests[inboxID] = &request{filters: []nostr.Filter{nip17.InboxFilter(m.me, m.seen.since)}}
	}
	l.open(self, relay)
	return nil
}

func (m *mail) OnAuth(self *gennostr.Self, relay gennostr.Relay, msg gennostr.AuthMessage) error {
	if l := m.links[relay.URL]; l != nil {
		return l.challenge(self, msg)
	}
	return nil
}

// OnOK is a verdict on a letter, or on our answer to a challenge.
func (m *mail) OnOK(self *gennostr.Self, relay gennostr.Relay, msg gennostr.OKMessage) error {
	l := m.links[relay.URL]
	switch {
	case l == nil:
	case msg.EventID == l.auth && !l.auth.IsZero():
		switch {
		case msg.Accepted:
			if l.role != guest {
				m.say(m.name, "known to %s now", relay.URL)
			}
			l.accepted(self)
		case !l.authLater: // else it was the answer to an earlier challenge
			m.say(m.name, "not let in by %s: %s", relay.URL, plain(msg.Message))
		}
	default:
		letter := l.verdict(self, msg)
		switch {
		case letter == nil:
			return nil
		case msg.Accepted:
			m.say(m.name, "%s is on %s", letter.what, relay.URL)
		default:
			m.say(m.name, "%s is refused by %s: %s", letter.what, relay.URL, plain(msg.Message))
		}
		m.leave(self, relay.URL)
	}
	return nil
}

// OnEvent gets what the library has verified: a gift wrap for us, or somebody's
// list. What is in a wrap has yet to be seen.
func (m *mail) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	if msg.SubscriptionID != inboxID {
		m.found(msg)
		return nil
	}
	return m.reading.Put(&received{wrap: msg.Event, relay: relay.URL})
}

func (m *mail) OnEOSE(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EOSEMessage) error {
	m.answered(self, relay.URL, msg.SubscriptionID)
	return nil
}

// OnClosed: the relay has ended a subscription. If it was for want of
// authentication, the link opens it again in time.
func (m *mail) OnClosed(self *gennostr.Self, relay gennostr.Relay, msg gennostr.ClosedMessage) error {
	l := m.links[relay.URL]
	if l == nil || !l.closed(self, msg) {
		return nil
	}
	if msg.SubscriptionID != inboxID {
		m.answered(self, relay.URL, msg.SubscriptionID)
		return nil
	}
	m.say(m.name, "no messages from %s, asking again in %v: %s", relay.URL, askAgain, plain(msg.Message))
	self.SendAfter(askAgain, inboxClosed{relay})
	return nil
}

// What the timers bring to HandleInfo.
type (
	inboxClosed struct{ relay gennostr.Relay }
	lookupOver  struct{ lookup *lookup }
	letterOver  struct {
		url string
		id  nostr.ID
	}
)

// HandleInfo gets the timers' messages, and private ones that are to be sent.
func (m *mail) HandleInfo(self *gennostr.Self, info any) error {
	switch x := info.(type) {
	case nip17.Message:
		return m.send(x, "")
	case inboxClosed:
		if l := m.links[x.relay.URL]; l != nil && l.connected && l.relay == x.relay {
			l.ask(self, inboxID, nip17.InboxFilter(m.me, m.seen.since))
		}
	case answerChallenge:
		if l := m.links[x.relay.URL]; l != nil && l.connected && l.relay == x.relay {
			return l.authenticate(self)
		}
	case lookupOver:
		m.endLookup(self, x.lookup)
	case letterOver:
		if l := m.links[x.url]; l != nil {
			if letter := l.find(x.id); letter != nil {
				m.say(m.name, "%s is given up: no verdict from %s", letter.what, x.url)
				l.drop(letter)
			}
			m.leave(self, x.url)
		}
	}
	return nil
}

// OnDisconnect has little to do: the client reconnects by itself, and OnConnect
// begins anew.
func (m *mail) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	l := m.links[relay.URL]
	if l == nil || errors.Is(reason, gennostr.ErrRelayRemoved) { // a guest that we have left
		return nil
	}
	l.connected = false
	for id := range m.lookups {
		m.answered(self, relay.URL, id)
	}
	m.say(m.name, "no connection to %s: %s", relay.URL, plain(reason.Error()))
	if l.role == guest && errors.Is(reason, gennostr.ErrAddressDenied) { // and it always will be
		l.letters = nil
		m.leave(self, relay.URL)
	}
	for _, end := range []error{gennostr.ErrRestartIntensity, gennostr.ErrForgeryLimit, gennostr.ErrGaveUp} {
		if errors.Is(reason, end) { // this one does not come back
			delete(m.links, relay.URL)
		}
	}
	for _, l := range m.links {
		if l.role == inbox {
			return nil
		}
	}
	return gennostr.Stop(errors.New("no relay is left to get messages from"))
}

func (m *mail) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	m.say(m.name, "%s says: %s", relay.URL, plain(msg.Message))
	return nil
}

// OnError gets what else goes wrong, forged events among it. The end of a
// connection comes here and to OnDisconnect, which tells it.
func (m *mail) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var (
		callback *gennostr.CallbackError
		rejected *gennostr.RejectError
		unsent   *gennostr.SendError
	)
	switch {
	case errors.As(err, &unsent) && errors.Is(err, gennostr.ErrNotConnected): // OnConnect will send it
	case errors.As(err, &rejected) && rejected.Forged():
		m.say(m.name, "ignored forged events of %s (%d): %s", relay.URL, rejected.Count, plain(err.Error()))
	case errors.As(err, &unsent), errors.As(err, &rejected), errors.As(err, &callback):
		m.say(m.name, "problem with %s: %s", relay.URL, plain(err.Error()))
	}
	return nil
}

// Terminate is the last callback.
func (m *mail) Terminate(self *gennostr.Self, reason error) { m.say(m.name, "goodbye") }
