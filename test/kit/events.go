package kit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Unproven makes n events with ids and signatures of nobody's, for trusted
// relays; their contents count up with their time.
func Unproven(n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = &nostr.Event{CreatedAt: nostr.Timestamp(1_700_000_000 + i), Kind: nostr.KindTextNote, Tags: nostr.Tags{}, Content: strconv.Itoa(i)}
		binary.BigEndian.PutUint64(list[i].ID[:], uint64(i)+1)
	}
	return list
}

// signed are the notes that TextNotes has made: to sign one takes ten milliseconds
// under the race detector.
var signed struct {
	sync.Mutex
	notes []*nostr.Event // guarded by the mutex; nobody changes one
}

// TextNotes makes n signed text notes of one author, a second apart.
func TextNotes(n int) []*nostr.Event {
	signed.Lock()
	defer signed.Unlock()
	for i := len(signed.notes); i < n; i++ {
		signed.notes = append(signed.notes, TextNote(i))
	}
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = signed.notes[i].Clone()
	}
	return list
}

// TextNote makes number i of TextNotes.
func TextNote(i int) *nostr.Event {
	return nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(1), fmt.Sprintf("note %d", i))
}

// Forge is an event with somebody else's signature.
func Forge(e *nostr.Event) *nostr.Event {
	forged := e.Clone()
	forged.Sig[0] ^= 1
	return forged
}

// Streamer subscribes to everything wherever it connects.
func Streamer(self *gennostr.Self, n Note) error {
	if n.Name == "OnConnect" {
		self.Send(n.Relay.URL, Everything("all"))
	}
	return nil
}

// Normal is the URL as a client reports it.
func Normal(t testing.TB, url string) string {
	t.Helper()
	url, err := nostr.NormalizeURL(url)
	require.NoError(t, err)
	return url
}
