package nip13

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// MaxTarget bounds what [Mine] takes on, in bits. A core tries some millions of nonces a
// second, and 64 bits take 2⁶⁴ of them: nobody waits for that.
const MaxTarget = 64

// An Option changes how [Mine] works.
type Option func(*config)

type config struct {
	workers int
	clock   func() nostr.Timestamp
}

// WithWorkers sets how many goroutines search. The default, and what n below 1 stands for, is
// [runtime.GOMAXPROCS].
func WithWorkers(n int) Option {
	return func(c *config) { c.workers = n }
}

// Mine searches a nonce for which the event's ID has at least target leading zero bits
// (NIP-13). When it finds one it sets Tags, with the nonce tag as the last in the place of
// any nonce tag there was, and ID; it clears Sig, which no longer fits. Sign the event
// after that; [nostr.Event.Sign] with the secret key of its PubKey keeps the ID.
//
// The event needs its PubKey, and everything else that is to be in it: whatever changes afterwards
// undoes the work. A CreatedAt of zero is set to the present second and moved along
// while the search goes on, as NIP-13 recommends; any other is kept.
//
// On average it takes 2^target hashes, 20 bits about a tenth of a second on a few cores. The
// whole content is hashed anew for each try, so short notes are faster. Cancelling ctx
// ends the search within milliseconds; the error then is the cause of that.
// [ErrTarget] is for targets below 1 or above [MaxTarget], [ErrNoPubKey] for an event without
// one, [nostr.ErrInvalidEvent] for one that could not be signed. With an error the event
// is untouched. No goroutine is left when Mine returns.
func Mine(ctx context.Context, e *nostr.Event, target int, opts ...Option) error {
	c := config{clock: nostr.Now}
	for _, opt := range opts {
		opt(&c)
	}
	if c.workers < 1 {
		c.workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case target < 1 || target > MaxTarget:
		return fmt.Errorf("%w: %d bits, want 1 to %d", ErrTarget, target, MaxTarget)
	case e.PubKey.IsZero():
		return ErrNoPubKey
	}
	if err := e.Validate(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	found, ok := search(ctx, withNonceTag(e, target), target, c)
	if !ok {
		return context.Cause(ctx)
	}
	*e = *found
	return nil
}

// withNonceTag returns a copy of the event that has one nonce tag, its last. It stands
// at the end so that all other tags are hashed once and not for each try.
func withNonceTag(e *nostr.Event, target int) *nostr.Event {
	work := *e
	work.Sig = nostr.Sig{}
	work.Tags = make(nostr.Tags, 0, len(e.Tags)+1)
	for _, t := range e.Tags {
		if t.Key() != nonceKey {
			work.Tags = append(work.Tags, t)
		}
	}
	work.Tags = append(work.Tags, nostr.Tag{nonceKey, "", strconv.Itoa(target)})
	return &work
}

// search shares the nonces out among goroutines: worker i of n tries i, i+n, i+2n, …
// The first hit stops the others through their context. It returns when all have ended.
func search(ctx context.Context, work *nostr.Event, target int, c config) (found *nostr.Event, ok bool) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		wg    sync.WaitGroup
		first sync.Once
	)
	for i := range c.workers {
		wg.Go(func() { // ends with ctx, or with what it was looking for; joined below
			hit := newWorker(work, target, c.clock).run(ctx, uint64(i), uint64(c.workers))
			if hit != nil {
				first.Do(func() { found = hit })
				stop()
			}
		})
	}
	wg.Wait()
	return found, found != nil
}

// A worker belongs to one goroutine. The canonical form of its event (NIP-01) is
//
//	head | rest of head | nonce | tail
//
// of which head is the whole 64-byte blocks before the nonce: they are hashed once, and
// each try starts from the state of SHA-256 behind them.
type worker struct {
	event  nostr.Event // own copy; its last tag is the nonce tag, also an own copy
	limit  uint64      // the first 8 bytes of a good ID are below it or equal
	clock  func() nostr.Timestamp
	moving bool // the event's time follows the clock

	digest   hash.Hash
	restore  func(state []byte) error // of digest
	state    []byte                   // of digest behind head
	block    []byte                   // rest of head, nonce, tail
	nonceAt  int                      // in block
	nonceEnd int                      // in block, of the last try
	tail     []byte
}

const sha256Block = 64

func newWorker(work *nostr.Event, target int, clock func() nostr.Timestamp) *worker {
	w := &worker{event: *work, limit: ^uint64(0) >> target, clock: clock, moving: work.CreatedAt == 0, digest: sha256.New()}
	// The hashes of crypto/sha256 can be saved and restored; its documentation says so.
	w.restore = w.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary
	w.event.Tags = slices.Clone(work.Tags)
	last := len(w.event.Tags) - 1
	w.event.Tags[last] = slices.Clone(w.event.Tags[last])
	if w.moving {
		w.event.CreatedAt = clock()
	}
	w.prepare()
	return w
}

// nonce is the place of the nonce in the event's tags.
func (w *worker) nonce() *string { return &w.event.Tags[len(w.event.Tags)-1][1] }

// prepare cuts the canonical form in pieces. Two forms of the event with different digits
// for a nonce first differ where the nonce is.
func (w *worker) prepare() {
	*w.nonce() = "0"
	form := w.event.Serialize()
	*w.nonce() = "1"
	at := 0
	for i, b := range w.event.Serialize() {
		if b != form[i] {
			at = i
			break
		}
	}
	head := at / sha256Block * sha256Block
	w.digest.Reset()
	w.digest.Write(form[:head])
	w.state, _ = w.digest.(encoding.BinaryMarshaler).MarshalBinary()
	w.tail = form[at+1:]
	w.nonceAt, w.nonceEnd = at-head, -1
	w.block = make([]byte, w.nonceAt, w.nonceAt+20+len(w.tail))
	copy(w.block, form[head:at])
}

// between is about how many bytes a worker hashes from one look at its context to the
// next: well below a millisecond's worth.
const between = 128 << 10

// run tries the nonces start, start+step, … and returns the event with the first one
// that is good, nil when ctx is done before.
func (w *worker) run(ctx context.Context, start, step uint64) *nostr.Event {
	tries := max(1, between/(sha256Block+len(w.tail)))
	for nonce := start; ctx.Err() == nil; {
		if w.moving {
			if now := w.clock(); now != w.event.CreatedAt {
				w.event.CreatedAt = now
				w.prepare()
			}
		}
		for range tries {
			if w.try(nonce, &w.event.ID) {
				*w.nonce() = strconv.FormatUint(nonce, 10)
				return &w.event
			}
			nonce += step
		}
	}
	return nil
}

// try computes the ID for a nonce and reports whether it is good.
func (w *worker) try(nonce uint64, id *nostr.ID) bool {
	b := strconv.AppendUint(w.block[:w.nonceAt], nonce, 10)
	if len(b) != w.nonceEnd { // a digit more than the last one had
		w.nonceEnd = len(b)
		w.block = append(b, w.tail...)
	}
	_ = w.restore(w.state) // fails for what is no state of SHA-256 only
	w.digest.Write(w.block)
	w.digest.Sum(id[:0])
	return binary.BigEndian.Uint64(id[:]) <= w.limit
}
