package model_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// What the model-based tests do with a client: a program of operations, drawn
// as a whole before anything runs, so that rapid can shrink it.

// modelNames are the relays of a program, "wss://a.example/" and so on.
const modelNames = "abc"

func modelURL(at int) string { return "wss://" + modelNames[at:at+1] + ".example/" }

// action is one kind of operation. Its text is what a failing program shows.
type action string

const (
	// Verbs of the client.
	doAdd       action = "AddRelay"
	doEnsure    action = "EnsureRelay"
	doSet       action = "SetRelays"
	doRemove    action = "RemoveRelay"
	doReconnect action = "Reconnect"
	doCount     action = "Send COUNT"                 // a message that the relay answers
	doTell      action = "Send CLOSE"                 // one that it does not answer
	doLast      action = "Send CLOSE and RemoveRelay" // at once: what was accepted is still written
	doRequest   action = "Send REQ all"
	doUnrequest action = "Send CLOSE all"
	doBroadcast action = "Broadcast COUNT"
	doCall      action = "Call"
	doCast      action = "Cast"
	doNotify    action = "Notify"
	doStop      action = "Stop"
	doCancel    action = "cancel Start's context"

	// What relays and networks do.
	doKill      action = "relay stops"
	doRestart   action = "relay restarts"
	doCut       action = "relay cuts connections"
	doClose     action = "relay closes connections"
	doBye       action = "relay stops gracefully"
	doPublish   action = "relay publishes"
	doPoison    action = "relay pushes"
	doHold      action = "dials hang"
	doRelease   action = "dials hang no more"
	doPartition action = "partition"                    // bursts only
	doHeal      action = "heal"                         // bursts only
	doYield     action = "yield"                        // bursts only
	doRegret    action = "AddRelay, yield, RemoveRelay" // bursts only: in the middle of a dial

	doSleep   action = "sleep"
	doUnblock action = "unblock the handler"
)

// operation is a step of a program. Which fields count depends on the action.
type operation struct {
	action action
	relay  int           // which one
	some   int           // SetRelays: a bit for each relay
	manual bool          // WithManualReconnect
	how    string        // Call, Cast and poison: what the handler does about it
	count  int           // how many events, before the relay goes as well; how many yields
	code   int           // of a close frame
	wait   time.Duration // virtual
	number int           // of this operation in its program: names calls, casts and messages
}

func (o operation) String() string {
	s := []string{fmt.Sprint(o.number, ": ", o.action)}
	switch o.action {
	case doCall, doCast, doNotify:
		s = append(s, o.how)
	case doSleep:
		s = append(s, o.wait.String())
	case doBroadcast, doStop, doCancel, doUnblock:
	case doYield:
		s = append(s, fmt.Sprint(o.count, " times"))
	case doSet:
		s = append(s, relaysOf(o.some))
	default:
		s = append(s, modelNames[o.relay:o.relay+1])
	}
	switch o.action {
	case doRegret:
		s = append(s, fmt.Sprint(o.count, " times"))
	case doClose, doBye:
		s = append(s, fmt.Sprint("code ", o.code, " behind ", o.count, " events"))
	case doPublish:
		s = append(s, fmt.Sprint(o.count, " events"))
	case doPoison:
		s = append(s, o.how)
	}
	if o.manual {
		s = append(s, "WithManualReconnect")
	}
	return strings.Join(s, " ")
}

func relaysOf(some int) string {
	var names []string
	for at := range modelNames {
		if some&(1<<at) != 0 {
			names = append(names, modelNames[at:at+1])
		}
	}
	return fmt.Sprint(names)
}

// program is what a test runs.
type program struct {
	initial int                     // a bit for each relay of WithRelays
	wishes  [len(modelNames)]string // what OnDisconnect does about its relay
	steps   [][]operation           // one list for each goroutine
}

