// Webhook posts every note that matches to an HTTP endpoint, as JSON, and sees to
// it that it gets there: an endpoint that is slow, down or in trouble is asked
// again, later and later, and there are never more requests on their way than
// -parallel says. What the endpoint does not take yet waits at the relays. Each note
// is posted once, however many relays bring it, and those of an author one after
// another, as they come; one that has to be posted again carries the same
// Idempotency-Key.
//
// Without flags it needs no network: it starts a relay of its own and an endpoint
// that is slow and fails now and then, delivers some notes, loses the relay
// meanwhile, and ends.
//
//	go run ./examples/webhook
//
// With a relay and a URL it runs until Ctrl-C:
//
//	go run ./examples/webhook -relay wss://relay.example.com -url https://example.com/hook -tag t=nostr
//
// Ctrl-C lets requests that are on their way end, for some seconds, and says what
// was left and from when to go on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("webhook", run) }

// run is the program: what was delivered goes to stdout, everything else to
// stderr. It returns nil when it was told to end.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	say := teller(stderr)
	if opts.url == "" {
		err = demo(ctx, opts, stdout, say)
	} else {
		err = serve(ctx, opts, stdout, say)
	}
	if errors.Is(err, context.Cause(ctx)) {
		return nil // Ctrl-C, before or between the things that it ends in good order
	}
	return err
}

// serve is the real thing.
func serve(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = opts.parallel
	defer transport.CloseIdleConnections()
	return gennostr.Run(ctx, newHook(opts, newPoster(opts, transport, say), stdout, say), settings(opts.relays)...)
}

// shutdown is how long Ctrl-C waits for requests that are on their way.
const shutdown = 10 * time.Second

// settings are what serve and demo have in common.
func settings(relays []string) []gennostr.Option {
	return []gennostr.Option{
		gennostr.WithRelays(relays...),
		gennostr.WithShutdownTimeout(shutdown),
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // OnError and the error of Run tell everything already
	}
}

// teller prints news, one line each, with the time of day. All of it is made
// safe here, since it may hold a stranger's words. Any goroutine may call it.
func teller(w io.Writer) func(format string, args ...any) {
	lines := log.New(w, "webhook: ", log.Ltime|log.Lmsgprefix)
	return func(format string, args ...any) {
		lines.Print(cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine))
	}
}
