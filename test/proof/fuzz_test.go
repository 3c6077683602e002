package proof_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is fuzzed, and with what a fuzzer begins.

// targets are a package's fuzz targets.
func targets(files map[string]*ast.File) (list []*ast.FuncDecl) {
	for name, file := range files {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				list = append(list, f)
			}
		}
	}
	return list
}

// fuzzed are the names that a package's targets use, and the functions that they call of
// the package, of its tests or not.
func fuzzed(files map[string]*ast.File) map[string]bool {
	bodies := map[string][]ast.Node{}
	for _, file := range files {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				bodies[f.Name.Name] = append(bodies[f.Name.Name], f.Body)
			}
		}
	}
	used := map[string]bool{}
	var follow func(n ast.Node)
	follow = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && !used[id.Name] {
				used[id.Name] = true
				for _, body := range bodies[id.Name] {
					follow(body)
				}
			}
			return true
		})
	}
	for _, f := range targets(files) {
		follow(f.Body)
	}
	return used
}

// reads tells whether a function reads what may come from strangers, by its name.
func reads(f *ast.FuncDecl) bool {
	switch name := f.Name.Name; {
	case strings.HasPrefix(name, "Unmarshal"):
		return true
	case f.Recv != nil:
		return false
	default:
		return name == "Unwrap" || name == "Read" || strings.HasPrefix(name, "Parse") || strings.HasPrefix(name, "Decode") ||
			strings.HasPrefix(name, "Decrypt") || strings.HasPrefix(name, "Salvage")
	}
}

// Whatever reads what strangers write has a fuzz target in its package that gets there.
// Shows L01.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	decoders := 0
	for dir, files := range sources(t) {
		if strings.HasPrefix(dir, "examples") || dir == "bench" || dir == "interop" || dir == "internal/vectors" {
			continue // programs and tests
		}
		used := fuzzed(files)
		for name, file := range files {
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok || strings.HasSuffix(name, "_test.go") || !reads(f) {
					continue
				}
				assert.True(t, used[f.Name.Name] || strings.HasPrefix(f.Name.Name, "Unmarshal") && used["Unmarshal"], "%s: nothing fuzzes %s", dir, f.Name.Name)
				decoders++
			}
		}
	}
	assert.Greater(t, decoders, 40)
}

var named = regexp.MustCompile("`([a-z]+)(?:\\.[A-Z]\\w*)?`")

// machines are the packages that internal/README.md calls state machines, and whatever else
// stands in that paragraph.
func machines(t *testing.T) map[string]bool {
	text, err := os.ReadFile(filepath.Join(root, "internal", "README.md"))
	require.NoError(t, err)
	list := map[string]bool{}
	for paragraph := range strings.SplitSeq(string(text), "\n\n") {
		if strings.Contains(paragraph, "are state machines") {
			for _, m := range named.FindAllStringSubmatch(paragraph, -1) {
				list[m[1]] = true
			}
		}
	}
	return list
}

// Every state machine is driven by a fuzzer, into states that nobody has thought of.
// Shows L21.
func TestEveryStateMachineIsFuzzed(t *testing.T) {
	all := sources(t)
	list := machines(t)
	assert.Greater(t, len(list), 20)
	for name := range list {
		dir := "internal/" + name
		require.Contains(t, all, dir)
		assert.NotEmpty(t, targets(all[dir]), "nothing fuzzes %s", dir)
	}
}

// A fuzzer that begins with nothing finds nothing in two seconds, and a plain test nothing at
// all: each target has inputs of its own, those that are kept in testdata or in its code.
// Shows L01.
func TestEveryFuzzTargetHasInputs(t *testing.T) {
	found := 0
	for dir, files := range sources(t) {
		for _, f := range targets(files) {
			found++
			kept, err := filepath.Glob(filepath.Join(root, strings.TrimPrefix(dir, "gennostr"), "testdata", "fuzz", f.Name.Name, "*"))
			require.NoError(t, err)
			added := false
			ast.Inspect(f.Body, func(n ast.Node) bool {
				added = added || n != nil && isCall(n, "f", "Add")
				return !added
			})
			assert.True(t, added || len(kept) > 0, "%s: %s begins with nothing", dir, f.Name.Name)
		}
	}
	assert.Greater(t, found, 80)
}

func isCall(n ast.Node, x, name string) bool {
	call, ok := n.(*ast.CallExpr)
	return ok && isSelector(call.Fun, x, name)
}

// What is kept is of a target that is there.
func TestWhatIsKeptOfFuzzingIsRun(t *testing.T) {
	all := sources(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || filepath.Base(filepath.Dir(path)) != "fuzz" || filepath.Base(filepath.Dir(filepath.Dir(path))) != "testdata" {
			return err
		}
		dir, there := directory(t, filepath.Dir(filepath.Dir(path))), false
		for _, f := range targets(all[dir]) {
			there = there || f.Name.Name == entry.Name()
		}
		assert.True(t, there, "%s: there is no target %s", dir, entry.Name())
		return nil
	}))
}
