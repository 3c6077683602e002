package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// mirror copies between two relays.
type mirror struct {
	opts    options
	client  *gennostr.Client
	journal *journal
	bar     *bar
	out     io.Writer            // which events a relay has not taken
	most    int                  // ids that are looked at together
	all     window               // the filter's dates
	before  [2]map[nostr.ID]bool // what both have, in the last two spans: the next ones are asked for a second of them
	partly  error                // the first reason why something could not be compared
	met     map[nostr.ID]bool    // what was compared, is not in the journal as it was read, and need not be followed; nil: nothing is
	sum     summary
}

// summary is what was done.
type summary struct {
	windows  int // of dates
	common   int // events that both had, and that no journal knew of
	copied   [2]int
	refused  [2]int
	absent   int // listed by a relay, and not there when they were asked for
	bytes    int64
	compared bool
}

func (s summary) String() string {
	text := fmt.Sprintf("%d copied there", s.copied[there])
	if s.copied[back] > 0 || s.refused[back] > 0 {
		text += fmt.Sprintf(", %d copied back", s.copied[back])
	}
	text += fmt.Sprintf("; %d were on both, %d not taken, %d not there any more; compared in %d parts for %d KB", s.common, s.refused[there]+s.refused[back], s.absent, s.windows, s.bytes>>10)
	if !s.compared {
		text += "; NOT ALL WAS COMPARED"
	}
	return text
}

// The directions.
const (
	there = 0 // from -from to -to
	back  = 1
)

func (m *mirror) source(direction int) string {
	return []string{m.opts.from, m.opts.to}[direction]
}
func (m *mirror) target(direction int) string { return m.source(1 - direction) }

// mostIDs is how many ids are looked at together, and so how many events of one part
// of the dates wait at a time.
const mostIDs = 20_000

// window is a span of dates, both of which belong to it.
type window struct{ since, until nostr.Timestamp }

func (w window) has(t nostr.Timestamp) bool { return w.since <= t && t <= w.until }

// asked is what the relays are asked for so that nothing of a span is missed: a second more at either end, where
// that is none of the filter's. Some leave out the very seconds of since and until.
func (m *mirror) asked(w window) window {
	if w.since > m.all.since {
		w.since--
	}
	if w.until < m.all.until {
		w.until++
	}
	return w
}

// errPartly is for relays that do not give all that they have.
var errPartly = errors.New("not all could be compared")

// copy compares the relays, span by span, the newest first, and copies what one lacks.
func (m *mirror) copy(ctx context.Context) error {
	m.all = window{0, math.MaxInt64}
	if s := m.opts.filter.Since; s != nil {
		m.all.since = max(0, *s)
	}
	if u := m.opts.filter.Until; u != nil {
		m.all.until = *u
	}
	defer func() { m.before = [2]map[nostr.ID]bool{} }()
	todo := []window{m.all}
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		parts, err := m.part(ctx, w)
		if err != nil {
			return err
		}
		todo = append(todo, parts...)
	}
	err := m.journal.flush()
	if m.sum.compared = m.partly == nil; !m.sum.compared {
		err = errors.Join(fmt.Errorf("%w: %w", errPartly, m.partly), err)
	}
	return err
}

// part compares one span. If there is too much in it, it is to be done in parts, the newest last.
func (m *mirror) part(ctx context.Context, w window) (parts []window, err error) {
	m.bar.say("comparing " + w.String())
	var need, lost [2]map[nostr.ID]bool // lost: it was there, as the journal has it
	for direction := range need {
		report, err := m.compare(ctx, direction, w)
		m.sum.bytes += (report.BytesIn + report.BytesOut)
		tooMuch := errors.Is(err, gennostr.ErrQueryTooLarge) || err == nil && len(report.Lacks) > m.most
		switch {
		case tooMuch && w.since < w.until:
			return w.halves(nostr.TimestampOf(time.Now())), nil
		case onlyGaps(err): // what is known is copied
			m.partly = cmp.Or(m.partly, err)
		case err != nil:
			return nil, err
		}
		need[direction], lost[direction] = setOf(report.Need), setOf(m.inside(w, report.Lacks))
	}
	m.sum.windows++
	only, common := m.divide(need, lost)
	m.sum.common += len(common)
	m.bar.more(len(only[there]))
	if m.opts.both {
		m.bar.more(len(only[back]))
	}
	if err := m.transfer(ctx, w, there, only[there]); err != nil {
		return nil, err
	}
	if m.opts.both {
		if err := m.transfer(ctx, w, back, only[back]); err != nil {
			return nil, err
		}
	}
	return nil, m.note(ctx, common)
}

