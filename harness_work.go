package gennostr

// Queues under a Harness: an item begins when the test says so, and its work runs
// on the test's goroutine, like everything else.

// Work does what waits in the queues (NewQueue), item by item, each with its Then
// and whatever follows from that, until nothing is left: also what a Then puts
// meanwhile. Queues take their turn in the order in which they were made, and the
// items of each in the order of Put. Time stands still; Advance runs what a retry
// has set for later, and then there may be Work again.
//
// Nothing of a queue begins without Work or WorkOne. What waits is counted by
// Client().Stats().Queues; what still waits at Stop gets ErrClientClosed, as in life.
//
// Like the other verbs it returns the problems that OnError was told. An error of
// an item's work is none if the queue has a Then.
func (h *Harness) Work() error {
	var told []error
	for range h.restless {
		worked, err := h.WorkOne()
		told = append(told, err)
		if !worked || h.over || err == errRestless {
			return join(told)
		}
	}
	return join(append(told, errRestless))
}

// WorkOne is Work on a single item, the one that is next; false if there was none.
func (h *Harness) WorkOne() (worked bool, err error) {
	if err := h.settle(); err != nil { // what others have sent comes first, and may be the end
		if h.over || err == errRestless {
			return false, err
		}
		h.problems = append(h.problems, err)
	}
	for _, q := range h.c.queues.list() {
		if run, ok := q.next(); ok {
			h.working = true
			defer func() { h.working = false }() // also when the work ends the test's goroutine
			run(h.c.tasks.workCtx)
			h.working = false
			return true, h.settle()
		}
	}
	problems := h.problems
	h.problems = nil
	return false, join(problems)
}
