package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

const (
	requests   = "requests"     // the subscription's name
	workers    = 8              // payments at once
	answerTime = 24 * time.Hour // that relays have to take an answer; after that the next process tries
)

// Wallet is the whole handler. Its fields need no locks: every callback runs on the
// client's goroutine, and pay, which does not, reads what does not change.
type Wallet struct {
	gennostr.BaseHandler

	key       nostr.SecretKey
	cipher    nostr.Cipher
	customers []nostr.PubKey
	bank      bank
	ledger    *ledger
	say       func(who, format string, args ...any)

	queue     *gennostr.Queue[*payment]
	unwritten []entry // paid and not in the ledger yet
}

// payment is a request on its way through the queue.
type payment struct {
	request  *nostr.Event
	preimage string // the proof that it is paid, once it is
}

func newWallet(key nostr.SecretKey, customers []nostr.PubKey, pay bank, books *ledger, say func(who, format string, args ...any)) *Wallet {
	return &Wallet{key: key, cipher: nip44.Cipher(key), customers: customers, bank: pay, ledger: books, say: say}
}

// Init goes on where the ledger ends.
func (w *Wallet) Init(self *gennostr.Self) error {
	w.queue = gennostr.NewQueue(self, gennostr.QueueConfig[*payment]{
		Name:    "payments",
		Workers: workers,
		Key:     func(p *payment) string { return p.request.PubKey.String() }, // in order for each customer
		Work:    w.pay,
		Then:    w.answer,
	})
	wanted := nostr.Filter{}.WithKinds(nostr.KindNWCWalletRequest).WithTag("p", w.key.PubKey().String())
	if len(w.customers) > 0 {
		wanted = wanted.WithAuthors(w.customers...)
	}
	self.SendAfter(0, again{}) // when the relays are there
	return self.Subscribe(requests, []nostr.Filter{wanted}, gennostr.Resume(w.ledger.Cursor))
}

// OnEvent never waits: what is in the queue holds its place in the relay's window, and
// no cursor passes it before its Then has returned.
func (w *Wallet) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	return w.queue.Put(&payment{request: msg.Event})
}

// pay runs off the loop, for as long as it takes.
func (w *Wallet) pay(ctx context.Context, p *payment) error {
	invoice, err := readRequest(ctx, w.cipher, p.request)
	if err != nil {
		return err
	}
	p.preimage, err = w.bank(ctx, p.request, invoice)
	return err
}

// answer runs on the loop.
func (w *Wallet) answer(self *gennostr.Self, p *payment, err error) error {
	if refused := (*failure)(nil); err != nil && !errors.As(err, &refused) { // the wallet is being stopped
		self.Hold() // and never released, so that no cursor passes it: it comes again at the next start
		w.say("wallet", "%s is left for the next start: %v", p.request.ID, err)
		return nil
	}
	response, err := writeResponse(self.Context(), w.key, w.cipher, p, err)
	if err != nil {
		self.Hold()
		return fmt.Errorf("answer to %s: %w", p.request.ID, err)
	}
	w.unwritten = append(w.unwritten, entry{p.request.ID, response})
	if len(w.unwritten) == 1 {
		self.SendAfter(0, write{}) // behind the answers that wait already: one step for all of them
	}
	return nil
}

// write is the order to do so; again is the order to publish what the last process had
// written and no relay was known to have.
type (
	write struct{}
	again struct{}
)

func (w *Wallet) HandleInfo(self *gennostr.Self, msg any) error {
	switch msg.(type) {
	case write:
		return w.write(self)
	case again:
		for _, response := range w.ledger.Answers {
			w.publish(self, response)
		}
	}
	return nil
}

// write notes, in one step, what is done, the answers, and the cursor, which includes
// all of that now. Only then do the answers go out, so that no request ever has two.
func (w *Wallet) write(self *gennostr.Self) error {
	cursor, ok := self.Cursor(requests)
	if !ok || len(w.unwritten) == 0 {
		return nil
	}
	if err := w.ledger.done(w.unwritten, cursor); err != nil {
		return gennostr.Stop(fmt.Errorf("ledger: %w", err)) // a wallet that cannot write does not pay
	}
	for _, e := range w.unwritten {
		w.publish(self, e.answer)
		w.say("wallet", "done with %s", e.request)
	}
	w.unwritten = nil
	return nil
}

// Terminate writes down what was paid while the wallet was being stopped.
func (w *Wallet) Terminate(self *gennostr.Self, reason error) {
	if err := w.write(self); err != nil {
		w.say("wallet", "goodbye, without a last entry: %v", err)
	}
}

// publish brings an answer to the relays, through outages and refusals. It stays in the
// ledger until one of them has it, so that the next process goes on with it.
func (w *Wallet) publish(self *gennostr.Self, response *nostr.Event) {
	self.Publish(response, func(report gennostr.PublishReport) error {
		err := report.Err()
		switch {
		case err == nil:
			w.ledger.delivered(response.ID)
		case !errors.Is(err, gennostr.ErrClientClosed):
			w.say("wallet", "no relay has taken an answer: %v", err)
		}
		return nil
	}, gennostr.AtLeast(1), gennostr.GiveUpAfter(answerTime))
}

func (w *Wallet) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	w.say("wallet", "connected to %s", relay.URL)
	return nil
}

// OnSubscription tells of what the wallet may not know of.
func (w *Wallet) OnSubscription(self *gennostr.Self, relay gennostr.Relay, change gennostr.SubscriptionChange) error {
	switch {
	case change.Gap != nil: // relays need not keep requests: their kind is ephemeral
		w.say("wallet", "%s may not have kept all requests from %s to %s", relay.URL, change.Gap.Since.Time(), change.Gap.Until.Time())
	case change.Message != "":
		w.say("wallet", "%s refuses to bring requests: %.200q", relay.URL, change.Message)
	}
	return nil
}

// OnError gets what else goes wrong.
func (w *Wallet) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	w.say("wallet", "problem: %v", err)
	return nil
}
