package gennostr

import (
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
)

// OnOption is what [On] makes.
type OnOption interface {
	SubscribeOption
	PublishOption
	QueryOption
}

// on is the relays that On names.
type on []string

// On confines a subscription, a publication or a query to these relays, named by any spelling of
// their URLs. Default: all relays of the client, for a subscription those that are added
// later too.
//
// A relay that is not the client's is connected for it, as a guest. All who name it share
// one connection. It stands in no list but [Client.Guests]; [Client.Broadcast] and
// [Client.Ready] do not count it, and no OnConnect or OnDisconnect tells of it. Its events
// and messages come like those of any relay, with [Relay].Guest set, and [Client.Send]
// reaches it while it is connected. It is dialled as it is written here, by whoever comes
// first, and again on the schedule for as long as somebody needs it. When nobody does it
// is closed, after [WithGuestIdle]. Since strangers may have written its URL, guests on
// private networks are not dialled ([WithGuestOptions]), and there are no more than
// [WithMaxGuests].
//
// [Client.AddRelay] makes one of the client's relays of a guest, [Client.RemoveRelay] a guest
// of a relay that is named here, with the connection that it has. Relays that Init or
// [WithRelays] adds are never guests, even if Init has named them before.
//
// What becomes of a guest that cannot be reached, or is lost, is news of the
// subscription ([SubscriptionChange].Err); a report tells it of a publication or a query.
func On(urls ...string) OnOption { return on(urls) }

func (o on) applySubscribe(c *subscribeConfig) (err error) {
	c.on, err = o.add(c.on)
	c.written = o.spell(c.written)
	return err
}

// add appends the normal forms.
func (o on) add(list []string) ([]string, error) {
	if len(o) == 0 {
		return nil, errors.New("gennostr: On: no relay")
	}
	for _, u := range o {
		url, err := nostr.NormalizeURL(u)
		if err != nil {
			return nil, fmt.Errorf("gennostr: On: %w", err)
		}
		list = append(list, url)
	}
	return list, nil
}

// spell notes by their normal forms how they are written.
func (o on) spell(written map[string]string) map[string]string {
	if written == nil {
		written = make(map[string]string, len(o))
	}
	for _, u := range o {
		if url, address, err := identify(u); err == nil && written[url] == "" {
			written[url] = address
		}
	}
	return written
}
