package gennostr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The relay verbs of Client, which Self offers too. Any spelling of a URL names the
// relay: they are normalised first (nostr.NormalizeURL). None of them waits for the
// loop, a socket or user code.

// AddRelay adds a relay and returns at once. Dialling goes on by itself, for ever,
// on the reconnect schedule. The relay is dialled as its URL is written here, and
// found under every spelling of it: [Client.Relay] tells both (see [Relay]).
//
// A relay that is there already is [ErrRelayExists], but for one whose
// OnDisconnect is running: adding it there changes its options, and keeps its
// place in the schedule and the URL that is dialled. One that is [RelayDown] gets
// the options too, and is dialled at once. What is no relay URL is
// nostr.ErrInvalidURL, one that is too many ([WithMaxRelays]) [ErrTooManyRelays].
//
// A guest ([On]) becomes one of the client's relays: if it is connected OnConnect is told
// of the connection that it has, and the options hold from the next dial on. Only where
// they say how the relay is to be reached ([WithHeader], [WithProxy], [WithDialPolicy], and
// what else is about the transport) or as whom ([WithSigner], [WithAuthPolicy]), or
// [WithGuestOptions] has said that of guests, it is dialled anew at once.
func (c *Client) AddRelay(url string, opts ...RelayOption) error {
	url, cfg, err := c.relayOf(url, opts)
	if err != nil {
		return err
	}
	_, err = c.add(url, cfg, false)
	return err
}

// EnsureRelay is [Client.AddRelay] for a relay that may be there already, under
// whatever spelling. It leaves that one as it is, with its options and the URL that
// is dialled, unless it is [RelayDown]: then it does what AddRelay does.
func (c *Client) EnsureRelay(url string, opts ...RelayOption) (added bool, err error) {
	url, cfg, err := c.relayOf(url, opts)
	if err != nil {
		return false, err
	}
	return c.add(url, cfg, true)
}

// SetRelays makes these the client's relays: adds what is missing, with the
// options, and removes the rest, so that an empty list removes all. Guests ([On]) are
// none of them. A relay that is
// there already under another spelling stays as it is. A bad URL changes nothing, nor do
// more relays than [WithMaxRelays] ([ErrTooManyRelays]).
func (c *Client) SetRelays(urls []string, opts ...RelayOption) error {
	want := make(map[string]*relaySpec, len(urls))
	var errs []error
	for _, url := range urls {
		url, cfg, err := c.relayOf(url, opts)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if want[url] == nil {
			want[url] = cfg
		} else {
			cfg.close()
		}
	}
	err := errors.Join(errs...)
	if err == nil && !c.sup.do(func(s *supervisor) { err = s.set(want) }) {
		err = c.closedErr()
	}
	if err != nil {
		for _, cfg := range want {
			cfg.close()
		}
	}
	return err
}

// relayOf normalises a URL and says how the relay is to be treated.
func (c *Client) relayOf(address string, opts []RelayOption) (string, *relaySpec, error) {
	url, address, err := identify(address)
	if err != nil {
		return "", nil, err
	}
	spec := &relaySpec{relayConfig: &c.cfg.relay, address: address}
	if len(opts) == 0 {
		return url, spec, nil
	}
	cfg := c.cfg.relay // a copy
	if err := cfg.with(opts); err != nil {
		return "", nil, err
	}
	if cfg.ownTransport {
		if err := cfg.equip(c.cfg.mailboxBudget); err != nil {
			return "", nil, err
		}
	}
	spec.relayConfig = &cfg
	return url, spec, nil
}

func (c *Client) add(url string, cfg *relaySpec, ensure bool) (added bool, err error) {
	if !c.sup.do(func(s *supervisor) { added, err = s.add(url, cfg, ensure) }) {
		err = c.closedErr()
	}
	if !added {
		cfg.close()
	}
	return added, err
}

// RemoveRelay disconnects a relay and forgets it. OnDisconnect gets
// [ErrRelayRemoved], also if there was no connection. Nothing follows for this
// relay, but for the *[SendError] of what a callback that ran meanwhile wanted to
// send to it. What was accepted for sending is written within a second. The error
// is [ErrUnknownRelay] if it is not there.
//
// A relay that is named by [On] and still needed goes on as a guest, with the connection
// that it has: OnDisconnect is told all the same, what the program itself has asked of it
// by a [Req] is closed, and subscriptions without On leave it. From the next dial on
// the options of guests hold. What comes from it then has [Relay].Guest set.
func (c *Client) RemoveRelay(url string) error {
	return c.known(url, func(s *supervisor, url string) error { return s.remove(url) })
}

// Reconnect dials a waiting relay now. With [WithManualReconnect] it dials after
// the schedule's next delay. There is nothing to do for a relay that is connected
// or dialled, or whose OnDisconnect is running (it comes back on the schedule). The
// error is [ErrUnknownRelay] if it is not there.
func (c *Client) Reconnect(url string) error {
	return c.known(url, func(s *supervisor, url string) error { return s.reconnect(url) })
}

func (c *Client) known(url string, verb func(*supervisor, string) error) error {
	url, err := nostr.NormalizeURL(url)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownRelay, err)
	}
	if !c.sup.do(func(s *supervisor) { err = verb(s, url) }) {
		return c.closedErr()
	}
	return err
}

// Relays lists the client's relays, the dialling and waiting ones too, sorted by URL.
func (c *Client) Relays() (list []RelayStatus) {
	c.sup.do(func(s *supervisor) { list = s.statuses() })
	return list
}

