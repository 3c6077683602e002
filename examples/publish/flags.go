package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// options are what the command line asks for.
type options struct {
	relays    []string // as written, each once, in the order given
	key       nostr.SecretKey
	kind      nostr.Kind
	tags      nostr.Tags
	timeout   time.Duration
	atLeast   int // 0: the verdicts of all relays are waited for
	content   string
	fromStdin bool // the content is yet to be read
}

const demoContent = "hello from gennostr"

const intro = `usage: publish [-relay URL]… [-key KEY] [-kind N] [-tag NAME=VALUE]… [-timeout TIME] [-atleast N] TEXT…
       publish [flags] -

publish signs TEXT, or with - what it reads from standard input, as a note, and sends it to the relays.
One line per relay says what became of it; the exit status is 0 if any of them has it.
Without -relay it shows itself on relays of its own.

`

// parse reads the command line. What is wrong with a value is found out after
// package flag is done, which would print the value, and that may be a secret
// key. After -h the error is flag.ErrHelp.
func parse(args []string, usage io.Writer) (options, error) {
	var opts options
	var addresses, tags []string
	flags := flag.NewFlagSet("publish", flag.ContinueOnError)
	repeatable := func(name, usage string, values *[]string) {
		flags.Func(name, usage+" (repeatable)", func(s string) error { *values = append(*values, s); return nil })
	}
	repeatable("relay", "`URL` of a relay, such as wss://relay.example.com", &addresses)
	repeatable("tag", "a tag of the event, as `name=value`, such as t=nostr or p=npub1…", &tags)
	var key *string // nil if not given: an empty one, of a variable that is not set, is a mistake
	flags.Func("key", "the secret `key` to sign with: a file that holds an nsec or 64 hex digits, or these themselves,\nwhich others on this machine may see then (default: a new key)", func(s string) error { key = &s; return nil })
	kind := flags.String("kind", "", "the event's kind, `N` from 0 to 65535 (default 1)")
	timeout := flags.String("timeout", "", "how much `time` the relays have to take it; one that is away is tried again until then (default 10s)")
	atLeast := flags.String("atleast", "", "how many relays, `N`, have to take it: then the others are not waited for\n(default: one, and all are waited for)")

	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}

	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("-%s: %w", name, err))
		}
	}
	var err error
	opts.relays, err = distinct(addresses)
	note("relay", err)
	if key != nil {
		opts.key, err = cli.SecretKey(*key)
		note("key", err)
	}
	n, err := strconv.ParseUint(cmp.Or(*kind, "1"), 10, 16)
	if err != nil {
		note("kind", fmt.Errorf("want a number from 0 to 65535, not %q", *kind))
	}
	opts.kind = nostr.Kind(n)
	for _, s := range tags {
		tag, err := parseTag(s)
		note("tag", err)
		opts.tags = append(opts.tags, tag)
	}
	opts.timeout, err = time.ParseDuration(cmp.Or(*timeout, "10s"))
	if err != nil || opts.timeout <= 0 {
		note("timeout", fmt.Errorf("want a duration such as 10s, not %q", *timeout))
	}
	opts.atLeast, err = parseAtLeast(*atLeast, cmp.Or(len(opts.relays), demoSize))
	note("atleast", err)
	errs = append(errs, opts.parseText(flags, args))
	return opts, errors.Join(errs...)
}

// parseAtLeast reads how many of so many relays have to take the event; 0: all are waited for.
func parseAtLeast(s string, most int) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("want a number from 1 to %d, for so many relays there are, not %q", most, s)
	}
	return n, nil
}

// distinct leaves out relays that stand there already, in whatever spelling.
func distinct(addresses []string) (relays []string, err error) {
	var known []string
	var errs []error
	for _, address := range addresses {
		url, err := nostr.NormalizeURL(address)
		if err != nil {
			errs = append(errs, err)
		} else if !slices.Contains(known, url) {
			known = append(known, url)
			relays = append(relays, address)
		}
	}
	return relays, errors.Join(errs...)
}

// parseText is about what stands behind the flags.
func (opts *options) parseText(flags *flag.FlagSet, args []string) error {
	text := flags.Args()
	opts.content = strings.Join(text, " ")
	switch {
	case len(text) == 0 && len(opts.relays) == 0:
		opts.content = demoContent
		return nil
	case len(text) == 0:
		return errors.New("nothing to publish: say it behind the flags, or - to read it from standard input")
	}
	if before := len(args) - len(text); before > 0 && args[before-1] == "--" {
		return nil // all of it is meant
	}
	// Package flag stops at the first word that is no flag. What follows would be published.
	for _, word := range text {
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if strings.HasPrefix(word, "-") && flags.Lookup(name) != nil {
			return fmt.Errorf("-%s stands behind the text, where it would be published: flags come first (or put -- before the text)", name)
		}
	}
	if text[0] == "-" {
		if len(text) > 1 {
			return errors.New("- reads all of the text from standard input: there can be no more of it")
		}
		opts.content, opts.fromStdin = "", true
	}
	return nil
}

// parseTag reads name=value as a tag. Keys and ids may be bech32, which is not for the wire.
func parseTag(s string) (nostr.Tag, error) {
	name, value, found := strings.Cut(s, "=")
	if !found || name == "" {
		return nil, errors.New("want a name and a value, such as t=nostr")
	}
	var err error
	switch name {
	case "p":
		var key nostr.PubKey
		key, err = nostr.ParsePubKey(value)
		value = key.String()
	case "e":
		var id nostr.ID
		id, err = nostr.ParseID(value)
		value = id.String()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return nostr.Tag{name, value}, nil
}

// maxContent bounds what is read from standard input, in bytes; few relays take as much.
const maxContent = 1 << 20

// readContent reads standard input to its end, without the line end behind it.
func readContent(ctx context.Context, stdin io.Reader) (string, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() { // ends with its input; nobody can cut a read short, so Ctrl-C leaves it to the end of the program
		data, err := io.ReadAll(io.LimitReader(stdin, maxContent+1))
		read <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.New("interrupted before there was anything to publish")
	case r := <-read:
		if r.err != nil {
			return "", fmt.Errorf("standard input: %w", r.err)
		}
		if len(r.data) > maxContent {
			return "", fmt.Errorf("standard input: more than %d bytes", maxContent)
		}
		content, cut := strings.CutSuffix(string(r.data), "\n")
		if cut {
			content = strings.TrimSuffix(content, "\r")
		}
		if content == "" { // a command in front of the pipe has failed, perhaps
			return "", errors.New(`standard input is empty; for an event without text say ""`)
		}
		return content, nil
	}
}
