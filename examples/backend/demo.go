package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// demo is the service on three relays of its own, of which one refuses what it gets, and a
// program that uses it over HTTP.
func demo(ctx context.Context, opts options, stdout io.Writer, say func(string, ...any)) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the demo took longer than 30 seconds"))
	defer cancel()
	relays, err := startRelays()
	if err != nil {
		return err
	}
	defer relays.close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say("no -listen: this is a demo, on http://%s, with three relays of its own, of which one refuses what it gets", listener.Addr())
	opts.relays, opts.ready = relays.urls(), 3
	opts.wait, opts.settle = 10*time.Second, 10*time.Second // nobody waits for them: all relays answer
	opts.grace = 200 * time.Millisecond
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { // ended by stop; joined below
		served <- serve(serving, opts, listener, slog.New(slog.DiscardHandler), gennostr.WithReconnectSchedule(50*time.Millisecond, 200*time.Millisecond))
	}()
	c := &caller{base: "http://" + listener.Addr().String(), http: &http.Client{Transport: &http.Transport{}}}
	err = c.visit(ctx, relays, stdout, stop)
	stop()
	err = errors.Join(err, <-served)
	c.http.CloseIdleConnections()
	return errors.Join(err, context.Cause(ctx))
}

// visit does what there is to be done with the service, and ends it.
func (c *caller) visit(ctx context.Context, relays *demoRelays, stdout io.Writer, stop func()) error {
	if err := c.until(ctx, "/readyz", http.StatusOK); err != nil {
		return err
	}
	stream, err := c.open(ctx, "/stream?kind=1", "")
	if err != nil {
		return err
	}
	defer stream.close()
	if err := c.publishAll(ctx, stream, stdout); err != nil {
		return err
	}
	if err := c.outage(ctx, relays.open, stream, stdout); err != nil {
		return err
	}
	stop()
	if _, _, err := stream.next(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("the stream does not end"), err)
	}
	fmt.Fprintln(stdout, "told to end: the stream has ended")
	return nil
}

// publishAll publishes, or tries to.
func (c *caller) publishAll(ctx context.Context, stream *eventSource, stdout io.Writer) error {
	note := nostrtest.TextNote(nostrtest.Key(1), "hello")
	forged := note.Clone()
	forged.Content = "hello, hello"
	for _, step := range []struct {
		what  string
		event *nostr.Event
		want  int
	}{
		{"a note", note, http.StatusCreated},
		{"the same again", note, http.StatusOK},
		{"a forged one", forged, http.StatusBadRequest},
		{"one that no relay wants", nostrtest.TextNote(nostrtest.Key(1), "forbidden"), http.StatusBadGateway},
	} {
		if err := c.show(ctx, stdout, step.what, http.MethodPost, "/events", step.event, step.want); err != nil {
			return err
		}
	}
	if _, event, err := stream.next(); err != nil || event.ID != note.ID {
		return errors.Join(errors.New("the stream does not show the note"), err)
	}
	fmt.Fprintln(stdout, "the stream has shown the note")
	return nil
}

// outage takes a relay away, and brings it back with a note that nobody has seen.
func (c *caller) outage(ctx context.Context, relay *nostrtest.Relay, stream *eventSource, stdout io.Writer) error {
	relay.Stop()
	if err := c.until(ctx, "/readyz", http.StatusServiceUnavailable); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "a relay is away: not ready for new work")
	if err := c.show(ctx, stdout, "the newest notes", http.MethodGet, "/events?kind=1&limit=5", nil, http.StatusOK); err != nil {
		return err
	}
	missed := nostrtest.TextNote(nostrtest.Key(2), "written while the connection was down")
	relay.Publish(missed)
	if err := relay.Restart(); err != nil {
		return err
	}
	if _, event, err := stream.next(); err != nil || event.ID != missed.ID {
		return errors.Join(errors.New("the stream does not show what was missed"), err)
	}
	if err := c.until(ctx, "/readyz", http.StatusOK); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "it is back, and the stream has shown what was missed")
	return nil
}

// demoRelays are three: two that take everything but what is forbidden, and one that takes
// nothing.
type demoRelays struct{ open, other, closed *nostrtest.Relay }

