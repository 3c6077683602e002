package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr/nostr"
)

// One event after the other fetched by its id over a connection that is open: what a program waits
// for that looks something up. No event is fetched twice, so that each is verified.

// fetcher is a library that fetches single events.
type fetcher interface {
	// fetcher connects to a relay, and returns what fetches the event of an id.
	fetcher(ctx context.Context, url string) (fetch func(id nostr.ID) error, end func(), err error)
}

var errOther = errors.New("another event came, or none")

func (ours) fetcher(ctx context.Context, url string) (func(nostr.ID) error, func(), error) {
	c, err := readyClient(ctx, []string{url})
	if err != nil {
		return nil, nil, err
	}
	fetch := func(id nostr.ID) error {
		e, err := c.FetchOne(ctx, nostr.Filter{IDs: []nostr.ID{id}})
		if err == nil && e.ID != id {
			err = errOther
		}
		return err
	}
	return fetch, func() { _ = c.Stop(ctx) }, nil
}

func (theirs) fetcher(ctx context.Context, url string) (func(nostr.ID) error, func(), error) {
	pool := gonostr.NewSimplePool(ctx)
	if _, err := pool.EnsureRelay(url); err != nil {
		return nil, nil, err
	}
	fetch := func(id nostr.ID) error {
		want := hex.EncodeToString(id[:])
		if e := pool.QuerySingle(ctx, []string{url}, gonostr.Filter{IDs: []string{want}}); e == nil || e.ID != want {
			return errOther
		}
		return nil
	}
	return fetch, func() { pool.Close("done") }, nil
}

// fetchOne measures them. What the first tenth costs is none of it.
func (j clientJob) fetchOne(ctx context.Context, c fetcher) (r result, err error) {
	ids, err := storedIDs(j.URLs[0])
	if err != nil {
		return r, err
	}
	fetch, end, err := c.fetcher(ctx, j.URLs[0])
	if err != nil {
		return r, err
	}
	defer end()
	took := make([]time.Duration, 0, len(ids))
	var mem runtime.MemStats
	var start time.Time
	var cpu time.Duration
	for i, id := range ids {
		if i == len(ids)/10 {
			took = took[:0]
			runtime.GC()
			runtime.ReadMemStats(&mem)
			start, cpu = time.Now(), cpuTime()
		}
		began := time.Now()
		if err := fetch(id); err != nil {
			return r, fmt.Errorf("number %d: %w", i, err)
		}
		took = append(took, time.Since(began))
	}
	r.Events, r.Wall, r.CPU = len(took), time.Since(start), cpuTime()-cpu
	allocs := mem.Mallocs
	runtime.ReadMemStats(&mem)
	r.Allocs = mem.Mallocs - allocs
	slices.Sort(took)
	r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
	return r, nil
}

// storedIDs asks the relay's process what it has.
func storedIDs(url string) (ids []nostr.ID, err error) {
	resp, err := http.Get("http" + strings.TrimSuffix(url, "/one")[len("ws"):] + "/ids")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return ids, json.NewDecoder(resp.Body).Decode(&ids)
}

// idOf is that of an event's JSON.
func idOf(event []byte) string {
	_, rest, ok := bytes.Cut(event, []byte(`"id":"`))
	if !ok || len(rest) < 64 {
		return ""
	}
	return string(rest[:64])
}

// tellIDs is the relay's answer to that.
func (r *replay) tellIDs(w http.ResponseWriter) {
	var ids []string
	for _, event := range r.events {
		ids = append(ids, idOf(event))
	}
	_ = json.NewEncoder(w).Encode(ids)
}

// find is the relay's side: the event of the REQ's id, and an EOSE.
func (r *replay) find(ctx context.Context, ws *websocket.Conn) error {
	byID := make(map[string][]byte, len(r.events))
	for _, event := range r.events {
		byID[idOf(event)] = event
	}
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		var msg []json.RawMessage
		var filter struct{ IDs []string }
		if !bytes.HasPrefix(data, []byte(`["REQ"`)) || json.Unmarshal(data, &msg) != nil || len(msg) < 3 || json.Unmarshal(msg[2], &filter) != nil || len(filter.IDs) == 0 {
			continue
		}
		frames := appendFrame(nil, opText, fmt.Appendf(nil, `["EVENT",%s,%s]`, msg[1], byID[filter.IDs[0]]))
		frames = appendFrame(frames, opText, fmt.Appendf(nil, `["EOSE",%s]`, msg[1]))
		if _, err := ctx.Value(connKey{}).(interface{ Write([]byte) (int, error) }).Write(frames); err != nil {
			return err
		}
	}
}
