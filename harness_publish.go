package gennostr

// Published lists the publications that are open ([Self.Publish], [Client.Publish]), in
// the order in which they began, with what relays have said of them so far. Deliver of an
// [OKMessage] is a relay's verdict; Advance brings retries, and the end of those that
// nobody has answered.
func (h *Harness) Published() (open []PublishReport) {
	h.c.sup.do(func(s *supervisor) {
		for _, p := range s.openPublications() {
			open = append(open, p.report())
		}
	})
	return open
}
