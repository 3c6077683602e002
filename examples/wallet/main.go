// Wallet is a wallet service (NIP-47): it pays the invoices that its customers send
// it, each once, whatever dies when. A request is paid off the loop, and what was
// done is written down together with where the subscription stands (a Cursor), in
// one step. Killed at any moment and started again, it goes on from there: what is
// written down does not come again, and all else does. Of a payment that was made and
// not written down only the bank knows; it is asked with the request's id, which it
// takes once. So does the answer: it is in the same file until a relay has it.
//
// Without arguments it needs no network: it starts a relay and a bank, sends some
// hundred requests, and runs itself as a process of its own, which it kills again
// and again while the relay crashes and comes back. In the end it counts.
//
//	go run ./examples/wallet
//
// With a relay and a key it serves there until Ctrl-C:
//
//	go run ./examples/wallet -relay wss://relay.example.com -key wallet.key \
//		-customer npub1… -bank https://bank.example.com/pay -ledger wallet.ledger
//
// The bank gets a POST with the invoice as its body and the request's id as its
// Idempotency-Key. It says 200 and the preimage, or 4xx and why not; after anything
// else it is asked again. Without -bank no money moves.
//
// It serves pay_invoice, encrypted with NIP-44, and nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

func main() { cli.Main("wallet", run) }

const intro = `usage: wallet [-relay URL]… [-key KEY] [-customer KEY]… [-bank URL] [-ledger FILE]

wallet pays what its customers ask for (NIP-47), each request once. Without -relay it
shows itself on a relay of its own, with a bank of its own.

`

// options are what the command line asks for.
type options struct {
	relays    []string
	key       nostr.SecretKey
	customers []nostr.PubKey // none: anybody
	bank      string         // "": no money moves
	ledger    string
	requests  int           // of the demo
	seed      uint64        // of the demo
	limit     time.Duration // of the demo
}

// words are those flags that are looked at when package flag is done, which would
// print their values: they may be keys, or in the place of one.
type words struct {
	customers []string
	key, bank string
}

func parse(args []string, usage io.Writer) (opts options, err error) {
	var said words
	flags := flag.NewFlagSet("wallet", flag.ContinueOnError)
	flags.Func("relay", "`URL` of a relay to serve on, such as wss://relay.example.com (repeatable)",
		func(s string) error { opts.relays = append(opts.relays, s); return nil })
	flags.Func("customer", "public `key` of somebody who may spend, hex or npub (repeatable; without -bank default: anybody)",
		func(s string) error { said.customers = append(said.customers, s); return nil })
	flags.StringVar(&said.key, "key", "", "the wallet's secret `key`: a file that holds an nsec or 64 hex digits, or these themselves,\nwhich others on this machine may see then")
	flags.StringVar(&said.bank, "bank", "", "`URL` that payments are posted to (default: no money moves)")
	flags.StringVar(&opts.ledger, "ledger", "wallet.ledger", "`file` that tells what is done, made if it is not there")
	flags.IntVar(&opts.requests, "requests", 300, "`number` of requests that the demo sends, 30 to 1000")
	flags.Uint64Var(&opts.seed, "seed", rand.Uint64(), "what decides when the demo kills, a `number`") //nolint:gosec // no secret
	flags.Lookup("seed").DefValue = "0"                                                                // for -h: the one of this run says nothing
	switch err := cli.Parse(flags, args, intro, usage); {
	case errors.Is(err, flag.ErrHelp):
		return opts, err
	case err != nil:
		return opts, errors.New("no such flag, or a value that does not fit it; see -h")
	case flags.NArg() > 0:
		return opts, errors.New("unexpected argument; see -h")
	case opts.requests < 30 || opts.requests > keep:
		return opts, errors.New("-requests: want a number from 30 to 1000")
	}
	opts.limit = max(14*time.Second, time.Duration(opts.requests)*50*time.Millisecond)
	return opts, opts.understand(said)
}

// understand makes options of words.
func (opts *options) understand(said words) (err error) {
	for _, address := range opts.relays {
		if _, err := nostr.NormalizeURL(address); err != nil {
			return errors.New("-relay: want the URL of a relay, such as wss://relay.example.com")
		}
	}
	for _, s := range said.customers {
		customer, err := nostr.ParsePubKey(s)
		if err != nil {
			return fmt.Errorf("-customer: %w", err)
		}
		opts.customers = append(opts.customers, customer)
	}
	if opts.bank = said.bank; opts.bank != "" {
		if u, err := url.Parse(opts.bank); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("-bank: want an http or https URL")
		}
	}
	switch {
	case len(opts.relays) == 0 && (said.key != "" || opts.bank != "" || len(opts.customers) > 0):
		return errors.New("-key, -customer and -bank are for a wallet that has a -relay")
	case len(opts.relays) == 0:
		return nil
	case said.key == "":
		return errors.New("-key: a wallet on a -relay needs one")
	case opts.bank != "" && len(opts.customers) == 0:
		return errors.New("-customer: a wallet that has a -bank needs to know who may spend")
	}
	if opts.key, err = cli.SecretKey(said.key); err != nil {
		return fmt.Errorf("-key: %w", err)
	}
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	say := teller(stdout)
	if len(opts.relays) > 0 {
		return serve(ctx, opts, say)
	}
	err = demo(ctx, opts, stdout, stderr, say)
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	return err
}

// serve is the wallet itself.
func serve(ctx context.Context, opts options, say func(who, format string, args ...any)) error {
	books, err := openLedger(opts.ledger)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = workers
	defer transport.CloseIdleConnections()
	pay := noMoney
	if opts.bank != "" {
		pay = postTo(opts.bank, transport)
	}
	say("wallet", "I am %s; Ctrl-C ends me", opts.key.PubKey())
	return gennostr.Run(ctx, newWallet(opts.key, opts.customers, pay, books, say),
		gennostr.WithRelays(opts.relays...),
		gennostr.WithSigner(opts.key.Signer()),             // for relays that want to know who it is (NIP-42)
		gennostr.WithShutdownTimeout(10*time.Second),       // what is being paid may end
		gennostr.WithLogger(slog.New(slog.DiscardHandler))) // OnError and the error of Run tell everything already
}

// teller prints who does what, and when: one line each, fit for a terminal, since it may
// hold a relay's words. Several goroutines speak.
func teller(w io.Writer) func(who, format string, args ...any) {
	lines := log.New(w, "", 0)
	start := time.Now()
	return func(who, format string, args ...any) {
		lines.Printf("%6.2fs  %-9s %s", time.Since(start).Seconds(), who, cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine))
	}
}
