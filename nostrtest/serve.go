package nostrtest

import (
	"bufio"
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/nostr/nip11"
)

// serveHTTP answers one request on any path: with the information document
// where that is asked for, else with a websocket. It returns when the
// websocket has ended.
func (r *Relay) serveHTTP(p *peer, w http.ResponseWriter, req *http.Request) {
	if !upgrades(req) && (wantsInfo(req) || req.Method == http.MethodOptions) {
		if !r.spoilInfo(p, w, req) {
			r.serveInfo(w, req)
		}
		return
	}
	if upgrades(req) {
		p.tap.hears.Store(true)        // a client says nothing more until it has the answer
		defer p.tap.hears.Store(false) // where that is no websocket, the next request may come on this connection
		r.wire.add(WireEntry{Direction: FromClient, Kind: "HTTP", Text: req.Method + " " + req.URL.RequestURI()})
		if r.spoilHandshake(p, w, req) {
			return
		}
	}
	s := newSession(r, p, req)
	w.Header().Set("Date", r.date())
	options := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // browsers may come from anywhere, as on any relay
		OnPingReceived:     s.pinged,
	}
	switch {
	case r.faults.wantsDeflate(): // what a fault compresses is not in the common history
		options.CompressionMode = websocket.CompressionNoContextTakeover
	case r.cfg.compress:
		options.CompressionMode = websocket.CompressionContextTakeover
	}
	ws, err := websocket.Accept(joiningWriter{w, s}, req, options)
	if err != nil { // Accept has told the client
		s.leave(err)
		s.out.close()
		s.timers.end() // a Break may have found the session meanwhile
		return
	}
	ws.SetReadLimit(r.cfg.limits.MessageLength)
	s.ws = ws
	s.serve()
}

// joiningWriter makes the relay know a session before its client hears that
// the handshake has succeeded: what a test does once it is connected, such as
// Publish or Disconnect, finds the connection there.
type joiningWriter struct {
	http.ResponseWriter
	session *session
}

// Hijack is what sends the handshake's answer.
func (w joiningWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s := w.session
	if !s.join() {
		return nil, nil, errStopped
	}
	tap := s.peer.tap
	tap.session.Store(s)
	s.relay.wire.add(WireEntry{Connection: s.number, Direction: ToClient, Kind: "HTTP", Text: "101 Switching Protocols"})
	conn, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	tap.speaks.Store(err == nil)
	return conn, buf, err
}

var errStopped = errors.New("the relay was stopped during the handshake")

// date is the relay's time, as HTTP writes it.
func (r *Relay) date() string { return r.now().UTC().Format(http.TimeFormat) }

func upgrades(req *http.Request) bool {
	return strings.EqualFold(req.Header.Get("Upgrade"), "websocket")
}

// wantsInfo reports whether the request accepts the information document (P47).
func wantsInfo(req *http.Request) bool {
	for _, accept := range req.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			if media, _, err := mime.ParseMediaType(part); err == nil && media == nip11.ContentType {
				return true
			}
		}
	}
	return false
}

// serveInfo serves the information document with the CORS headers that NIP-11 asks for.
func (r *Relay) serveInfo(w http.ResponseWriter, req *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Headers", "*")
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	switch req.Method {
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodGet, http.MethodHead:
	default:
		http.Error(w, "the information document is read with GET", http.StatusMethodNotAllowed)
		return
	}
	r.writeInfo(w, r.info())
}

func (r *Relay) writeInfo(w http.ResponseWriter, document nip11.Document) {
	body, err := document.MarshalJSON()
	if err != nil {
		r.logf("information document: %v", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.mu.Lock()
	r.infoRequests++
	r.changed.ring()
	r.mu.Unlock()
	w.Header().Set("Content-Type", nip11.ContentType)
	w.Header().Set("Date", r.date())
	_, _ = w.Write(body)
}

// info returns the information document, after the edit of WithInfo.
func (r *Relay) info() nip11.Document {
	document := nip11.Document{
		Name:          "nostrtest",
		Description:   "A relay inside a test.",
		SupportedNIPs: []int{1, 9, 11, 13, 40, 42, 45, 50, 70},
		Software:      "https://github.com/gennostr/gennostr/nostrtest",
		Limitation:    r.cfg.limits.limitation(),
	}
	document.Limitation.AuthRequired, document.Limitation.RestrictedWrites = r.cfg.auth, r.cfg.policy != nil
	if !r.cfg.noNegentropy {
		document.SupportedNIPs = append(document.SupportedNIPs, 77)
	}
	if r.cfg.hints {
		document.SupportedNIPs = append(document.SupportedNIPs, 67)
	}
	slices.Sort(document.SupportedNIPs)
	if r.cfg.info != nil {
		r.cfg.info(&document)
	}
	return document
}

// limitation returns the limits as the information document states them.
func (l Limits) limitation() nip11.Limitation {
	number := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	return nip11.Limitation{
		MaxMessageLength:    number(l.MessageLength),
		MaxSubscriptions:    number(int64(l.Subscriptions)),
		MaxFilters:          number(int64(l.Filters)),
		MaxLimit:            number(int64(l.Limit)),
		DefaultLimit:        number(int64(l.DefaultLimit)),
		MaxSubidLength:      number(int64(l.SubIDLength)),
		MaxEventTags:        number(int64(l.EventTags)),
		MaxContentLength:    number(int64(l.ContentLength)),
		MinPowDifficulty:    number(int64(l.Difficulty)),
		CreatedAtLowerLimit: number(int64(l.Past / time.Second)),
		CreatedAtUpperLimit: number(int64(l.Future / time.Second)),
	}
}

// pinged is called by the websocket library for every ping. It leaves the pong
// to the writer: the library would send it from the reader, and give up on the
// connection after five seconds when a slow client has the writer waiting.
func (s *session) pinged(_ context.Context, payload []byte) bool {
	h := &handling{session: s, verb: pingVerb, frame: slices.Clone(payload)}
	answered := s.faulty(h) && s.peer.pause(h.wait, nil)
	s.relay.mu.Lock()
	s.record.Pings++
	s.relay.changed.ring()
	s.relay.mu.Unlock()
	switch {
	case !answered:
	case h.later > 0:
		s.after(h.later, func() { s.out.putPong(h.frame) })
	default:
		s.out.putPong(payload)
	}
	return false
}
