package model_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The client, its relays, and a handler that does what the program says of each item.

const (
	queueRelays   = 2
	queueWindow   = 3 // messages
	queueLimit    = 2 // items that hold nothing
	queueRequests = 4 // WithMailboxLimit
	queueShutdown = 10 * time.Second
)

type queueWorld struct {
	gennostr.BaseHandler
	plan   *queueProgram
	relays [queueRelays]*nostrtest.Relay
	client *gennostr.Client
	cancel context.CancelCauseFunc
	queues [2]*gennostr.Queue[*modelItem] // immutable after Init
	gate   chan struct{}                  // a token for each piece of work that may end; closed when all may
	block  chan struct{}                  // a token for a handler that is blocked; closed with gate
	opened sync.Once

	mu           sync.Mutex // guards all below
	violations   []string
	items        []*modelItem
	messages     []*heldMessage
	releases     []func()
	lastItem     int
	lastEvent    uint64
	turn         int
	inside       string // the callback that is running
	pushed       [queueRelays]int
	delivered    map[string]int // by URL
	disturbed    [queueRelays]bool
	blocked      bool // the handler
	stopping     bool // somebody has said so
	cancelled    bool // Start's context
	panicked     bool
	overrun      bool // somebody does not heed the deadline, so it may be too late for what is promised
	terminated   bool
	stoppedAt    time.Time
	terminatedAt time.Time
}

