package wire

import "github.com/gennostr/gennostr/nostr"

func (p *parser) client(frame []byte) (ClientMessage, error) {
	verb, err := p.open()
	if err != nil {
		return nil, err
	}
	p.verb = string(verb)
	switch p.verb {
	case verbEvent:
		return p.publish()
	case verbReq:
		id, filters, err := p.request()
		return Req{SubscriptionID: id, Filters: filters}, err
	case verbClose:
		id, err := p.lastID()
		return Close{SubscriptionID: id}, err
	case verbAuth:
		return p.auth()
	case verbCount:
		id, filters, err := p.request()
		return CountReq{SubscriptionID: id, Filters: filters}, err
	case verbNegOpen:
		return p.negOpen()
	case verbNegMsg:
		return p.negMsg()
	case verbNegClose:
		id, err := p.lastID()
		return NegClose{SubscriptionID: id}, err
	}
	return p.unknown(frame)
}

func (p *parser) publish() (m Publish, err error) {
	if m.Event, err = p.event(); err != nil {
		return m, err
	}
	return m, p.rest()
}

func (p *parser) auth() (m Auth, err error) {
	if m.Event, err = p.event(); err != nil {
		return m, err
	}
	return m, p.rest()
}

// lastID reads a subscription id and the rest of the frame.
func (p *parser) lastID() (string, error) {
	id, err := p.subscriptionID()
	if err != nil {
		return "", err
	}
	return id, p.rest()
}

// request reads what REQ and COUNT have in common: an id and filters to the end.
func (p *parser) request() (id string, filters []nostr.Filter, err error) {
	if id, err = p.subscriptionID(); err != nil {
		return "", nil, err
	}
	filters, err = p.filters()
	return id, filters, err
}

func (p *parser) negOpen() (m NegOpen, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	if m.Filter, err = p.filter(); err != nil {
		return m, err
	}
	if m.Payload, err = p.hex("payload"); err != nil {
		return m, err
	}
	return m, p.rest()
}
