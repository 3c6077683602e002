package proof_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test says which lines of the docs folder it shows in the last line of its comment,
// "Shows P29, L14.", in its name (TestP29EOSEPartsStoredFromLive), or, in the conformance
// table, as the id of its row.
var (
	shows  = regexp.MustCompile(`^Shows ([RPLQDB]\d\d(?:, [RPLQDB]\d\d)*)\.$`)
	almost = regexp.MustCompile(`(?i)^\s*shows:?\s+[RPLQDB]\d`)
	// Not "NIP44", and not "BIP340".
	inName = regexp.MustCompile(`(^|[^I])([RPLQ]\d\d)(?:[^\d]|$)`)
)

// proofs are the tests of each id, as directory.Test, in the order of their files.
type proofs map[string][]string

// readTests reads every test file of every module of the repository.
func readTests(t *testing.T) proofs {
	t.Helper()
	found := proofs{}
	set := token.NewFileSet()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		found.read(t, set, file, directory(t, path))
		return nil
	}))
	return found
}

// directory is that of a file as one says it: the root by the name of its package.
func directory(t *testing.T, path string) string {
	dir, err := filepath.Rel(root, filepath.Dir(path))
	require.NoError(t, err)
	if dir == "." {
		return "gennostr"
	}
	return filepath.ToSlash(dir)
}

func (p proofs) read(t *testing.T, set *token.FileSet, file *ast.File, dir string) {
	said := map[*ast.Comment]bool{}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if !isTest(decl) {
				continue
			}
			for _, id := range idsOfName(decl.Name.Name) {
				p.add(id, dir+"."+decl.Name.Name)
			}
			for _, comment := range comments(decl.Doc) {
				if ids := shows.FindStringSubmatch(strings.TrimPrefix(comment.Text, "// ")); ids != nil {
					said[comment] = true
					for id := range strings.SplitSeq(ids[1], ", ") {
						p.add(id, dir+"."+decl.Name.Name)
					}
				}
			}
		case *ast.GenDecl:
			if dir == "test/conformance" {
				ast.Inspect(decl, func(n ast.Node) bool { p.row(n, dir); return true })
			}
		}
	}
	// What is written and not counted would be believed.
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if almost.MatchString(strings.TrimPrefix(comment.Text, "//")) {
				assert.True(t, said[comment], "%s: neither a test's, nor \"Shows P29, L14.\" on a line of its own", set.Position(comment.Pos()))
			}
		}
	}
}

// row is one of the conformance table: {"R01", "what it promises", test}.
func (p proofs) row(n ast.Node, dir string) {
	row, ok := n.(*ast.CompositeLit)
	if !ok || len(row.Elts) != 3 {
		return
	}
	if id, ok := row.Elts[0].(*ast.BasicLit); ok && id.Kind == token.STRING {
		if text, err := strconv.Unquote(id.Value); err == nil && anID.FindString(text) == text {
			p.add(text, dir+".TestConformance/"+text)
		}
	}
}

func (p proofs) add(id, test string) {
	for _, have := range p[id] {
		if have == test {
			return
		}
	}
	p[id] = append(p[id], test)
}

func isTest(f *ast.FuncDecl) bool {
	for _, prefix := range []string{"Test", "Fuzz", "Example"} {
		if f.Recv == nil && strings.HasPrefix(f.Name.Name, prefix) {
			return true
		}
	}
	return false
}

func comments(group *ast.CommentGroup) []*ast.Comment {
	if group == nil {
		return nil
	}
	return group.List
}

// idsOfName are those in a name: P16, P18 and P19 in TestFiltersP16P18P19.
func idsOfName(name string) []string {
	var ids []string
	for {
		at := inName.FindStringSubmatchIndex(name)
		if at == nil {
			return ids
		}
		ids = append(ids, name[at[4]:at[5]])
		name = name[at[5]:]
	}
}

func TestIDsOfNamesAreRead(t *testing.T) {
	for name, want := range map[string][]string{
		"TestP17FiltersAreORed":         {"P17"},
		"TestFiltersP16P18P19":          {"P16", "P18", "P19"},
		"TestQ02AndQ03SlicestoreAnswer": {"Q02", "Q03"},
		"TestBothNIP44Agree":            nil,
		"TestBIP340Vectors":             nil,
		"TestNIP70RepostsP61":           {"P61"},
		"TestOneOfP1234":                nil,
	} {
		assert.Equal(t, want, idsOfName(name), name)
	}
}