func (p *program) String() string {
	s := fmt.Sprintf("WithRelays %s, OnDisconnect does %q\n", relaysOf(p.initial), p.wishes)
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

// What OnDisconnect does about its relay: a wish of the handler's.
const (
	wishNothing   = ""
	wishAdd       = "AddRelay"
	wishAddManual = "AddRelay WithManualReconnect"
	wishRemove    = "RemoveRelay"
	wishReconnect = "Reconnect"
)

// What the handler does about a Call, a Cast or an event.
const (
	justSo = ""       // takes note; a Call is answered
	fails  = "error"  // returns an error that does not stop the client
	ends   = "stop"   // stops the client; a Call is answered first
	panics = "panic"  // panics
	never  = "never"  // a Call is not answered
	kept   = "kept"   // a Call is answered by the next Cast
	blocks = "block"  // a Cast blocks the handler until doUnblock
	remind = "remind" // a Cast sets a timer, SendAfter, of remindAfter
)

const remindAfter = 700 * time.Millisecond

// modelSchedule is the library's default; the pauses lie around it and the stability window.
var (
	modelSchedule = [...]time.Duration{500 * time.Millisecond, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}
	modelPauses   = []time.Duration{
		time.Second, 500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		499 * time.Millisecond, 501 * time.Millisecond, time.Millisecond, 3 * time.Second, 29 * time.Second, 31 * time.Second,
	}
)

// The actions are drawn from these lists, in which some stand more than once.
// The simple ones come first: rapid prefers them, and shrinks towards them.
var (
	verbActions = []action{
		doAdd, doAdd, doAdd, doRemove, doRemove, doReconnect, doReconnect, doEnsure, doSet,
		doCount, doTell, doBroadcast, doCall, doCall, doCast, doNotify,
	}
	relayActions    = []action{doKill, doRestart, doRestart, doCut, doCut, doClose, doBye, doHold, doRelease}
	lockstepActions = append(append([]action{
		doSleep, doSleep, doSleep, doSleep, doPublish, doPublish, doPublish, doCast, doCast, doUnblock, doUnblock,
		doLast, doRequest, doUnrequest, doPoison,
	}, verbActions...), relayActions...)
	burstActions = append(append([]action{
		doSleep, doSleep, doPublish, doPublish, doPublish, doYield, doYield, doRegret, doRegret, doCast, doTell, doTell, doLast, doPartition, doHeal,
	}, verbActions...), relayActions...)
)

// endings stop the client, each in another way.
var endings = []operation{
	{action: doStop}, {action: doCast, how: ends}, {action: doCall, how: ends},
	{action: doCancel}, {action: doPoison, how: ends}, {action: doPoison, how: panics},
}

// drawStep draws one operation. Ends of the client are rare, or there would be
// no long programs; rapid draws the bounds of a range more often than what lies between.
func drawStep(actions []action) *rapid.Generator[operation] {
	return rapid.Custom(func(t *rapid.T) operation {
		o := operation{action: rapid.SampledFrom(actions).Draw(t, "action")}
		switch o.action {
		case doSleep:
			o.wait = rapid.SampledFrom(modelPauses).Draw(t, "pause")
		case doCall:
			o.how = rapid.SampledFrom([]string{justSo, justSo, fails, never, kept}).Draw(t, "how")
		case doCast:
			o.how = rapid.SampledFrom([]string{justSo, blocks, blocks, remind, fails}).Draw(t, "how")
		case doPoison:
			o.how = fails
		case doSet:
			o.some = rapid.IntRange(0, 1<<len(modelNames)-1).Draw(t, "which")
		case doClose, doBye:
			o.code = rapid.SampledFrom([]int{1001, 1000, 1012, 4000}).Draw(t, "code")
		}
		switch o.action {
		case doClose, doBye:
			o.count = rapid.IntRange(0, 3).Draw(t, "events")
		case doYield, doRegret:
			o.count = rapid.IntRange(1, 200).Draw(t, "times")
		case doPublish:
			o.count = rapid.IntRange(1, 3).Draw(t, "events")
		case doAdd, doEnsure, doSet:
			o.manual = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "manual")
		}
		if rapid.IntRange(0, 63).Draw(t, "ending") == 40 {
			o = rapid.SampledFrom(endings).Draw(t, "which ending")
		}
		o.relay = rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, "relay")
		return o
	})
}

// drawSteps draws a list of operations and numbers them from first. It is made
// of pieces: a slice of rapid's has five elements on average, and one with a
// minimum would not shrink below it.
func drawSteps(rt *rapid.T, first int, actions []action) (steps []operation) {
	for range 5 {
		steps = append(steps, rapid.SliceOfN(drawStep(actions), 0, 20).Draw(rt, "steps")...)
	}
	for i := range steps {
		steps[i].number = first + i
	}
	return steps
}

func drawWishes(rt *rapid.T) (wishes [len(modelNames)]string) {
	for at := range wishes {
		wishes[at] = rapid.SampledFrom([]string{
			wishNothing, wishNothing, wishNothing, wishAdd, wishAddManual, wishRemove, wishReconnect,
		}).Draw(rt, "wish")
	}
	return wishes
}

func drawInitial(rt *rapid.T) int {
	return rapid.IntRange(0, 1<<len(modelNames)-1).Draw(rt, "initial")
}
