//go:build !race

package interop_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostrtest"
)

// Clients of node against the relay of nostrtest, and against our client across it: what
// they write it reads, and the other way round.

const (
	nostrTools = "nostr-tools"
	rxNostr    = "rx-nostr" // which knows neither COUNT nor encryption
	ndk        = "ndk"
)

// withForeign runs a test with each of the named at once.
func withForeign(t *testing.T, names []string, test func(t *testing.T, f *foreign)) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startForeign(t, name))
		})
	}
}

func everyForeign(t *testing.T, test func(t *testing.T, f *foreign)) {
	withForeign(t, []string{nostrTools, rxNostr, ndk}, test)
}

// theirs is what the other side signs with.
func theirs() nostr.SecretKey { return nostrtest.Key(7) }

func template(at int, content string, tags ...nostr.Tag) map[string]any {
	return map[string]any{"kind": 1, "created_at": 1_700_000_000 + at, "content": content, "tags": append([]nostr.Tag{}, tags...)}
}

func kindOne() nostr.Filter { return nostr.Filter{}.WithKinds(nostr.KindTextNote) }

func TestForeignClientsPublish(t *testing.T) {
	everyForeign(t, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t, nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
			if e.Content == "spam" {
				return "blocked: not here"
			}
			return ""
		}))
		ours := embed(t, gennostr.WithRelays(relay.URL()))
		f.open(relay, theirs(), false)
		// Every escape of NIP-01, and what needs none: all sides have to hash the same bytes.
		content := "\"quoted\" \\ \n\r\t\b\f\x01\x1f\x7f </script> & \u2028 ünïcödé 🜁"
		event := f.publish(template(1, content, nostr.Tag{"t", content}, nostr.Tag{"e", nostr.ID{7}.String(), "", "root"}))
		assert.Equal(t, content, event.Content)
		assert.Equal(t, theirs().PubKey(), event.PubKey)
		got, err := ours.FetchOne(patiently(t), nostr.Filter{}.WithIDs(event.ID))
		require.NoError(t, err)
		assert.JSONEq(t, event.String(), got.String())
		require.ErrorContains(t, f.try("publish", template(2, "spam"), nil), "blocked: not here")
		assert.Len(t, relay.Events(), 1)
	})
}

func TestForeignClientsSubscribeAndFetch(t *testing.T) {
	everyForeign(t, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t)
		ours := embed(t, gennostr.WithRelays(relay.URL()))
		stored := notes(t, 20)
		gives(t, ours, stored...)
		gives(t, ours, note(t, 1, nostr.KindReaction))
		f.open(relay, theirs(), false)

		var want, got []nostr.ID
		for _, e := range stored {
			want = append(want, e.ID)
		}
		f.call("subscribe", map[string]any{"sub": "notes", "filter": kindOne()}, nil)
		for _, e := range f.hearsStored("notes", len(stored)) {
			got = append(got, e.ID)
		}
		assert.ElementsMatch(t, want, got)
		for n := range 5 {
			live := note(t, 100+n, nostr.KindTextNote)
			gives(t, ours, live)
			assert.Equal(t, live.ID, f.hears("notes").ID)
		}

		assert.ElementsMatch(t, want[17:], f.fetch(kindOne().WithUntil(stored[19].CreatedAt).WithLimit(3)))
		assert.ElementsMatch(t, want[4:6], f.fetch(nostr.Filter{}.WithIDs(want[4], want[5])))
		assert.Empty(t, f.fetch(nostr.Filter{}.WithKinds(nostr.KindDeletion)))
	})
}

// What is published on either side comes live to the other.
func TestForeignClientsTalkWithOurs(t *testing.T) {
	everyForeign(t, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t)
		ours := embed(t, gennostr.WithRelays(relay.URL()))
		sub, err := ours.Subscribe(patiently(t), []nostr.Filter{kindOne().WithAuthors(theirs().PubKey())})
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(patiently(t), 1))
		f.open(relay, theirs(), false)
		f.call("subscribe", map[string]any{"sub": "ours", "filter": kindOne().WithAuthors(author.PubKey())}, nil)
		f.hearsStored("ours", 0)
		next := sub.Events()
		for n := range 10 {
			asked := f.publish(template(n, fmt.Sprint("question ", n)))
			for m := range next {
				require.Equal(t, asked.ID, m.Event.ID)
				break
			}
			answer := note(t, n, nostr.KindTextNote)
			gives(t, ours, answer)
			assert.Equal(t, answer.ID, f.hears("ours").ID)
		}
	})
}

