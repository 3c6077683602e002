package model_test

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// oracle is the model: it predicts, step by step, what every verb answers,
// what every callback is told, what each relay receives and what Relays lists.
// It is what the documentation says in one goroutine: no sockets, no locks, a
// clock that is set by hand. Everything that takes no time is over at once.
type oracle struct {
	plan    *program
	now     time.Duration // since the start
	servers [len(modelNames)]server
	relays  [len(modelNames)]*life // nil: not known, and nothing left to be told
	mail    []func()               // the client's mailbox: callbacks to come
	alarms  []reminder             // SendAfter
	calls   map[int]time.Duration  // calls without an answer, and when each times out
	keeps   []int                  // calls to be answered by the next cast
	noted   int                    // events published

	blocked   bool  // a callback does not return
	stops     []int // Stops that have not returned
	cancelled bool  // Start's context has ended
	over      bool  // Terminate has run

	story  map[string][]string // what has happened since the last look, by who has seen it
	dialed map[int]bool        // dials since the last look
	unsure map[string]bool     // what a client that ended in the same instant may have done or not
}

// server is a relay and the wire to it.
type server struct {
	up     bool
	held   bool // dials hang
	stored []int
	link   *link // nil: no connection
}

// link is a connection. life is one relay of the client, from AddRelay to the
// OnDisconnect that ends it.
type link struct {
	number int           // dials since the last stable connection, this one included
	since  time.Duration // when it was opened
	asks   int           // REQs so far
	ask    int           // the current one, 0: none is open
	useful bool          // it has brought an event or an EOSE
}

type life struct {
	at       int
	manual   bool
	state    lifeState
	link     *link         // in connected
	attempts int           // dials since the last stable connection
	step     int           // of the schedule
	delay    time.Duration // before the next dial
	due      time.Duration // in dialling: when it is given up; after it: when it is dialled again
	connects int

	removed bool  // RemoveRelay has been called
	last    bool  // OnDisconnect(ErrRelayRemoved) is on its way
	wanted  bool  // Reconnect was called while OnDisconnect was on its way
	again   *bool // AddRelay was called on the way out, or in OnDisconnect: manual or not
}

type lifeState int

const (
	dialling lifeState = iota // hanging: all other dials are over at once
	connected
	telling // OnDisconnect waits for its turn, or is running
	resting // until due
	down    // manual, and nobody has asked for it back
)

type reminder struct {
	at     time.Duration
	number int
}

const (
	modelHandshake = 3 * time.Second
	modelStable    = 30 * time.Second
	modelCall      = 5 * time.Second
)

func newOracle(plan *program) *oracle {
	o := &oracle{plan: plan, calls: map[int]time.Duration{}}
	o.turn()
	for at := range o.servers {
		o.servers[at].up = true
	}
	for at := range o.relays {
		if plan.initial&(1<<at) != 0 {
			o.add(at, false, true)
		}
	}
	o.settle()
	return o
}

// turn begins a new page of the story.
func (o *oracle) turn() {
	o.story, o.dialed, o.unsure = map[string][]string{}, map[int]bool{}, map[string]bool{}
}

func (o *oracle) say(who, format string, args ...any) {
	o.story[who] = append(o.story[who], fmt.Sprintf(format, args...))
}

func (o *oracle) tellRelay(at int, format string, args ...any) { o.say(modelURL(at), format, args...) }

func (o *oracle) post(callback func()) { o.mail = append(o.mail, callback) }

// settle runs what can happen without time passing.
func (o *oracle) settle() { o.sleep(0) }

func (o *oracle) sleep(d time.Duration) {
	end := o.now + d
	for o.run(); ; o.run() {
		at, happen := o.next()
		if happen == nil || at > end {
			o.now = end
			return
		}
		o.now = max(o.now, at)
		happen()
	}
}

// run empties the mailbox, as the client's goroutine does. A timer that is due
// goes behind what waits there already.
func (o *oracle) run() {
	for !o.blocked && !o.over {
		if o.cancelled {
			o.end("plug")
			return
		}
		for len(o.alarms) > 0 && o.alarms[0].at <= o.now {
			n := o.alarms[0].number
			o.alarms = o.alarms[1:]
			o.post(func() { o.say("client", "HandleInfo %d", n) })
		}
		if len(o.mail) == 0 {
			return
		}
		callback := o.mail[0]
		o.mail = o.mail[1:]
		callback()
	}
}

