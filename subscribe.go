package gennostr

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/internal/seen"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// Subscriptions: declared once, kept alive on every relay, each event once.

const (
	// maxSeen is how many events the client remembers for which of its subscriptions have had them.
	maxSeen = 1 << 18
	// defaultOverlap is how far before the time up to which a relay was heard a
	// subscription resumes.
	defaultOverlap = 5 * time.Minute
	// defaultBuffer is how many events of a relay wait for whoever has opened a
	// subscription from outside.
	defaultBuffer = 1024
	// longestName is how long the name of a subscription may be, in bytes.
	longestName = 256
	// frameOf is what a REQ takes beside its filters, in bytes, amply.
	frameOf = 256
)

// SubscribeOption configures a subscription.
type SubscribeOption interface{ applySubscribe(*subscribeConfig) error }

type subscribeOption func(*subscribeConfig) error

func (f subscribeOption) applySubscribe(c *subscribeConfig) error { return f(c) }

// subscribeConfig is what they make. Immutable once the subscription exists.
type subscribeConfig struct {
	on         []string          // normal forms; nil: all relays
	written    map[string]string // those as they were written
	cursor     *cursor.Cursor
	liveOnly   bool
	overlap    time.Duration
	buffer     int
	dropOldest bool
}

// Resume goes on where a cursor stands, in a program that was started again, say:
// what the cursor remembers as handled does not come again, and everything since
// does. The zero Cursor is none. A cursor of other filters or relays does no harm:
// of what it does not know everything is asked for.
func Resume(from Cursor) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) error { c.cursor = from.c; return nil })
}

// LiveOnly takes only what is published while the subscription is live on a relay:
// nothing stored, and after an outage nothing of what was published meanwhile.
func LiveOnly() SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) error { c.liveOnly = true; return nil })
}

// WithOverlap says how far before the time up to which a relay was heard a
// subscription resumes after an outage: as much as an event may be dated before it
// is published, or clocks may differ. What comes twice by that is not delivered
// twice. Gift wraps (kind 1059), whose dates are up to two days off, have two days
// on top of that. Default: 5 minutes.
func WithOverlap(d time.Duration) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) error { c.overlap = d; return notNegative("WithOverlap", d) })
}

// WithBuffer says how many events of each relay may wait for the loop over a
// [Subscription]. When there are more, the relay is told to stop, and asked again,
// from where it was, when half of them have been taken; with [DropOldest] the oldest
// is dropped. A relay that has nothing else to bring is slowed down by TCP instead,
// and one whose window (WithMailboxWindow) is half full is told to stop before that,
// lest its other subscriptions wait. Default: 1,024. It does nothing for a subscription of the handler's,
// whose events wait in the mailbox ([WithMailboxWindow]).
func WithBuffer(n int) SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) error { c.buffer = n; return positive("WithBuffer", n) })
}

// DropOldest drops the oldest event that waits for the loop over a [Subscription]
// when there are more than [WithBuffer] allows. How many were dropped stands in the
// next message ([SubscriptionMessage]).
func DropOldest() SubscribeOption {
	return subscribeOption(func(c *subscribeConfig) error { c.dropOldest = true; return nil })
}

// SubscriptionState is where a subscription stands on one relay.
type SubscriptionState uint8

const (
	// SubscriptionPending: not asked, since the relay is not connected, or has no room for another subscription yet.
	SubscriptionPending SubscriptionState = iota
	// SubscriptionOpen: asked. What the relay has stored is on its way.
	SubscriptionOpen
	// SubscriptionLive: all that the relay has stored has come; what is published comes as it is.
	SubscriptionLive
	// SubscriptionRetrying: the relay has refused it for now; it is asked again, at a certain time or when the relay has accepted an AUTH.
	SubscriptionRetrying
	// SubscriptionRefused: the relay has refused it; it is asked again with the next
	// connection, or after an AUTH. With another Err than an *[AuthError] or a *[ClockError]
	// the relay is not dialled any more, or never was, and the subscription is not asked
	// there again until it is added ([Client.AddRelay]).
	SubscriptionRefused
	// SubscriptionParked: more has come than its reader has taken; it is asked again from there when that is done.
	SubscriptionParked
)

