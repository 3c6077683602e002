package gennostr

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/gennostr/gennostr/internal/jobs"
)

// QueueConfig says how the items of a [Queue] are worked on.
type QueueConfig[T any] struct {
	// Name stands in [Client.Stats] and in errors. Default: T's name.
	Name string
	// Workers is how many items are worked on at once, each on a goroutine of its
	// own. Default: 8.
	Workers int
	// Key tells which items belong together: those of one key are worked on one
	// after another, in the order of Put. It is called by Put. Default: nil, none
	// belong together.
	Key func(T) string
	// Work is done off the client's goroutine. Its context ends when the client's
	// stop runs out of time, not when the stop begins: what has been begun is to
	// be ended. A panic is the item's error, a *PanicError. It must not be nil.
	Work func(context.Context, T) error
	// Then runs on the client's goroutine, like any callback, with Work's error;
	// what it returns is judged like the error of a callback. Default: nil; an
	// error of Work then goes to OnError as a *CallbackError.
	Then func(*Self, T, error) error
	// Limit is how many items that hold no message may wait, for their work or for
	// their Then: ErrQueueFull beyond.
	// Default: 1,024.
	Limit int
}

const (
	defaultQueueWorkers = 8
	defaultQueueLimit   = 1_024
)

// Queue is a bounded pool of workers for what is to be done with each event, call
// or other message, and takes longer than a callback may: a payment, a webhook, a
// model, a database. No work is dropped, and none is begun twice.
//
// What bounds it is the relay's window (WithMailboxWindow), not a length of its
// own: Put in a callback holds the message, see [Self.Hold], until its work is done
// and Then has returned. A relay that brings more than the workers take is slowed
// down by TCP, and so are the callers of [Client.Call] by ErrMailboxFull.
//
// When the client stops, work that has begun may end, until a tenth of
// WithShutdownTimeout is left; then its context ends. Then runs for all that has
// ended, and last, with ErrClientClosed, for what has not begun, but for events of a
// subscription ([Self.Subscribe]): these are let go, unhandled, and come again when
// the program is started again with its [Cursor]. After a panic, or
// when Start's context has ended, it does not run any more.
type Queue[T any] struct {
	c   *Client
	cfg QueueConfig[T] // immutable

	loose atomic.Int64 // items that hold nothing and wait, see seat

	mu     sync.Mutex
	jobs   *jobs.Queue[item[T]] // guarded by mu
	closed bool                 // guarded by mu: the client stops
}

// item is what was put.
type item[T any] struct {
	value T
	place place // nil: it holds nothing
}

// seat is the place of an item that holds nothing, once its work has ended: as
// long as its Then is to come, there is no room for another.
type seat struct{ loose *atomic.Int64 }

func (s seat) keep()  { s.loose.Add(1) }
func (s seat) leave() { s.loose.Add(-1) }

// NewQueue makes a queue of the client's, usually in Init. It lives as long as the
// client. It panics without Work, or with a negative number. Under a [Harness]
// nothing begins by itself: see [Harness.Work].
func NewQueue[T any](self *Self, cfg QueueConfig[T]) *Queue[T] {
	if cfg.Work == nil || cfg.Workers < 0 || cfg.Limit < 0 {
		panic("gennostr: NewQueue: it needs Work, and no negative numbers")
	}
	if cfg.Workers == 0 {
		cfg.Workers = defaultQueueWorkers
	}
	if cfg.Limit == 0 {
		cfg.Limit = defaultQueueLimit
	}
	if cfg.Name == "" {
		cfg.Name = reflect.TypeFor[T]().String()
	}
	q := &Queue[T]{c: self.c, cfg: cfg, jobs: jobs.New[item[T]](cfg.Workers)}
	q.closed = !q.c.queues.add(q)
	return q
}

// Put hands in an item. It never waits.
//
// In a callback that handles a message of a relay, a call, a cast or an info it
// does not fail, and holds that message until Then has returned; a Then may hand
// its item's place on to another queue. Elsewhere (other goroutines, timers,
// OnConnect, HandleContinue, the continuation of Go) there is nothing to hold:
// ErrQueueFull if Limit such items wait.
// ErrClientClosed when the client stops.
func (q *Queue[T]) Put(v T) error {
	key := ""
	if q.cfg.Key != nil {
		key = q.cfg.Key(v)
	}
	var p place
	if q.c.running.here() {
		p = q.c.place
	}
	if err := q.put(item[T]{v, p}, key); err != nil {
		return err
	}
	q.c.beginItems(q.c, q)
	return nil
}

