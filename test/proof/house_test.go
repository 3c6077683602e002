package proof_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the lessons promise of the repository itself, and not of its behaviour.

// sources parses all Go files of the repository, by their directories.
func sources(t *testing.T) map[string]map[string]*ast.File {
	t.Helper()
	set, found := token.NewFileSet(), map[string]map[string]*ast.File{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		dir := directory(t, path)
		if found[dir] == nil {
			found[dir] = map[string]*ast.File{}
		}
		found[dir][entry.Name()] = file
		return nil
	}))
	return found
}

// names tells whether a file names something of another package: leaks.Main.
func names(file *ast.File, pkg, name string) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg {
				found = true
			}
		}
		return !found
	})
	return found
}

// A program that imports the library needs a dozen modules at most.
// Shows L17.
func TestAProgramNeedsADozenModules(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".", "./nostr/...", "./nostrtest")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	modules := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out)))))
	require.Contains(t, modules, "github.com/coder/websocket")
	assert.LessOrEqual(t, len(modules), 12, "%v", modules)
}

// Whoever starts goroutines has tests that fail when one is left: of the library, and of
// the programs that show it.
// Shows L21.
func TestWhereGoroutinesAreStartedNoneMayBeLeft(t *testing.T) {
	gated := 0
	for dir, files := range sources(t) {
		starts, gate, tests := false, false, false
		for name, file := range files {
			if strings.HasSuffix(name, "_test.go") {
				tests = true
				gate = gate || names(file, "leaks", "Main") || names(file, "kit", "Main")
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					starts = true
				case *ast.SelectorExpr: // of a sync.WaitGroup
					starts = starts || n.Sel.Name == "Go"
				}
				return !starts
			})
		}
		if starts && tests && dir != "bench" && !strings.HasPrefix(dir, "interop") {
			assert.True(t, gate, "%s starts goroutines, and no test looks for those that are left", dir)
			gated++
		}
	}
	assert.Greater(t, gated, 5)
}

// Tests with random programs are the same in each run: a gate is not red by luck.
func TestRandomProgramsAreTheSameInEachRun(t *testing.T) {
	const random, seed = `"pgregory.net/rapid"`, `"github.com/gennostr/gennostr/test/seed"`
	seeded := 0
	for dir, files := range sources(t) {
		if dir == "test/seed" {
			continue
		}
		imported := map[string]bool{}
		for _, file := range files {
			for _, i := range file.Imports {
				imported[i.Path.Value] = true
			}
		}
		if imported[random] {
			assert.True(t, imported[seed], "%s has random programs and does not import test/seed", dir)
			seeded++
		}
	}
	assert.Greater(t, seeded, 10)
}

// Nor do other tests draw by chance: all that they draw comes of a generator with a seed.
// The ports of interop's relays are what is nobody's at the time.
func TestNoTestDrawsWithoutASeed(t *testing.T) {
	drawing := 0
	for dir, files := range sources(t) {
		if dir == "interop" {
			continue
		}
		for name, file := range files {
			if !strings.HasSuffix(name, "_test.go") {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if x, is := sel, ok; is && isSelector(x, "rand", x.Sel.Name) && x.X.(*ast.Ident).Obj == nil {
					drawing++
					assert.True(t, strings.HasPrefix(x.Sel.Name, "New"), "%s/%s: rand.%s has no seed of its own", dir, name, x.Sel.Name)
				}
				return true
			})
		}
	}
	assert.Greater(t, drawing, 10)
}

// The README names every example, and nothing that is not there.
func TestTheReadmeNamesTheExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("examples/([a-z]+)").FindAllSubmatch(text, -1) {
		named[string(m[1])] = true
	}
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name() != "internal" {
			assert.True(t, named[e.Name()], "%s is not named", e.Name())
			delete(named, e.Name())
		}
	}
	assert.Empty(t, named, "are not there")
}

// The gate runs everything under the race detector, and every fuzz target.
// Shows L12, L21.
func TestTheGateRunsTheRaceDetectorAndTheFuzzTargets(t *testing.T) {
	gate, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	require.NoError(t, err)
	for _, line := range []string{"\tgo test -race ./...\n", "\t\tfuzz \"$package\"\n", "-race -timeout 10m -run '^TestModelIn'"} {
		assert.Contains(t, string(gate), line)
	}
}

// Certificates are verified unless a program says otherwise: nothing of the library does.
// Shows D20.
func TestNothingSwitchesTheVerificationOfCertificatesOff(t *testing.T) {
	for dir, files := range sources(t) {
		for name, file := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if ok && dir == "nostrtest" && isSelector(lit.Type, "websocket", "AcceptOptions") {
					return false // there the same word is about the origin of browsers
				}
				if id, ok := n.(*ast.Ident); ok {
					assert.NotEqual(t, "InsecureSkipVerify", id.Name, "%s/%s", dir, name)
				}
				return true
			})
		}
	}
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}
