package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func anEntry(text string) entry {
	e := nostrtest.TextNote(nostrtest.Key(1), text)
	return entry{e.ID, e}
}

// A crash while the ledger is written leaves the new text cut at any byte, and the
// ledger as it was; one after that, the ledger as it is then.
func TestACrashWhileTheLedgerIsWrittenLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := openLedger(path)
	require.NoError(t, err)
	first, second := anEntry("first"), anEntry("second")
	require.NoError(t, l.done([]entry{first}, gennostr.Cursor{}))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, l.done([]entry{second}, gennostr.Cursor{}))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	want := l.books

	require.NoError(t, os.WriteFile(path, before, 0o600))
	for n := range len(after) + 1 {
		require.NoError(t, os.WriteFile(path+".new", after[:n], 0o600))
		again, err := openLedger(path)
		require.NoError(t, err)
		require.Equal(t, []any{first.request, 1}, []any{again.Done[0], len(again.Done)}, "cut at %d", n)
	}
	again, err := openLedger(path)
	require.NoError(t, err)
	require.NoError(t, again.done([]entry{second}, gennostr.Cursor{}), "over what the crash has left")
	again, err = openLedger(path)
	require.NoError(t, err)
	assert.Equal(t, want.Done, again.Done)
	assert.Len(t, again.Answers, 2)
}

// Whoever began anew with a ledger that is cut would pay everything again.
func TestADamagedLedgerIsNoNewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := openLedger(path)
	require.NoError(t, err, "not there: new")
	require.NoError(t, l.done([]entry{anEntry("a")}, gennostr.Cursor{}))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		_, err := openLedger(path)
		require.Error(t, err, "cut at %d", n)
	}
}

func TestALedgerThatCannotBeWrittenStaysAsItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	l, err := openLedger(filepath.Join(dir, "ledger"))
	require.NoError(t, err)
	require.Error(t, l.done([]entry{anEntry("a")}, gennostr.Cursor{}))
	assert.Empty(t, l.Done)
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, l.done([]entry{anEntry("a")}, gennostr.Cursor{}))
	assert.Len(t, l.Done, 1)
}

// A disk that is full, or breaks, is noticed before the new text takes the place of the old.
func TestWhatIsNotSafeOnDiskDoesNotCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := openLedger(path)
	require.NoError(t, err)
	l.sync = func(*os.File) error { return os.ErrInvalid }
	require.ErrorIs(t, l.done([]entry{anEntry("a")}, gennostr.Cursor{}), os.ErrInvalid)
	assert.NoFileExists(t, path)
	assert.Empty(t, l.Done)
}

func TestTheLedgerIsBounded(t *testing.T) {
	l, err := openLedger(filepath.Join(t.TempDir(), "ledger"))
	require.NoError(t, err)
	same := anEntry("the same")
	many := slices.Repeat([]entry{same}, keep+1)
	many[keep] = anEntry("newest")
	require.NoError(t, l.done(many, gennostr.Cursor{}))
	assert.Len(t, l.Done, keep)
	assert.Len(t, l.Answers, keep)
	l.delivered(same.request)
	require.Len(t, l.Answers, 1)
	assert.Equal(t, many[keep].request, l.Answers[0].ID)
}
