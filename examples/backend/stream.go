package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

const comeBack = "retry: 2000\n\n" // milliseconds

var errStreamFilter = errors.New("limit and search are for /events: a stream has neither beginning nor end")

// stream is GET /stream: server-sent events (HTML, 9.2). "message" has an event as its data,
// "gap" says what is missing.
func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	filter, err := filterOf(r.URL.Query())
	if err == nil && (filter.Limit != 0 || filter.Search != "") {
		err = errStreamFilter
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		fail(w, http.StatusServiceUnavailable, "too many streams")
		return
	}
	if s.hub.ended() {
		fail(w, http.StatusServiceUnavailable, "the service ends")
		return
	}
	b := &browser{hub: s.hub, filter: filter, w: w, control: http.NewResponseController(w), patience: s.opts.patience, heartbeat: s.opts.heartbeat}
	b.place = s.hub.next()
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if place, known := s.hub.after(last); known {
			b.place = place
		} else {
			b.write(b.place-1, gap{Reason: "the service was started anew"}.entry())
		}
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")                       // for nginx before it
	if r.Method == http.MethodGet && b.flush(comeBack) == nil { // HEAD gets the header
		b.run(r.Context())
	}
}

// browser is one stream. It belongs to the goroutine of its request.
type browser struct {
	hub       *hub
	filter    nostr.Filter
	w         http.ResponseWriter
	control   *http.ResponseController
	patience  time.Duration // for a write
	heartbeat time.Duration

	place uint64 // of what comes next
	out   bytes.Buffer
}

// run writes what comes until the stream ends, from whichever side. A browser that has not
// read for so long that a write waits longer than patience is taken for gone; if it is not, it comes
// back with the place where it was.
func (b *browser) run(ctx context.Context) {
	beat := time.NewTicker(b.heartbeat)
	defer beat.Stop()
	for {
		list, missed, bell := b.hub.read(b.place)
		b.place += missed
		if missed > 0 {
			b.write(b.place-1, gap{Reason: "read too slowly", Missed: missed}.entry()) // before what comes next
		}
		for _, e := range list {
			if e.event == nil || b.filter.Matches(e.event) {
				b.write(b.place, e)
			}
			b.place++
		}
		switch {
		case len(list) > 0 || missed > 0:
			if b.flush("") != nil || ctx.Err() != nil {
				return
			}
			continue
		case bell == nil:
			return
		}
		select {
		case <-bell:
		case <-beat.C:
			if b.flush(": \n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// write puts an entry under its place, with which the browser comes back.
func (b *browser) write(place uint64, e entry) {
	b.out.WriteString("id: ")
	b.out.WriteString(b.hub.name(place))
	if e.event == nil {
		b.out.WriteString("\nevent: gap")
	}
	b.out.WriteString("\ndata: ")
	b.out.Write(e.data) // JSON on one line
	b.out.WriteString("\n\n")
}

// flush sends what was written, and behind it text.
func (b *browser) flush(text string) error {
	b.out.WriteString(text)
	defer b.out.Reset()
	if b.out.Len() == 0 {
		return nil
	}
	if err := b.control.SetWriteDeadline(time.Now().Add(b.patience)); err != nil {
		return err
	}
	if _, err := b.w.Write(b.out.Bytes()); err != nil {
		return err
	}
	return b.control.Flush()
}
