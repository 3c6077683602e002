package nip77_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Every refusal says what is wrong and at which byte, to both sides, and has no effect.
func TestWhatIsRefusedAndWhere(t *testing.T) {
	id, list := strings.Repeat("ab", 32), "00000201"+strings.Repeat("ab", 32)
	for message, want := range map[string]string{
		"":                                       "an empty message, without a protocol version at byte 0",
		"5f":                                     "no protocol version at byte 0",
		"70":                                     "no protocol version at byte 0",
		"6187":                                   "a number cut short at byte 1",
		"6100":                                   "a number cut short at byte 2",
		"610000":                                 "a number cut short at byte 3",
		"61818080808080808080800000":             "a number beyond 64 bits at byte 1",
		"6182ffffffffffffffff7f0000":             "a number beyond 64 bits at byte 1",
		"6180808080808080808080010000":           "a number beyond 64 bits at byte 1",
		"6181ffffffffffffffff7f0000020000":       "a timestamp beyond 64 bits at byte 13",
		"61000000" + "020000":                    "a timestamp beyond 64 bits at byte 4",
		"61012100" + id:                          "an id prefix of more than 32 bytes at byte 2",
		"6101" + "81ffffffffffffffff7f" + "0000": "an id prefix of more than 32 bytes at byte 2",
		"610120ab":                               "an id prefix cut short at byte 3",
		"61000003":                               "an unknown mode at byte 3",
		"6100008102":                             "an unknown mode at byte 3",
		"61000081ffffffffffffffff7f":             "an unknown mode at byte 3",
		"61000001" + strings.Repeat("00", 15):    "a fingerprint cut short at byte 4",
		"61000002":                               "a number cut short at byte 4",
		"6100000202" + id:                        "a list of more ids than there are bytes left at byte 4",
		"61000002a08080808000" + id:              "a list of more ids than there are bytes left at byte 4",
		"6100000281808080808080808000" + id:      "a list of more ids than there are bytes left at byte 4",
		"6100000281ffffffffffffffff7f" + id:      "a list of more ids than there are bytes left at byte 4",
		"610502ff0100" + "01" + "02ff0000":       "a bound before the last one at byte 6",
		"610501ff00" + "010000":                  "a bound before the last one at byte 5",
		"61" + list + "05":                       "a timestamp beyond 64 bits at byte 37",
		"61" + list + "00":                       "a number cut short at byte 38",
	} {
		for _, side := range []string{"server", "client"} {
			_, err := reconcile(t, side, unhex(t, message))
			var parse *nip77.ParseError
			require.ErrorAs(t, err, &parse, "%s %s", side, message)
			assert.EqualError(t, err, "nip77: message refused: "+want, message)
		}
	}
}

func reconcile(t *testing.T, side string, message []byte) ([]byte, error) {
	set := numbered(t, 0, 50)
	if side == "server" {
		return server(t, set, 0).Reconcile(message)
	}
	var told differences
	next, err := told.reconcile(client(t, set, 0), message)
	if err != nil {
		assert.Empty(t, told, "nothing is told of a message that is refused")
	}
	return next, err
}

// What is odd and has one meaning only is let pass.
func TestWhatIsOddAndLetPass(t *testing.T) {
	for message, what := range map[string]string{
		"6180000000":                 "leading zeros in a number",
		"61000000000000":             "a range behind infinity",
		"6100000001010000":           "the smallest number behind infinity",
		"610201ab00" + "0102ab0000":  "equal bounds, spelled differently",
		"6181fffffffffffffffe7f0000": "a date beyond 63 bits",
		"610001ab00":                 "a prefix at infinity",
	} {
		for _, side := range []string{"server", "client"} {
			_, err := reconcile(t, side, unhex(t, message))
			assert.NoError(t, err, "%s: %s", side, what)
		}
	}
}

// A message that is refused leaves the client as it was: the next one is read as if nothing had been.
func TestAClientGoesOnAfterAMessageThatItRefused(t *testing.T) {
	c, s := client(t, numbered(t, 0, 20), 0), server(t, numbered(t, 10, 30), 0)
	answer, err := s.Reconcile(c.Initiate())
	require.NoError(t, err)
	var told differences
	_, err = told.reconcile(c, answer[:len(answer)-1])
	require.Error(t, err)
	require.Empty(t, told)
	_, err = told.reconcile(c, answer)
	require.NoError(t, err)
	assert.Equal(t, ids(0, 10), sorted(told.have))
	assert.Equal(t, ids(20, 30), sorted(told.need))
}

// What is listed several times, in one list or in many, is told once; what the client has in the
// range is not needed, however often it is listed.
func TestAnIDThatIsListedAgainIsToldOnce(t *testing.T) {
	c := client(t, numbered(t, 0, 3), 0)
	c.Initiate()
	list := func(ids ...nostr.ID) []byte {
		m := []byte{0x61, 0, 0, 2, byte(len(ids))}
		for _, id := range ids {
			m = append(m, id[:]...)
		}
		return m
	}
	var told differences
	for range 3 {
		_, err := told.reconcile(c, list(idOf(0), idOf(9), idOf(0), idOf(1), idOf(9), idOf(1)))
		require.NoError(t, err)
	}
	assert.Equal(t, differences{have: []nostr.ID{idOf(2)}, need: []nostr.ID{idOf(9)}}, told)
}