// onlyGaps tells whether all that is wrong is that a relay does not give all of some dates.
func onlyGaps(err error) bool {
	var sync *gennostr.SyncError
	if !errors.As(err, &sync) || len(sync.Report.Gaps) == 0 {
		return false
	}
	return !slices.ContainsFunc(sync.Report.Gaps, func(g gennostr.SyncGap) bool {
		var gap *gennostr.GapError
		return !errors.As(g.Err, &gap)
	})
}

// inside are the ids of those that the journal has in a span, and not beside it.
func (m *mirror) inside(w window, ids []nostr.ID) []nostr.ID {
	return slices.DeleteFunc(ids, func(id nostr.ID) bool {
		_, before := m.journal.known.Index(w.since-1, id)
		_, after := m.journal.known.Index(w.until+1, id)
		return before || after
	})
}

// divide tells what only one of the relays has, perhaps beside the span that is looked at, and what both
// have and was not told before.
func (m *mirror) divide(need, lost [2]map[nostr.ID]bool) (only [2][]nostr.ID, common []nostr.ID) {
	both := make(map[nostr.ID]bool)
	for direction := range need {
		for id := range need[direction] {
			switch {
			case !need[1-direction][id]:
				only[direction] = append(only[direction], id)
			case direction == there:
				both[id] = true
				if !m.before[0][id] && !m.before[1][id] {
					common = append(common, id)
				}
			}
		}
		for id := range lost[1-direction] {
			if !lost[direction][id] {
				only[direction] = append(only[direction], id)
			}
		}
	}
	m.before = [2]map[nostr.ID]bool{both, m.before[0]}
	if m.met != nil {
		maps.Copy(m.met, both)
	}
	return only, common
}

