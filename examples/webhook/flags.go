package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// options are what the command line asks for.
type options struct {
	relays   []string // normalised, each once
	url      string   // "": the demo
	filter   nostr.Filter
	since    nostr.Timestamp
	parallel int
	timeout  time.Duration
	tries    int // 0: as many as it takes
}

const intro = `usage: webhook [-relay URL]… [-url URL] [-kind N]… [-author KEY]… [-tag NAME=VALUE]…
               [-since TIME] [-parallel N] [-timeout TIME] [-tries N]

webhook posts every note that matches to a URL, as JSON, until Ctrl-C.
Without -relay and -url it shows itself on a relay and an endpoint of its own, and ends.

`

// parse reads the command line. What is wrong with a value is found out after
// package flag is done, which would print the value, and that may be a secret.
// After -h the error is flag.ErrHelp.
func parse(args []string, usage io.Writer) (options, error) {
	var opts options
	var w words
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	repeatable := func(name, usage string, values *[]string) {
		flags.Func(name, usage+" (repeatable)", func(s string) error { *values = append(*values, s); return nil })
	}
	repeatable("relay", "`URL` of a relay, such as wss://relay.example.com", &w.relays)
	repeatable("kind", "only events of kind `N`, 0 to 65535 (default 1)", &w.kinds)
	repeatable("author", "only events of this `key`: an npub or 64 hex digits", &w.authors)
	repeatable("tag", "only events with this tag, a letter and a `name=value` such as t=nostr or p=npub1…", &w.tags)
	flags.StringVar(&opts.url, "url", "", "`URL` of the endpoint, http or https")
	flags.StringVar(&w.since, "since", "", "also what was published since this `time`: a duration such as 24h, or seconds since 1970 (default now)")
	flags.StringVar(&w.parallel, "parallel", "", "at most `N` requests at once (default 4)")
	flags.StringVar(&w.timeout, "timeout", "", "how much `time` the endpoint has for an answer (default 30s)")
	flags.StringVar(&w.tries, "tries", "", "post a note `N` times at most, 0 for as often as it takes (default 20)")

	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q: everything is said with flags, see -h", flags.Arg(0))
	}
	return opts, errors.Join(w.read(&opts), opts.filter.Validate())
}

// words are the values of flags as they were written.
type words struct {
	relays, kinds, authors, tags    []string
	since, parallel, timeout, tries string
}

// read says what they mean, or everything that is wrong with them.
func (w *words) read(opts *options) error {
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("-%s: %w", name, err))
		}
	}
	if (len(w.relays) == 0) != (opts.url == "") {
		errs = append(errs, errors.New("-relay and -url belong together: from where, and to where"))
	}
	for _, s := range w.relays {
		normal, err := nostr.NormalizeURL(s)
		note("relay", err)
		if err == nil && !slices.Contains(opts.relays, normal) {
			opts.relays = append(opts.relays, normal)
		}
	}
	if opts.url != "" {
		note("url", checkEndpoint(opts.url))
	}
	for _, s := range w.kinds {
		kind, err := parseNumber(s, 0, 65535)
		note("kind", err)
		opts.filter.Kinds = append(opts.filter.Kinds, nostr.Kind(kind))
	}
	if len(w.kinds) == 0 {
		opts.filter.Kinds = []nostr.Kind{nostr.KindTextNote}
	}
	for _, s := range w.authors {
		key, err := nostr.ParsePubKey(s)
		note("author", err)
		opts.filter.Authors = append(opts.filter.Authors, key)
	}
	for _, s := range w.tags {
		name, value, err := parseTag(s)
		note("tag", err)
		if err == nil {
			opts.filter = opts.filter.WithTag(name, append(opts.filter.Tags[name], value)...)
		}
	}
	var err error
	opts.since, err = parseSince(cmp.Or(w.since, "0s"), time.Now())
	note("since", err)
	opts.parallel, err = parseNumber(cmp.Or(w.parallel, "4"), 1, 1000)
	note("parallel", err)
	opts.tries, err = parseNumber(cmp.Or(w.tries, "20"), 0, 1_000_000)
	note("tries", err)
	opts.timeout, err = time.ParseDuration(cmp.Or(w.timeout, "30s"))
	if err != nil || opts.timeout <= 0 {
		note("timeout", fmt.Errorf("want a duration such as 30s, not %q", w.timeout))
	}
	return errors.Join(errs...)
}

// checkEndpoint does not repeat the URL: its path may be a secret.
func checkEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want an http or https URL, such as https://example.com/hook")
	}
	return nil
}

func parseNumber(s string, from, to int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < from || n > to {
		return 0, fmt.Errorf("want a number from %d to %d, not %q", from, to, s)
	}
	return n, nil
}

// parseTag reads name=value as a condition. Keys may be bech32, which is not for the wire.
func parseTag(s string) (name, value string, err error) {
	name, value, found := strings.Cut(s, "=")
	if !found || len(name) != 1 || !strings.Contains("abcdefghijklmnopqrstuvwxyz", strings.ToLower(name)) {
		return "", "", errors.New("want a letter and a value, such as t=nostr; relays look for no other tags (NIP-01)")
	}
	if name == "p" {
		key, err := nostr.ParsePubKey(value)
		if err != nil {
			return "", "", fmt.Errorf("p: %w", err)
		}
		value = key.String()
	}
	return name, value, nil
}

// parseSince reads a duration before now, or seconds since 1970.
func parseSince(s string, now time.Time) (nostr.Timestamp, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= now.Unix() {
		return nostr.Timestamp(n), nil
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 || now.Add(-ago).Unix() < 0 {
		return 0, fmt.Errorf("want a duration such as 24h, or seconds since 1970, not %q", s)
	}
	return nostr.TimestampOf(now.Add(-ago)), nil
}
