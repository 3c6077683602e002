package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// follower copies what is published, for as long as it may.
type follower struct {
	m    *mirror
	sub  *gennostr.Subscription
	file string // of the cursor; empty: none is kept
}

// subscribe begins to listen. What comes waits until follow takes it.
func (m *mirror) subscribe(ctx context.Context) (*follower, error) {
	f := &follower{m: m}
	m.met = make(map[nostr.ID]bool)
	urls := []string{m.opts.from}
	if m.opts.both {
		urls = append(urls, m.opts.to)
	}
	options := []gennostr.SubscribeOption{gennostr.On(urls...)}
	if m.opts.state != "" {
		f.file = m.opts.state + ".cursor"
		text, err := os.ReadFile(f.file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			var cursor gennostr.Cursor
			if err := cursor.UnmarshalText(text); err != nil {
				return nil, fmt.Errorf("%s: %w", f.file, err)
			}
			options = append(options, gennostr.Resume(cursor))
		}
	}
	var err error
	f.sub, err = m.client.Subscribe(context.WithoutCancel(ctx), []nostr.Filter{m.opts.filter}, options...)
	return f, err
}

// follow publishes each event on the other relay. The cursor is saved when what it has
// passed has its verdicts: after a crash a few events come again, and no event is left out.
func (f *follower) follow(ctx context.Context, stderr io.Writer) error {
	fmt.Fprintln(stderr, "mirror: following; Ctrl-C ends it")
	defer context.AfterFunc(ctx, f.sub.Close)()
	publishers := [2]*publisher{f.m.publisher(there), f.m.publisher(back)}
	lasting := context.WithoutCancel(ctx) // a verdict takes a minute at most
	before := f.m.sum
	n := 0
	for msg := range f.sub.All() {
		if msg.Event == nil {
			sayChange(stderr, msg)
			continue
		}
		if _, known := f.m.journal.known.Index(msg.Event.CreatedAt, msg.Event.ID); known || f.m.met[msg.Event.ID] {
			continue
		}
		direction := there
		if to, _ := nostr.NormalizeURL(f.m.opts.to); msg.Relay.URL == to {
			direction = back
		}
		if err := publishers[direction].publish(lasting, msg.Event); err != nil {
			return err
		}
		if n++; n%publishAtOnce == 0 {
			if err := f.save(lasting, publishers); err != nil {
				return err
			}
		}
	}
	err := errors.Join(f.sub.Err(), f.save(lasting, publishers))
	fmt.Fprintf(stderr, "mirror: followed: %d copied there, %d back\n", f.m.sum.copied[there]-before.copied[there], f.m.sum.copied[back]-before.copied[back])
	return err
}

// sayChange tells what keeps a relay from being followed, and what may be missing.
func sayChange(stderr io.Writer, msg gennostr.SubscriptionMessage) {
	change := msg.Change
	words := change.Message
	if change.Err != nil {
		words = change.Err.Error()
	}
	switch {
	case change.Gap != nil:
		fmt.Fprintf(stderr, "mirror: %s has not given all of created_at %d to %d: the next run compares them\n", msg.Relay.URL, change.Gap.Since, change.Gap.Until)
	case words != "":
		fmt.Fprintf(stderr, "mirror: %s is not followed for now (%v): %s\n", msg.Relay.URL, change.State, cli.Safe(words, 300))
	}
}

// save waits for the verdicts and saves the cursor.
func (f *follower) save(ctx context.Context, publishers [2]*publisher) error {
	cursor, known := f.sub.Cursor()
	for _, p := range publishers {
		if err := p.settle(ctx, 0); err != nil {
			return err
		}
	}
	if err := f.m.journal.flush(); err != nil || f.file == "" || !known {
		return err
	}
	text, err := cursor.MarshalText()
	if err != nil {
		return err
	}
	return replaceFile(f.file, text)
}

// replaceFile leaves either the old contents or the new ones, whenever it is interrupted.
func replaceFile(name string, data []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}
