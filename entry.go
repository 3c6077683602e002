package gennostr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/backoff"
	"github.com/gennostr/gennostr/internal/keepalive"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/outage"
)

// What the supervisor knows of one relay, and the verbs that change it. All of
// this runs on the supervisor's goroutine.

// stage is where an entry stands. It is finer than RelayState: between
// unregistering a connection and the return of its OnDisconnect lies telling,
// in which nothing is dialled (DESIGN 3.3).
//
//	none        AddRelay                            queued
//	queued      its turn to dial                    dialing
//	            RemoveRelay                         telling, gone
//	dialing     open (up)                           connected
//	            failed, cut or aborted              telling; gone with the last of WithMaxAttempts
//	            RemoveRelay                         closing
//	connected   ended                               telling; gone if too many panics or forgeries
//	            RemoveRelay                         closing; connected, a guest, if somebody needs it
//	closing     ended                               telling, gone
//	telling     OnDisconnect has returned, and
//	              RemoveRelay was called meanwhile  telling, gone: once more, with ErrRelayRemoved
//	              else AddRelay was (again)         queued if it had been removed, else waiting
//	              else it is gone                   none; queued, a guest, if somebody needs it
//	              else manual, and no Reconnect     down
//	              else                              waiting
//	waiting     the schedule, or Reconnect          queued; Reconnect in manual mode: nothing
//	            RemoveRelay                         telling, gone
//	down        Reconnect                           waiting
//	            AddRelay                            queued
//	            RemoveRelay                         telling, gone
//
// Guests (guests.go) have the same stages, with other steps.
//
// Every panic of a connection counts alike, dialing or connected. When the client shuts
// down, what has no connection is none at once, and what has one when that has ended.
type stage uint8

const (
	queued    stage = iota // waits for its turn to dial
	dialing                // conn is dialling
	connected              // conn is open
	closing                // removed; conn is on its way down
	telling                // no conn; OnDisconnect is queued or running
	waiting                // alarmDial is set
	down                   // WithManualReconnect, and nobody asked for it back
)

// relayEntry is one relay from AddRelay until the OnDisconnect that ends it
// has returned. Supervisor goroutine only.
type relayEntry struct {
	url       string
	cfg       *relaySpec
	conn      *connection // in dialing, connected and closing
	stage     stage
	aborted   bool           // its last dial was given up for others (DESIGN 3.11)
	failed    bool           // its last dial did not become a connection
	removed   bool           // RemoveRelay was called: OnDisconnect(ErrRelayRemoved) is due or queued
	gone      bool           // the OnDisconnect that ends this entry is queued; of a guest: it is not dialled any more
	wanted    bool           // manual mode: Reconnect was called in OnDisconnect
	outage    *outage.Outage // nil until it is first lost
	backoff   *backoff.Backoff
	window    *mailbox.Window // messages that wait or are held, from connection to connection
	panics    backoff.Intensity
	failures  int // failed dials in a row
	keepalive *keepalive.Keepalive
	pinged    time.Time       // the last time
	asking    *asking         // nil: no subscription has had to do with it
	lores     *lore           // nil: nobody has wanted to know
	auth      *authenticating // of the open connection; nil: it has had nothing to do with AUTH

	publishing *publishing // nil: nothing has been published there

	guest   bool           // none of the client's relays: see guests.go
	leaving bool           // of a guest: the OnDisconnect with which it ceased to be one of the client's is queued or running
	behind  int            // of a guest: ends that the loop has not come to (pass)
	users   map[any]uint64 // who needs it, numbered as they came
	came    uint64         // the number of the last one

	again    *relaySpec    // AddRelay was called while the entry was on its way out, or in OnDisconnect
	delay    time.Duration // the schedule's next one, set when a connection ends
	redialAt time.Time     // in telling and waiting
	connects int
	lastErr  error
	traffic  Traffic
}

// revive is AddRelay for an entry that is on its way out. One that was removed
// starts afresh; one that was lost keeps its place in the schedule, so that a
// handler that adds its relay again in OnDisconnect is no retry storm (L07).
//
// The entry stays the same one, and so do the subscriptions that have not been told
// to leave it, for there are others who know it.
func (s *supervisor) revive(e *relayEntry) {
	afresh := e.removed || e.stage == down || e.guest
	s.setGuest(e, false)
	switch {
	case afresh:
		e.panics, e.failures, e.failed, e.aborted = newIntensity(), 0, false, false
	case e.gone:
		e.failures = 0 // else WithMaxAttempts counts on
	}
	if e.removed {
		e.outage = nil
	}
	cfg := e.again
	e.again, e.removed, e.gone, e.wanted = nil, false, false, false
	s.fit(e, cfg, !afresh)
	s.enlist(e)
	s.setOutage(e)
	if afresh {
		s.dial(e)
	} else {
		s.wait(e)
	}
}

