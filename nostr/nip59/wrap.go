package nip59

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// NewRumor returns a copy of e as an unsigned event of author's: PubKey is author,
// CreatedAt is the present second if it was zero, ID is the hash, Sig is zero. For a rumor
// that several people are to get it is called once, so that all get the same.
//
// It fails with [nostr.ErrInvalidEvent], and with [ErrInvalid] when e is somebody else's or is
// itself a seal or a wrap.
func NewRumor(e *nostr.Event, author nostr.PubKey) (*nostr.Event, error) {
	if !e.PubKey.IsZero() && e.PubKey != author {
		return nil, fmt.Errorf("%w: rumor: %w: %s, sealed by %s", ErrInvalid, ErrImpersonation, e.PubKey, author)
	}
	rumor := e.Clone()
	rumor.PubKey, rumor.Sig = author, nostr.Sig{}
	if rumor.CreatedAt == 0 {
		rumor.CreatedAt = nostr.Now()
	}
	if err := checkRumorKind(rumor.Kind); err != nil {
		return nil, err
	}
	if err := rumor.Validate(); err != nil {
		return nil, fmt.Errorf("nip59: rumor: %w", err)
	}
	rumor.ID = rumor.GetID()
	return rumor, nil
}

// Seal makes a rumor of e, as [NewRumor] does with the author that keys sign for, and seals
// it for recipient: a signed event of kind 13 without tags, dated up to [MaxBackdate] back.
// It is nobody's but the recipient's to see: publish it only in a [Wrap].
//
// A signer is somebody else's program, so what it returns is compared with what it was
// asked for, and verified ([ErrSigner]). The errors of keys are returned wrapped.
func Seal(ctx context.Context, keys nostr.Keyer, e *nostr.Event, recipient nostr.PubKey) (*nostr.Event, error) {
	author, err := keys.PublicKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("nip59: seal: %w", err)
	}
	rumor, err := NewRumor(e, author)
	if err != nil {
		return nil, err
	}
	content, err := keys.Encrypt(ctx, recipient, string(rumor.AppendUnsignedJSON(nil)))
	if err != nil {
		return nil, fmt.Errorf("nip59: seal: %w", err)
	}
	// Nothing leaves here that is not even encrypted, and NIP-04 has no place in a seal.
	if err := nip44.Check(content); err != nil {
		return nil, fmt.Errorf("%w: what is no NIP-44 payload: %w", ErrSigner, err)
	}
	asked := nostr.Event{PubKey: author, CreatedAt: blurred(), Kind: nostr.KindSeal, Tags: nostr.Tags{}, Content: content}
	seal := asked
	if err := keys.SignEvent(ctx, &seal); err != nil {
		return nil, fmt.Errorf("nip59: seal: %w", err)
	}
	if seal.PubKey != author || seal.CreatedAt != asked.CreatedAt || seal.Kind != asked.Kind || len(seal.Tags) != 0 || seal.Content != content {
		return nil, ErrSigner
	}
	if err := seal.Verify(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return &seal, nil
}

// A WrapOption is for [Wrap] and [GiftWrap].
type WrapOption func(*wrapOptions)

type wrapOptions struct {
	kind       nostr.Kind
	expiration nostr.Timestamp
	modify     func(*nostr.Event) error
}

// Ephemeral makes the wrap one of kind 21059, which relays pass on and do not store. The
// default is kind 1059, for receivers that need not be connected.
func Ephemeral() WrapOption { return func(o *wrapOptions) { o.kind = nostr.KindEphemeralGiftWrap } }

// WithExpiration sets when the message disappears: an expiration tag (NIP-40) on the wrap
// and not on the seal. A lifetime that is always the same number of hours tells when the
// message was written, which the blurred dates hide. The default is never.
func WithExpiration(at nostr.Timestamp) WrapOption { return func(o *wrapOptions) { o.expiration = at } }

// WithModify calls f with the wrap before it is signed, all but ID and Sig being set: to
// add tags, such as a relay in the "p" tag, or proof of work (nip13.Mine). Kind, author and
// content must stay. The default is no change.
func WithModify(f func(wrap *nostr.Event) error) WrapOption {
	return func(o *wrapOptions) { o.modify = f }
}

// Wrap wraps a seal for recipient, for whom it has to be sealed too: an event of kind 1059,
// signed by a fresh key that is forgotten at once, dated up to [MaxBackdate] back, with a
// "p" tag. It fails with [ErrInvalid] if the seal would be refused, and with
// [nostr.ErrBadPubKey].
func Wrap(seal *nostr.Event, recipient nostr.PubKey, opts ...WrapOption) (*nostr.Event, error) {
	if err := checkSeal(seal, nostr.Now()); err != nil {
		return nil, err
	}
	return wrapSeal(seal, recipient, opts)
}

// GiftWrap is [Seal] and [Wrap]. It is called once for each recipient, and once more for
// oneself if one wants to keep a copy; e is then best made by [NewRumor].
func GiftWrap(ctx context.Context, keys nostr.Keyer, e *nostr.Event, recipient nostr.PubKey, opts ...WrapOption) (*nostr.Event, error) {
	seal, err := Seal(ctx, keys, e, recipient)
	if err != nil {
		return nil, err
	}
	return wrapSeal(seal, recipient, opts)
}

func wrapSeal(seal *nostr.Event, recipient nostr.PubKey, opts []WrapOption) (*nostr.Event, error) {
	o := wrapOptions{kind: nostr.KindGiftWrap}
	for _, opt := range opts {
		opt(&o)
	}
	once := nostr.GenerateSecretKey()
	key, err := nip44.GenerateConversationKey(recipient, once)
	if err != nil {
		return nil, fmt.Errorf("nip59: wrap: %w", err)
	}
	content, err := nip44.Encrypt(string(seal.AppendJSON(nil)), key)
	if err != nil {
		return nil, fmt.Errorf("nip59: wrap: %w", err)
	}
	wrap := &nostr.Event{PubKey: once.PubKey(), CreatedAt: blurred(), Kind: o.kind, Tags: nostr.Tags{{"p", recipient.String()}}, Content: content}
	if o.expiration != 0 {
		if o.expiration <= nostr.Now() {
			return nil, fmt.Errorf("%w: wrap: at %d, before it is made", ErrExpired, o.expiration)
		}
		wrap.Tags = wrap.Tags.WithExpiration(o.expiration)
	}
	if o.modify != nil {
		if err := o.modify(wrap); err != nil {
			return nil, fmt.Errorf("nip59: wrap: %w", err)
		}
		if wrap.Kind != o.kind || wrap.PubKey != once.PubKey() || wrap.Content != content {
			return nil, fmt.Errorf("%w: wrap: kind, author or content were modified", ErrInvalid)
		}
	}
	if err := wrap.Sign(once); err != nil {
		return nil, fmt.Errorf("nip59: wrap: %w", err)
	}
	return wrap, nil
}

// blurred is a moment in the last two days that nobody can guess.
func blurred() nostr.Timestamp {
	back, err := rand.Int(rand.Reader, big.NewInt(int64(MaxBackdate/time.Second)+1))
	if err != nil { // never: the system's random source ends the program instead
		panic(err)
	}
	return nostr.Now() - nostr.Timestamp(back.Int64())
}
