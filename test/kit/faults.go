package kit

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Fault is a change of one place in one file of the library, to be found by tests.
type Fault struct {
	Name string
	File string // from the module's folder
	Old  string // what is there, once
	New  string // what takes its place
}

// FaultsHaveTheirPlaces checks that the table has not rotted: every fault has a
// place in today's source.
func FaultsHaveTheirPlaces(t *testing.T, faults []Fault) {
	t.Helper()
	for _, f := range faults {
		assert.NotEqual(t, f.Old, f.New, f.Name)
		f.plant(t)
	}
}

// FindFaults runs the caller's tests of a pattern once as they are, which has to
// find nothing, and once with each fault planted into a copy of its file, which has
// to be found; says are the beginnings of what the tests report then. It takes
// minutes, since each fault is a build of its own: without GENNOSTR_FAULTS in the
// environment it skips.
func FindFaults(t *testing.T, run string, says []string, faults []Fault) {
	t.Helper()
	if os.Getenv("GENNOSTR_FAULTS") == "" {
		t.Skip("takes minutes; run it with GENNOSTR_FAULTS=1 go test -timeout 30m -run " + t.Name() + " -v, and this folder")
	}
	t.Run("without a fault nothing is found", func(t *testing.T) {
		out, err := testWith(t, run, "", nil)
		require.NoError(t, err, out)
	})
	for _, f := range faults {
		t.Run(f.Name, func(t *testing.T) {
			out, err := testWith(t, run, f.File, f.plant(t))
			require.Error(t, err, "the fault was not found:\n%s", out)
			report := reportIn(out, says)
			require.NotEmpty(t, report, "the tests failed, but not for a violation:\n%s", out)
			t.Log(report)
		})
	}
}

// plant returns the file with the fault in it.
func (f Fault) plant(t *testing.T) []byte {
	source, err := os.ReadFile(filepath.Join(moduleDir(t), filepath.FromSlash(f.File)))
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(source, []byte(f.Old)), "%s has to contain this once:\n%s", f.File, f.Old)
	return bytes.Replace(source, []byte(f.Old), []byte(f.New), 1)
}

// testWith runs tests of the current folder in a process of their own, with a file
// of the library replaced.
func testWith(t *testing.T, run, file string, source []byte) (string, error) {
	replace := map[string]string{}
	if file != "" {
		copied := filepath.Join(t.TempDir(), filepath.Base(file))
		require.NoError(t, os.WriteFile(copied, source, 0o600))
		replace[filepath.Join(moduleDir(t), filepath.FromSlash(file))] = copied
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

// moduleDir is the folder of the module that the test belongs to: the nearest one
// above with a go.mod.
func moduleDir(t *testing.T) string {
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, dir, up, "no go.mod above")
		dir = up
	}
}

// reportIn is what failed model-based tests have to say: the violation and its
// program, as rapid repeats them at the end.
func reportIn(out string, says []string) string {
	for _, says := range says {
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
