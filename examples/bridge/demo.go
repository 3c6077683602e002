package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	demoRequests = 20
	requestKind  = nostr.Kind(23194)
)

// demo is the service with a relay of its own and somebody who replies there, and a
// caller.
func demo(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()
	relay, err := nostrtest.StartRelay(nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
		if e.Content == "forbidden" {
			return "blocked: not here"
		}
		return ""
	}))
	if err != nil {
		return err
	}
	defer relay.Close()
	wallet, err := gennostr.Start(ctx, &replier{key: nostrtest.Key(1)}, gennostr.WithRelays(relay.URL()), gennostr.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wallet.Stop(context.WithoutCancel(ctx))) }()
	if _, err := relay.WaitRequest(ctx, nil); err != nil { // it listens
		return err
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say("no -listen: this is a demo, on http://%s, with a relay of its own", listener.Addr())
	opts.timeout, opts.private = min(opts.timeout, 6*time.Second), true // waited out by who gets no reply
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { // ended by stop; joined below
		served <- serve(serving, opts, listener, slog.New(slog.DiscardHandler))
	}()
	c := &caller{base: "http://" + listener.Addr().String(), http: &http.Client{Transport: &http.Transport{}}}
	counts := c.many(ctx, relay.URL())
	c.http.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, counts); err != nil {
		return err
	}
	if counts[http.StatusOK] != demoRequests || counts[http.StatusBadGateway] != 2 || counts[http.StatusGatewayTimeout] != 1 {
		return errors.Join(errors.New("not what was to be expected"), context.Cause(ctx))
	}
	return nil
}

// caller is a program that speaks HTTP only.
type caller struct {
	base string
	http *http.Client
}

// tally is how often each status has come.
type tally map[int]int

func (t tally) String() string {
	return fmt.Sprintf("%d replies, %d requests that no relay took, %d that nobody has replied to", t[200], t[502], t[504])
}

// many sends requests, all at once.
func (c *caller) many(ctx context.Context, relay string) tally {
	counts := make(tally)
	var mu sync.Mutex
	var calling sync.WaitGroup
	call := func(url, text string) {
		calling.Go(func() {
			status, _ := c.call(ctx, url, request(text))
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	for n := range demoRequests {
		call(relay, fmt.Sprintf("request %d", n))
	}
	call(relay, "forbidden")
	call("ws://127.0.0.1:1", "to a relay that is not there")
	call(relay, "silence")
	calling.Wait()
	return counts
}

// request is an event for the one who replies.
func request(text string) *nostr.Event {
	return nostrtest.Event(nostrtest.Key(2), requestKind, text, nostr.Tag{"p", nostrtest.PubKey(1).String()})
}

func (c *caller) call(ctx context.Context, relay string, event *nostr.Event) (status int, body string) {
	target := c.base + "/request?relay=" + url.QueryEscape(relay)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(event.AppendJSON(nil)))
	if err != nil {
		return 0, err.Error()
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// replier answers requests, but for silence.
type replier struct {
	gennostr.BaseHandler
	key nostr.SecretKey
}

func (r *replier) Init(self *gennostr.Self) error {
	return self.Subscribe("requests", []nostr.Filter{nostr.Filter{}.WithKinds(requestKind).WithTag("p", r.key.PubKey().String())}, gennostr.LiveOnly())
}

func (r *replier) OnEvent(self *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	if strings.HasPrefix(msg.Event.Content, "silence") {
		return nil
	}
	reply := &nostr.Event{Kind: replyKind, Content: "reply to " + msg.Event.Content, Tags: nostr.Tags{{"e", msg.Event.ID.String()}, {"p", msg.Event.PubKey.String()}}}
	if err := reply.Sign(r.key); err != nil {
		return err
	}
	self.Publish(reply, nil, gennostr.AtLeast(1))
	return nil
}
