package nostr_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

const (
	hexA = "5c83da77af1dec6d7289834998ad7aafbd9e2191396d75ec3cc27f5a77226f36"
	hexB = "f7234bd4c1394dda46d09f35bd384dd30cc552ad5541990f98844fb06676e9ca"
)

// The secret key 1 and its public key, the x coordinate of the generator.
var (
	keyOne = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	pubOne = nostr.MustPubKeyFromHex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
)

// canonical are events of pubOne with their canonical form and its hash; the hashes were
// computed by other software.
var canonical = []struct {
	name  string
	event nostr.Event
	tail  string // of the form, behind the public key
	id    string
}{
	{"empty", nostr.Event{}, `,0,0,[],""]`,
		"438633166bd72a6b099ca89b06018a96fc9a175ce81b44a853b1242fcca7ae0b"},
	{"tags", nostr.Event{CreatedAt: 1700000000, Kind: 1, Content: "hello",
		Tags: nostr.Tags{{"e", hexA, "wss://nostr.example.com"}, {"p", hexB}, {"t", ""}}},
		`,1700000000,1,[["e","` + hexA + `","wss://nostr.example.com"],["p","` + hexB + `"],["t",""]],"hello"]`,
		"54a5320e0b68e7c6eceed41859852c3a6a80ac1b357aa5bedf29b00c673adf35"},
	{"seven escapes", nostr.Event{CreatedAt: 1700000000, Kind: 1, Content: "\n\"\\\r\t\b\f",
		Tags: nostr.Tags{{"\n", "\"\\"}}},
		`,1700000000,1,[["\n","\"\\"]],"\n\"\\\r\t\b\f"]`,
		"38f92dceb11d907cf689deb019abb5e666d350cd51b8d58cfcfb731322792c72"},
	{"verbatim", nostr.Event{CreatedAt: 1700000000, Kind: 30023, Content: "/<>&\u2028\u2029\x7f\U0001F600\u00e9</script>",
		Tags: nostr.Tags{{"d", "a/b<c>&d"}}},
		`,1700000000,30023,[["d","a/b<c>&d"]],"/<>&` + "\u2028\u2029\x7f\U0001F600\u00e9" + `</script>"]`,
		"545a300cd3eea14c36a555461ae182b36d8f2e76051e60d85590d6b4aa6a63ce"},
	{"control bytes", nostr.Event{CreatedAt: 1<<63 - 1, Kind: 65535, Content: "\x00\x01\x0b\x0e\x1f\x7f",
		Tags: nostr.Tags{{"x"}}},
		`,9223372036854775807,65535,[["x"]],"\u0000\u0001\u000b\u000e\u001f` + "\x7f" + `"]`,
		"07ec8ed7cc2db89b05b7f534cec8603ad6129350d966b08b7a0c2a1e959e0886"},
}

func TestP02IDIsTheHashOfTheCanonicalForm(t *testing.T) {
	for _, tt := range canonical {
		ev := tt.event
		ev.PubKey = pubOne
		assert.Equal(t, `[0,"`+pubOne.String()+`"`+tt.tail, string(ev.Serialize()), tt.name)
		assert.Equal(t, "prefix"+string(ev.Serialize()), string(ev.AppendSerialized([]byte("prefix"))), tt.name)
		assert.Equal(t, tt.id, ev.GetID().String(), tt.name)

		assert.ErrorIs(t, ev.CheckID(), nostr.ErrBadID, tt.name)
		ev.ID = nostr.MustIDFromHex(tt.id)
		assert.NoError(t, ev.CheckID(), tt.name)
	}
}

func TestP02IDDoesNotDependOnIDAndSignature(t *testing.T) {
	ev := signed(t, nostr.Event{Content: "x"})
	id := ev.GetID()
	ev.ID, ev.Sig = nostr.ID{1}, nostr.Sig{2}
	assert.Equal(t, id, ev.GetID())
}

