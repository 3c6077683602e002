package main

import (
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
	relays []string // as written, each once
	filter nostr.Filter
	json   bool
}

// defaultLimit is how many stored events are wanted where neither -since nor -limit say it.
const defaultLimit = 10

const intro = `usage: tail [-relay URL]… [-kind N]… [-author KEY]… [-tag NAME=VALUE]… [-since TIME] [-limit N] [-json]

tail shows the events of relays: some stored ones, then the live ones, until Ctrl-C.
Without -relay it shows itself on a relay of its own, and ends.

`

// parse reads the command line. What is wrong with a value is found out after
// package flag is done, which would print the value, and that may be a secret
// in the wrong place. After -h the error is flag.ErrHelp.
func parse(args []string, usage io.Writer) (options, error) {
	var opts options
	var said words
	flags := flag.NewFlagSet("tail", flag.ContinueOnError)
	repeatable := func(name, usage string, values *[]string) {
		flags.Func(name, usage+" (repeatable)", func(s string) error { *values = append(*values, s); return nil })
	}
	repeatable("relay", "`URL` of a relay, such as wss://relay.example.com", &said.relays)
	repeatable("kind", "only events of kind `N`, 0 to 65535", &said.kinds)
	repeatable("author", "only events of this `key`: an npub, 64 hex digits, or a file with one or more of them", &said.authors)
	repeatable("tag", "only events with this tag, a letter and a `name=value` such as t=nostr or p=npub1…;\nof one name any value will do, of several names each has to be there", &said.tags)
	flags.StringVar(&said.since, "since", "", "only events since this `time`: a duration such as 24h, seconds since 1970, or 2006-01-02T15:04:05Z")
	flags.StringVar(&said.limit, "limit", "", fmt.Sprintf("ask each relay for at most `N` stored events, 0 for none (default %d, with -since all)", defaultLimit))
	flags.BoolVar(&opts.json, "json", false, "print events as JSON, one a line")

	if err := cli.Parse(flags, args, intro, usage); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("unexpected argument %q: everything is said with flags, see -h", flags.Arg(0))
	}
	if err := opts.understand(said); err != nil {
		return opts, err
	}
	return opts, opts.filter.Validate()
}

// words are the flags as they were given.
type words struct {
	relays, kinds, authors, tags []string
	since, limit                 string
}

// understand makes options of words. All that is wrong with them is in the error.
func (opts *options) understand(said words) error {
	var known []string
	var errs []error
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("-%s: %w", name, err))
		}
	}
	for _, address := range said.relays {
		url, err := nostr.NormalizeURL(address)
		note("relay", err)
		if err == nil && !slices.Contains(known, url) {
			known = append(known, url)
			opts.relays = append(opts.relays, address)
		}
	}
	for _, s := range said.kinds {
		kind, err := parseKind(s)
		note("kind", err)
		opts.filter.Kinds = append(opts.filter.Kinds, kind)
	}
	for _, s := range said.authors {
		keys, err := parseAuthors(s)
		note("author", err)
		opts.filter.Authors = append(opts.filter.Authors, keys...)
	}
	for _, s := range said.tags {
		name, value, err := parseTag(s)
		note("tag", err)
		if err == nil {
			if opts.filter.Tags == nil {
				opts.filter.Tags = make(nostr.TagMap)
			}
			opts.filter.Tags[name] = append(opts.filter.Tags[name], value)
		}
	}
	if said.since != "" {
		at, err := parseSince(said.since, time.Now())
		note("since", err)
		opts.filter.Since = &at
	}
	switch n, err := strconv.Atoi(said.limit); {
	case said.limit == "" && said.since == "":
		opts.filter.Limit = defaultLimit
	case said.limit == "":
	case err != nil || n < 0:
		note("limit", fmt.Errorf("want a number from 0, not %q", said.limit))
	default:
		opts.filter = opts.filter.WithLimit(n)
	}
	return errors.Join(errs...)
}

func parseKind(s string) (nostr.Kind, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("want a number from 0 to 65535, not %q", s)
	}
	return nostr.Kind(n), nil
}

// parseAuthors reads a key, or a file of keys, and repeats neither in its error.
func parseAuthors(s string) ([]nostr.PubKey, error) {
	key, err := nostr.ParsePubKey(s)
	if err == nil {
		return []nostr.PubKey{key}, nil
	}
	data, ferr := cli.ReadFile(s, maxKeyFile)
	if ferr != nil {
		return nil, fmt.Errorf("%w; nor is it a file: %w", err, ferr)
	}
	var keys []nostr.PubKey
	for i, word := range strings.Fields(string(data)) {
		key, err := nostr.ParsePubKey(word)
		if err != nil {
			return nil, fmt.Errorf("key %d of that file: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in that file")
	}
	return keys, nil
}

// maxKeyFile bounds what is read of a file of keys, in bytes.
const maxKeyFile = 1 << 20

// parseTag reads name=value as a condition. Keys and ids may be bech32, which is not for the wire.
func parseTag(s string) (name, value string, err error) {
	name, value, found := strings.Cut(s, "=")
	if !found || len(name) != 1 || !strings.Contains("abcdefghijklmnopqrstuvwxyz", strings.ToLower(name)) {
		return "", "", errors.New("want a letter and a value, such as t=nostr; relays look for no other tags (NIP-01)")
	}
	switch name {
	case "p", "P":
		var key nostr.PubKey
		key, err = nostr.ParsePubKey(value)
		value = key.String()
	case "e", "E":
		var id nostr.ID
		id, err = nostr.ParseID(value)
		value = id.String()
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	return name, value, nil
}

// maxSince, in the year 5138, tells seconds from milliseconds.
const maxSince = 100_000_000_000

// parseSince reads a duration before now, seconds since 1970, or a date and time as in RFC 3339.
func parseSince(s string, now time.Time) (nostr.Timestamp, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case n < 0:
			return 0, errors.New("seconds are counted from 1970 and are not negative")
		case n > maxSince:
			return 0, fmt.Errorf("%d seconds are thousands of years: are they milliseconds?", n)
		}
		return nostr.Timestamp(n), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if ago, derr := time.ParseDuration(s); derr == nil {
		if ago < 0 {
			return 0, fmt.Errorf("a duration is how long ago: %s, without the minus", strings.TrimPrefix(s, "-"))
		}
		at, err = now.Add(-ago), nil
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("want a duration such as 24h, seconds since 1970, or a time such as 2006-01-02T15:04:05Z, not %q", s)
	case at.Unix() < 0:
		return 0, errors.New("there is nothing before 1970")
	}
	return nostr.TimestampOf(at), nil
}
