// Crawl walks a web of trust: it fetches the follow lists (kind 3) of some authors from
// several relays, then those of everybody whom these follow, and so on, and prints whom
// most of them follow. Of each author the newest list counts, whatever relay has it, and
// what a relay did not answer is said: a crawl that is not whole does not look like one.
//
// Without -relay it needs no network: it crawls 500 authors on three relays of its own, of
// which one takes few authors at a time, one gives few events at a time, and one is dead.
//
//	cd examples/crawl && go run .
//
// On a real network:
//
//	go run . -relay wss://relay.example.com -relay wss://other.example.com -steps 2 npub1…
//
// A progress bar shows on a terminal how far a step is; since it costs a dependency, this
// program is a module of its own.
//
// Its exit status is 0 if some relay has answered each question completely.
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
	"github.com/gennostr/gennostr/nostr/nip19"
)

// options are what the command line says.
type options struct {
	relays   []string
	steps    int
	top      int
	deadline time.Duration
	from     []nostr.PubKey
}

func main() { cli.Main("crawl", run) }

// run is the program: who is followed goes to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(opts.relays) == 0 {
		return demo(ctx, opts, stdout, stderr)
	}
	return walk(ctx, opts, stdout, stderr)
}

const intro = `usage: crawl [-relay URL]… [-steps N] [-top N] [-deadline TIME] AUTHOR…

crawl prints whom most of those follow who are near to an AUTHOR, npub or hex. Without -relay
it shows itself on relays of its own.

`

func parse(args []string, usage io.Writer) (opts options, err error) {
	flags := flag.NewFlagSet("crawl", flag.ContinueOnError)
	flags.Func("relay", "a relay to ask; may be repeated (none: a demo on relays of its own)", func(url string) error {
		normal, err := nostr.NormalizeURL(url)
		opts.relays = append(opts.relays, normal)
		return err
	})
	flags.IntVar(&opts.steps, "steps", 2, "how far to go: 1 is the lists of those who are named")
	flags.IntVar(&opts.top, "top", 10, "how many to print")
	flags.DurationVar(&opts.deadline, "deadline", 30*time.Second, "for each step")
	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}
	for _, arg := range flags.Args() {
		key, err := nostr.ParsePubKey(arg)
		if err != nil {
			return opts, err
		}
		opts.from = append(opts.from, key)
	}
	switch {
	case len(opts.relays) > 0 && len(opts.from) == 0:
		return opts, errors.New("from whom? Name an author, as npub or in hex")
	case opts.steps < 1 || opts.deadline <= 0:
		return opts, errors.New("-steps and -deadline have to be above 0")
	}
	return opts, nil
}

// walk is the real thing. more is how else to reach the relays.
func walk(ctx context.Context, opts options, stdout, stderr io.Writer, more ...gennostr.Option) (err error) {
	client, err := gennostr.Start(ctx, nil, append(more,
		gennostr.WithRelays(opts.relays...),
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // the reports tell everything already
	)...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Stop(context.WithoutCancel(ctx)) }()
	web := newWeb(opts.from)
	for step := 1; step <= opts.steps && len(web.next) > 0; step++ {
		began, bar := time.Now(), newBar(stderr, len(web.next))
		sum, err := web.step(ctx, client, opts.deadline, func(authors int) { _ = bar.Add(authors) })
		_ = bar.Clear()
		fmt.Fprintf(stderr, "step %d: %d authors, %d lists, %d authors are known now (%v)\n",
			step, sum.authors, sum.lists, web.known(), time.Since(began).Round(time.Millisecond))
		for _, r := range sum.relays {
			fmt.Fprintf(stderr, "step %d: %d events of %s\n", step, r.events, cli.Safe(r.url, cli.MaxLine))
			if r.incomplete > 0 {
				fmt.Fprintf(stderr, "step %d: incomplete: %s\n", step, cli.Safe(r.last.String(), cli.MaxLine))
			}
		}
		if err != nil {
			return err
		}
	}
	for _, f := range web.most(opts.top) {
		fmt.Fprintf(stdout, "%s %d\n", nip19.EncodePubKey(f.key), f.followers)
	}
	return nil
}
