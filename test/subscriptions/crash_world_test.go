package subscriptions_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// crashWorld is a program while it runs: relays, one life after the other of a bot,
// and an account of what has been handled and what every cursor has to remember.
type crashWorld struct {
	plan   *crashPlan
	h      *gennostr.Harness
	relays []*modelRelay
	bot    *crashBot
	begin  nostr.Timestamp // from when on a plan that leaves something out is promised all
	ids    uint64

	// What the program has on its disk.
	added      [maxRelays]bool
	filters    int // which of filterSets
	filterSets [][]nostr.Filter
	saved      *savedCursor

	all     []publication
	handled map[nostr.ID]int
	held    []heldWork
	gaps    []relayGap
	calm    bool // the bot does nothing but handle

	doings, thens, lasts int // how many of the plan's are used
	violations           []string
}

// publication is an event that a relay has got.
type publication struct {
	*nostr.Event
	relay *modelRelay
	at    nostr.Timestamp
	first bool // before the bot began
}

type relayGap struct {
	url string
	gennostr.Gap
}

func newCrashWorld(plan *crashPlan) *crashWorld {
	w := &crashWorld{plan: plan, handled: map[nostr.ID]int{}, saved: &savedCursor{remembered: map[nostr.ID]bool{}}, filters: plan.filters}
	for at := range plan.relays {
		r := plan.relays[at]
		r.url = fmt.Sprintf("wss://%c.example/", 'a'+at)
		w.relays = append(w.relays, &r)
		w.added[at] = plan.choosy || plan.added&(1<<at) != 0
	}
	w.begin = nostr.Now()
	w.filterSets = filterSetsAt(w.begin)
	if plan.choosy {
		w.filterSets = choosySetsAt(w.begin)
	}
	return w
}

func (w *crashWorld) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

func (w *crashWorld) now() nostr.Timestamp {
	if w.h == nil {
		return nostr.Now()
	}
	return nostr.TimestampOf(w.h.Now())
}

// run does the whole program and returns what it has violated.
func (w *crashWorld) run() string {
	for _, op := range w.plan.before {
		w.publish(op)
	}
	w.bot = &crashBot{w: w}
	var err error
	w.h, err = gennostr.NewHarness(w.bot, gennostr.WithTrustedRelay(), kit.Quietly())
	if err != nil {
		return fmt.Sprint("it does not start: ", err)
	}
	defer func() { _ = w.h.Stop() }()
	if w.plan.choosy {
		w.rest()
		w.begin = w.now()
		w.asIf(func(self *gennostr.Self) error { w.bot.save(self, nil); return nil })
	}
	for _, op := range w.plan.steps {
		if w.do(op); len(w.violations) > 0 {
			return fmt.Sprintf("at %s: %s", op, w.violations[0])
		}
	}
	w.end()
	if len(w.violations) > 0 {
		return strings.Join(w.violations[:min(3, len(w.violations))], "\n")
	}
	return ""
}

// do does one operation.
func (w *crashWorld) do(op crashOp) {
	r := w.relays[op.relay%len(w.relays)]
	at := op.relay % len(w.relays)
	switch op.action {
	case cPublish:
		w.publish(op)
	case cConnect:
		w.connect(at)
	case cDisconnect:
		if r.up {
			r.cut()
			w.after(w.h.Disconnect(r.url, nil))
		}
	case cDeliver:
		w.deliver(r, op.count)
	case cDeliverAll:
		w.deliver(r, len(r.wire))
	case cAdvance:
		w.advance(op.wait)
	case cWork:
		_, err := w.h.WorkOne()
		w.after(err)
	case cRelease:
		w.release(op.count)
	case cSave:
		w.asIf(func(self *gennostr.Self) error { w.bot.save(self, nil); return nil })
	case cCrash:
		w.restart()
	case cStop:
		if err := w.h.Stop(); err != nil {
			w.violate("Stop: %v", err)
		}
		w.restart()
	case cSetFilters:
		w.asIf(w.setFilters)
	case cResubscribe:
		w.asIf(func(self *gennostr.Self) error {
			from := w.bot.cursor(self, nil)
			self.Unsubscribe(crashName)
			return w.bot.subscribe(self, from)
		})
	case cRemove:
		if w.added[at] {
			w.added[at] = false
			r.cut()
			w.asIf(func(self *gennostr.Self) error { self.RemoveRelay(r.url); return nil })
		}
	case cAdd:
		w.add(at)
	case cRefuse:
		if r.up {
			r.refuses(op.count)
		}
	}
}

