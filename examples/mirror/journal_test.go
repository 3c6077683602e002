package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A crash may leave any beginning of the file, and rubbish behind it.
func TestAJournalThatWasCutIsReadAsFarAsItIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j, err := openJournal(path, "a", "b")
	require.NoError(t, err)
	all := notes(5)
	for _, e := range all {
		require.NoError(t, j.add(e))
	}
	require.NoError(t, j.close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	head := len(whole) - 5*recordSize
	for n := 0; n <= len(whole); n++ {
		if n%recordSize > 3 && n%recordSize < recordSize-2 && n > 3 {
			continue // much the same as others
		}
		for _, rubbish := range []string{"", "\x00\x00\x00", string(make([]byte, 100))} {
			require.NoError(t, os.WriteFile(path, append(whole[:n:n], rubbish...), 0o600))
			if n < head && rubbish != "" {
				continue // that is no journal
			}
			j, err := openJournal(path, "a", "b")
			require.NoError(t, err, "%d bytes", n)
			require.Equal(t, max(0, n-head)/recordSize, j.known.Len())
			require.NoError(t, j.add(all[4]))
			require.NoError(t, j.add(all[4]))
			require.NoError(t, j.close())
			j, err = openJournal(path, "a", "b")
			require.NoError(t, err)
			_, known := j.known.Index(all[4].CreatedAt, all[4].ID)
			require.True(t, known)
			require.NoError(t, j.close())
		}
	}
}

func TestAJournalOfSomethingElseIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j, err := openJournal(path, "a", "b")
	require.NoError(t, err)
	require.NoError(t, j.close())
	_, err = openJournal(path, "a", "c")
	require.ErrorContains(t, err, "of other relays")
	require.NoError(t, os.WriteFile(path, []byte("a letter to my aunt, which must not be overwritten by anybody"), 0o600))
	_, err = openJournal(path, "a", "b")
	require.ErrorContains(t, err, "not a journal")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(data), "my aunt")
	j, err = openJournal("")
	require.NoError(t, err)
	require.NoError(t, j.add(notes(1)[0]))
	require.NoError(t, j.close())
}