// next is the next thing that time brings.
func (o *oracle) next() (at time.Duration, happen func()) {
	earliest := func(due time.Duration, f func()) {
		if happen == nil || due < at {
			at, happen = due, f
		}
	}
	for _, l := range o.relays {
		switch {
		case l == nil:
		case l.state == resting:
			earliest(l.due, func() { o.dial(l) })
		case l.state == dialling:
			earliest(l.due, func() { o.failed(l, "dial timeout") })
		}
	}
	for _, n := range slices.Sorted(maps.Keys(o.calls)) {
		earliest(o.calls[n], func() { o.answer(n, "timeout") })
	}
	if len(o.alarms) > 0 && !o.blocked {
		earliest(o.alarms[0].at, func() {})
	}
	return at, happen
}

// dial: a dial succeeds, fails or hangs.
func (o *oracle) dial(l *life) {
	s := &o.servers[l.at]
	switch {
	case s.held:
		l.state, l.due = dialling, o.now+modelHandshake
	case !s.up:
		o.failed(l, "dial refused")
	default:
		l.attempts++
		l.connects++
		l.state, l.link = connected, &link{number: l.attempts, since: o.now}
		s.link = l.link
		o.say("dials of "+modelURL(l.at), "connection")
		o.dialed[l.at] = true
		number := l.attempts
		o.post(func() {
			o.tellRelay(l.at, "OnConnect #%d", number)
			if why := o.send(l.at, "REQ all"); why != "ok" {
				o.post(func() { o.tellRelay(l.at, "OnError send REQ all: %s", why) })
			}
		})
	}
}

func (o *oracle) failed(l *life, why string) {
	l.attempts++
	o.setback(l)
	o.tell(l, why, &link{number: l.attempts, since: -1})
}

// lost: the connection ends, and not by our doing.
func (o *oracle) lost(at int, why string) {
	l := o.relays[at]
	if o.servers[at].link == nil {
		return
	}
	o.servers[at].link = nil
	if o.now-l.link.since >= modelStable {
		l.attempts, l.step = 0, 0
	} else if l.link.useful {
		l.step = min(l.step, 2)
	}
	o.setback(l)
	o.tell(l, why, l.link)
}

func (o *oracle) setback(l *life) {
	l.delay = modelSchedule[l.step]
	l.step = min(l.step+1, len(modelSchedule)-1)
	l.due = o.now + l.delay
}

// tell: OnDisconnect is on its way. What was asked for meanwhile happens once it has returned.
func (o *oracle) tell(l *life, why string, end *link) {
	l.state, l.link, l.wanted = telling, nil, false
	o.post(func() {
		said := fmt.Sprintf("%s #%d", why, end.number)
		switch why {
		case "removed", "closed 1000", "closed 1001":
		default:
			o.tellRelay(l.at, "OnError %s", said)
		}
		if end.since >= 0 {
			said += fmt.Sprint(" since ", end.since)
		}
		o.tellRelay(l.at, "OnDisconnect %s", said)
		o.wish(l.at)
		o.told(l)
	})
}

func (o *oracle) wish(at int) {
	switch o.plan.wishes[at] {
	case wishAdd, wishAddManual:
		o.tellRelay(at, "wish %s", o.add(at, o.plan.wishes[at] == wishAddManual, false))
	case wishRemove:
		o.remove(at)
	case wishReconnect:
		o.reconnect(at)
	}
}

func (o *oracle) told(l *life) {
	switch {
	case l.removed && !l.last:
		o.takeLeave(l)
	case l.again != nil:
		o.revive(l)
	case l.last:
		o.relays[l.at] = nil
	case l.manual && !l.wanted:
		l.state = down
	default:
		o.rest(l)
	}
}

// rest until it is time to dial, which it may be already.
func (o *oracle) rest(l *life) {
	l.state = resting
	if l.due <= o.now {
		o.dial(l)
	}
}

// takeLeave of a relay that has no connection.
func (o *oracle) takeLeave(l *life) {
	l.last = true
	o.tell(l, "removed", &link{number: l.attempts, since: -1})
}

// revive: one that was removed starts afresh, one that was lost keeps its place in the schedule.
func (o *oracle) revive(l *life) {
	fresh := &life{at: l.at, manual: *l.again, connects: l.connects}
	o.relays[l.at] = fresh
	if l.removed || l.state == down {
		o.dial(fresh)
		return
	}
	fresh.attempts, fresh.step, fresh.due = l.attempts, l.step, l.due
	o.rest(fresh)
}

func (l *life) known() bool { return l != nil && (l.again != nil || !l.removed) }
