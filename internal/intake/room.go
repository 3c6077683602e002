package intake

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/twins"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// What a relay can make its connection hold is counted before it is held: the
// buffer as it grows, what parsing may take before parsing, what waits to be
// handled before it waits. Some of it is the connection's own; beyond that all
// of a client's connections share one account for messages that are read and
// parsed (mailbox.LongMessages), and one for those that wait (mailbox.Budget).

const (
	// Own is how large a read buffer may become without asking, in bytes. With what
	// is read ahead (32 KiB) and the rest of a connection that is less than 64 KiB.
	Own = 8 << 10
	// Tedious is from which size on, in bytes, a message may take too long for others
	// to wait for it.
	Tedious = 64 << 10
	// parseFreely is what parsing may take without asking: only readers that have a
	// processor parse, and what comes of it is small.
	parseFreely = 32 << 10
	// short is the length up to which a message may be parsed without asking.
	short = 2 << 10
	// perString and perTag are what parsing takes for each string and each list of
	// strings in memory, in bytes, while it is at work.
	perString, perTag = 64, 24
	// longPatience is how long a message waits for room to be read before the
	// slowest of those that have it is given up.
	longPatience = 250 * time.Millisecond
)

// ErrGaveWay ends a connection whose message came in so slowly that the room it
// had was given to others.
var ErrGaveWay = errors.New("gennostr: slow message gave way to others")

// MostRead is the longest message, in bytes, that a client with that budget can
// read: while its buffer grows, there are the old one and the new one.
func MostRead(budget int64) int64 { return max(Own, budget/2/5*3) }

// NewLongMessages makes the account for a client whose budget for what waits is budget bytes.
func NewLongMessages(budget int64) *mailbox.LongMessages {
	return mailbox.NewLongMessages(budget/2, longPatience)
}

// Shared is what the connections of a client share. Made by NewShared.
type Shared struct {
	Pool  *verify.Pool
	Twins *twins.Table
	Ours  bool // the verifier is not the user's, which may take its time: a lone event is checked by its reader

	buffers *sync.Pool // of *Buffers. Apart, for the runtime would hold on to all of the client with it
}

// NewShared makes it. A verifier that is not ours is not called by readers.
func NewShared(pool *verify.Pool, ours bool) *Shared {
	return &Shared{Pool: pool, Twins: twins.New(), Ours: ours, buffers: new(sync.Pool)}
}

// Buffers are what a reader works with while it has a message in hand. Those that
// wait have none, so that a thousand idle relays need a few.
type Buffers struct {
	Frame     []byte
	decoder   wire.Decoder
	canonical []byte  // room for what is hashed, so that the reader's stack stays small
	letter    *Letter // an empty one, that nobody has; may be nil
}

// newLetter returns a letter.
func (b *Buffers) newLetter() *Letter {
	l := b.letter
	if l == nil {
		return new(Letter)
	}
	b.letter = nil
	return l
}

// reuse takes back a letter that nobody has kept.
func (b *Buffers) reuse(l *Letter) {
	*l = Letter{}
	b.letter = l
}

// TakeBuffers returns buffers for one message.
func (s *Shared) TakeBuffers() *Buffers {
	if b, ok := s.buffers.Get().(*Buffers); ok {
		return b
	}
	return new(Buffers)
}

// KeepBuffers gives them back.
func (s *Shared) KeepBuffers(b *Buffers) {
	if cap(b.Frame) <= Own && cap(b.canonical) <= Own {
		s.buffers.Put(b)
	}
}

// parsing is an upper bound for what parsing these bytes takes, in bytes. Every
// string of a tag has two quotes, and every tag a bracket.
func parsing(frame []byte) int64 {
	return int64(len(frame) + bytes.Count(frame, quote)/2*perString + bytes.Count(frame, bracket)*perTag)
}

var quote, bracket = []byte{'"'}, []byte{'['}

// roomToParse waits for room to parse a frame, beside its buffer; false: the
// connection has ended. An error: there never is so much.
func (in *Intake) roomToParse(b *Buffers) (bool, error) {
	if len(b.Frame) <= short {
		return true, nil
	}
	// The text, and what is hashed, are each about as long as the frame.
	need := int64(cap(b.Frame)) + int64(len(b.Frame)) + parsing(b.Frame)
	if need <= parseFreely {
		return true, nil
	}
	if most := in.Long.Limit(); need > most {
		return true, fmt.Errorf("%d bytes, which may take %d to parse, and half of the mailbox budget is %d", len(b.Frame), need, most)
	}
	return in.Room(need), nil
}

