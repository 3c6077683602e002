package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The floor: what an event of a stream costs at least, in processor time, when its frame
// is read, parsed, hashed and verified, one of these after the other, by a program that
// does nothing else. What gennostr takes more is for order, bounds, and goroutines.

// floors are the parts of it, in the order in which they are done.
var floors = []string{"reading", "parsing", "hashing", "verifying, 512 at a time"}

// floor is that program.
type floor struct{ client }

func (floor) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	done := sink.(*unique).part // which all streams have
	ws, _, err := websocket.Dial(ctx, urls[0], nil)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	ws.SetReadLimit(-1)
	asked()
	if err := ws.Write(ctx, websocket.MessageText, []byte(`["REQ","bench",{"kinds":[1]}]`)); err != nil {
		return err
	}
	frames, err := readAll(ctx, ws)
	if err != nil {
		return err
	}
	done()
	var decoder wire.Decoder
	var events []*nostr.Event
	for _, frame := range frames {
		event, other, err := decoder.Decode(frame)
		if err != nil {
			return err
		}
		if other == nil {
			events = append(events, event.Event)
		}
	}
	done()
	var canonical []byte
	for _, e := range events {
		canonical = e.AppendSerialized(canonical[:0])
		if err := e.CheckHash(sha256.Sum256(canonical)); err != nil {
			return err
		}
	}
	done()
	if err := verifyAll(events); err != nil {
		return err
	}
	done()
	for _, e := range events {
		if !sink.raw(e.ID) {
			break
		}
	}
	return nil
}

// readAll reads what comes before the EOSE.
func readAll(ctx context.Context, ws *websocket.Conn) (frames [][]byte, err error) {
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return nil, err
		}
		if len(data) < len(`["EVENT"`) || string(data[:len(`["EVENT"`)]) != `["EVENT"` {
			return frames, nil
		}
		frames = append(frames, data)
	}
}

func verifyAll(events []*nostr.Event) error {
	const atOnce = 512
	v, valid, items := bip340.New(bip340.NewKeyCache(4096)), make([]bool, atOnce), make([]bip340.Item, 0, atOnce)
	for len(events) > 0 {
		n := min(atOnce, len(events))
		items = items[:0]
		for _, e := range events[:n] {
			items = append(items, bip340.Item{Pub: (*[32]byte)(&e.PubKey), Msg: (*[32]byte)(&e.ID), Sig: (*[64]byte)(&e.Sig)})
		}
		if !v.VerifyBatch(items, valid[:n]) {
			return errors.New("a genuine signature is refused")
		}
		events = events[n:]
	}
	return nil
}

// reportFloor prints the parts, their sum, and how far the whole is above it.
func reportFloor(s scenario, results map[string][]result) {
	fmt.Printf("%s\n\n| %s | CPU per event |\n|---|---:|\n", s.what, s.name)
	var sum float64
	for i, name := range floors {
		cost := median(results["floor"], func(r result) float64 { return float64(r.Parts[i]) / float64(r.Events) })
		sum += cost
		fmt.Printf("| %s | %s |\n", name, micros(cost))
	}
	whole := median(results["gennostr"], func(r result) float64 { return float64(r.CPU) / float64(r.Events) })
	fmt.Printf("| all of it | %s |\n| gennostr | %s, %s times |\n\n", micros(sum), micros(whole), ratio(whole, sum))
}
