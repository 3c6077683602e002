package nostr_test

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

// benchEvent has 750 bytes as JSON: a reply with the tags that replies have.
func benchEvent(tb testing.TB) (*nostr.Event, []byte) {
	tb.Helper()
	ev := &nostr.Event{
		CreatedAt: 1700000000,
		Kind:      nostr.KindTextNote,
		Tags: nostr.Tags{
			{"e", strings.Repeat("5c", 32), "wss://relay.example.com", "root"},
			{"p", strings.Repeat("a7", 32)},
		},
		Content: "Line one of the note.\nAnd then a \"quote\", ",
	}
	require.NoError(tb, ev.Sign(nostr.MustSecretKeyFromHex(strings.Repeat("01", 32))))
	ev.Content += strings.Repeat("words ", 50)
	ev.Content = ev.Content[:len(ev.Content)-(len(ev.AppendJSON(nil))-750)]
	require.NoError(tb, ev.Sign(nostr.MustSecretKeyFromHex(strings.Repeat("01", 32))))
	data := ev.AppendJSON(nil)
	require.Len(tb, data, 750)
	return ev, data
}

func BenchmarkParseEvent(b *testing.B) {
	_, data := benchEvent(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := nostr.ParseEvent(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	ev, data := benchEvent(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		buf = ev.AppendJSON(buf[:0])
	}
}

func BenchmarkAppendSerialized(b *testing.B) {
	ev, _ := benchEvent(b)
	b.ReportAllocs()
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		buf = ev.AppendSerialized(buf[:0])
	}
}

func BenchmarkGetID(b *testing.B) {
	ev, _ := benchEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		ev.GetID()
	}
}

func BenchmarkSign(b *testing.B) {
	ev, _ := benchEvent(b)
	sk := nostr.GenerateSecretKey()
	b.ReportAllocs()
	for b.Loop() {
		if err := ev.Sign(sk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	ev, _ := benchEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := ev.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilterMatches(b *testing.B) {
	ev, _ := benchEvent(b)
	for _, n := range []int{1, 100, 1000} {
		authors := make([]nostr.PubKey, n)
		for i := range authors {
			authors[i][0], authors[i][1] = byte(i), byte(i>>8)
		}
		authors[n-1] = ev.PubKey
		f := nostr.Filter{}.WithAuthors(authors...).WithKinds(1, 6, 7).WithTag("p", ev.Tags[1][1]).WithSince(1)
		b.Run(fmt.Sprintf("authors=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !f.Matches(ev) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkNormalizeURL(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nostr.NormalizeURL("wss://Relay.Example.com:443//inbox/?b=1&a=2"); err != nil {
			b.Fatal(err)
		}
	}
}

// Filters of bots that serve thousands of people, against events that meet none of them.
func BenchmarkMatchesLongLists(b *testing.B) {
	hash := func(i int) nostr.ID { return sha256.Sum256([]byte(strconv.Itoa(i))) }
	var values []string
	var authors []nostr.PubKey
	for i := range 5000 {
		values = append(values, hash(i).String())
		authors = append(authors, nostr.PubKey(hash(i)))
	}
	event := func(tags int) *nostr.Event {
		e := &nostr.Event{Kind: 1, PubKey: nostr.PubKey(hash(-1))}
		for i := range tags {
			e.Tags = append(e.Tags, nostr.Tag{"p", hash(10000 + i).String()}, nostr.Tag{"t", "x"})
		}
		return e
	}
	run := func(name string, f nostr.Filter, e *nostr.Event) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f.Matches(e) {
					b.Fatal("no match expected")
				}
			}
		})
	}
	run("authors", nostr.Filter{Authors: authors}, event(0))
	for _, tags := range []int{1, 10, 100, 2000, 10000} {
		run("p/"+strconv.Itoa(tags), nostr.Filter{Tags: nostr.TagMap{"p": values}}, event(tags))
	}
	run("one", nostr.Filter{Tags: nostr.TagMap{"p": values[:1]}}, event(10000))
}