// Room makes n bytes what the message in hand takes, in all; it waits for them,
// but no longer than the connection lives. False if it has ended, or can never have so much.
func (in *Intake) Room(n int64) bool {
	if n > Tedious { // there may be nothing to wait for: a few bytes become megabytes when they are decompressed
		in.lane.Pause()
	}
	if in.hold(n) {
		return true
	}
	if n > in.Long.Limit() {
		return false
	}
	in.waits()
	defer in.held.Store(false)
	timer := time.NewTimer(longPatience)
	defer timer.Stop()
	for {
		select {
		case <-in.long.Freed():
			if in.hold(n) {
				return true
			}
		case now := <-timer.C:
			in.Long.CutSlowest(now)
			timer.Reset(longPatience)
		case <-in.Owner.Ended():
			return false
		}
	}
}

// parsed lets go of a large buffer, whose bytes nobody needs any more, while the
// event may have to wait.
func (in *Intake) parsed(b *Buffers, letter *Letter) {
	if len(b.Frame) <= short {
		return
	}
	if cap(b.Frame) > Own || cap(b.canonical) > Own {
		b.Frame, b.canonical = nil, nil
	}
	if letter.Size <= Own {
		in.release()
	} else {
		in.hold(int64(letter.Size)) // less than before
	}
}

// hold makes n bytes what the message in hand takes, in all, if there are so many.
func (in *Intake) hold(n int64) bool {
	if in.long == nil {
		in.long = in.Long.New(in.Owner)
	}
	return in.long.Hold(n)
}

// release gives back what the message in hand has taken.
func (in *Intake) release() {
	if in.long != nil {
		in.long.Release()
	}
}

// outcome of reserve.
type outcome uint8

const (
	reserved outcome = iota
	dropped          // there is no room, and its reader is in a hurry
	ended            // the connection is over
)

// reserve takes room in the window, and waits for it if need be: then the reader
// stands still, and TCP pushes back on this relay.
func (in *Intake) reserve(size int) outcome {
	if in.Window.Reserve(size) {
		return reserved
	}
	in.waits()
	defer in.held.Store(false)
	if in.NoRoom != nil {
		in.NoRoom()
	}
	for !in.Drops && !in.hurried.Load() {
		select {
		case <-in.Window.Freed():
			if in.Window.Reserve(size) {
				return reserved
			}
		case <-in.Owner.Ended():
			return ended
		}
	}
	in.Window.Abandon()
	return dropped
}

// Hurry ends the waiting for room in the window: from now on a message for which
// there is none is dropped, so that the reader gets on to what ends the connection.
// Whoever has asked for more than that is served by the next one: see Lacks.
// Any goroutine.
func (in *Intake) Hurry() {
	in.hurried.Store(true) // first: a reader that is roused, or has not waited yet, sees it
	in.Window.Rouse()
}

// Lacks tells whether a message that answers a request has been dropped since Hurry. What
// comes behind it says nothing any more of what has come: an EOSE, or a live event, may well
// find room. So nothing that answers a request is delivered from then on, as if the connection had
// ended there, and no pong counts. Any goroutine.
func (in *Intake) Lacks() bool { return in.lacks.Load() }

// waits says that the reader is about to stand still.
func (in *Intake) waits() {
	in.lane.Pause()
	in.wasHeld.Store(true) // first: who looks in between has seen this hold, and sees it no second time after its end
	in.held.Store(true)
}

// Waits tells whether the reader waits for room now. Any goroutine.
func (in *Intake) Waits() bool { return in.held.Load() }

// HeldUp tells whether the reader waits for room, or did since the last time: a
// hold that came and went between two looks counts too. One goroutine asks.
func (in *Intake) HeldUp() bool { return in.wasHeld.Swap(false) || in.held.Load() }

// weight is what an event's tags take in memory beside their text, in bytes:
// the window bounds memory, not only frames, and a frame of tiny tags is small.
func weight(e *nostr.Event) int {
	n := 0
	for _, tag := range e.Tags {
		n += 24 + 16*len(tag)
	}
	return n
}