func (s SubscriptionState) String() string {
	switch s {
	case SubscriptionPending:
		return "pending"
	case SubscriptionOpen:
		return "open"
	case SubscriptionLive:
		return "live"
	case SubscriptionRetrying:
		return "retrying"
	case SubscriptionRefused:
		return "refused"
	case SubscriptionParked:
		return "parked"
	}
	return "unknown"
}

// SubscriptionChange is news of a subscription on one relay.
type SubscriptionChange struct {
	SubscriptionID string
	State          SubscriptionState // where it stands now
	Message        string            // the relay's words, if it was refused: "prefix: text", 4,096 bytes of them at most; with an Err of its own what that says
	// Err is why the relay cannot be asked, nil unless that is the news. Of
	// SubscriptionRefused, of relays that [On] names: [ErrGaveUp], [ErrForgeryLimit],
	// [ErrRestartIntensity]; of a guest also ErrAddressDenied in a *[DialError].
	// Of SubscriptionRetrying, of guests: [ErrTooManyGuests]; it waits for a free place.
	// Of SubscriptionPending and SubscriptionParked, of guests, of which nobody else tells:
	// a *DialError or why the connection was lost; once until it is connected again.
	// Where AUTH is what it was refused for, an *[AuthError]: why there is none. Where dates
	// are, a *[ClockError] if this machine's clock is wrong. Neither keeps it from being asked again.
	Err     error
	RetryAt time.Time // of SubscriptionRetrying: when it is asked again; zero: as soon as the relay has accepted an AUTH
	Gap     *Gap      // what may be missing; nil if nothing is
}

// Gap is a stretch of time of which events may be missing, both ends included:
// more than the relay gives in an answer are dated in one second, and no filter
// tells them apart; or it does not keep what was published while it was away. A relay that
// has not told how many events it gives at once, nor shown it by different answers of one size,
// is taken to have given all of a second.
type Gap struct {
	Since, Until nostr.Timestamp
	Possible     bool // of events that are not stored (NIP-01): there may have been none
}

// SubscriptionStatus is a snapshot of a subscription.
type SubscriptionStatus struct {
	ID         string              // its name; "" if it was opened from outside
	Relays     []RelaySubscription // sorted by URL
	Live       int                 // on how many of them it is live
	Duplicates uint64              // copies of events that were not delivered
	Waiting    int                 // events that wait, or are held
}

// RelaySubscription is where a subscription stands on one relay.
type RelaySubscription struct {
	URL     string
	State   SubscriptionState
	Message string // the relay's words, if it has refused; with an Err what that says
	Err     error  // why it cannot be asked, or is refused, as in [SubscriptionChange]
}

// subscriptions are a client's, by name where they have one.
type subscriptions struct {
	mu     sync.Mutex
	named  map[string]*subscription // guarded by mu
	others map[*subscription]bool   // guarded by mu: opened from outside
	owners seen.Owner               // guarded by mu: the last one
}

func (ss *subscriptions) get(name string) *subscription {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.named[name]
}

// remove frees the place of a subscription. Idempotent.
func (ss *subscriptions) remove(sub *subscription) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.removeLocked(sub)
}

// removeLocked is remove. Needs mu.
func (ss *subscriptions) removeLocked(sub *subscription) {
	if ss.named[sub.name] == sub {
		delete(ss.named, sub.name)
	}
	delete(ss.others, sub)
}

func (ss *subscriptions) all() (list []*subscription) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.named {
		list = append(list, s)
	}
	for s := range ss.others {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *subscription) int { return int(a.owner) - int(b.owner) })
	return list
}

// newSubscription checks what was declared. It stands in no list yet.
func (c *Client) newSubscription(name string, filters []nostr.Filter, opts []SubscribeOption) (*subscription, error) {
	cfg := subscribeConfig{overlap: defaultOverlap, buffer: defaultBuffer}
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("gennostr: nil SubscribeOption")
		}
		if err := o.applySubscribe(&cfg); err != nil {
			return nil, err
		}
	}
	filters, err := askable(filters)
	if err != nil {
		return nil, err
	}
	s := &subscription{c: c, name: name, cfg: cfg, legs: make(map[string]*leg)}
	if cfg.cursor != nil {
		s.former = formerOf(cfg.cursor)
	}
	if cfg.on != nil {
		s.on = make(map[string]bool, len(cfg.on))
		for _, url := range cfg.on {
			s.on[url] = true
		}
	}
	s.setFilters(filters)
	return s, nil
}

