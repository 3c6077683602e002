//go:build unix

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// child makes this test binary a program of its own, which does what it says.
const child = "GENNOSTR_CLI_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		Main("child", func(ctx context.Context, _ []string, stdout, _ io.Writer) error {
			if os.Getenv(child) == "fails" {
				return errors.New("no such thing: nsec1abc\n")
			}
			fmt.Fprintln(stdout, "begun")
			<-ctx.Done()
			fmt.Fprintln(stdout, "ending")
			if os.Getenv(child) == "hangs" {
				time.Sleep(time.Minute) // what it does: the second signal ends it
			}
			return nil
		})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program starts it, and returns it with the lines that it writes.
func program(t *testing.T, does string) (*exec.Cmd, *bufio.Scanner, *strings.Builder) {
	t.Helper()
	cmd, stderr := exec.CommandContext(t.Context(), os.Args[0]), new(strings.Builder)
	cmd.Env, cmd.Stderr = append(os.Environ(), child+"="+does), stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewScanner(stdout), stderr
}

func line(t *testing.T, want string, from *bufio.Scanner) {
	t.Helper()
	require.True(t, from.Scan(), want)
	require.Equal(t, want, from.Text())
}

func TestASignalEndsAProgramInGoodOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, stdout, stderr := program(t, "ends")
		line(t, "begun", stdout)
		require.NoError(t, cmd.Process.Signal(signal))
		line(t, "ending", stdout)
		assert.NoError(t, cmd.Wait())
		assert.Empty(t, stderr.String())
	}
}

func TestASecondSignalWaitsForNothing(t *testing.T) {
	if signal.Ignored(os.Interrupt) {
		t.Skip("whoever started this has it ignore SIGINT, as a shell does in a script for what follows &, and so do its children")
	}
	cmd, stdout, _ := program(t, "hangs")
	line(t, "begun", stdout)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	line(t, "ending", stdout)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the program, which does not outlive the test; joined below
	for {
		_ = cmd.Process.Signal(syscall.SIGINT) // again and again: one that comes at once may still be part of the first
		select {
		case err := <-ended:
			status := new(exec.ExitError)
			require.ErrorAs(t, err, &status)
			assert.Equal(t, syscall.SIGINT, status.Sys().(syscall.WaitStatus).Signal(), "%v", err)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAFailureIsTheExitStatus(t *testing.T) {
	cmd, _, stderr := program(t, "fails")
	status := new(exec.ExitError)
	require.ErrorAs(t, cmd.Wait(), &status)
	assert.Equal(t, 1, status.ExitCode())
	assert.Equal(t, "child: no such thing: nsec1…\n", stderr.String())
}
