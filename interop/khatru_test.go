//go:build !race

package interop_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// gist is what of a message a client acts on: all of an EVENT, EOSE, COUNT and of OK
// true; of a refusal its prefix; of NOTICE and AUTH that they came.
func gist(t *testing.T, frame string) string {
	t.Helper()
	rest, feed := strings.CutSuffix(frame, "\n")
	require.True(t, feed, "khatru ends messages with a line feed: %q", frame)
	var parts []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(rest), &parts))
	switch verb := text(parts[0]); verb {
	case "EVENT":
		var event found
		require.NoError(t, json.Unmarshal(parts[2], &event))
		return "EVENT " + text(parts[1]) + " " + event.ID
	case "OK":
		reason := text(parts[3])
		if string(parts[2]) == "false" {
			reason, _, _ = strings.Cut(reason, ":")
		}
		reason = strings.TrimSuffix(reason, " listeners") // which the newer line does not say
		return "OK " + text(parts[1]) + " " + string(parts[2]) + " " + reason
	case "CLOSED":
		prefix, _, _ := strings.Cut(text(parts[2]), ":")
		return "CLOSED " + text(parts[1]) + " " + prefix
	case "COUNT":
		return "COUNT " + text(parts[1]) + " " + string(parts[2])
	case "EOSE":
		return "EOSE " + text(parts[1])
	default:
		return verb
	}
}

// step is a message, and how many answers it gets. Without a message it is a new connection.
type step struct {
	name    string
	message string
	answers int
}

// answerAlike puts the same messages to both relays, each when the one before is answered.
// The answers to the steps of some names may come in any order.
func answerAlike(t *testing.T, ours, theirs peer, steps []step, anyOrder ...string) {
	t.Helper()
	a, b := ours.talk(t), theirs.talk(t)
	for _, step := range steps {
		if step.message == "" {
			a, b = ours.talk(t), theirs.talk(t)
			continue
		}
		a.say(step.message)
		b.say(step.message)
		var want, got []string
		for range step.answers {
			ourFrame, err := a.read()
			require.NoError(t, err, step.name)
			theirFrame, err := b.read()
			require.NoError(t, err, step.name)
			got, want = append(got, gist(t, ourFrame)), append(want, gist(t, theirFrame))
		}
		if slices.Contains(anyOrder, step.name) {
			assert.ElementsMatch(t, want, got, step.name)
			continue
		}
		assert.Equal(t, want, got, step.name)
	}
}

