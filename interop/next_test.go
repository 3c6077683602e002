//go:build !race

package interop_test

import (
	"strings"
	"testing"

	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Where khatru's newer line leaves the protocol, and that the profile that stands for it
// does the same.

// What Q02 says of the newer line, from both. Two things are left out that are bolt's: an
// empty list of a filter is none to it, and values that repeat are looked up one by one.
func TestQ02KhatruNextProfileAnswersAsTheNewerLineDoes(t *testing.T) {
	say := func(event gonostr.Event) string { return `["EVENT",` + event.String() + `]` }
	note := sign(t, 1, 1000, 1, "note", gonostr.Tag{"t", "x"})
	second := sign(t, 1, 1001, 1, "second")
	deletion := sign(t, 1, 1002, 5, "", gonostr.Tag{"e", note.ID})
	vain := sign(t, 1, 1003, 5, "", gonostr.Tag{"e", strings.Repeat("7", 64)})
	expired := sign(t, 1, 1004, 1, "expired", gonostr.Tag{"expiration", "2000"})
	ephemeral := sign(t, 1, 1005, 20001, "anybody?")
	protected := sign(t, 1, 1006, 1, "mine", gonostr.Tag{"-"})
	forged := note
	forged.Content = "forged"
	notes, mine := `{"kinds":[1]}`, `{"authors":["`+note.PubKey+`"],"kinds":[1]}`
	start := func() (ours, theirs peer) {
		return startOurs(t, nostrtest.KhatruNext()), peer{"next", startStranger(t, "next over bolt", 500).url()}
	}

	ours, theirs := start()
	answerAlike(t, ours, theirs, []step{
		{"a note", say(note), 1},
		{"the same again", say(note), 1},
		{"a second one", say(second), 1},
		{"a deletion", say(deletion), 1},
		{"a deletion of nothing is refused", say(vain), 1},
		{"and it is stored", `["REQ","s",{"kinds":[5]}]`, 3},
		{"a deleted event comes back", say(note), 1},
		{"an expired event", say(expired), 1},
		{"an ephemeral event that nobody hears", say(ephemeral), 1},
		{"an expired event is served", `["REQ","s",` + notes + `]`, 4},
		{"once per filter", `["REQ","s",` + notes + `,` + mine + `]`, 7},
		{"repeated values", `["REQ","s",{"#t":["x","x"]}]`, 3},
		{"limit 0", `["REQ","s",{"limit":0}]`, 1},
		{"since and until", `["REQ","s",{"kinds":[1],"since":1001,"until":1001}]`, 2},
		{"unknown conditions are passed over", `["REQ","s",{"#t":["x"],"&t":["y"]}]`, 2},
		{"a long id", `["REQ","` + strings.Repeat("x", 100) + `",{"#t":["x"]}]`, 2},
		{"the first filter is counted", `["COUNT","c",{"kinds":[1]},{"kinds":[5]}]`, 1},
		{"the first filter is counted, again", `["COUNT","c",{"kinds":[5]},{"kinds":[1]}]`, 1},
		{"a REQ that is none", `["REQ","s",{"ids":"no"}]`, 1},
		{"a REQ without filters", `["REQ","s"]`, 1},
		{"no JSON", `nonsense`, 1},
		{"an unknown verb", `["HELLO","s"]`, 1},
		{"a forged event", say(forged), 1},
		{"a protected one", say(protected), 2},
		{"a repost that embeds it", say(sign(t, 2, 1007, 6, protected.String())), 1},
	})

	profile, older := sign(t, 1, 1006, 0, "new"), sign(t, 1, 1005, 0, "old")
	byID := sign(t, 1, 1008, 1, "by its id")
	ours, theirs = start()
	answerAlike(t, ours, theirs, []step{
		{"a listener", `["REQ","e",{"kinds":[20001]}]`, 1},
		{"an ephemeral event that is heard", say(ephemeral), 2},
		{"a profile", say(profile), 1},
		{"a listener for profiles", `["REQ","o",{"kinds":[0],"limit":0}]`, 1},
		{"an outdated one comes live", say(older), 2},
		{"only the new one is stored", `["REQ","p",{"kinds":[0]}]`, 2},
		{"listeners by two filters and by id", `["REQ","l",{"since":1,"limit":0},{"until":5000,"limit":0},{"ids":["` + byID.ID + `"],"limit":0}]`, 1},
		{"live once per filter, and not by an id", say(byID), 3},
		{"a listener by kind", `["REQ","k",{"kinds":[9],"limit":0}]`, 1},
		{"who listens to a kind hears it", say(sign(t, 1, 1009, 9, "")), 4},
		{"a listener by author", `["REQ","a",{"authors":["` + note.PubKey + `"],"limit":0}]`, 1},
		{"and now neither hears it", say(sign(t, 1, 1010, 9, "")), 3},
		{"a listener by both", `["REQ","b",{"authors":["` + note.PubKey + `"],"kinds":[9],"limit":0}]`, 1},
		{"who does", say(sign(t, 1, 1011, 9, "")), 4},
		{"nobody listens to this author", say(sign(t, 2, 1012, 9, "")), 4},
		{"nobody listens to this kind", say(sign(t, 1, 1013, 11, "")), 4},
		{"the same id with another filter", `["REQ","k",{"kinds":[12],"limit":0}]`, 1},
		{"live by the filter that should be gone", say(sign(t, 2, 1014, 9, "")), 4},
	}, "who listens to a kind hears it", "who does", "nobody listens to this author", "nobody listens to this kind",
		"live by the filter that should be gone")
}

// The newer line keeps an event from everybody who listens to its kind alone, and from
// everybody who listens to its author alone, as long as there is one of each: its
// dispatcher looks only for who is in both of its indexes. That is a fault of its own, with
// any client, and none can see it. What is stored is right, so that ours has the event when
// it asks again: by a query, or after a reconnect, if that is not later than WithOverlap.
func TestNextKeepsLiveEventsFromWhoeverSharesItWithOthers(t *testing.T) {
	relay := startStranger(t, "next", 1000)
	listens := func(f nostr.Filter) *gennostr.Subscription {
		sub, err := embed(t, gennostr.WithRelays(relay.url())).Subscribe(patiently(t), []nostr.Filter{f})
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(patiently(t), 1))
		return sub
	}
	kind, key := listens(kindOne()), listens(nostr.Filter{}.WithAuthors(author.PubKey()))
	other := embed(t, gennostr.WithRelays(relay.url()))
	lost := note(t, 1, nostr.KindTextNote)
	gives(t, other, lost)
	heard := note(t, 2, nostr.KindTextNote) // of somebody to whom nobody listens
	require.NoError(t, heard.Sign(theirs()))
	gives(t, other, heard)
	gives(t, other, note(t, 3, nostr.KindReaction)) // to which kind nobody listens
	assert.Equal(t, heard.ID, first(t, kind).ID, "and not the one before")
	assert.Equal(t, nostr.KindReaction, first(t, key).Kind)

	found, err := other.FetchOne(patiently(t), nostr.Filter{}.WithIDs(lost.ID))
	require.NoError(t, err)
	assert.Equal(t, lost.ID, found.ID)
	relay.stop()
	relay.start()
	assert.Equal(t, lost.ID, first(t, kind).ID)
	assert.Equal(t, lost.ID, first(t, key).ID)
}

// first takes the next event of a subscription.
func first(t *testing.T, sub *gennostr.Subscription) *nostr.Event {
	t.Helper()
	for m := range sub.Events() {
		return m.Event
	}
	t.Fatal("the subscription has ended")
	return nil
}
