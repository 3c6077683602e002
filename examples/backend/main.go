// Backend is an HTTP service on Nostr, as a company would run it: its other programs, and its
// users' browsers, speak HTTP and JSON, and one client carries all of it to the relays.
//
// Without -listen it needs no network: it starts itself on three relays of its own, of which
// one refuses what it gets and one goes away for a while, publishes, asks, and watches the
// stream with a browser that reads and one that does not.
//
//	go run ./examples/backend
//
// As a service, until SIGTERM or Ctrl-C:
//
//	go run ./examples/backend -listen 127.0.0.1:8080 -relay wss://relay.example.com -relay wss://relay.example.org
//	curl --json @event.json http://127.0.0.1:8080/events
//	curl 'http://127.0.0.1:8080/events?kind=1&author=npub1…&limit=20'
//	curl -N 'http://127.0.0.1:8080/stream?kind=1'
//
// POST /events publishes an event that is signed already, and says what each relay made of it:
//
//	200  enough relays had it before
//	201  enough relays have taken it
//	202  not decided in time: it goes on behind, and the log tells how it ends
//	400  what is wrong with the event; 413: it is too long
//	409  relays have a newer version of it
//	502  too few relays take it
//	503  too much is on its way, or the service ends: try again elsewhere, or later
//
// GET /events asks all relays, with kind, author, id, since, until, limit, search, and
// one-letter tags such as t=nostr, and says of each relay what it gave: "complete" tells whether
// anything may be missing. It is 502 if no relay has answered, 503 if too much is asked at once. GET
// /events/ID is one event.
//
// GET /stream is what is published from now on, as server-sent events, with kind, author and
// tags. Browsers share one subscription. One that comes back goes on where it was (Last-Event-ID); one that
// reads too slowly is told by an event "gap" what it has missed, and holds up nobody.
//
// GET /healthz is whether to leave the process alone, GET /readyz whether to send it work: the
// stream is live on -ready relays. After SIGTERM /readyz is red and streams end; -grace later no
// connection is accepted any more; then requests, and publications that were answered with 202,
// have -shutdown to end.
//
// There is no login: it belongs behind something that knows who may publish.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("backend", run) }

// run is the program. The service logs to stderr, in JSON.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.listen == "" {
		return demo(ctx, opts, stdout, log.New(stderr, "backend: ", log.Ltime|log.Lmsgprefix).Printf)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	logger.Info("serving", "address", listener.Addr().String(), "relays", opts.relays)
	return serve(ctx, opts, listener, logger)
}

// serve serves until ctx ends, and then as long as work takes that is on its way. more is how else
// to reach the relays.
func serve(ctx context.Context, opts options, listener net.Listener, logger *slog.Logger, more ...gennostr.Option) error {
	s, err := start(opts, logger, more...)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      opts.wait + 15*time.Second, // streams have their own
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	var failed error             // read when ended is closed
	ended := make(chan struct{}) // closed when no connection is accepted any more
	go func() {                  // ended by Shutdown or Close; joined below
		defer close(ended)
		failed = server.Serve(listener)
	}()
	select {
	case <-ctx.Done():
	case <-ended:
	}
	logger.Info("ending", "grace", opts.grace.String(), "shutdown", opts.shutdown.String())
	s.drain()
	select {
	case <-time.After(opts.grace): // nobody sends us work any more
	case <-ended: // nor can anybody
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), opts.shutdown)
	defer cancel()
	if err = server.Shutdown(deadline); err != nil {
		err = errors.Join(err, server.Close())
	}
	if <-ended; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(failed, err)
	}
	err = errors.Join(err, s.stop(deadline))
	logger.Info("ended")
	return err
}
