package gennostr

import (
	"context"
	"errors"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

// What a comparison fetches: events that the program lacks, by their ids. On the goroutine that
// has called Sync.

const (
	fetchAtOnce = 512 // ids in one query: about 34 KB of REQ
	fetchAhead  = 3   // queries that are open at once
	fetchTries  = 3   // of a query that has brought nothing
	mostGivenUp = 3   // batches, or events that are pushed, one after another, that have come to nothing
)

// batch are events that are fetched together.
type batch struct {
	ids   []nostr.ID // that have not come
	left  map[nostr.ID]struct{}
	q     *openQuery
	tries int // that have brought nothing

	answered bool // the relay has said that there is no more
}

// fetch hands over what the program lacks and no page has brought.
func (o *openSync) fetch(ctx context.Context) error {
	need := slices.DeleteFunc(slices.Clone(o.machine.Need()), o.machine.Came)
	var waiting, open []*batch
	givenUp := 0 // one after another
	for ids := range slices.Chunk(need, fetchAtOnce) {
		waiting = append(waiting, &batch{ids: ids})
	}
	defer func() {
		for _, b := range open {
			b.q.leave()
		}
	}()
	for len(waiting)+len(open) > 0 && givenUp < mostGivenUp {
		for len(open) < fetchAhead && len(waiting) > 0 {
			b := waiting[0]
			waiting = waiting[1:]
			if err := o.begin(ctx, b); err != nil {
				return err
			}
			open = append(open, b)
		}
		b := open[0]
		err := o.drain(ctx, b)
		open = open[1:]
		switch {
		case err != nil:
			return err
		case len(b.ids) == 0:
			givenUp = 0
		case b.tries < fetchTries && o.await(ctx):
			waiting = append([]*batch{b}, waiting...)
		default:
			o.lacking += len(b.ids)
			if givenUp++; b.answered { // what it has given is not all, and may be so for these alone
				givenUp = 0
			}
		}
	}
	for _, b := range slices.Concat(open, waiting) { // nobody answers any more
		o.lacking += len(b.ids)
	}
	if o.lacking == 0 {
		o.missing = nil
	}
	return nil
}

func (o *openSync) begin(ctx context.Context, b *batch) (err error) {
	b.left = make(map[nostr.ID]struct{}, len(b.ids))
	for _, id := range b.ids {
		b.left[id] = struct{}{}
	}
	b.q, err = o.ask(ctx, nostr.Filter{IDs: b.ids}, true) // what has come is not asked for again
	return err
}

// drain takes what comes of a batch. What has not come and may come yet stays in it.
func (o *openSync) drain(ctx context.Context, b *batch) error {
	defer b.q.leave()
	came := false
	for {
		e, err := o.next(ctx, b.q)
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if _, wanted := b.left[e.ID]; !wanted || !o.filter.Matches(e) { // it was listed all the same
			continue
		}
		delete(b.left, e.ID)
		came = true
		if err := o.hand(e); err != nil {
			return err
		}
		if o.fetched%tellEvery == 0 {
			o.tell()
		}
	}
	o.tell()
	b.ids = slices.DeleteFunc(slices.Clone(b.ids), func(id nostr.ID) bool { _, left := b.left[id]; return !left })
	b.left = nil
	err := answerErr(b.q.report())
	if err == nil {
		o.absent = append(o.absent, b.ids...)
		b.ids = nil
		return nil
	}
	o.missing = err
	if b.tries++; came {
		b.tries = 0
	}
	if _, _, again := whyUnpaged(err); !again {
		var gap *GapError
		b.tries, b.answered = fetchTries, errors.As(err, &gap) || errors.Is(err, errMoreToCome)
	}
	return nil
}

// await waits until the relay is connected, but not for long. It tells whether it is.
func (o *openSync) await(ctx context.Context) bool {
	due := o.c.now().Add(o.cfg.patience)
	for {
		link, _, gone := o.news.state()
		if link || gone != nil || !o.c.now().Before(due) {
			return link && gone == nil
		}
		o.armBy(due)
		select {
		case <-o.news.bell:
			if o.news.rung() {
				o.disarmed()
			}
		case <-ctx.Done():
			return false
		}
	}
}
