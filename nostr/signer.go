package nostr

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// A Signer signs events for one author. The key may be at hand ([SecretKey.Signer]) or with
// somebody else: a remote signer (NIP-46), a browser extension, a hardware wallet. So
// its methods may take as long as ctx allows, and many goroutines may call them at once.
type Signer interface {
	// PublicKey returns the author whose events SignEvent makes. It is the same each time.
	PublicKey(ctx context.Context) (PubKey, error)

	// SignEvent makes the event the author's, as [Event.Sign] does: it sets PubKey, CreatedAt
	// (to the present second if it is zero), ID and Sig, and changes nothing else. When it
	// fails the event is as it was. A signer that asks somebody else compares the
	// answer with what it asked for, and verifies it.
	SignEvent(ctx context.Context, e *Event) error
}

// Signer returns a [Signer] that holds sk. It never waits; once ctx is done it signs
// nothing and returns ctx's error, so that a program that stops does so with any
// signer. With the zero SecretKey its methods return [ErrNoSecretKey]. It prints as the
// public key of sk.
func (sk SecretKey) Signer() Signer { return keySigner{sk} }

type keySigner struct{ key SecretKey }

func (s keySigner) PublicKey(ctx context.Context) (PubKey, error) {
	switch err := ctx.Err(); {
	case err != nil:
		return PubKey{}, err
	case s.key.IsZero():
		return PubKey{}, ErrNoSecretKey
	}
	return s.key.PubKey(), nil
}

func (s keySigner) SignEvent(ctx context.Context, e *Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.Sign(s.key)
}

// String says whose signer it is: the public key.
func (s keySigner) String() string { return "nostr.Signer(" + s.key.PubKey().String() + ")" }

// Format writes the same for every verb: most of them do not ask String.
func (s keySigner) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, also for handlers that write JSON.
func (s keySigner) LogValue() slog.Value { return slog.StringValue(s.String()) }
