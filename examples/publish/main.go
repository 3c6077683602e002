// Publish signs a note, sends it to relays, and says what became of it at each
// of them, one line per relay. Its exit status is 0 if at least one relay has
// accepted the note, else 1.
//
// Without -relay it needs no network: it starts two relays of its own, one that
// takes the note and one that does not.
//
//	go run ./examples/publish
//
// On a real network:
//
//	go run ./examples/publish -relay wss://relay.example.com -key me.key 'good morning'
//	date | go run ./examples/publish -relay wss://a.example -relay wss://b.example -key me.key -
//
// Accepted means that the relay has said so of this very event. Everything else
// is told as what it is: rejected, unreachable, no answer, connection lost. To a
// relay that wants to know who is there it authenticates (NIP-42), and sends
// the event again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostrtest"
)

// aKey is a secret key in a text, or what begins like one.
var aKey = regexp.MustCompile(`(?i)nsec1[0-9a-z]*`)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of the write, and not the end of the program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for anything
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", aKey.ReplaceAllString(safe(err.Error()), "nsec1…")) // a slip is not repeated
		os.Exit(1)
	}
}

// givesAway tells whether somebody's secret key would be published.
func givesAway(content string, tags nostr.Tags) bool {
	texts := []string{content}
	for _, tag := range tags {
		texts = append(texts, tag...)
	}
	for _, text := range texts {
		for _, word := range aKey.FindAllString(text, -1) {
			if _, err := nostr.ParseSecretKey(word); err == nil {
				return true
			}
		}
	}
	return false
}

// errNoneAccepted: everything was done, and no relay has accepted the event.
var errNoneAccepted = errors.New("no relay has accepted the event")

// run is the program: verdicts go to stdout, everything else to stderr. It
// returns nil if a relay has accepted the event.
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
		relays, err := startRelays(stderr)
		if err != nil {
			return err
		}
		defer relays.close()
		opts.relays = relays.urls
	}
	return publish(ctx, opts, event, stdout, stderr)
}

// goodbye is how long relays have to answer the end of the connection. There is
// nothing left to hear from them.
const goodbye = 500 * time.Millisecond

// publish returns when every relay's verdict has been printed, or what there
// was of them when ctx ended. more is how else to reach the relays.
func publish(ctx context.Context, opts options, event *nostr.Event, stdout, stderr io.Writer, more ...gennostr.Option) error {
	p := newPublisher(opts, event, stdout, stderr)
	err := gennostr.Run(ctx, p, append(more,
		gennostr.WithRelays(opts.relays...),
		gennostr.WithManualReconnect(), // one attempt and one verdict for each
		gennostr.WithHandshakeTimeout(opts.timeout),
		gennostr.WithShutdownTimeout(goodbye),
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // OnError and the error of Run tell everything already
	)...)
	if err != nil {
		return err
	}
	p.settleRest("before the interruption") // had it ended before it began
	if !p.accepted() {
		return errNoneAccepted
	}
	return nil
}

// demoRelays are the relays of its own: one takes what it gets, one does not.
type demoRelays struct {
	relays []*nostrtest.Relay
	urls   []string
}

func startRelays(stderr io.Writer) (*demoRelays, error) {
	d := new(demoRelays)
	for _, opts := range [][]nostrtest.Option{
		nil,
		{nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string {
			return "blocked: this relay takes notes from its members only"
		})},
	} {
		relay, err := nostrtest.StartRelay(opts...)
		if err != nil {
			d.close()
			return nil, err
		}
		d.relays = append(d.relays, relay)
		d.urls = append(d.urls, relay.URL())
	}
	fmt.Fprintln(stderr, "no -relay: this is a demo, on two relays of its own, of which one takes nothing")
	return d, nil
}

func (d *demoRelays) close() {
	for _, relay := range d.relays {
		relay.Close()
	}
}
