package gennostr

import (
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/internal/wire"
)

// What the supervisor and connections tell a comparison, until whoever waits for it looks.

// syncNews is what has happened and whoever waits has not looked at, of each kind the
// latest: it takes no more room however much happens.
type syncNews struct {
	bell chan struct{} // capacity 1

	mu      sync.Mutex
	down    bool         // guarded by mu: it was lost, before it was up
	up      bool         // guarded by mu
	link    bool         // guarded by mu: it is connected now
	bytes   int          // guarded by mu: that a message may have
	opened  int          // guarded by mu: the session that was; 0: none
	since   time.Time    // guarded by mu: when
	cut     int          // guarded by mu: the session that was, before the connection was lost; 0: none
	payload *dataLetter  // guarded by mu: a NEG-MSG
	from    int          // guarded by mu: its session
	awaits  int          // guarded by mu: the session of which a NEG-MSG is wanted; 0: of none
	failure *syncFailure // guarded by mu: the relay's
	yielded int          // guarded by mu: the session that had to make room for another's; 0: none
	notice  string       // guarded by mu
	auth    bool         // guarded by mu: AUTH has come to an end, by authErr
	authErr *AuthError
	rang    bool  // guarded by mu
	gone    error // guarded by mu: nothing more will be asked
	lost    error // guarded by mu: why the last connection ended, or could not be had
	over    bool  // guarded by mu: nobody waits any more
}

// syncFailure is why a session has ended.
type syncFailure struct {
	session int
	words   string // the relay's, or of what could not be read
	most    int64  // how many events it reconciles at once; 0: it has not said so
	garbled bool   // it says something that cannot be read
}

func (n *syncNews) change(f func()) {
	n.mu.Lock()
	f()
	n.mu.Unlock()
	n.knock()
}

// knock has whoever waits look.
func (n *syncNews) knock() {
	select {
	case n.bell <- struct{}{}:
	default:
	}
}

func (n *syncNews) isUp(bytes int) {
	n.change(func() { n.up, n.link, n.bytes = true, true, bytes })
}

func (n *syncNews) isDown() {
	n.change(func() {
		if n.opened != 0 { // whether the relay was asked is told first: it may hang up for that
			n.cut = n.opened
		}
		if n.auth { // of that connection, as what else is not looked at
			n.auth, n.authErr = false, nil
		}
		n.down, n.up, n.link, n.opened, n.notice, n.awaits = true, false, false, 0, "", 0
	})
}

func (n *syncNews) isOpened(session int, at time.Time) {
	n.change(func() { n.opened, n.since, n.awaits, n.notice = session, at, session, "" })
}

func (n *syncNews) await(session int) { n.change(func() { n.awaits = session }) }

func (n *syncNews) failed(f syncFailure) {
	n.change(func() { n.failure, n.awaits = &f, 0 })
}

func (n *syncNews) isYielded(session int) {
	n.change(func() { n.yielded, n.awaits = session, 0 })
}

func (n *syncNews) noticed(words string)         { n.change(func() { n.notice = words }) }
func (n *syncNews) authenticated(err *AuthError) { n.change(func() { n.auth, n.authErr = true, err }) }
func (n *syncNews) ring()                        { n.change(func() { n.rang = true }) }
func (n *syncNews) lostFor(err error)            { n.change(func() { n.lost = err }) }

func (n *syncNews) goneFor(err error) {
	n.change(func() {
		if n.gone == nil {
			n.gone = err
		}
	})
}

// message takes a NEG-MSG if one is wanted; a relay may send as many as it likes.
func (n *syncNews) message(session int, l *dataLetter) (wanted bool) {
	n.change(func() {
		if wanted = n.awaits == session && n.payload == nil && !n.over; wanted {
			n.payload, n.from, n.awaits = l, session, 0
		}
	})
	return wanted
}

// finish gives back what nobody will look at.
func (n *syncNews) finish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	if n.payload != nil {
		n.payload.leave()
		n.payload = nil
	}
}

// next takes what has happened first, as a message to the machine; false: there is nothing. What was said in a
// session comes before the end of its connection: a relay may hang up with its last word. What is left of an older
// session the machine knows by its number.
func (n *syncNews) next() (tell func(m *reconcile.Machine, now time.Time) []reconcile.Step, some bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.gone != nil: // whoever waits looks at it
		return nil, false
	case n.cut != 0:
		session, at := n.cut, n.since
		n.cut = 0
		return func(m *reconcile.Machine, _ time.Time) []reconcile.Step { m.Opened(at, session); return nil }, true
	case n.opened != 0 && !n.down: // else it is one of the next connection's
		session, at := n.opened, n.since // since then its answer is waited for, whenever this is looked at
		n.opened = 0
		return func(m *reconcile.Machine, _ time.Time) []reconcile.Step { m.Opened(at, session); return nil }, true
	case n.payload != nil:
		l, session := n.payload, n.from
		n.payload = nil
		return func(m *reconcile.Machine, now time.Time) []reconcile.Step {
			defer l.leave()
			return m.Message(now, session, l.Message.(wire.NegMsg).Payload)
		}, true
	case n.failure != nil:
		f := *n.failure
		n.failure = nil
		return func(m *reconcile.Machine, now time.Time) []reconcile.Step {
			if f.garbled {
				return m.Garbled(now, f.session, f.words)
			}
			return m.Failed(now, f.session, f.words, f.most)
		}, true
	case n.yielded != 0:
		session := n.yielded
		n.yielded = 0
		return func(m *reconcile.Machine, now time.Time) []reconcile.Step { return m.Yielded(now, session) }, true
	case n.down:
		n.down = false
		return (*reconcile.Machine).Down, true
	case n.up:
		n.up = false
		bytes := n.bytes
		return func(m *reconcile.Machine, now time.Time) []reconcile.Step { return m.Up(now, bytes) }, true
	case n.notice != "":
		words := n.notice
		n.notice = ""
		return func(m *reconcile.Machine, now time.Time) []reconcile.Step { m.Noticed(now, words); return nil }, true
	case n.auth:
		n.auth = false
		if n.authErr != nil { // which is kept, for what is said in the end
			return func(m *reconcile.Machine, _ time.Time) []reconcile.Step { m.AuthFailed(); return nil }, true
		}
		return (*reconcile.Machine).AuthDone, true
	}
	return nil, false
}

// state is whether the relay is connected, and why not, or why it is not asked any more.
func (n *syncNews) state() (link bool, lost, gone error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.link, n.lost, n.gone
}

// rung takes the ring of the alarm.
func (n *syncNews) rung() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	rang := n.rang
	n.rang = false
	return rang
}

// authError is why there was no AUTH.
func (n *syncNews) authError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.authErr == nil {
		return nil
	}
	return n.authErr
}
