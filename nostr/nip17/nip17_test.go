package nip17_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

func prepare(t *testing.T, from nostr.SecretKey, m nip17.Message, opts ...nip17.Option) *nip17.Prepared {
	t.Helper()
	p, err := nip17.PrepareMessage(t.Context(), nip44.Keyer(from), m, opts...)
	require.NoError(t, err)
	return p
}

func openWrap(t *testing.T, as nostr.SecretKey, wrap *nostr.Event) *nip17.Message {
	t.Helper()
	m, err := nip17.Open(t.Context(), nip44.Keyer(as), wrap)
	require.NoError(t, err)
	return m
}

// "Following NIP-59, the unsigned chat messages must be sealed and then gift-wrapped to
// each receiver and the sender individually."
func TestAMessageIsWrappedForEachReceiverAndForOneself(t *testing.T) {
	p := prepare(t, alice, nip17.Message{To: pks(bob, carol), Content: "hello", Subject: "noon"})
	require.Len(t, p.ToThem, 2)
	assert.Equal(t, pks(bob, carol), []nostr.PubKey{p.ToThem[0].To, p.ToThem[1].To})
	var read []*nip17.Message
	for i, who := range []nostr.SecretKey{bob, carol, alice} {
		wrap := p.ToUs
		if i < 2 {
			wrap = p.ToThem[i].Wrap
		}
		assert.NoError(t, wrap.Verify())
		assert.Equal(t, nostr.Tags{{"p", who.PubKey().String()}}, wrap.Tags)
		read = append(read, openWrap(t, who, wrap))
		for _, other := range []nostr.SecretKey{alice, bob, carol} {
			if other != who {
				_, err := nip17.Open(t.Context(), nip44.Keyer(other), wrap)
				assert.ErrorIs(t, err, nip44.ErrMAC)
			}
		}
	}
	assert.Equal(t, read[0], read[1], "all get the same rumor")
	assert.Equal(t, read[0], read[2])
	m := read[0]
	assert.Equal(t, p.Rumor.ID, m.ID)
	assert.Equal(t, alice.PubKey(), m.From)
	assert.Equal(t, pks(bob, carol), m.To)
	assert.Equal(t, "hello", m.Content)
	assert.Equal(t, "noon", m.Subject)
	assert.Equal(t, nip17.NewRoom(pks(carol, alice, bob)...), m.Room())
	assert.InDelta(t, float64(nostr.Now()), float64(m.CreatedAt), 10, "the rumor's date is the true one")
	assert.Zero(t, p.Rumor.Sig)
}

func TestTheRumorOfAChatMessage(t *testing.T) {
	reply := nostr.ID{1, 2, 3}
	m := nip17.Message{
		To: pks(bob, bob, alice, carol), CreatedAt: 1700000000, Content: "see this", Subject: "s", ReplyTo: reply,
		Tags: nostr.Tags{{"q", nostr.ID{9}.String(), "wss://relay.example.com"}, {"emoji", "x", "https://example.com/x.png"}},
	}
	e, err := m.Rumor(alice.PubKey())
	require.NoError(t, err)
	assert.Equal(t, nostr.KindDirectMessage, e.Kind)
	assert.Equal(t, nostr.Tags{
		{"p", bob.PubKey().String()}, {"p", carol.PubKey().String()}, {"e", reply.String()}, {"subject", "s"},
		{"q", nostr.ID{9}.String(), "wss://relay.example.com"}, {"emoji", "x", "https://example.com/x.png"},
	}, e.Tags)
	assert.NoError(t, e.CheckID(), "fields id and created_at are required")
	assert.Equal(t, nostr.Timestamp(1700000000), e.CreatedAt)
	back, err := nip17.ParseMessage(e)
	require.NoError(t, err)
	assert.Equal(t, pks(bob, carol), back.To)
	assert.Equal(t, reply, back.ReplyTo)
	assert.Equal(t, m.Tags, back.Tags)
}

func TestARepliesGoesToTheWholeRoom(t *testing.T) {
	first := openWrap(t, bob, prepare(t, alice, nip17.Message{To: pks(bob, carol), Content: "who is there?"}).ToThem[0].Wrap)
	p := prepare(t, bob, first.Reply("me"))
	var to []nostr.PubKey
	for _, d := range p.ToThem {
		to = append(to, d.To)
	}
	assert.ElementsMatch(t, pks(alice, carol), to)
	second := openWrap(t, carol, p.ToThem[1].Wrap)
	if second.From != bob.PubKey() {
		t.Fatal("not from bob")
	}
	assert.Equal(t, first.ID, second.ReplyTo)
	assert.Equal(t, first.Room(), second.Room())
}