// asIf runs something on the loop, as a timer of the bot's would.
func (w *crashWorld) asIf(f func(*gennostr.Self) error) { w.after(w.h.Run(f)) }

// after hands on what the client has sent, and starts the program anew if it has died.
func (w *crashWorld) after(error) {
	for _, s := range w.h.Sent() {
		for _, r := range w.relays {
			if r.url == s.URL && r.up {
				r.hears(s.Message)
			}
		}
	}
	if w.bot.dead || w.h.Stopped() {
		w.restart()
	}
}

// restart is a crash, if the client has not ended: a new life with what was saved.
func (w *crashWorld) restart() {
	for _, r := range w.relays {
		r.cut()
	}
	w.held, w.bot = nil, &crashBot{w: w}
	if err := w.h.Restart(w.bot); err != nil {
		w.violate("it does not start again: %v", err)
	}
}

func (w *crashWorld) connect(at int) {
	if r := w.relays[at]; w.added[at] && !r.up {
		r.up = true
		w.after(w.h.Connect(r.url))
	}
}

func (w *crashWorld) add(at int) {
	if !w.added[at] {
		w.added[at] = true
		w.asIf(func(self *gennostr.Self) error { return self.AddRelay(w.relays[at].url) })
	}
}

// deliver hands over what is on its way, as long as the bot lives.
func (w *crashWorld) deliver(r *modelRelay, n int) {
	for ; n > 0 && len(r.wire) > 0; n-- {
		next := r.wire[0].RelayMessage
		r.wire = r.wire[1:]
		w.after(w.h.Deliver(r.url, next))
	}
}

// advance lets time pass. A relay of a Harness has no lag: what nobody has asked for comes
// before. And one that does not answer for minutes is asked anew, so it answers in time.
func (w *crashWorld) advance(d time.Duration) {
	for _, r := range w.relays {
		w.deliver(r, r.lag())
	}
	for d > 0 {
		step := min(d, 20*time.Second)
		if d > step {
			w.deliverAll()
		}
		if w.live() {
			step = d
		}
		d -= step
		w.after(w.h.Advance(step))
	}
}

func (w *crashWorld) deliverAll() {
	for _, r := range w.relays {
		w.deliver(r, len(r.wire))
	}
}

func (w *crashWorld) release(which int) {
	if len(w.held) == 0 {
		return
	}
	i := which % len(w.held)
	k := w.held[i]
	w.held = slices.Delete(w.held, i, i+1)
	w.handled[k.id]++
	k.release()
	k.leave()
}

// setFilters is called in a callback.
func (w *crashWorld) setFilters(self *gennostr.Self) error {
	if w.plan.choosy {
		return nil
	}
	w.filters = (w.filters + 1 + w.doings%3) % len(w.filterSets)
	return self.SetFilters(crashName, w.filterSets[w.filters])
}

// publish makes events of one kind and author, and one second.
func (w *crashWorld) publish(op crashOp) {
	for range max(1, op.count) {
		w.ids++
		now := w.now()
		e := &nostr.Event{Kind: op.kind, PubKey: nostr.PubKey{byte(1 + op.author)}, CreatedAt: now + op.dated, Tags: nostr.Tags{{"t", topics[w.ids%2]}}}
		if op.dated == yearOfBogus {
			e.CreatedAt = yearOfBogus
		}
		binary.BigEndian.PutUint64(e.ID[:], w.ids)
		for at, r := range w.relays {
			if op.some&(1<<at) != 0 {
				w.all = append(w.all, publication{e, r, now, w.bot == nil})
				r.publish(e)
			}
		}
	}
}

func (w *crashWorld) nextDoing() (do doing) {
	return next(w, w.plan.doings, &w.doings, doing{how: handles})
}

func (w *crashWorld) nextThen() (do doing) {
	return next(w, w.plan.thens, &w.thens, doing{how: handles})
}

func (w *crashWorld) nextLast() bool { return next(w, w.plan.lasts, &w.lasts, false) }

func next[T any](w *crashWorld, list []T, used *int, calm T) T {
	if w.calm || len(list) == 0 {
		return calm
	}
	*used++
	return list[(*used-1)%len(list)]
}

// begins is where OnEvent begins.
func (w *crashWorld) begins(sub *crashSub, url string, e *nostr.Event) {
	if sub.begun[e.ID] {
		w.violate("%s comes twice in one life", w.text(e))
	}
	sub.begun[e.ID] = true
	if !sub.from.remembered[e.ID] {
		return
	}
	// What is older than any resume looks back is asked for only where a first load is:
	// of other filters, on a relay that the cursor does not know.
	known := sub.from.filters == w.filters
	for at, r := range w.relays {
		known = known && (r.url != url || sub.from.added[at])
	}
	if known || e.CreatedAt > sub.from.at-2*day {
		w.violate("%s comes again from %s, and the cursor has it as handled", w.text(e), url)
	}
}

