package main

import (
	"container/heap"

	"github.com/gennostr/gennostr/nostr"
)

const maxRemembered = 20_000 // messages

// memory makes each message count once. A message comes again from every relay
// that has it, after every reconnect, in other wraps if somebody means mischief:
// what stays the same is the rumor's id. What has been forgotten must not count as
// new, so nothing is taken that is older than what was forgotten.
type memory struct {
	max   int
	since nostr.Timestamp // what is dated before it counts as seen
	ids   map[nostr.ID]bool
	order dated // the oldest first
}

func newMemory(max int, since nostr.Timestamp) *memory {
	return &memory{max: max, since: since, ids: make(map[nostr.ID]bool)}
}

// take reports whether the message is new, and remembers it. why is a word for the
// log where the message is refused for its date.
func (m *memory) take(id nostr.ID, at, now nostr.Timestamp) (fresh bool, why string) {
	switch {
	case m.ids[id]:
		return false, ""
	case at < m.since:
		return false, "it is dated before I began to listen"
	case at.IsAhead(now): // it would push since into the future, and make us deaf until then
		return false, "it is dated in the future"
	}
	m.ids[id] = true
	heap.Push(&m.order, entry{id, at})
	for len(m.order) > m.max || len(m.order) > 0 && m.order[0].at < m.since {
		oldest := heap.Pop(&m.order).(entry)
		delete(m.ids, oldest.id)
		m.since = max(m.since, oldest.at+1)
	}
	return true, ""
}

type entry struct {
	id nostr.ID
	at nostr.Timestamp
}

// dated is a heap by date.
type dated []entry

func (d dated) Len() int           { return len(d) }
func (d dated) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dated) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dated) Push(x any)        { *d = append(*d, x.(entry)) }

func (d *dated) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}
