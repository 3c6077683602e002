package reconcile

import (
	"time"

	"github.com/gennostr/gennostr/internal/attend"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Config is what is compared, and how.
type Config struct {
	Since, Until nostr.Timestamp // of the filter: 0 and Forever if it has none
	Ours         *nip77.Set      // what the program has; what lies outside the dates does not count
	Span         nostr.Timestamp // no window is longer, in seconds; 0: any length
	Patience     time.Duration   // how long each answer, and a connection, is waited for
	Most         int             // ids that may be found to be lacking here, or listed by pages
	FilterBytes  int             // of the filter as JSON, dates included
	NoNegentropy bool            // all is paged
	NoPaging     bool            // nothing is
}

// Do is what a Step says.
type Do uint8

const (
	// Open has NEG-OPEN sent for Window, when there is room for a session; then Opened is to be called.
	Open Do = iota + 1
	// Send has NEG-MSG sent.
	Send
	// Shut ends a session: NEG-CLOSE is sent, or it does not come to NEG-OPEN any more.
	Shut
	// Page has all events of Window asked for by REQ; Saw is to be called with each and Paged in the end.
	Page
	// Auth says that the relay wants AUTH; AuthDone or AuthFailed is to be called.
	Auth
)

// A Step is what the owner is to do.
type Step struct {
	Do      Do
	Session int    // of Open, Send and Shut: its number
	Window  Window // to be asked for: a second more than is judged, at either end, but where the filter's dates end
	Payload []byte
	Words   string // the relay's, of Auth
}

// state is what a machine waits for.
type state uint8

const (
	offline state = iota // for a connection
	turn                 // for Opened
	asked                // for the relay's message
	pausing              // for due, to begin the window anew
	authing              // for AuthDone or AuthFailed
	paging               // for Paged
	over
)

const (
	mostLosses   = 8       // of sessions of one window, one after another
	mostDowns    = 6       // of connections, without anything new between them
	mostHangups  = 3       // answers to NEG-OPEN by the end of the connection, before it knows NEG
	mostDeep     = 64      // windows that were too large, without one between them that was not, or a second that was
	mostDeeper   = 1024    // the same of a relay that has compared others
	mostSessions = 250_000 // in all: more than there may be windows of a length that was asked for
	mostPages    = 3       // times that a window is paged
	mostGivenUp  = 3       // windows, one after another, for want of any answer
	heavy        = 3       // losses that one counts for that is no accident: garbage, silence

	// frame is how long our messages may be, in bytes before they become hexadecimal: relays
	// take 128 KiB of text.
	frame = 60_000
	// overhead is what a NEG-OPEN has beside filter and message, in bytes.
	overhead = 128

	noticeWait = time.Second           // how long NEG-OPEN may be unanswered after a NOTICE that may mean it
	firstPause = 50 * time.Millisecond // before the second repetition of a window; the first is at once
	longPause  = time.Second           // the first one when the relay is busy
	mostPause  = time.Minute
	late       = attend.Late    // by so much a look at the time tells that the program did not run
	catchUp    = attend.CatchUp // what is waited then: answers lie unread
)

// A Machine compares. Made by New.
type Machine struct {
	cfg   Config
	bytes int // that a message to the relay may have; 0: never connected

	todo    []Window // the oldest first: the last is next
	cur     Window
	ours    *nip77.Set    // of what is asked for cur
	client  *nip77.Client // of cur; nil: it is to be made
	session int
	state   state
	due     time.Time // of offline, asked and pausing
	slack   bool      // due was put off since it was late

	up       bool
	spoke    bool // the relay has sent a NEG-MSG
	asking   bool // the connection has ended before an answer, and not with one
	answered bool // in this session
	off      bool // the relay does not do NIP-77, or not well enough
	offWhy   Why
	offWords string
	notice   string
	losses   int
	busy     int
	downs    int
	hangups  int
	deep     int
	auths    int
	pages    int
	givenUp  int
	words    string // of what came last between us and an answer
	wordsWhy Why

	all    *nip77.Set        // what the program has, whatever its dates
	need   map[nostr.ID]bool // true: a page has brought it
	pruned bool              // what we have is not in it any more
	lacks  map[nostr.ID]struct{}
	full   bool   // more than there is room for
	seen   []bool // of ours, by place: a page has brought it
	paged  int    // events that the page has brought
	gaps   []Gap
	stats  Stats
}

// Stats count what a machine did.
type Stats struct {
	Windows  int // compared, by either way
	Paged    int // of them, by REQ
	Sessions int // opened
	Messages int // of the relay's
	Left     int // windows that wait, the one at hand included
}

// New makes a machine that waits for a connection. What is lacking has to be read at its end.
func New(cfg Config, now time.Time) *Machine {
	all := cfg.Ours
	cfg.Ours = all.Between(cfg.Since, cfg.Until)
	m := &Machine{cfg: cfg, all: all, todo: []Window{{cfg.Since, cfg.Until}}, need: make(map[nostr.ID]bool), lacks: make(map[nostr.ID]struct{}), due: now.Add(cfg.Patience)}
	if cfg.NoNegentropy {
		m.off = true
	}
	if cfg.Since > cfg.Until {
		m.todo, m.state = nil, over
	}
	return m
}

// Done tells whether it is over.
func (m *Machine) Done() bool { return m.state == over }

// Next is when Rang is to be called.
func (m *Machine) Next() (time.Time, bool) {
	switch m.state {
	case offline, asked, pausing:
		return m.due, true
	}
	return time.Time{}, false
}

// Stats count what it did.
func (m *Machine) Stats() Stats {
	s := m.stats
	s.Left = len(m.todo)
	if m.state != over && m.busyWith() {
		s.Left++
	}
	return s
}

// busyWith tells whether cur is a window that is not done.
func (m *Machine) busyWith() bool { return m.ours != nil }

// Found is how many ids the relay has that we lack, and how many it lacks, so far.
func (m *Machine) Found() (need, lacks int) { return len(m.need), len(m.lacks) }

// Up says that a connection is open, on which a message may have so many bytes.
func (m *Machine) Up(now time.Time, bytes int) []Step {
	m.up, m.bytes, m.auths = true, bytes, 0
	if m.state != offline {
		return nil
	}
	if m.busyWith() {
		return m.begin(now)
	}
	return m.next(now)
}

// Down says that the connection has ended, or could not be opened again.
func (m *Machine) Down(now time.Time) []Step {
	was := m.up
	m.up = false
	if m.state == over || m.state == paging || !was {
		return nil
	}
	m.asking = m.state == asked
	if m.asking && !m.answered {
		if m.hangups++; m.hangups >= mostHangups && !m.spoke {
			m.switchOff(Cut, "")
		}
	}
	if m.downs++; m.downs > mostDowns {
		m.end(m.away())
		return nil
	}
	m.wait(now)
	return nil
}

// away is why what is left is given up for want of a connection: what the relay has said, if it had the
// last word in its session.
func (m *Machine) away() (why Why, words string) {
	if m.asking || m.wordsWhy == 0 {
		return Cut, ""
	}
	return m.wordsWhy, m.words
}

// wait waits for a connection.
func (m *Machine) wait(now time.Time) {
	m.state, m.due, m.slack = offline, now.Add(m.cfg.Patience), false
}

// next takes the next window.
func (m *Machine) next(now time.Time) []Step {
	m.ours, m.client, m.seen = nil, nil, nil
	m.losses, m.busy, m.pages, m.words, m.wordsWhy = 0, 0, 0, "", 0
	if len(m.todo) == 0 {
		m.state = over
		return nil
	}
	last := len(m.todo) - 1
	w := m.todo[last]
	m.todo = m.todo[:last]
	if rest, part, cut := newest(w, m.cfg.Span, nostr.TimestampOf(now)); cut && !m.off {
		m.todo = append(m.todo, rest)
		w = part
	}
	ask := m.cfg.asked(w)
	m.cur, m.ours = w, m.cfg.Ours.Between(ask.Since, ask.Until)
	return m.begin(now)
}

// begin asks for the window at hand, by the way that there is.
func (m *Machine) begin(now time.Time) []Step {
	room := m.bytes - overhead - m.cfg.FilterBytes
	switch {
	case !m.up:
		m.wait(now)
		return nil
	case m.off, m.pages > 0, room < 2*nip77.MinFrameSizeLimit:
		return m.page(now)
	case m.stats.Sessions >= mostSessions:
		m.end(TooMany, "")
		return nil
	}
	if m.client == nil {
		client, err := nip77.NewClient(m.ours, min(frame, room/2))
		if err != nil { // the limit is one that there may be
			panic("reconcile: " + err.Error())
		}
		m.client = client
	}
	m.stats.Sessions++
	m.session++
	m.state, m.answered, m.notice = turn, false, ""
	return []Step{{Do: Open, Session: m.session, Window: m.cfg.asked(m.cur), Payload: m.client.Initiate()}}
}

// switchOff has all that is left paged.
func (m *Machine) switchOff(why Why, words string) {
	if !m.off {
		m.off, m.offWhy, m.offWords = true, why, words
	}
}

// page asks for all events of the window at hand.
func (m *Machine) page(now time.Time) []Step {
	if m.cfg.NoPaging {
		why, words := m.wordsWhy, m.words
		if m.off {
			why, words = m.offWhy, m.offWords
		}
		if why == 0 {
			why = Unsupported
		}
		return m.giveUp(now, why, words, why == Silent || why == Cut)
	}
	m.pages++
	m.state, m.seen, m.paged = paging, make([]bool, m.ours.Len()), 0
	return []Step{{Do: Page, Window: m.cfg.asked(m.cur)}}
}

// progressed is for anything new: what was lost before does not count any more.
func (m *Machine) progressed() { m.losses, m.downs, m.busy, m.givenUp = 0, 0, 0, 0 }

// giveUp makes a gap of the window at hand, and goes on with the next; unless the relay answers
// nothing any more: each window would take its time.
func (m *Machine) giveUp(now time.Time, why Why, words string, unanswered bool) []Step {
	if unanswered {
		if m.givenUp++; m.givenUp >= mostGivenUp {
			m.end(why, words)
			return nil
		}
	}
	m.gap(m.cur, why, words)
	return m.next(now)
}

// done is for a window that was compared to its end.
func (m *Machine) done(now time.Time) []Step {
	m.progressed()
	m.stats.Windows++
	return m.next(now)
}

// end gives up what is left.
func (m *Machine) end(why Why, words string) {
	if m.busyWith() {
		m.todo = append(m.todo, m.cur)
	}
	for i := len(m.todo) - 1; i >= 0; i-- {
		m.gap(m.todo[i], why, words)
	}
	m.todo, m.ours, m.client, m.seen, m.state = nil, nil, nil, nil, over
}