// A server whose fingerprints never fit is left after a bounded number of messages.
func TestAServerThatComesToNoEndIsLeft(t *testing.T) {
	lie := append([]byte{0x61, 0, 0, 1}, make([]byte, 16)...)
	c := client(t, numbered(t, 0, 100), 0)
	c.Initiate()
	for n := 1; ; n++ {
		next, err := c.Reconcile(lie, nil, nil)
		if err != nil {
			require.ErrorIs(t, err, nip77.ErrStalled)
			assert.Equal(t, nip77.MaxIdleRounds+1, n)
			break
		}
		require.NotNil(t, next)
	}
	c.Initiate()
	_, err := c.Reconcile(lie, nil, nil)
	assert.NoError(t, err, "to begin anew is to begin to count anew")
}

// A message can announce what it likes; an answer takes memory in proportion to what it says.
func TestAnnouncementsReserveNothing(t *testing.T) {
	s := server(t, numbered(t, 0, 50), 4096)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 10_000 {
		_, err := s.Reconcile(unhex(t, fmt.Sprintf("610000029f%02x%02x%02x00", 0x80|i%128, 0xff, 0xff)))
		require.Error(t, err)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20<<20))
}

// junk is a message with a range for every 32 items of numbered, whose fingerprints are nobody's,
// followed by what is given.
func junk(ranges int, rest ...byte) []byte {
	m, last := []byte{0x61}, 0
	for i := range ranges {
		at := 1_700_000_000 + 32*(i+1)
		m = append(nip77.AppendVarint(m, uint64(at-last+1)), 0, 1)
		m = append(m, make([]byte, 16)...)
		last = at
	}
	return append(m, rest...)
}

// fit is how many of these ranges are answered in a frame of 4,096 bytes, by sixteen each.
const fit = 12

// A rest for which there is no room has a fingerprint that differs if the sets do, also if the
// other side has nothing there: that of what lies beyond the range would be that of nothing,
// both sides would agree on it, and a hundred ids would be lost.
func TestARestOfWhichTheOtherSideHasNothingIsNotLost(t *testing.T) {
	set := numbered(t, 0, 32*fit+100)
	nothing := set.Fingerprint(0, 0)
	answer, err := server(t, set, 4096).Reconcile(junk(fit, append([]byte{0, 0, 1}, nothing[:]...)...))
	require.NoError(t, err)
	require.Greater(t, len(answer), 3500)
	rest := set.Fingerprint(32*fit, set.Len())
	assert.Equal(t, append([]byte{0, 0, 1}, rest[:]...), answer[len(answer)-19:])
}

// Of what the other side has something of, the fingerprint is the same as that of other
// implementations: it differs in any case.
func TestARestOfWhichTheOtherSideHasSomethingIsAsInOtherImplementations(t *testing.T) {
	set := numbered(t, 0, 32*(fit+1)+100)
	answer, err := server(t, set, 4096).Reconcile(junk(fit + 1))
	require.NoError(t, err)
	rest := set.Fingerprint(32*(fit+1), set.Len())
	assert.Equal(t, append([]byte{0, 0, 1}, rest[:]...), answer[len(answer)-19:])
}

// What is left when a list has filled the frame is a list too if it is empty: the client is
// told at once that it has more than the server.
func TestARestWithoutItemsIsAnEmptyList(t *testing.T) {
	const listed = 122 // ids in a frame of 4,096 bytes
	set := numbered(t, 0, listed)
	answer, err := server(t, set, 4096).Reconcile([]byte{0x61, 0x90, 0x80, 0x80, 0x80, 0, 0, 2, 0})
	require.NoError(t, err)
	assert.Equal(t, []byte{0, 0, 2, 0}, answer[len(answer)-4:])

	answer, err = server(t, set, 4096).Reconcile([]byte{0x61, 0, 0, 2, 0})
	require.NoError(t, err)
	assert.Len(t, answer, 5+32*listed, "and there is none behind infinity")
}

// What the client has been told stays settled: a frame that is full does not open it again.
func TestWhatIsSettledIsNotOpenedAgain(t *testing.T) {
	set := numbered(t, 0, 32*(fit+2)+100)
	m := junk(fit)
	m = append(m, 33, 0, 0)                              // skip 32 items
	m = append(append(m, 33, 0, 1), make([]byte, 16)...) // for these there is no room
	answer, err := server(t, set, 4096).Reconcile(m)
	require.NoError(t, err)
	assert.Equal(t, []byte{33, 0, 0, 0, 0, 1}, answer[len(answer)-22:len(answer)-16])
}

// Whatever comes, the answers keep their limits, cost no more than they may, and nobody panics.
func TestBytesAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	set := numbered(t, 0, 2000)
	s, c := server(t, set, 4096), client(t, set, 4096)
	read := 0
	for range 20_000 {
		m := make([]byte, 1+random.IntN(60))
		for i := range m {
			m[i] = byte(random.IntN(4)) // small numbers, so that there is something to read
		}
		m[0] = 0x61
		answer, err := s.Reconcile(m)
		if err == nil {
			read++
		}
		assert.LessOrEqual(t, len(answer), 4096)
		answer, _ = c.Reconcile(m, nil, nil)
		assert.LessOrEqual(t, len(answer), 4096)
	}
	assert.Greater(t, read, 500)
}
