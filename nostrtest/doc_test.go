package nostrtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the package comment does not name nobody finds.
func TestPackageCommentNamesEveryFaultAndProfile(t *testing.T) {
	manual, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range files {
		profiles := strings.HasPrefix(name, "profile")
		if strings.HasSuffix(name, "_test.go") || !profiles && !strings.HasPrefix(name, "fault") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			f, isFunc := declaration.(*ast.FuncDecl)
			if !isFunc || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
				continue
			}
			result, _ := f.Type.Results.List[0].Type.(*ast.Ident)
			if result != nil && (result.Name == "Fault" || profiles && result.Name == "Option") {
				found++
				assert.Contains(t, string(manual), "["+f.Name.Name+"]")
			}
		}
	}
	assert.Greater(t, found, 80)
}
