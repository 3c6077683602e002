package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

// atOnce is how many notes may be on their way: what a relay's pace lets wait.
const atOnce = 64

// feed publishes what it reads.
type feed struct {
	opts   options
	client *gennostr.Client
	spool  *spool
	signer nostr.Signer
	out    io.Writer // verdicts

	mu      sync.Mutex
	summary summary // guarded by mu
}

// summary counts items.
type summary struct {
	published, before, failed int
}

func (s summary) String() string {
	return fmt.Sprintf("%d published, %d had been before, %d on no relay", s.published, s.before, s.failed)
}

// pass reads every source once, and publishes what is new.
func (f *feed) pass(ctx context.Context) error {
	var errs []error
	slots := make(chan struct{}, atOnce)
	var publishing sync.WaitGroup
	defer publishing.Wait()
	for _, source := range f.opts.sources {
		items, err := readItems(ctx, source)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", source, err))
			continue
		}
		for _, it := range items {
			event, err := f.event(ctx, it)
			if err != nil {
				return errors.Join(append(errs, err)...)
			}
			if event == nil {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			publishing.Go(func() { // ends with ctx, or when all relays have said what they think
				defer func() { <-slots }()
				f.publish(ctx, it, event)
			})
		}
	}
	return errors.Join(errs...)
}

// event is what an item becomes; nil if it has been published before. One that was
// written down and not published, by a program that ended too early, is as it was.
func (f *feed) event(ctx context.Context, it item) (*nostr.Event, error) {
	event, done := f.spool.find(it.id)
	switch {
	case done:
		f.count(func(s *summary) { s.before++ })
		return nil, nil
	case event != nil:
		return event, nil
	case givesAway(it):
		fmt.Fprintf(f.out, "%s: not published, for it has a secret key in it\n", brief(it.id))
		f.count(func(s *summary) { s.failed++ })
		return nil, nil
	}
	event = &nostr.Event{Kind: nostr.KindTextNote, Tags: it.tags, Content: it.text}
	if err := f.signer.SignEvent(ctx, event); err != nil {
		return nil, err
	}
	return event, f.spool.enter(it.id, event)
}

// publish publishes one note and tells what each relay says.
func (f *feed) publish(ctx context.Context, it item, event *nostr.Event) {
	report, err := f.client.Publish(ctx, event, gennostr.GiveUpAfter(f.opts.patience))
	if ctx.Err() != nil && err != nil {
		return // told to end: it is written down, and published the next time
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.out, "%s  %s\n", nip19.EncodeNote(event.ID), brief(it.text))
	for _, o := range report.Outcomes {
		fmt.Fprintf(f.out, "  %-11s %s%s\n", o.Verdict, o.URL, why(o))
	}
	if err != nil {
		f.summary.failed++
		return
	}
	f.summary.published++
	if err := f.spool.done(it.id); err != nil {
		fmt.Fprintln(f.out, "not written down:", err)
	}
}

// why is what the relay has said, or what has failed.
func why(o gennostr.Outcome) string {
	switch {
	case o.Err != nil:
		return ": " + brief(o.Err.Error())
	case o.Message != "":
		return ": " + brief(o.Message)
	}
	return ""
}

func (f *feed) count(change func(*summary)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.summary)
}

func (f *feed) summed() summary {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.summary
}

// follow reads the sources again and again, until ctx ends.
func (f *feed) follow(ctx context.Context, say func(string, ...any)) error {
	for {
		if err := f.pass(ctx); err != nil && ctx.Err() == nil {
			say("%v", err) // the web server's trouble is no reason to end
		}
		select {
		case <-time.After(f.opts.every):
		case <-ctx.Done():
			return nil
		}
	}
}
