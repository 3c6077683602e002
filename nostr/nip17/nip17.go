// Package nip17 makes and reads private direct messages (NIP-17): chat messages and files,
// between two people or a few, each in gift wraps of their own (package nip59).
//
//	msg := nip17.Message{To: []nostr.PubKey{bob}, Content: "hello"}
//	sent, err := nip17.PrepareMessage(ctx, nip44.Keyer(mine), msg) // a wrap for bob, one for oneself
//
//	msg, err := nip17.Open(ctx, nip44.Keyer(mine), wrap) // of InboxFilter
//	sent, err = nip17.PrepareMessage(ctx, nip44.Keyer(mine), msg.Reply("hello yourself"))
//
// It fetches and publishes nothing. Each wrap goes to the relays that its receiver lists in
// an event of kind 10050 ([RelayListFilter], [ParseRelayList]) and to no others; who has no
// such list is not ready to receive messages, and none should be sent.
//
// # Rooms
//
// There are no groups but sets of people: a message's author and its "p" tags are its
// [Room], and one more or less is another room with another history. Anybody can name
// anybody in a message to you, so an answer to the whole room goes to whomever a stranger
// has put there. What was said in confidence has a room of two; and Room().Has tells
// whether you are named at all. [PrepareMessage] refuses rooms of more than ten, which is
// where NIP-17 says to look for something else, unless [WithMaxParticipants] says
// otherwise. A message with a "p" tag that is no public key in hex is refused, since nobody
// could say who else reads the answer. That such a key is a point of the curve is found out
// by PrepareMessage, with [nostr.ErrBadPubKey]: to a room with one that is not, nobody can
// write.
//
// # What is read
//
// Kinds 14 and 15. NIP-17 lets reactions (7) and deletions (5) be sent to rooms too:
// nip59.GiftUnwrap gives those, and [RoomOf] where they belong. Other kinds may come in
// wraps for other programs. A reply is what an "e" tag points to; where there are several,
// as NIP-10 marks or orders them. In a file's tags only what it takes to decrypt the file
// must be there.
//
// # What is left out
//
// Files themselves: they lie encrypted on some server, and to get and decrypt them is the
// caller's. The newest subject of a room, and what was deleted, which take its history.
// Where messages disappear (nip59.WithExpiration by [WithWrap]), NIP-17 and NIP-59
// contradict each other on the seal's tags: package nip59 says what is done.
//
// # Coming from go-nostr
//
// PrepareMessage takes a message to any number of people, and what it makes for all of them
// is the same rumor; modify is nip59.WithModify in [WithWrap]. ListenForMessages is a
// subscription to [InboxFilter] and [Open], GetDMRelays a query for [RelayListFilter] and
// [ParseRelayList]. For PublishMessage the wraps are published one by one.
package nip17

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip59"
)

var (
	// ErrInvalid is in the error when a rumor is no message as NIP-17 wants it, or a
	// message cannot be made one; the error says in what way.
	ErrInvalid = errors.New("nip17: invalid message")

	// ErrOtherKind is in the error when a rumor is neither a chat message nor a file message:
	// it may be a reaction or a deletion, or for another program.
	ErrOtherKind = errors.New("nip17: not a message")

	// ErrCrowd is in the error when a message would go to more people than is allowed.
	ErrCrowd = errors.New("nip17: too many participants")
)

// InboxFilter selects the gift wraps for me that were written at the second since or later,
// and some that are older; since 0 selects all. It asks two days further back
// (nip59.MaxBackdate), for that is how far wraps are dated back.
func InboxFilter(me nostr.PubKey, since nostr.Timestamp) nostr.Filter {
	f := nostr.Filter{}.WithKinds(nostr.KindGiftWrap).WithTag("p", me.String())
	if since > 0 {
		f = f.WithSince(max(0, since-nostr.Timestamp(nip59.MaxBackdate/time.Second)))
	}
	return f
}

// RelayListFilter selects the lists of relays on which these people want their messages.
func RelayListFilter(people ...nostr.PubKey) nostr.Filter {
	return nostr.Filter{}.WithKinds(nostr.KindDMRelayList).WithAuthors(people...)
}

// NewRelayList returns an event of kind 10050, to be signed, that says on which
// relays its author wants messages: in their own spelling, without white space around
// them, each once. NIP-17 advises one to three. It fails with [nostr.ErrInvalidURL].
func NewRelayList(relays ...string) (nostr.Event, error) {
	e := nostr.Event{Kind: nostr.KindDMRelayList, Tags: nostr.Tags{}}
	seen := make(map[string]bool)
	for _, relay := range relays {
		normal, err := nostr.NormalizeURL(relay)
		if err != nil {
			return nostr.Event{}, fmt.Errorf("nip17: relay list: %w", err)
		}
		if !seen[normal] {
			seen[normal] = true
			e.Tags = append(e.Tags, nostr.Tag{"relay", nostr.RelayHint(relay)})
		}
	}
	return e, nil
}

// ParseRelayList returns the relays that an event of kind 10050 lists, in its order, each
// once, in its own spelling. What is no relay URL is left out. A list of none says: send me
// nothing. The event is to be verified before, and the newest of its author to be taken; of
// a list that is longer than the advised three a program may take the first.
func ParseRelayList(e *nostr.Event) ([]string, error) {
	if e.Kind != nostr.KindDMRelayList {
		return nil, fmt.Errorf("%w: kind %d is no list of relays, want 10050", ErrOtherKind, e.Kind)
	}
	relays, seen := []string{}, map[string]bool{}
	for tag := range e.Tags.FindAll("relay") {
		normal, err := nostr.NormalizeURL(tag.Value())
		if err != nil || seen[normal] {
			continue
		}
		seen[normal] = true
		relays = append(relays, nostr.RelayHint(tag.Value()))
	}
	return slices.Clip(relays), nil
}
