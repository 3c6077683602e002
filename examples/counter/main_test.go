package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestShowRunsToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), nil, &out, io.Discard))
		for _, want := range []string{
			"counter  open: the first number is 100", "main     calls for the value: 130",
			"main     calls for the price: the counter knows no string",
			"counter  tick 3", "0.25s  counter  nothing for 200 ms: closing", "counter  closed at 130 (gennostr: stop)",
		} {
			assert.Contains(t, out.String(), want)
		}
	})
}

func TestShowEndsWithCtrlC(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	assert.NoError(t, run(ctx, nil, io.Discard, io.Discard))
}

func TestHelpAndMistakes(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	assert.Contains(t, usage.String(), "no arguments")
	assert.Error(t, run(t.Context(), []string{"-x"}, io.Discard, io.Discard))
	assert.Error(t, run(t.Context(), []string{"x"}, io.Discard, io.Discard))
}

// The handler alone, by hand: no goroutine, and no time passes but what the test lets pass.
func TestCounterAlone(t *testing.T) {
	h, err := gennostr.NewHarness(&Counter{say: func(string, string, ...any) {}})
	require.NoError(t, err)
	defer h.Stop()
	require.NoError(t, h.Cast(Add(5)))
	value, err := h.Call(Value{})
	require.NoError(t, err)
	assert.Equal(t, 105, value)
	_, err = h.Call("price")
	assert.ErrorContains(t, err, "knows no string")

	assert.Equal(t, 50*time.Millisecond, h.Scheduled()[0].After)
	require.NoError(t, h.Advance(50*time.Millisecond))
	after, _ := h.Timeout()
	assert.Equal(t, 200*time.Millisecond, after)
	assert.Equal(t, gennostr.ErrStop, h.Advance(200*time.Millisecond))
	assert.True(t, h.Stopped())
}
