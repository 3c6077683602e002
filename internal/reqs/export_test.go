package reqs

// Known tells whether a table remembers an id, in whatever namespace.
func (t *Table) Known(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.byID {
		if t.byID[s][id] != nil {
			return true
		}
	}
	return false
}