func TestForeignClientsCount(t *testing.T) {
	withForeign(t, []string{nostrTools, ndk}, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t)
		gives(t, embed(t, gennostr.WithRelays(relay.URL())), notes(t, 13)...)
		f.open(relay, theirs(), false)
		for filter, want := range map[string]int{`{"kinds":[1]}`: 13, `{"kinds":[1],"since":1700000010}`: 3, `{"kinds":[7]}`: 0} {
			var count int
			f.call("count", json.RawMessage(filter), &count)
			assert.Equal(t, want, count, filter)
		}
	})
}

func TestForeignClientsAuthenticate(t *testing.T) {
	everyForeign(t, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t, nostrtest.WithAuth())
		f.open(relay, theirs(), true)
		event := f.publish(template(1, "let me in"))
		assert.Equal(t, []nostr.PubKey{theirs().PubKey()}, relay.Connections()[0].Authenticated)
		assert.Equal(t, []nostr.ID{event.ID}, f.fetch(kindOne()))
		f.call("subscribe", map[string]any{"sub": "notes", "filter": kindOne()}, nil)
		assert.Equal(t, event.ID, f.hearsStored("notes", 1)[0].ID)
		answer := note(t, 2, nostr.KindTextNote)
		gives(t, embed(t, gennostr.WithRelays(relay.URL()), gennostr.WithSigner(author.Signer())), answer)
		assert.Equal(t, answer.ID, f.hears("notes").ID)
	})
}

// The relay is away for a while, and what was published meanwhile is heard when it is back.
// nostr-tools asks from the second behind its newest event on, and so misses what is of the
// same second; rx-nostr asks for everything again and leaves it to its user to know what has been.
func TestForeignClientsSubscribeThroughARestart(t *testing.T) {
	withForeign(t, []string{nostrTools, rxNostr}, func(t *testing.T, f *foreign) {
		relay, before := restarted(t, f)
		for _, want := range []string{"note 1", "note 2"} {
			heard := f.hearsNext("notes")
			for heard.ID == before.ID {
				heard = f.hearsNext("notes")
			}
			require.Equal(t, want, heard.Content)
			if want == "note 1" {
				relay.Publish(note(t, 2, nostr.KindTextNote))
			}
		}
	})
}

// NDK comes back, and does not renew what it had subscribed to: it asks again only relays
// that a subscription did not have before. That is a known fault of its own, for its new
// connection works: whoever asks anew there gets all.
func TestNDKReconnectsAndHasToAskAnew(t *testing.T) {
	f := startForeign(t, ndk)
	relay, before := restarted(t, f)
	back, err := relay.WaitConnection(ctx(t), 2)
	require.NoError(t, err)
	found := f.fetch(kindOne())
	assert.Len(t, found, 2)
	assert.Contains(t, found, before.ID)
	requests := relay.Requests()
	require.Len(t, requests, 2, "the subscription before, and what was fetched")
	assert.Equal(t, back.Number, requests[1].Connection)
}

// restarted has it subscribe to "notes", hear a first one, and lose the relay, which gets
// another one before it is back.
func restarted(t *testing.T, f *foreign) (relay *nostrtest.Relay, before *nostr.Event) {
	t.Helper()
	relay, before = nostrtest.NewRelay(t), note(t, 0, nostr.KindTextNote)
	f.open(relay, theirs(), false)
	f.call("subscribe", map[string]any{"sub": "notes", "filter": kindOne()}, nil)
	f.hearsStored("notes", 0)
	relay.Publish(before)
	require.Equal(t, before.ID, f.hears("notes").ID)
	relay.Stop()
	relay.Publish(note(t, 1, nostr.KindTextNote))
	require.NoError(t, relay.Restart())
	return relay, before
}

