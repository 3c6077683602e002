package socket_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/socket"
)

// of returns the stacks of the goroutines that began in something of this name.
func of(name string) (stacks []string) {
	all := make([]byte, 1<<20)
	for _, g := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n") {
		if strings.Contains(g, name) {
			stacks = append(stacks, g)
		}
	}
	return stacks
}

// When Dial returns, what watches over its contexts has ended, even if it had to act.
// One processor makes that a question of order and not of luck: a goroutine that
// nobody waits for has not begun by then.
// Shows D14.
func TestNothingThatWatchesADialOutlivesIt(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer s.Close()
	hanging := config()
	hanging.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, dial := range map[string]func(ctx context.Context){
		"refused": func(ctx context.Context) { _, _ = dialer(t, config()).Dial(ctx, wsURL(s)) },
		"cancelled": func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
			defer cancel()
			_, _ = dialer(t, hanging).Dial(ctx, "ws://relay.example")
		},
	} {
		var left []string
		for range 5 { // a goroutine's very last step may be seen for a moment
			dial(t.Context())
			if left = of("created by context.(*afterFuncCtx)"); len(left) == 0 {
				break
			}
			runtime.Gosched()
		}
		assert.Empty(t, left, name)
	}
}

func TestWhenDoneIsStoppedWhenItsFunctionHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		var ended atomic.Bool
		stop := socket.WhenDone(ctx, func() { <-release; ended.Store(true) })
		cancel()
		synctest.Wait()
		go func() { time.Sleep(time.Second); close(release) }() // virtual
		stop()
		assert.True(t, ended.Load())

		stop = socket.WhenDone(t.Context(), func() { t.Error("its context lives") })
		stop()
	})
}

// answering dials a server that answers the handshake so and then neither ends
// nor says any more; it returns the error and the time that it took.
func answering(t *testing.T, answer string) (took time.Duration, err error) {
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() { // ends with the client's end, joined below
		defer close(done)
		r := bufio.NewReader(server)
		_, _ = http.ReadRequest(r)
		_, _ = io.WriteString(server, answer)
		_, _ = r.ReadByte()
	}()
	cfg := config()
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	began := time.Now()
	_, err = dialer(t, cfg).Dial(t.Context(), "ws://relay.example")
	took = time.Since(began)
	<-done
	return took, err
}

// An answer that is no upgrade is read for an explanation, but not waited for.
// Shows B23.
func TestARefusedHandshakeIsNotReadForLong(t *testing.T) {
	const text = "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\ngo away"
	for name, c := range map[string]struct {
		answer, says string
		most         time.Duration
	}{
		"an upgrade that is none":      {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n", "Sec-WebSocket-Accept", 0},
		"an upgrade to something else": {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\x81\x05hello", "h2c", 0},
		"a refusal that does not end":  {text, "go away", 500 * time.Millisecond},
		"an endless page":              {"HTTP/1.1 200 OK\r\n\r\n<html>", "<html>", 500 * time.Millisecond},
		"a refusal":                    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\ngo away", "go away", 0},
		"a redirect that does not end": {"HTTP/1.1 302 Found\r\nLocation: gopher://x\r\nContent-Length: 1000\r\n\r\n", "gopher", 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, err := answering(t, c.answer)
				assert.ErrorContains(t, err, c.says)
				assert.LessOrEqual(t, took, c.most)
			})
		})
	}
}

// Go's own name is answered 403 by many a proxy.
// Shows D18.
func TestEveryRequestSaysWhoWeAre(t *testing.T) {
	var got atomic.Value
	home := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header["User-Agent"]) }))
	defer home.Close()
	// 127.0.0.1 and localhost are two hosts to a redirect.
	hop := httptest.NewServer(http.RedirectHandler(strings.Replace(home.URL, "127.0.0.1", "localhost", 1), http.StatusFound))
	defer hop.Close()
	ours := []string{"gennostr/devel"}
	for name, c := range map[string]struct {
		header       http.Header
		direct, away []string
	}{
		"nothing said": {nil, ours, ours},
		"other things": {http.Header{"X-Mine": {"1"}}, ours, ours},
		"a name":       {http.Header{"User-Agent": {"bot/1"}}, []string{"bot/1"}, ours},
		"spelled so":   {http.Header{"user-agent": {"bot/1"}}, []string{"bot/1"}, ours},
		"no name":      {http.Header{"User-Agent": {""}}, nil, ours},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Header = socket.SecretHeader(c.header)
			given := c.header.Clone()
			d := dialer(t, cfg)
			said := func(do func()) any {
				got.Store([]string{"nobody came"})
				do()
				return got.Load()
			}
			assert.Equal(t, c.direct, said(func() { _, _ = d.Dial(t.Context(), wsURL(home)) }))
			assert.Equal(t, c.away, said(func() { _, _ = d.Dial(t.Context(), wsURL(hop)) }))
			assert.Equal(t, c.direct, said(func() { _, _ = d.Get(t.Context(), home.URL, "x/y", 10) }))
			assert.Equal(t, given, c.header, "what was given stays as it was")
		})
	}
}

func TestTheVersionIsThatOfTheModule(t *testing.T) {
	const module = "github.com/gennostr/gennostr"
	dep := func(m ...*debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: "example.com/bot", Version: "v9.9.9"}, Deps: m}
	}
	for want, infos := range map[string][]*debug.BuildInfo{
		"gennostr/1.2.3": {dep(&debug.Module{Path: "example.com/x", Version: "v3.0.0"}, &debug.Module{Path: module, Version: "v1.2.3"}),
			{Main: debug.Module{Path: module, Version: "v1.2.3"}}},
		"gennostr/1.2.4": {dep(&debug.Module{Path: module, Version: "v1.2.3", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.4"}})},
		"gennostr/devel": {nil, dep(), {Main: debug.Module{Path: module, Version: "(devel)"}},
			dep(&debug.Module{Path: module, Version: "v1.2.3", Replace: &debug.Module{Path: "../gennostr"}})},
	} {
		for _, info := range infos {
			assert.Equal(t, want, socket.AgentOf(info))
		}
	}
}
