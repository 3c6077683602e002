package nip77

import (
	"fmt"
	"hash/maphash"

	"github.com/gennostr/gennostr/nostr"
)

// MinFrameSizeLimit is the smallest limit of a frame's size, in bytes: below it there might
// be no progress.
const MinFrameSizeLimit = 4096

// MaxIdleRounds is how many messages one after another may bring a client nothing new before it
// gives up with [ErrStalled]. Between honest sides a few do. There may be more with servers that open
// again what they have listed, a frame of theirs at most, for a client with small frames.
const MaxIdleRounds = 1000

// A Client is the side that begins and that learns the differences (NIP-77: the
// initiator). It is for one goroutine.
type Client struct {
	set   *Set
	limit int
	idle  int // messages since one that brought something new

	told   []uint64 // a bit for each item of the set that the server was found to lack; nil until there is one
	needed idSet    // what the server was found to have
	seed   maphash.Seed
	ours   idTable // of one range, kept for its memory
	here   []bool  // of each item of that range: the server listed it
}

// NewClient begins nothing yet: see [Client.Initiate]. No message of the client is longer than
// frameSizeLimit bytes, 0 being no limit. In JSON every byte becomes two hexadecimal digits, so
// 60,000 is right for relays that take messages of 128 KiB, as strfry does. It fails with
// [ErrFrameSizeLimit] below [MinFrameSizeLimit].
func NewClient(set *Set, frameSizeLimit int) (*Client, error) {
	if err := checkLimit(frameSizeLimit); err != nil {
		return nil, err
	}
	return &Client{set: set, limit: frameSizeLimit, seed: maphash.MakeSeed()}, nil
}

func checkLimit(limit int) error {
	if limit != 0 && limit < MinFrameSizeLimit {
		return fmt.Errorf("%w: %d bytes, want 0 for none or at least %d", ErrFrameSizeLimit, limit, MinFrameSizeLimit)
	}
	return nil
}

// Initiate returns the first message, for NEG-OPEN. It may be called again to begin anew,
// after a lost connection say, with the same server: ids that were told are not told again.
func (c *Client) Initiate() []byte {
	c.idle = 0
	e := newEncoder(c.set)
	e.split(bound{at: infinity}, 0, c.set.Len())
	return e.data
}

// Reconcile takes a message of the server and returns the next one for it, or nil when there is
// nothing more to ask: then all differences have been told.
//
// Before it returns it calls have with the id of each item that the set has and the server
// lacks, and need with each id the other way round, as far as the message tells them; no id
// comes twice. Either may be nil. They must not call the client.
//
// A message that cannot be read is a [*ParseError], a server that speaks another version a
// [*VersionError]; then nothing has been told, and the client is as it was. After
// [ErrStalled] the server is best left alone.
func (c *Client) Reconcile(message []byte, have, need func(nostr.ID)) (next []byte, err error) {
	version, err := checkMessage(message)
	switch {
	case err != nil:
		return nil, err
	case version != Version:
		return nil, &VersionError{Version: version}
	}
	news := 0
	r := reply{encoder: newEncoder(c.set), limit: c.limit}
	r.list = func(lower, upper int, ids []byte) { news += c.compare(lower, upper, ids, have, need) }
	next = r.answer(message)
	if len(next) == 1 {
		return nil, nil
	}
	c.idle++
	if news > 0 {
		c.idle = 0
	}
	if c.idle > MaxIdleRounds {
		return nil, ErrStalled
	}
	return next, nil
}

// compare tells the differences between our items from lower to upper and the ids that the
// server has listed for them. It returns how many were new.
func (c *Client) compare(lower, upper int, listed []byte, have, need func(nostr.ID)) (news int) {
	ids := c.set.ids[lower:upper]
	c.ours.reset(len(ids))
	for i := range ids {
		c.ours.put(hashID(c.seed, &ids[i]), i)
	}
	c.here = append(c.here[:0], make([]bool, len(ids))...)
	for ; len(listed) > 0; listed = listed[idSize:] {
		id := nostr.ID(listed)
		hash := hashID(c.seed, &id)
		if i, found := c.ours.find(hash, func(i int) bool { return ids[i] == id }); found {
			c.here[i] = true
		} else if c.needed.add(hash, &id) {
			news++
			if need != nil {
				need(id)
			}
		}
	}
	for i, here := range c.here {
		if !here && c.tell(lower+i) {
			news++
			if have != nil {
				have(ids[i])
			}
		}
	}
	return news
}

// tell reports whether item i has not been told before.
func (c *Client) tell(i int) bool {
	if c.told == nil {
		c.told = make([]uint64, c.set.Len()/64+1)
	}
	bit := uint64(1) << (i % 64)
	first := c.told[i/64]&bit == 0
	c.told[i/64] |= bit
	return first
}
