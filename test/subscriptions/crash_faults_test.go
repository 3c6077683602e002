package subscriptions_test

import (
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

// crashFaults are what the model of crashes has to find: each is a change of one file.
var crashFaults = []kit.Fault{
	{
		Name: "a cursor passes events that are held", File: "cursor.go",
		Old: "\tfor _, e := range pending {\n\t\tc.Unfinished =", New: "\tfor _, e := range pending[:0] {\n\t\tc.Unfinished =",
	},
	{
		Name: "the event at hand is not in the cursor", File: "cursor.go",
		Old: "atHand.leg.sub == s && atHand.free()", New: "atHand.leg.sub == s && !atHand.free()",
	},
	{
		Name: "the event at hand is in the cursor although it is held", File: "cursor.go",
		Old: "return d.kept.Load() == 1 && !d.unhandled.Load()", New: "return !d.unhandled.Load()",
	},
	{
		Name: "a cursor forgets what is old while a first load goes on", File: "cursor.go",
		Old: "loaded = loaded && m.Loaded && m.Any // else", New: "// else",
	},
	{
		Name: "handled ids are not carried over", File: "cursor.go",
		Old: "\tif room := cursor.MaxHandled - len(c.Handled); room > 0 {", New: "\tif room := cursor.MaxHandled - len(c.Handled); room < 0 {",
	},
	{
		Name: "unfinished ids are not carried over", File: "cursor.go",
		Old: "\tc.Unfinished = carriedPending\n", New: "\tcarriedPending = nil\n",
	},
	{
		Name: "unfinished ids are not asked for", File: "cursor.go",
		Old: "\tif ids := s.former.toFetch(); len(ids) > 0 {", New: "\tif ids := s.former.toFetch(); len(ids) < 0 {",
	},
	{
		Name: "marks of relays that were not met are not carried over", File: "cursor.go",
		Old: "\t\tif !met[m.Relay] {", New: "\t\tif met[m.Relay] && false {",
	},
	{
		Name: "what came again from the cursor's time is forgotten", File: "subscription.go",
		Old: "\ts.remember(e) // first: a cursor that is taken meanwhile has it twice, rather than not at all\n", New: "",
	},
	{
		Name: "an event whose callback panicked counts as handled", File: "delivery.go",
		Old: "\tif e != nil && isPanic(e.reason) {\n\t\td.unhandled.Store(true)\n", New: "\tif e != nil && isPanic(e.reason) {\n",
	},
	{
		Name: "what a queue has not begun counts as handled at a stop", File: "queue.go",
		Old: "\t\t\td.giveUp()\n", New: "\t\t\td.leave()\n",
	},
	{
		Name: "the mark moves before the gap is complete", File: "internal/resume/part.go",
		Old: "\tif !p.complete() || !p.whole() || cfg.LiveOnly {", New: "\tif !p.whole() || cfg.LiveOnly {",
	},
	{
		Name: "a resume has no overlap", File: "internal/resume/bound.go",
		Old: "\t\tsince, ok = before(m.At, overlap), true\n", New: "\t\tsince, ok = m.At, true\n",
	},
	{
		Name: "gift wraps are not asked for from further back", File: "internal/resume/bound.go",
		Old: "\t\t\tsince = before(since, wrapsBack) //", New: "\t\t\tsince = max(since, 0) //",
	},
	{
		Name: "a date from the future moves the mark", File: "internal/resume/part.go",
		Old: "\t\tp.mark.Any, p.mark.At = true, min(p.alive, p.newest)\n", New: "\t\tp.mark.Any, p.mark.At = true, p.newest\n",
	},
	{
		Name: "another filter's page ends this one's", File: "internal/paging/page.go",
		Old: "return p.End, p.Shared == 0 || p.Events > p.Shared+1", New: "return p.Oldest, true",
	},
	{
		Name: "relays' copies are all delivered", File: "subscription.go",
		Old: "\tif !s.c.seen.Take(l.Event.ID, s.owner) {", New: "\tif !s.c.seen.Take(l.Event.ID, s.owner) && false {",
	},
}

func TestCrashFaultsHaveTheirPlaces(t *testing.T) { kit.FaultsHaveTheirPlaces(t, crashFaults) }

// TestModelFindsFaultsOfCursors takes minutes.
func TestModelFindsFaultsOfCursors(t *testing.T) {
	kit.FindFaults(t, "^TestModelInCrashes$", []string{saysCrash}, crashFaults)
}
