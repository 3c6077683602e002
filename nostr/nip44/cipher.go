package nip44

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// Cipher returns a [nostr.Cipher] that encrypts and decrypts with sk. It keeps the conversation
// keys of the last peers, between 256 and 512 of them, about 100 KB: with a peer it
// knows, a message costs a few microseconds instead of a hundred. It never waits; once
// ctx is done its methods return ctx's error. With the zero SecretKey they return
// [nostr.ErrNoSecretKey]. It prints as the public key of sk; neither keys nor peers are printed.
func Cipher(sk nostr.SecretKey) nostr.Cipher { return newCipher(sk) }

// Keyer returns sk as a [nostr.Keyer]: its [nostr.SecretKey.Signer] and its [Cipher].
func Keyer(sk nostr.SecretKey) nostr.Keyer { return keyer{sk.Signer(), newCipher(sk)} }

type keyer struct {
	nostr.Signer
	*cipher
}

func (k keyer) String() string { return "nip44.Keyer(" + k.sk.PubKey().String() + ")" }

// Format and LogValue are String, as the cipher's are its own.
func (k keyer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }
func (k keyer) LogValue() slog.Value       { return slog.StringValue(k.String()) }

// generation is after how many new peers those of before the last turn are forgotten.
const generation = 256

type cipher struct {
	sk   nostr.SecretKey
	kept func() *conversations // never nil
}

// conversations are behind a closure, where no printer finds them: whom somebody writes to
// is no more for logs than the keys are, and a map of peers would be printed where a
// cipher is in an unexported field.
type conversations struct {
	// Whoever was met since the last turn is in young, whoever was met between the last two
	// in old. So strangers who come once push others out only when there are hundreds of them
	// between two messages of a peer.
	mu         sync.Mutex
	young, old map[nostr.PubKey]ConversationKey // guarded by mu
}

func newCipher(sk nostr.SecretKey) *cipher {
	kept := &conversations{young: make(map[nostr.PubKey]ConversationKey)}
	return &cipher{sk: sk, kept: func() *conversations { return kept }}
}

func (c *cipher) Encrypt(ctx context.Context, peer nostr.PubKey, plaintext string) (string, error) {
	key, err := c.key(ctx, peer)
	if err != nil {
		return "", err
	}
	return Encrypt(plaintext, key)
}

func (c *cipher) Decrypt(ctx context.Context, peer nostr.PubKey, payload string) (string, error) {
	// What is none is found out before a stranger has cost a conversation key.
	data, err := decode(payload)
	if err != nil {
		return "", err
	}
	key, err := c.key(ctx, peer)
	if err != nil {
		return "", err
	}
	return open(data, key)
}

// String says whose cipher it is: the public key.
func (c *cipher) String() string { return "nip44.Cipher(" + c.sk.PubKey().String() + ")" }

// Format writes the same for every verb: most of them do not ask String.
func (c *cipher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String, also for handlers that write JSON.
func (c *cipher) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c *cipher) key(ctx context.Context, peer nostr.PubKey) (ConversationKey, error) {
	if err := ctx.Err(); err != nil {
		return ConversationKey{}, err
	}
	if key, ok := c.kept().find(peer); ok {
		return key, nil
	}
	// Without the lock: two who ask at once for one new peer both compute the same.
	key, err := GenerateConversationKey(peer, c.sk)
	if err != nil {
		return ConversationKey{}, err
	}
	c.kept().keep(peer, key)
	return key, nil
}

func (c *conversations) find(peer nostr.PubKey) (ConversationKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key, ok := c.young[peer]; ok {
		return key, true
	}
	key, ok := c.old[peer]
	if ok {
		c.put(peer, key)
	}
	return key, ok
}

func (c *conversations) keep(peer nostr.PubKey, key ConversationKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(peer, key)
}

// put must be called with mu held.
func (c *conversations) put(peer nostr.PubKey, key ConversationKey) {
	if len(c.young) >= generation {
		c.old, c.young = c.young, make(map[nostr.PubKey]ConversationKey)
	}
	c.young[peer] = key
}
