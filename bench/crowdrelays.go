package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// crowdRelaysServer is a crowd of relays in a process of its own, one for each path. It
// has nothing stored. A second address is for orders: POST /kill resets all connections,
// and from then on every new one as soon as it is there, which it counts; /restart ends
// that, and /live answers when a subscription is live on so many relays again.
type crowdRelaysServer struct {
	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
	down  bool              // guarded by mu
	back  time.Time         // guarded by mu: when they were restarted
	dials []time.Time       // guarded by mu: since they were killed, or restarted
	lost  []time.Time       // guarded by mu: dials between the two
	live  map[string]bool   // guarded by mu: relays that have sent an EOSE since they were restarted
	last  time.Time         // guarded by mu: when the latest of those did
	news  *sync.Cond        // on mu: live has grown
}

// outage is what the relays saw of it.
type outage struct {
	Live        time.Duration // from the restart until the last relay had its subscription
	Dials, Most int           // after the restart, and within the busiest 100 ms
	Lost        int           // dials before it,
	MostLost    int           // within the busiest 100 ms
}

// serveCrowd prints both addresses and serves until ctx ends.
func serveCrowd(ctx context.Context) error {
	s := &crowdRelaysServer{conns: make(map[net.Conn]bool), live: make(map[string]bool)}
	s.news = sync.NewCond(&s.mu)
	relays, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	orders, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(relays.Addr(), orders.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /kill", s.kill)
	mux.HandleFunc("POST /restart", s.restart)
	mux.HandleFunc("POST /live", s.waitLive)
	ended := make(chan error, 2)
	for listener, server := range map[net.Listener]*http.Server{
		crowdListener{relays, s}: {
			Handler: s, ReadHeaderTimeout: 10 * time.Second,
			ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		},
		orders: {Handler: mux, ReadHeaderTimeout: 10 * time.Second},
	} {
		context.AfterFunc(ctx, func() { _ = server.Close() })
		go func() { ended <- server.Serve(listener) }() // ends with ctx, joined below
	}
	err = errors.Join(<-ended, <-ended)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// crowdListener resets what it accepts while the relays are down.
type crowdListener struct {
	net.Listener
	relays *crowdRelaysServer
}

func (l crowdListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if conn := (&crowdConn{Conn: c, relays: l.relays, since: time.Now()}); l.relays.take(conn) {
			return conn, nil
		}
	}
}

// crowdConn is known to the relays for as long as it is open.
type crowdConn struct {
	net.Conn
	relays *crowdRelaysServer
	since  time.Time
}

func (c *crowdConn) Close() error {
	c.relays.mu.Lock()
	delete(c.relays.conns, c)
	c.relays.mu.Unlock()
	return c.Conn.Close()
}

func reset(c net.Conn) {
	if tcp, ok := c.(*crowdConn).Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// take takes a connection in, or resets it.
func (s *crowdRelaysServer) take(c *crowdConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		s.lost = append(s.lost, c.since)
		reset(c)
		return false
	}
	s.conns[c] = true
	return true
}

func (s *crowdRelaysServer) kill(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.lost = true, nil
	for c := range s.conns {
		reset(c)
	}
	clear(s.conns)
	_ = json.NewEncoder(w).Encode(outage{})
}

func (s *crowdRelaysServer) restart(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.dials, s.back = false, nil, time.Now()
	clear(s.live)
	_ = json.NewEncoder(w).Encode(outage{})
}

func (s *crowdRelaysServer) waitLive(w http.ResponseWriter, req *http.Request) {
	n, err := strconv.Atoi(req.FormValue("relays"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := context.AfterFunc(req.Context(), s.news.Broadcast)
	defer stop()
	for len(s.live) < n && req.Context().Err() == nil {
		s.news.Wait()
	}
	_ = json.NewEncoder(w).Encode(outage{
		Live: s.last.Sub(s.back), Dials: len(s.dials), Most: busiest(s.dials), Lost: len(s.lost), MostLost: busiest(s.lost),
	})
}

// busiest is how many of these times are within 100 ms of one another, at the most.
func busiest(times []time.Time) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, t := range times {
		for t.Sub(times[first]) >= 100*time.Millisecond {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func (s *crowdRelaysServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Upgrade") == "" {
		w.Header().Set("Content-Type", "application/nostr+json")
		fmt.Fprint(w, `{"name":"one of many"}`) // NIP-11
		return
	}
	s.mu.Lock()
	s.dials = append(s.dials, req.Context().Value(connKey{}).(*crowdConn).since)
	s.mu.Unlock()
	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: math.MaxInt})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	for {
		_, data, err := ws.Read(req.Context())
		if err != nil {
			return
		}
		var msg []json.RawMessage
		var verb, id string
		if json.Unmarshal(data, &msg) != nil || len(msg) < 2 || json.Unmarshal(msg[0], &verb) != nil || verb != "REQ" || json.Unmarshal(msg[1], &id) != nil {
			continue
		}
		if ws.Write(req.Context(), websocket.MessageText, []byte(`["EOSE",`+strconv.Quote(id)+`]`)) != nil {
			return
		}
		s.mu.Lock()
		s.live[req.URL.Path], s.last = true, time.Now()
		s.news.Broadcast()
		s.mu.Unlock()
	}
}
