package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// Killed at any byte, the spool knows every step whose writing had returned.
func TestTheSpoolSurvivesACrashAtAnyByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	s, err := openSpool(path)
	require.NoError(t, err)
	first, second := nostrtest.TextNote(nostrtest.Key(1), "first"), nostrtest.TextNote(nostrtest.Key(1), "second")
	require.NoError(t, s.enter("1", first))
	require.NoError(t, s.done("1"))
	require.NoError(t, s.enter("2", second))
	require.NoError(t, s.close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		s, err := openSpool(path)
		require.NoError(t, err, n)
		event, done := s.find("1")
		if event == nil {
			require.NoError(t, s.enter("1", first))
		} else {
			require.Equal(t, first.ID, event.ID)
		}
		if !done {
			require.NoError(t, s.done("1"))
		}
		if event, _ := s.find("2"); event == nil {
			require.NoError(t, s.enter("2", second))
		}
		require.NoError(t, s.close())
		s, err = openSpool(path)
		require.NoError(t, err, n)
		event, done = s.find("1")
		assert.True(t, done)
		require.NotNil(t, event)
		event, done = s.find("2")
		assert.False(t, done)
		require.NotNil(t, event)
		assert.Equal(t, second.ID, event.ID)
		require.NoError(t, s.close())
	}
}

func TestAnotherFileIsNoSpool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	for _, text := range []string{"my notes\n", "{}\n", `{"item":"1","done":true}` + "\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := openSpool(path)
		assert.Error(t, err, text)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, text, string(kept))
	}
}
