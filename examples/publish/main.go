// Publish signs a note, sends it to relays, and says what became of it at each of
// them, one line per relay, as the answers come. Its exit status is 0 if at least one
// relay has the note, or as many as -atleast says, else 1.
//
// Without -relay it needs no network: it starts four relays of its own, one that
// takes the note, one that does not, one that wants to know who is there, and one that
// is away at first.
//
//	go run ./examples/publish
//
// On a real network:
//
//	go run ./examples/publish -relay wss://relay.example.com -key me.key 'good morning'
//	date | go run ./examples/publish -relay wss://a.example -relay wss://b.example -key me.key -
//
// Accepted means that the relay has said so of this very event. Everything else is
// told as what it is: rejected, unreachable, no answer, connection lost. Until -timeout
// a relay that is away is tried again, one that wants to know who is there (NIP-42) is
// told, and one that wants less at a time gets the event later.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of the write, and not the end of the program
	cli.Main("publish", func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		return run(ctx, args, os.Stdin, stdout, stderr)
	})
}

// givesAway tells whether somebody's secret key would be published.
func givesAway(content string, tags nostr.Tags) bool {
	return cli.HasSecretKey(append(slices.Concat(tags...), content)...)
}

// run is the program: verdicts go to stdout, everything else to stderr. It returns nil
// if enough relays have the event.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.fromStdin {
		if opts.content, err = readContent(ctx, stdin); err != nil {
			return err
		}
	}
	if givesAway(opts.content, opts.tags) {
		return errors.New("the event would give a secret key away: there is an nsec in it; was -key meant?")
	}
	if opts.key.IsZero() {
		opts.key = nostr.GenerateSecretKey()
		fmt.Fprintln(stderr, "no -key: signing with a new one, which nobody will have afterwards")
	}
	event := &nostr.Event{Kind: opts.kind, Tags: opts.tags, Content: opts.content}
	if err := event.Sign(opts.key); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "event %s by %s\n", nip19.EncodeNote(event.ID), nip19.EncodePubKey(opts.key.PubKey()))

	if len(opts.relays) == 0 {
		return demo(ctx, opts, event, stdout, stderr)
	}
	return publish(ctx, opts, event, stdout, stderr)
}
