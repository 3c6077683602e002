package subscriptions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/nostr"

	_ "github.com/gennostr/gennostr/test/seed" // the same each time
)

// Model-based tests of what a cursor promises: a bot that is killed at any callback,
// and started again with the cursor that it has saved last, has handled everything in
// the end and repeats nothing that the cursor remembers. go test runs a hundred
// programs; more with
//
//	go test -run '^TestModelInCrashes$' ./test/subscriptions -rapid.checks=5000

const saysCrash = "a cursor does not keep a promise"

// Shows L40, D39.
func TestModelInCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := drawCrashPlan(rt)
		if violation := newCrashWorld(plan).run(); violation != "" {
			rt.Fatalf("%s: %s\n%s", saysCrash, violation, plan)
		}
	})
}

const (
	maxRelays   = 3
	margin      = nostr.Timestamp(4 * 60) // how far back honest events are dated: less than the overlap
	day         = nostr.Timestamp(24 * 60 * 60)
	yearOfBogus = nostr.Timestamp(4_102_444_800) // 2100
)

var topics = []string{"a", "b"}

// filterSetsAt are what a bot asks for that wants all there is, paged.
func filterSetsAt(now nostr.Timestamp) [][]nostr.Filter {
	all := nostr.Filter{}.WithSince(now - 20*day)
	alice, bob := nostr.PubKey{1}, nostr.PubKey{2}
	return [][]nostr.Filter{
		{all.WithKinds(nostr.KindTextNote)},
		{all.WithKinds(nostr.KindTextNote, nostr.KindGiftWrap)},
		{all},
		{all.WithKinds(nostr.KindTextNote).WithAuthors(alice), all.WithKinds(nostr.KindTextNote, nostr.KindReaction).WithAuthors(alice, bob)},
		{all.WithKinds(nostr.KindGiftWrap), all.WithKinds(nostr.KindTextNote).WithTag("t", "a")},
		{all.WithKinds(nostr.KindTextNote).WithAuthors(alice, bob)},
		{all.WithKinds(nostr.KindTextNote).WithAuthors(bob)},
	}
}

// choosySetsAt leave out some of what was stored when they began.
func choosySetsAt(now nostr.Timestamp) [][]nostr.Filter {
	notes := nostr.Filter{}.WithKinds(nostr.KindTextNote, nostr.KindGiftWrap)
	none := notes
	none.LimitZero = true
	return [][]nostr.Filter{{notes}, {notes.WithLimit(2)}, {none}, {notes.WithSince(now)}, {{}}}
}

type crashAction string

const (
	cPublish     crashAction = "publish"
	cConnect     crashAction = "connect"
	cDisconnect  crashAction = "disconnect"
	cDeliver     crashAction = "deliver"
	cDeliverAll  crashAction = "deliver all"
	cAdvance     crashAction = "advance"
	cWork        crashAction = "work on one"
	cRelease     crashAction = "release"
	cSave        crashAction = "save"
	cCrash       crashAction = "crash"
	cStop        crashAction = "Stop"
	cSetFilters  crashAction = "SetFilters"
	cResubscribe crashAction = "Unsubscribe, Subscribe"
	cRemove      crashAction = "RemoveRelay"
	cAdd         crashAction = "AddRelay"
	cRefuse      crashAction = "relay refuses"
)

// The simple ones come first: rapid shrinks towards them.
var crashActions = []crashAction{
	cPublish, cPublish, cPublish, cPublish, cConnect, cConnect, cConnect, cDeliver, cDeliver, cDeliver, cDeliverAll, cDeliverAll, cDeliverAll,
	cAdvance, cAdvance, cDisconnect, cWork, cWork, cRelease, cRelease, cSave, cCrash, cStop, cSetFilters, cResubscribe, cRemove, cAdd, cRefuse,
}

// crashOp is a step. Which fields count depends on the action.
type crashOp struct {
	action crashAction
	relay  int
	count  int
	wait   time.Duration

	// what is published
	some   int // a bit for each relay
	kind   nostr.Kind
	author int
	dated  nostr.Timestamp // from now
}

func (op crashOp) String() string {
	switch op.action {
	case cPublish:
		return fmt.Sprintf("publish %d × kind %d of author %d, dated %+d s, on relays %03b", max(1, op.count), op.kind, op.author, op.dated, op.some)
	case cAdvance:
		return fmt.Sprint(op.action, " ", op.wait)
	case cConnect, cDisconnect, cDeliverAll, cRemove, cAdd:
		return fmt.Sprintf("%s %c", op.action, 'a'+op.relay)
	case cDeliver, cRefuse:
		return fmt.Sprintf("%s %c %d", op.action, 'a'+op.relay, op.count)
	case cRelease:
		return fmt.Sprint(op.action, " ", op.count)
	}
	return string(op.action)
}

// crashPlan is what a test runs.
type crashPlan struct {
	relays  []modelRelay
	added   int  // a bit for each relay
	choosy  bool // its filters leave something out
	filters int
	before  []crashOp // what is stored at first
	steps   []crashOp
	doings  []doing // one for each OnEvent, from the first again if there are more
	thens   []doing // one for each Then
	lasts   []bool  // one for each Terminate: whether it saves
}

