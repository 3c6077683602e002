package nostr_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

const (
	id1, id2, id3 = "1111111111111111111111111111111111111111111111111111111111111111", "2222222222222222222222222222222222222222222222222222222222222222", "3333333333333333333333333333333333333333333333333333333333333333"
	pk1, pk2, pk3 = "a111111111111111111111111111111111111111111111111111111111111111", "a222222222222222222222222222222222222222222222222222222222222222", "a333333333333333333333333333333333333333333333333333333333333333"
	relay1        = "wss://one.example.com"
)

func TestReplyToTheBeginningOfAThread(t *testing.T) {
	parent := &nostr.Event{ID: nostr.MustIDFromHex(id1), PubKey: nostr.MustPubKeyFromHex(pk1), Kind: 1}
	assert.Equal(t, nostr.Tags{{"e", id1, relay1, "root", pk1}, {"p", pk1}}, nostr.Reply(parent, relay1))
	assert.Equal(t, nostr.Tags{{"e", id1, "", "root", pk1}, {"p", pk1}}, nostr.Reply(parent, ""))

	parent.Tags = nostr.Tags{{"t", "x"}, {"e", id2, relay1, "mention", pk2}, {"q", id3}, {"e", "no id"}, {"e"}}
	assert.Equal(t, nostr.Tags{{"e", id1, "", "root", pk1}, {"p", pk1}}, nostr.Reply(parent, ""), "mentions make no thread")
}

func TestReplyInsideAThread(t *testing.T) {
	parent := &nostr.Event{ID: nostr.MustIDFromHex(id3), PubKey: nostr.MustPubKeyFromHex(pk3), Kind: 1}
	reply := nostr.Tag{"e", id3, relay1, "reply", pk3}
	for _, v := range []struct {
		tags nostr.Tags
		root nostr.Tag
	}{
		{nostr.Tags{{"e", id1, "wss://root.example.com", "root", pk1}}, nostr.Tag{"e", id1, "wss://root.example.com", "root", pk1}},
		{nostr.Tags{{"e", id2, "", "reply"}, {"e", id1, "no url", "root"}}, nostr.Tag{"e", id1, "", "root"}},
		{nostr.Tags{{"e", id1}}, nostr.Tag{"e", id1, "", "root"}},
		{nostr.Tags{{"e", id1, relay1, pk1}, {"e", id2}}, nostr.Tag{"e", id1, relay1, "root", pk1}},
	} {
		parent.Tags = v.tags
		assert.Equal(t, nostr.Tags{v.root, reply, {"p", pk3}}, nostr.Reply(parent, relay1))
	}
}

// The example of NIP-10: a1 with p1, p2, p3 becomes a1, p1, p2, p3.
func TestReplyNotifiesTheAuthorAndWhomHeNotified(t *testing.T) {
	parent := &nostr.Event{ID: nostr.MustIDFromHex(id1), PubKey: nostr.MustPubKeyFromHex(pk1), Kind: 1, Tags: nostr.Tags{
		{"p", pk2, relay1, "petname"}, {"p", pk3, "", "mention"}, {"p", pk1}, {"p", pk2}, {"p"}, {"p", ""}, {"p", strings.ToUpper(pk3)}, {"p", "npub"}, {"P", id1}, {"p", id2, "http://no.relay"},
	}}
	before := parent.Clone()
	assert.Equal(t, nostr.Tags{{"e", id1, "", "root", pk1}, {"p", pk1}, {"p", pk2, relay1}, {"p", pk3}, {"p", id2}}, nostr.Reply(parent, ""))
	assert.Equal(t, before, parent)
}

func TestRepliesOfRepliesStayInTheThread(t *testing.T) {
	parent := signed(t, nostr.Event{Kind: 1, Content: "first"})
	first := parent
	for i := range 5 {
		child := signed(t, nostr.Event{Kind: 1, Content: fmt.Sprint(i), Tags: nostr.Reply(parent, relay1)})
		root, reply, ok := child.Thread()
		require.True(t, ok)
		assert.Equal(t, nostr.EventRef{ID: first.ID, Relay: relay1, Author: first.PubKey}, root)
		assert.Equal(t, nostr.EventRef{ID: parent.ID, Relay: relay1, Author: parent.PubKey}, reply)
		parent = child
	}
}

