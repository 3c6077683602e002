package nostrtest

import (
	"net"
	"net/http"
)

// Pipe is newPipe for the tests of the in-memory connection.
func Pipe(limit int) (net.Conn, net.Conn) { return newPipe(limit, "client:1", "a.example:443") }

// Hold holds up or lets go the wire of a connection made by Pipe.
func Hold(conn net.Conn, held bool) { conn.(*pipe).hold(held) }

// Reset resets a connection made by Pipe.
func Reset(conn net.Conn) { conn.(*pipe).reset() }

// WithHooks sets the places where faults are put in.
func WithHooks(
	handshake func(w http.ResponseWriter, req *http.Request) bool,
	receiving func(connection int, frame string) bool,
	sending func(connection int, frame string) []string,
) Option {
	return func(c *config) {
		c.hooks.handshake = func(_ *peer, w http.ResponseWriter, req *http.Request) bool { return handshake(w, req) }
		c.hooks.receiving = func(s *session, frame []byte) bool { return receiving(s.number, string(frame)) }
		c.hooks.sending = func(s *session, frame []byte) (out [][]byte) {
			for _, other := range sending(s.number, string(frame)) {
				out = append(out, []byte(other))
			}
			return out
		}
	}
}
