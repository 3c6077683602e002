package nip18_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip18"
)

const hint = "wss://relay.example.com"

var (
	alice = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	bob   = nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "2")
)

func signed(t testing.TB, sk nostr.SecretKey, ev nostr.Event) *nostr.Event {
	t.Helper()
	ev.CreatedAt = 1700000000
	require.NoError(t, ev.Sign(sk))
	return &ev
}

// The choices that the data leaves open are taken as it suggests but for one: a repost without
// an e tag has its target from the genuine event in it.
func TestTheRepostsOfTheFile(t *testing.T) {
	rows := vectors.Parses(t, 18)
	require.Len(t, rows, 38)
	for _, row := range rows {
		var want struct {
			Event, Relay *string
			Embedded     string
			Kind         *nostr.Kind `json:"embedded_kind"`
			K, A         string
		}
		row.Want(t, &want)
		r, err := nip18.Parse(row.Event)
		require.NoError(t, err, row.Name)
		if want.Event != nil {
			assert.Equal(t, *want.Event, r.Target.ID.String(), row.Name)
		} else {
			require.NotNil(t, r.Event, row.Name)
			assert.Equal(t, r.Event.ID, r.Target.ID, row.Name)
		}
		if want.Relay != nil {
			assert.Equal(t, *want.Relay, r.Target.Relay, row.Name)
		} else {
			assert.Empty(t, r.Target.Relay, row.Name)
		}
		assert.Equal(t, want.A, r.Address, row.Name)
		switch want.Embedded {
		case "valid":
			require.NotNil(t, r.Event, row.Name)
			assert.NoError(t, r.Problem, row.Name)
			assert.Equal(t, *want.Kind, r.Event.Kind, row.Name)
			assert.Equal(t, want.Kind, r.Kind, row.Name)
			assert.Equal(t, r.Event.PubKey, r.Target.Author, row.Name)
			continue
		case "absent":
			assert.NoError(t, r.Problem, row.Name)
		case "another event":
			assert.ErrorIs(t, r.Problem, nip18.ErrOther, row.Name)
		case "not json", "not an event":
			assert.ErrorIs(t, r.Problem, nip18.ErrEmbedded, row.Name)
		case "invalid":
			assert.Error(t, r.Problem, row.Name)
		default:
			t.Errorf("%s: %s", row.Name, want.Embedded)
		}
		assert.Nil(t, r.Event, row.Name)
		if want.K != "" {
			assert.Equal(t, want.K, fmt.Sprint(*r.Kind), row.Name)
		}
	}
}

func TestRepostsSurviveTheRoundTrip(t *testing.T) {
	for _, v := range []struct {
		target  *nostr.Event
		kind    nostr.Kind
		address bool
	}{
		{signed(t, alice, nostr.Event{Kind: 1, Content: "hi \u2028 <&>"}), 6, false},
		{signed(t, alice, nostr.Event{Kind: 1063}), 16, false},
		{signed(t, alice, nostr.Event{Kind: 0}), 16, true},
		{signed(t, alice, nostr.Event{Kind: 30023, Tags: nostr.Tags{{"d", "a:b"}}}), 16, true},
	} {
		ev, err := nip18.New(v.target, hint)
		require.NoError(t, err)
		assert.Equal(t, v.kind, ev.Kind)
		assert.Equal(t, nostr.Tag{"e", v.target.ID.String(), hint, alice.PubKey().String()}, ev.Tags[0], "the relay is the third entry")
		assert.Equal(t, nostr.Tag{"p", alice.PubKey().String()}, ev.Tags[1])
		assert.Equal(t, v.kind == 16, ev.Tags.Has("k"))
		r, err := nip18.Parse(signed(t, bob, ev))
		require.NoError(t, err)
		assert.Equal(t, v.target.String(), r.Event.String())
		assert.Equal(t, nostr.EventRef{ID: v.target.ID, Relay: hint, Author: alice.PubKey()}, r.Target)
		assert.Equal(t, v.target.Kind, *r.Kind)
		assert.Equal(t, v.address, r.Address != "")
		if v.address {
			assert.Equal(t, v.target.Address(), r.Address)
		}
	}
}

func TestProtectedEventsAreNotEmbedded(t *testing.T) {
	target := signed(t, alice, nostr.Event{Kind: 1, Tags: nostr.Tags{nostr.ProtectedTag()}})
	ev, err := nip18.New(target, hint)
	require.NoError(t, err)
	assert.Empty(t, ev.Content)
	r, err := nip18.Parse(&ev)
	require.NoError(t, err)
	assert.Nil(t, r.Event)
	assert.NoError(t, r.Problem)
	assert.Equal(t, target.ID, r.Target.ID)
}

func TestARepostNeedsARelay(t *testing.T) {
	target := signed(t, alice, nostr.Event{Kind: 1})
	for _, hint := range []string{"", "relay.example.com", "https://relay.example.com"} {
		_, err := nip18.New(target, hint)
		assert.ErrorIs(t, err, nip18.ErrNoHint)
	}
	target.Content = "\xff"
	_, err := nip18.New(target, hint)
	assert.ErrorIs(t, err, nostr.ErrInvalidEvent)
}