// Relay is one of [Client.Relays], named by any spelling of its URL. Its URL field is
// the identity that callbacks and errors carry.
func (c *Client) Relay(url string) (RelayStatus, bool) {
	url, err := nostr.NormalizeURL(url)
	if err != nil {
		return RelayStatus{}, false
	}
	list := c.Relays()
	i := slices.IndexFunc(list, func(r RelayStatus) bool { return r.URL == url })
	if i < 0 {
		return RelayStatus{}, false
	}
	return list[i], true
}

// Ready waits until at least n relays are connected at the same time; their
// OnConnect may not have run yet. For an n of 0 or less there is nothing to wait
// for. The errors are the cause of ctx, [ErrClientClosed], and [ErrCallingSelf] with
// the context of a callback.
func (c *Client) Ready(ctx context.Context, n int) error {
	if c.onLoop(ctx) {
		return ErrCallingSelf
	}
	w := &readyWaiter{n: n, ready: make(chan struct{})}
	if !c.sup.do(func(s *supervisor) { s.await(w) }) {
		return c.closedErr()
	}
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		c.sup.do(func(s *supervisor) { s.giveUp(w) })
		if closedChannel(w.ready) { // it was so before it was too late
			return nil
		}
		return context.Cause(ctx)
	case <-c.sup.done:
		return c.closedErr()
	}
}

// Send queues a message for one relay, or a guest ([On]), and never waits for the socket. Every
// failure is a *[SendError]: [ErrUnknownRelay], [ErrNotConnected],
// [ErrSendQueueFull], [ErrTooManySubscriptions], [ErrClientClosed], or a message that cannot be sent. A message
// that was accepted and could not be written before the connection ended comes back
// to OnError.
func (c *Client) Send(url string, msg ClientMessage) error {
	if err := c.send(url, msg); err != nil {
		return err
	}
	return nil
}

// send is Send. Its error has the URL in its normal form, or not at all.
func (c *Client) send(url string, msg ClientMessage) *SendError {
	err := c.trySend(url, msg)
	if err == nil {
		return nil
	}
	url, _ = nostr.NormalizeURL(url)
	return &SendError{URL: url, Message: msg, Err: err}
}

var errNilMessage = errors.New("gennostr: nil message")

func (c *Client) trySend(url string, msg ClientMessage) error {
	if msg == nil {
		return errNilMessage
	}
	out, err := outgoingOf(msg)
	if err == nil {
		err = c.reserved(out.opens)
	}
	if err != nil {
		return err
	}
	conn := c.reg.lookup(url) // most callers have the URL in its normal form
	if conn == nil {
		if url, err = nostr.NormalizeURL(url); err != nil {
			return fmt.Errorf("%w: %w", ErrUnknownRelay, err)
		}
		conn = c.reg.lookup(url)
	}
	if conn != nil {
		if err := conn.send(out); err != ErrNotConnected {
			return err
		}
	}
	return c.notConnected(url)
}

// named is the relay of a normalised URL, for a callback that is about no connection.
func (c *Client) named(url string) Relay {
	relay := Relay{URL: url}
	if url == "" {
		return relay
	}
	c.sup.do(func(s *supervisor) {
		if e := s.relays[url]; e != nil {
			relay.Address, relay.Guest = e.address(), e.guest
		}
	})
	return relay
}

// notConnected says why a normalised URL has no open connection. That of a
// removed relay stays registered until it has ended.
func (c *Client) notConnected(url string) error {
	err := ErrUnknownRelay
	if !c.sup.do(func(s *supervisor) {
		if e := s.relays[url]; e != nil && (e.known() || len(e.users) > 0) {
			err = ErrNotConnected
		}
	}) {
		err = c.closedErr()
	}
	return err
}

// Broadcast queues a message for every connected relay of the client's; others, and
// guests ([On]), are skipped, not reported. The error joins one *[SendError] for each that failed.
//
// A message for nobody is not sent: with no relay connected the error is
// [ErrNoRelay]. To close something ([Close], [NegClose]) where nothing is
// connected is no error, since nothing is open there.
func (c *Client) Broadcast(msg ClientMessage) error {
	var errs []error
	for _, err := range c.broadcast(msg) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Client) broadcast(msg ClientMessage) (failed []*SendError) {
	if msg == nil {
		return []*SendError{{Err: errNilMessage}}
	}
	out, err := outgoingOf(msg)
	if err == nil {
		err = c.reserved(out.opens)
	}
	if err != nil {
		return []*SendError{{Message: msg, Err: err}}
	}
	select {
	case <-c.dead:
		return []*SendError{{Message: msg, Err: c.closedErr()}}
	default:
	}
	connected := false
	for _, conn := range c.reg.all() {
		if conn.guest.Load() {
			continue
		}
		err := conn.send(out)
		if errors.Is(err, ErrNotConnected) {
			continue
		}
		connected = true
		if err != nil {
			failed = append(failed, &SendError{URL: conn.relay.URL, Message: msg, Err: err})
		}
	}
	if !connected && !closes(out.opens) {
		return []*SendError{{Message: msg, Err: ErrNoRelay}}
	}
	return failed
}

// closes tells the messages that end something: nowhere, they have nothing to end.
func closes(m wire.ClientMessage) bool {
	switch m.(type) {
	case wire.Close, wire.NegClose:
		return true
	}
	return false
}
