package gennostr

import (
	"slices"

	"github.com/gennostr/gennostr/internal/cursor"
	"github.com/gennostr/gennostr/nostr"
)

// CursorsWhileEventsComeAgain takes cursors of a subscription that has started from one with
// n events handled, while all of these come again. It tells how many of the cursors
// lack one.
func CursorsWhileEventsComeAgain(c *Client, n int) (lacking int) {
	events := make([]*nostr.Event, n)
	from := &cursor.Cursor{}
	for i := range events {
		events[i] = &nostr.Event{ID: nostr.ID{byte(i), byte(i >> 8), 1}}
		from.Handled = append(from.Handled, cursor.ShortOf(events[i].ID))
	}
	sub := &subscription{c: c, former: formerOf(from)}
	over := make(chan struct{})
	go func() { // joined below
		defer close(over)
		for _, e := range events {
			sub.again(e)
		}
	}()
	for done := false; !done; {
		done = closedChannel(over)
		taken, _ := sub.cursor(nil)
		if slices.ContainsFunc(from.Handled, func(id cursor.Short) bool { return !slices.Contains(taken.c.Handled, id) }) {
			lacking++
		}
	}
	return lacking
}
