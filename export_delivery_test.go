package gennostr

import (
	"time"

	"github.com/gennostr/gennostr/internal/intake"
	"github.com/gennostr/gennostr/internal/mailbox"
	"github.com/gennostr/gennostr/internal/paging"
	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// content is an asker that has all events already.
type content struct{ asker }

func (content) had(*intake.Letter) bool                           { return true }
func (content) copied(*member, *intake.Letter, bool)              {}
func (content) begin(*member)                                     {}
func (content) take(*member, *dataLetter, bool)                   {}
func (content) pageOf(*member, int, int, paging.Hint) paging.Page { return paging.Page{} }

// CopiesOfAMixedREQ has copies of a subscription's events come in a REQ in which a query has a page open, beyond
// what there is room for: as the reader finds them, before those in front of them have been counted, or in order. It tells how many
// were dealt with then and there, and whether the page was cut.
func CopiesOfAMixedREQ(room, copies int, inOrder bool) (dealtWith int, cut bool) {
	conn := &connection{client: &Client{sup: &supervisor{inbox: mailbox.NewQueue[supervisorEvent]()}}}
	r := &route{conn: conn, queries: 1, room: room}
	of := func(kind nostr.Kind) *member {
		return &member{ask: &ask{asker: content{}}, route: r, filter: reqs.Compile([]nostr.Filter{{Kinds: []nostr.Kind{kind}}})}
	}
	subscribed, queried := of(1), of(2)
	queried.asked = new(queryPage)
	r.members = []*member{subscribed, queried}
	request := reqs.New(0).Open("a", reqs.Compile([]nostr.Filter{{}}), r, time.Time{})
	for range copies {
		if r.had(&intake.Letter{Event: &nostr.Event{Kind: 1}, Request: request, InOrder: inOrder}) {
			dealtWith++
		}
	}
	return dealtWith, queried.asked.cut
}
