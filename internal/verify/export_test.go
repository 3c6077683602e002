package verify

import (
	"time"
	"unsafe"
)

// Workers returns how many goroutines the pool has.
func (p *Pool) Workers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

// Idle returns how many of them wait for work.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idle
}

// Awaited returns how many lanes are about to submit more.
func (p *Pool) Awaited() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.awaited
}

// Slots returns how many items the lane holds memory for.
func (l *Lane[T]) Slots() int {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return len(l.ring)
}

const (
	BatchSize = batchSize
	MaxIdle   = maxIdle

	DeliveriesFirst = deliveriesFirst
	Patience        = patience

	SuspectFor   = suspectFor
	SuspectBatch = suspectBatch
	SuspectShare = suspectShare
	MaxCredit    = maxCredit
)

// MostProven is how many events are remembered.
const MostProven = mostProven

// ProvenBytes returns what that takes.
func (p *Pool) ProvenBytes() int {
	p.proven.mu.Lock()
	defer p.proven.mu.Unlock()
	return len(p.proven.sets) * int(unsafe.Sizeof(set{}))
}

// Waiting returns how many events wait for a worker, those of suspects aside.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// Suspects returns how many lanes that are kept apart wait for a worker.
func (p *Pool) Suspects() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspects.length
}

// Courtesy tells whether to yield.
type Courtesy struct{ c courtesy }

// Yield yields by the given function, and by the given clock.
func (c *Courtesy) Yield(clock func() time.Duration, yield func()) { c.c.yield(clock, yield) }
