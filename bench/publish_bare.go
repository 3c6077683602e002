package main

import (
	"context"
	"errors"
	"sync"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/nostr"
)

// publishers are whose publications are measured, and what they have to cost at least.
var publishers = []string{"go-nostr", "gennostr", "bare websocket"}

// bare is no library: it writes to the websocket that both libraries use, reads there, and
// wakes whoever waits for the OK of an event. It looks at nothing, tries nothing again,
// and knows one relay. What it costs is the floor.
type bare struct{ client }

func (bare) publisher(ctx context.Context, url string, events []*nostr.Event) (func(int) error, func(), error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, nil, err
	}
	ws.SetReadLimit(-1)
	var mu sync.Mutex
	waiting := make(map[string]chan struct{})
	gone := make(chan struct{})
	go func() { // ends with the websocket; joined by whoever is done
		defer close(gone)
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			id := string(data[len(`["OK","`):][:64])
			mu.Lock()
			close(waiting[id])
			delete(waiting, id)
			mu.Unlock()
		}
	}()
	publish := func(i int) error {
		said := make(chan struct{})
		mu.Lock()
		waiting[events[i].ID.String()] = said
		mu.Unlock()
		if err := ws.Write(ctx, websocket.MessageText, append(events[i].AppendJSON([]byte(`["EVENT",`)), ']')); err != nil {
			return err
		}
		select {
		case <-said:
			return nil
		case <-gone:
			return errors.New("the connection was lost")
		}
	}
	return publish, func() { _ = ws.CloseNow(); <-gone }, nil
}
