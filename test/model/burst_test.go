package model_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"pgregory.net/rapid"

	"github.com/gennostr/gennostr"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

// TestModelInBursts runs the operations on each other's heels, from one
// goroutine or two. What exactly happens is then a matter of luck; what holds
// whatever the luck is checked when the storm is over: see invariants.
func TestModelInBursts(t *testing.T) {
	events := newModelEvents()
	rapid.Check(t, func(rt *rapid.T) {
		plan := &program{initial: drawInitial(rt), wishes: drawWishes(rt)}
		for g := range rapid.SampledFrom([]int{1, 2}).Draw(rt, "goroutines") {
			steps := drawSteps(rt, 1+g*secondGoroutine, burstActions)
			for i := range steps {
				if steps[i].how == blocks {
					steps[i].how = justSo
				}
			}
			plan.steps = append(plan.steps, steps)
		}
		if violation := inBubble(t, plan, events, inBursts, gennostr.WithMaxDials(2)); violation != "" {
			rt.Fatalf("%s: %s\n%s", saysBurst, violation, plan)
		}
	})
}

// secondGoroutine is where the numbers of its operations begin.
const secondGoroutine = 1000

// burst is a program that runs, and what its verbs have answered.
type burst struct {
	*world
	answers [][]string // for each goroutine, as far as it came

	mu     sync.Mutex // one publishes at a time: so events have an order
	pushed [len(modelNames)][]string
}

func inBursts(w *world) string {
	b := &burst{world: w, answers: make([][]string, len(w.plan.steps))}
	var running sync.WaitGroup
	for g, steps := range w.plan.steps {
		running.Go(func() {
			for _, s := range steps {
				b.answers[g] = append(b.answers[g], b.step(s))
			}
		})
	}
	running.Wait()
	time.Sleep(10 * time.Second) // virtual: what was accepted is written, what was called has timed out
	for at, relay := range w.relays {
		url := modelURL(at)
		w.network.ReleaseDials(url)
		if err := relay.Restart(); err != nil {
			return err.Error()
		}
		w.network.Heal(url)
	}
	time.Sleep(5 * time.Minute) // virtual: every schedule and handshake
	synctest.Wait()

	end := outcome{early: kit.Closed(w.client.Done()), relays: w.client.Relays()}
	for at := range w.relays { // the proof that those that are connected work
		b.publish(at, 1)
	}
	synctest.Wait()
	end.stop = w.client.Stop(context.Background())
	synctest.Wait()
	end.after = b.verbsAfter()
	return b.invariants(end)
}

// outcome is how a burst has ended.
type outcome struct {
	early  bool // the program itself has stopped the client
	relays []gennostr.RelayStatus
	stop   error
	after  []string // what verbs answer after Stop
}

func (b *burst) step(s operation) string {
	switch s.action {
	case doRegret:
		b.mark(s.relay)
		added := b.do(operation{action: doAdd, relay: s.relay})
		yield(s.count)
		return added + ", " + b.do(operation{action: doRemove, relay: s.relay})
	case doAdd, doEnsure:
		b.mark(s.relay)
	case doSet:
		for at := range b.relays {
			if s.some&(1<<at) != 0 {
				b.mark(at)
			}
		}
	case doPublish:
		b.publish(s.relay, s.count)
		return "ok"
	case doClose, doBye:
		b.publish(s.relay, s.count)
		s.count = 0
	case doYield:
		yield(s.count)
	}
	return b.do(s)
}

func yield(times int) {
	for range times {
		runtime.Gosched()
	}
}

// removes tells whether an operation that answered so has removed its relay.
func (s operation) removes(answer string) bool {
	switch s.action {
	case doRemove, doLast, doRegret:
		return strings.HasSuffix(answer, "ok")
	}
	return false
}

// mark notes that a relay is about to be added, if it is not there.
func (b *burst) mark(at int) {
	b.handler.Add(kit.Note{Name: "adding", Relay: gennostr.Relay{URL: modelURL(at)}})
}

// publish pushes live events and remembers their order. They are not stored,
// so each comes once.
func (b *burst) publish(at, count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.take(count)
	for _, e := range events {
		b.pushed[at] = append(b.pushed[at], e.Content)
	}
	b.relays[at].Push(events...)
}

// verbsAfter is what verbs answer when the client has stopped.
func (b *burst) verbsAfter() (answers []string) {
	for _, a := range []action{doAdd, doEnsure, doSet, doRemove, doReconnect, doTell, doBroadcast, doCast, doNotify} {
		answers = append(answers, fmt.Sprint(a, ": ", b.do(operation{action: a})))
	}
	_, err := b.client.Call(context.Background(), demand{})
	return append(answers, "Call: "+kindOf(err))
}

// uses tells whether any operation on the relay is one of these.
func (b *burst) uses(at int, actions ...action) bool {
	for _, steps := range b.plan.steps {
		for _, s := range steps {
			if slices.Contains(actions, s.action) && (s.relay == at || s.action == doSet) {
				return true
			}
		}
	}
	return false
}