// fit gives an entry other options, for the next dial; follow: its schedule goes on
// from where it was.
func (s *supervisor) fit(e *relayEntry, cfg *relaySpec, follow bool) {
	former := e.backoff
	s.discard(e.cfg)
	e.cfg, e.backoff = cfg, backoff.New(&cfg.schedule)
	if follow {
		e.backoff.Follow(former)
	}
	e.window.Limit(cfg.windowMessages, cfg.windowBytes)
	if e.publishing != nil {
		e.publishing.relay.SetPace(s.pace(e))
	}
}

// newEntry makes the entry of a relay that is not known yet.
func (s *supervisor) newEntry(url string, cfg *relaySpec) *relayEntry {
	window := s.windows[url]
	if window == nil {
		window = mailbox.NewWindow(cfg.windowMessages, cfg.windowBytes, s.client.budget)
	} else {
		window.Limit(cfg.windowMessages, cfg.windowBytes)
		delete(s.windows, url)
	}
	e := &relayEntry{url: url, cfg: cfg, window: window, backoff: backoff.New(&cfg.schedule), panics: newIntensity()}
	s.relays[url] = e
	return e
}

func newIntensity() backoff.Intensity { return backoff.Intensity{Max: 3, Within: 5 * time.Second} }

// forget drops an entry that has no connection.
func (s *supervisor) forget(e *relayEntry) {
	s.due.Cancel(alarm{e, alarmDial})
	s.due.Cancel(alarm{e, alarmOutage})
	s.later.Cancel(laterKey{entry: e, idle: true})
	delete(s.relays, e.url)
	delete(s.guests, e)
	if !s.stopping {
		s.keepWindow(e)
	}
	e.users = nil
	e.forgetDocument()
	s.leave(e)
	s.unpublish(e, ErrRelayRemoved) // nothing is left but what came in a moment ago
	s.later.Cancel(laterKey{entry: e, publish: true})
	s.discard(e.cfg)
	s.discard(e.again)
}

// keepWindow keeps the window of a relay that is gone while messages of it are
// held, lest one that is removed and added again brings as many more.
func (s *supervisor) keepWindow(e *relayEntry) {
	for url, w := range s.windows {
		if n, _ := w.Used(); n == 0 {
			delete(s.windows, url)
		}
	}
	if n, _ := e.window.Used(); n > 0 {
		if s.windows == nil {
			s.windows = make(map[string]*mailbox.Window)
		}
		s.windows[e.url] = e.window
	}
}

// discard closes a relay's own dialer, beside this goroutine: it joins what was still dialling.
func (s *supervisor) discard(cfg *relaySpec) {
	if cfg != nil && cfg.ownTransport {
		s.children.Go(cfg.close) // ends with the dialer's last dial; joined with the children
	}
}

// add is AddRelay and, with ensure, EnsureRelay.
func (s *supervisor) add(url string, cfg *relaySpec, ensure bool) (added bool, err error) {
	if e := s.relays[url]; !s.stopping && (e == nil || !e.known()) && !s.roomForRelay() {
		return false, fmt.Errorf("%w: there are %d", ErrTooManyRelays, s.client.cfg.maxRelays)
	}
	return s.letIn(url, cfg, ensure)
}

// letIn is add where there is room.
func (s *supervisor) letIn(url string, cfg *relaySpec, ensure bool) (added bool, err error) {
	if s.stopping {
		return false, ErrClientClosed
	}
	e := s.relays[url]
	switch {
	case e == nil:
		e = s.newEntry(url, cfg)
		s.enlist(e)
		s.dial(e)
		return true, nil
	case e.stage == down:
		cfg.address = e.cfg.address
		e.again = cfg
		s.revive(e)
		return true, nil
	case e.again != nil: // AddRelay has been here before
	case e.guest:
		s.promote(e, cfg)
		return true, nil
	case e.stage == closing, e.stage == telling && (e.removed || e.gone || e.cfg.manual || !ensure):
		if e.known() { // the spelling that was given first counts until the relay is removed
			cfg.address = e.cfg.address
		}
		e.again = cfg
		return true, nil
	}
	if ensure {
		return false, nil
	}
	return false, fmt.Errorf("%w: %s", ErrRelayExists, url)
}

// roomForRelay tells whether there may be another relay that is no guest. Those on their
// way out have places beside the others, and as many.
func (s *supervisor) roomForRelay() bool {
	most := s.client.cfg.maxRelays
	all := len(s.relays) - len(s.guests)
	if all < most {
		return true
	}
	known := 0
	for _, e := range s.relays {
		if e.known() {
			known++
		}
	}
	return known < most && all < 2*most
}

