package resume_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/resume"
	"github.com/gennostr/gennostr/nostr"
)

// told is a relay that gives ten events at once, and has said so.
var told = resume.Caps{Page: 10, Known: true}

// at is a time some seconds after epoch.
func at(seconds int64) time.Time { return (epoch + nostr.Timestamp(seconds)).Time() }

// legOf is a leg with the usual overlap.
func legOf(filters ...nostr.Filter) *resume.Leg {
	return resume.New(filters, nil, resume.Config{Overlap: overlap})
}

// page is n events between two dates, seconds after epoch, all of them new.
func page(n int, oldest, newest int64) resume.Page {
	p := resume.Page{Events: n, Fresh: n, Total: n, Oldest: epoch + nostr.Timestamp(oldest), Newest: epoch + nostr.Timestamp(newest), Edge: 1}
	p.Last = p.Oldest
	return p
}

// only is the one ask of a step that has nothing else.
func only(t *testing.T, s resume.Step) *resume.Ask {
	t.Helper()
	require.Len(t, s.Asks, 1)
	require.Empty(t, s.Gaps)
	require.Empty(t, s.Gone)
	return s.Asks[0]
}

// loaded brings a leg with one filter up, and its first load to an end.
func loaded(t *testing.T, l *resume.Leg, sent int64, p resume.Page) *resume.Ask {
	t.Helper()
	a := only(t, l.Up(at(sent)))
	s := l.Answered(a, p, told, at(sent))
	require.Empty(t, s.Asks)
	require.True(t, s.Live)
	return a
}

// again cuts the connection, brings the leg up again at a time, and says what is asked.
func again(t *testing.T, l *resume.Leg, now int64) nostr.Filter {
	t.Helper()
	l.Down()
	return only(t, l.Up(at(now))).Filter
}

// since is what a filter says, in seconds after epoch.
func since(t *testing.T, f nostr.Filter) int64 {
	t.Helper()
	require.NotNil(t, f.Since)
	return int64(*f.Since - epoch)
}

func until(t *testing.T, f nostr.Filter) int64 {
	t.Helper()
	require.NotNil(t, f.Until)
	return int64(*f.Until - epoch)
}

func notes() nostr.Filter { return nostr.Filter{Kinds: []nostr.Kind{1}} }
