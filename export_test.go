package gennostr

import "github.com/gennostr/gennostr/internal/bip340"

// BreakChecks makes the next message of a relay that is checked against the
// connection's requests panic, in the middle of that check: a bug of ours that
// only these bytes bring out (R44).
func BreakChecks(c *Client, url string) {
	conn := c.reg.lookup(url)
	conn.reqMu.Lock()
	defer conn.reqMu.Unlock()
	conn.reqs = nil
}

// Disagree is what happens when the verifier and btcec come to differ.
func Disagree(c *Client, d bip340.Disagreement) { c.disagreed(d) }

// KnowsTwins tells whether the client recognises events by their bytes by now.
func KnowsTwins(c *Client) bool { return c.twins.Hot() }

// Feed returns what takes a frame from a connection's reader to the callback.
func Feed(h *Harness, url string) func(frame []byte) {
	conn, in := h.c.reg.lookup(url), new(intake)
	return func(frame []byte) {
		_ = conn.frame(in, true, frame)
		conn.lane.Drain()
		for did := didMessage; did != didNothing; did, _ = h.c.step() {
		}
	}
}

// Identify is what a relay's URL is found by, told as, and dialled as.
var Identify = identify
