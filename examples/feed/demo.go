package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	demoFiles = 6
	demoFeed  = `<?xml version="1.0"?><rss version="2.0"><channel><title>A feed</title>
<item><title>The third entry</title><link>https://example.com/3</link><category>Nostr</category></item>
<item><title>The second entry</title><link>https://example.com/2</link></item>
<item><title>The first entry</title><link>https://example.com/1</link></item>
</channel></rss>`
)

// demo is the program on relays of its own, with files of its own. It runs twice: the
// second time there is nothing left to publish.
func demo(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()
	dir, err := os.MkdirTemp("", "feed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if opts.sources, err = demoSources(dir); err != nil {
		return err
	}
	relays, err := startRelays()
	if err != nil {
		return err
	}
	defer relays.close()
	opts.relays, opts.key, opts.spool = relays.urls(), nostrtest.Key(1), filepath.Join(dir, "spool")
	opts.pace, opts.patience, opts.every = 10, 20*time.Second, 0
	say("no -relay: this is a demo, on three relays of its own, of which one is away and one wants less at a time")

	relays.away.Stop()
	var back sync.WaitGroup
	back.Go(func() { // ends with the first note that another relay has, or with ctx
		if _, err := relays.open.WaitEvent(ctx, nostr.Filter{}); err == nil {
			_ = relays.away.Restart()
		}
	})
	defer back.Wait()
	for range 2 {
		if err := publish(ctx, opts, stdout, say, gennostr.WithReconnectSchedule(200*time.Millisecond, time.Second)); err != nil {
			return err
		}
	}
	back.Wait()
	for _, relay := range relays.all() {
		n := len(relay.Events())
		if _, err := fmt.Fprintf(stdout, "%s has %d notes\n", relay.URL(), n); err != nil {
			return err
		}
		if n != demoFiles+3 {
			return fmt.Errorf("a relay has %d notes, not %d", n, demoFiles+3)
		}
	}
	return context.Cause(ctx)
}

func demoSources(dir string) ([]string, error) {
	notes, feed := filepath.Join(dir, "notes"), filepath.Join(dir, "feed.xml")
	err := errors.Join(os.Mkdir(notes, 0o700), os.WriteFile(feed, []byte(demoFeed), 0o600))
	for n := range demoFiles {
		err = errors.Join(err, os.WriteFile(filepath.Join(notes, fmt.Sprintf("%02d.txt", n+1)), fmt.Appendf(nil, "Note number %d.\n", n+1), 0o600))
	}
	return []string{notes, feed}, err
}

// demoRelays are three: one that takes what it gets, one that is away at first, and one
// for which the second note comes too fast.
type demoRelays struct{ open, away, slow *nostrtest.Relay }

func startRelays() (*demoRelays, error) {
	var offered atomic.Int64
	slowly := func(nostrtest.Connection, *nostr.Event) string {
		if offered.Add(1) == 2 {
			return "rate-limited: not so fast"
		}
		return ""
	}
	d := new(demoRelays)
	for _, r := range []struct {
		relay **nostrtest.Relay
		opts  []nostrtest.Option
	}{{&d.open, nil}, {&d.away, nil}, {&d.slow, []nostrtest.Option{nostrtest.WithPolicy(slowly)}}} {
		relay, err := nostrtest.StartRelay(r.opts...)
		if err != nil {
			d.close()
			return nil, err
		}
		*r.relay = relay
	}
	return d, nil
}

func (d *demoRelays) all() (list []*nostrtest.Relay) {
	for _, relay := range []*nostrtest.Relay{d.open, d.away, d.slow} {
		if relay != nil {
			list = append(list, relay)
		}
	}
	return list
}

func (d *demoRelays) urls() (urls []string) {
	for _, relay := range d.all() {
		urls = append(urls, relay.URL())
	}
	return urls
}

func (d *demoRelays) close() {
	for _, relay := range d.all() {
		relay.Close()
	}
}
