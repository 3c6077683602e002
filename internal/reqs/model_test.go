package reqs_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reqs"
	"github.com/gennostr/gennostr/nostr"
)

// model is a table that anybody can see is right: it keeps the whole history,
// and answers by going through all of it.
type model struct {
	req, count, neg map[string][]*generation
	unanswered      map[string][]time.Time // when a REQ was ended by the client, and no CLOSED has come for it
}

// generation is one REQ, COUNT or session.
type generation struct {
	kinds []nostr.Kind
	began time.Time
	ended time.Time // zero: open
	live  bool
}

func newModel() *model {
	return &model{map[string][]*generation{}, map[string][]*generation{}, map[string][]*generation{}, map[string][]time.Time{}}
}

func (g *generation) open() bool { return g.ended.IsZero() }
func (g *generation) inGrace(now time.Time) bool {
	return !g.open() && now.Sub(g.ended) < grace
}

func (g *generation) wants(kind nostr.Kind) bool {
	for _, k := range g.kinds {
		if k == kind {
			return true
		}
	}
	return false
}

func begin(space map[string][]*generation, id string, kinds []nostr.Kind, now time.Time) {
	finish(space, id, now)
	space[id] = append(space[id], &generation{kinds: kinds, began: now})
}

func finish(space map[string][]*generation, id string, now time.Time) bool {
	g := current(space, id)
	if g != nil {
		g.ended = now
	}
	return g != nil
}

func current(space map[string][]*generation, id string) *generation {
	for _, g := range space[id] {
		if g.open() {
			return g
		}
	}
	return nil
}

func graced(space map[string][]*generation, id string, now time.Time) (n int) {
	for _, g := range space[id] {
		if g.inGrace(now) {
			n++
		}
	}
	return n
}

// judge is the verdict on a message that carries nothing but an id.
func (m *model) judge(space map[string][]*generation, id string, now time.Time) reqs.Verdict {
	switch {
	case current(space, id) != nil:
		return reqs.Accept
	case graced(space, id, now) > 0:
		return reqs.Late
	}
	return reqs.Unknown
}

func (m *model) event(id string, kind nostr.Kind, now time.Time) (reqs.Verdict, bool) {
	v := m.judge(m.req, id, now)
	if v != reqs.Accept {
		return v, false
	}
	if g := current(m.req, id); g.wants(kind) {
		return reqs.Accept, g.live
	}
	for _, g := range m.req[id] {
		if g.inGrace(now) && g.wants(kind) {
			return reqs.Late, false
		}
	}
	return reqs.Mismatch, false
}

func (m *model) eose(id string, now time.Time) reqs.Verdict {
	v := m.judge(m.req, id, now)
	if v == reqs.Accept {
		g := current(m.req, id)
		if g.live {
			return reqs.Late
		}
		g.live = true
	}
	return v
}

func (m *model) closed(id string, now time.Time) (v reqs.Verdict, ends bool) {
	req, count := m.judge(m.req, id, now), m.judge(m.count, id, now)
	doubtful := false
	for len(m.unanswered[id]) > 0 && !doubtful {
		doubtful = now.Sub(m.unanswered[id][0]) < grace
		m.unanswered[id] = m.unanswered[id][1:]
	}
	ends = req == reqs.Accept && !doubtful
	if ends {
		finish(m.req, id, now)
	}
	finish(m.count, id, now)
	return min(req, count), ends // Accept before Late before Unknown
}

// ended is a REQ that the client closes or replaces.
func (m *model) ended(id string, now time.Time) {
	if finish(m.req, id, now) {
		m.unanswered[id] = append(m.unanswered[id], now)
		if n := len(m.unanswered[id]); n > 8 {
			m.unanswered[id] = m.unanswered[id][n-8:]
		}
	}
}

// open is how many are open in a space.
func open(space map[string][]*generation) (n int) {
	for id := range space {
		if current(space, id) != nil {
			n++
		}
	}
	return n
}

// trim gives up the COUNTs that have waited for too long.
func (m *model) trim(now time.Time) {
	for id := range m.count {
		if g := current(m.count, id); g != nil && now.Sub(g.began) > max(10*grace, time.Minute) {
			g.ended = now
		}
	}
}

// compare runs both through the same history, four bytes a step. It stays
// within maxFormer, where the table promises to be exact.
func compare(t *testing.T, ops []byte) {
	table, m, now := newTable(grace), newModel(), start
	for ; len(ops) >= 4; ops = ops[4:] {
		id := strconv.Itoa(int(ops[1] % 5))
		kind := nostr.Kind(ops[2] % 8)
		now = now.Add(time.Duration(ops[3]%4) * 500 * time.Millisecond)
		switch ops[0] % 16 {
		case 0, 1:
			if graced(m.req, id, now) >= 8 {
				continue
			}
			filters := []nostr.Filter{{Kinds: []nostr.Kind{kind}}, {Kinds: []nostr.Kind{kind + 1}}}
			table.Open(id, filters, now)
			m.ended(id, now)
			begin(m.req, id, []nostr.Kind{kind, kind + 1}, now)
		case 2:
			table.Close(id, now)
			m.ended(id, now)
		case 3:
			want, ends := m.closed(id, now)
			j := table.Table.Closed(id, false, now)
			require.Equal(t, want, j.Verdict)
			require.Equal(t, ends, j.Ends)
			if j.Ends {
				table.Finish(j.Request)
			}
		case 4:
			require.Equal(t, m.eose(id, now), table.EOSE(id, now))
		case 5:
			table.OpenCount(id, nil, now)
			begin(m.count, id, nil, now)
		case 6:
			want := m.judge(m.count, id, now)
			if want == reqs.Accept {
				finish(m.count, id, now)
			}
			require.Equal(t, want, table.Count(id, now))
		case 7:
			table.OpenNeg(id, nil, now)
			begin(m.neg, id, nil, now)
		case 8:
			table.CloseNeg(id, now)
			finish(m.neg, id, now)
		case 9:
			require.Equal(t, m.judge(m.neg, id, now), table.Neg(id, now))
		case 10:
			table.Trim(now)
			m.trim(now)
		case 11:
			table.CloseCount(id, now)
			finish(m.count, id, now)
		default:
			wantVerdict, wantLive := m.event(id, kind, now)
			v, live := table.Event(id, event(kind), now)
			require.Equal(t, wantVerdict, v)
			require.Equal(t, wantLive, live)
		}
		require.Equal(t, [3]int{open(m.req), open(m.count), open(m.neg)}, [3]int{table.Len(), table.Counts(), table.Negs()})
		if m.judge(m.req, id, now) != reqs.Unknown {
			require.True(t, table.Known(id))
		}
	}
	now = now.Add(grace)
	table.Trim(now)
	m.trim(now)
	now = now.Add(grace)
	for i := range 5 { // in the end, only what is open is known
		id := strconv.Itoa(i)
		table.Trim(now)
		m.trim(now)
		want := m.judge(m.req, id, now) != reqs.Unknown || m.judge(m.count, id, now) != reqs.Unknown || m.judge(m.neg, id, now) != reqs.Unknown
		require.Equal(t, want, table.Known(id))
	}
}

func TestAgreesWithTheWholeHistory(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 6))
		ops := make([]byte, 4*1000)
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		compare(t, ops)
	}
}

func FuzzAgreesWithTheWholeHistory(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 0, 1, 7, 1, 12, 1, 5, 0, 2, 1, 0, 3, 12, 1, 5, 0})
	f.Fuzz(compare)
}