// dated is the date of an event that was published.
func (w *crashWorld) dated(id nostr.ID) nostr.Timestamp {
	i := slices.IndexFunc(w.all, func(p publication) bool { return p.ID == id })
	return w.all[i].CreatedAt
}

func (w *crashWorld) text(e *nostr.Event) string {
	return fmt.Sprintf("event %d (kind %d, dated %+d s)", binary.BigEndian.Uint64(e.ID[:]), e.Kind, e.CreatedAt-w.begin)
}

// gap notes that one was reported.
func (w *crashWorld) gap(url string, g gennostr.Gap) {
	w.gaps = append(w.gaps, relayGap{url, g})
}

// rest lets everything come that there is, and be handled.
func (w *crashWorld) rest() {
	was := w.calm
	w.calm = true
	defer func() { w.calm = was }()
	for range w.relays {
		for at := range w.relays {
			w.connect(at)
		}
	}
	for range 400 {
		for len(w.held) > 0 {
			w.release(0)
		}
		w.after(w.h.Work())
		idle := true
		for _, r := range w.relays {
			idle = idle && len(r.wire) == 0
			w.deliver(r, len(r.wire))
		}
		if !idle {
			continue
		}
		if w.live() {
			return
		}
		w.advance(20 * time.Second)
	}
	w.violate("it does not come to rest: %+v", w.h.Client().Subscriptions())
}

// live tells whether the subscription is, on all relays that are there.
func (w *crashWorld) live() bool {
	n := 0
	for _, r := range w.relays {
		if r.up {
			n++
		}
	}
	return w.h.Client().Subscriptions()[0].Live == n
}

// end is a quiet time in which everything is there, and then what has to be true.
func (w *crashWorld) end() {
	w.calm = true
	for at := range w.relays {
		w.add(at)
	}
	w.rest()
	w.complete()
	// Whoever starts with the last cursor has nothing to do, whatever relays are there first,
	// but for what an earlier life has handled, and this one was told is in a gap.
	before := maps.Clone(w.handled)
	for _, p := range w.all {
		if !w.bot.sub.begun[p.ID] && !w.bot.sub.from.remembered[p.ID] && w.excused(p) {
			delete(before, p.ID)
		}
	}
	for at := range w.relays {
		w.asIf(func(self *gennostr.Self) error { w.bot.save(self, nil); return nil })
		w.restart()
		w.connect(at)
		w.deliver(w.relays[at], len(w.relays[at].wire))
	}
	w.rest()
	for id, n := range before {
		if w.handled[id] > n {
			w.violate("event %d is handled once more at the end", binary.BigEndian.Uint64(id[:]))
		}
	}
}

// complete demands what was promised.
func (w *crashWorld) complete() {
	for _, p := range w.all {
		if w.promised(p) && w.handled[p.ID] == 0 && !w.excused(p) {
			w.violate("%s is lost: published on %s at %+d s", w.text(p.Event), p.relay.url, p.at-w.begin)
		}
	}
	for _, g := range w.gaps {
		if !g.Possible && !slices.ContainsFunc(w.relays, func(r *modelRelay) bool { return r.url == g.url && r.dense(g.Since) }) {
			w.violate("a gap on %s that is none: %+v", g.url, g.Gap)
		}
	}
}

// promised tells whether an event that a relay has got has to come.
func (w *crashWorld) promised(p publication) bool {
	if !slices.ContainsFunc(w.filterSets[w.filters], func(f nostr.Filter) bool { return f.Matches(p.Event) }) {
		return false
	}
	back := margin
	if p.Kind == nostr.KindGiftWrap {
		back = 2 * day
	}
	if !w.plan.choosy {
		return p.first || p.CreatedAt >= p.at-back
	}
	return !p.first && p.CreatedAt >= p.at-back && (p.CreatedAt >= w.begin || p.Kind == nostr.KindGiftWrap)
}

// excused tells whether a gap was reported, or the relay has told nobody of a cap that
// takes a part of a second for all of it.
func (w *crashWorld) excused(p publication) bool {
	return !p.relay.hints && p.relay.dense(p.CreatedAt) || slices.ContainsFunc(w.gaps, func(g relayGap) bool {
		return g.url == p.relay.url && g.Since <= p.CreatedAt && p.CreatedAt <= g.Until
	})
}
