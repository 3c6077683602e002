// Mirror copies what one relay has and another lacks. It compares them by NIP-77, and copies
// the rest; with -both in both directions. With -state it keeps what is known to be on both relays,
// and then relays that have nearly the same cost next to nothing: after Ctrl-C, or a crash, it goes
// on where it was. What a relay has lost since is copied again. What no journal knows of yet costs
// the ids of both relays, some 70 bytes each, and with -state that what both have is fetched, once,
// for its dates. With -follow it then goes on copying what is published; the first time it has all that is
// stored sent for that, and it takes some 60 bytes of memory for each event that no journal knew of.
//
// Without -from it needs no network: it shows itself on two relays of its own.
//
//	cd examples/mirror && go run .
//
// On a real network:
//
//	go run . -from wss://relay.example.com -to wss://mine.example.com -state mirror.state -filter '{"kinds":[0,1,3]}'
//
// Its exit status is 0 if all was compared, and every event that one relay lacked was
// offered to it and answered. It is a module of its own, for its progress bar: whoever uses the
// library needs none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// options are what the command line asks for.
type options struct {
	from, to string // as they were written; empty: the demo
	filter   nostr.Filter
	state    string
	both     bool
	follow   bool
	patience time.Duration
}

// deadline is for fetching so many events as are asked for at once.
func (o options) deadline() time.Duration { return max(time.Minute, 3*o.patience) }

func main() { cli.Main("mirror", run) }

// run is the program: what a relay has not taken goes to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.from == "" {
		return demo(ctx, opts, stdout, stderr)
	}
	return copyAll(ctx, opts, stdout, stderr)
}

const intro = `usage: mirror [-both] [-follow] [-state FILE] [-filter JSON] [-patience TIME] -from URL -to URL

mirror copies what one relay has and another lacks. Without -from it shows itself on
relays of its own.

`

func parse(args []string, usage io.Writer) (opts options, err error) {
	flags := flag.NewFlagSet("mirror", flag.ContinueOnError)
	flags.StringVar(&opts.from, "from", "", "`URL` of the relay to copy from")
	flags.StringVar(&opts.to, "to", "", "`URL` of the relay to copy to")
	flags.BoolVar(&opts.both, "both", false, "copy in the other direction, too")
	flags.BoolVar(&opts.follow, "follow", false, "go on copying what is published, until Ctrl-C")
	flags.StringVar(&opts.state, "state", "", "`file` that keeps what is on both relays; beside it stands FILE.cursor, of -follow")
	filter := flags.String("filter", "{}", "which events, as `JSON` (NIP-01)")
	flags.DurationVar(&opts.patience, "patience", 20*time.Second, "how much `time` a relay has for each answer, but for the verdict on an event: that may take ten minutes")
	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}
	if err := opts.filter.UnmarshalJSON([]byte(*filter)); err != nil {
		return opts, fmt.Errorf("-filter: %w", err)
	}
	switch {
	case flags.NArg() > 0:
		return opts, errors.New("mirror takes flags only; see -h")
	case (opts.from == "") != (opts.to == ""):
		return opts, errors.New("-from and -to belong together")
	case opts.from == "" && opts.follow:
		return opts, errors.New("-follow: whom? See -h")
	case opts.filter.Limit > 0 || opts.filter.LimitZero || opts.filter.Search != "":
		return opts, errors.New("-filter: no limit and no search")
	case opts.patience <= 0:
		return opts, errors.New("-patience has to be above 0")
	}
	from, err := nostr.NormalizeURL(opts.from)
	to, other := nostr.NormalizeURL(opts.to)
	if opts.from != "" && (err != nil || other != nil) {
		return opts, errors.Join(err, other)
	}
	if opts.from != "" && from == to {
		return opts, errors.New("-from and -to are the same relay")
	}
	return opts, nil
}

// copyAll is the real thing. more is how else to reach the relays.
func copyAll(ctx context.Context, opts options, stdout, stderr io.Writer, more ...gennostr.Option) (err error) {
	from, _ := nostr.NormalizeURL(opts.from) // parse has looked
	to, _ := nostr.NormalizeURL(opts.to)
	kept, err := openJournal(opts.state, from, to, string(opts.filter.AppendJSON(nil)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	client, err := gennostr.Start(context.WithoutCancel(ctx), nil, append(more, // which outlives ctx: what was sent gets its answer
		gennostr.WithRelays(opts.from, opts.to),
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // the reports tell everything already
	)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Stop(context.WithoutCancel(ctx))) }()
	m := &mirror{opts: opts, client: client, journal: kept, bar: newBar(stderr), out: stdout, most: mostIDs}
	began := time.Now()
	var live *follower
	if opts.follow { // from before the comparison, so that nothing falls between the two
		if live, err = m.subscribe(ctx); err != nil {
			return err
		}
		defer live.sub.Close()
	}
	err = m.copy(ctx)
	m.bar.end()
	fmt.Fprintf(stderr, "mirror: %v (%v)\n", m.sum, time.Since(began).Round(time.Millisecond))
	if err != nil && !errors.Is(err, errPartly) || live == nil {
		return err
	}
	return errors.Join(err, live.follow(ctx, stderr))
}
