package nostrtest

import "net"

// Pipe is newPipe for the tests of the in-memory connection.
func Pipe(limit int) (net.Conn, net.Conn) { return newPipe(limit, "client:1", "a.example:443") }

// Hold holds up or lets go the wire of a connection made by Pipe.
func Hold(conn net.Conn, held bool) { conn.(*pipe).hold(held) }

// ResetPipe resets a connection made by Pipe.
func ResetPipe(conn net.Conn) { conn.(*pipe).reset() }
