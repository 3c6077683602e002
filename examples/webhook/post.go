package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	firstPause = 500 * time.Millisecond // before the second try; each is twice the one before
	maxPause   = 30 * time.Second
	maxAsked   = 5 * time.Minute // what an endpoint's Retry-After is followed to
)

// poster brings notes to the endpoint. Any number of goroutines may deliver at once.
type poster struct {
	client  *http.Client
	url     string
	timeout time.Duration // of one try
	tries   int           // 0: as many as it takes
	pause   time.Duration // before the second try
	say     func(format string, args ...any)
}

func newPoster(opts options, transport http.RoundTripper, say func(string, ...any)) *poster {
	return &poster{
		client: &http.Client{Transport: transport}, url: opts.url, timeout: opts.timeout,
		tries: opts.tries, pause: firstPause, say: say,
	}
}

// deliver posts one note until the endpoint has it, refuses it for good, or ctx
// ends: when the program has been told to end and its time is over.
func (p *poster) deliver(ctx context.Context, d *delivery) error {
	for pause := p.pause; ; pause = min(2*pause, maxPause) {
		d.tries++
		err := p.post(ctx, d)
		var status *statusError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &status) && !status.mayPass():
			return err
		case d.tries == p.tries:
			return fmt.Errorf("giving up: %w", err)
		}
		wait := pause/2 + rand.N(pause/2+1) // many at once shall not come back at once
		if status != nil {
			wait = max(wait, min(status.after, maxAsked))
		}
		p.say("%s: try %d: %v; again in %v", d.event.ID, d.tries, err, wait.Round(time.Millisecond))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// post is one try.
func (p *poster) post(ctx context.Context, d *delivery) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(d.event.AppendJSON(nil)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", d.event.ID.String()) // an answer may get lost: the endpoint can tell
	response, err := p.client.Do(request)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err // without the URL, which may hold a secret
		}
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	if response.StatusCode/100 == 2 {
		return nil
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return &statusError{response.StatusCode, time.Duration(min(max(seconds, 0), 1<<20)) * time.Second}
}

// statusError is an answer that is no success.
type statusError struct {
	code  int
	after time.Duration // the endpoint asks for as much time
}

func (e *statusError) Error() string {
	return fmt.Sprintf("status %d %s", e.code, http.StatusText(e.code))
}

// mayPass tells whether another try may help: it is not the note's fault.
func (e *statusError) mayPass() bool {
	switch e.code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.code >= 500
}
