package nip59_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip04"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

func unwrap(t *testing.T, g gift) (*nostr.Event, error) {
	t.Helper()
	rumor, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), g.make(t), nip59.AsOf(now))
	if err != nil {
		require.Nil(t, rumor)
	}
	return rumor, err
}

func tag(parts ...string) func(*nostr.Event) {
	return func(e *nostr.Event) { e.Tags = append(e.Tags, parts) }
}

func TestAGoodWrapGivesItsRumor(t *testing.T) {
	for name, g := range map[string]gift{
		"plain":                        {},
		"ephemeral":                    {wrap: func(e *nostr.Event) { e.Kind = nostr.KindEphemeralGiftWrap }},
		"no p tag":                     {wrap: func(e *nostr.Event) { e.Tags = nil }},
		"p tag of somebody else":       {wrap: func(e *nostr.Event) { e.Tags = nostr.Tags{{"p", carol.PubKey().String()}} }},
		"more tags on the wrap":        {wrap: tag("nonce", "1", "20")},
		"wrapped again by mallory":     {wrapper: mallory},
		"wrap dated ahead":             {wrap: func(e *nostr.Event) { e.CreatedAt = now + 86400 }},
		"seal dated ahead":             {seal: func(e *nostr.Event) { e.CreatedAt = now + 86400 }},
		"wrap of last year":            {wrap: func(e *nostr.Event) { e.CreatedAt = now - 365*86400 }},
		"expires in a second":          {wrap: func(e *nostr.Event) { e.Tags = e.Tags.WithExpiration(now + 1) }},
		"seal expires in a second":     {seal: func(e *nostr.Event) { e.Tags = nostr.Tags{nostr.ExpirationTag(now + 1)} }},
		"no id":                        {rumorText: without(`"id":"`, `",`)},
		"empty id":                     {rumorText: func(s string) string { return `{"id":""` + s[strings.Index(s, `,"pubkey"`):] }},
		"empty sig":                    {rumorText: func(s string) string { return strings.TrimSuffix(s, "}") + `,"sig":""}` }},
		"more keys":                    {rumorText: func(s string) string { return strings.TrimSuffix(s, "}") + `,"extra":{"sig":"x"}}` }},
		"white space":                  {rumorText: func(s string) string { return " \n" + s + "\n" }, sealText: func(s string) string { return "\t" + s + " " }},
		"more keys on the seal":        {sealText: func(s string) string { return strings.TrimSuffix(s, "}") + `,"extra":[]}` }},
		"more than 64 KiB, twice over": {rumor: func(e *nostr.Event) { e.Content = strings.Repeat("x", 70_000) }},
	} {
		rumor, err := unwrap(t, g)
		require.NoError(t, err, name)
		assert.Equal(t, alice.PubKey(), rumor.PubKey, name)
		assert.Equal(t, when, rumor.CreatedAt, name)
		assert.NoError(t, rumor.CheckID(), name)
		assert.Zero(t, rumor.Sig, name)
		assert.NotEmpty(t, rumor.Content, name)
	}
}

// without cuts out what begins with from, to the end of the next to.
func without(from, to string) func(string) string {
	return func(s string) string {
		before, rest, _ := strings.Cut(s, from)
		_, after, _ := strings.Cut(rest, to)
		return before + after
	}
}

