package gennostr

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gennostr/gennostr/internal/foreign"
)

// How guests are reached, and how many there may be.

// WithGuestOptions says how relays are treated that are named by [On] and were not
// added: guests. Their URLs may come from strangers, in an event's relay hint say, so
// that a guest is not all that a relay of the client's is:
//
//   - Only addresses on the public internet are dialled ([DenyPrivateNetworks]), beside what
//     the [WithDialPolicy] of [Start] says. A proxy's own address is judged too.
//   - What [WithHeader] sends to the client's relays is not sent, and nobody is trusted
//     ([WithTrustedRelay]).
//   - Nobody is told unasked who the client is: a signer ([WithSigner]) answers a guest that has
//     refused something for want of AUTH, or says in its document that it serves nobody else
//     ([AuthDefault]). A [WithAuthPolicy], which sees [Relay].Guest, may say never; a signer
//     that is given here takes the place of those of Start, for guests.
//   - Otherwise the relay options of Start hold.
//
// The options given here are applied on top of that, and replace it: WithDialPolicy(nil)
// lets guests be anywhere, a policy of your own is the only one that is asked.
// [WithManualReconnect] and [WithTask] do nothing for a guest: no callback tells of its
// connection. An address that is refused is ErrAddressDenied, and is not dialled again.
//
// With an http.Client that cannot be combined with a dial policy ([WithHTTPClient]) every
// guest is refused in that way, until WithDialPolicy(nil) is given here.
func WithGuestOptions(opts ...RelayOption) Option {
	return option(func(c *config) error {
		c.guestOptions = append(c.guestOptions, opts...)
		return nil
	})
}

// WithGuestIdle is how long a guest stays connected when nobody needs it any more
// ([On]). One that is not connected is forgotten at once. Default: 30 s.
func WithGuestIdle(d time.Duration) Option {
	return option(func(c *config) error { c.guestIdle = d; return nil })
}

// WithMaxGuests bounds the guests that are needed at once ([On]): [ErrTooManyGuests]
// beyond. Publications and queries are refused, subscriptions wait until there is room. One
// that nobody needs any more makes room. Relays that RemoveRelay makes guests of count, and
// are never refused. Default: 1,024.
func WithMaxGuests(n int) Option {
	return option(func(c *config) error { c.maxGuests = n; return nil })
}

// guestConfig is what guests' options make.
type guestConfig struct {
	relayConfig
	otherwise bool  // a relay of the client's, without options of its own, is reached in another way
	unfit     error // why there is no dialer: the dial policy does not go with what was given to Start
}

// guests makes the configuration of guests, once that of relays is complete.
func (c *config) guests() (g guestConfig, err error) {
	g.relayConfig = c.relay
	g.trusted, g.socket.Header = false, nil
	g.socket.Policy = denyPrivate(g.socket.Policy)
	if err := g.with(slices.Clone(c.guestOptions)); err != nil {
		return g, fmt.Errorf("gennostr: WithGuestOptions: %w", err)
	}
	g.otherwise = g.ownWay || g.ownAuth || g.ownPolicy && c.relay.socket.Policy != nil || !c.relay.socket.Header.Empty()
	g.manual, g.ownTransport = false, false // there is no OnDisconnect that could ask for it; the dialer is everybody's
	if p := g.socket.Policy; p != nil {
		g.socket.Policy = func(network string, addr netip.AddrPort) error { return denied(p(network, addr)) }
	}
	switch err := g.equip(c.mailboxBudget); {
	case err == nil:
	case len(c.guestOptions) > 0:
		return g, fmt.Errorf("gennostr: WithGuestOptions: %w", err)
	default:
		g.unfit = denied(err)
	}
	return g, nil
}

// close lets go of the dialer.
func (g *guestConfig) close() {
	if g.dialer != nil {
		g.dialer.Close()
	}
}

// denyPrivate is DenyPrivateNetworks beside another policy.
func denyPrivate(also DialPolicy) DialPolicy {
	if also == nil {
		return DenyPrivateNetworks
	}
	return func(network string, addr netip.AddrPort) error {
		if err := DenyPrivateNetworks(network, addr); err != nil {
			return err
		}
		return also(network, addr)
	}
}

// denied makes an ErrAddressDenied of what a policy has refused.
func denied(err error) error {
	if err == nil || errors.Is(err, ErrAddressDenied) {
		return err
	}
	return &deniedError{foreign.Confine(err)}
}

type deniedError struct{ err error }

func (e *deniedError) Error() string        { return e.err.Error() }
func (e *deniedError) Is(target error) bool { return target == ErrAddressDenied }
func (e *deniedError) Unwrap() error        { return e.err }
