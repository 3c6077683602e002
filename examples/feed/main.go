// Feed publishes what it finds in directories of text files and in RSS or Atom feeds, as
// notes, each once: at a polite pace, to every relay, and with what each relay has said
// of it. A relay that is away or refuses for now is tried again; a note counts as
// published when one relay has it. Before an event is sent it is written to the spool,
// so that a program that is killed and started again publishes the same event and not
// another one.
//
// Without -relay it needs no network: it publishes notes of its own on three relays, of
// which one is away at first and one takes only so many at a time.
//
//	go run ./examples/feed
//
// On a real network:
//
//	go run ./examples/feed -relay wss://relay.example.com -key me.key -spool feed.spool -every 15m https://example.com/feed.xml
//
// Its exit status is 0 if every note is on a relay. After Ctrl-C what was not is in the
// spool, for the next time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"slices"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
)

func main() { cli.Main("feed", run) }

// run is the program: verdicts go to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := log.New(stderr, "feed: ", log.Ltime|log.Lmsgprefix)
	say := func(format string, args ...any) { lines.Print(cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine)) }
	if len(opts.relays) == 0 {
		return demo(ctx, opts, stdout, say)
	}
	return publish(ctx, opts, stdout, say)
}

// publish is the real thing. more is how else to reach the relays.
func publish(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any), more ...gennostr.Option) (err error) {
	spool, err := openSpool(opts.spool)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.close()) }()
	// The client lives a little longer than ctx: what has been written still gets its answer.
	client, err := gennostr.Start(context.WithoutCancel(ctx), nil, append(more,
		gennostr.WithRelays(opts.relays...),
		gennostr.WithPublishPace(opts.pace, 1),
		gennostr.WithSigner(opts.key.Signer()),             // for relays that want to know who writes
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // the verdicts tell everything already
	)...)
	if err != nil {
		return err
	}
	f := &feed{opts: opts, client: client, spool: spool, signer: opts.key.Signer(), out: stdout}
	if opts.every > 0 {
		err = f.follow(ctx, say)
	} else {
		err = f.pass(ctx)
	}
	err = errors.Join(err, client.Stop(context.WithoutCancel(ctx)))
	sum := f.summed()
	say("%v", sum)
	if err == nil && sum.failed > 0 {
		err = errors.New("not every note is on a relay")
	}
	return err
}

// givesAway tells whether somebody's secret key would be published.
func givesAway(it item) bool {
	return cli.HasSecretKey(append(slices.Concat(it.tags...), it.text)...)
}

// brief makes a stranger's words safe for a terminal: one line, not long.
func brief(s string) string { return cli.Safe(s, 300) }
