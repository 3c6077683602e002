package gennostr

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/internal/foreign"
	"github.com/gennostr/gennostr/nostr"
)

// What a client asks of signers and of the policy for AUTH. They are the program's code:
// the supervisor has them asked on goroutines of their own, which it joins, and is told
// by letter. A connection does not wait for them: one that does not heed its context
// holds up nothing but the end of the client.

// signPatience is how long a signer may take, and a policy while something waits for it.
const signPatience = 10 * time.Second

// identity is one of those as whom a client may authenticate.
type identity struct {
	signer nostr.Signer

	mu    sync.Mutex
	key   nostr.PubKey  // guarded by mu
	known bool          // guarded by mu
	asked chan struct{} // guarded by mu: closed when the one who asks for the key has been answered; nil: nobody does
}

// publicKey is asked for once, by whoever is the first to need it; if that fails, by the next.
func (id *identity) publicKey(ctx context.Context) (nostr.PubKey, error) {
	for {
		id.mu.Lock()
		switch {
		case id.known:
			defer id.mu.Unlock()
			return id.key, nil
		case id.asked == nil:
			id.asked = make(chan struct{})
			id.mu.Unlock()
			return id.ask(ctx)
		}
		asked := id.asked
		id.mu.Unlock()
		select {
		case <-asked:
		case <-ctx.Done():
			return nostr.PubKey{}, context.Cause(ctx)
		}
	}
}

func (id *identity) ask(ctx context.Context) (key nostr.PubKey, err error) {
	err = errGoexit
	defer func() { // also when the signer panics or ends the goroutine
		id.mu.Lock()
		defer id.mu.Unlock()
		id.key, id.known = key, err == nil
		close(id.asked)
		id.asked = nil
	}()
	return id.signer.PublicKey(ctx)
}

// keyNow is its public key, if that is known.
func (id *identity) keyNow() (nostr.PubKey, bool) {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.key, id.known
}

// sign has the event signed, and makes sure that it is.
func (id *identity) sign(ctx context.Context, unsigned nostr.Event) (*nostr.Event, error) {
	key, err := id.publicKey(ctx)
	if err != nil {
		return nil, err
	}
	work := unsigned.Clone()
	if err := id.signer.SignEvent(ctx, work); err != nil {
		return nil, err
	}
	e := work.Clone() // the signer may have kept it
	same := e.Kind == unsigned.Kind && e.CreatedAt == unsigned.CreatedAt && e.Content == unsigned.Content &&
		slices.EqualFunc(e.Tags, unsigned.Tags, func(a, b nostr.Tag) bool { return slices.Equal(a, b) })
	if !same || e.PubKey != key || e.Verify() != nil {
		return nil, errSignedAnother
	}
	return e, nil
}

// beside runs code of the program's that may take its time, and then tells what became
// of it. The supervisor joins it at the client's end.
func (s *supervisor) beside(where string, work func() error, then func(error)) {
	c := s.client
	c.helper(c, func() {
		err := error(&PanicError{Where: where, Value: errGoexit}) // unless work returns or panics
		defer func() {
			if v := recover(); v != nil { // WithoutRecover: the program ends here
				panic(v)
			}
			then(foreign.Confine(err))
		}()
		err = c.caught(where, work)
	})
}

// help is for clients that are not driven by hand. Supervisor goroutine.
func (c *Client) help(f func()) { c.sup.children.Go(f) } // told to end by its context, joined with the children

// caught runs code of the program's; a panic is an error.
func (c *Client) caught(where string, work func() error) (err error) {
	defer func() {
		if c.cfg.crashOnPanic {
			return
		}
		if v := recover(); v != nil {
			err = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
		}
	}()
	return work()
}

// timed bounds what is asked of a signer.
func timed(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, signPatience)
	defer cancel()
	err := work(ctx)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return authn.ErrSigner
	}
	return err
}

// signKey is whose signature for which relay is being asked for: one at a time, from
// connection to connection, so that a signer that does not return is not asked again.
type signKey struct {
	url string
	id  *identity
}

// signAuth has a challenge signed, when the last signature for that relay has come back.
func (s *supervisor) signAuth(e *relayEntry, id *identity, challenge string) {
	a, c, key := e.auth, e.conn, signKey{e.url, id}
	if s.signing[key] {
		a.unsigned[id] = challenge
		return
	}
	if s.signing == nil {
		s.signing = make(map[signKey]bool)
	}
	s.signing[key] = true
	delete(a.unsigned, id)
	ev := authSigned{c: c, key: key, challenge: challenge}
	ctx, unsigned := a.ctx, nostr.NewAuthEvent(c.relay.Address, challenge, nostr.TimestampOf(s.client.now()))
	s.beside("signer", func() error {
		return timed(ctx, func(ctx context.Context) error {
			event, err := id.sign(ctx, unsigned)
			if err != nil {
				return err
			}
			ev.out, err = outgoingOf(AuthResponse{Event: event})
			ev.event = event
			return err
		})
	}, func(err error) {
		ev.err = err
		s.inbox.Put(ev)
	})
}

// authSigned is what a signer has answered.
type authSigned struct {
	c         *connection
	key       signKey
	challenge string
	event     *nostr.Event
	out       outgoing
	err       error
}

func (ev authSigned) supervise(s *supervisor) {
	delete(s.signing, ev.key)
	e := s.relays[ev.key.url]
	if e == nil || e.auth == nil {
		return
	}
	a, now := e.auth, s.client.now()
	if next, waits := a.unsigned[ev.key.id]; waits && (ev.err != nil || e.conn != ev.c || next != ev.challenge) {
		s.signAuth(e, ev.key.id, next)
		return
	}
	if e.conn != ev.c {
		return
	}
	delete(a.unsigned, ev.key.id)
	if ev.err != nil {
		a.machine.Failed(now, ev.key.id, ev.err)
	} else {
		a.signed[ev.key.id] = ev
		a.machine.Signed(now, ev.key.id, ev.challenge, ev.event.ID)
	}
	s.authMoved(e)
}

// askKeys asks for the public keys that are not known, and have not been asked for of late.
func (s *supervisor) askKeys(e *relayEntry) {
	a, c, now := e.auth, e.conn, s.client.now()
	for _, id := range c.cfg.signers {
		if _, known := id.keyNow(); known || a.asked(id, now) {
			continue
		}
		a.keys[id] = keyAsked{pending: true, err: a.keys[id].err}
		ctx := a.ctx
		s.beside("signer", func() error {
			return timed(ctx, func(ctx context.Context) error {
				_, err := id.publicKey(ctx)
				return err
			})
		}, func(err error) { s.inbox.Put(keyAnswered{c, id, err}) })
	}
}

// keyAsked is when a signer was asked for its key in vain.
type keyAsked struct {
	pending bool
	failed  time.Time
	err     error // why; nil: it has not
}

// asked tells whether the key is being asked for, or has been a moment ago.
func (a *authenticating) asked(id *identity, now time.Time) bool {
	k, some := a.keys[id]
	return some && (k.pending || now.Before(k.failed.Add(signPatience)))
}

// keyAnswered is what became of it.
type keyAnswered struct {
	c   *connection
	id  *identity
	err error
}

func (ev keyAnswered) supervise(s *supervisor) {
	e := ev.c.entry
	if e.conn != ev.c || e.auth == nil {
		return
	}
	e.auth.keys[ev.id] = keyAsked{failed: s.client.now(), err: ev.err}
	if ev.err != nil {
		s.tellAuth(e, ev.id, &AuthError{Err: ev.err})
	}
	s.challenged(e)
}