func TestOtherKindsAreNoReposts(t *testing.T) {
	target := signed(t, alice, nostr.Event{Kind: 1})
	ev, err := nip18.New(target, hint)
	require.NoError(t, err)
	for _, kind := range []nostr.Kind{1, 5, 7, 15, 17} {
		ev.Kind = kind
		_, err := nip18.Parse(&ev)
		assert.ErrorIs(t, err, nip18.ErrKind)
	}
	for _, content := range []string{"", "null", "hi", "{}"} {
		_, err = nip18.Parse(&nostr.Event{Kind: 6, Content: content, Tags: nostr.Tags{{"p", alice.PubKey().String()}, {"e"}, {"e", "x"}}})
		assert.ErrorIs(t, err, nip18.ErrNoTarget)
	}
}

func TestNothingButTheGenuineTargetIsShownAsReposted(t *testing.T) {
	target, other := signed(t, alice, nostr.Event{Kind: 1, Content: "a"}), signed(t, alice, nostr.Event{Kind: 1, Content: "b"})
	ev, err := nip18.New(target, hint)
	require.NoError(t, err)
	for want, content := range map[error]string{
		nip18.ErrOther:        other.String(),
		nostr.ErrBadID:        strings.Replace(ev.Content, `"content":"a"`, `"content":"c"`, 1),
		nostr.ErrBadSignature: strings.Replace(ev.Content, target.Sig.String(), other.Sig.String(), 1),
		nip18.ErrEmbedded:     ev.Content + ev.Content,
	} {
		ev.Content = content
		r, err := nip18.Parse(&ev)
		require.NoError(t, err)
		assert.Nil(t, r.Event)
		assert.ErrorIs(t, r.Problem, want)
		assert.Equal(t, target.ID, r.Target.ID)
		assert.Equal(t, alice.PubKey(), r.Target.Author)
	}
}

func TestAnAddressThatDoesNotBelongToTheTargetIsDropped(t *testing.T) {
	target := signed(t, alice, nostr.Event{Kind: 30023, Tags: nostr.Tags{{"d", "x"}}})
	foreign := "30023:" + bob.PubKey().String() + ":x"
	for _, content := range []string{target.String(), ""} {
		r, err := nip18.Parse(&nostr.Event{Kind: 16, Content: content, Tags: nostr.Tags{{"e", target.ID.String()}, {"p", alice.PubKey().String()}, {"a", foreign}}})
		require.NoError(t, err)
		assert.Empty(t, r.Address)
	}
	other := "30023:" + alice.PubKey().String() + ":y"
	r, err := nip18.Parse(&nostr.Event{Kind: 16, Content: target.String(), Tags: nostr.Tags{{"e", target.ID.String()}, {"a", other}}})
	require.NoError(t, err)
	assert.Empty(t, r.Address)
	for k, want := range map[string]string{"30023": other, "": other, "web": other, "030023": other, "30024": "", "1": ""} {
		r, err := nip18.Parse(&nostr.Event{Kind: 16, Tags: nostr.Tags{{"e", target.ID.String()}, {"k", k}, {"a", other}}})
		require.NoError(t, err)
		assert.Equal(t, want, r.Address, "by its k tag it is of another kind: %s", k)
	}
}

func TestQuotesSurviveTheRoundTrip(t *testing.T) {
	ref := nostr.EventRef{ID: nostr.ID{1}, Relay: hint, Author: alice.PubKey()}
	address := "30023:" + alice.PubKey().String() + ":x"
	for _, v := range []struct {
		quote nip18.Quote
		tag   nostr.Tag
	}{
		{nip18.Quote{Event: ref, Relay: hint}, nostr.Tag{"q", ref.ID.String(), hint, ref.Author.String()}},
		{nip18.Quote{Event: nostr.EventRef{ID: ref.ID}}, nostr.Tag{"q", ref.ID.String()}},
		{nip18.Quote{Address: address, Relay: hint}, nostr.Tag{"q", address, hint}},
		{nip18.Quote{Address: address}, nostr.Tag{"q", address}},
	} {
		assert.Equal(t, v.tag, v.quote.Tag())
		assert.Equal(t, []nip18.Quote{v.quote}, nip18.Quotes(&nostr.Event{Tags: nostr.Tags{v.tag, v.tag}}))
	}
	assert.Equal(t, nostr.Tag{"q", ref.ID.String(), hint}, nip18.Quote{Event: nostr.EventRef{ID: ref.ID}, Relay: hint}.Tag())
}

func FuzzParse(f *testing.F) {
	target := signed(f, alice, nostr.Event{Kind: 1, Content: "a"})
	f.Add(target.String(), target.ID.String(), hint, "1")
	f.Add("null", "", "", "")
	f.Fuzz(func(t *testing.T, content, id, relay, k string) {
		ev := &nostr.Event{Kind: 16, Content: content, Tags: nostr.Tags{{"e", id, relay}, {"k", k}, {"p", id}, {"a", relay}}}
		r, err := nip18.Parse(ev)
		if err != nil {
			require.ErrorIs(t, err, nip18.ErrNoTarget)
			return
		}
		require.False(t, r.Event != nil && r.Problem != nil)
		if r.Event != nil {
			require.Equal(t, r.Target.ID, r.Event.ID)
			require.NoError(t, r.Event.Verify())
		}
	})
}

func Example() {
	note := nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1700000000, Content: "worth reading"}
	if err := note.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	ev, err := nip18.New(&note, "wss://relay.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := ev.Sign(bob); err != nil {
		fmt.Println(err)
		return
	}
	repost, err := nip18.Parse(&ev)
	fmt.Println(repost.Event.Content, repost.Target.Relay, err)

	ev.Content = "I said no such thing"
	repost, err = nip18.Parse(&ev)
	fmt.Println(repost.Event == nil, repost.Target.ID == note.ID, err)
	// Output:
	// worth reading wss://relay.example.com <nil>
	// true true <nil>
}
