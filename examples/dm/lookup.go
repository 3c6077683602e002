package main

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

// patience is how long relays have to say what they know of somebody's list.
const patience = 3 * time.Second

// findRelays is the request, and relaysFound the reply: where somebody wants their
// messages.
type (
	findRelays  struct{ who nostr.PubKey }
	relaysFound struct {
		listed bool     // there is a list; if it is empty they want none
		relays []string // as they are written there
	}
)

// lookup asks all relays of ours for one list of kind 10050. The queue that writes
// waits for it, so there are as many at once as it has workers.
type lookup struct {
	id    string
	from  gennostr.From
	asked map[string]bool // by URL: these have not said yet
	list  *nostr.Event    // the newest so far
}

// HandleCall begins a lookup. The reply comes later.
func (m *mail) HandleCall(self *gennostr.Self, from gennostr.From, request any) error {
	find, ok := request.(findRelays)
	if !ok {
		return gennostr.ErrNotHandled
	}
	m.asked++
	k := &lookup{id: fmt.Sprintf("list-%d", m.asked), from: from, asked: make(map[string]bool)}
	m.lookups[k.id] = k
	for url, l := range m.links {
		if l.connected && l.role != guest {
			k.asked[url] = true
			l.ask(self, k.id, nip17.RelayListFilter(find.who))
		}
	}
	self.SendAfter(patience, lookupOver{k})
	if len(k.asked) == 0 {
		m.endLookup(self, k)
	}
	return nil
}

// found is a list, which the library has verified. Relays have old ones, too.
func (m *mail) found(msg gennostr.EventMessage) {
	k := m.lookups[msg.SubscriptionID]
	if k != nil && (k.list == nil || msg.Event.SupersedesAt(k.list, nostr.Now())) {
		k.list = msg.Event
	}
}

// answered: this relay has no more to say.
func (m *mail) answered(self *gennostr.Self, url, id string) {
	k := m.lookups[id]
	if k == nil || !k.asked[url] {
		return
	}
	m.hangUp(self, k, url)
	if len(k.asked) == 0 {
		m.endLookup(self, k)
	}
}

// endLookup replies with what there is.
func (m *mail) endLookup(self *gennostr.Self, k *lookup) {
	if m.lookups[k.id] != k {
		return
	}
	for url := range k.asked {
		m.hangUp(self, k, url)
	}
	delete(m.lookups, k.id)
	var found relaysFound
	if k.list != nil {
		relays, err := nip17.ParseRelayList(k.list)
		found = relaysFound{listed: err == nil, relays: relays}
	}
	_ = k.from.Reply(found) // the one reply to this call
}

// hangUp ends the subscription on one relay.
func (m *mail) hangUp(self *gennostr.Self, k *lookup, url string) {
	delete(k.asked, url)
	l := m.links[url]
	if l == nil {
		return
	}
	delete(l.requests, k.id)
	if l.connected {
		self.Send(url, gennostr.Close{SubscriptionID: k.id})
	}
}
