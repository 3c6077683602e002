package model_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gennostr/gennostr"
)

// Model-based tests: random programs of verbs, dying relays and time, against
// a model of what the documentation promises. go test runs a hundred programs
// of each test; more with
//
//	go test -race -run '^TestModelIn' ./test/model -rapid.checks=3000
//
// A violation is reported with the smallest program that shows it and the
// seed that finds it again.

// How the reports of violations begin.
const (
	saysLockstep = "the client does not do what the model says"
	saysBurst    = "the client does not keep a promise"
)

// TestModelInLockstep lets everything come to rest after each operation. Then
// nothing is left to chance: what every verb answers, every callback in its
// order, what each relay receives and what Relays lists are as the oracle says.
// Shows D11.
func TestModelInLockstep(t *testing.T) {
	events := newModelEvents()
	rapid.Check(t, func(rt *rapid.T) {
		plan := &program{initial: drawInitial(rt), wishes: drawWishes(rt)}
		plan.steps = [][]operation{drawSteps(rt, 1, lockstepActions)}
		if violation := inBubble(t, plan, events, lockstep); violation != "" {
			rt.Fatalf("%s: %s\n%s", saysLockstep, violation, plan)
		}
	})
}

// inBubble runs a program in virtual time and returns the first violation.
func inBubble(t *testing.T, plan *program, events modelEvents, run func(*world) string, opts ...gennostr.Option) (violation string) {
	defer func() {
		if v := recover(); v != nil { // synctest's: goroutines outlive the client
			violation = strings.TrimSpace(fmt.Sprint(violation, "\n", v))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w, err := newWorld(t, plan, events, opts...)
		if err != nil {
			violation = fmt.Sprintf("Start: %v", err)
			return
		}
		defer w.finish()
		violation = run(w)
	})
	return violation
}

func lockstep(w *world) string {
	o := newOracle(w.plan)
	synctest.Wait()
	if violation := compare(w, o, "ok", "ok"); violation != "" {
		return "after Start: " + violation
	}
	step := func(s operation) string {
		answer := w.do(s)
		synctest.Wait()
		expected := o.do(s)
		if violation := compare(w, o, answer, expected); violation != "" {
			return fmt.Sprintf("after %s: %s", s, violation)
		}
		return ""
	}
	steps := w.plan.steps[0]
	unblock := operation{action: doUnblock, number: len(steps) + 1}
	for _, s := range append(slices.Clone(steps), operation{action: doStop, number: len(steps) + 2}, operation{action: doSleep, wait: time.Hour}) {
		// A handler that is still blocked at the deadline of a stop is another story (R48).
		for s.action == doSleep && o.blocked && (o.cancelled || len(o.stops) > 0) {
			if violation := step(unblock); violation != "" {
				return violation
			}
		}
		if violation := step(s); violation != "" {
			return violation
		}
	}
	return ""
}

// compare looks for the first difference.
func compare(w *world, o *oracle, answer, expected string) string {
	if answer != expected {
		return fmt.Sprintf("it answers %q, want %q", answer, expected)
	}
	have, want, unsure := w.look(), o.story, o.unsure
	o.turn()
	have["Relays"], want["Relays"] = w.list(), o.list()
	who := slices.Collect(maps.Keys(have))
	who = slices.AppendSeq(who, maps.Keys(want))
	slices.Sort(who)
	for _, who := range who {
		if !unsure[who] && !slices.Equal(have[who], want[who]) {
			return fmt.Sprintf("%s:\n\thave %s\n\twant %s", who, strings.Join(have[who], "; "), strings.Join(want[who], "; "))
		}
	}
	return ""
}