// roomForRelays tells whether there may be these and no others, one look at each.
func (s *supervisor) roomForRelays(want map[string]*relaySpec) error {
	most := s.client.cfg.maxRelays
	if len(want) > most {
		return fmt.Errorf("%w: %d, and at most %d", ErrTooManyRelays, len(want), most)
	}
	all := len(s.relays) - len(s.guests)
	for url := range want {
		if e := s.relays[url]; e == nil || e.guest {
			all++
		}
	}
	if all > 2*most {
		return fmt.Errorf("%w: so many are on their way out, or to come: %d", ErrTooManyRelays, all)
	}
	return nil
}

func (s *supervisor) remove(url string) error {
	e := s.relays[url]
	if e == nil || !e.known() {
		return fmt.Errorf("%w: %s", ErrUnknownRelay, url)
	}
	switch {
	case e.guest:
		s.takeBack(e)
		return nil
	case e.stage == connected && len(e.users) > 0:
		s.demote(e)
		return nil
	}
	s.discard(e.again)
	e.again = nil
	e.removed = true
	s.leave(e)
	s.unpublishAdded(e, ErrRelayRemoved)
	switch e.stage {
	case queued, waiting, down:
		s.due.Cancel(alarm{e, alarmDial})
		s.dialEnded(e) // if it waited for its turn
		e.gone = true
		s.tell(e, nil, ErrRelayRemoved)
	case dialing, connected:
		e.stage = closing
		e.conn.windDown(ErrRelayRemoved, closeTimeout)
	case telling:
		e.gone = false // what is told now came before: another one is due, from disconnectTold
	}
	// closing: the end is under way.
	return nil
}

// reconnect: waiting dials now; down, which is lost in manual mode, after the
// schedule's next delay; telling notes it; connected, dialling or removed: nothing.
func (s *supervisor) reconnect(url string) error {
	e := s.relays[url]
	if e == nil || !e.known() {
		return fmt.Errorf("%w: %s", ErrUnknownRelay, url)
	}
	switch {
	case e.stage == waiting && !e.cfg.manual:
		s.dial(e)
	case e.stage == down:
		e.redialAt = time.Now().Add(e.delay)
		s.wait(e)
	case e.stage == telling:
		e.wanted = true
	}
	return nil
}

// set is SetRelays. What it takes out of want is its own now.
func (s *supervisor) set(want map[string]*relaySpec) error {
	if err := s.roomForRelays(want); err != nil {
		return err
	}
	for url := range s.relays {
		if want[url] == nil {
			_ = s.remove(url) // unknown: on its way out already
		}
	}
	for url, cfg := range want {
		added, err := s.letIn(url, cfg, true)
		if err != nil {
			return err
		}
		if !added {
			s.discard(cfg)
		}
		delete(want, url)
	}
	return nil
}

// known tells whether the relay is one of the client's: it is not on its way
// out and no guest, or was added again meanwhile.
func (e *relayEntry) known() bool { return e.again != nil || !e.guest && !e.removed && !e.gone }

// address is the relay's URL as it was written when it was added, the last time.
func (e *relayEntry) address() string {
	if e.again != nil {
		return e.again.address
	}
	return e.cfg.address
}

func (e *relayEntry) status() RelayStatus {
	st := RelayStatus{
		URL: e.url, Address: e.address(), Attempts: e.backoff.Attempts(), Connects: e.connects,
		LastError: e.lastErr, Traffic: e.traffic,
	}
	switch e.stage {
	case queued, dialing:
		st.State = RelayDialing
	case connected:
		if e.guest && e.again != nil {
			break // OnConnect follows as soon as OnDisconnect has returned
		}
		st.State = RelayConnected
		st.ConnectedAt = e.conn.relay.ConnectedAt
		st.Authenticated = e.acceptedNow()
	case telling, waiting:
		if e.removed || e.guest && e.again != nil {
			break // and added again: dialled as soon as OnDisconnect has returned
		}
		st.State = RelayWaiting
		st.NextAttempt = e.redialAt
	case down:
		st.State = RelayDown
	}
	if e.conn != nil {
		st.Traffic.add(e.conn.traffic())
	}
	st.Traffic.Undelivered, _ = e.window.Used()
	return st
}

// statuses lists all relays, those on their way out left out, sorted by URL.
func (s *supervisor) statuses() []RelayStatus {
	list := make([]RelayStatus, 0, len(s.relays))
	for _, e := range s.relays {
		if e.known() {
			list = append(list, e.status())
		}
	}
	slices.SortFunc(list, func(a, b RelayStatus) int { return strings.Compare(a.URL, b.URL) })
	return list
}
