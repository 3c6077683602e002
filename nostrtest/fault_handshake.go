package nostrtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// handshake is an HTTP request that a fault may answer in the relay's stead.
type handshake struct {
	relay  *Relay
	peer   *peer
	w      http.ResponseWriter
	req    *http.Request
	fault  *armed
	number int
}

// RefuseHandshake answers the handshake with an HTTP status, such as 403, 429 or
// 503, in place of a websocket; with a Retry-After header, in whole seconds,
// unless retryAfter is 0.
func RefuseHandshake(status int, retryAfter time.Duration) Fault {
	f := newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		if retryAfter > 0 {
			h.w.Header().Set("Retry-After", strconv.Itoa(int((retryAfter+time.Second-1)/time.Second)))
		}
		h.says(fmt.Sprintf("%d %s", status, http.StatusText(status)))
		http.Error(h.w, http.StatusText(status), status)
		return true
	}}, "RefuseHandshake(%d, %v)", status, retryAfter)
	return f.withStatus(status)
}

func (f Fault) withStatus(status int) Fault {
	if status < 200 || status > 599 {
		return f.broken("want a status from 200 to 599")
	}
	return f
}

// DelayHandshake lets the client wait before the handshake goes on.
func DelayHandshake(d time.Duration) Fault {
	return newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		if d > 0 {
			h.wait(d)
		}
		return h.left()
	}}, "DelayHandshake(%v)", d)
}

// IgnoreHandshake never answers the handshake, and leaves the connection open.
// When the fault is mended, the handshake goes on.
func IgnoreHandshake() Fault {
	return newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		h.wait(0)
		return h.left()
	}}, "IgnoreHandshake()")
}

// CutHandshake ends the connection without an answer.
func CutHandshake() Fault {
	return newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		h.raw("")
		return true
	}}, "CutHandshake()")
}

// BadAcceptKey answers the handshake with 101 and a Sec-WebSocket-Accept that
// belongs to another key (RFC 6455, 4.1: the client has to give up), and keeps
// the connection open and silent until the client or Stop ends it.
func BadAcceptKey() Fault {
	const elsewhere = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // of the example in RFC 6455, 1.3
	return newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		h.raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: " + elsewhere + "\r\n\r\n")
		_, _ = io.Copy(io.Discard, h.peer.Conn)
		return true
	}}, "BadAcceptKey()")
}

// AnswerHandshake answers the handshake with exactly this text, such as
// "HTTP/1.1 302 Found\r\nLocation: …\r\n\r\n" or what is no HTTP at all, and
// ends the connection.
func AnswerHandshake(text string) Fault {
	return newFault(atHandshake, effect{handshake: func(h *handshake) bool {
		h.raw(text)
		h.peer.drain(stopGrace)
		return true
	}}, "AnswerHandshake(%q)", text)
}

// AnswerInfo answers requests of the information document (NIP-11) with a
// status and a body, whatever these may be.
func AnswerInfo(status int, body string) Fault {
	f := newFault(atInfo, effect{info: func(h *handshake) {
		h.w.Header().Set("Content-Type", "application/nostr+json")
		h.w.Header().Set("Access-Control-Allow-Origin", "*")
		h.w.WriteHeader(status)
		_, _ = h.w.Write([]byte(body))
	}}, "AnswerInfo(%d, %.20q)", status, body)
	return f.withStatus(status)
}

// LyingInfo states these limits in the information document (NIP-11), in place of those
// that the relay enforces; a limit that is zero is not stated.
func LyingInfo(told Limits) Fault {
	return newFault(atInfo, effect{info: func(h *handshake) {
		document := h.relay.info()
		auth, restricted := document.Limitation.AuthRequired, document.Limitation.RestrictedWrites
		document.Limitation = told.limitation()
		document.Limitation.AuthRequired, document.Limitation.RestrictedWrites = auth, restricted
		h.w.Header().Set("Access-Control-Allow-Origin", "*")
		h.relay.writeInfo(h.w, document)
	}}, "LyingInfo(%+v)", told)
}

// spoilHandshake lets faults answer a handshake, and says whether one did.
func (r *Relay) spoilHandshake(p *peer, w http.ResponseWriter, req *http.Request) bool {
	number := r.faults.attempt()
	for _, a := range r.faults.due(atHandshake, Occasion{Connection: number}) {
		if a.name != "" {
			r.note(0, a.name)
		}
		if a.effect.handshake(&handshake{r, p, w, req, a, number}) {
			return true
		}
	}
	return false
}

// spoilInfo lets faults answer a request of the information document.
func (r *Relay) spoilInfo(p *peer, w http.ResponseWriter, req *http.Request) bool {
	for _, a := range r.faults.due(atInfo, Occasion{}) {
		r.note(0, a.name)
		a.effect.info(&handshake{r, p, w, req, a, 0})
		return true
	}
	return false
}

// wait waits for a time, for ever if it is 0, or until the fault is mended or
// the client gone.
func (h *handshake) wait(d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-h.fault.mended:
	case <-h.req.Context().Done():
	case <-h.peer.gone:
	}
}

// left reports whether the client has not waited, or the relay was stopped.
func (h *handshake) left() bool {
	select {
	case <-h.req.Context().Done():
		return true
	case <-h.peer.gone:
		return true
	default:
		return false
	}
}

// raw takes the connection from the HTTP server and writes text to it.
func (h *handshake) raw(text string) {
	conn, _, err := http.NewResponseController(h.w).Hijack()
	if err != nil {
		h.relay.logf("handshake %d: %v", h.number, err)
		return
	}
	if text != "" {
		line, _, _ := strings.Cut(text, "\r\n")
		h.says(line)
		_, _ = conn.Write([]byte(text))
	}
}

func (h *handshake) says(line string) {
	h.relay.wire.add(WireEntry{Direction: ToClient, Kind: "HTTP", Text: line})
}
