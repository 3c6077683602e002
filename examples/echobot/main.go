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

const intro = "echobot answers whoever mentions it. Without -relay it shows itself on a relay of its own.\n"

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
	var urls relays
	flags.Var(&urls, "relay", "`URL` of a relay to live on, such as wss://relay.example.com (repeatable)")
	key := flags.String("key", "", "the bot's `secret key`: hex, nsec, or a file that holds one (default: a new key)")
	switch err := cli.Parse(flags, args, intro, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return errors.New("no such flag, or a value that does not fit it; see -h") // not repeated: it may be a key
	case flags.NArg() > 0:
		return errors.New("unexpected argument; see -h") // nor this
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