// askable gives the filters that may be sent. They are copies: what the program does to its own afterwards changes nothing.
func askable(filters []nostr.Filter) (list []nostr.Filter, err error) {
	if list, err = validated(filters); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, nostr.Filter.MatchesNothing)
	if len(list) == 0 {
		return nil, ErrMatchesNothing
	}
	return list, nil
}

// validated gives copies of filters that say something that can be asked.
func validated(filters []nostr.Filter) (list []nostr.Filter, err error) {
	for i, f := range filters {
		if err := f.Validate(); err != nil {
			return nil, fmt.Errorf("gennostr: filter number %d: %w", i+1, err)
		}
		list = append(list, f.Clone())
	}
	return list, nil
}

// Subscribe declares a subscription of the handler's: its events come to OnEvent,
// with its name as their SubscriptionID, from every relay of the client's, those
// that are added later too, and again after every reconnect. It is asked for the
// rest of the client's life, or until Unsubscribe.
//
// Each event comes once, from whatever relay brings it first, and after an outage
// what was missed comes from each relay by itself: see the package's documentation
// for what that promises. Where a limit is set it holds for the first answer of each
// relay.
//
// Some relays leave direct messages (kinds 4 and 1059) out of a request for other kinds
// too, and say only where nothing else is asked for that they want to know who asks: a
// subscription of their own brings them ([WithSigner]).
//
// It returns at once. In Init, before any relay is there, it is as good as later.
// Errors: [ErrSubscriptionExists] if the name has other filters or options, with the
// same it is nil; [ErrMatchesNothing] if no filter can match; what is wrong with the
// name, a filter or an option; [ErrClientClosed].
func (s *Self) Subscribe(name string, filters []nostr.Filter, opts ...SubscribeOption) error {
	c := s.c
	if name == "" || len(name) > longestName {
		return fmt.Errorf("gennostr: a subscription's name has 1 to %d bytes, not %d", longestName, len(name))
	}
	sub, err := c.newSubscription(name, filters, opts)
	if err != nil {
		return err
	}
	return c.declare(sub)
}

// declare enters a subscription and has relays asked.
func (c *Client) declare(sub *subscription) error {
	ss := &c.subs
	ss.mu.Lock()
	defer ss.mu.Unlock() // what is entered first is asked first
	if sub.outside == nil {
		if known := ss.named[sub.name]; known != nil {
			if known.same(sub) {
				return nil
			}
			return fmt.Errorf("%w: %s", ErrSubscriptionExists, sub.name)
		}
	}
	if most := c.cfg.maxSubscriptions; len(ss.named)+len(ss.others) >= most {
		return fmt.Errorf("%w: there are %d", ErrTooManySubscriptions, most)
	}
	sub.owner = ss.owners + 1
	if !c.sup.inbox.Put(declared{sub}) {
		return c.closedErr()
	}
	ss.owners++
	if sub.outside != nil {
		if ss.others == nil {
			ss.others = make(map[*subscription]bool)
		}
		ss.others[sub] = true
		return nil
	}
	if ss.named == nil {
		ss.named = make(map[string]*subscription)
	}
	ss.named[sub.name] = sub
	return nil
}

// same tells whether two declarations say the same. What they resume from does not count.
func (s *subscription) same(o *subscription) bool {
	o.mu.Lock()
	filters := o.filters
	o.mu.Unlock()
	return s.equals(filters) && s.cfg.liveOnly == o.cfg.liveOnly && s.cfg.overlap == o.cfg.overlap && slices.Equal(s.cfg.on, o.cfg.on)
}

type (
	declared      struct{ sub *subscription }
	undeclared    struct{ sub *subscription }
	filtersChange struct {
		sub     *subscription
		filters []nostr.Filter
	}
)

func (ev declared) supervise(s *supervisor)   { s.subscribe(ev.sub) }
func (ev undeclared) supervise(s *supervisor) { s.unsubscribe(ev.sub) }