func replaced(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

// Each of these is let through by at least one of four libraries, most by several; the
// names say what was wrong.
// Shows P62.
func TestL41WhatHasToBeRefused(t *testing.T) {
	aliceHex := alice.PubKey().String()
	for name, c := range map[string]struct {
		gift gift
		want error
		says string
	}{
		"wrap: bad signature":            {gift{wrapped: func(e *nostr.Event) { e.Sig[0] ^= 1 }}, nostr.ErrBadSignature, "wrap:"},
		"wrap: bad id":                   {gift{wrapped: func(e *nostr.Event) { e.ID[0] ^= 1 }}, nostr.ErrBadID, "wrap:"},
		"wrap: tags changed after":       {gift{wrapped: func(e *nostr.Event) { e.Tags = nil }}, nostr.ErrBadID, "wrap:"},
		"wrap: kind 1060":                {gift{wrap: func(e *nostr.Event) { e.Kind = 1060 }}, nil, "kind 1060"},
		"wrap: expired":                  {gift{wrap: func(e *nostr.Event) { e.Tags = e.Tags.WithExpiration(now) }}, nip59.ErrExpired, "wrap"},
		"wrap: empty":                    {gift{wrap: func(e *nostr.Event) { e.Content = "" }}, nip44.ErrMalformed, "wrap:"},
		"wrap: to come":                  {gift{wrap: func(e *nostr.Event) { e.Content = "#" + e.Content }}, nip44.ErrUnsupportedVersion, "wrap:"},
		"wrap: line feed in base64":      {gift{wrap: func(e *nostr.Event) { e.Content = e.Content[:76] + "\n" + e.Content[76:] }}, nip44.ErrMalformed, "wrap:"},
		"wrap: byte changed":             {gift{wrap: func(e *nostr.Event) { e.Content = "Agaa" + e.Content[4:] }}, nip44.ErrMAC, "wrap:"},
		"wrap: NIP-04":                   {gift{wrap: func(e *nostr.Event) { e.Content = nip04Of(t, "x") }}, nip44.ErrMalformed, "wrap:"},
		"seal: no JSON":                  {gift{sealText: func(string) string { return "not json" }}, nil, "seal:"},
		"seal: null":                     {gift{sealText: func(string) string { return "null" }}, nil, "seal:"},
		"seal: two":                      {gift{sealText: func(s string) string { return s + s }}, nil, "seal:"},
		"seal: the rumor itself":         {gift{sealText: func(string) string { return rumorJSON }}, nil, "seal:"},
		"seal: a signed note":            {gift{sealText: func(string) string { return signedNote(t).String() }}, nil, "seal: kind 1, want 13"},
		"seal: kind 14":                  {gift{seal: func(e *nostr.Event) { e.Kind = 14 }}, nil, "seal: kind 14"},
		"seal: kind 1059":                {gift{seal: func(e *nostr.Event) { e.Kind = 1059 }}, nil, "seal: kind 1059"},
		"seal: a wrap":                   {gift{sealText: func(string) string { return gift{}.make(t).String() }}, nil, "seal: kind 1059"},
		"seal: p tag":                    {gift{seal: tag("p", bob.PubKey().String())}, nil, "tags"},
		"seal: expiration and p tag":     {gift{seal: func(e *nostr.Event) { e.Tags = nostr.Tags{nostr.ExpirationTag(now + 9), {"p", aliceHex}} }}, nil, "tags"},
		"seal: expiration that is none":  {gift{seal: tag("expiration", "soon")}, nil, "tags"},
		"seal: expired":                  {gift{seal: func(e *nostr.Event) { e.Tags = nostr.Tags{nostr.ExpirationTag(now)} }}, nip59.ErrExpired, "seal"},
		"seal: bad signature":            {gift{sealed: func(e *nostr.Event) { e.Sig[63] ^= 1 }}, nostr.ErrBadSignature, "seal:"},
		"seal: bad id":                   {gift{sealed: func(e *nostr.Event) { e.ID[31] ^= 1 }}, nostr.ErrBadID, "seal:"},
		"seal: no signature":             {gift{sealText: func(s string) string { return s[:strings.Index(s, `,"sig"`)] + "}" }}, nil, "seal:"},
		"seal: empty signature":          {gift{sealText: func(s string) string { return s[:strings.Index(s, `,"sig"`)] + `,"sig":""}` }}, nil, "seal:"},
		"seal: author replaced":          {gift{sealer: mallory, sealed: func(e *nostr.Event) { e.PubKey = alice.PubKey() }}, nostr.ErrBadID, "seal:"},
		"seal: for carol":                {gift{sealedTo: carol.PubKey()}, nip44.ErrMAC, "seal:"},
		"seal: payload cut":              {gift{seal: func(e *nostr.Event) { e.Content = e.Content[:132] }}, nip44.ErrMAC, "seal:"},
		"seal: plain text":               {gift{seal: func(e *nostr.Event) { e.Content = rumorJSON }}, nip44.ErrMalformed, "seal:"},
		"rumor: another author":          {gift{sealer: mallory}, nip59.ErrImpersonation, aliceHex},
		"rumor: no author":               {gift{rumorText: without(`"pubkey":"`, `",`)}, nip59.ErrImpersonation, "rumor:"},
		"rumor: author in upper case":    {gift{rumorText: replaced(aliceHex, strings.ToUpper(aliceHex))}, nil, "pubkey"},
		"rumor: two authors":             {gift{rumorText: replaced(`{`, `{"pubkey":"`+mallory.PubKey().String()+`",`)}, nil, "duplicate"},
		"rumor: two authors, escaped":    {gift{rumorText: replaced(`{`, `{"pu\u0062key":"`+mallory.PubKey().String()+`",`)}, nil, "duplicate"},
		"rumor: wrong id":                {gift{rumor: func(e *nostr.Event) { e.ID = nostr.ID{1} }}, nostr.ErrBadID, "rumor:"},
		"rumor: signed":                  {gift{rumorText: func(string) string { return signedNote(t).String() }}, nil, "signed"},
		"rumor: signature of nobody":     {gift{rumorText: func(s string) string { return s[:len(s)-1] + `,"sig":"` + strings.Repeat("ab", 64) + `"}` }}, nil, "signed"},
		"rumor: signature of zeros":      {gift{rumorText: func(s string) string { return s[:len(s)-1] + `,"sig":"` + strings.Repeat("0", 128) + `"}` }}, nil, "sig"},
		"rumor: id of zeros":             {gift{rumorText: func(s string) string { return s[:7] + strings.Repeat("0", 64) + s[71:] }}, nil, "id"},
		"rumor: signature that is none":  {gift{rumorText: func(s string) string { return s[:len(s)-1] + `,"sig":"yes"}` }}, nil, "sig"},
		"rumor: no date":                 {gift{rumorText: without(`"created_at":`, `,`)}, nil, "created_at: missing"},
		"rumor: date in a string":        {gift{rumorText: replaced(`:1795742022`, `:"1795742022"`)}, nil, "created_at"},
		"rumor: date with a fraction":    {gift{rumorText: replaced(`:1795742022`, `:1795742022.5`)}, nil, "created_at"},
		"rumor: no kind":                 {gift{rumorText: without(`"kind":`, `,`)}, nil, "kind: missing"},
		"rumor: no tags":                 {gift{rumorText: func(s string) string { return s[:strings.Index(s, `,"tags"`)] + s[strings.Index(s, `,"content"`):] }}, nil, "tags: missing"},
		"rumor: a number in a tag":       {gift{rumorText: replaced(`[["p",`, `[["p",5],["p",`)}, nil, "tags[0][1]"},
		"rumor: no content":              {gift{rumorText: func(s string) string { return s[:strings.Index(s, `,"content"`)] + "}" }}, nil, "content: missing"},
		"rumor: null":                    {gift{rumorText: func(string) string { return "null" }}, nil, "rumor:"},
		"rumor: array":                   {gift{rumorText: func(string) string { return "[]" }}, nil, "rumor:"},
		"rumor: text":                    {gift{rumorText: func(string) string { return "hello" }}, nil, "rumor:"},
		"rumor: something behind":        {gift{rumorText: func(s string) string { return s + " {}" }}, nil, "rumor:"},
		"rumor: a seal":                  {gift{rumor: func(e *nostr.Event) { e.Kind = 13 }}, nil, "kind 13"},
		"rumor: a wrap":                  {gift{rumor: func(e *nostr.Event) { e.Kind = 1059 }}, nil, "kind 1059"},
		"rumor: an ephemeral wrap":       {gift{rumor: func(e *nostr.Event) { e.Kind = 21059 }}, nil, "kind 21059"},
		"rumor: expired":                 {gift{rumor: func(e *nostr.Event) { e.Tags = e.Tags.WithExpiration(now) }}, nip59.ErrExpired, "rumor"},
		"rumor: nested beyond all sense": {gift{rumorText: func(s string) string { return s[:len(s)-1] + `,"x":` + strings.Repeat("[", 60_000) }}, nil, "rumor:"},
	} {
		rumor, err := unwrap(t, c.gift)
		require.Error(t, err, name)
		assert.Nil(t, rumor, name)
		assert.ErrorContains(t, err, c.says, name)
		assert.True(t, strings.HasPrefix(err.Error(), "nip59: "), "%s: %s", name, err)
		if c.want != nil {
			assert.ErrorIs(t, err, c.want, name)
		}
		if c.want != nip59.ErrExpired && c.want != nip44.ErrMAC {
			assert.ErrorIs(t, err, nip59.ErrInvalid, name)
		}
	}
}

const rumorJSON = `{"pubkey":"488dacb498e3b0287b6b9b25bf95e54995b5f211a5543531d7393513f581f9a6","created_at":1795745562,"kind":14,"tags":[],"content":"x"}`

func signedNote(t *testing.T) *nostr.Event {
	t.Helper()
	e := &nostr.Event{CreatedAt: when, Kind: 1, Content: "hello"}
	require.NoError(t, e.Sign(alice))
	return e
}

func nip04Of(t *testing.T, text string) string {
	t.Helper()
	content, err := nip04.Encrypt(text, bob.PubKey(), key("once"))
	require.NoError(t, err)
	return content
}

func TestAWrapForSomebodyElseDoesNotOpen(t *testing.T) {
	_, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(carol), gift{}.make(t), nip59.AsOf(now))
	assert.ErrorIs(t, err, nip44.ErrMAC)
	assert.NotErrorIs(t, err, nip59.ErrInvalid, "it may well be good for whom it is")
}