// What Q02 and Q03 say of khatru and slicestore, from both: the profile is as honest as
// the relay that it stands for.
func TestQ02AndQ03SlicestoreProfileAnswersAsKhatruDoes(t *testing.T) {
	say := func(event gonostr.Event) string { return `["EVENT",` + event.String() + `]` }
	note := sign(t, 1, 1000, 1, "note", gonostr.Tag{"t", "x"}, gonostr.Tag{"t", "y"})
	second := sign(t, 1, 1001, 1, "second")
	deletion := sign(t, 1, 1002, 5, "", gonostr.Tag{"e", note.ID})
	expired := sign(t, 1, 1003, 1, "expired", gonostr.Tag{"expiration", "2000"})
	ephemeral := sign(t, 1, 1004, 20001, "anybody?")
	profile, older := sign(t, 1, 1006, 0, "new"), sign(t, 1, 1005, 0, "old")
	live, byID := sign(t, 1, 1007, 1, "live"), sign(t, 1, 1008, 1, "by its id")
	added := sign(t, 1, 1010, 1, "to an open id")
	protected := sign(t, 1, 1009, 1, "mine", gonostr.Tag{"-"})
	repost := sign(t, 2, 1009, 6, protected.String())
	forged := note
	forged.Content = "forged"
	notes, mine := `{"kinds":[1]}`, `{"authors":["`+note.PubKey+`"],"kinds":[1]}`

	ours, theirs := startOurs(t, nostrtest.Slicestore()), startKhatru(t, 500)
	answerAlike(t, ours, theirs, []step{
		{"a note", say(note), 1},
		{"the same again", say(note), 1},
		{"a second one", say(second), 1},
		{"a deletion", say(deletion), 1},
		{"a deleted event comes back", say(note), 1},
		{"an expired event", say(expired), 1},
		{"an ephemeral event that nobody hears", say(ephemeral), 1},
		{"a profile", say(profile), 1},
		{"an expired event is served", `["REQ","s",` + notes + `]`, 4},
		{"once per filter", `["REQ","s",` + notes + `,` + mine + `]`, 7},
		{"repeated values", `["REQ","s",{"kinds":[1,1],"#t":["x","y","x"]}]`, 2},
		{"limit 0", `["REQ","s",{"limit":0}]`, 1},
		{"an empty list", `["REQ","s",{"kinds":[]}]`, 1},
		{"since drops its second", `["REQ","s",{"kinds":[1],"since":1001}]`, 2},
		{"until does not", `["REQ","s",{"kinds":[1],"until":1001}]`, 3},
		{"unknown conditions are passed over", `["REQ","s",{"kinds":[5],"&t":["x"]}]`, 2},
		{"a long id", `["REQ","` + strings.Repeat("x", 100) + `",{"kinds":[5]}]`, 2},
		{"the last filter is counted", `["COUNT","c",{"kinds":[1]},{"kinds":[5]}]`, 1},
		{"the last filter is counted, again", `["COUNT","c",{"kinds":[5]},{"kinds":[1]}]`, 1},
		{"a REQ that is none", `["REQ","s",{"ids":"no"}]`, 1},
		{"a REQ without filters", `["REQ","s"]`, 1},
		{"no JSON", `nonsense`, 1},
		{"an unknown verb", `["HELLO","s"]`, 1},
		{"a forged event", say(forged), 1},
		{"a protected one", say(protected), 2},
		{"a repost that embeds it", say(repost), 1},

		{name: "a new connection"}, // CLOSE would race with what follows: khatru handles messages side by side
		{"a listener", `["REQ","e",{"kinds":[20001]}]`, 1},
		{"an ephemeral event that is heard", say(ephemeral), 2},
		{"a listener for profiles", `["REQ","o",{"kinds":[0],"limit":0}]`, 1},
		{"an outdated one comes live", say(older), 2},
		{"only the new one is stored", `["REQ","p",{"kinds":[0]}]`, 2},
		{"listeners by two filters and by id", `["REQ","l",{"kinds":[1],"limit":0},{"authors":["` + note.PubKey + `"],"limit":0},{"ids":["` + byID.ID + `"],"limit":0}]`, 1},
		{"live once per filter", say(live), 3},
		{"live by an id too", say(byID), 4},

		{name: "a new connection"},
		{"an id", `["REQ","s",{"kinds":[1],"limit":0}]`, 1},
		{"the same id with another filter", `["REQ","s",{"kinds":[7],"limit":0}]`, 1},
		{"live by the filter that should be gone", say(added), 2},
	}, "once per filter") // which khatru asks for at once

	// 512,000 bytes are taken, one more ends the connection; no document says so.
	for _, p := range []peer{ours, theirs} {
		c := p.talk(t)
		c.say(`["REQ","s",{"kinds":[7]}` + strings.Repeat(" ", 512_000-25) + `]`)
		frame, err := c.read()
		require.NoError(t, err, p.name)
		assert.Equal(t, "EOSE s", gist(t, frame), p.name)
		if c.ws.Write(ctx(t), websocket.MessageText, []byte(strings.Repeat("x", 512_001))) == nil {
			_, err = c.read()
			require.Error(t, err, p.name)
			if code := websocket.CloseStatus(err); code != -1 { // else the end of the socket has overtaken the close frame
				assert.Equal(t, websocket.StatusMessageTooBig, code, p.name)
			}
		}
		assert.Empty(t, p.document(t).Limitation, p.name)
	}
}
