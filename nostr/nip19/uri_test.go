package nip19_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

func TestNIP21URIs(t *testing.T) {
	for _, s := range []string{
		npub, note, nprofile, nevent, naddr,
		// The examples of NIP-21.
		"npub1sn0wdenkukak0d9dfczzeacvhkrgz92ak56egt7vdgzn8pv2wfqqhrjdv9",
		"note1fntxtkcy9pjwucqwa9mddn7v03wwwsu9j330jj350nvhpky2tuaspk6nqc",
		"nevent1qqstna2yrezu5wghjvswqqculvvwxsrcvu7uc0f78gan4xqhvz49d9spr3mhxue69uhkummnw3ez6un9d3shjtn4de6x2argwghx6egpr4mhxue69uhkummnw3ez6ur4vgh8wetvd3hhyer9wghxuet5nxnepm",
	} {
		want, err := nip19.Decode(s)
		require.NoError(t, err)
		for _, spelling := range []string{"nostr:" + s, "Nostr:" + s, "NOSTR:" + strings.ToUpper(s)} {
			got, err := nip19.DecodeURI(spelling)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		uri, err := nip19.EncodeURI(want)
		require.NoError(t, err)
		assert.Equal(t, "nostr:"+s, uri)
	}
	for _, s := range []string{"", "nostr", "nostr:", npub, "nostr://" + npub, "nostr:" + npub[:62], "nostr:nostr:" + npub, "web+nostr:" + npub, " nostr:" + npub, "nostr: " + npub} {
		_, err := nip19.DecodeURI(s)
		assert.ErrorIs(t, err, nip19.ErrMalformed, s)
	}
}

func TestSecretKeysAreRefusedInURIs(t *testing.T) {
	e, err := nip19.Decode(nsec)
	require.NoError(t, err)
	sk := e.(nip19.SecretKey)
	for _, e := range []nip19.Entity{e, &sk} {
		uri, err := nip19.EncodeURI(e)
		assert.ErrorIs(t, err, nip19.ErrSecretInURI)
		assert.Empty(t, uri)
	}
	for _, s := range []string{"nostr:" + nsec, "NOSTR:" + strings.ToUpper(nsec), "nostr:" + nsec[:40]} {
		got, err := nip19.DecodeURI(s)
		assert.ErrorIs(t, err, nip19.ErrSecretInURI)
		assert.Nil(t, got)
	}
}

func TestFindAll(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                 nil,
		"no entity here, npub1 and nostr:": nil,
		npub:                               {npub},
		"hi nostr:" + npub + "! and " + note + ", (" + nevent + ")\n" + naddr + ".": {"nostr:" + npub, note, nevent, naddr},
		"@" + npub + " \u00fc" + nprofile + "\u3067\u3059":                          {npub, nprofile},
		"https://njump.me/" + nevent + "?x":                                         {nevent},
		"NOSTR:" + strings.ToUpper(npub):                                            {"NOSTR:" + strings.ToUpper(npub)},
		"nostr:" + npub + "nostr:" + note:                                           {note}, // where the first ends is anybody's guess
		"xnostr:" + npub + " web+nostr:" + note:                                     {npub, "nostr:" + note},
		"nostr: " + npub + " nostr:nostr:" + note:                                   {npub, "nostr:" + note},
		"x" + npub + " " + npub + "x " + npub[:62]:                                  nil,
		"nostr:" + nsec + " " + nsec + " " + strings.ToUpper(nsec):                  nil,
		someKey.String() + " nrelay1qq28qqqq nostr:x":                               nil,
		strings.Repeat("n", 1<<20):                                                  nil,
		strings.Repeat("npub1", 1<<18):                                              nil,
	} {
		var got []string
		for m := range nip19.FindAll(text) {
			found := text[m.Start:m.End]
			got = append(got, found)
			assert.Equal(t, m.URI, strings.HasPrefix(strings.ToLower(found), "nostr:"))
			var e nip19.Entity
			var err error
			if m.URI {
				e, err = nip19.DecodeURI(found)
			} else {
				e, err = nip19.Decode(found)
			}
			require.NoError(t, err)
			assert.Equal(t, e, m.Entity)
		}
		assert.Equal(t, want, got, "%.100s", text)
	}
}

func TestFindAllStopsWhenAsked(t *testing.T) {
	n := 0
	for range nip19.FindAll(npub + " " + note + " " + naddr) {
		if n++; n == 2 {
			break
		}
	}
	assert.Equal(t, 2, n)
}

func TestFindAllInRealEvents(t *testing.T) {
	found := map[string]bool{} // of all good entities of the corpus
	lines(t, "nip19-real.jsonl", func(line []byte) {
		for m := range nip19.FindAll(string(line)) {
			found[string(line[m.Start:m.End])] = false
		}
	})
	require.Len(t, found, 151)
	lines(t, "real-events.jsonl", func(line []byte) {
		ev, _, err := nostr.ParseEvent(line)
		require.NoError(t, err)
		for _, text := range append(slices.Concat(tagStrings(ev)...), ev.Content) {
			for m := range nip19.FindAll(text) {
				word := strings.TrimPrefix(text[m.Start:m.End], "nostr:")
				assert.Contains(t, found, word)
				found[word] = true
			}
		}
	})
	for word, ok := range found {
		assert.True(t, ok, word)
	}
}

func tagStrings(ev *nostr.Event) (lists [][]string) {
	for _, tag := range ev.Tags {
		lists = append(lists, tag)
	}
	return lists
}

func FuzzFindAll(f *testing.F) {
	f.Add("hi nostr:" + npub + "! and " + note + naddr)
	f.Add("nostr:" + nsec)
	f.Add("NOSTR:" + nprofile)
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for m := range nip19.FindAll(text) {
			require.True(t, end <= m.Start && m.Start < m.End && m.End <= len(text))
			end = m.End
			_, secret := m.Entity.(nip19.SecretKey)
			require.False(t, secret)
			word := text[m.Start:m.End]
			if m.URI {
				e, err := nip19.DecodeURI(word)
				require.NoError(t, err)
				require.Equal(t, e, m.Entity)
				word = word[len("nostr:"):]
			}
			e, err := nip19.Decode(word)
			require.NoError(t, err)
			require.Equal(t, e, m.Entity)
		}
		e, err := nip19.DecodeURI(text)
		if err != nil {
			return
		}
		_, secret := e.(nip19.SecretKey)
		require.False(t, secret)
		bare, err := nip19.Decode(text[len("nostr:"):])
		require.NoError(t, err)
		require.Equal(t, bare, e)
	})
}
