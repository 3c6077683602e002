package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

const (
	maxBody      = 128 << 10 // bytes of an event
	defaultLimit = 20        // events of a query
	maxLimit     = 500
	maxValues    = 100 // of one parameter
	maxSearch    = 200 // bytes
)

// published is what came of POST /events.
type published struct {
	ID       nostr.ID  `json:"id"`
	Accepted int       `json:"accepted"` // relays that have it
	Decided  bool      `json:"decided"`  // nothing more will come: every relay has given its verdict
	Relays   []verdict `json:"relays"`
	Error    string    `json:"error,omitempty"`
}

type verdict struct {
	Relay   string `json:"relay"`
	Verdict string `json:"verdict"`           // pending, accepted, duplicate, superseded, refused, unanswered
	Message string `json:"message,omitempty"` // the relay's words
	Error   string `json:"error,omitempty"`   // what it has not said itself
	Tries   int    `json:"tries"`
}

func (s *service) publish(w http.ResponseWriter, r *http.Request) {
	event, status, err := readEvent(w, r)
	if err != nil {
		fail(w, status, err.Error())
		return
	}
	p, err := s.client.StartPublish(event, gennostr.AtLeast(s.opts.atLeast), gennostr.GiveUpAfter(s.opts.giveUp))
	switch {
	case forLater(err):
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	case err != nil:
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	all := make(chan struct{})
	follow := func() { // ends with the last verdict: the publication gives up by itself
		defer close(all)
		s.watch(p)
	}
	if !s.behind.begin(follow) {
		p.Cancel()
		fail(w, http.StatusServiceUnavailable, "the service ends")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.wait)
	defer cancel()
	_, _ = p.Wait(ctx) // until it is decided, and then the other relays have a moment to say something as well
	select {
	case <-all:
	case <-time.After(s.opts.settle):
	case <-ctx.Done():
	}
	report, err := p.Wait(ctx)
	status, body := judge(report, err, ctx.Err() != nil)
	if status < 300 {
		w.Header().Set("Location", "/events/"+event.ID.String())
	}
	answer(w, status, body)
}

// forLater tells whether it is the service that has too much to do, or ends, whatever relays say.
func forLater(err error) bool {
	return errors.Is(err, gennostr.ErrPublishQueueFull) || errors.Is(err, gennostr.ErrTooManyQueries) || errors.Is(err, gennostr.ErrClientClosed)
}

// watch waits until every relay has given its verdict, or the client stops, and logs how it
// ends.
func (s *service) watch(p *gennostr.Publication) {
	for o := range p.Outcomes() {
		s.log.Debug("verdict", "relay", o.URL, "verdict", o.Verdict.String(), "message", o.Message, "tries", o.Tries, "error", o.Err)
	}
	report, err := p.Wait(context.Background()) // decided: it returns at once
	attrs := []any{"id", report.Event.ID.String(), "accepted", report.Count(), "relays", len(report.Outcomes)}
	if err != nil {
		s.log.Warn("not published", append(attrs, "error", err)...)
		return
	}
	s.log.Info("published", attrs...)
}

// judge makes a status of a report. late: it was not waited for any longer.
func judge(report gennostr.PublishReport, err error, late bool) (status int, body published) {
	body = published{ID: report.Event.ID, Accepted: report.Count(), Decided: true, Relays: []verdict{}}
	count := make(map[gennostr.Verdict]int)
	for _, o := range report.Outcomes {
		v := verdict{Relay: o.URL, Verdict: o.Verdict.String(), Message: o.Message, Tries: o.Tries}
		if o.Err != nil {
			v.Error = o.Err.Error()
		}
		body.Relays = append(body.Relays, v)
		count[o.Verdict]++
	}
	body.Decided = count[gennostr.Pending] == 0
	if err != nil {
		body.Error = err.Error()
	}
	switch {
	case err == nil && count[gennostr.Accepted] > 0:
		return http.StatusCreated, body
	case err == nil:
		return http.StatusOK, body
	case late && !body.Decided:
		body.Error = ""
		return http.StatusAccepted, body
	case errors.Is(err, gennostr.ErrClientClosed):
		return http.StatusServiceUnavailable, body
	case count[gennostr.Superseded] > 0:
		return http.StatusConflict, body
	}
	return http.StatusBadGateway, body
}

// readEvent takes nothing that no relay would take.
func readEvent(w http.ResponseWriter, r *http.Request) (event *nostr.Event, status int, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("an event has at most %d bytes", maxBody)
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("body: %w", err)
	}
	event = new(nostr.Event)
	if err := json.Unmarshal(body, event); err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("body: want an event: %w", err)
	}
	if err := event.Verify(); err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("body: %w", err)
	}
	return event, 0, nil
}

