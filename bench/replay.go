package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// replay is the relay of the measurements, in a process of its own: it answers
// every REQ with the corpus and an EOSE, as fast as the client takes them. A
// frame costs it little more than a copy, so that the relay takes as little as
// possible from the client on the same machine.
//
// Under the path /lone a REQ gets one event every few milliseconds instead, under
// /bursts/<duration> three at a time so far apart, and GET /sent tells when each of them was sent, in
// nanoseconds since 1970; under /idle it gets none. What it gets under /refused and
// /forged is in hostile.go, what happens under /live/ in live.go, under /one in fetchone.go, and
// under /publish in publish.go. GET /cpu is what this process has used, in nanoseconds.
type replay struct {
	events [][]byte

	mu   sync.Mutex
	sent []int64 // guarded by mu
}

// connKey is the context key of a request's connection.
type connKey struct{}

// replayJob is what the parent tells this process.
type replayJob struct{ Corpus string }

// serve prints the address it listens on and serves until ctx ends.
func (job replayJob) serve(ctx context.Context) error {
	events, err := readCorpus(job.Corpus)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{
		Handler: &replay{events: events}, ReadHeaderTimeout: 10 * time.Second,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/sent" {
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = json.NewEncoder(w).Encode(r.sent)
		return
	}
	if slots, ok := strings.CutPrefix(req.URL.Path, "/live/"); ok && req.Header.Get("Upgrade") == "" {
		fmt.Fprintf(w, `{"limitation":{"max_subscriptions":%s}}`, slots) // NIP-11
		return
	}
	if req.URL.Path == "/cpu" {
		_ = json.NewEncoder(w).Encode(cpuTime())
		return
	}
	if req.URL.Path == "/ids" {
		r.tellIDs(w)
		return
	}
	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: math.MaxInt})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	if slots, ok := strings.CutPrefix(req.URL.Path, "/live/"); ok {
		n, _ := strconv.Atoi(slots) // 0 takes none
		_ = r.live(req.Context(), ws, n)
		return
	}
	if req.URL.Path == "/one" {
		_ = r.find(req.Context(), ws)
		return
	}
	if req.URL.Path == "/publish" {
		_ = acceptAll(req.Context(), ws)
		return
	}
	for {
		_, data, err := ws.Read(req.Context())
		if err != nil {
			return
		}
		var msg []json.RawMessage
		var verb, id string
		if json.Unmarshal(data, &msg) != nil || len(msg) < 2 || json.Unmarshal(msg[0], &verb) != nil || json.Unmarshal(msg[1], &id) != nil {
			continue
		}
		switch {
		case verb != "REQ":
		case strings.HasPrefix(req.URL.Path, "/lone"):
			err = r.drip(req.Context(), id, 1, 3*time.Millisecond)
		case strings.HasPrefix(req.URL.Path, "/bursts"):
			gap, _ := time.ParseDuration(path.Base(req.URL.Path)) // 0 is fast
			err = r.drip(req.Context(), id, burst, gap)
		case strings.HasPrefix(req.URL.Path, "/refused"):
			err = pourWithoutEnd(req.Context(), refusedFrames(id))
		case strings.HasPrefix(req.URL.Path, "/forged"):
			err = pourWithoutEnd(req.Context(), r.forgedFrames(id))
		case strings.HasPrefix(req.URL.Path, "/idle"):
			err = ws.Write(req.Context(), websocket.MessageText, []byte(`["EOSE",`+strconv.Quote(id)+`]`))
		default:
			err = r.pour(req.Context(), ws, id)
		}
		if err != nil {
			return
		}
	}
}

// burst is how many events come at a time.
const burst = 3

// drip sends the events, so many at a time, after those before have been dealt with for long.
func (r *replay) drip(ctx context.Context, id string, atOnce int, gap time.Duration) error {
	conn := ctx.Value(connKey{}).(net.Conn)
	r.mu.Lock()
	r.sent = nil
	r.mu.Unlock()
	var wire []byte
	for events := range slices.Chunk(r.events, atOnce) {
		select {
		case <-time.After(gap):
		case <-ctx.Done():
			return ctx.Err()
		}
		wire = wire[:0]
		for _, event := range events {
			wire = appendFrame(wire, opText, fmt.Appendf(nil, `["EVENT",%q,%s]`, id, event))
		}
		now := time.Now().UnixNano()
		r.mu.Lock()
		for range events {
			r.sent = append(r.sent, now)
		}
		r.mu.Unlock()
		if _, err := conn.Write(wire); err != nil {
			return err
		}
	}
	_, err := conn.Write(appendFrame(nil, opText, fmt.Appendf(nil, `["EOSE",%q]`, id)))
	return err
}

// pour sends all events. The frames are put together as they stand on the wire,
// many at a time, and written over the connection that coder/websocket has opened.
func (r *replay) pour(ctx context.Context, ws *websocket.Conn, id string) error {
	conn := ctx.Value(connKey{}).(net.Conn)
	head := fmt.Appendf(nil, `["EVENT",%q,`, id)
	wire := make([]byte, 0, 256<<10)
	for _, event := range r.events {
		if len(wire)+len(event)+len(head)+16 > cap(wire) {
			if _, err := conn.Write(wire); err != nil {
				return err
			}
			wire = wire[:0]
		}
		wire = appendHeader(wire, opText, len(head)+len(event)+1)
		wire = append(append(append(wire, head...), event...), ']')
	}
	_, err := conn.Write(appendFrame(wire, opText, fmt.Appendf(nil, `["EOSE",%q]`, id)))
	return err
}

// First bytes of a frame that is a message (RFC 6455, 5.2, and RFC 7692, 6).
const (
	opText       = 0x81
	opCompressed = 0xC1
)

func appendFrame(dst []byte, op byte, payload []byte) []byte {
	return append(appendHeader(dst, op, len(payload)), payload...)
}

// appendHeader appends the header of an unmasked frame (RFC 6455, 5.2).
func appendHeader(dst []byte, op byte, n int) []byte {
	dst = append(dst, op)
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 126, byte(n>>8), byte(n))
	}
	return append(dst, 127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