func (p *crashPlan) String() string {
	var s strings.Builder
	for i, r := range p.relays {
		fmt.Fprintf(&s, "relay %c: pages of %d, of the REQ %v, hints %v, twice %v\n", 'a'+i, r.pages, r.perREQ, r.hints, r.twice)
	}
	fmt.Fprintf(&s, "added %03b, choosy %v, filters %d\n", p.added, p.choosy, p.filters)
	fmt.Fprintf(&s, "OnEvent: %v\nThen: %v\nTerminate: %v\n", p.doings, p.thens, p.lasts)
	for _, op := range p.before {
		fmt.Fprintf(&s, "  before: %s\n", op)
	}
	for _, op := range p.steps {
		fmt.Fprintf(&s, "  %s\n", op)
	}
	return s.String()
}

func drawCrashPlan(t *rapid.T) *crashPlan {
	p := &crashPlan{choosy: rapid.IntRange(0, 3).Draw(t, "choosy") == 3}
	p.relays = rapid.SliceOfN(rapid.Custom(drawModelRelay), 1, maxRelays).Draw(t, "relays")
	p.added = rapid.IntRange(1, 1<<maxRelays-1).Draw(t, "added")
	if p.choosy {
		p.filters = rapid.IntRange(0, len(choosySetsAt(0))-1).Draw(t, "filters")
	} else {
		p.filters = rapid.IntRange(0, len(filterSetsAt(0))-1).Draw(t, "filters")
	}
	p.before = rapid.SliceOfN(rapid.Custom(drawStored), 0, 8).Draw(t, "before")
	for range 3 { // of pieces: a slice of rapid's is short on average
		p.steps = append(p.steps, rapid.SliceOfN(rapid.Custom(drawCrashOp), 0, 30).Draw(t, "steps")...)
	}
	manners := []manner{handles, handles, handles, handles, queues, queues, holds, holdsBoth, failsAfter, panicsAt, panicsPast, diesBefore, diesAfter, changes}
	if rapid.IntRange(0, 5).Draw(t, "burdened") == 5 { // it dies with old events in hand, once or twice
		manners = []manner{holds, queues, holds, handles}
		die := []crashOp{{action: cSave}, {action: cCrash}}
		first := append([]crashOp{{action: cConnect}, {action: cDeliverAll}}, die...)
		if rapid.Bool().Draw(t, "twice") {
			first = append(first, die...)
		}
		p.steps = append(first, p.steps...)
	}
	p.doings = rapid.SliceOfN(drawDoing(manners...), 0, 12).Draw(t, "doings")
	p.thens = rapid.SliceOfN(drawDoing(handles, handles, failsAfter, panicsAt, diesBefore), 0, 4).Draw(t, "thens")
	p.lasts = rapid.SliceOfN(rapid.Bool(), 0, 3).Draw(t, "lasts")
	return p
}

func drawModelRelay(t *rapid.T) modelRelay {
	r := modelRelay{hints: rapid.Bool().Draw(t, "hints"), twice: rapid.Bool().Draw(t, "twice"), perREQ: rapid.Bool().Draw(t, "of the REQ")}
	if r.pages = rapid.SampledFrom([]int{50, 60}).Draw(t, "pages"); r.hints { // small ones have to be told
		r.pages = rapid.IntRange(2, 12).Draw(t, "small pages")
	}
	return r
}

func drawDoing(manners ...manner) *rapid.Generator[doing] {
	return rapid.Custom(func(t *rapid.T) doing {
		return doing{rapid.SampledFrom(manners).Draw(t, "how"), rapid.Bool().Draw(t, "saves")}
	})
}

var crashKinds = []nostr.Kind{nostr.KindTextNote, nostr.KindTextNote, nostr.KindReaction, nostr.KindGiftWrap}

// drawStored is what a relay has before the bot begins, days old perhaps.
func drawStored(t *rapid.T) crashOp {
	op := drawPublish(t)
	op.count = rapid.IntRange(1, 12).Draw(t, "events")
	op.dated = -nostr.Timestamp(rapid.Int64Range(0, 10*int64(day)).Draw(t, "age"))
	return op
}

func drawPublish(t *rapid.T) crashOp {
	op := crashOp{action: cPublish, some: rapid.IntRange(1, 1<<maxRelays-1).Draw(t, "where"), author: rapid.IntRange(0, 2).Draw(t, "author")}
	op.kind = rapid.SampledFrom(crashKinds).Draw(t, "kind")
	op.count = rapid.SampledFrom([]int{1, 1, 1, 1, 2, 5, 15, 60}).Draw(t, "events")
	switch rapid.IntRange(0, 7).Draw(t, "dated") {
	case 0, 1, 2:
	case 3, 4:
		op.dated = -nostr.Timestamp(rapid.Int64Range(0, int64(margin)).Draw(t, "late"))
	case 5:
		op.dated = nostr.Timestamp(rapid.Int64Range(0, 600).Draw(t, "ahead"))
	case 6:
		op.dated = -nostr.Timestamp(rapid.Int64Range(0, 5*int64(day)).Draw(t, "old"))
	case 7:
		op.dated = yearOfBogus
	}
	if op.kind == nostr.KindGiftWrap && op.dated <= 0 {
		op.dated = -nostr.Timestamp(rapid.Int64Range(0, 2*int64(day)).Draw(t, "back"))
	}
	return op
}

func drawCrashOp(t *rapid.T) crashOp {
	op := crashOp{action: rapid.SampledFrom(crashActions).Draw(t, "action")}
	switch op.action {
	case cPublish:
		return drawPublish(t)
	case cAdvance:
		op.wait = rapid.SampledFrom([]time.Duration{time.Second, 3 * time.Second, time.Minute, 7 * time.Minute, time.Hour, 72 * time.Hour}).Draw(t, "wait")
	case cDeliver, cRefuse, cRelease:
		op.count = rapid.IntRange(1, 12).Draw(t, "count")
	}
	op.relay = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "relay")
	return op
}
