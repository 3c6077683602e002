package mailbox_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/mailbox"
)

// A program is what is done in one goroutine, as chance or a fuzzer chooses it.
type program struct {
	choose func(n int) int // a choice below n, n being 256 at most
	more   func() bool
}

// byChance is a program of so many steps.
func byChance(rng *rand.Rand, steps int) program {
	return program{choose: rng.IntN, more: func() bool { steps--; return steps >= 0 }}
}

// byBytes is one that ends with its choices.
func byBytes(bytes []byte) program {
	return program{
		choose: func(n int) int {
			if len(bytes) == 0 {
				return 0
			}
			b := bytes[0]
			bytes = bytes[1:]
			return int(b) % n
		},
		more: func() bool { return len(bytes) > 0 },
	}
}

// A budget, windows of it, and what their owners hold and wish.
type accounts struct {
	program
	budget  *mailbox.Budget
	windows []*mailbox.Window
	held    [][]int
	wish    []int // -1: none
}

func open(p program) *accounts {
	a := &accounts{program: p, budget: mailbox.NewBudget(int64(p.choose(200)))}
	for range 1 + p.choose(8) {
		a.windows = append(a.windows, mailbox.NewWindow(p.choose(6), int64(p.choose(120)), a.budget))
		a.held = append(a.held, nil)
		a.wish = append(a.wish, -1)
	}
	return a
}

func (a *accounts) reserve(i, n int) {
	a.wish[i] = n
	if a.windows[i].Reserve(n) {
		a.held[i] = append(a.held[i], n)
		a.wish[i] = -1
	}
}

func (a *accounts) release(i, k int) {
	a.windows[i].Release(a.held[i][k])
	a.held[i] = append(a.held[i][:k], a.held[i][k+1:]...)
}

func (a *accounts) step() {
	i := a.choose(len(a.windows))
	switch op := a.choose(21); {
	case op < 9 && a.wish[i] < 0:
		a.reserve(i, a.choose(60))
	case op < 9:
		if poked(a.windows[i]) {
			a.reserve(i, a.wish[i])
		}
	case op < 10: // unasked
		n := a.choose(60)
		if a.wish[i] >= 0 && a.choose(2) == 0 {
			n = a.wish[i]
		}
		a.reserve(i, n)
	case op < 18:
		if n := len(a.held[i]); n > 0 {
			a.release(i, a.choose(n))
		}
	case op < 19:
		a.windows[i].Abandon()
		a.wish[i] = -1
	case op < 20:
		a.windows[i].Lift(int64(max(0, a.choose(256)-128)))
	default:
		a.windows[i].Limit(a.choose(6), int64(a.choose(120)))
	}
}

// check holds the books against what the owners hold.
func (a *accounts) check(t require.TestingT) {
	require.NoError(t, a.budget.CheckInvariants(a.windows))
	total := 0
	for i, w := range a.windows {
		sum := 0
		for _, n := range a.held[i] {
			sum += n
		}
		messages, bytes := w.Used()
		require.Equal(t, []int{len(a.held[i]), sum}, []int{messages, int(bytes)}, "window %d", i)
		total += sum
	}
	require.EqualValues(t, total, a.budget.Used())
}

// run does all that is chosen, looking after each step. At the end everybody who still
// waits gets its room as the others release theirs.
func (a *accounts) run(t require.TestingT) {
	for a.more() {
		a.step()
		a.check(t)
	}
	for progress := true; progress; {
		progress = false
		for i, w := range a.windows {
			if n := len(a.held[i]); n > 0 {
				a.release(i, a.choose(n))
				progress = true
			}
			if a.wish[i] >= 0 && poked(w) {
				a.reserve(i, a.wish[i])
				progress = true
			}
			a.check(t)
		}
	}
	for i, wish := range a.wish {
		require.Equal(t, -1, wish, "window %d waits for ever", i)
	}
	require.Zero(t, a.budget.Used())
}

func TestWindowInvariantsHoldUnderRandomOperations(t *testing.T) {
	for seed := range uint64(200) {
		open(byChance(rand.New(rand.NewPCG(seed, 2)), 500)).run(t)
	}
}

func FuzzWindowInvariantsHoldUnderRandomOperations(f *testing.F) {
	f.Add([]byte{100, 2, 3, 50, 3, 80, 0, 0, 0, 40, 1, 1, 50, 2, 2, 30, 0, 12, 0, 1, 18, 0, 19, 200, 0, 20, 1, 9, 1, 9, 45, 1})
	f.Fuzz(func(t *testing.T, bytes []byte) { open(byBytes(bytes)).run(t) })
}

// likeAList puts and takes a few at a time.
func likeAList(t require.TestingT, p program) {
	q := mailbox.NewQueue[int]()
	var model []int
	next := 0
	for p.more() {
		switch op := p.choose(100); {
		case op < 45:
			for range 1 + p.choose(1+p.choose(40)) {
				require.True(t, q.Put(next))
				model = append(model, next)
				next++
			}
		case op < 95:
			for range 1 + p.choose(1+p.choose(40)) {
				v, ok := q.Next()
				if ok != (len(model) > 0) || ok && v != model[0] {
					require.FailNow(t, "wrong item", "Next returned %d, %t", v, ok)
				}
				if ok {
					model = model[1:]
				}
			}
		case op < 97:
			q.Trim()
		default:
			require.Len(t, model, q.Len())
		}
	}
	if len(model) == 0 {
		model = nil
	}
	require.Equal(t, model, q.Close())
	require.False(t, q.Put(next))
	require.Empty(t, drain(q))
	require.Zero(t, q.Slots())
}

func TestQueueBehavesLikeAList(t *testing.T) {
	for seed := range uint64(30) {
		likeAList(t, byChance(rand.New(rand.NewPCG(seed, 1)), 3000))
	}
}

func FuzzQueueBehavesLikeAList(f *testing.F) {
	f.Add([]byte{0, 39, 30, 50, 39, 10, 95, 0, 20, 19, 98, 50, 39, 38, 50, 1, 0, 96, 1, 39, 39})
	f.Fuzz(func(t *testing.T, bytes []byte) { likeAList(t, byBytes(bytes)) })
}
