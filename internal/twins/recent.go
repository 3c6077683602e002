package twins

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/gennostr/gennostr/nostr"
)

// recentIDs is how many ids are remembered, about: as many as there is JSON of short
// events at most. They take 32 KiB.
const recentIDs = 4096

// recent are ids of late, each in the one place that it has. One that is pushed out by
// another is forgotten: that a duplicate is taken for new costs time and no more.
type recent [recentIDs]atomic.Uint64

// Came tells whether an event of this id came a while ago, and notes that it has. For
// Saw: a duplicate is one even while the signature of the first copy is being checked,
// or a busy machine, which has most of them in that state, would never be hot.
func (t *Table) Came(id *nostr.ID) bool {
	r := t.recent.Load()
	if r == nil {
		r = new(recent)
		t.recent.Store(r) // of two at once one is lost
	}
	place, rest := &r[binary.LittleEndian.Uint64(id[:])%recentIDs], binary.LittleEndian.Uint64(id[8:])
	if place.Load() == rest {
		return true
	}
	place.Store(rest)
	return false
}
