package nostr_test

import (
	"go/ast"
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is made to be signed is a value, to be completed by whoever asked for it; pointers are to
// events that are complete: read, verified, signed, or a rumor, which is not signed ever.
func TestADraftIsAValue(t *testing.T) {
	drafts := 0
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil && !strings.HasPrefix(f.Name.Name, "New") || f.Recv != nil && f.Name.Name != "Event" {
				continue
			}
			name, kind := file.Name.Name+"."+f.Name.Name, result(f)
			if kind == "" || name == "nip59.NewRumor" {
				continue
			}
			drafts++
			assert.Equal(t, "Event", kind, name)
			assert.Regexp(t, `to be\s+signed`, f.Doc.Text(), "%s says so", name)
		}
	}
	assert.GreaterOrEqual(t, drafts, 11)
}

// result is how a function returns an event: "Event", "*Event", or not at all: "".
func result(f *ast.FuncDecl) string {
	if f.Type.Results == nil {
		return ""
	}
	kind := strings.Replace(types.ExprString(f.Type.Results.List[0].Type), "nostr.", "", 1)
	if kind != "Event" && kind != "*Event" {
		return ""
	}
	return kind
}