// found is what came of GET /events.
type found struct {
	Complete bool           `json:"complete"` // nothing can be missing
	Events   []*nostr.Event `json:"events"`   // newest first
	Relays   []given        `json:"relays"`
	Error    string         `json:"error,omitempty"`
}

// given is what one relay has given.
type given struct {
	Relay    string `json:"relay"`
	Events   int    `json:"events"`
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`
}

func (s *service) query(w http.ResponseWriter, r *http.Request) {
	filter, err := filterOf(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if filter.Limit == 0 {
		filter.Limit = defaultLimit
	}
	report, err := s.client.Fetch(r.Context(), []nostr.Filter{filter}, gennostr.WithDeadline(s.opts.wait))
	body := found{Complete: report.Complete(), Events: append([]*nostr.Event{}, report.Events...), Relays: []given{}}
	answered := false
	for _, a := range report.Relays {
		g := given{Relay: a.URL, Events: a.Events, Complete: a.Complete}
		if a.Err != nil {
			g.Error = a.Err.Error()
		}
		body.Relays = append(body.Relays, g)
		answered = answered || a.Err == nil || a.Events > 0
	}
	status := http.StatusOK
	switch {
	case forLater(err):
		status, body.Error = http.StatusServiceUnavailable, err.Error()
	case !answered:
		status, body.Error = http.StatusBadGateway, "no relay has answered"
	}
	answer(w, status, body)
}

// one is GET /events/{id}.
func (s *service) one(w http.ResponseWriter, r *http.Request) {
	id, err := nostr.ParseID(r.PathValue("id"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	event, err := s.client.FetchOne(r.Context(), nostr.Filter{}.WithIDs(id), gennostr.WithDeadline(s.opts.wait))
	switch {
	case err == nil:
		answer(w, http.StatusOK, event)
	case errors.Is(err, gennostr.ErrNotFound):
		fail(w, http.StatusNotFound, "no relay has it")
	case forLater(err):
		fail(w, http.StatusServiceUnavailable, err.Error())
	default: // one that could not be asked may have it
		fail(w, http.StatusBadGateway, err.Error())
	}
}

// filterOf reads what to ask for. What it does not know is an error: left out it would ask for more.
func filterOf(query url.Values) (f nostr.Filter, err error) {
	for name, values := range query {
		if len(values) > maxValues {
			return f, fmt.Errorf("%.20q: at most %d values", name, maxValues)
		}
		for _, value := range values {
			if err := condition(&f, name, value); err != nil {
				return f, fmt.Errorf("%.20q: %w", name, err)
			}
		}
	}
	return f, f.Validate()
}

func condition(f *nostr.Filter, name, value string) (err error) {
	switch name {
	case "kind":
		kind, err := parseKind(value)
		f.Kinds = append(f.Kinds, kind)
		return err
	case "author":
		key, err := nostr.ParsePubKey(value)
		f.Authors = append(f.Authors, key)
		return err
	case "id":
		id, err := nostr.ParseID(value)
		f.IDs = append(f.IDs, id)
		return err
	case "since":
		f.Since, err = parseTime(value)
		return err
	case "until":
		f.Until, err = parseTime(value)
		return err
	case "limit":
		f.Limit, err = strconv.Atoi(value)
		if err != nil || f.Limit < 1 || f.Limit > maxLimit {
			return fmt.Errorf("want a number from 1 to %d", maxLimit)
		}
		return nil
	case "search":
		f.Search = value
		if value == "" || len(value) > maxSearch {
			return fmt.Errorf("want 1 to %d bytes", maxSearch)
		}
		return nil
	}
	return tagCondition(f, name, value)
}

// tagCondition is for p, e and other letters. Keys and ids may be written as people do.
func tagCondition(f *nostr.Filter, name, value string) error {
	if len(name) != 1 || (name[0]|0x20) < 'a' || (name[0]|0x20) > 'z' {
		return errors.New("no such condition: want kind, author, id, since, until, limit, search, or a letter for tags")
	}
	switch name {
	case "p", "P":
		key, err := nostr.ParsePubKey(value)
		if err != nil {
			return err
		}
		value = key.String()
	case "e", "E":
		id, err := nostr.ParseID(value)
		if err != nil {
			return err
		}
		value = id.String()
	}
	if f.Tags == nil {
		f.Tags = make(nostr.TagMap)
	}
	if !slices.Contains(f.Tags[name], value) {
		f.Tags[name] = append(f.Tags[name], value)
	}
	return nil
}

// parseTime reads seconds since 1970, or a time as in RFC 3339.
func parseTime(s string) (*nostr.Timestamp, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		at := nostr.Timestamp(n)
		return &at, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 0 {
		return nil, errors.New("want seconds since 1970, or a time such as 2006-01-02T15:04:05Z")
	}
	at := nostr.TimestampOf(t)
	return &at, nil
}