func TestP02IDOfLargeEvents(t *testing.T) {
	// Around the size of the buffer on the stack, with and without escapes, in content and tags.
	for _, n := range []int{900, 1000, 1100, 1200, 1500, 3000, 100_000} {
		for _, text := range []string{strings.Repeat("x", n), strings.Repeat("\n", n), strings.Repeat("\u00e9", n)} {
			ev := nostr.Event{Content: text, Tags: nostr.Tags{{"t", text}}}
			quoted := strings.NewReplacer("\n", `\n`).Replace(text)
			want := `[0,"` + ev.PubKey.String() + `",0,0,[["t","` + quoted + `"]],"` + quoted + `"]`
			require.Equal(t, want, string(ev.Serialize()))
			require.Equal(t, idOf(want), ev.GetID())
		}
	}
}

func TestP03SevenEscapesAndNothingElse(t *testing.T) {
	for c := rune(0x20); c < 0x300; c++ {
		ev := nostr.Event{Content: string(c)}
		want := string(c)
		if c == '"' || c == '\\' {
			want = `\` + want
		}
		require.True(t, strings.HasSuffix(string(ev.Serialize()), `"`+want+`"]`), "%q", c)
	}
}

func TestP04ControlBytesAreEscapedAsTheImplementationsDo(t *testing.T) {
	last := canonical[len(canonical)-1]
	ev := last.event
	ev.PubKey = pubOne
	// The text of NIP-01 read literally: the same event with its control bytes verbatim.
	verbatim := `[0,"` + pubOne.String() + `",9223372036854775807,65535,[["x"]],"` + ev.Content + `"]`
	ev.ID = idOf(verbatim)
	assert.Equal(t, "0a6b8658f6bbfc0a47adf4746dcdd601c6f1cdc666fde43269ca7419ce931c6d", ev.ID.String())
	assert.ErrorIs(t, ev.CheckID(), nostr.ErrBadID)
	ev.ID = nostr.MustIDFromHex(last.id)
	assert.NoError(t, ev.CheckID())
}

func TestP06VerifyWantsHashAndSignature(t *testing.T) {
	good := signed(t, nostr.Event{Kind: 1, Content: "hello", Tags: nostr.Tags{{"t", "x"}}})
	require.NoError(t, good.Verify())

	for name, forge := range map[string]func(*nostr.Event){
		"content":    func(e *nostr.Event) { e.Content += "!" },
		"created_at": func(e *nostr.Event) { e.CreatedAt++ },
		"kind":       func(e *nostr.Event) { e.Kind++ },
		"tags":       func(e *nostr.Event) { e.Tags = nil },
		"a tag":      func(e *nostr.Event) { e.Tags = nostr.Tags{{"t", "y"}} },
		"pubkey":     func(e *nostr.Event) { e.PubKey = nostr.GenerateSecretKey().PubKey() },
		"id":         func(e *nostr.Event) { e.ID[31] ^= 1 },
	} {
		ev := *good.Clone()
		forge(&ev)
		assert.ErrorIs(t, ev.Verify(), nostr.ErrBadID, name)
		// With an id that fits it is the signature that does not.
		ev.ID = ev.GetID()
		if name == "id" {
			continue
		}
		assert.NoError(t, ev.CheckID(), name)
		assert.ErrorIs(t, ev.Verify(), nostr.ErrBadSignature, name)
		assert.NotErrorIs(t, ev.Verify(), nostr.ErrBadID, name)
	}
	for i := range len(good.Sig) {
		ev := *good.Clone()
		ev.Sig[i] ^= 0x10
		assert.ErrorIs(t, ev.Verify(), nostr.ErrBadSignature)
	}
}

func TestP06SignatureAloneProvesNothingOfTheContent(t *testing.T) {
	ev := signed(t, nostr.Event{Content: "mine"})
	ev.Content = "not mine"
	assert.NoError(t, ev.CheckSignature())
	assert.ErrorIs(t, ev.Verify(), nostr.ErrBadID)
}

func TestSignFillsIn(t *testing.T) {
	before := nostr.Now()
	ev := nostr.Event{Kind: 1, Content: "x"}
	require.NoError(t, ev.Sign(keyOne))
	assert.Equal(t, pubOne, ev.PubKey)
	assert.GreaterOrEqual(t, ev.CreatedAt, before)
	assert.LessOrEqual(t, ev.CreatedAt, nostr.Now())
	assert.Equal(t, ev.GetID(), ev.ID)
	assert.NoError(t, ev.Verify())

	ev.CreatedAt, ev.PubKey = 1234, nostr.PubKey{9}
	require.NoError(t, ev.Sign(keyOne))
	assert.Equal(t, nostr.Timestamp(1234), ev.CreatedAt)
	assert.Equal(t, pubOne, ev.PubKey)
	assert.NoError(t, ev.Verify())
}

func TestSignUsesFreshRandomness(t *testing.T) {
	a := signed(t, nostr.Event{Content: "x", CreatedAt: 1})
	b := signed(t, nostr.Event{Content: "x", CreatedAt: 1})
	assert.Equal(t, a.ID, b.ID)
	assert.NotEqual(t, a.Sig, b.Sig)
}

func TestSignLeavesARefusedEventAlone(t *testing.T) {
	for name, ev := range map[string]nostr.Event{
		"tags[1] is empty":            {Tags: nostr.Tags{{"t"}, {}}},
		"tags[0] is empty":            {Tags: nostr.Tags{nil}},
		"tags[0][1] is not UTF-8":     {Tags: nostr.Tags{{"t", "\xff"}}},
		"content is not UTF-8":        {Content: "a\xc3"},
		"created_at is negative":      {CreatedAt: -1},
		"tags[2][0] is not UTF-8":     {Tags: nostr.Tags{{"a"}, {"b"}, {"\xed\xa0\x80"}}},
		"content is not UTF-8 either": {Tags: nostr.Tags{{"a"}}, Content: "\x80"},
	} {
		before := *ev.Clone()
		err := ev.Sign(keyOne)
		require.ErrorIs(t, err, nostr.ErrInvalidEvent, name)
		assert.ErrorContains(t, err, strings.TrimSuffix(name, " either"))
		assert.Equal(t, before, ev)
		assert.ErrorIs(t, ev.Validate(), nostr.ErrInvalidEvent)
		_, err = json.Marshal(ev)
		assert.ErrorIs(t, err, nostr.ErrInvalidEvent)
	}
	ev := nostr.Event{Content: "x"}
	assert.ErrorIs(t, ev.Sign(nostr.SecretKey{}), nostr.ErrNoSecretKey)
	assert.Equal(t, nostr.Event{Content: "x"}, ev)
}

func TestP08NewestReplacesAndLowestIDBreaksTies(t *testing.T) {
	base := nostr.Event{PubKey: pubOne, CreatedAt: 100, ID: nostr.ID{5}}
	with := func(change func(*nostr.Event)) *nostr.Event {
		ev := *base.Clone()
		change(&ev)
		return &ev
	}
	for _, kind := range []nostr.Kind{0, 3, 10000, 19999, 30000, 39999} {
		base.Kind, base.Tags = kind, nostr.Tags{{"d", "x"}, {"d", "y"}}
		newer := with(func(e *nostr.Event) { e.CreatedAt++; e.ID = nostr.ID{9} })
		lower := with(func(e *nostr.Event) { e.ID = nostr.ID{4, 255} })
		assert.True(t, newer.Supersedes(&base), kind)
		assert.False(t, base.Supersedes(newer), kind)
		assert.True(t, lower.Supersedes(&base), kind)
		assert.False(t, base.Supersedes(lower), kind)
		assert.False(t, base.Supersedes(&base), kind)
		otherKey := with(func(e *nostr.Event) { e.CreatedAt++; e.PubKey = nostr.PubKey{1} })
		otherKind := with(func(e *nostr.Event) { e.CreatedAt++; e.Kind ^= 3 })
		assert.False(t, otherKey.Supersedes(&base), kind)
		assert.False(t, otherKind.Supersedes(&base), kind)
		otherD := with(func(e *nostr.Event) { e.CreatedAt++; e.Tags = nostr.Tags{{"d", "y"}, {"d", "x"}} })
		assert.Equal(t, !kind.IsAddressable(), otherD.Supersedes(&base), "the first d tag counts, and only for addressable kinds")
	}
	base.Kind, base.Tags = 30000, nil
	emptyD := with(func(e *nostr.Event) { e.CreatedAt++; e.Tags = nostr.Tags{{"d", ""}} })
	assert.True(t, emptyD.Supersedes(&base), "no d tag is an empty one")
	for _, kind := range []nostr.Kind{1, 2, 4, 1000, 9999, 20000, 29999, 45, 40000} {
		base.Kind = kind
		assert.False(t, with(func(e *nostr.Event) { e.CreatedAt++ }).Supersedes(&base), kind)
	}
}

func TestP10AddressOfAReplaceableEventEndsInAColon(t *testing.T) {
	pk := pubOne.String()
	for _, tt := range []struct {
		kind nostr.Kind
		tags nostr.Tags
		want string
	}{
		{0, nil, "0:" + pk + ":"},
		{10002, nostr.Tags{{"d", "ignored"}}, "10002:" + pk + ":"},
		{30023, nostr.Tags{{"d", "ipsum"}}, "30023:" + pk + ":ipsum"},
		{30023, nostr.Tags{{"t", "x"}, {"d", "a:b"}, {"d", "c"}}, "30023:" + pk + ":a:b"},
		{30023, nil, "30023:" + pk + ":"},
		{30023, nostr.Tags{{"d"}}, "30023:" + pk + ":"},
		{1, nostr.Tags{{"d", "x"}}, ""},
		{20001, nil, ""},
	} {
		ev := nostr.Event{Kind: tt.kind, PubKey: pubOne, Tags: tt.tags}
		assert.Equal(t, tt.want, ev.Address())
	}
}

func TestP24NewestFirstWithTiesByLowestID(t *testing.T) {
	ev := func(at nostr.Timestamp, id byte) *nostr.Event { return &nostr.Event{CreatedAt: at, ID: nostr.ID{id}} }
	got := []*nostr.Event{ev(1, 1), ev(3, 9), ev(2, 5), ev(3, 2), ev(2, 4)}
	slices.SortFunc(got, nostr.NewestFirst)
	assert.Equal(t, []*nostr.Event{ev(3, 2), ev(3, 9), ev(2, 4), ev(2, 5), ev(1, 1)}, got)
}

func TestCloneSharesNothing(t *testing.T) {
	ev := nostr.Event{Content: "x", Tags: nostr.Tags{{"a", "b"}, {"c"}}}
	c := ev.Clone()
	assert.Equal(t, &ev, c)
	c.Tags[0][1] = "changed"
	c.Tags[1] = nil
	assert.Equal(t, nostr.Tags{{"a", "b"}, {"c"}}, ev.Tags)
	assert.Nil(t, (&nostr.Event{}).Clone().Tags)
	assert.NotNil(t, (&nostr.Event{Tags: nostr.Tags{}}).Clone().Tags)
}

func TestTimestamps(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 7, 999_999_999, time.UTC)
	ts := nostr.TimestampOf(at)
	assert.Equal(t, nostr.Timestamp(1709208007), ts)
	assert.True(t, ts.Time().Equal(at.Truncate(time.Second)))
	before, now, after := time.Now().Unix(), int64(nostr.Now()), time.Now().Unix()
	assert.LessOrEqual(t, before, now)
	assert.LessOrEqual(t, now, after)
}

func TestGetIDDoesNotAllocate(t *testing.T) {
	ev, _ := benchEvent(t)
	assert.Zero(t, testing.AllocsPerRun(100, func() { ev.GetID() }))
	ev.Content = strings.Repeat("x", 10_000)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { ev.GetID() }), 1.0)
}
