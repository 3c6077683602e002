package nip59_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// A test key is the hash of "test key: " and a name.
func key(name string) nostr.SecretKey {
	sum := sha256.Sum256([]byte("test key: " + name))
	return nostr.MustSecretKeyFromHex(hex.EncodeToString(sum[:]))
}

var alice, bob, carol, mallory = key("alice"), key("bob"), key("carol"), key("mallory")

// when is the date of what is made by hand, and now is an hour later.
const (
	when nostr.Timestamp = 1795742022
	now                  = when + 3600
)

// A gift is a wrap made by hand: each field changes one layer of a good one, from alice to bob.
type gift struct {
	rumor     func(*nostr.Event)
	rumorText func(string) string
	seal      func(*nostr.Event) // before it is signed
	sealed    func(*nostr.Event) // after
	sealText  func(string) string
	wrap      func(*nostr.Event)
	wrapped   func(*nostr.Event)
	sealer    nostr.SecretKey // who signs and encrypts the seal
	sealedTo  nostr.PubKey
	wrapper   nostr.SecretKey
}

func (g gift) make(t testing.TB) *nostr.Event {
	t.Helper()
	if g.sealer.IsZero() {
		g.sealer = alice
	}
	if g.sealedTo.IsZero() {
		g.sealedTo = bob.PubKey()
	}
	if g.wrapper.IsZero() {
		g.wrapper = key("once")
	}
	rumor := nostr.Event{PubKey: alice.PubKey(), CreatedAt: when, Kind: nostr.KindDirectMessage, Tags: nostr.Tags{{"p", bob.PubKey().String()}}, Content: "hello"}
	change(g.rumor, &rumor)
	if rumor.ID.IsZero() {
		rumor.ID = rumor.GetID()
	}
	text := string(rumor.AppendUnsignedJSON(nil))
	if g.rumorText != nil {
		text = g.rumorText(text)
	}
	seal := nostr.Event{CreatedAt: when, Kind: nostr.KindSeal, Content: encrypt(t, text, g.sealedTo, g.sealer)}
	change(g.seal, &seal)
	require.NoError(t, seal.Sign(g.sealer))
	change(g.sealed, &seal)
	text = seal.String()
	if g.sealText != nil {
		text = g.sealText(text)
	}
	wrap := nostr.Event{CreatedAt: when, Kind: nostr.KindGiftWrap, Tags: nostr.Tags{{"p", bob.PubKey().String()}}, Content: encrypt(t, text, bob.PubKey(), g.wrapper)}
	change(g.wrap, &wrap)
	require.NoError(t, wrap.Sign(g.wrapper))
	change(g.wrapped, &wrap)
	return &wrap
}

func change(f func(*nostr.Event), e *nostr.Event) {
	if f != nil {
		f(e)
	}
}

func encrypt(t testing.TB, text string, to nostr.PubKey, from nostr.SecretKey) string {
	t.Helper()
	k, err := nip44.GenerateConversationKey(to, from)
	require.NoError(t, err)
	payload, err := nip44.Encrypt(text, k)
	require.NoError(t, err)
	return payload
}

// remote is a signer that is not at hand: it may be away, and answer something else.
type remote struct {
	nostr.Keyer
	away    error
	changed func(*nostr.Event)  // what it signs
	spoiled func(*nostr.Event)  // what it has signed
	cipher  func(string) string // what it encrypts to
	asked   int                 // guarded by the test's goroutine
}

func (r *remote) PublicKey(ctx context.Context) (nostr.PubKey, error) {
	if r.away != nil {
		return nostr.PubKey{}, r.away
	}
	return r.Keyer.PublicKey(ctx)
}

func (r *remote) SignEvent(ctx context.Context, e *nostr.Event) error {
	r.asked++
	change(r.changed, e)
	if err := r.Keyer.SignEvent(ctx, e); err != nil {
		return err
	}
	change(r.spoiled, e)
	return nil
}

func (r *remote) Encrypt(ctx context.Context, peer nostr.PubKey, text string) (string, error) {
	r.asked++
	payload, err := r.Keyer.Encrypt(ctx, peer, text)
	if r.cipher != nil {
		payload = r.cipher(text)
	}
	return payload, err
}

func (r *remote) Decrypt(ctx context.Context, peer nostr.PubKey, payload string) (string, error) {
	r.asked++
	if r.away != nil {
		return "", r.away
	}
	return r.Keyer.Decrypt(ctx, peer, payload)
}

var errAway = errors.New("the signer does not answer")
