package outcome

import "container/list"

// lines are queues that take turns: one for each author, so that whoever publishes
// thousands of events delays nobody else by more than one.
type lines[K, L comparable] struct {
	turns list.List           // of *line, the next one first; none is empty
	lines map[L]*list.Element // in turns
	seats map[K]seat[K, L]
}

type line[K, L comparable] struct {
	name L
	keys list.List     // of K
	back *list.Element // of keys: the last that was put back since the last pop
}

type seat[K, L comparable] struct {
	line *line[K, L]
	at   *list.Element // in keys
}

func newLines[K, L comparable]() *lines[K, L] {
	return &lines[K, L]{lines: make(map[L]*list.Element), seats: make(map[K]seat[K, L])}
}

func (q *lines[K, L]) len() int { return len(q.seats) }

func (q *lines[K, L]) has(key K) bool {
	_, ok := q.seats[key]
	return ok
}

// put adds a key at the end of a line, or puts it back where pop has taken it from: what
// is put back in the order of pop is in that order again. One that is in a line stays
// where it is.
func (q *lines[K, L]) put(key K, name L, back bool) {
	if q.has(key) {
		return
	}
	turn := q.lines[name]
	if turn == nil {
		turn = q.turns.PushBack(&line[K, L]{name: name})
		q.lines[name] = turn
	}
	l := turn.Value.(*line[K, L])
	switch {
	case !back:
		q.seats[key] = seat[K, L]{l, l.keys.PushBack(key)}
		return
	case l.back == nil:
		q.turns.MoveToFront(turn)
		l.back = l.keys.PushFront(key)
	default:
		l.back = l.keys.InsertAfter(key, l.back)
	}
	q.seats[key] = seat[K, L]{l, l.back}
}

// pop takes the next key. Its line is the last to have a turn again.
func (q *lines[K, L]) pop() (key K, name L, ok bool) {
	turn := q.turns.Front()
	if turn == nil {
		return key, name, false
	}
	l := turn.Value.(*line[K, L])
	key, name = l.keys.Front().Value.(K), l.name
	l.back = nil
	q.turns.MoveToBack(turn)
	q.remove(key)
	return key, name, true
}

func (q *lines[K, L]) remove(key K) {
	s, ok := q.seats[key]
	if !ok {
		return
	}
	delete(q.seats, key)
	if s.line.back == s.at {
		s.line.back = nil // those who follow come first; rare, and only the order of one author's
	}
	s.line.keys.Remove(s.at)
	if s.line.keys.Len() == 0 {
		q.turns.Remove(q.lines[s.line.name])
		delete(q.lines, s.line.name)
	}
}
