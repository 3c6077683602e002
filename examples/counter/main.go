// Counter is a GenServer and nothing else: no relay, no event, just a handler
// with state and the ways to talk to it: call, cast, info, continue, timeouts.
//
//	go run ./examples/counter
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("counter", run) }

const intro = "counter shows a handler that is called, cast to, told things and left alone. It takes no arguments.\n"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("counter", flag.ContinueOnError)
	switch err := cli.Parse(flags, args, intro, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; see -h", flags.Arg(0))
	}
	err := show(ctx, teller(stdout))
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
		lines.Printf("%6.2fs  %-8s %s", time.Since(start).Seconds(), who, fmt.Sprintf(format, args...))
	}
}

func show(ctx context.Context, say func(who, format string, args ...any)) error {
	client, err := gennostr.Start(ctx, &Counter{say: say})
	if err != nil {
		return err
	}
	defer client.Stop(context.WithoutCancel(ctx))

	for range 3 {
		if err := client.Cast(Add(10)); err != nil {
			return err
		}
	}
	say("main", "has cast 10 three times, and did not wait")
	value, err := gennostr.Call[int](ctx, client, Value{})
	if err != nil {
		return err
	}
	say("main", "calls for the value: %d", value) // what was cast before is counted: one goroutine's messages arrive in order

	if _, err := client.Call(ctx, "price"); err == nil {
		return errors.New("the counter has a price?")
	} else {
		say("main", "calls for the price: %v", err)
	}
	return client.Wait() // until the counter has nothing to do
}
