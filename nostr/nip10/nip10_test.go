package nip10_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip10"
	"github.com/gennostr/gennostr/nostr/nip18"
)

var (
	id1, id2, id3, id4 = strings.Repeat("1", 64), strings.Repeat("2", 64), strings.Repeat("3", 64), strings.Repeat("4", 64)
	pk1, pk2           = strings.Repeat("a", 64), strings.Repeat("b", 64)
)

// Every choice that the data leaves open is taken as it suggests.
func TestTheThreadsOfTheFile(t *testing.T) {
	rows := vectors.Parses(t, 10)
	require.Len(t, rows, 62)
	for _, row := range rows {
		var want struct {
			Root, Parent     string
			Mentions, Quotes []string
			People           *int
		}
		row.Want(t, &want)
		thread := nip10.Parse(row.Event)
		assert.Equal(t, want.Root, text(thread.Root), row.Name)
		assert.Equal(t, want.Parent, text(thread.Parent), row.Name)
		assert.Equal(t, want.Parent != "", thread.IsReply(), row.Name)
		assert.Equal(t, want.Mentions, texts(thread.Mentions), row.Name)
		assert.Equal(t, want.Quotes, quotes(thread.Quotes), row.Name)
		if want.People != nil {
			assert.Len(t, thread.People, *want.People, row.Name)
		}
	}
}

func text(ref nostr.EventRef) string {
	if ref.ID.IsZero() {
		return ""
	}
	return ref.ID.String()
}

func texts(refs []nostr.EventRef) (out []string) {
	for _, ref := range refs {
		out = append(out, text(ref))
	}
	return out
}

func quotes(list []nip18.Quote) (out []string) {
	for _, q := range list {
		if q.Address != "" {
			out = append(out, q.Address)
		} else {
			out = append(out, q.Event.ID.String())
		}
	}
	return out
}

func parse(tags ...nostr.Tag) nip10.Thread {
	return nip10.Parse(&nostr.Event{Kind: 1, Tags: tags})
}

func TestAThreadIsWhatIsMarked(t *testing.T) {
	thread := parse(
		nostr.Tag{"e", id3}, nostr.Tag{"e", id2, "wss://r.example.com", "reply", pk2}, nostr.Tag{"e", id4, "", "mention"},
		nostr.Tag{"e", id1, "", "root"}, nostr.Tag{"e", id1}, nostr.Tag{"e", id3}, nostr.Tag{"e", id4, "", "root"}, nostr.Tag{"e", "x", "", "reply"},
	)
	assert.Equal(t, id1, text(thread.Root))
	assert.Equal(t, nostr.EventRef{ID: nostr.MustIDFromHex(id2), Relay: "wss://r.example.com", Author: nostr.MustPubKeyFromHex(pk2)}, thread.Parent)
	assert.Equal(t, []string{id3, id4}, texts(thread.Mentions), "each once, and neither root nor parent")
}

func TestWhatIsNoReplyHasNoParent(t *testing.T) {
	for _, thread := range []nip10.Thread{
		parse(), parse(nostr.Tag{"e"}, nostr.Tag{"p"}, nostr.Tag{"q"}), parse(nostr.Tag{"e", id1, "", "mention"}),
		parse(nostr.Tag{"q", id1}), parse(nostr.Tag{"a", "30023:" + pk1 + ":x", "", "root"}), parse(nostr.Tag{"E", id1, "", "root"}),
	} {
		assert.False(t, thread.IsReply())
		assert.Zero(t, thread.Root)
		assert.Zero(t, thread.Parent)
	}
}

func TestPeopleAreThoseInPTagsEachOnce(t *testing.T) {
	thread := parse(nostr.Tag{"p", pk2}, nostr.Tag{"p", pk1, "wss://x"}, nostr.Tag{"p", pk2}, nostr.Tag{"p", strings.ToUpper(pk1)}, nostr.Tag{"p"}, nostr.Tag{"P", id1})
	assert.Equal(t, []nostr.PubKey{nostr.MustPubKeyFromHex(pk2), nostr.MustPubKeyFromHex(pk1)}, thread.People)
}

func TestQuotesAreIDsAndAddresses(t *testing.T) {
	address := "30023:" + pk1 + ":x:y"
	thread := parse(nostr.Tag{"q", address, "wss://r.example.com"}, nostr.Tag{"q", id1, "wss://r.example.com", pk2}, nostr.Tag{"q", id1}, nostr.Tag{"q", "30023:x"}, nostr.Tag{"q", "1:" + pk1 + ":"}, nostr.Tag{"q", ""})
	assert.Equal(t, []nip18.Quote{
		{Address: address, Relay: "wss://r.example.com"},
		{Event: nostr.EventRef{ID: nostr.MustIDFromHex(id1), Relay: "wss://r.example.com", Author: nostr.MustPubKeyFromHex(pk2)}, Relay: "wss://r.example.com"},
	}, thread.Quotes)
	assert.False(t, thread.IsReply())
}

func FuzzParse(f *testing.F) {
	f.Add(`[["e","` + id1 + `","","root"],["e","` + id2 + `"],["q","` + id3 + `"],["p","` + pk1 + `"]]`)
	f.Add(`[["e"],["q","30023:` + pk1 + `:"],["e","x","","reply"]]`)
	f.Fuzz(func(t *testing.T, tags string) {
		var ev nostr.Event
		if json.Unmarshal([]byte(tags), &ev.Tags) != nil {
			return
		}
		thread := nip10.Parse(&ev)
		require.Equal(t, thread.IsReply(), !thread.Root.ID.IsZero())
		seen := map[nostr.ID]bool{thread.Root.ID: true, thread.Parent.ID: true}
		for _, ref := range thread.Mentions {
			require.False(t, seen[ref.ID])
			seen[ref.ID] = true
		}
		require.LessOrEqual(t, len(thread.Mentions)+len(thread.Quotes)+len(thread.People), len(ev.Tags))
		// A reply to it is in the same thread, and tells the same people.
		ev.Kind = nostr.KindTextNote
		child := nip10.Parse(&nostr.Event{Kind: 1, Tags: nostr.Reply(&ev, "")})
		require.True(t, child.IsReply() || ev.ID.IsZero())
		if thread.IsReply() {
			require.Equal(t, thread.Root.ID, child.Root.ID)
		}
		for _, pk := range thread.People {
			require.Contains(t, child.People, pk)
		}
	})
}

func ExampleParse() {
	const root, parent, cited = "1111111111111111111111111111111111111111111111111111111111111111", "2222222222222222222222222222222222222222222222222222222222222222", "3333333333333333333333333333333333333333333333333333333333333333"
	note := nostr.Event{Kind: nostr.KindTextNote, Tags: nostr.Tags{
		{"e", root, "wss://relay.example.com", "root"}, {"e", parent, "", "reply"}, {"q", cited},
	}}
	thread := nip10.Parse(&note)
	fmt.Println("thread ", thread.Root.ID, thread.Root.Relay)
	fmt.Println("answers", thread.Parent.ID)
	fmt.Println("quotes ", thread.Quotes[0].Event.ID)
	// Output:
	// thread  1111111111111111111111111111111111111111111111111111111111111111 wss://relay.example.com
	// answers 2222222222222222222222222222222222222222222222222222222222222222
	// quotes  3333333333333333333333333333333333333333333333333333333333333333
}
