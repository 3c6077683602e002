package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestDemoCrashesAndIsBackWithFreshState(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, io.Discard))
	for _, want := range []string{
		`visitor    gets "3"`, "bot        crashes with a count of 3", "bot number 1 ends: gennostr: panic in OnEvent",
		"supervisor counting bot has ended", "restarting: true",
		"bot number 2 is listening, its count is 0", `visitor    says "stop"`, "bot number 2 ends: gennostr: stop",
		"the bot is gone",
	} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "bot number 3")
}

func TestDemoEndsWithCtrlC(t *testing.T) {
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
