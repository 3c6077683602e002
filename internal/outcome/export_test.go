package outcome

import "fmt"

// Empty tells what is left when nobody waits for anything.
func (r *Relay[K]) Empty() error {
	p := r.pace
	n := []int{len(r.items), len(r.waiters), r.rests.Len(), r.ends.Len(), p.queue.len(), p.queue.turns.Len(), len(p.queue.lines), len(p.written)}
	for _, left := range n {
		if left > 0 {
			return fmt.Errorf("left: %v", n)
		}
	}
	return nil
}
