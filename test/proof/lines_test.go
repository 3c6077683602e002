package proof_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is where the repository begins.
const root = "../.."

// line is one line of the docs folder that has an id.
type line struct {
	id   string
	says string // as it stands there
}

// page is one page of the docs folder with lines: in a table, one line each, or one after
// another in running text.
type page struct {
	file   string
	title  string
	series []string // the letters its ids begin with
	column int      // of the table, in which the promise stands; -1: it is text
}

var pages = []page{
	{"GENSERVER.md", "The behaviours", []string{"R"}, 3},
	{"PROTOCOL.md", "The protocol and the quirks of running relays", []string{"P", "Q"}, -1},
	{"LESSONS.md", "The lessons", []string{"L"}, 3},
	{"DESIGN.md", "The promises of the design", []string{"D"}, 3},
	{"BOUNDS.md", "What is bounded", []string{"B"}, 3},
}

// readLines are the lines of a page, in their order.
func readLines(t *testing.T, p page) []line {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", p.file))
	require.NoError(t, err)
	var lines []line
	for _, letter := range p.series {
		next := number(letter)
		for {
			id := next()
			says, found := p.find(string(raw), id)
			if !found {
				break
			}
			lines = append(lines, line{id, says})
		}
	}
	return lines
}

// number counts the ids of a series: P01, P02 and so on.
func number(letter string) func() string {
	n := 0
	return func() string {
		n++
		return letter + string(rune('0'+n/10)) + string(rune('0'+n%10))
	}
}

// anID is an id where a line begins, or where one is spoken of.
var anID = regexp.MustCompile(`\b[RPLQDB]\d\d\b`)

// find looks for the line with that id. In text it ends with its paragraph or with the
// next id: "P14 One websocket for everything. P15 A path is part of the identity."
func (p page) find(text, id string) (string, bool) {
	if p.column >= 0 {
		for row := range strings.Lines(text) {
			cells := strings.Split(row, " | ")
			if strings.HasPrefix(row, "| "+id+" |") && len(cells) >= p.column {
				return strings.TrimSuffix(strings.TrimSpace(cells[p.column-1]), " |"), true
			}
		}
		return "", false
	}
	at := regexp.MustCompile(`(?m)(?:^|[.;] |\*\* )` + id + ` `).FindStringIndex(text)
	if at == nil {
		return "", false
	}
	says, _, _ := strings.Cut(text[at[1]:], "\n")
	if next := regexp.MustCompile(`[.;] [PQD]\d\d `).FindStringIndex(says); next != nil {
		says = says[:next[0]+1]
	}
	return says, true
}

// firstWords are enough of a line to know it by.
func (l line) firstWords() string {
	const most = 110
	if len(l.says) <= most {
		return l.says
	}
	cut := strings.LastIndexByte(l.says[:most], ' ')
	words := strings.TrimRight(l.says[:cut], " ,;:")
	if strings.Count(words, "`")%2 == 1 {
		words += "`"
	}
	return words + " …"
}

// The ids are read as they stand: none is left out, and none that a page speaks of is unknown.
func TestEveryIDOfTheDocsIsReadOnce(t *testing.T) {
	known := map[string]bool{}
	last := map[string]string{}
	for _, p := range pages {
		for _, l := range readLines(t, p) {
			assert.False(t, known[l.id], "%s twice", l.id)
			assert.NotEmpty(t, l.says, l.id)
			known[l.id] = true
			last[l.id[:1]] = l.id
		}
	}
	assert.Equal(t, "R58", last["R"])
	assert.GreaterOrEqual(t, last["P"], "P70")
	assert.GreaterOrEqual(t, last["Q"], "Q08")
	assert.GreaterOrEqual(t, last["L"], "L44")
	assert.GreaterOrEqual(t, last["B"], "B29")
	assert.GreaterOrEqual(t, last["D"], "D61")
	for _, p := range pages {
		raw, err := os.ReadFile(filepath.Join(root, "docs", p.file))
		require.NoError(t, err)
		for _, id := range anID.FindAllString(string(raw), -1) {
			assert.True(t, known[id], "%s speaks of %s", p.file, id)
		}
	}
}
