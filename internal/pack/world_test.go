package pack_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/pack"
	"github.com/gennostr/gennostr/nostr"
)

// A want is something that somebody wants open. When its ask is lost, another want
// with its name comes in its place.
type want struct {
	name  int
	once  bool
	bytes int

	opened int  // REQs that it was in
	caught bool // the relay has answered for it
	ended  bool // it was caught up, and the relay has ended that by itself: has to be told
	over   bool // removed, lost, guilty, or a page that was answered
}

// An answer is on its way from the relay.
type answer struct {
	verb    string // EOSE, CLOSED, and "full" for a CLOSED that says so
	req     int
	members []pack.Member[*want] // of a CLOSED: those that it ends
}

// A sent op is on its way to the relay.
type sent struct {
	op   pack.Op[*want]
	room int
}

// A world is slots, their owner, a relay, and what is on its way between them.
type world struct {
	t     require.TestingT
	slots *pack.Slots[*want]
	cfg   pack.Config
	other int
	now   time.Time
	wants []*want // those that are not over

	reqs     int // REQs sent
	most     int // REQs open at the relay at a time
	toRelay  []sent
	toClient []answer
	asked    map[int][]pack.Member[*want] // by number of the REQ, as sent last

	// the relay's
	subscriptions int // what it takes, told or not
	filters       int
	dislikes      map[int]bool
	open          map[int][]pack.Member[*want]
	unanswered    []int
	closed        map[int]bool // by the relay

	guilty []int // names, of those that were not tried again
	lost   int
}

func newWorld(t require.TestingT, cfg pack.Config) *world {
	return &world{
		t: t, slots: pack.New[*want](cfg), cfg: cfg, now: time.Unix(1e9, 0),
		subscriptions: cfg.Subscriptions, filters: cfg.Filters,
		asked: map[int][]pack.Member[*want]{}, closed: map[int]bool{}, dislikes: map[int]bool{}, open: map[int][]pack.Member[*want]{},
	}
}

// add wants these names, each as a group of its own.
func (w *world) add(names ...int) (added []*want) {
	var asks []pack.Ask[*want]
	for _, name := range names {
		added = append(added, &want{name: name, bytes: 100})
		asks = append(asks, w.ask(added[len(added)-1], 0))
	}
	w.slots.Add(w.now, asks...)
	return added
}

func (w *world) page(name int) *want {
	page := &want{name: name, bytes: 100, once: true}
	w.slots.Add(w.now, w.ask(page, 0))
	return page
}

func (w *world) ask(x *want, within int) pack.Ask[*want] {
	w.wants = append(w.wants, x)
	kind := nostr.Filter{}.WithKinds(nostr.Kind(x.name))
	return pack.Ask[*want]{
		Key: x, Group: x.name, Filter: kind, Moved: kind.WithLimit(1), Once: x.once, Bytes: x.bytes, Within: within,
	}
}

func (w *world) remove(wants ...*want) {
	w.slots.Remove(w.now, wants...)
	w.end(wants)
}

func (w *world) end(ended []*want) {
	for _, x := range ended {
		x.over = true
	}
	kept := w.wants[:0:0]
	for _, x := range w.wants {
		if !x.over {
			kept = append(kept, x)
		}
	}
	w.wants = kept
}

// do sends what is to be sent now, and looks at it.
func (w *world) do() (ops []pack.Op[*want]) {
	before, _ := w.slots.Len()
	ops = w.slots.Do(w.now)
	room := max(w.cfg.Subscriptions-w.other, 1)
	for _, op := range ops {
		w.toRelay = append(w.toRelay, sent{op, max(room, before)})
		if op.Close {
			continue
		}
		w.reqs++
		w.asked[op.Req] = op.Members
		require.NotEmpty(w.t, op.Members)
		require.LessOrEqual(w.t, len(op.Members), w.cfg.Filters)
		size := 0
		for _, m := range op.Members {
			m.Key.opened++
			require.False(w.t, m.Key.over, "nobody wants this")
			require.Equal(w.t, m.Moved, m.Filter.Limit == 1)
			size += m.Key.bytes
		}
		require.True(w.t, size <= w.cfg.Bytes || len(op.Members) == 1)
	}
	require.NoError(w.t, w.slots.Check())
	after, _ := w.slots.Len()
	require.LessOrEqual(w.t, after, max(room, before), "room")
	at, ok := w.slots.Next()
	require.True(w.t, !ok || at.After(w.now), "Next is not now")
	return ops
}

