package gennostr

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/internal/foreign"
	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// Signatures are checked on the goroutines of verify.Pool, in batches. By default
// it is bip340 that checks them, in pure Go and of public data only, under a
// guard: btcec confirms refusals, at most a hundred a second, and one acceptance
// in 1,024. Should the two ever disagree, that is logged, and from then on this
// client has btcec verify everything.

const (
	// A batch of this size is nearly as cheap for each event as any larger one, and
	// takes a few milliseconds.
	maxBatch = bip340.MaxBatch
	// Public keys whose point is kept, 88 bytes each: most relays' events are of few authors.
	knownKeys = 2048
)

// signatures makes the pool's checks.
func (c *Client) signatures() verify.Config {
	cfg := verify.Config{Workers: c.cfg.workers}
	if c.cfg.verifier != nil {
		cfg.NewCheck = func() verify.Check { return verify.Each(c.verifyOne) }
		return cfg
	}
	cfg.MaxBatch = maxBatch
	guard := bip340.NewGuard(bip340.GuardConfig{OnDisagreement: c.disagreed})
	// One for all workers, made when the first event comes.
	keys := sync.OnceValue(func() *bip340.KeyCache { return bip340.NewKeyCache(knownKeys) })
	cfg.NewCheck = func() verify.Check { return batchCheck(guard, bip340.New(keys())) }
	return cfg
}

// batchCheck is one worker's check; the verifier is its own.
func batchCheck(guard *bip340.Guard, v *bip340.Verifier) verify.Check {
	var items []bip340.Item
	var valid []bool
	return func(events []*nostr.Event, errs []error) {
		items, valid = items[:0], valid[:0]
		for _, e := range events {
			items = append(items, bip340.Item{Pub: (*[32]byte)(&e.PubKey), Msg: (*[32]byte)(&e.ID), Sig: (*[64]byte)(&e.Sig)})
			valid = append(valid, false)
		}
		guard.VerifyBatch(v, items, valid)
		for i, ok := range valid {
			if !ok {
				errs[i] = nostr.ErrBadSignature
			}
		}
		clear(items) // the events are not ours to keep
	}
}

// disagreed is called once at most, on a goroutine of the pool. What was proven is
// so by the word of a verifier that is trusted no more.
func (c *Client) disagreed(d bip340.Disagreement) {
	c.pool.Forget()
	if d.Panic != nil {
		c.log.Error("signature verifier failed; btcec verifies from now on", "panic", d.Panic)
		return
	}
	c.log.Error("signature verifier and btcec disagree; btcec verifies from now on", "accepted", d.Accepted,
		"pubkey", hex.EncodeToString(d.Pub[:]), "id", hex.EncodeToString(d.Msg[:]), "sig", hex.EncodeToString(d.Sig[:]))
}

// verifyOne asks the Verifier of WithVerifier.
func (c *Client) verifyOne(e *nostr.Event) error {
	err := c.cfg.verifier.VerifySignature(e.PubKey, e.ID, e.Sig)
	if err == nil {
		return nil
	}
	// A verifier whose error cannot even be looked at has failed: it panics here, where
	// that is caught. What its methods do later harms nobody either.
	isBad, _ := errors.Is(err, nostr.ErrBadSignature), err.Error()
	err = foreign.Confine(err)
	if !isBad {
		err = fmt.Errorf("%w: %w", nostr.ErrBadSignature, err)
	}
	return err
}
