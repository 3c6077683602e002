package nip59

import (
	"context"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// An UnwrapOption is for [Unwrap], [Unseal] and [GiftUnwrap].
type UnwrapOption func(*unwrapOptions)

type unwrapOptions struct{ now nostr.Timestamp }

// AsOf sets the second at which something counts as expired; 0 is before all of them. The
// default is the present.
func AsOf(now nostr.Timestamp) UnwrapOption { return func(o *unwrapOptions) { o.now = now } }

func present(opts []UnwrapOption) nostr.Timestamp {
	o := unwrapOptions{now: nostr.Now()}
	for _, opt := range opts {
		opt(&o)
	}
	return o.now
}

// GiftUnwrap returns the rumor in a gift wrap, after all the checks of the package's
// comment. Its ID is its hash, its PubKey is who wrote it, its Sig is zero, and nobody can
// prove to others that it was written.
//
// It fails with [ErrInvalid] or [ErrExpired], or with the cipher's error: with nip44.ErrMAC
// when the wrap is for another key, or with whatever keeps a remote signer from answering,
// which may be worth another try. A cipher is asked only when the wrap's signature is good.
func GiftUnwrap(ctx context.Context, cipher nostr.Cipher, wrap *nostr.Event, opts ...UnwrapOption) (*nostr.Event, error) {
	seal, err := Unwrap(ctx, cipher, wrap, opts...)
	if err != nil {
		return nil, err
	}
	return openSeal(ctx, cipher, seal, present(opts))
}

// Unwrap is the first half of [GiftUnwrap]: it returns the seal in a gift wrap, verified.
// Its PubKey is who wrote what is in it; those who ignore that author need not open it. It
// fails as GiftUnwrap does.
func Unwrap(ctx context.Context, cipher nostr.Cipher, wrap *nostr.Event, opts ...UnwrapOption) (*nostr.Event, error) {
	now := present(opts)
	if !isWrap(wrap.Kind) {
		return nil, fmt.Errorf("%w: wrap: kind %d, want 1059 or 21059", ErrInvalid, wrap.Kind)
	}
	if err := wrap.Verify(); err != nil {
		return nil, fmt.Errorf("%w: wrap: %w", ErrInvalid, err)
	}
	if wrap.Expired(now) {
		return nil, fmt.Errorf("%w: wrap", ErrExpired)
	}
	text, err := decrypt(ctx, cipher, wrap, "wrap")
	if err != nil {
		return nil, err
	}
	seal := new(nostr.Event)
	if err := seal.UnmarshalJSON([]byte(text)); err != nil {
		return nil, fmt.Errorf("%w: seal: %w", ErrInvalid, err)
	}
	if err := checkSeal(seal, now); err != nil {
		return nil, err
	}
	return seal, nil
}

// Unseal is the second half of [GiftUnwrap]: it returns the rumor in a seal, which it
// verifies first. It fails as GiftUnwrap does.
func Unseal(ctx context.Context, cipher nostr.Cipher, seal *nostr.Event, opts ...UnwrapOption) (*nostr.Event, error) {
	now := present(opts)
	if err := checkSeal(seal, now); err != nil {
		return nil, err
	}
	return openSeal(ctx, cipher, seal, now)
}

// decrypt asks the cipher only for what has the form of a payload.
func decrypt(ctx context.Context, cipher nostr.Cipher, e *nostr.Event, layer string) (string, error) {
	if err := nip44.Check(e.Content); err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrInvalid, layer, err)
	}
	text, err := cipher.Decrypt(ctx, e.PubKey, e.Content)
	if err != nil {
		return "", fmt.Errorf("nip59: %s: %w", layer, err)
	}
	return text, nil
}

func checkSeal(seal *nostr.Event, now nostr.Timestamp) error {
	if seal.Kind != nostr.KindSeal {
		return fmt.Errorf("%w: seal: kind %d, want 13", ErrInvalid, seal.Kind)
	}
	if _, expires := seal.Expiration(); len(seal.Tags) > 1 || len(seal.Tags) == 1 && !expires {
		return fmt.Errorf("%w: seal: has tags other than an expiration", ErrInvalid)
	}
	if err := seal.Verify(); err != nil {
		return fmt.Errorf("%w: seal: %w", ErrInvalid, err)
	}
	if seal.Expired(now) {
		return fmt.Errorf("%w: seal", ErrExpired)
	}
	return nil
}

// openSeal must be called with a seal that checkSeal has found good.
func openSeal(ctx context.Context, cipher nostr.Cipher, seal *nostr.Event, now nostr.Timestamp) (*nostr.Event, error) {
	text, err := decrypt(ctx, cipher, seal, "seal")
	if err != nil {
		return nil, err
	}
	rumor, err := nostr.ParseUnsigned([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w: rumor: %w", ErrInvalid, err)
	}
	switch {
	case rumor.PubKey != seal.PubKey:
		return nil, fmt.Errorf("%w: rumor: %w: %s, sealed by %s", ErrInvalid, ErrImpersonation, rumor.PubKey, seal.PubKey)
	case rumor.Sig != nostr.Sig{}:
		return nil, fmt.Errorf("%w: rumor: it is signed", ErrInvalid)
	case rumor.ID.IsZero():
		rumor.ID = rumor.GetID()
	default:
		if err := rumor.CheckID(); err != nil {
			return nil, fmt.Errorf("%w: rumor: %w", ErrInvalid, err)
		}
	}
	if err := checkRumorKind(rumor.Kind); err != nil {
		return nil, err
	}
	if rumor.Expired(now) {
		return nil, fmt.Errorf("%w: rumor", ErrExpired)
	}
	return rumor, nil
}

func checkRumorKind(k nostr.Kind) error {
	if k == nostr.KindSeal || isWrap(k) {
		return fmt.Errorf("%w: rumor: kind %d means nothing unsigned", ErrInvalid, k)
	}
	return nil
}