func TestThreadReadsMarkersAndPositions(t *testing.T) {
	bad := strings.ToUpper(pk1)
	for name, v := range map[string]struct {
		tags        string
		root, reply string // "" for none
	}{
		"no tags":                             {`[]`, "", ""},
		"root only":                           {`[["e",1,"","root"]]`, id1, id1},
		"root and reply":                      {`[["e",1,"","root"],["e",2,"","reply"]]`, id1, id2},
		"order of marked tags is irrelevant":  {`[["e",2,"","reply"],["e",3,"","mention"],["e",1,"","root"]]`, id1, id2},
		"reply only":                          {`[["e",2,"","reply"]]`, id2, id2},
		"the first of several":                {`[["e",1,"","root"],["e",3,"","root"],["e",2,"","reply"],["e",3,"","reply"]]`, id1, id2},
		"mention only":                        {`[["e",1,"","mention"]]`, "", ""},
		"one position":                        {`[["e",1]]`, id1, id1},
		"two positions":                       {`[["e",1],["e",2,""]]`, id1, id2},
		"many positions":                      {`[["e",1],["e",3],["e",2]]`, id1, id2},
		"positions and mentions":              {`[["e",3,"","mention"],["e",1],["e",2],["e",3,"","mention"]]`, id1, id2},
		"markers win over positions":          {`[["e",3],["e",1,"","root"],["e",2]]`, id1, id1},
		"empty and unknown markers":           {`[["e",1,"",""],["e",2,"","fork"]]`, id1, id2},
		"no id":                               {`[["e"],["e",""],["e","` + bad + `","","root"],["e",2,"","root"]]`, id2, id2},
		"nothing but tags without an id":      {`[["e","x","","root"],["e",""]]`, "", ""},
		"other tags":                          {`[["a",1,"","root"],["E",1,"","root"],["q",1]]`, "", ""},
		"a marker in the wrong place":         {`[["e",1,"root"],["e",2,"reply"]]`, id1, id2},
		"a marker in upper case is no marker": {`[["e",1,"","ROOT"],["e",2,"","reply"]]`, id2, id2},
	} {
		t.Run(name, func(t *testing.T) {
			var e nostr.Event
			text := strings.NewReplacer(`",1`, `","`+id1+`"`, `",2`, `","`+id2+`"`, `",3`, `","`+id3+`"`).Replace(v.tags)
			require.NoError(t, json.Unmarshal([]byte(text), &e.Tags))
			root, reply, ok := e.Thread()
			assert.Equal(t, v.root != "", ok)
			if ok {
				assert.Equal(t, v.root, root.ID.String())
				assert.Equal(t, v.reply, reply.ID.String())
			} else {
				assert.Zero(t, root)
				assert.Zero(t, reply)
			}
		})
	}
}

func TestThreadReadsHints(t *testing.T) {
	for _, v := range []struct {
		tag    nostr.Tag
		relay  string
		author string
	}{
		{nostr.Tag{"e", id1, relay1, "root", pk1}, relay1, pk1},
		{nostr.Tag{"e", id1, relay1, pk1}, relay1, pk1}, // as in NIP-01
		{nostr.Tag{"e", id1, relay1, "", pk1}, relay1, pk1},
		{nostr.Tag{"e", id1, " WSS://One.example.com ", "root", "x"}, "WSS://One.example.com", ""},
		{nostr.Tag{"e", id1, "https://one.example.com", "root", strings.ToUpper(pk1)}, "", ""},
		{nostr.Tag{"e", id1, "javascript:alert(1)"}, "", ""},
		{nostr.Tag{"e", id1}, "", ""},
	} {
		e := &nostr.Event{Tags: nostr.Tags{v.tag}}
		root, reply, ok := e.Thread()
		require.True(t, ok)
		assert.Equal(t, root, reply)
		assert.Equal(t, v.relay, root.Relay)
		if v.author == "" {
			assert.True(t, root.Author.IsZero())
		} else {
			assert.Equal(t, v.author, root.Author.String())
		}
	}
}

func TestEventRefsSurviveTheRoundTrip(t *testing.T) {
	id, author := nostr.MustIDFromHex(id1), nostr.MustPubKeyFromHex(pk1)
	for _, v := range []struct {
		ref  nostr.EventRef
		want nostr.Tag
	}{
		{nostr.EventRef{ID: id}, nostr.Tag{"q", id1}},
		{nostr.EventRef{ID: id, Relay: relay1}, nostr.Tag{"q", id1, relay1}},
		{nostr.EventRef{ID: id, Author: author}, nostr.Tag{"q", id1, "", pk1}},
		{nostr.EventRef{ID: id, Relay: relay1, Author: author}, nostr.Tag{"q", id1, relay1, pk1}},
	} {
		assert.Equal(t, v.want, v.ref.Tag("q"))
		got, ok := nostr.EventRefOf(v.want)
		assert.True(t, ok)
		assert.Equal(t, v.ref, got)
	}
	assert.Equal(t, nostr.Tag{"e", id1}, nostr.EventRef{ID: id, Relay: "https://one.example.com"}.Tag("e"))
	for _, tag := range []nostr.Tag{nil, {"e"}, {"e", ""}, {"e", id1[1:]}, {"e", strings.ToUpper(pk1)}, {"e", "30023:" + pk1 + ":x"}, {"e", strings.Repeat("0", 64)}} {
		_, ok := nostr.EventRefOf(tag)
		assert.False(t, ok, tag)
	}
}

func TestRepliesToRealEventsCanBeSigned(t *testing.T) {
	threads := 0
	lines(t, "real-events.jsonl", func(line []byte) {
		parent, _, err := nostr.ParseEvent(line)
		require.NoError(t, err)
		if parent.Kind != nostr.KindTextNote {
			return
		}
		child := nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1, Tags: nostr.Reply(parent, relay1)}
		require.NoError(t, child.Validate())
		root, reply, ok := child.Thread()
		require.True(t, ok)
		require.Equal(t, parent.ID, reply.ID)
		if want, _, inThread := parent.Thread(); inThread {
			threads++
			require.Equal(t, want, root)
		} else {
			require.Equal(t, parent.ID, root.ID)
		}
	})
	assert.Greater(t, threads, 100)
}

func ExampleReply() {
	alice := nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	question := nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1700000000, Content: "anyone here?"}
	if err := question.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	answer := nostr.Event{Kind: nostr.KindTextNote, Content: "yes", Tags: nostr.Reply(&question, "wss://relay.example.com")}
	for _, tag := range answer.Tags {
		fmt.Println(tag)
	}
	_, reply, ok := answer.Thread()
	fmt.Println(ok && reply.ID == question.ID)
	// Output:
	// [e 45d7eb97835b2b6dee30044567fc206ffc09812966ec37cac5d19e4b0d34fdf5 wss://relay.example.com root 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798]
	// [p 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798]
	// true
}