func (q *Queue[T]) put(it item[T], key string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return q.c.closedErr()
	case it.place != nil:
		it.place.keep()
	case q.loose.Load() >= int64(q.cfg.Limit):
		return fmt.Errorf("%w: %s", ErrQueueFull, q.cfg.Name)
	default:
		q.loose.Add(1)
	}
	q.jobs.Add(it, key, q.cfg.Key != nil)
	return nil
}

// workQueue is a Queue, whatever it carries.
type workQueue interface {
	// next takes an item that may begin now; false if there is none. run does the
	// work and must be called once.
	next() (run func(context.Context), ok bool)
	// close takes no more; each of the letters tells of one item that has not begun.
	close() []*thenLetter
	status() QueueStats
}

func (q *Queue[T]) next() (run func(context.Context), ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, ok := q.jobs.Next()
	if !ok {
		return nil, false
	}
	loose := j.Item.place == nil
	if loose {
		q.loose.Add(-1)
	}
	return func(ctx context.Context) {
		err := error(&PanicError{Where: "work of " + q.cfg.Name, Value: errGoexit}) // unless Work returns or panics
		defer func() {
			if v := recover(); v != nil { // WithoutRecover: the program ends here, and begins nothing more
				panic(v)
			}
			if loose {
				j.Item.place = seat{&q.loose}
				j.Item.place.keep()
			}
			// Told before the next of its key begins, so that Then keeps the order too.
			q.c.then(q.then(j.Item, err, true))
			q.mu.Lock()
			q.jobs.Done(j)
			q.mu.Unlock()
			q.c.beginItems(q.c, q)
		}()
		err = q.work(ctx, j.Item.value)
	}, true
}

func (q *Queue[T]) work(ctx context.Context, v T) (err error) {
	if !q.c.cfg.crashOnPanic {
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Where: "work of " + q.cfg.Name, Value: v, Stack: debug.Stack()}
			}
		}()
	}
	return q.cfg.Work(ctx, v)
}

// then is what runs on the loop once the work on an item has ended, or will never begin.
func (q *Queue[T]) then(it item[T], err error, begun bool) *thenLetter {
	return &thenLetter{callback: "Then of " + q.cfg.Name, place: it.place, err: err, then: func(self *Self) error {
		switch {
		case q.cfg.Then != nil:
			return q.cfg.Then(self, it.value, err)
		case begun:
			return err
		}
		return nil
	}}
}

func (q *Queue[T]) close() (told []*thenLetter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, it := range q.jobs.Close() {
		if d, ok := it.place.(*delivery); ok { // no cursor has passed it: it comes again
			d.giveUp()
			continue
		}
		told = append(told, q.then(it, &clientClosedError{q.c.reason}, false))
	}
	return told
}

// QueueStats is a snapshot of a Queue.
type QueueStats struct {
	Name    string
	Waiting int // items whose work has not begun
	Running int // items that are worked on
}

func (q *Queue[T]) status() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Name: q.cfg.Name, Waiting: q.jobs.Waiting(), Running: q.jobs.Running()}
}

// Stats is a snapshot of the queue. Any goroutine.
func (q *Queue[T]) Stats() QueueStats { return q.status() }

// queues are a client's.
type queues struct {
	mu    sync.Mutex
	all   []workQueue // guarded by mu
	ended bool        // guarded by mu: the client stops
}

// add enters a queue; false: the client stops, and has no use for it.
func (qs *queues) add(q workQueue) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if !qs.ended { // one that is made in Terminate, say, has nobody to work for it
		qs.all = append(qs.all, q)
	}
	return !qs.ended
}

// close closes all queues, and those that are made later. What has not begun is
// in the letters.
func (qs *queues) close() (told []*thenLetter) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	qs.ended = true
	for _, q := range qs.all {
		told = append(told, q.close()...)
	}
	return told
}

func (qs *queues) list() []workQueue {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return qs.all[:len(qs.all):len(qs.all)]
}

// beginWork starts what may begin, each on a goroutine of its own.
func (c *Client) beginWork(q workQueue) {
	for c.tasks.startWork(q) {
	}
}
