package gennostr_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test of the model-based tests: each of these faults, planted into a copy of
// the library, has to be found by them.

// fault is a change of one place in one file.
type fault struct {
	name, file, old, new string
}

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
		"a relay that was removed while it was dialled connects all the same", "supervisor.go",
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
		"the schedule starts anew after every connection, however short", "supervisor.go",
		"\te.backoff.Connected(now)\n",
		"\te.backoff.Connected(now.Add(-time.Hour))\n",
	},
	{
		"AddRelay in OnDisconnect forgets the place in the schedule", "entry.go",
		"\t\tfresh.backoff.Follow(e.backoff)\n",
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
		"\t\tif e := s.relays[url]; e != nil && e.known() {\n",
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

// plant returns the file with the fault in it.
func (f fault) plant(t *testing.T) []byte {
	source, err := os.ReadFile(f.file)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(source, []byte(f.old)), "%s has to contain this once:\n%s", f.file, f.old)
	return bytes.Replace(source, []byte(f.old), []byte(f.new), 1)
}

// The table must not rot: every fault has a place in today's source.
func TestPlantedFaultsHaveTheirPlaces(t *testing.T) {
	for _, f := range slices.Concat(plantedFaults, queueFaults) {
		assert.NotEqual(t, f.old, f.new, f.name)
		f.plant(t)
	}
}

// TestModelFindsPlantedFaults takes minutes: each fault is a build of its own.
func TestModelFindsPlantedFaults(t *testing.T) {
	findFaults(t, "^TestModelIn(Lockstep|Bursts)$", plantedFaults)
}

// findFaults runs some of the model-based tests with each of the faults.
func findFaults(t *testing.T, run string, faults []fault) {
	if os.Getenv("GENNOSTR_FAULTS") == "" {
		t.Skip("takes minutes; run it with GENNOSTR_FAULTS=1 go test -timeout 30m -run " + t.Name() + " -v .")
	}
	t.Run("without a fault nothing is found", func(t *testing.T) {
		out, err := testModelWith(t, run, "", nil)
		require.NoError(t, err, out)
	})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			out, err := testModelWith(t, run, f.file, f.plant(t))
			require.Error(t, err, "the fault was not found:\n%s", out)
			report := violationIn(out)
			require.NotEmpty(t, report, "the tests failed, but not for a violation:\n%s", out)
			t.Log(report)
		})
	}
}

// testModelWith runs the model-based tests in a process of their own, with a
// file of the library replaced.
func testModelWith(t *testing.T, run, file string, source []byte) (string, error) {
	dir, err := os.Getwd()
	require.NoError(t, err)
	replace := map[string]string{}
	if file != "" {
		copied := filepath.Join(t.TempDir(), filepath.Base(file))
		require.NoError(t, os.WriteFile(copied, source, 0o600))
		replace[filepath.Join(dir, file)] = copied
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(path, overlay, 0o600))

	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", path, "-vet=off", "-count=1", "-timeout=3m",
		"-run="+run, ".", "-rapid.checks=3000", "-rapid.nofailfile", "-rapid.shrinktime=3s")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// violationIn is what a failed model-based test has to say: the violation and
// its program, as rapid repeats them at the end.
func violationIn(out string) string {
	for _, says := range []string{saysLockstep, saysBurst, saysQueue} {
		if i := strings.LastIndex(out, says); i >= 0 {
			report := out[i:]
			for _, behind := range []string{"--- FAIL", "\nFAIL", "):\n"} { // "):" is where a traceback begins
				report, _, _ = strings.Cut(report, behind)
			}
			return report
		}
	}
	return ""
}
