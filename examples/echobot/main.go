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
	"io/fs"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "echobot:", err)
		os.Exit(1)
	}
}

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
	secret, err := secretKey(*key)
	if err != nil {
		return err
	}

	say := teller(stdout)
	bot := newBot(secret, say)
	if len(urls) > 0 {
		say("bot", "I am %s; Ctrl-C ends me", secret.PubKey())
		return gennostr.Run(ctx, bot, gennostr.WithRelays(urls...), gennostr.WithSigner(secret.Signer())) // relays that want to know who it is (NIP-42)
	}
	err = demo(ctx, bot, say)
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return err
}

// teller prints who does what, and when. Several goroutines speak.
func teller(w io.Writer) func(who, format string, args ...any) {
	lines := log.New(w, "", 0)
	start := time.Now()
	return func(who, format string, args ...any) {
		lines.Printf("%6.2fs  %-8s %s", time.Since(start).Seconds(), who, fmt.Sprintf(format, args...))
	}
}

// secretKey reads a key from the flag: hex or nsec, or a file with one of them.
// Errors repeat nothing of the argument: it may be a key with a slip in it.
func secretKey(arg string) (nostr.SecretKey, error) {
	if arg == "" {
		return nostr.GenerateSecretKey(), nil
	}
	if key, err := nostr.ParseSecretKey(arg); err == nil {
		return key, nil
	}
	data, err := os.ReadFile(arg)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nostr.SecretKey{}, fmt.Errorf("-key: neither a secret key nor a file that can be read: %w", err)
	}
	key, err := nostr.ParseSecretKey(strings.TrimSpace(string(data)))
	if err != nil {
		return nostr.SecretKey{}, fmt.Errorf("-key: the file: %w", err)
	}
	return key, nil
}