func startRelays() (*demoRelays, error) {
	d := new(demoRelays)
	refuse := func(why func(*nostr.Event) bool) nostrtest.Option {
		return nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
			if why(e) {
				return "blocked: not here"
			}
			return ""
		})
	}
	forbidden := func(e *nostr.Event) bool { return e.Content == "forbidden" }
	for _, r := range []struct {
		relay  **nostrtest.Relay
		policy nostrtest.Option
	}{{&d.open, refuse(forbidden)}, {&d.other, refuse(forbidden)}, {&d.closed, refuse(func(*nostr.Event) bool { return true })}} {
		relay, err := nostrtest.StartRelay(r.policy)
		if err != nil {
			d.close()
			return nil, err
		}
		*r.relay = relay
	}
	return d, nil
}

func (d *demoRelays) all() (list []*nostrtest.Relay) {
	for _, relay := range []*nostrtest.Relay{d.open, d.other, d.closed} {
		if relay != nil {
			list = append(list, relay)
		}
	}
	return list
}

func (d *demoRelays) urls() (urls []string) {
	for _, relay := range d.all() {
		urls = append(urls, relay.URL())
	}
	return urls
}

func (d *demoRelays) close() {
	for _, relay := range d.all() {
		relay.Close()
	}
}

// caller is a program that speaks HTTP only.
type caller struct {
	base string
	http *http.Client
}

// call returns the answer; body may be nil.
func (c *caller) call(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	return resp.StatusCode, answer, err
}

// show does one request and tells what came of it.
func (c *caller) show(ctx context.Context, stdout io.Writer, what, method, path string, event *nostr.Event, want int) error {
	var body []byte
	if event != nil {
		body = event.AppendJSON(nil)
	}
	status, got, err := c.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	var said struct {
		Error  string
		Events []json.RawMessage
		Relays []struct {
			Verdict  string
			Events   int
			Complete bool
		}
	}
	if err := json.Unmarshal(got, &said); err != nil {
		return err
	}
	line := fmt.Sprintf("%s: %d", what, status)
	for _, r := range said.Relays {
		switch {
		case r.Verdict != "":
			line += " " + r.Verdict
		case r.Complete:
			line += fmt.Sprintf(" %d events", r.Events)
		default:
			line += " no answer"
		}
	}
	if status == http.StatusBadRequest {
		line += " " + said.Error
	}
	fmt.Fprintln(stdout, line)
	if status != want {
		return fmt.Errorf("%s: status %d, not %d: %s", what, status, want, got)
	}
	return nil
}

// until asks again and again until the status is as it should be.
func (c *caller) until(ctx context.Context, path string, want int) error {
	for {
		status, body, err := c.call(ctx, http.MethodGet, path, nil)
		if err == nil && status == want {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: status %d: %s", path, status, body), err, context.Cause(ctx))
		}
	}
}

// eventSource is a browser's.
type eventSource struct {
	body  io.ReadCloser
	lines *bufio.Scanner
	last  string // what it would come back with
	gap   *gap   // what the newest message says, if that is a gap
}

func (c *caller) open(ctx context.Context, path, last string) (*eventSource, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", path, resp.Status), resp.Body.Close())
	}
	source := &eventSource{body: resp.Body, lines: bufio.NewScanner(resp.Body)}
	source.lines.Buffer(nil, 1<<20)
	return source, nil
}

func (s *eventSource) close() { _ = s.body.Close() }

// next waits for the next message: its kind, and its event if it is one.
func (s *eventSource) next() (kind string, event nostr.Event, err error) {
	kind = "message"
	var data string
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			s.last = value
		case "event":
			kind = value
		case "data":
			data = value
		case "":
			if data == "" {
				continue // a heartbeat, or nothing but a time to come back after
			}
			s.gap = nil
			if kind == "gap" {
				s.gap = new(gap)
				return kind, event, json.Unmarshal([]byte(data), s.gap)
			}
			return kind, event, json.Unmarshal([]byte(data), &event)
		}
	}
	if err := s.lines.Err(); err != nil {
		return "", event, err
	}
	return "", event, io.EOF
}
