// Package proof_test holds the repository to its word: each line of the docs folder that
// has an id (R01, P29, L14) is shown by a test, or stands here with the reason why there
// is nothing to test. What shows what is written to docs/PROOF.md.
package proof_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/test/kit"
)

// TestMain leaves it at one run: what is written does not race.
func TestMain(m *testing.M) {
	if kit.UnderRace {
		fmt.Println("proof: nothing to look for under the race detector")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write docs/PROOF.md anew")

// fake is the relay of the tests: that it does as a line says shows nothing of a client.
const fake = "nostrtest."

// shown are the tests of a line beside those of the test relay.
func (p proofs) shown(id string) []string {
	return slices.DeleteFunc(slices.Clone(p[id]), func(test string) bool { return strings.HasPrefix(test, fake) })
}

func TestEveryLineIsShownByATest(t *testing.T) {
	tests := readTests(t)
	known := map[string]bool{}
	for _, p := range pages {
		for _, l := range readLines(t, p) {
			known[l.id] = true
			reason, exempt := nothingToTest[l.id]
			switch shown := tests.shown(l.id); {
			case exempt && len(shown) > 0:
				t.Errorf("%s: is said to have nothing to test (%s), and is shown by %v", l.id, reason, shown)
			case !exempt && len(shown) == 0:
				t.Errorf("%s: no test shows it: %s", l.id, l.firstWords())
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tests)) {
		assert.True(t, known[id], "%s: shown by %v, and no page has it", id, tests[id])
	}
	for id := range nothingToTest {
		assert.True(t, known[id], "%s: has nothing to test, and no page has it", id)
	}
}

func TestTheTableIsTheOneThatIsWritten(t *testing.T) {
	path := filepath.Join(root, "docs", "PROOF.md")
	want := table(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	if want != string(have) {
		t.Errorf("docs/PROOF.md is not what the tests say: go test ./test/proof -update\n%s", firstDifference(want, string(have)))
	}
}

// table is docs/PROOF.md.
func table(t *testing.T) string {
	t.Helper()
	tests := readTests(t)
	var b strings.Builder
	b.WriteString("# What shows what\n\nWritten by `go test ./test/proof -update`, and held to the docs and the tests by `go test ./test/proof`: each line that has an\nid is shown by a test, or the reason stands here why it is not. A test names what it shows in the last line of its comment\n(`// Shows P29, L14.`) or in its own name. Tests of `nostrtest` show that the fault relay does as the line says, no more.\n")
	for _, p := range pages {
		lines := readLines(t, p)
		if len(lines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s: [%s](%s)\n\n| id | line | shown by |\n|---|---|---|\n", p.title, p.file, p.file)
		for _, l := range lines {
			cell := quoted(tests[l.id])
			if reason, exempt := nothingToTest[l.id]; exempt {
				cell = strings.TrimSuffix("nothing to test: "+reason+"<br>"+cell, "<br>")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", l.id, strings.ReplaceAll(l.firstWords(), "|", `\|`), cell)
		}
	}
	return b.String()
}

func quoted(tests []string) string {
	var cells []string
	for _, test := range slices.Sorted(slices.Values(tests)) {
		cells = append(cells, "`"+test+"`")
	}
	return strings.Join(cells, "<br>")
}

// firstDifference is the first line of each that is not the other's.
func firstDifference(want, have string) string {
	w, h := strings.Split(want, "\n"), strings.Split(have, "\n")
	for i := range min(len(w), len(h)) {
		if w[i] != h[i] {
			return "want " + w[i] + "\nhave " + h[i]
		}
	}
	return "one ends before the other"
}