// hear has the relay read one message. What had been caught up is served at all times.
func (w *world) hear() {
	next := w.toRelay[0]
	w.toRelay = w.toRelay[1:]
	op := next.op
	if op.Close {
		w.shut(op.Req)
		w.unbroken()
		return
	}
	_, known := w.open[op.Req]
	require.True(w.t, !op.Replace || known || w.closed[op.Req], "only what is open is replaced")
	for _, m := range op.Members {
		require.True(w.t, !m.Moved || m.Key.caught || m.Key.ended || m.Key.over, "only what was caught up is moved")
	}
	switch {
	case !known && len(w.open) >= w.subscriptions:
		w.toClient = append(w.toClient, answer{"full", op.Req, nil})
	case len(op.Members) > w.filters || w.disliked(op.Members):
		w.close(op.Req)
	default:
		w.shut(op.Req)
		w.open[op.Req] = op.Members
		w.unanswered = append(w.unanswered, op.Req)
	}
	w.most = max(w.most, len(w.open))
	require.LessOrEqual(w.t, len(w.open), next.room)
	w.unbroken()
}

func (w *world) disliked(members []pack.Member[*want]) bool {
	for _, m := range members {
		if w.dislikes[m.Key.name] {
			return true
		}
	}
	return false
}

func (w *world) shut(req int) {
	delete(w.open, req)
	kept := w.unanswered[:0:0]
	for _, n := range w.unanswered {
		if n != req {
			kept = append(kept, n)
		}
	}
	w.unanswered = kept
}

// close is the relay's doing.
func (w *world) close(req int) {
	w.toClient = append(w.toClient, answer{"CLOSED", req, w.open[req]})
	w.shut(req)
	w.closed[req] = true
	w.unbroken()
}

// served are those who are in a REQ that is open at the relay.
func (w *world) served() map[*want]bool {
	served := map[*want]bool{}
	for _, members := range w.open {
		for _, m := range members {
			served[m.Key] = true
		}
	}
	return served
}

// unbroken: who was caught up is served, or a CLOSED that ends that is on its way.
func (w *world) unbroken() {
	served := w.served()
	for _, x := range w.wants {
		if !x.caught || served[x] {
			continue
		}
		require.True(w.t, w.endOnTheWay(x), "want %d was caught up, and is not served", x.name)
		x.caught, x.ended = false, true
	}
}

func (w *world) endOnTheWay(x *want) bool {
	for _, a := range w.toClient {
		for _, m := range a.members {
			if m.Key == x {
				return true
			}
		}
	}
	return false
}

// answer has the relay answer the nth REQ that it has not answered.
func (w *world) answer(n int) {
	req := w.unanswered[n]
	w.unanswered = append(w.unanswered[:n:n], w.unanswered[n+1:]...)
	w.toClient = append(w.toClient, answer{"EOSE", req, nil})
	for _, m := range w.open[req] {
		// What was closed by the relay and replaced on the way is not known to the owner.
		if !m.Moved && !m.Key.once && !m.Key.ended && !w.closed[req] {
			m.Key.caught = true
		}
	}
}

// read has the owner read one message.
func (w *world) read() {
	a := w.toClient[0]
	w.toClient = w.toClient[1:]
	switch a.verb {
	case "EOSE":
		w.slots.EOSE(w.now, a.req)
		var over []*want
		for _, m := range w.asked[a.req] {
			if m.Key.once && !m.Moved {
				over = append(over, m.Key)
			}
		}
		w.end(over)
	case "full":
		delete(w.asked, a.req)
		w.lose(w.slots.Refused(w.now, a.req), 0)
		w.cfg.Subscriptions = w.subscriptions
		w.slots.SetConfig(w.cfg)
	case "CLOSED":
		delete(w.asked, a.req) // an EOSE that comes later is of no use
		v := w.slots.Closed(w.now, a.req)
		w.end(v.Guilty)
		for _, x := range v.Guilty {
			w.guilty = append(w.guilty, x.name)
		}
		w.lose(v.Lost, v.Within)
	}
}

// lose makes anew what was lost.
func (w *world) lose(lost []*want, within int) {
	w.end(lost)
	w.lost += len(lost)
	for _, x := range lost {
		require.False(w.t, x.once, "a page is not lost")
		w.slots.Add(w.now, w.ask(&want{name: x.name, bytes: x.bytes, opened: x.opened}, within))
	}
}

// deliver has everything that is on its way arrive, and all that follows at once.
func (w *world) deliver() {
	for rounds := 0; ; rounds++ {
		require.Less(w.t, rounds, 10_000, "it goes on for ever")
		w.do()
		switch {
		case len(w.toRelay) > 0:
			w.hear()
		case len(w.unanswered) > 0:
			w.answer(0)
		case len(w.toClient) > 0:
			w.read()
		default:
			return
		}
	}
}

// run lets time pass, in a world in which everything arrives.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for {
		w.deliver()
		at, ok := w.slots.Next()
		if !ok || at.After(end) {
			w.now = end
			return
		}
		w.now = at
	}
}

// all that is wanted is served, and nobody waits for word of what the relay has ended.
func (w *world) allServed() {
	_, waiting := w.slots.Len()
	require.Zero(w.t, waiting)
	served := w.served()
	for _, x := range w.wants {
		require.False(w.t, x.ended, "want %d has ended and was not told", x.name)
		require.True(w.t, served[x], "want %d is not served", x.name)
		require.True(w.t, x.caught, "want %d is not caught up", x.name)
	}
}
