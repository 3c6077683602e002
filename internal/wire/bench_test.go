package wire_test

import (
	"strings"
	"testing"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// benchEvent is an event whose EVENT frame has about 750 bytes.
func benchEvent() *nostr.Event {
	ev := sampleEvent()
	ev.Tags = nostr.Tags{{"e", idHex, "wss://relay.example.com", "reply"}, {"p", idHex}, {"t", "nostr"}}
	ev.Content = strings.Repeat("All work and no play. ", 6) + "\nhttps://example.com"
	return ev
}

func benchServer(b *testing.B, frame []byte) {
	var d wire.Decoder
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseServerEvent(b *testing.B) {
	benchServer(b, wire.Event{SubscriptionID: "subscription-1", Event: benchEvent()}.AppendJSON(nil))
}

// BenchmarkParseEventAlone is what package nostr has of BenchmarkParseServerEvent.
func BenchmarkParseEventAlone(b *testing.B) {
	data := benchEvent().AppendJSON(nil)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := nostr.ParseEvent(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseServerEOSE(b *testing.B) {
	benchServer(b, []byte(`["EOSE","subscription-1",["finish"]]`))
}

func BenchmarkParseServerOK(b *testing.B) {
	benchServer(b, []byte(`["OK","`+idHex+`",true,"duplicate: already have this event"]`))
}

func BenchmarkEncodeReq(b *testing.B) {
	req := wire.Req{SubscriptionID: "subscription-1", Filters: []nostr.Filter{nostr.Filter{}.WithKinds(1, 6).WithLimit(100)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.EncodeClient(req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodePublish(b *testing.B) {
	publish := wire.Publish{Event: benchEvent()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.EncodeClient(publish); err != nil {
			b.Fatal(err)
		}
	}
}
