package main

import (
	"errors"
	"slices"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip44"
)

const inboxID = "inbox"

// settings are what two people differ in.
type settings struct {
	name  string // in what it says
	key   nostr.SecretKey
	inbox []string // relays that we want our messages on; our list of kind 10050 has these
	lists []string // more relays where lists of kind 10050 are to be found

	// onMessage gets each message once, on the client's goroutine. relay is the URL it came from.
	onMessage func(self *gennostr.Self, m *mail, msg *nip17.Message, relay string)
	say       func(who, format string, args ...any)
}

// mail receives and sends private messages for one key. Its fields need no locks:
// every callback runs on the client's goroutine. What takes a while, encryption
// above all, is the work of two queues, off that goroutine.
type mail struct {
	gennostr.BaseHandler
	settings

	me    nostr.PubKey
	keys  nostr.Keyer
	list  nostr.Event     // our relays, kind 10050
	boxes map[string]bool // by URL: relays that we get messages on
	seen  *memory

	client  *gennostr.Client
	reading *gennostr.Queue[*received]
	writing *gennostr.Queue[*written]
}

func newMail(s settings) *mail {
	return &mail{settings: s, me: s.key.PubKey(), keys: nip44.Keyer(s.key), boxes: make(map[string]bool), seen: newMemory(maxRemembered, nostr.Now())}
}

// options are how its client reaches relays: ours know who we are (AUTH). Those that
// others have named do not: a wrap does not tell who has written it, and where one takes
// authentication a key of the moment does.
func (m *mail) options(more ...gennostr.Option) []gennostr.Option {
	return append([]gennostr.Option{
		gennostr.WithRelays(slices.Concat(m.inbox, m.lists)...),
		gennostr.WithSigner(m.key.Signer()),
		gennostr.WithGuestOptions(gennostr.WithSigner(nostr.GenerateSecretKey().Signer())),
		gennostr.WithMaxGuests(maxGuests),
		quiet,
	}, more...)
}

// Init makes the list of relays, and asks for our messages: also for those of before an
// outage, and two days further back, for that is how far wraps are dated back on purpose.
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
	for _, address := range m.inbox {
		m.boxes[identity(address)] = true
	}
	return self.Subscribe(inboxID, []nostr.Filter{nip17.InboxFilter(m.me, m.seen.since)}, gennostr.On(m.inbox...))
}

// OnConnect publishes our list: the relay may have lost it.
func (m *mail) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	m.say(m.name, "connected to %s (attempt %d)", relay.URL, relay.Attempts)
	m.bring(self, relay.URL, &m.list, "my list of relays", ourTime)
	return nil
}

// OnEvent gets what the library has verified: a gift wrap for us. What is in it has yet
// to be seen.
func (m *mail) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	return m.reading.Put(&received{wrap: msg.Event, relay: relay.URL})
}

// OnSubscription tells of the inbox on a relay.
func (m *mail) OnSubscription(self *gennostr.Self, relay gennostr.Relay, change gennostr.SubscriptionChange) error {
	switch {
	case change.Gap != nil:
		m.say(m.name, "%s may not bring all messages from %s to %s", relay.URL, change.Gap.Since.Time(), change.Gap.Until.Time())
	case change.State == gennostr.SubscriptionRetrying && change.RetryAt.IsZero(): // AUTH is under way
	case change.State == gennostr.SubscriptionLive:
		m.say(m.name, "gets messages from %s", relay.URL)
	case change.Message != "":
		m.say(m.name, "no messages from %s: %s", relay.URL, plain(change.Message))
	}
	return nil
}

// HandleInfo gets private messages that are to be sent.
func (m *mail) HandleInfo(self *gennostr.Self, info any) error {
	if msg, ok := info.(nip17.Message); ok {
		return m.send(msg, "")
	}
	return nil
}

// OnDisconnect has little to do: the client reconnects by itself, asks again, and
// publishes again what was not answered.
func (m *mail) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	m.say(m.name, "no connection to %s: %s", relay.URL, plain(reason.Error()))
	if errors.Is(reason, gennostr.ErrRestartIntensity) { // this one does not come back
		delete(m.boxes, relay.URL)
	}
	if len(m.boxes) == 0 {
		return gennostr.Stop(errors.New("no relay is left to get messages from"))
	}
	return nil
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
		auth     *gennostr.AuthError
	)
	switch {
	case errors.As(err, &rejected) && rejected.Forged():
		m.say(m.name, "ignored forged events of %s (%d): %s", relay.URL, rejected.Count, plain(err.Error()))
	case errors.As(err, &auth), errors.As(err, &rejected), errors.As(err, &callback):
		m.say(m.name, "problem with %s: %s", relay.URL, plain(err.Error()))
	}
	return nil
}

// Terminate is the last callback.
func (m *mail) Terminate(self *gennostr.Self, reason error) { m.say(m.name, "goodbye") }
