package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// demo is tail on a relay of its own: a few stored notes, some live ones, an
// outage during which another is published, and the return. All flags work as
// on any relay, so what is not wanted is not waited for.
func demo(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("the demo took longer than 10 seconds"))
	defer cancel()
	relay, err := nostrtest.StartRelay()
	if err != nil {
		return err
	}
	defer relay.Close()
	say("no -relay: this is a demo, on %s", relay.URL())
	stored, err := storedNotes()
	if err != nil {
		return err
	}
	relay.Publish(stored...)

	opts.relays = []string{relay.URL()}
	steps := make(chan any, 16)
	ended := make(chan error, 1)
	telling, end := context.WithCancel(ctx)
	defer end()
	report := func(step any) {
		select {
		case steps <- step:
		case <-telling.Done():
		}
	}
	go func() { // ends with telling; its word is taken below
		ended <- follow(telling, opts, stdout, say, report,
			append(settings(opts.relays), gennostr.WithReconnectSchedule(200*time.Millisecond, time.Second))...)
	}()
	await := func(want any) error {
		for {
			select {
			case step := <-steps:
				if step == want {
					return nil
				}
			case err := <-ended: // such as when nobody reads its output
				ended <- nil
				return cmp.Or(err, context.Cause(ctx), errors.New("the tail has ended"))
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	err = story(opts, relay, await, say)
	end()
	return errors.Join(err, <-ended)
}

// story is what happens at the relay: notes come, it dies, it is back.
func story(opts options, relay *nostrtest.Relay, await func(any) error, say func(string, ...any)) error {
	live := func(text string) error {
		note := nostrtest.TextNote(nostrtest.Key(3), text, nostr.Tag{"t", "demo"})
		relay.Publish(note)
		if !opts.filter.Matches(note) {
			return nil
		}
		return await(note.ID)
	}

	if err := await(caughtUp{}); err != nil {
		return err
	}
	for i := range 3 {
		if err := live(fmt.Sprintf("live note %d", i+1)); err != nil {
			return err
		}
	}
	say("the relay stops, and gets a note meanwhile")
	relay.Stop()
	if err := await(lost{}); err != nil {
		return err
	}
	relay.Publish(nostrtest.TextNote(nostrtest.Key(3), "published during the outage", nostr.Tag{"t", "demo"}))
	if err := relay.Restart(); err != nil {
		return err
	}
	if err := await(caughtUp{}); err != nil {
		return err
	}
	return live("live again")
}

// storedNotes are by several authors, of several kinds, and of the last hour.
// One tries to clear the screen.
func storedNotes() ([]*nostr.Event, error) {
	now := time.Now()
	list := []*nostr.Event{
		{Kind: nostr.KindProfileMetadata, Content: `{"name":"demo"}`},
		{Kind: nostr.KindTextNote, Content: "good morning", Tags: nostr.Tags{{"t", "demo"}}},
		{Kind: nostr.KindTextNote, Content: "two lines\nof text", Tags: nostr.Tags{{"t", "demo"}}},
		{Kind: nostr.KindReaction, Content: "+"},
		{Kind: nostr.KindTextNote, Content: "\x1b[2Jthis does not clear the screen"},
	}
	for i, ev := range list {
		ev.CreatedAt = nostr.TimestampOf(now.Add(time.Duration(i-len(list)) * 10 * time.Minute))
		if err := ev.Sign(nostrtest.Key(1 + i%2)); err != nil {
			return nil, err
		}
	}
	return list, nil
}
