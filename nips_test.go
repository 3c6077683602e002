package gennostr_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	nipPackage = regexp.MustCompile(`\bnip[0-9a-z]{2}\b`)
	example    = regexp.MustCompile(`(?m)^func Example\w*\(\) \{$`)
	fuzzTarget = regexp.MustCompile(`(?m)^func Fuzz\w+\(`)
)

// A NIP's package is found from package nostr, says what it is, shows how it is used, and has
// its decoders fuzzed: all of them read what strangers write.
// Shows L01.
func TestEveryNIPPackageIsListedDocumentedShownAndFuzzed(t *testing.T) {
	dirs, err := filepath.Glob("nostr/nip*")
	require.NoError(t, err)
	require.Greater(t, len(dirs), 15)

	there := make(map[string]bool)
	listed := listOfNIPs(t)
	for _, dir := range dirs {
		name := filepath.Base(dir)
		there[name] = true
		assert.Contains(t, listed, name, "in the list of nostr/doc.go")
		doc, tests := packageDoc(t, dir), ""
		for _, file := range glob(t, dir+"/*_test.go") {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			tests += string(data)
		}
		assert.True(t, strings.HasPrefix(doc, "Package "+name+" "), "%s has a doc comment", name)
		assert.Contains(t, doc, "NIP-"+strings.ToUpper(strings.TrimPrefix(name, "nip")), "that of %s names its NIP", name)
		assert.Regexp(t, example, tests, "%s has an example", name)
		assert.Contains(t, tests, "// Output:", "which is run")
		assert.Regexp(t, fuzzTarget, tests, "%s has a fuzz target", name)
	}
	for name := range listed {
		assert.True(t, there[name], "%s is listed in nostr/doc.go and not there", name)
	}
}

// listOfNIPs returns the packages in the indented list of package nostr's comment.
func listOfNIPs(t *testing.T) map[string]bool {
	listed := make(map[string]bool)
	for line := range strings.Lines(packageDoc(t, "nostr")) {
		if text, indented := strings.CutPrefix(line, "\tnip"); indented {
			names, _, _ := strings.Cut("nip"+text, "   ")
			for _, name := range nipPackage.FindAllString(names, -1) {
				assert.False(t, listed[name], "%s is listed twice", name)
				listed[name] = true
			}
		}
	}
	return listed
}

// packageDoc returns the package comment of a directory, of which there is one.
func packageDoc(t *testing.T, dir string) string {
	doc := ""
	for _, path := range glob(t, dir+"/*.go") {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		if file.Doc == nil || strings.HasSuffix(path, "_test.go") {
			continue
		}
		assert.Empty(t, doc, "%s: a second package comment", path)
		doc = file.Doc.Text()
	}
	return doc
}

func glob(t *testing.T, pattern string) []string {
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	return files
}
