package gennostr_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ruleID is how internal comments and tests name the rules of the docs folder.
var ruleID = regexp.MustCompile(`\b[RPLQ]\d{2}\b|DESIGN \d`)

// Public documentation speaks to people who have never seen the docs folder.
func TestPublicDocsHaveNoRuleIDs(t *testing.T) {
	packages, found := 0, 0
	for _, files := range publicPackages(t) {
		packages++
		for _, file := range files {
			ast.Inspect(file.exported, func(n ast.Node) bool {
				if comments, ok := n.(*ast.CommentGroup); ok {
					found++
					id := ruleID.FindString(comments.Text())
					assert.Empty(t, id, "%s: exported documentation names a rule of the docs folder", file.set.Position(comments.Pos()))
				}
				return true
			})
		}
	}
	assert.Greater(t, packages, 5, "the module's packages are found")
	assert.Greater(t, found, 500, "and their documentation")
}

// docLink is a doc link to something of the same package.
var docLink = regexp.MustCompile(`(?m)(?:^|[\s(*])\[\*?([A-Z]\w*)(?:\.([A-Z]\w*))?\]`)

// A doc link that leads nowhere is printed as text with brackets, and nobody is told.
func TestDocLinksLeadSomewhere(t *testing.T) {
	followed := 0
	for _, files := range publicPackages(t) {
		names := exportedNames(files)
		for _, file := range files {
			ast.Inspect(file.exported, func(n ast.Node) bool {
				comments, ok := n.(*ast.CommentGroup)
				if !ok {
					return true
				}
				for _, link := range docLink.FindAllStringSubmatch(comments.Text(), -1) {
					name := link[1]
					if link[2] != "" {
						name += "." + link[2]
					}
					followed++
					assert.True(t, names[name], "%s: %s leads nowhere", file.set.Position(comments.Pos()), name)
				}
				return true
			})
		}
	}
	assert.Greater(t, followed, 100)
}

// exportedNames are what doc links of a package can name, methods as Type.Method.
// Fields cannot be linked to.
func exportedNames(files []sourceFile) map[string]bool {
	names := make(map[string]bool)
	for _, file := range files {
		for _, decl := range file.exported.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				name := decl.Name.Name
				if decl.Recv != nil {
					name = receiverName(decl.Recv.List[0].Type) + "." + name
				}
				names[name] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						names[spec.Name.Name] = true
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							names[name.Name] = true
						}
					}
				}
			}
		}
	}
	return names
}

func receiverName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// sourceFile is a file of which only what is exported is left.
type sourceFile struct {
	set      *token.FileSet
	exported *ast.File
}

// publicPackages parses the packages that others can import, without their tests.
func publicPackages(t *testing.T) map[string][]sourceFile {
	t.Helper()
	packages := make(map[string][]sourceFile)
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(path, entry.Name())
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil || file.Name.Name == "main" {
			return err
		}
		ast.FileExports(file)
		file.Decls = withoutHidden(file.Decls)
		dir := filepath.Dir(path)
		packages[dir] = append(packages[dir], sourceFile{set, file})
		return nil
	}))
	return packages
}

// skipped leaves out what belongs to nobody's import path.
func skipped(path, name string) error {
	if path == "." {
		return nil
	}
	_, nested := os.Stat(filepath.Join(path, "go.mod"))
	if name == "internal" || name == "testdata" || strings.HasPrefix(name, ".") || nested == nil {
		return filepath.SkipDir
	}
	return nil
}

// withoutHidden drops the methods of types that are not exported.
func withoutHidden(decls []ast.Decl) (kept []ast.Decl) {
	for _, decl := range decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && len(f.Recv.List) == 1 && !ast.IsExported(receiverName(f.Recv.List[0].Type)) {
			continue
		}
		kept = append(kept, decl)
	}
	return kept
}
