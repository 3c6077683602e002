package subscriptions_test

import (
	"context"
	"errors"
	"maps"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// manner is what the bot does about an event, and saves says whether it saves its
// cursor then. Its programs have lists of both, which are used one by one.
type manner string

const (
	handles    manner = "handles"
	queues     manner = "queues"
	holds      manner = "holds"
	holdsBoth  manner = "holds and queues"
	failsAfter manner = "handles and returns an error"
	panicsAt   manner = "panics"
	panicsPast manner = "handles and panics"
	diesBefore manner = "dies"
	diesAfter  manner = "handles and dies"
	changes    manner = "handles and sets other filters"
)

type doing struct {
	how   manner
	saves bool
}

// crashBot is one life of the program.
type crashBot struct {
	gennostr.BaseHandler
	w     *crashWorld
	queue *gennostr.Queue[*crashWork]
	sub   *crashSub // the subscription as it is declared now
	dead  bool      // killed: what it does from now on has not happened
}

// crashSub is a subscription from when it was declared on.
type crashSub struct {
	from     *savedCursor
	begun    map[nostr.ID]bool // its OnEvent was called
	finished map[nostr.ID]bool
}

// savedCursor is a cursor as the program has saved it, and what it has to remember.
type savedCursor struct {
	text       []byte
	remembered map[nostr.ID]bool
	at         nostr.Timestamp
	filters    int
	added      [maxRelays]bool // relays that the client had
}

// crashWork is an event that is being handled; finished when nobody needs it any more.
type crashWork struct {
	id   nostr.ID
	sub  *crashSub
	kept int // by OnEvent, by holds, by items of the queue
	lost bool
}

func (k *crashWork) leave() {
	if k.kept--; k.kept == 0 && !k.lost {
		k.sub.finished[k.id] = true
	}
}

// heldWork is to be released.
type heldWork struct {
	*crashWork
	release func()
}

const crashName = "s"

func (b *crashBot) Init(self *gennostr.Self) error {
	b.queue = gennostr.NewQueue(self, gennostr.QueueConfig[*crashWork]{Workers: 1, Work: b.work, Then: b.then})
	for at, r := range b.w.relays {
		if b.w.added[at] {
			if err := self.AddRelay(r.url); err != nil {
				return err
			}
		}
	}
	return b.subscribe(self, b.w.saved)
}

func (b *crashBot) subscribe(self *gennostr.Self, from *savedCursor) error {
	b.sub = &crashSub{from: from, begun: map[nostr.ID]bool{}, finished: map[nostr.ID]bool{}}
	var c gennostr.Cursor
	if err := c.UnmarshalText(from.text); err != nil {
		return err
	}
	return self.Subscribe(crashName, b.w.filterSets[b.w.filters], gennostr.Resume(c))
}

func (b *crashBot) OnEvent(self *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) (err error) {
	if b.dead {
		return nil
	}
	b.w.begins(b.sub, relay.URL, m.Event)
	k := &crashWork{id: m.Event.ID, sub: b.sub, kept: 1, lost: true}
	do := b.w.nextDoing()
	switch do.how {
	case diesBefore:
		b.dead = true
		return nil
	case panicsAt:
		panic(errInjured)
	case holds, holdsBoth:
		k.kept++
		b.w.held = append(b.w.held, heldWork{k, self.Hold()})
	}
	switch do.how {
	case queues, holdsBoth:
		k.kept++
		if err := b.queue.Put(k); err != nil {
			b.w.violate("Put of an event fails: %v", err)
		}
	case holds:
	default:
		b.w.handled[k.id]++
	}
	switch do.how {
	case diesAfter:
		b.dead = true
		return nil
	case changes:
		err = b.w.setFilters(self)
	case failsAfter:
		err = errInjured
	}
	if do.saves {
		b.save(self, k)
	}
	if do.how == panicsPast {
		panic(errInjured)
	}
	k.lost = false
	k.leave()
	return err
}

var errInjured = errors.New("injured")

// work is the queue's: here the event is handled.
func (b *crashBot) work(_ context.Context, k *crashWork) error {
	b.w.handled[k.id]++
	return nil
}

func (b *crashBot) then(self *gennostr.Self, k *crashWork, err error) error {
	if b.dead {
		return nil
	}
	if err != nil {
		b.w.violate("Then of an event gets %v", err)
	}
	do := b.w.nextThen()
	if do.how == diesBefore {
		b.dead = true
		return nil
	}
	if do.saves {
		b.save(self, k)
	}
	if do.how == panicsAt { // it was not handled
		panic(errInjured)
	}
	k.leave()
	if do.how == failsAfter {
		return errInjured
	}
	return nil
}

// save is one transaction with what was handled. atHand is what the callback is for.
func (b *crashBot) save(self *gennostr.Self, atHand *crashWork) {
	b.w.saved = b.cursor(self, atHand)
}

func (b *crashBot) cursor(self *gennostr.Self, atHand *crashWork) *savedCursor {
	c, ok := self.Cursor(crashName)
	if !ok {
		b.w.violate("there is no cursor")
		return b.w.saved
	}
	text, err := c.MarshalText()
	if err != nil {
		b.w.violate("the cursor has no text: %v", err)
	}
	s := &savedCursor{text: text, remembered: maps.Clone(b.sub.from.remembered), at: b.w.now(), filters: b.w.filters, added: b.w.added}
	if s.filters != b.sub.from.filters { // what was loaded long ago is not remembered for these
		maps.DeleteFunc(s.remembered, func(id nostr.ID, _ bool) bool { return b.w.dated(id) <= b.sub.from.at-2*day })
	}
	for id := range b.sub.begun { // what had to come again, of other filters, is what it is now
		delete(s.remembered, id)
	}
	for id := range b.sub.finished {
		s.remembered[id] = true
	}
	if atHand != nil && atHand.sub == b.sub && atHand.kept == 1 {
		s.remembered[atHand.id] = true
	}
	return s
}

func (b *crashBot) OnSubscription(_ *gennostr.Self, relay gennostr.Relay, change gennostr.SubscriptionChange) error {
	if !b.dead && change.Gap != nil {
		b.w.gap(relay.URL, *change.Gap)
	}
	return nil
}

func (b *crashBot) OnError(_ *gennostr.Self, _ gennostr.Relay, err error) error {
	var rejected *gennostr.RejectError
	if errors.As(err, &rejected) {
		b.w.violate("what the relay says is refused: %v", err)
	}
	return nil
}

func (b *crashBot) Terminate(self *gennostr.Self, _ error) {
	if !b.dead && b.w.nextLast() {
		b.save(self, nil)
	}
}
