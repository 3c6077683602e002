package gennostr_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
)

// The ledger: every item, every message that is held, and what has to be true of
// them at any time, at rest, and at the end.

// heldMessage is a message of a relay, or a request, with those that keep it.
type heldMessage struct {
	url  string // "" for a request
	kept int    // guarded by queueWorld.mu: items and holds
}

// modelItem is an item of a queue.
type modelItem struct {
	spec
	queue  int    // 0, or 1 for the second one
	number int    // in the order of Put
	source string // who puts: those of one source have an order
	msg    *heldMessage

	// guarded by queueWorld.mu
	accepted, begun, ended, told bool
	turn                         int   // in the order of beginning
	outcome                      error // of its work; errBoom also for a panic's value
}

func (it *modelItem) String() string {
	return fmt.Sprintf("item %d of queue %d (%v)", it.number, it.queue, it.spec)
}

// note writes down a violation. Needs mu.
func (w *queueWorld) note(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

func (w *queueWorld) require(ok bool, format string, args ...any) {
	if !ok {
		w.note(format, args...)
	}
}

func (w *queueWorld) violated() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.violations) > 0
}

// put is every Put: it writes the item down first, since its work may begin at once.
func (w *queueWorld) put(queue int, s spec, msg *heldMessage, source string) error {
	exact := w.plan.lockstep && source != "loop" // then nothing else moves
	if w.plan.lockstep {
		source = "" // everything is in order
	}
	w.mu.Lock()
	w.lastItem++
	it := &modelItem{spec: s, queue: queue, number: w.lastItem, source: source, msg: msg}
	if it.key == "none" {
		it.key = fmt.Sprint(it.number)
	}
	full := msg == nil && w.loose(queue) >= queueLimit
	exact = exact && !w.seatsHandedOn()
	closed := w.stopping && !w.blocked
	w.items = append(w.items, it)
	if msg != nil {
		msg.kept++
	}
	w.mu.Unlock()

	err := w.queues[queue].Put(it)

	w.mu.Lock()
	defer w.mu.Unlock()
	it.accepted = err == nil
	switch {
	case err == nil:
	case it.begun || it.told:
		w.note("%v was begun or told though Put said %v", it, err)
	case msg != nil:
		msg.kept--
	}
	switch {
	case errors.Is(err, gennostr.ErrClientClosed):
		w.require(w.stopping || w.cancelled, "Put of %v says %v, but nobody stops", it, err)
	case errors.Is(err, gennostr.ErrQueueFull):
		w.require(msg == nil, "Put of %v, which holds a message, says %v", it, err)
	case err != nil:
		w.note("Put of %v says %v", it, err)
	}
	if exact {
		want := "ok"
		switch {
		case closed:
			want = "closed"
		case full:
			want = "full"
		}
		got := map[bool]string{true: "full"}[errors.Is(err, gennostr.ErrQueueFull)]
		if got == "" {
			got = kindOf(err)
		}
		w.require(got == want, "Put of %v says %s, want %s", it, got, want)
	}
	return err
}

// loose is how many items wait that hold nothing, for their work or for their Then. Needs mu.
func (w *queueWorld) loose(queue int) (n int) {
	for _, it := range w.items {
		if it.queue == queue && it.msg == nil && it.accepted && !it.told && (!it.begun || it.ended) {
			n++
		}
	}
	return n
}

// seatsHandedOn tells whether a Then of an item that held nothing has handed its
// place on, or held it: for how long that one counts, this model does not follow.
// Needs mu.
func (w *queueWorld) seatsHandedOn() bool {
	return slices.ContainsFunc(w.items, func(it *modelItem) bool {
		return it.msg == nil && it.told && (it.then == thenOn || it.then == thenHolds)
	})
}

// begin is where its work begins.
func (w *queueWorld) begin(it *modelItem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(!it.begun, "%v is worked on twice", it)
	w.require(!it.told, "%v is worked on after its Then", it)
	w.require(!w.terminated || w.overrun, "%v is begun after Terminate", it)
	now := 1
	for _, other := range w.items {
		if other == it || other.queue != it.queue {
			continue
		}
		if other.begun && !other.ended {
			now++
			w.require(it.queue == 1 || other.key != it.key, "%v is begun while %v is worked on", it, other)
		}
		if it.queue == 0 && other.key == it.key && other.source == it.source && other.number < it.number {
			w.require(other.begun || other.told || !other.accepted, "%v is begun before %v", it, other)
		}
	}
	w.require(now <= w.workersOf(it.queue), "%d are at work at once in queue %d", now, it.queue)
	w.turn++
	it.begun, it.turn = true, w.turn
}

func (w *queueWorld) end(it *modelItem, outcome error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	it.ended, it.outcome = true, outcome
}

