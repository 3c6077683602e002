// Tail shows the events of relays as they come, as tail -f shows the end of a
// file: first some that are stored, the oldest first, then the live ones. It
// comes back by itself after an outage, asks for what it has missed, and shows
// nothing twice, however many relays bring it. Every line says whether the event was
// stored, came live, or was resumed after an outage. Connects, disconnects, refusals,
// gaps and other news of the relays are on standard error.
//
// Without -relay it needs no network: it starts a relay of its own with some
// notes in it, lets more be published, stops that relay and starts it again,
// and ends.
//
//	go run ./examples/tail
//
// With relays it runs until Ctrl-C:
//
//	go run ./examples/tail -relay wss://relay.example.com -kind 1 -since 1h
//	go run ./examples/tail -relay wss://relay.example.com -tag t=nostr -json | jq -r .content
//
// What strangers write is made harmless before it is shown: no terminal escape
// gets through. JSON lines are the events exactly as they were signed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of the write, and not the end of the program
	cli.Main("tail", func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		if err := run(ctx, args, stdout, stderr); !errors.Is(err, syscall.EPIPE) {
			return err
		}
		return nil // whoever read has had enough: tail | head
	})
}

// run is the program: events go to stdout, everything else to stderr. It
// returns nil when it was told to end.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	say := teller(stderr)
	if len(opts.relays) > 0 {
		return follow(ctx, opts, stdout, say, func(any) {}, settings(opts.relays)...)
	}
	err = demo(ctx, opts, stdout, say)
	if errors.Is(err, context.Cause(ctx)) {
		return nil // Ctrl-C, before or between the things that it ends in good order
	}
	return err
}

// settings are what run and demo have in common.
func settings(relays []string) []gennostr.Option {
	return []gennostr.Option{
		gennostr.WithRelays(relays...),
		gennostr.WithShutdownTimeout(time.Second),          // Ctrl-C does not wait long for a relay that is dead
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // OnError and the error of Run tell everything already
	}
}

// teller prints news, one line each, with the time of day. All of it is made
// safe here, since it may hold a relay's words. Any goroutine may call it.
func teller(w io.Writer) func(format string, args ...any) {
	lines := log.New(w, "tail: ", log.Ltime|log.Lmsgprefix)
	return func(format string, args ...any) {
		lines.Print(cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine))
	}
}
