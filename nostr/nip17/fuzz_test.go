package nip17_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

// Whatever a rumor says: what is read can be written, if it may be, and is read as the same.
func FuzzParseMessage(f *testing.F) {
	for _, text := range []string{
		`{"created_at":1,"kind":14,"tags":[["p","` + bob.PubKey().String() + `"],["e","` + nostr.ID{1}.String() + `","","reply"],["subject","s"],["q","x"]],"content":"hello"}`,
		`{"created_at":1,"kind":15,"tags":[["p","` + bob.PubKey().String() + `"],["encryption-algorithm","aes-gcm"],["decryption-key","k"],["decryption-nonce","n"],["x","` + nostr.ID{1}.String() + `"],["dim","1x1"],["size","9"],["file-type","a/b"],["fallback","u"]],"content":"https://x"}`,
		`{"created_at":0,"kind":14,"tags":[["p","x"]],"content":""}`, `{"created_at":0,"kind":7,"tags":[],"content":"+"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rumor, err := nostr.ParseUnsigned(data)
		if err != nil {
			return
		}
		rumor.PubKey = alice.PubKey()
		m, err := nip17.ParseMessage(rumor)
		if err != nil {
			require.Nil(t, m)
			return
		}
		room, err := nip17.RoomOf(rumor)
		require.NoError(t, err)
		require.Equal(t, room, m.Room())
		require.Equal(t, room, nip17.NewRoom(room.Members()...))
		require.True(t, room.Has(m.From))
		if len(m.To) == 0 || rumor.CreatedAt == 0 {
			return
		}
		again, err := m.Rumor(m.From)
		if err != nil {
			require.ErrorIs(t, err, nip17.ErrInvalid)
			require.NotNil(t, m.File, "only a file can lack something that was not needed to read it")
			return
		}
		back, err := nip17.ParseMessage(again)
		require.NoError(t, err)
		m.ID, back.ID = nostr.ID{}, nostr.ID{}
		if m.File != nil {
			checkFile(t, m.File, back.File)
			m.File, back.File = nil, nil
		}
		require.Equal(t, m, back)
	})
}

func FuzzParseRelayList(f *testing.F) {
	f.Add("wss://relay.example.com", "wss://relay.example.com/")
	f.Add("", "https://x")
	f.Add(" wss://[::1]:80 ", "wss://\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		relays, err := nip17.ParseRelayList(&nostr.Event{Kind: 10050, Tags: nostr.Tags{{"relay", a}, {"relay", b}}})
		require.NoError(t, err)
		_, err = nip17.NewRelayList(relays...)
		require.NoError(t, err)
	})
}
