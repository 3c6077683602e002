package wire

import (
	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

// Opens reads of a frame that a user wrote what it opens or closes: a Req, Close,
// CountReq, NegOpen or NegClose, nil for anything else. It asks for no more than the verb
// and the subscription id. The filters are those parts of the user's that are
// understood, so they match at least what the relay may find to match; where nothing is understood,
// a filter without conditions stands. Filters and payloads of other requests than
// REQ are left out.
func Opens(frame []byte) ClientMessage {
	p := parser{s: strictjson.New(frame)}
	verb, err := p.open()
	if err != nil {
		return nil
	}
	p.verb = string(verb)
	id, err := p.subscriptionID()
	if err != nil {
		return nil
	}
	switch p.verb {
	case verbReq:
		return Req{SubscriptionID: id, Filters: p.understood()}
	case verbClose:
		return Close{SubscriptionID: id}
	case verbCount:
		return CountReq{SubscriptionID: id}
	case verbNegOpen:
		return NegOpen{SubscriptionID: id}
	case verbNegClose:
		return NegClose{SubscriptionID: id}
	}
	return nil
}

// anything is one filter that matches every event.
func anything() []nostr.Filter { return []nostr.Filter{{}} }

// understood reads the remaining elements as filters, as far as that goes.
func (p *parser) understood() []nostr.Filter {
	var filters []nostr.Filter
	for {
		more, err := p.more()
		switch {
		case err != nil:
			return anything()
		case !more && len(filters) == 0:
			return anything() // what a relay makes of a REQ without filters is the relay's to say
		case !more:
			return filters
		case len(filters) == MaxFilters:
			return anything()
		}
		p.s.SkipSpace()
		start := p.s.Pos()
		if p.s.Skip() != nil {
			return anything()
		}
		filters = append(filters, understoodFilter(p.s.Since(start)))
	}
}

// understoodFilter drops the conditions that ParseFilter refuses, and those that no event could meet:
// with fewer conditions a filter matches more. Relays disagree on an empty
// list, and on which of two equal keys counts.
func understoodFilter(element []byte) nostr.Filter {
	f, _, err := nostr.ParseFilter(element)
	if err != nil {
		f, _, err = nostr.ParseFilter(soundMembers(element))
	}
	if err != nil {
		return nostr.Filter{}
	}
	if len(f.IDs) == 0 {
		f.IDs = nil
	}
	if len(f.Authors) == 0 {
		f.Authors = nil
	}
	if len(f.Kinds) == 0 {
		f.Kinds = nil
	}
	for letter, values := range f.Tags {
		if len(values) == 0 {
			delete(f.Tags, letter)
		}
	}
	if f.MatchesNothing() { // since is after until
		f.Since, f.Until = nil, nil
	}
	return f
}

// soundMembers returns the object with those members only that make a filter each, and whose key is there once.
func soundMembers(object []byte) []byte {
	s := strictjson.New(object)
	if s.Object() != nil {
		return nil
	}
	type member struct {
		text  []byte // "key":value
		count int
	}
	members := map[string]*member{}
	var order []*member
	for n := 0; ; n++ {
		key, more, err := s.NextKey(n, nil)
		if err != nil {
			return nil
		}
		if !more {
			break
		}
		name := string(key)
		s.SkipSpace()
		start := s.Pos()
		if s.Skip() != nil {
			return nil
		}
		if m := members[name]; m != nil {
			m.count++
			continue
		}
		m := &member{text: append(append(strictjson.AppendQuote(nil, name), ':'), s.Since(start)...), count: 1}
		members[name] = m
		order = append(order, m)
	}
	sound := []byte{'{'}
	for _, m := range order {
		alone := append(append([]byte{'{'}, m.text...), '}')
		if _, _, err := nostr.ParseFilter(alone); err != nil || m.count > 1 {
			continue
		}
		if len(sound) > 1 {
			sound = append(sound, ',')
		}
		sound = append(sound, m.text...)
	}
	return append(sound, '}')
}
