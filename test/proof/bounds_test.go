package proof_test

import (
	"go/ast"
	"go/constant"
	"go/printer"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// aNumber is a constant that docs/BOUNDS.md states: `package.name` = 1,024, or = 64 KiB.
var aNumber = regexp.MustCompile("`(\\w+)\\.(\\w+)` = ([\\d,]+)(?: ([KMG])iB)?")

// The numbers of docs/BOUNDS.md are those of the code, and each of its lines has one.
func TestTheNumbersOfTheBoundsAreThoseOfTheCode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "BOUNDS.md"))
	require.NoError(t, err)
	code := constants(t)
	stated := 0
	for row := range strings.Lines(string(text)) {
		if !strings.HasPrefix(row, "| B") {
			continue
		}
		numbers := aNumber.FindAllStringSubmatch(row, -1)
		assert.NotEmpty(t, numbers, row)
		for _, m := range numbers {
			n, err := strconv.ParseInt(strings.ReplaceAll(m[3], ",", ""), 10, 64)
			require.NoError(t, err)
			if m[4] != "" {
				n <<= 10 * (1 + strings.Index("KMG", m[4]))
			}
			name := m[1] + "." + m[2]
			values := code[name]
			assert.Equal(t, []int64{n}, values, "%s", name)
			stated++
		}
	}
	assert.Greater(t, stated, 40)
}

// constants are the integers that are constants of the library, by their packages' names: each
// expression that needs no other name.
func constants(t *testing.T) map[string][]int64 {
	t.Helper()
	found := map[string][]int64{}
	for _, files := range sources(t) {
		for name, file := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, decl := range file.Decls {
				d, ok := decl.(*ast.GenDecl)
				if !ok || d.Tok != token.CONST {
					continue
				}
				for _, spec := range d.Specs {
					s := spec.(*ast.ValueSpec)
					for i, value := range s.Values {
						if n, ok := integer(value); ok {
							key := file.Name.Name + "." + s.Names[i].Name
							found[key] = append(found[key], n)
						}
					}
				}
			}
		}
	}
	return found
}

func integer(e ast.Expr) (int64, bool) {
	var text strings.Builder
	if printer.Fprint(&text, token.NewFileSet(), e) != nil {
		return 0, false
	}
	tv, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text.String())
	if err != nil || tv.Value == nil || tv.Value.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(tv.Value)
}
