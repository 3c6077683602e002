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
	relays   []string // normalised, each once; none: the demo
	sources  []string
	key      nostr.SecretKey
	spool    string
	pace     float64 // events a second for each relay
	patience time.Duration
	every    time.Duration // 0: once
}

const intro = `usage: feed [-relay URL]… [-key FILE] [-spool FILE] [-pace N] [-patience TIME] [-every TIME] SOURCE…

feed publishes what it finds as notes, each once. A SOURCE is a directory of .txt and .md
files, or an RSS or Atom feed, as a file or at an http URL. Without -relay it shows itself
on relays of its own.

`

// parse reads the command line. What is wrong with a value is found out after
// package flag is done, which would print the value, and that may be a secret.
// After -h the error is flag.ErrHelp.
func parse(args []string, usage io.Writer) (opts options, err error) {
	var relays []string
	flags := flag.NewFlagSet("feed", flag.ContinueOnError)
	flags.Func("relay", "`URL` of a relay, such as wss://relay.example.com (repeatable)", func(s string) error {
		relays = append(relays, s)
		return nil
	})
	keyFile := flags.String("key", "", "`file` with the secret key, an nsec or 64 hex digits")
	flags.StringVar(&opts.spool, "spool", "", "`file` that remembers what has been published; without it everything is new each time")
	pace := flags.String("pace", "", "at most `N` notes a minute to each relay (default 30)")
	patience := flags.String("patience", "", "for how much `time` a relay that is away, or refuses for now, is tried (default 10m)")
	every := flags.String("every", "", "read the sources again after this `time`, until Ctrl-C (default: once)")
	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}
	opts.sources = flags.Args()
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("-%s: %w", name, err))
		}
	}
	for _, s := range relays {
		normal, err := nostr.NormalizeURL(s)
		note("relay", err)
		if err == nil && !slices.Contains(opts.relays, normal) {
			opts.relays = append(opts.relays, normal)
		}
	}
	if len(opts.relays) > 0 && (len(opts.sources) == 0 || *keyFile == "") {
		errs = append(errs, errors.New("-relay wants a -key and a source: see -h"))
	}
	if len(opts.relays) == 0 && len(opts.sources) > 0 {
		errs = append(errs, errors.New("no -relay to publish on"))
	}
	if *keyFile != "" {
		opts.key, err = cli.SecretKeyFile(*keyFile)
		note("key", err)
	}
	perMinute, err := number(*pace, 30)
	note("pace", err)
	opts.pace = perMinute / 60
	opts.patience, err = duration(*patience, 10*time.Minute, time.Second)
	note("patience", err)
	opts.every, err = duration(*every, 0, time.Second)
	note("every", err)
	return opts, errors.Join(errs...)
}

func number(s string, otherwise float64) (float64, error) {
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n <= 60_000) {
		return 0, errors.New("want a number over 0, up to 60000")
	}
	return n, nil
}

func duration(s string, otherwise, least time.Duration) (time.Duration, error) {
	if s == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least {
		return 0, fmt.Errorf("want a time such as 10m, %v at least", least)
	}
	return d, nil
}