func newQueueWorld(t *testing.T, plan *queueProgram) (*queueWorld, error) {
	w := &queueWorld{plan: plan, gate: make(chan struct{}), block: make(chan struct{}), delivered: map[string]int{}}
	network := nostrtest.NewNetwork(t)
	var urls []string
	for at := range w.relays {
		w.relays[at] = network.NewRelay(modelURL(at), nostrtest.WithLog(func(string, ...any) {}))
		urls = append(urls, modelURL(at))
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancelCause(context.Background())
	var err error
	w.client, err = gennostr.Start(ctx, w, kit.Over(network, kit.Quietly(), gennostr.WithRelays(urls...), gennostr.WithTrustedRelay(),
		gennostr.WithMailboxWindow(queueWindow, 1<<20), gennostr.WithMailboxLimit(queueRequests), gennostr.WithShutdownTimeout(queueShutdown))...)
	return w, err
}

func (w *queueWorld) workersOf(queue int) int {
	if queue == 0 {
		return w.plan.workers
	}
	return 1
}

// do does one operation. Who does it is the source of its items.
func (w *queueWorld) do(who string, o queueOp) {
	relay, url := w.relays[o.relay], modelURL(o.relay)
	switch o.action {
	case qPush:
		relay.Push(w.events(o)...)
	case qCall:
		go func() { _, _ = w.client.Call(context.Background(), o) }() // ends with the answer, or in 5 s
	case qCast, qBeside, qTimer, qBlock:
		w.posting(o, func() error { return w.client.Cast(o) })
	case qNotify, qPanic:
		w.posting(o, func() error { return w.client.Notify(o) })
	case qOutside:
		_ = w.put(0, o.item, nil, who)
	case qFinish:
		select {
		case w.gate <- struct{}{}:
		default:
		}
	case qUnblock:
		select {
		case w.block <- struct{}{}:
		default:
		}
	case qRelease:
		w.release()
	case qSleep:
		time.Sleep(o.wait) // virtual
	case qYield:
		for range o.count {
			runtime.Gosched()
		}
	case qStop:
		w.stops(false, false)
		go func() { _ = w.client.Stop(context.Background()) }() // ends at the deadline, or a little later
	case qCancel:
		w.stops(false, true)
		w.cancel(errPlug)
	default:
		w.disturb(o.relay)
	}
	switch o.action {
	case qCut:
		relay.DisconnectAll()
	case qKill:
		relay.Stop()
	case qRestart:
		_ = relay.Restart()
	case qRemove:
		_ = w.client.RemoveRelay(url)
	case qAdd:
		_ = w.client.AddRelay(url)
	}
}

func (w *queueWorld) disturb(relay int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disturbed[relay] = true
}

// events are to be handled as the operation says; their content is its number's place in specs.
func (w *queueWorld) events(o queueOp) (list []*nostr.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range o.count {
		w.lastEvent++
		e := &nostr.Event{CreatedAt: nostr.Timestamp(w.lastEvent), Kind: nostr.KindTextNote, Tags: nostr.Tags{{o.item.key, o.item.work, o.item.then}}}
		if o.item.hold {
			e.Content = "hold"
		}
		binary.BigEndian.PutUint64(e.ID[:], w.lastEvent)
		list = append(list, e)
	}
	w.pushed[o.relay] += o.count
	return list
}

// posting is a Cast or Notify: there is room, or there is not. What is kept is looked
// at before: once it is in, it may be handled, and keep its place, at once.
func (w *queueWorld) posting(o queueOp, post func() error) {
	w.mu.Lock()
	kept := w.requests()
	w.mu.Unlock()
	err := post()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.plan.lockstep || w.stopping || w.cancelled || w.blocked {
		return
	}
	switch full := kept >= queueRequests; {
	case full && err == nil: // one of them was let go before it was handled
		w.note("%s found room, and %d places are kept", o, kept)
	case !full && err != nil:
		w.note("%s says %v, and %d places are kept", o, err, kept)
	}
}

// stops notes that the client is about to stop, or does so.
func (w *queueWorld) stops(panics, cancels bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopping && !w.cancelled {
		w.stoppedAt = time.Now()
	}
	w.panicked = w.panicked || panics
	w.cancelled = w.cancelled || cancels
	w.stopping = true
}

func (w *queueWorld) release() bool {
	w.mu.Lock()
	if len(w.releases) == 0 {
		w.mu.Unlock()
		return false
	}
	release := w.releases[0]
	w.releases = w.releases[1:]
	w.mu.Unlock()
	release()
	return true
}

func (w *queueWorld) openGates() {
	w.opened.Do(func() {
		close(w.gate)
		close(w.block)
	})
}

// hold holds the message that is being handled.
func (w *queueWorld) hold(self *gennostr.Self, msg *heldMessage) {
	if msg == nil {
		self.Hold()() // there is nothing to hold, which does no harm
		return
	}
	w.keep(msg)
	release := self.Hold()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases = append(w.releases, func() {
		w.leave(msg)
		release()
		release() // once
	})
}

// callback is around everything that runs on the client's goroutine.
func (w *queueWorld) callback(name string, f func() error) error {
	w.mu.Lock()
	w.require(w.inside == "", "%s runs while %s is running", name, w.inside)
	w.require(!w.terminated, "%s runs after Terminate", name)
	w.inside = name
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.inside = ""
	}()
	return f()
}

// handle is a message that arrives and is put.
func (w *queueWorld) handle(self *gennostr.Self, url string, item spec) error {
	msg := w.arrived(url)
	if item.hold {
		w.hold(self, msg)
	}
	_ = w.put(0, item, msg, "loop")
	return nil
}

func (w *queueWorld) Init(self *gennostr.Self) error {
	w.queues[0] = gennostr.NewQueue(self, gennostr.QueueConfig[*modelItem]{
		Workers: w.plan.workers, Limit: queueLimit, Work: w.work, Then: w.then,
		Key: func(it *modelItem) string { return it.key },
	})
	w.queues[1] = gennostr.NewQueue(self, gennostr.QueueConfig[*modelItem]{Workers: 1, Limit: queueLimit, Work: w.work, Then: w.then})
	return nil
}

func (w *queueWorld) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	return w.callback("OnConnect", func() error {
		self.Send(relay.URL, kit.Everything("all"))
		return nil
	})
}