// SetFilters changes what a subscription asks for. Only what is new is asked: a list
// that has grown asks for what it has gained, and what has not changed goes on as it
// is. What waits and matches none of the new filters is dropped.
//
// Errors: [ErrUnknownSubscription], [ErrMatchesNothing], what is wrong with a filter,
// [ErrClientClosed].
func (s *Self) SetFilters(name string, filters []nostr.Filter) error {
	sub := s.c.subs.get(name)
	if sub == nil {
		return fmt.Errorf("%w: %s", ErrUnknownSubscription, name)
	}
	return sub.change(filters)
}

func (s *subscription) change(filters []nostr.Filter) error {
	filters, err := askable(filters)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock() // what is set first is asked first
	s.setFilters(filters)
	if !s.c.sup.inbox.Put(filtersChange{s, filters}) {
		return s.c.closedErr()
	}
	return nil
}

func (ev filtersChange) supervise(s *supervisor) {
	for _, l := range ev.sub.legsNow() {
		l.note()
		s.refilter(l, ev.filters)
	}
}

// refilter gives a leg other filters.
func (s *supervisor) refilter(l *leg, filters []nostr.Filter) {
	parts := l.parts(filters)
	l.filters = hashesOf(parts)
	step := l.track.SetFilters(parts)
	if e := l.entry; e != nil && e.asking.slots != nil && l.state() != SubscriptionParked {
		s.take(e, l, step)
		s.ask(e)
	}
}

// Unsubscribe ends a subscription. What waits of it is dropped. One that is not there
// is nothing to do.
func (s *Self) Unsubscribe(name string) { s.c.undeclare(s.c.subs.get(name)) }

// undeclare ends a subscription. When it returns, also beside another one that has come
// first, the place is free.
func (c *Client) undeclare(sub *subscription) {
	if sub == nil {
		return
	}
	c.subs.mu.Lock()
	defer c.subs.mu.Unlock() // the next one of this name is declared after that
	c.subs.removeLocked(sub)
	if !sub.over.Swap(true) {
		c.sup.inbox.Put(undeclared{sub})
	}
}

// Subscriptions lists the subscriptions of the client, in the order in which they
// were declared, with where they stand on each of their relays.
func (c *Client) Subscriptions() []SubscriptionStatus {
	var list []SubscriptionStatus
	for _, s := range c.subs.all() {
		list = append(list, s.statusNow())
	}
	return list
}

// Subscriptions is [Client.Subscriptions].
func (s *Self) Subscriptions() []SubscriptionStatus { return s.c.Subscriptions() }

func (s *subscription) statusNow() SubscriptionStatus {
	st := SubscriptionStatus{ID: s.name, Duplicates: s.repeat.Load()}
	for _, l := range s.legsNow() {
		l.mu.Lock()
		on, gone := l.status, l.gone
		st.Waiting += l.unfinished
		l.mu.Unlock()
		if gone {
			continue
		}
		st.Relays = append(st.Relays, on)
		if on.State == SubscriptionLive {
			st.Live++
		}
	}
	return st
}

// reserved tells why a REQ or CLOSE of the program's may not have an id: it is a
// subscription's name, or one of those that the library sends.
func (c *Client) reserved(m wire.ClientMessage) error {
	var id string
	switch m := m.(type) {
	case wire.Req:
		id = m.SubscriptionID
	case wire.Close:
		id = m.SubscriptionID
	case wire.CountReq:
		id = ownID(m.SubscriptionID)
	case wire.NegOpen:
		id = ownID(m.SubscriptionID)
	case wire.NegMsg:
		id = ownID(m.SubscriptionID)
	case wire.NegClose:
		id = ownID(m.SubscriptionID)
	default:
		return nil
	}
	if len(id) >= len(wirePrefix) && id[:len(wirePrefix)] == wirePrefix || c.subs.get(id) != nil {
		return fmt.Errorf("%w: %.70q", ErrReservedSubscriptionID, id)
	}
	return nil
}

// ownID is the id if it is one that the library sends, else empty.
func ownID(id string) string {
	if isOwnID(id) {
		return id
	}
	return ""
}
