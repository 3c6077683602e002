// Echobot answers whoever mentions it.
//
// Without arguments it needs no network: it starts a relay of its own and lets
// a visitor mention the bot, which answers; then the relay dies and comes back,
// and the bot, which comes back by itself, answers again. Every step is printed
// as it happens.
//
//	go run ./examples/echobot
//
// With relays it lives on a real network until Ctrl-C:
//
//	go run ./examples/echobot -relay wss://relay.example.com -key bot.key
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

func main() { cli.Main("echobot", run) }

// relays is a flag that may be repeated.
type relays []string

func (r *relays) String() string { return strings.Join(*r, ", ") }

func (r *relays) Set(url string) error {
	_, err := nostr.NormalizeURL(url)
	*r = append(*r, url)
	return err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("echobot", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "echobot answers whoever mentions it. Without -relay it shows itself on a relay of its own.")
		flags.PrintDefaults()
	}
	var urls relays
	flags.Var(&urls, "relay", "`URL` of a relay to live on, such as wss://relay.example.com (repeatable)")
	key := flags.String("key", "", "the bot's `secret key`: hex, nsec, or a file that holds one (default: a new key)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errors.New("see -h")
	}
	if flags.NArg() > 0 {
		return errors.New("unexpected argument; see -h") // not repeated: it may be a key
	}
	secret := nostr.GenerateSecretKey()
	if *key != "" {
		var err error
		if secret, err = cli.SecretKey(*key); err != nil {
			return fmt.Errorf("-key: %w", err)
		}
	}

	say := teller(stdout)
	bot := newBot(secret, say)
	if len(urls) > 0 {
		say("bot", "I am %s; Ctrl-C ends me", secret.PubKey())
		return gennostr.Run(ctx, bot, gennostr.WithRelays(urls...), gennostr.WithSigner(secret.Signer())) // relays that want to know who it is (NIP-42)
	}
	err := demo(ctx, bot, say)
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return err
}

// teller prints who does what, and when: one line each, fit for a terminal, since it may
// hold a relay's words. Several goroutines speak.
func teller(w io.Writer) func(who, format string, args ...any) {
	lines := log.New(w, "", 0)
	start := time.Now()
	return func(who, format string, args ...any) {
		lines.Printf("%6.2fs  %-8s %s", time.Since(start).Seconds(), who, cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine))
	}
}
