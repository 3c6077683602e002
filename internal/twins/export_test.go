package twins

// Bytes is how much JSON there is room for.
func (t *Table) Bytes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.json)
}

// Len is how many events can be found.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.latest)
}

// Grow makes the table's first ring.
func (t *Table) Grow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resize(leastBytes)
}
