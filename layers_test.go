package gennostr_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/gennostr/gennostr"

// floor is where a package of the module lives (DESIGN 1), in tenths; imports point
// down only.
func floor(dir string) int {
	first, _, _ := strings.Cut(dir, "/")
	switch {
	case dir == "internal/strictjson", dir == "internal/bech32", dir == "internal/domain":
		return 0
	case dir == "internal/bolt11": // stands on bech32
		return 5
	case dir == "nostr":
		return 10
	case dir == "examples/internal/cli": // what an example must not get wrong
		return 45
	case dir == "internal/refs": // what several NIPs have in their tags
		return 11
	case first == "nostr":
		return 12
	case first == "internal", first == "nostrtest":
		return 20
	case dir == ".":
		return 30
	case first == "examples":
		return 50
	case first == "test": // suites of tests, outside of the house: nothing but tests imports them
		return 60
	}
	return 40
}

// Tests may look up: a relay for tests is what the library is tested with.
// Shows D01.
func TestImportsPointDown(t *testing.T) {
	imports := 0
	require.NoError(t, filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "internal":
			return nil
		case entry.IsDir():
			return skipped(file, entry.Name())
		case !strings.HasSuffix(file, ".go"), strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(file))
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			below, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			imports++
			below = path.Join(".", below)
			switch from, to := floor(dir), floor(below); {
			case from < to:
				assert.Fail(t, "an import that points up", "%s (floor %.1f) imports %s (floor %.1f)", file, float64(from)/10, below, float64(to)/10)
			case from == 0:
				assert.Fail(t, "an import on the ground floor", "%s imports %s", file, below)
			case strings.HasPrefix(dir, "internal/") && below == "nostrtest":
				assert.Fail(t, "a part of the library that imports its tests' relay", "%s imports %s", file, below)
			case from == 50 && to == 50 && path.Dir(dir) == "examples":
				assert.Fail(t, "an example that imports another", "%s imports %s", file, below)
			}
		}
		return nil
	}))
	assert.Greater(t, imports, 50)
}
