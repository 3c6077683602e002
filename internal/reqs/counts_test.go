package reqs_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reqs"
)

const maxCounts = 1024

// Shows B09.
func TestOf1025OpenCountsTheOldestEnds(t *testing.T) {
	table := newTable(grace)
	table.OpenCount("answered", nil, at(0))
	require.Equal(t, reqs.Accept, table.Count("answered", at(0)))
	for i := range maxCounts {
		table.OpenCount(strconv.Itoa(i), nil, at(0))
	}
	table.OpenCount("0", nil, at(0)) // asked again: the youngest now, and no more than before
	table.Open("req", kinds(1), at(0))
	table.OpenCount("new", nil, at(0))
	assert.Equal(t, reqs.Late, table.Count("1", at(0)))
	assert.Equal(t, reqs.Accept, table.Count("0", at(0)))
	assert.Equal(t, reqs.Accept, table.Count("2", at(0)))
	assert.Equal(t, reqs.Accept, table.Count("new", at(0)))
	assert.Equal(t, 1, table.Len())
}

func TestTrimGivesUpCountsThatAreNeverAnswered(t *testing.T) {
	for name, grace := range map[string]time.Duration{"with grace": 30 * time.Second, "without": 0} {
		t.Run(name, func(t *testing.T) {
			most := max(10*grace, time.Minute)
			table := newTable(grace)
			table.OpenCount("old", nil, at(0))
			table.OpenCount("again", nil, at(0))
			table.OpenCount("again", nil, at(1))
			table.Open("req", kinds(1), at(0))
			table.OpenNeg("neg", nil, at(0))

			table.Trim(at(0).Add(most))
			over := at(0).Add(most + time.Second)
			assert.Equal(t, reqs.Accept, table.Count("again", at(0).Add(most)), "not older than that")
			table.OpenCount("again", nil, at(1).Add(most))
			table.Trim(over)
			want := reqs.Late
			if grace == 0 {
				want = reqs.Unknown
			}
			assert.Equal(t, want, table.Count("old", over))
			assert.Equal(t, reqs.Accept, table.Count("again", over))
			assert.Equal(t, reqs.Accept, table.Neg("neg", over), "only COUNTs")
			assert.Equal(t, 1, table.Len())

			table.Trim(over.Add(grace))
			assert.False(t, table.Known("old"), "nothing of it is left")
		})
	}
}
