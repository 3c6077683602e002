package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file that is cut short would ask for fewer authors than were meant.
func TestKeyFileThatIsTooLongIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("x", maxKeyFile)), 0o600))
	_, err := readFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("x", maxKeyFile+1)), 0o600))
	_, err = readFile(name)
	assert.ErrorContains(t, err, "more than")
}