func (w *queueWorld) OnEvent(self *gennostr.Self, relay gennostr.Relay, m gennostr.EventMessage) error {
	return w.callback("OnEvent", func() error {
		tag := m.Event.Tags[0]
		return w.handle(self, relay.URL, spec{tag[0], tag[1], tag[2], m.Event.Content == "hold"})
	})
}

func (w *queueWorld) HandleCall(self *gennostr.Self, _ gennostr.From, request any) error {
	return w.callback("HandleCall", func() error { return w.handle(self, "", request.(queueOp).item) })
}

func (w *queueWorld) HandleCast(self *gennostr.Self, request any) error {
	return w.callback("HandleCast", func() error {
		o := request.(queueOp)
		switch o.action {
		case qBlock:
			w.mu.Lock()
			w.blocked = true
			w.mu.Unlock()
			<-w.block
			w.mu.Lock()
			w.blocked = false
			w.overrun = w.overrun || w.stopping && time.Since(w.stoppedAt) >= queueShutdown*9/10
			w.mu.Unlock()
		case qTimer:
			self.SendAfter(time.Second, o)
		case qBeside:
			var beside sync.WaitGroup
			beside.Go(func() { _ = w.put(0, o.item, nil, "loop") })
			beside.Wait()
		default:
			return w.handle(self, "", o.item)
		}
		return nil
	})
}

func (w *queueWorld) HandleInfo(self *gennostr.Self, msg any) error {
	return w.callback("HandleInfo", func() error {
		o := msg.(queueOp)
		switch o.action {
		case qPanic:
			w.stops(true, false)
			panic(errBoom)
		case qTimer:
			if o.item.hold {
				w.hold(self, nil)
			}
			_ = w.put(0, o.item, nil, "loop")
			return nil
		}
		return w.handle(self, "", o.item)
	})
}

// Terminate is too late for everything.
func (w *queueWorld) Terminate(self *gennostr.Self, _ error) {
	_ = w.callback("Terminate", func() error {
		late := gennostr.NewQueue(self, gennostr.QueueConfig[int]{Work: func(context.Context, int) error { return nil }})
		err := late.Put(1)
		w.mu.Lock()
		w.require(kindOf(err) == "closed", "Put into a queue that is made in Terminate says %v", err)
		w.mu.Unlock()
		_ = w.put(0, spec{}, nil, "loop")
		w.mu.Lock()
		defer w.mu.Unlock()
		w.terminated, w.terminatedAt = true, time.Now()
		return nil
	})
}

// work is that of both queues.
func (w *queueWorld) work(ctx context.Context, it *modelItem) (err error) {
	w.begin(it)
	defer func() { w.end(it, err) }()
	wait := func(ends <-chan time.Time, gate <-chan struct{}) error {
		select {
		case <-ends:
		case <-gate:
		case <-ctx.Done():
			w.interrupted(it)
			return context.Cause(ctx)
		}
		return nil
	}
	switch it.work {
	case worksErr:
		return errBoom
	case worksPanic:
		panic(errBoom)
	case worksExit:
		runtime.Goexit()
	case worksSleep:
		return wait(time.After(3*time.Second), nil)
	case worksGated:
		return wait(nil, w.gate)
	case worksStubborn:
		<-w.gate
		w.mu.Lock()
		w.overrun = w.overrun || w.stopping && time.Since(w.stoppedAt) >= queueShutdown
		w.mu.Unlock()
	}
	return nil
}

// then is that of both queues.
func (w *queueWorld) then(self *gennostr.Self, it *modelItem, err error) error {
	return w.callback("Then", func() error {
		w.tell(it, err)
		defer w.leave(it.msg)
		switch it.then {
		case thenErr:
			return errBoom
		case thenPanic:
			w.stops(true, false)
			panic(errBoom)
		case thenStop:
			w.stops(false, false)
			return gennostr.ErrStop
		case thenOn:
			if it.queue == 0 {
				next := it.spec
				next.then = ""
				_ = w.put(1, next, it.msg, "loop")
			}
		case thenHolds:
			w.hold(self, it.msg)
		}
		return nil
	})
}
