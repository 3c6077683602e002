package main

import (
	"context"
	"errors"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

const (
	ourTime   = 10 * time.Minute // how long one of our relays has to take a letter: outages pass
	guestTime = 20 * time.Second // and one that others have named
	maxGuests = 32               // relays that others have named, at once
	maxRelays = 3                // that one person has named: NIP-17 advises no more
)

// received is a gift wrap and what was in it.
type received struct {
	wrap  *nostr.Event
	relay string // URL
	msg   *nip17.Message
}

// read takes the message out, off the loop. It checks that whoever says to have
// written it has sealed it, and much more: see package nip59.
func (m *mail) read(ctx context.Context, r *received) (err error) {
	r.msg, err = nip17.Open(ctx, m.keys, r.wrap)
	return err
}

func (m *mail) haveRead(self *gennostr.Self, r *received, err error) error {
	switch {
	case errors.Is(err, gennostr.ErrClientClosed):
		return nil
	case errors.Is(err, nip17.ErrOtherKind):
		m.say(m.name, "passed over what is no message: %s", plain(err.Error()))
		return nil
	case err != nil: // nobody to answer: who it says it is from has not written it, for all we know
		m.say(m.name, "ignored a bad wrap from %s: %s", r.relay, plain(err.Error()))
		return nil
	}
	fresh, why := m.seen.take(r.msg.ID, r.msg.CreatedAt, nostr.Now())
	if why != "" {
		m.say(m.name, "passed over a message of %s: %s", short(r.msg.From), why)
	}
	if fresh && r.msg.From != m.me { // our own come back as copies
		m.onMessage(self, m, r.msg, r.relay)
	}
	return nil
}

// send has the message encrypted and brought to whom it is for. relay is where to
// bring it when nobody knows where they want it, "" for nowhere.
func (m *mail) send(msg nip17.Message, relay string) error {
	return m.writing.Put(&written{msg: msg, relay: relay})
}

// written is a message to be sent, and what it has become.
type written struct {
	msg       nip17.Message
	relay     string
	envelopes []envelope
}

type envelope struct {
	nip17.Delivery
	relays []string // where it is to be brought to
}

// write encrypts and looks up whose relays are where, off the loop.
func (m *mail) write(ctx context.Context, w *written) error {
	prepared, err := nip17.PrepareMessage(ctx, m.keys, w.msg)
	if err != nil {
		return err
	}
	for _, d := range prepared.ToThem {
		relays, listed, err := m.findRelays(ctx, d.To)
		if err != nil {
			return err
		}
		if !listed && w.relay != "" {
			relays = []string{w.relay}
		}
		w.envelopes = append(w.envelopes, envelope{d, relays})
	}
	return nil
}

func (m *mail) haveWritten(self *gennostr.Self, w *written, err error) error {
	if err != nil {
		m.say(m.name, "a message is not sent: %s", plain(err.Error()))
		return nil
	}
	for _, e := range w.envelopes {
		what := "the message to " + short(e.To)
		if len(e.relays) == 0 {
			m.say(m.name, "%s is not sent: no relay for it is known", what)
		}
		for _, address := range e.relays[:min(len(e.relays), maxRelays)] {
			given := guestTime
			if _, ours := self.Relay(address); ours {
				given = ourTime
			}
			m.bring(self, address, e.Wrap, what, given)
		}
	}
	return nil
}

// bring publishes an event on one relay, ours or not, and tells what has become of it.
func (m *mail) bring(self *gennostr.Self, address string, event *nostr.Event, what string, given time.Duration) {
	self.Publish(event, func(report gennostr.PublishReport) error {
		if len(report.Outcomes) == 0 { // it was not even begun
			m.say(m.name, "%s is not sent: %s", what, plain(report.Err().Error()))
		}
		for _, o := range report.Outcomes {
			m.say(m.name, "%s on %s", what, plain(o.String()))
		}
		return nil
	}, gennostr.On(address), gennostr.GiveUpAfter(given))
}
