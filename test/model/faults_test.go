package model_test

import (
	"slices"
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

// A test of the model-based tests: each of these faults, planted into a copy of
// the library, has to be found by them.

// fault is a change of one place in one file.
type fault kit.Fault

var plantedFaults = []fault{
	{
		"the successor dials before OnDisconnect has returned", "supervisor.go",
		"\t// A refused letter means that the client is stopping: shutdown follows and forgets the entry.\n",
		"\tdisconnectTold{e}.supervise(s)\n",
	},
	{
		"a pending reconnect survives RemoveRelay", "entry.go",
		"\tcase queued, waiting, down:\n",
		"\tcase queued, down:\n",
	},
	{
		"a relay that was removed while it was dialled connects all the same", "dialling.go",
		"\tif e.stage != dialing || e.aborted {\n",
		"\tif e.stage != dialing && e.stage != closing || e.aborted {\n",
	},
	{
		"OnDisconnect overtakes the last messages of its connection", "connection.go",
		"\tc.in.Drain() //",
		"\tdefer c.in.Drain() //",
	},
	{
		"the schedule never starts anew", "supervisor.go",
		"\t\te.delay = e.backoff.Lost(now, ev.c.useful.Load())\n",
		"\t\te.delay = e.backoff.Failed()\n",
	},
	{
		"a useful connection is punished like one that brought nothing", "supervisor.go",
		"\t\te.delay = e.backoff.Lost(now, ev.c.useful.Load())\n",
		"\t\te.delay = e.backoff.Lost(now, false)\n",
	},
	{
		"the schedule starts anew after every connection, however short", "dialling.go",
		"\te.backoff.Connected(now)\n",
		"\te.backoff.Connected(now.Add(-time.Hour))\n",
	},
	{
		"AddRelay in OnDisconnect forgets the place in the schedule", "entry.go",
		"\t\te.backoff.Follow(former)\n",
		"",
	},
	{
		"EnsureRelay of a waiting relay dials it", "entry.go",
		"\tif ensure {\n",
		"\tif ensure {\n\t\tif e.stage == waiting {\n\t\t\ts.dial(e)\n\t\t}\n",
	},
	{
		"RemoveRelay of a relay on its way out tells a second OnDisconnect", "entry.go",
		"func (s *supervisor) remove(url string) error {\n\te := s.relays[url]\n\tif e == nil || !e.known() {\n",
		"func (s *supervisor) remove(url string) error {\n\te := s.relays[url]\n\tif e == nil {\n",
	},
	{
		"RemoveRelay during OnDisconnect is not told", "entry.go",
		"\t\te.gone = false //",
		"\t\te.gone = true //",
	},
	{
		"Reconnect in OnDisconnect is forgotten", "entry.go",
		"\t\te.wanted = true\n",
		"",
	},
	{
		"a failed dial keeps its place among WithMaxDials", "supervisor.go",
		"\ts.dialEnded(e)\n\ts.due.Cancel(alarm{e, alarmKeepalive})\n",
		"\ts.due.Cancel(alarm{e, alarmKeepalive})\n",
	},
	{
		"the end of a connection drops what was accepted for sending", "connection.go",
		"\tdeadline, drained := time.Now().Add(within), c.out.Drain()\n",
		"\tdeadline, drained := time.Now().Add(within), c.out.Drain()\n\tdrained = func() <-chan struct{} { now := make(chan struct{}); close(now); return now }()\n",
	},
	{
		"a Call that is pending at the stop waits for its deadline", "call.go",
		"\tcase <-c.dead:\n",
		"\tcase <-make(chan struct{}):\n",
	},
	{
		"Stop drops what was queued before it", "stop.go",
		"\t\tc.mail.Put(&stopLetter{})\n",
		"\t\tc.mail.Put(&stopLetter{})\n\t\tc.cancel(nil)\n",
	},
	{
		"a removed relay is only not connected", "relays.go",
		"\t\tif e := s.relays[url]; e != nil && (e.known() || len(e.users) > 0) {\n",
		"\t\tif e := s.relays[url]; e != nil {\n",
	},
	{
		"events of a closed subscription are delivered", "letters.go",
		"\tif l.Request != nil && l.Request.Over() {\n",
		"\tif l.Request != nil && l.Request.Over() && false {\n",
	},
	{
		"a second SendAfter takes the place of the first", "timers.go",
		"\tt.lastID++\n",
		"\tt.lastID = 1\n",
	},
}

// asKits are faults as kit takes them.
func asKits(faults []fault) (list []kit.Fault) {
	for _, f := range faults {
		list = append(list, kit.Fault(f))
	}
	return list
}

// The table must not rot: every fault has a place in today's source.
func TestPlantedFaultsHaveTheirPlaces(t *testing.T) {
	kit.FaultsHaveTheirPlaces(t, asKits(slices.Concat(plantedFaults, queueFaults)))
}

// TestModelFindsPlantedFaults takes minutes: each fault is a build of its own.
func TestModelFindsPlantedFaults(t *testing.T) {
	kit.FindFaults(t, "^TestModelIn(Lockstep|Bursts)$", []string{saysLockstep, saysBurst}, asKits(plantedFaults))
}
