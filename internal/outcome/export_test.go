package outcome

import "fmt"

// Empty tells what is left when nobody waits for anything.
func (r *Relay[K]) Empty() error {
	p := r.pace
	n := []int{len(r.items), len(r.waiters), r.rests.Len(), r.ends.Len(), p.queue.len(), p.queue.turns.Len(), len(p.queue.lines), len(p.written), r.awaited}
	for _, left := range n {
		if left > 0 {
			return fmt.Errorf("left: %v", n)
		}
	}
	return nil
}

// CountAwaited is Awaited, counted anew.
func (r *Relay[K]) CountAwaited() (n int) {
	for _, it := range r.items {
		if it.State() == Written && it.open > 0 {
			n++
		}
	}
	return n
}