func TestANoteToOneself(t *testing.T) {
	p := prepare(t, alice, nip17.Message{To: pks(alice), Content: "milk"})
	assert.Empty(t, p.ToThem)
	m := openWrap(t, alice, p.ToUs)
	assert.Equal(t, pks(alice), m.To)
	assert.Equal(t, nip17.NewRoom(alice.PubKey()), m.Room())
	again := prepare(t, alice, m.Reply("and bread"))
	assert.Empty(t, again.ToThem)
	assert.Equal(t, m.ID, openWrap(t, alice, again.ToUs).ReplyTo)
}

func TestDisappearingMessages(t *testing.T) {
	at := nostr.Now() + 3600
	p := prepare(t, alice, nip17.Message{To: pks(bob), Content: "burn this"}, nip17.WithWrap(nip59.WithExpiration(at)))
	for _, wrap := range []*nostr.Event{p.ToThem[0].Wrap, p.ToUs} {
		expires, ok := wrap.Expiration()
		assert.True(t, ok)
		assert.Equal(t, at, expires)
	}
	_, err := nip17.Open(t.Context(), nip44.Keyer(bob), p.ToThem[0].Wrap, nip59.AsOf(at))
	assert.ErrorIs(t, err, nip59.ErrExpired)
}

func TestWhatIsNotPrepared(t *testing.T) {
	crowd := make([]nostr.PubKey, 10)
	for i := range crowd {
		crowd[i] = nostr.GenerateSecretKey().PubKey()
	}
	for name, c := range map[string]struct {
		m    nip17.Message
		want error
		says string
	}{
		"nobody":            {nip17.Message{Content: "x"}, nip17.ErrInvalid, "nobody"},
		"as somebody else":  {nip17.Message{From: bob.PubKey(), To: pks(carol)}, nip17.ErrInvalid, "from"},
		"a crowd":           {nip17.Message{To: crowd}, nip17.ErrCrowd, "11, want 10"},
		"no point":          {nip17.Message{To: []nostr.PubKey{{31: 5}}}, nostr.ErrBadPubKey, "nip17: to 000"},
		"not UTF-8":         {nip17.Message{To: pks(bob), Content: "\xff"}, nostr.ErrInvalidEvent, "content"},
		"p among the tags":  {nip17.Message{To: pks(bob), Tags: nostr.Tags{{"p", carol.PubKey().String()}}}, nip17.ErrInvalid, `"p"`},
		"e among the tags":  {nip17.Message{To: pks(bob), Tags: nostr.Tags{{"e", "x"}}}, nip17.ErrInvalid, `"e"`},
		"subject twice":     {nip17.Message{To: pks(bob), Tags: nostr.Tags{{"subject", "x"}}}, nip17.ErrInvalid, `"subject"`},
		"an empty tag":      {nip17.Message{To: pks(bob), Tags: nostr.Tags{{}}}, nostr.ErrInvalidEvent, "tags"},
		"a date before all": {nip17.Message{To: pks(bob), CreatedAt: -1}, nostr.ErrInvalidEvent, "created_at"},
	} {
		p, err := nip17.PrepareMessage(t.Context(), nip44.Keyer(alice), c.m)
		assert.ErrorIs(t, err, c.want, name)
		assert.ErrorContains(t, err, c.says, name)
		assert.Nil(t, p, name)
	}
	p := prepare(t, alice, nip17.Message{To: crowd, Content: "all of you"}, nip17.WithMaxParticipants(11))
	assert.Len(t, p.ToThem, 10)
	_, err := nip17.PrepareMessage(t.Context(), nip44.Keyer(nostr.SecretKey{}), nip17.Message{To: pks(bob)})
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = nip17.PrepareMessage(cancelled, nip44.Keyer(alice), nip17.Message{To: pks(bob)})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestOtherKindsAndBadRoomsAreTold(t *testing.T) {
	for _, kind := range []nostr.Kind{1, 5, 7, 4, 13} {
		_, err := nip17.ParseMessage(&nostr.Event{Kind: kind})
		assert.ErrorIs(t, err, nip17.ErrOtherKind, kind)
	}
	for name, value := range map[string]string{"empty": "", "short": "ab", "upper case": strings.ToUpper(bob.PubKey().String()), "npub": "npub1x"} {
		_, err := nip17.ParseMessage(&nostr.Event{Kind: 14, Tags: nostr.Tags{{"p", bob.PubKey().String()}, {"p", value}}})
		assert.ErrorIs(t, err, nip17.ErrInvalid, name)
		_, err = nip17.RoomOf(&nostr.Event{Kind: 7, Tags: nostr.Tags{{"p", value}}})
		assert.ErrorIs(t, err, nip17.ErrInvalid, name)
	}
	// A reaction belongs to a room, too.
	room, err := nip17.RoomOf(&nostr.Event{PubKey: alice.PubKey(), Kind: 7, Tags: nostr.Tags{{"p", bob.PubKey().String()}}})
	require.NoError(t, err)
	assert.Equal(t, nip17.NewRoom(pks(bob, alice)...), room)
}

// "An e tag denotes the direct parent message this post is replying to."
func TestWhatAReplyRefersTo(t *testing.T) {
	a, b := nostr.ID{1}, nostr.ID{2}
	for name, c := range map[string]struct {
		tags nostr.Tags
		want nostr.ID
	}{
		"none":            {nil, nostr.ID{}},
		"one":             {nostr.Tags{{"e", a.String()}}, a},
		"marked":          {nostr.Tags{{"e", a.String(), "wss://r.example.com", "reply"}}, a},
		"root and reply":  {nostr.Tags{{"e", a.String(), "", "root"}, {"e", b.String(), "", "reply"}}, b},
		"root only":       {nostr.Tags{{"e", a.String(), "", "root"}}, a},
		"a mention":       {nostr.Tags{{"e", a.String(), "", "mention"}}, nostr.ID{}},
		"two, not marked": {nostr.Tags{{"e", a.String()}, {"e", b.String()}}, b},
		"no id":           {nostr.Tags{{"e", "x"}, {"e"}}, nostr.ID{}},
	} {
		m, err := nip17.ParseMessage(&nostr.Event{PubKey: alice.PubKey(), Kind: 14, Tags: c.tags})
		require.NoError(t, err, name)
		assert.Equal(t, c.want, m.ReplyTo, name)
		assert.Empty(t, m.Tags, name)
	}
}

func TestRooms(t *testing.T) {
	a, b := nip17.NewRoom(pks(alice, bob, alice)...), nip17.NewRoom(pks(bob, alice)...)
	assert.Equal(t, a, b)
	assert.True(t, map[nip17.Room]bool{a: true}[b], "the key of a map")
	assert.NotEqual(t, a, nip17.NewRoom(pks(alice, bob, carol)...))
	assert.Equal(t, 2, a.Len())
	assert.True(t, a.Has(bob.PubKey()))
	assert.False(t, a.Has(carol.PubKey()))
	assert.ElementsMatch(t, pks(alice, bob), a.Members())
	assert.Equal(t, bob.PubKey().String()+","+alice.PubKey().String(), a.String(), "ascending")
	assert.Zero(t, nip17.Room{}.Len())
	assert.Equal(t, nip17.Room{}, nip17.NewRoom())
	assert.Empty(t, nip17.Room{}.String())
}

// Wraps of other libraries, and the rooms they belong to.
func TestMessagesOfOtherImplementations(t *testing.T) {
	var about struct {
		Now  nostr.Timestamp
		Keys map[string]nostr.SecretKey
	}
	rooms, files := 0, 0
	lines(t, "nip59.jsonl", func(line []byte) {
		if about.Keys == nil {
			require.NoError(t, json.Unmarshal(line, &about))
			return
		}
		var row struct {
			Name, SK, Expect string
			Wrap             *nostr.Event
			Room             []nostr.PubKey
			Rumor            struct {
				Kind nostr.Kind
				Tags nostr.Tags
			}
		}
		require.NoError(t, json.Unmarshal(line, &row))
		sk, named := about.Keys[row.SK]
		if !named {
			sk = nostr.MustSecretKeyFromHex(row.SK)
		}
		m, err := nip17.Open(t.Context(), nip44.Cipher(sk), row.Wrap, nip59.AsOf(about.Now))
		switch {
		case row.Expect == "reject":
			assert.Error(t, err, row.Name)
		case row.Rumor.Kind != 14 && row.Rumor.Kind != 15:
			assert.ErrorIs(t, err, nip17.ErrOtherKind, row.Name)
		default:
			require.NoError(t, err, row.Name)
			if row.Room != nil {
				rooms++
				assert.Equal(t, nip17.NewRoom(row.Room...), m.Room(), row.Name)
			}
			assert.Equal(t, row.Rumor.Tags.Find("subject").Value(), m.Subject, row.Name)
			if e := row.Rumor.Tags.Find("e"); e != nil {
				assert.Equal(t, e.Value(), m.ReplyTo.String(), row.Name)
			}
			if m.File != nil {
				files++
				assert.Equal(t, nip17.AESGCM, m.File.Algorithm)
				assert.Equal(t, row.Rumor.Tags.Find("decryption-key").Value(), m.File.Key.Reveal())
			}
		}
	})
	assert.Greater(t, rooms, 15)
	assert.NotZero(t, files)
}

func TestARoomWithAKeyOffTheCurveCannotBeAnswered(t *testing.T) {
	off := nostr.PubKey{31: 5} // x = 5: of no point
	msg, err := nip17.ParseMessage(&nostr.Event{PubKey: bob.PubKey(), Kind: 14, Tags: nostr.Tags{{"p", alice.PubKey().String()}, {"p", off.String()}}, Content: "hi"})
	require.NoError(t, err)
	prepared, err := nip17.PrepareMessage(t.Context(), nip44.Keyer(alice), msg.Reply("hello"))
	require.ErrorIs(t, err, nostr.ErrBadPubKey)
	require.ErrorContains(t, err, off.String())
	require.Nil(t, prepared)
}
