// Bridge is an HTTP service for programs that do not speak Nostr: they post a request, an
// event that is signed already, with the relay where its addressee listens, and get the
// reply. One client carries all of it: it connects to the relays that are named, shares
// their connections, authenticates to none, dials no private address, and forgets a relay
// that nobody has asked for in a while.
//
// Without -listen it needs no network: it starts itself, a relay and somebody who replies,
// and sends some requests over HTTP, of which some cannot be answered.
//
//	go run ./examples/bridge
//
// As a service, until Ctrl-C:
//
//	go run ./examples/bridge -listen 127.0.0.1:8080
//	curl --data-binary @request.json 'http://127.0.0.1:8080/request?relay=wss://relay.example.com&kind=23195'
//
// The reply is an event of the kind that is asked for (23195 unless said: NIP-47's), by one
// of those whom the request names in its p tags, that names the request in an e tag.
//
//	200  the reply, as JSON
//	400  what is wrong with the request
//	502  no relay has taken the request: what it said
//	503  too many requests are on their way
//	504  nobody has replied in time
//
// After Ctrl-C it takes no more requests and ends those that are on their way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("bridge", run) }

const intro = `usage: bridge [-listen ADDRESS] [-timeout TIME] [-requests N] [-private]

bridge answers HTTP requests with replies from Nostr. Without -listen it shows itself.

`

// options are what the command line asks for.
type options struct {
	listen   string // "": the demo
	timeout  time.Duration
	requests int  // at once
	private  bool // relays may be on private networks
}

func parse(args []string, usage io.Writer) (opts options, err error) {
	flags := flag.NewFlagSet("bridge", flag.ContinueOnError)
	flags.StringVar(&opts.listen, "listen", "", "`address` to serve on, such as 127.0.0.1:8080")
	flags.DurationVar(&opts.timeout, "timeout", 30*time.Second, "how much `time` a reply may take")
	flags.IntVar(&opts.requests, "requests", 1000, "at most `N` requests at once")
	flags.BoolVar(&opts.private, "private", false, "dial relays on private networks, too")
	switch err := cli.Parse(flags, args, intro, usage); {
	case err != nil:
		return opts, err
	case flags.NArg() > 0:
		return opts, fmt.Errorf("unexpected argument %q: see -h", flags.Arg(0))
	case opts.timeout <= 0 || opts.requests <= 0:
		return opts, errors.New("-timeout and -requests have to be positive")
	}
	return opts, nil
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	say := log.New(stderr, "bridge: ", log.Ltime|log.Lmsgprefix).Printf
	if opts.listen == "" {
		return demo(ctx, opts, stdout, say)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return err
	}
	say("serving on %s", listener.Addr())
	return serve(ctx, opts, listener, slog.New(slog.NewTextHandler(stderr, nil)))
}

// serve serves until ctx ends, and then as long as requests take that are on their way.
func serve(ctx context.Context, opts options, listener net.Listener, logger *slog.Logger) error {
	settings := []gennostr.Option{gennostr.WithLogger(logger)}
	if opts.private {
		settings = append(settings, gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)))
	}
	client, err := gennostr.Start(context.WithoutCancel(ctx), nil, settings...)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           newBridge(client, opts, logger),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: opts.timeout + 15*time.Second,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }() // ended by Shutdown or Close; joined below
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = shutdown(server, opts.timeout)
		<-ended
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, client.Stop(stopping))
}

// shutdown lets requests end that are on their way.
func shutdown(server *http.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout+time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