// NIP-44: the outer signature MUST be validated before decrypting.
func TestNothingIsDecryptedBeforeTheSignature(t *testing.T) {
	for name, g := range map[string]gift{
		"bad signature":  {wrapped: func(e *nostr.Event) { e.Sig[0] ^= 1 }},
		"bad id":         {wrapped: func(e *nostr.Event) { e.ID[0] ^= 1 }},
		"another kind":   {wrap: func(e *nostr.Event) { e.Kind = 4 }},
		"expired":        {wrap: func(e *nostr.Event) { e.Tags = e.Tags.WithExpiration(now) }},
		"not a payload":  {wrap: func(e *nostr.Event) { e.Content = strings.Repeat("?", 200) }},
		"payload of yet": {wrap: func(e *nostr.Event) { e.Content = "A" + e.Content }},
	} {
		r := &remote{Keyer: nip44.Keyer(bob)}
		_, err := nip59.GiftUnwrap(t.Context(), r, g.make(t), nip59.AsOf(now))
		assert.Error(t, err, name)
		assert.Zero(t, r.asked, name)
	}
	r := &remote{Keyer: nip44.Keyer(bob)}
	_, err := nip59.GiftUnwrap(t.Context(), r, gift{seal: tag("p", "x")}.make(t), nip59.AsOf(now))
	assert.ErrorIs(t, err, nip59.ErrInvalid)
	assert.Equal(t, 1, r.asked, "a bad seal is not decrypted either")
}

