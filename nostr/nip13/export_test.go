package nip13

import "github.com/gennostr/gennostr/nostr"

// WithClock hands the miners their time.
func WithClock(now func() nostr.Timestamp) Option { return func(c *config) { c.clock = now } }

// A Miner is one goroutine's part of Mine, for benchmarks.
type Miner struct{ w *worker }

func NewMiner(e *nostr.Event, target int) Miner {
	return Miner{newWorker(withNonceTag(e, target), target, nostr.Now)}
}

// Try tries one nonce and returns the ID it makes.
func (m Miner) Try(nonce uint64) (id nostr.ID, good bool) {
	good = m.w.try(nonce, &m.w.event.ID)
	return m.w.event.ID, good
}
