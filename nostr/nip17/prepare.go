package nip17

import (
	"context"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip59"
)

// DefaultMaxParticipants is how many people a room may have, oneself included: NIP-17
// advises other means for more.
const DefaultMaxParticipants = 10

// An Option is for [PrepareMessage].
type Option func(*options)

type options struct {
	maxParticipants int
	wrap            []nip59.WrapOption
}

// WithMaxParticipants sets to how many people, oneself included, a message may go. The
// default is [DefaultMaxParticipants]: a reply goes to whomever a stranger has named, and
// each of them is an event to sign, encrypt and publish.
func WithMaxParticipants(n int) Option { return func(o *options) { o.maxParticipants = n } }

// WithWrap sets options of each of the gift wraps, such as nip59.WithExpiration. The
// default is none.
func WithWrap(opts ...nip59.WrapOption) Option {
	return func(o *options) { o.wrap = append(o.wrap, opts...) }
}

// Prepared is a message that is ready to be published.
type Prepared struct {
	// Rumor is what all get, and its ID is the message's. It is not to be published.
	Rumor *nostr.Event

	// ToThem is a wrap for each receiver, in the order of To, without oneself.
	ToThem []Delivery

	// ToUs is the same for oneself, so that one's other programs have it. It need not be
	// published, for a message that is to disappear, say.
	ToUs *nostr.Event
}

// A Delivery is a gift wrap and who it is for, on whose relays of kind 10050 it is to be
// published.
type Delivery struct {
	To   nostr.PubKey
	Wrap *nostr.Event
}

// PrepareMessage makes m a rumor, and a gift wrap of it for everybody in its room and for
// oneself: the author that keys sign for. With a remote signer each wrap is asked for in
// turn; when one fails nothing is returned, so that a message goes to all or to none.
//
// It fails with [ErrInvalid] or [ErrCrowd], or as nip59.GiftWrap does.
func PrepareMessage(ctx context.Context, keys nostr.Keyer, m Message, opts ...Option) (*Prepared, error) {
	o := options{maxParticipants: DefaultMaxParticipants}
	for _, opt := range opts {
		opt(&o)
	}
	author, err := keys.PublicKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("nip17: %w", err)
	}
	rumor, err := m.Rumor(author)
	if err != nil {
		return nil, err
	}
	room, err := RoomOf(rumor)
	if err != nil {
		return nil, err
	}
	if n := room.Len(); n > o.maxParticipants {
		return nil, fmt.Errorf("%w: %d, want %d at most", ErrCrowd, n, o.maxParticipants)
	}
	p := &Prepared{Rumor: rumor}
	for _, pk := range m.receivers(author) {
		if pk == author {
			continue
		}
		wrap, err := nip59.GiftWrap(ctx, keys, rumor, pk, o.wrap...)
		if err != nil {
			return nil, fmt.Errorf("nip17: to %s: %w", pk, err)
		}
		p.ToThem = append(p.ToThem, Delivery{To: pk, Wrap: wrap})
	}
	if p.ToUs, err = nip59.GiftWrap(ctx, keys, rumor, author, o.wrap...); err != nil {
		return nil, fmt.Errorf("nip17: to oneself: %w", err)
	}
	return p, nil
}
