package main

import (
	"strings"
	"testing"

	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// frame is an EVENT frame of 750 bytes: a reply with an e and a p tag.
func frame(tb testing.TB) []byte {
	tb.Helper()
	key := nostr.MustSecretKeyFromHex(strings.Repeat("0", 63) + "1")
	event := nostr.Event{
		CreatedAt: 1_700_000_000, Kind: nostr.KindTextNote,
		Tags: nostr.Tags{
			{"e", strings.Repeat("ab", 32), "wss://relay.example.com", "root"},
			{"p", strings.Repeat("cd", 32)},
		},
		Content: "A line of text,\nand \"another\" one: ",
	}
	for {
		if err := event.Sign(key); err != nil {
			tb.Fatal(err)
		}
		f := []byte(`["EVENT","subscription",` + event.String() + `]`)
		if len(f) >= 750 {
			return f
		}
		event.Content += "x"
	}
}

// From the bytes of a frame to an event. go-nostr's reader makes a string of
// the frame first, as its Relay does.
func BenchmarkParse(b *testing.B) {
	data := frame(b)
	b.Run("gennostr", func(b *testing.B) {
		var d wire.Decoder
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := d.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-nostr", func(b *testing.B) {
		p := gonostr.NewMessageParser()
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.ParseMessage(string(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The two read the same thing.
func TestBothParsersAgree(t *testing.T) {
	data := frame(t)
	m, err := wire.ParseServer(data)
	if err != nil {
		t.Fatal(err)
	}
	env, err := gonostr.NewMessageParser().ParseMessage(string(data))
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := m.(wire.Event).Event, env.(*gonostr.EventEnvelope).Event
	if ours.ID.String() != theirs.ID || ours.Content != theirs.Content || len(ours.Tags) != len(theirs.Tags) || ours.Sig.String() != theirs.Sig {
		t.Errorf("ours %s, theirs %s", ours, theirs.String())
	}
}

// Signature verification alone is a different matter; this is id and signature together.
func BenchmarkVerify(b *testing.B) {
	m, err := wire.ParseServer(frame(b))
	if err != nil {
		b.Fatal(err)
	}
	event := m.(wire.Event).Event
	b.Run("gennostr", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := event.Verify(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-nostr", func(b *testing.B) {
		var theirs gonostr.Event
		if err := theirs.UnmarshalJSON([]byte(event.String())); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !theirs.CheckID() {
				b.Fatal("id")
			}
			if ok, err := theirs.CheckSignature(); !ok || err != nil {
				b.Fatal(err)
			}
		}
	})
}
