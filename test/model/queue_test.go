package model_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Model-based tests of Queue, Hold and the order of a stop: random programs of Put
// from everywhere, work that ends in every way, relays that go and come, and ends.
// What has to hold whatever the order is written down in queue_ledger_test.go.

// How the reports of violations begin.
const saysQueue = "a queue does not keep a promise"

// TestModelInQueues lets everything come to rest after each operation: then the
// accounts of windows, places and workers are as the ledger says, to the last one.
// Shows D05.
func TestModelInQueues(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawQueueProgram(rt, append(queueActions, qBlock, qUnblock))
		plan.lockstep = true
		plan.steps = [][]queueOp{drawQueueSteps(rt, 1, plan.actions)}
		checkQueueProgram(t, rt, plan)
	})
}

// TestModelInQueueBursts runs the operations on each other's heels, from one goroutine or two.
func TestModelInQueueBursts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawQueueProgram(rt, append(queueActions, qYield))
		for g := range rapid.SampledFrom([]int{1, 2}).Draw(rt, "goroutines") {
			plan.steps = append(plan.steps, drawQueueSteps(rt, 1+g*secondGoroutine, plan.actions))
		}
		checkQueueProgram(t, rt, plan)
	})
}

func checkQueueProgram(t *testing.T, rt *rapid.T, plan *queueProgram) {
	if violation := inQueueBubble(t, plan); violation != "" {
		rt.Fatalf("%s: %s\n%s", saysQueue, violation, plan)
	}
}

func inQueueBubble(t *testing.T, plan *queueProgram) (violation string) {
	defer func() {
		if v := recover(); v != nil { // synctest's: goroutines outlive the client
			violation = strings.TrimSpace(fmt.Sprint(violation, "\n", v))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w, err := newQueueWorld(t, plan)
		if err != nil {
			violation = fmt.Sprintf("Start: %v", err)
			return
		}
		synctest.Wait()
		w.run()
		violation = w.finish()
	})
	return violation
}

// run does the program, up to its end.
func (w *queueWorld) run() {
	if w.plan.lockstep {
		for _, s := range w.plan.steps[0] {
			w.do("", s)
			synctest.Wait()
			if w.rest(s.String()); w.violated() {
				return
			}
		}
	} else {
		var running sync.WaitGroup
		for g, steps := range w.plan.steps {
			running.Go(func() {
				for _, s := range steps {
					w.do(fmt.Sprint("goroutine ", g), s)
				}
			})
		}
		running.Wait()
	}
	if w.plan.calm { // everything ends before the end
		w.openGates()
		for again := true; again; {
			time.Sleep(time.Hour) // virtual
			synctest.Wait()
			w.rest("everything may end")
			for again = false; w.release(); {
				again = true // there is room for more of what is held
			}
		}
		w.nothingIsLeft()
	}
	w.do("end", queueOp{action: w.plan.end})
	if w.plan.lockstep {
		synctest.Wait()
		w.rest(string(w.plan.end))
	}
}

// finish lets nothing survive the bubble, and looks at what is left.
func (w *queueWorld) finish() string {
	w.do("end", queueOp{action: qStop}) // the panic may have found no place among the requests
	time.Sleep(2 * queueShutdown)       // virtual: who does not heed the deadline is late now
	w.openGates()
	<-w.client.Done()
	for w.release() {
	}
	w.cancel(nil)
	time.Sleep(time.Minute) // calls that were not answered time out in here
	synctest.Wait()
	w.atTheEnd()
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.violations[:min(len(w.violations), 3)], "\n")
}

// queueAction is one kind of operation.
type queueAction string

const (
	// Where items come from.
	qPush    queueAction = "relay pushes"
	qCall    queueAction = "Call"
	qCast    queueAction = "Cast"
	qNotify  queueAction = "Notify"
	qOutside queueAction = "Put"                           // from another goroutine
	qBeside  queueAction = "Put beside a callback"         // from another goroutine, while a callback handles a cast
	qTimer   queueAction = "Put in a timer, in a second"   // nothing is held there
	qFinish  queueAction = "one that waits for it may end" // gated and stubborn work
	qRelease queueAction = "release the oldest hold"

	// What happens to relays, and to the client.
	qCut     queueAction = "relay cuts connections"
	qKill    queueAction = "relay stops"
	qRestart queueAction = "relay restarts"
	qRemove  queueAction = "RemoveRelay"
	qAdd     queueAction = "AddRelay"
	qSleep   queueAction = "sleep"
	qYield   queueAction = "yield"               // bursts only
	qBlock   queueAction = "block the handler"   // in lockstep only
	qUnblock queueAction = "unblock the handler" // in lockstep only
	qStop    queueAction = "Stop"
	qCancel  queueAction = "cancel Start's context"
	qPanic   queueAction = "a callback panics"
)

var queueActions = []queueAction{
	qPush, qPush, qPush, qPush, qCall, qCast, qCast, qNotify, qOutside, qOutside, qBeside, qTimer,
	qFinish, qFinish, qFinish, qRelease, qCut, qKill, qRestart, qRemove, qAdd, qSleep, qSleep,
}