func setOf(ids []nostr.ID) map[nostr.ID]bool {
	set := make(map[nostr.ID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// compare lists what a relay has and the journal does not know of, and the other way round.
func (m *mirror) compare(ctx context.Context, direction int, w window) (gennostr.SyncReport, error) {
	most := m.most
	if w.since == w.until {
		most = math.MaxInt32
	}
	filter, w := m.opts.filter, m.asked(w)
	if w.since > 0 {
		filter = filter.WithSince(w.since)
	}
	if w.until < math.MaxInt64 {
		filter = filter.WithUntil(w.until)
	}
	return m.client.Sync(ctx, m.source(direction), filter, m.journal.known.Between(w.since, w.until),
		gennostr.WithMostIDs(most), gennostr.WithPatience(m.opts.patience),
		gennostr.OnSyncProgress(func(p gennostr.SyncProgress) { m.bar.tick() }))
}

// transfer copies the events of a span in one direction.
func (m *mirror) transfer(ctx context.Context, w window, direction int, ids []nostr.ID) error {
	p := m.publisher(direction)
	var failed error
	err := m.fetch(ctx, direction, ids, func(e *nostr.Event) error {
		if !w.has(e.CreatedAt) { // the span beside knows better whether the other has it
			m.bar.add(1)
			return nil
		}
		failed = p.publish(ctx, e)
		return failed
	})
	if failed != nil { // nor will the others be answered
		return err
	}
	if settled := p.settle(ctx, 0); !errors.Is(err, settled) { // one reason is said once
		err = errors.Join(err, settled)
	}
	return err
}

// note enters events in the journal that both relays have had: for that their dates have to be
// known, so they are fetched, this once.
func (m *mirror) note(ctx context.Context, ids []nostr.ID) error {
	if m.journal.file == nil {
		return nil
	}
	m.bar.more(len(ids))
	return m.fetch(ctx, there, ids, func(e *nostr.Event) error {
		m.bar.add(1)
		return m.journal.add(e)
	})
}

// fetchAtOnce is how many events are asked for together.
const fetchAtOnce = 500

// fetch hands over events by their ids.
func (m *mirror) fetch(ctx context.Context, direction int, ids []nostr.ID, take func(*nostr.Event) error) error {
	slices.SortFunc(ids, nostr.ID.Compare)
	for some := range slices.Chunk(ids, fetchAtOnce) {
		came := 0
		for e, err := range m.client.Query(ctx, []nostr.Filter{{IDs: some}}, gennostr.On(m.source(direction)), gennostr.WithDeadline(m.opts.deadline())) {
			if err != nil {
				return err
			}
			came++
			if err := take(e); err != nil {
				return err
			}
		}
		m.sum.absent += len(some) - came
		m.bar.add(len(some) - came)
	}
	return nil
}

// publisher publishes events on a relay, several at a time.
type publisher struct {
	m         *mirror
	direction int
	open      []*gennostr.Publication
	events    []*nostr.Event
	ahead     int // how many may be open: more where all are taken at once, fewer where they are not
}

const (
	publishAtOnce = 64               // verdicts that are waited for at a time, at most
	firstAhead    = 8                // in the beginning
	verdictWithin = 10 * time.Minute // many relays take so many events a minute and no more
)

func (m *mirror) publisher(direction int) *publisher {
	return &publisher{m: m, direction: direction, ahead: firstAhead}
}

func (p *publisher) publish(ctx context.Context, e *nostr.Event) error {
	pub, err := p.m.client.StartPublish(e, gennostr.On(p.m.target(p.direction)), gennostr.GiveUpAfter(verdictWithin))
	if err != nil {
		return err
	}
	p.open, p.events = append(p.open, pub), append(p.events, e)
	return p.settle(ctx, p.ahead-1)
}

// settle waits until no more than so many have no verdict.
func (p *publisher) settle(ctx context.Context, most int) error {
	for len(p.open) > most {
		report, err := p.open[0].Wait(ctx)
		if context.Cause(ctx) != nil && err != nil {
			return context.Cause(ctx)
		}
		e := p.events[0]
		p.open, p.events = p.open[1:], p.events[1:]
		p.m.bar.add(1)
		if p.m.met != nil && p.m.before[0] != nil {
			p.m.met[e.ID] = true
		}
		verdict := report.Outcomes[0]
		if verdict.Tries > 1 { // it limits how much it takes at once
			p.ahead = max(1, p.ahead/2)
		} else {
			p.ahead = min(publishAtOnce, p.ahead+1)
		}
		switch {
		case verdict.Verdict.Has():
			p.m.sum.copied[p.direction]++
			if both := p.m.before[0]; both != nil { // nil: this is not the comparison
				both[e.ID] = true
			}
			if err := p.m.journal.add(e); err != nil {
				return err
			}
		case verdict.Verdict == gennostr.Unanswered:
			return fmt.Errorf("event %s: %w", e.ID, err)
		default:
			p.m.sum.refused[p.direction]++
			fmt.Fprintf(p.m.out, "%s not taken: %s\n", e.ID, cli.Safe(verdict.String(), 300))
		}
	}
	return nil
}

func (w window) String() string {
	day := func(t nostr.Timestamp) string { return t.Time().UTC().Format(time.DateOnly) }
	switch {
	case w.since == 0 && w.until == math.MaxInt64:
		return "all dates"
	case w.since == 0:
		return "up to " + day(w.until)
	case w.until == math.MaxInt64:
		return "from " + day(w.since)
	}
	return day(w.since) + " to " + day(w.until)
}

// halves divides a span: where there is something, not where time begins and ends.
func (w window) halves(now nostr.Timestamp) []window {
	const first = 1_577_836_800 // 2020
	lower, upper := w.since, w.until
	if upper > first {
		lower = max(lower, first)
	}
	if lower < now {
		upper = min(upper, now)
	}
	middle := lower + (upper-lower)/2
	if middle >= w.until {
		middle = w.until - 1
	}
	return []window{{w.since, middle}, {middle + 1, w.until}}
}
