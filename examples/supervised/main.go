// Supervised shows a bot under a supervisor: it crashes on a command and is back
// at once with fresh state, as OTP's processes are. The supervisor is suture
// (github.com/thejerf/suture), which takes what gennostr.Service makes as it is.
//
//	go run ./examples/supervised
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("supervised", run) }

const intro = "supervised shows, on a relay of its own, a bot that crashes and is started again. It takes no arguments.\n"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("supervised", flag.ContinueOnError)
	switch err := cli.Parse(flags, args, intro, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; see -h", flags.Arg(0))
	}
	err := demo(ctx, teller(stdout))
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return err
}

// teller prints who does what, and when. Several goroutines speak.
func teller(w io.Writer) func(who, format string, args ...any) {
	lines := log.New(w, "", 0)
	start := time.Now()
	return func(who, format string, args ...any) {
		lines.Printf("%6.2fs  %-10s %s", time.Since(start).Seconds(), who, fmt.Sprintf(format, args...))
	}
}