// Private messages go both ways: NIP-44 in NIP-59 in NIP-17.
func TestForeignClientsExchangePrivateMessages(t *testing.T) {
	withForeign(t, []string{nostrTools, ndk}, func(t *testing.T, f *foreign) {
		relay := nostrtest.NewRelay(t)
		ours := embed(t, gennostr.WithRelays(relay.URL()))
		f.open(relay, theirs(), false)
		mine := nip44.Keyer(author)

		sent, err := nip17.PrepareMessage(t.Context(), mine, nip17.Message{To: []nostr.PubKey{theirs().PubKey()}, Content: "hush 🤫"})
		require.NoError(t, err)
		for _, d := range sent.ToThem {
			gives(t, ours, d.Wrap)
		}
		f.call("subscribe", map[string]any{"sub": "inbox", "filter": nip17.InboxFilter(theirs().PubKey(), 0)}, nil)
		var rumor struct{ PubKey, Content string }
		f.call("unwrap", f.hearsStored("inbox", 1)[0], &rumor)
		assert.Equal(t, "hush 🤫", rumor.Content)
		assert.Equal(t, author.PubKey().String(), rumor.PubKey)

		var wrap map[string]any
		f.call("wrap", map[string]any{"to": author.PubKey(), "text": "yes, hush"}, &wrap)
		f.publish(wrap)
		got, err := ours.FetchOne(patiently(t), nip17.InboxFilter(author.PubKey(), 0))
		require.NoError(t, err)
		message, err := nip17.Open(t.Context(), mine, got)
		require.NoError(t, err)
		assert.Equal(t, "yes, hush", message.Content)
		assert.Equal(t, theirs().PubKey(), message.From)
	})
}

// nostr-tools, which NDK uses for them too, reads our strings of NIP-19 and our payloads of
// NIP-44, and we read its own.
func TestNostrToolsReadsOurStringsAndPayloads(t *testing.T) {
	f := startForeign(t, nostrTools)
	f.open(nostrtest.NewRelay(t), theirs(), false)
	key, id, relays := author.PubKey(), nostr.ID{1, 2, 3}, []string{"wss://a.example", "wss://b.example/päth"}
	kind := nostr.KindTextNote
	for _, entity := range []struct {
		ours nip19.Entity
		data any
	}{
		{nip19.PubKey{PubKey: key}, key},
		{nip19.Note{ID: id}, id},
		{nip19.Profile{PubKey: key, Relays: relays}, map[string]any{"pubkey": key, "relays": relays}},
		{nip19.Event{ID: id, Relays: relays, Author: key, Kind: &kind}, map[string]any{"id": id, "relays": relays, "author": key, "kind": kind}},
		{nip19.Address{Address: nostr.Address{Kind: 30023, PubKey: key, Identifier: "ü b"}, Relays: relays},
			map[string]any{"kind": 30023, "pubkey": key, "identifier": "ü b", "relays": relays}},
	} {
		text, err := nip19.Encode(entity.ours)
		require.NoError(t, err)
		var decoded struct {
			Type string
			Data json.RawMessage
		}
		f.call("decode", text, &decoded)
		assert.Equal(t, entity.ours.Prefix(), decoded.Type)
		want, err := json.Marshal(entity.data)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(decoded.Data))
		var written string
		f.call("encode", map[string]any{"type": decoded.Type, "data": decoded.Data}, &written)
		read, err := nip19.Decode(written)
		require.NoError(t, err)
		assert.Equal(t, entity.ours, read)
	}

	conversation, err := nip44.GenerateConversationKey(theirs().PubKey(), author)
	require.NoError(t, err)
	for _, length := range []int{1, 31, 32, 33, 1000, 65_535} {
		text := strings.Repeat("ä", length/2) + strings.Repeat("x", length%2)
		payload, err := nip44.Encrypt(text, conversation)
		require.NoError(t, err)
		var got string
		f.call("decrypt", map[string]any{"from": author.PubKey(), "payload": payload}, &got)
		assert.Equal(t, text, got)
		f.call("encrypt", map[string]any{"to": author.PubKey(), "text": text}, &payload)
		got, err = nip44.Decrypt(payload, conversation)
		require.NoError(t, err)
		assert.Equal(t, text, got)
	}
}