// What work does, and what its Then does.
const (
	worksErr      = "fails"
	worksPanic    = "panics"
	worksExit     = "ends its goroutine"
	worksSleep    = "takes 3s"           // or until its context ends
	worksGated    = "waits"              // until it may end, or its context ends
	worksStubborn = "waits stubbornly"   // until it may end, whatever its context says
	thenErr       = "Then fails"         // an error for OnError
	thenPanic     = "Then panics"        //
	thenStop      = "Then stops"         //
	thenOn        = "Then hands it on"   // to the second queue
	thenHolds     = "Then holds it more" // with Hold
)

// spec is what is to be done about one item.
type spec struct {
	key, work, then string
	hold            bool // the callback holds the message as well
}

func (s spec) String() string {
	words := []string{"key " + s.key, s.work, s.then}
	if s.hold {
		words = append(words, "held")
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// queueOp is a step of a program. Which fields count depends on the action.
type queueOp struct {
	action queueAction
	relay  int
	count  int // of events, of yields
	item   spec
	wait   time.Duration
	number int
}

func (o queueOp) String() string {
	s := fmt.Sprint(o.number, ": ", o.action)
	switch o.action {
	case qPush:
		return fmt.Sprint(s, " ", modelURL(o.relay), " ", o.count, " events: ", o.item)
	case qCall, qCast, qNotify, qOutside, qBeside, qTimer:
		return fmt.Sprint(s, ": ", o.item)
	case qCut, qKill, qRestart, qRemove, qAdd:
		return fmt.Sprint(s, " ", modelURL(o.relay))
	case qSleep:
		return fmt.Sprint(s, " ", o.wait)
	case qYield:
		return fmt.Sprint(s, " ", o.count)
	}
	return s
}

// queueProgram is what a test runs.
type queueProgram struct {
	lockstep bool
	workers  int
	calm     bool // everything is let end before the end
	end      queueAction
	actions  []queueAction
	steps    [][]queueOp
}

func (p *queueProgram) String() string {
	s := fmt.Sprintf("%d workers, calm %v, ends with %s\n", p.workers, p.calm, p.end)
	for i, steps := range p.steps {
		if i > 0 {
			s += "beside\n"
		}
		for _, step := range steps {
			s += "  " + step.String() + "\n"
		}
	}
	return s
}

func drawQueueProgram(rt *rapid.T, actions []queueAction) *queueProgram {
	return &queueProgram{
		workers: rapid.IntRange(1, 3).Draw(rt, "workers"),
		calm:    rapid.Bool().Draw(rt, "calm"),
		end:     rapid.SampledFrom([]queueAction{qStop, qStop, qStop, qStop, qCancel, qPanic}).Draw(rt, "end"),
		actions: actions,
	}
}

func drawQueueStep(actions []queueAction) *rapid.Generator[queueOp] {
	return rapid.Custom(func(t *rapid.T) queueOp {
		o := queueOp{action: rapid.SampledFrom(actions).Draw(t, "action")}
		switch o.action {
		case qPush, qCall, qCast, qNotify, qOutside, qBeside, qTimer:
			o.item = spec{
				key:  rapid.SampledFrom([]string{"a", "b", "none"}).Draw(t, "key"),
				work: rapid.SampledFrom([]string{"", "", worksErr, worksPanic, worksExit, worksSleep, worksSleep, worksGated, worksGated, worksGated, worksStubborn}).Draw(t, "work"),
				then: rapid.SampledFrom([]string{"", "", "", thenErr, thenOn, thenOn, thenHolds}).Draw(t, "then"),
				hold: rapid.SampledFrom([]bool{false, false, true}).Draw(t, "hold"),
			}
			if rapid.IntRange(0, 63).Draw(t, "then ends") == 40 {
				o.item.then = rapid.SampledFrom([]string{thenPanic, thenStop}).Draw(t, "how")
			}
		}
		switch o.action {
		case qPush:
			o.count = rapid.IntRange(1, 4).Draw(t, "count")
		case qYield:
			o.count = rapid.IntRange(1, 100).Draw(t, "times")
		case qSleep:
			o.wait = rapid.SampledFrom([]time.Duration{time.Second, 4 * time.Second, 40 * time.Second}).Draw(t, "pause")
		}
		if rapid.IntRange(0, 63).Draw(t, "ending") == 40 {
			o.action = rapid.SampledFrom([]queueAction{qStop, qCancel, qPanic}).Draw(t, "which ending")
		}
		o.relay = rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "relay")
		return o
	})
}

func drawQueueSteps(rt *rapid.T, first int, actions []queueAction) (steps []queueOp) {
	for range 5 { // pieces: see drawSteps
		steps = append(steps, rapid.SliceOfN(drawQueueStep(actions), 0, 20).Draw(rt, "steps")...)
	}
	for i := range steps {
		steps[i].number = first + i
	}
	return steps
}
