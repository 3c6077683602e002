package jobs

import (
	"cmp"
	"slices"
)

// fifo is a list that is filled at one end and emptied at the other. What has
// been taken is not kept in memory for longer than as much again is added.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) {
	if f.head > len(f.items)/2 {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	f.items = append(f.items, v)
}

// pop takes the oldest; there has to be one.
func (f *fifo[T]) pop() T {
	var zero T
	v := f.items[f.head]
	f.items[f.head] = zero
	if f.head++; f.head == len(f.items) {
		f.items, f.head = nil, 0
	}
	return v
}

func byNumber[T any](list []*Job[T]) {
	slices.SortFunc(list, func(a, b *Job[T]) int { return cmp.Compare(a.number, b.number) })
}