// tell is where its Then runs, with the error of its work or ErrClientClosed.
func (w *queueWorld) tell(it *modelItem, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(!it.told, "Then of %v runs twice", it)
	w.require(!w.terminated, "Then of %v runs after Terminate", it)
	w.require(!w.panicked, "Then of %v runs after a panic", it)
	it.told = true
	var panicked *gennostr.PanicError
	switch {
	case !it.begun:
		w.require(errors.Is(err, gennostr.ErrClientClosed), "Then of %v, which has not begun, gets %v", it, err)
		w.require(w.stopping, "Then of %v runs before it has begun, and nobody stops", it)
	case !it.ended:
		w.note("Then of %v runs before its work has ended", it)
	case it.work == worksPanic || it.work == worksExit:
		w.require(errors.As(err, &panicked), "Then of %v gets %v", it, err)
	default:
		w.require(err == it.outcome, "Then of %v gets %v, want %v", it, err, it.outcome)
	}
	if !it.begun {
		return
	}
	for _, other := range w.items {
		if other.queue == it.queue && other.key == it.key && other.begun && other.turn < it.turn {
			w.require(other.told, "Then of %v runs before that of %v", it, other)
		}
	}
}

// keep and leave are a hold's, and the end of a Then's.
func (w *queueWorld) keep(msg *heldMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	msg.kept++
}

func (w *queueWorld) leave(msg *heldMessage) {
	if msg != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		msg.kept--
	}
}

// arrived is a message that begins to be handled.
func (w *queueWorld) arrived(url string) *heldMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	if url != "" {
		w.delivered[url]++
		n := w.undelivered(url)
		w.require(n < queueWindow, "%s brings one more while %d of its messages are kept", url, n)
	}
	msg := &heldMessage{url: url}
	w.messages = append(w.messages, msg)
	return msg
}

// undelivered is how many of a relay's messages are kept. Needs mu.
func (w *queueWorld) undelivered(url string) (n int) {
	for _, m := range w.messages {
		if m.url == url && m.kept > 0 {
			n++
		}
	}
	return n
}

// requests is how many places among the requests are kept, each as often as it is. Needs mu.
func (w *queueWorld) requests() (n int) {
	for _, m := range w.messages {
		if m.url == "" {
			n += m.kept
		}
	}
	return n
}

// rest is what has to be true once nothing moves any more.
func (w *queueWorld) rest(after string) {
	if w.client.Stats().Callback != "" {
		return // the handler is blocked
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping || w.cancelled {
		return
	}
	for q, stats := range w.client.Stats().Queues {
		var waiting, running []*modelItem
		busy := map[string]bool{}
		for _, it := range w.items {
			switch {
			case it.queue != q || !it.accepted:
			case !it.begun:
				waiting = append(waiting, it)
			case !it.ended:
				running = append(running, it)
				busy[it.key] = true
			case !it.told:
				w.note("after %s: Then of %v has not run", after, it)
			}
		}
		w.require(stats.Waiting == len(waiting) && stats.Running == len(running),
			"after %s: queue %d has %d waiting and %d running, want %d and %d", after, q, stats.Waiting, stats.Running, len(waiting), len(running))
		for _, it := range waiting {
			w.require(len(running) == w.workersOf(q) || q == 0 && busy[it.key], "after %s: %v waits for nothing", after, it)
		}
	}
	for at := range w.relays {
		url := modelURL(at)
		if status, known := w.client.Relay(url); known {
			n := w.undelivered(url)
			w.require(status.Traffic.Undelivered == n, "after %s: %d messages of %s are kept, want %d", after, status.Traffic.Undelivered, url, n)
		}
	}
	w.require(w.client.Stats().Holds == len(w.releases), "after %s: %d holds, want %d", after, w.client.Stats().Holds, len(w.releases))
}

// nothingIsLeft is what has to be true when everything has been let end, and the client lives.
func (w *queueWorld) nothingIsLeft() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping || w.cancelled {
		return
	}
	for _, it := range w.items {
		w.require(!it.accepted || it.told, "%v is lost", it)
	}
	for at := range w.relays {
		if url := modelURL(at); !w.disturbed[at] {
			w.require(w.delivered[url] == w.pushed[at], "%s has pushed %d events, and %d came", url, w.pushed[at], w.delivered[url])
		}
	}
}

// atTheEnd is what has to be true when Done is closed and all holds are released.
func (w *queueWorld) atTheEnd() {
	reserved, _ := gennostr.Reserved(w.client)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(w.terminated, "Terminate has not run")
	w.require(reserved == 0, "%d bytes of the windows are never given back", reserved)
	for _, it := range w.items {
		w.require(it.ended || !it.begun, "%v is still worked on after Done", it)
		orderly := !w.panicked && !w.cancelled && !w.overrun
		w.require(!orderly || !it.accepted || it.told, "Then of %v has not run, at an orderly stop", it)
	}
	if !w.overrun {
		w.require(w.terminatedAt.Sub(w.stoppedAt) <= queueShutdown, "the stop took %v", w.terminatedAt.Sub(w.stoppedAt))
	}
}

// interrupted checks that the context of work ends when it is time to.
func (w *queueWorld) interrupted(it *modelItem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(w.stopping || w.cancelled, "the context of %v ends, and nobody stops", it)
	since := time.Since(w.stoppedAt)
	w.require(w.cancelled || since >= queueShutdown*9/10, "the context of %v ends %v after the stop began", it, since)
}
