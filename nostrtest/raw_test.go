package nostrtest_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// world is a relay that a test reaches over a socket or in memory.
type world struct {
	t       *testing.T
	relay   *nostrtest.Relay
	network *nostrtest.Network // nil on sockets
}

// everywhere runs a test over a socket of the loopback interface, and in memory
// and virtual time.
func everywhere(t *testing.T, test func(t *testing.T, w world), opts ...nostrtest.Option) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		test(t, world{t: t, relay: nostrtest.NewRelay(t, opts...)})
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := nostrtest.NewNetwork(t)
			test(t, world{t: t, relay: network.NewRelay(home, opts...), network: network})
		})
	})
}

// while is how long a test looks whether something happens that should not.
func (w world) while() time.Duration {
	if w.network != nil {
		return time.Hour
	}
	return 60 * time.Millisecond
}

// raw is a connection with a websocket's handshake and framing by hand, so that
// a test sees what really went over the wire.
type raw struct {
	world
	conn     net.Conn
	in       *bufio.Reader
	response *http.Response
}

// reachable reports whether the relay accepts connections.
func (w world) reachable() bool {
	conn, err := w.open()
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func (w world) open() (net.Conn, error) {
	if w.network != nil {
		return w.network.DialContext(w.t.Context(), "tcp", "a.example:443")
	}
	return net.Dial("tcp", w.relay.URL()[len("ws://"):])
}

// connect opens a connection without saying anything.
func (w world) connect() *raw {
	w.t.Helper()
	conn, err := w.open()
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	return &raw{world: w, conn: conn, in: bufio.NewReader(conn)}
}

// ask sends the handshake, with more header lines if given.
func (w world) ask(lines ...string) *raw {
	w.t.Helper()
	r := w.connect()
	r.sayHello(lines...)
	return r
}

func (r *raw) sayHello(lines ...string) {
	r.t.Helper()
	request := "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + otherKey + "\r\n"
	for _, line := range lines {
		request += line + "\r\n"
	}
	_, err := r.conn.Write([]byte(request + "\r\n"))
	require.NoError(r.t, err)
}

const otherKey = "AQIDBAUGBwgJCgsMDQ4PEA=="

// dial opens a websocket.
func (w world) dial(lines ...string) *raw {
	w.t.Helper()
	r := w.ask(lines...)
	require.Equal(w.t, http.StatusSwitchingProtocols, r.answer().StatusCode)
	return r
}

// answer reads the relay's answer to the handshake.
func (r *raw) answer() *http.Response {
	r.t.Helper()
	r.until(patience)
	response, err := http.ReadResponse(r.in, nil)
	require.NoError(r.t, err)
	r.response = response
	return response
}

func (r *raw) until(d time.Duration) { _ = r.conn.SetReadDeadline(time.Now().Add(d)) }

// rawFrame is a frame as it was on the wire.
type rawFrame struct {
	fin     bool
	rsv     byte // the three bits, 4 is RSV1
	opcode  byte
	masked  bool
	length  uint64 // as announced
	payload string
}

// header reads the head of a frame.
func (r *raw) header() (f rawFrame, err error) {
	var head [8]byte
	if _, err = io.ReadFull(r.in, head[:2]); err != nil {
		return f, err
	}
	f.fin, f.rsv, f.opcode, f.masked = head[0]&0x80 != 0, head[0]>>4&7, head[0]&15, head[1]&0x80 != 0
	switch n := head[1] & 0x7F; n {
	case 126:
		_, err = io.ReadFull(r.in, head[:2])
		f.length = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(r.in, head[:8])
		f.length = binary.BigEndian.Uint64(head[:8])
	default:
		f.length = uint64(n)
	}
	if err == nil && f.masked {
		_, err = io.ReadFull(r.in, head[:4])
	}
	return f, err
}

// frame reads the next frame.
func (r *raw) frame() (rawFrame, error) {
	r.until(patience)
	f, err := r.header()
	if err == nil && f.length > 0 {
		payload := make([]byte, f.length)
		_, err = io.ReadFull(r.in, payload)
		f.payload = string(payload)
	}
	return f, err
}

func (r *raw) mustFrame() rawFrame {
	r.t.Helper()
	f, err := r.frame()
	require.NoError(r.t, err)
	return f
}

// next reads the next message, which has to be a text in one frame.
func (r *raw) next() string {
	r.t.Helper()
	f := r.mustFrame()
	require.Equal(r.t, rawFrame{fin: true, opcode: 1, length: f.length, payload: f.payload}, f)
	return f.payload
}

func (r *raw) nexts(n int) []string {
	r.t.Helper()
	out := make([]string, n)
	for i := range out {
		out[i] = r.next()
	}
	return out
}

// quiet demands that nothing comes for a while, and that the connection stays open.
func (r *raw) quiet() {
	r.t.Helper()
	r.until(r.while())
	b, err := r.in.Peek(1)
	require.ErrorIs(r.t, err, os.ErrDeadlineExceeded, "%q", b)
}

// end reads what is left, and returns how the connection has ended.
func (r *raw) end() (rest string, err error) {
	r.until(patience)
	b, err := io.ReadAll(r.in)
	if err == nil {
		err = io.EOF
	}
	return string(b), err
}

// send sends a message; verbs and ids are strings, the rest is marshalled.
func (r *raw) send(parts ...any) {
	r.t.Helper()
	r.sendFrame(1, frame(parts...))
}

// sendFrame sends a whole frame, masked.
func (r *raw) sendFrame(opcode byte, payload string) {
	r.t.Helper()
	require.NoError(r.t, r.trySend(opcode, payload))
}

func (r *raw) trySend(opcode byte, payload string) error {
	_ = r.conn.SetWriteDeadline(time.Now().Add(patience))
	return r.trySendNow(opcode, payload)
}

// trySendNow is trySend with the deadline that there is.
func (r *raw) trySendNow(opcode byte, payload string) error {
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n > 0xFFFF:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	case n > 125:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = append(b, 0x80|byte(n))
	}
	key := [4]byte{1, 2, 3, 4}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	_, err := r.conn.Write(b)
	return err
}

// alive demands that the relay still answers on this connection.
func (r *raw) alive() {
	r.t.Helper()
	r.sendFrame(9, "still there?")
	for {
		f := r.mustFrame()
		if f.opcode == 10 && f.payload == "still there?" {
			return
		}
	}
}

// parts returns a message's elements; a JSON string is unquoted.
func parts(message string) []string {
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(message), &list); err != nil {
		return []string{fmt.Sprintf("%q: %v", message, err)}
	}
	out := make([]string, len(list))
	for i, item := range list {
		if json.Unmarshal(item, &out[i]) != nil {
			out[i] = string(item)
		}
	}
	return out
}

func isReset(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// soonIf waits shortly for what need not come.
func soonIf(t *testing.T, w world) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), w.while())
	t.Cleanup(cancel)
	return ctx
}
