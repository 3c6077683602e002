package main

import (
	"context"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

// patience is how long relays have to say what they know of somebody's list.
const patience = 8 * time.Second

// findRelays asks all relays of ours where somebody wants their messages, by their list
// of kind 10050. Not listed: there is none; if it is empty they want nothing. It runs off
// the loop.
func (m *mail) findRelays(ctx context.Context, who nostr.PubKey) (relays []string, listed bool, err error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sub, err := m.client.Subscribe(asking, []nostr.Filter{nip17.RelayListFilter(who)})
	if err != nil {
		return nil, false, err
	}
	defer sub.Close()
	var list *nostr.Event // the newest so far: relays have old ones, too
	for msg := range sub.All() {
		switch e := msg.Event; {
		case e != nil && (list == nil || e.SupersedesAt(list, nostr.Now())):
			list = e
		case e == nil && answered(sub.Status()):
			cancel()
		}
	}
	if list == nil {
		return nil, false, ctx.Err()
	}
	relays, err = nip17.ParseRelayList(list)
	return relays, err == nil, ctx.Err()
}

// answered tells whether every relay has said what it knows, or that it does not.
func answered(status gennostr.SubscriptionStatus) bool {
	return !slices.ContainsFunc(status.Relays, func(r gennostr.RelaySubscription) bool {
		return r.State == gennostr.SubscriptionPending || r.State == gennostr.SubscriptionOpen
	})
}