func TestASignerThatIsAwayIsNoVerdict(t *testing.T) {
	_, err := nip59.GiftUnwrap(t.Context(), &remote{Keyer: nip44.Keyer(bob), away: errAway}, gift{}.make(t), nip59.AsOf(now))
	assert.ErrorIs(t, err, errAway)
	assert.NotErrorIs(t, err, nip59.ErrInvalid)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = nip59.GiftUnwrap(cancelled, nip44.Cipher(bob), gift{}.make(t), nip59.AsOf(now))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, nip59.ErrInvalid)
}

func TestTheHalvesCheckWhatTheyAreGiven(t *testing.T) {
	c := nip44.Cipher(bob)
	seal, err := nip59.Unwrap(t.Context(), c, gift{}.make(t), nip59.AsOf(now))
	require.NoError(t, err)
	assert.Equal(t, alice.PubKey(), seal.PubKey)
	rumor, err := nip59.Unseal(t.Context(), c, seal, nip59.AsOf(now))
	require.NoError(t, err)
	assert.Equal(t, "hello", rumor.Content)

	seal.Sig[0] ^= 1
	_, err = nip59.Unseal(t.Context(), c, seal, nip59.AsOf(now))
	assert.ErrorIs(t, err, nostr.ErrBadSignature)
	_, err = nip59.Unseal(t.Context(), c, signedNote(t), nip59.AsOf(now))
	assert.ErrorIs(t, err, nip59.ErrInvalid)
}

func TestWithoutAsOfThePresentCounts(t *testing.T) {
	old := gift{wrap: func(e *nostr.Event) { e.Tags = e.Tags.WithExpiration(1700000000) }}
	_, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), old.make(t))
	assert.ErrorIs(t, err, nip59.ErrExpired)
	_, err = nip59.GiftUnwrap(t.Context(), nip44.Cipher(bob), old.make(t), nip59.AsOf(0))
	assert.NoError(t, err)
}

// The rumor is the same when a seal is wrapped again, so that its ID tells a replay.
func TestAReplayHasTheSameRumor(t *testing.T) {
	c := nip44.Cipher(bob)
	seal, err := nip59.Unwrap(t.Context(), c, gift{}.make(t), nip59.AsOf(now))
	require.NoError(t, err)
	again, err := nip59.Wrap(seal, bob.PubKey())
	require.NoError(t, err)
	first, err := nip59.GiftUnwrap(t.Context(), c, gift{}.make(t), nip59.AsOf(now))
	require.NoError(t, err)
	second, err := nip59.GiftUnwrap(t.Context(), c, again, nip59.AsOf(now))
	require.NoError(t, err)
	assert.NotEqual(t, gift{}.make(t).PubKey, again.PubKey)
	assert.Equal(t, first, second)
}
