package foreign_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/foreign"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// trap is an error whose methods of these names do what no method should.
type trap struct {
	sprung map[string]bool
	spring func()
}

func (e trap) do(method string) {
	if e.sprung[method] {
		e.spring()
	}
}

func (e trap) Error() string { e.do("Error"); return "trap" }
func (e trap) Is(error) bool { e.do("Is"); return false }
func (e trap) As(any) bool   { e.do("As"); return false }
func (e trap) Unwrap() error { e.do("Unwrap"); return fs.ErrNotExist }

// nothing is an error that cannot be called at all.
type nothing struct{ text string }

func (e *nothing) Error() string { return e.text }

func TestAnErrorThatHarmsNobodyIsWhatItWas(t *testing.T) {
	original := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	err := fmt.Errorf("outside: %w", foreign.Confine(fmt.Errorf("inside: %w", original)))
	assert.EqualError(t, err, "outside: inside: open x: file does not exist")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NotErrorIs(t, err, fs.ErrExist)
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	assert.Same(t, original, path)
	assert.False(t, errors.As(err, new(interface{ Timeout() })))
}

func TestNothingToConfine(t *testing.T) {
	assert.NoError(t, foreign.Confine(nil))
	assert.True(t, foreign.Confine(io.EOF) == io.EOF, "many compare it")
	err := foreign.Confine(errors.New("some"))
	assert.Same(t, err, foreign.Confine(err))
}

func TestMethodsOfAnErrorThatPanicOrEndTheirGoroutineAreConfined(t *testing.T) {
	for name, spring := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		for _, method := range []string{"Error", "Is", "As", "Unwrap"} {
			t.Run(name+" in "+method, func(t *testing.T) {
				err := foreign.Confine(trap{map[string]bool{method: true}, spring})
				if method == "Error" {
					assert.Contains(t, err.Error(), "an error of type foreign_test.trap that cannot be printed")
				} else {
					assert.EqualError(t, err, "trap")
				}
				var path *fs.PathError
				assert.False(t, errors.As(err, &path))
				assert.Equal(t, method == "Error" || method == "As", errors.Is(err, fs.ErrNotExist))
			})
		}
	}
	assert.ErrorContains(t, foreign.Confine((*nothing)(nil)), "cannot be printed")
}
