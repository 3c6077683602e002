package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// options are what the command line asks for.
type options struct {
	listen   string       // "": the demo
	relays   []string     // as they were written, each once
	kinds    []nostr.Kind // of the stream; none: all
	ready    int          // relays on which the stream has to be live
	atLeast  int          // relays that have to have an event
	wait     time.Duration
	giveUp   time.Duration
	grace    time.Duration
	shutdown time.Duration
	streams  int // at once

	// Not flags: how long more verdicts than decide are waited for, how much the stream keeps, how
	// long a browser may read nothing, and how often one that gets nothing else hears that the stream
	// lives, so that nobody on the way takes it for dead.
	settle    time.Duration
	kept      int
	keptBytes int
	patience  time.Duration
	heartbeat time.Duration
}

const intro = `usage: backend -listen ADDRESS -relay URL… [-kind N…] [-ready N] [-atleast N] [-wait TIME] [-giveup TIME]
               [-streams N] [-grace TIME] [-shutdown TIME]

backend publishes, queries and streams events over HTTP. Without -listen it shows itself on relays
of its own.

`

// defaults are those that no flag says.
func defaults() options {
	return options{settle: 250 * time.Millisecond, kept: 1024, keptBytes: 16 << 20, patience: 20 * time.Second, heartbeat: 15 * time.Second}
}

// parse reads the command line. After -h the error is flag.ErrHelp.
func parse(args []string, usage io.Writer) (options, error) {
	opts := defaults()
	flags := flag.NewFlagSet("backend", flag.ContinueOnError)
	flags.StringVar(&opts.listen, "listen", "", "`address` to serve on, such as 127.0.0.1:8080")
	flags.Func("relay", "`URL` of a relay, such as wss://relay.example.com (repeatable)", opts.addRelay)
	flags.Func("kind", "`number` of a kind that /stream shows (repeatable; default: all)", func(s string) error {
		kind, err := parseKind(s)
		opts.kinds = append(opts.kinds, kind)
		return err
	})
	flags.IntVar(&opts.ready, "ready", 1, "the service is ready while the stream is live on `N` relays")
	flags.IntVar(&opts.atLeast, "atleast", 1, "an event is published when `N` relays have it")
	flags.DurationVar(&opts.wait, "wait", 5*time.Second, "how much `time` an HTTP request may wait for relays")
	flags.DurationVar(&opts.giveUp, "giveup", time.Minute, "how much `time` a relay that is away, or refuses for now, is tried")
	flags.IntVar(&opts.streams, "streams", 1000, "at most `N` streams at once")
	flags.DurationVar(&opts.grace, "grace", 3*time.Second, "for how much `time` after SIGTERM requests are still accepted")
	flags.DurationVar(&opts.shutdown, "shutdown", 20*time.Second, "how much `time` they have then to end, and publications")
	switch err := cli.Parse(flags, args, intro, usage); {
	case err != nil:
		return opts, err
	case flags.NArg() > 0:
		return opts, fmt.Errorf("unexpected argument %q: see -h", flags.Arg(0))
	}
	return opts, opts.validate()
}

func (o *options) addRelay(address string) error {
	url, err := nostr.NormalizeURL(address)
	if err != nil {
		return err
	}
	same := func(other string) bool {
		known, err := nostr.NormalizeURL(other)
		return err == nil && known == url
	}
	if !slices.ContainsFunc(o.relays, same) {
		o.relays = append(o.relays, address)
	}
	return nil
}

func (o *options) validate() error {
	switch n := len(o.relays); {
	case o.wait <= 0 || o.giveUp <= 0 || o.shutdown <= 0 || o.streams <= 0 || o.grace < 0:
		return errors.New("-wait, -giveup, -shutdown and -streams have to be positive, -grace not negative")
	case o.ready < 1 || o.atLeast < 1:
		return errors.New("-ready and -atleast have to be positive")
	case o.listen != "" && n == 0:
		return errors.New("-listen wants a -relay: see -h")
	case o.listen == "" && n > 0:
		return errors.New("-relay wants -listen: see -h")
	case n > 0 && (o.ready > n || o.atLeast > n):
		return fmt.Errorf("-ready and -atleast are at most %d, as there are relays", n)
	}
	return nil
}

func parseKind(s string) (nostr.Kind, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("want a number from 0 to 65535, not %.40q", s)
	}
	return nostr.Kind(n), nil
}
