package seen

import "github.com/gennostr/gennostr/nostr"

// Shards is how many locks the table has.
func (t *Table) Shards() int { return len(t.shards) }

// ShardOf is where the event belongs.
func (t *Table) ShardOf(id nostr.ID) int {
	s, _ := t.shard(&id)
	for i := range t.shards {
		if s == &t.shards[i] {
			return i
		}
	}
	return -1
}

// Taken is how much memory the table takes now, and how many events it remembers.
func (t *Table) Taken() (bytes, events int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		bytes += cap(s.ring)*entrySize + cap(s.heads)*4 + cap(s.words)*wordSize
		events += s.count
		s.mu.Unlock()
	}
	return bytes, events
}

// LongestChain is how many events a look-up may have to compare with.
func (t *Table) LongestChain() int {
	longest := 0
	for i := range t.shards {
		s := &t.shards[i]
		for _, head := range s.heads {
			n := 0
			for at := head; at != none; at = s.ring[at].next {
				n++
			}
			longest = max(longest, n)
		}
	}
	return longest
}
