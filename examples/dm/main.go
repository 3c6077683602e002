// Dm answers private messages, which nobody else can read.
//
// Such a message (NIP-17) travels as a letter in two envelopes. The letter itself
// carries no signature, so nobody can prove later who has written it. It lies in an
// envelope that its author has sealed: that is how you know. And that one lies in
// another, which is addressed to you and signed with a key that was made for it and
// thrown away: this is all that relays, and everybody who looks over their
// shoulder, get to see. Even its date is wrong, by up to two days, on purpose. You
// hang up a list of the relays where your letter boxes are (kind 10050), and those
// relays let nobody look into a box who has not shown that it is theirs (AUTH, NIP-42).
//
// Without arguments it needs no network: it starts two relays of its own that
// keep their boxes locked, a bot on one and a visitor on the other, and lets them
// talk; then it shows what the relays have seen of that.
//
//	go run ./examples/dm
//
// With relays the bot lives there until Ctrl-C:
//
//	go run ./examples/dm -relay wss://relay.example.com -key bot.key
//
// Each message is answered once, whatever relays, outages and copies of it there
// are, as long as the program runs. It remembers nothing when it is started again.
// Wraps do not tell when they were written, so it gets those of days ago again then,
// and cannot know which of them it has answered: it passes over what was written
// before it began to listen. So nothing is answered twice, and what was written while
// it was not running stays unanswered: who wants neither has to keep a cursor, or the
// ids of what was answered, somewhere that outlives the program.
//
// An answer goes to the relays on the visitor's own list, where our relays know it,
// else back to where the message came from.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

func main() { cli.Main("dm", run) }

const intro = `usage: dm [-relay URL]… [-lists URL]… [-key KEY]

dm answers encrypted direct messages (NIP-17). Without -relay it shows itself on relays of its own.

`

// run is the program. It returns nil when it was told to end. What is wrong with a
// flag is found out after package flag is done, which would print its value, and
// that may be a secret key.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var inbox, lists []string
	var key *string // nil if not given: an empty one, of a variable that is not set, is a mistake
	flags := flag.NewFlagSet("dm", flag.ContinueOnError)
	flags.Func("relay", "`URL` of a relay to get messages on, such as wss://relay.example.com; one to three\nof them are advised (repeatable)",
		func(s string) error { inbox = append(inbox, s); return nil })
	flags.Func("lists", "`URL` of one more relay on which to publish one's list of relays, and to look up those of\nothers (repeatable)",
		func(s string) error { lists = append(lists, s); return nil })
	flags.Func("key", "the bot's secret `key`: a file that holds an nsec or 64 hex digits, or these themselves,\nwhich others on this machine may see then (default: a new key)",
		func(s string) error { key = &s; return nil })
	err := cli.Parse(flags, args, intro, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return errors.New("no such flag, or nothing behind it; see -h") // not repeated: it may be a key
	case flags.NArg() > 0:
		return errors.New("unexpected argument; see -h") // nor this
	case len(lists) > 0 && len(inbox) == 0:
		return errors.New("-lists is for a bot that has a -relay")
	}
	for name, urls := range map[string][]string{"relay": inbox, "lists": lists} {
		for _, url := range urls {
			if _, err := nostr.NormalizeURL(url); err != nil {
				return fmt.Errorf("-%s: want the URL of a relay, such as wss://relay.example.com", name)
			}
		}
	}
	secret := nostr.GenerateSecretKey()
	if key != nil {
		if secret, err = cli.SecretKey(*key); err != nil {
			return fmt.Errorf("-key: %w", err)
		}
	}

	say := teller(stdout)
	if len(inbox) == 0 {
		err := demo(ctx, secret, say)
		if ctx.Err() != nil {
			return nil // Ctrl-C
		}
		return err
	}
	bot := newMail(settings{
		name: "bot", key: secret, inbox: inbox, lists: lists, onMessage: answer, say: say,
	})
	say("bot", "I am %s; Ctrl-C ends me", nip19.EncodePubKey(secret.PubKey()))
	return gennostr.Run(ctx, bot, bot.options()...) // guests are nowhere in our own network
}

// quiet: what mail says is enough.
var quiet = gennostr.WithLogger(slog.New(slog.DiscardHandler))

// teller prints who does what, and when. Several goroutines speak.
func teller(w io.Writer) func(who, format string, args ...any) {
	lines := log.New(w, "", 0)
	start := time.Now()
	return func(who, format string, args ...any) {
		lines.Printf("%6.2fs  %-8s %s", time.Since(start).Seconds(), who, fmt.Sprintf(format, args...))
	}
}

// plain makes what a relay or a stranger says fit for one line of a terminal.
func plain(text string) string { return cli.Safe(text, 300) }

// short is enough of a key to tell people apart in a log.
func short(key nostr.PubKey) string { return nip19.EncodePubKey(key)[:12] + "…" }

// identity is the URL by which callbacks name a relay, whose address has been checked.
func identity(address string) string {
	url, _ := nostr.NormalizeURL(address)
	return url
}
