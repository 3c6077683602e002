package nip77_test

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// pairs are items as they are in the transcripts: [[created_at,id],…]. There are 93,000 of
// them, so they are taken apart without reflection.
type pairs []item

func (ps *pairs) UnmarshalJSON(data []byte) (err error) {
	var it item
	date := true
	for part := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return strings.ContainsRune("[], \"", r) }) {
		if date {
			var at int64
			at, err = strconv.ParseInt(part, 10, 64)
			it.at = nostr.Timestamp(at)
		} else {
			it.id, err = nostr.IDFromHex(part)
			*ps = append(*ps, it)
		}
		if err != nil {
			return err
		}
		date = !date
	}
	return nil
}

type transcript struct {
	Name        string
	ClientLimit int   `json:"client_frame_limit"`
	ServerLimit int   `json:"server_frame_limit"`
	ClientItems pairs `json:"client_items"`
	ServerItems pairs `json:"server_items"`
	Messages    []string
	Have, Need  []nostr.ID
}

// The dialogues of the reference implementation, every byte of both sides.
// Shows P70.
func TestTheTranscriptsOfTheReference(t *testing.T) {
	rows := 0
	for d := json.NewDecoder(gunzipped(t, "negentropy-transcripts.jsonl.gz")); d.More(); rows++ {
		var row transcript
		require.NoError(t, d.Decode(&row))
		c := client(t, setOf(t, row.ClientItems...), row.ClientLimit)
		s := server(t, setOf(t, row.ServerItems...), row.ServerLimit)
		told, messages := talk(t, c, s)
		require.Len(t, messages, len(row.Messages), row.Name)
		for i, m := range messages {
			require.Equal(t, row.Messages[i], hex.EncodeToString(m), "%s: message %d", row.Name, i)
		}
		assert.Equal(t, sorted(row.Have), sorted(told.have), row.Name)
		assert.Equal(t, sorted(row.Need), sorted(told.need), row.Name)
	}
	assert.Equal(t, 22, rows)
}

type hostile struct {
	Items []struct {
		T  nostr.Timestamp
		ID nostr.ID
	}
	Messages []struct{ Name, Side, Message, Expect, Why string }
	Frames   []struct {
		Frame, From, Why string
		Expect           json.RawMessage
	}
}

// Good, odd and hostile messages to either side. Where the data says that it is a choice, the
// one that it suggests is taken.
func TestTheMessagesOfTheFile(t *testing.T) {
	var file hostile
	vectors.JSON(t, "nip77-hostile.json", &file)
	require.Len(t, file.Messages, 41)
	items := make([]item, len(file.Items))
	for i, it := range file.Items {
		items[i] = item{it.T, it.ID}
	}
	set := setOf(t, items...)
	notHex := 0
	for _, m := range file.Messages {
		message, err := hex.DecodeString(m.Message)
		if err != nil { // for package wire
			assert.Equal(t, "error", m.Expect, m.Name)
			notHex++
			continue
		}
		var answer []byte
		var told differences
		if m.Side == "client" {
			c := client(t, set, 0)
			c.Initiate()
			answer, err = told.reconcile(c, message)
		} else {
			answer, err = server(t, set, 0).Reconcile(message)
		}
		switch m.Expect {
		case "error":
			assert.Error(t, err, m.Name)
			assert.Empty(t, told, m.Name)
		case "end":
			require.NoError(t, err, m.Name)
			assert.Nil(t, answer, m.Name)
		default:
			require.NoError(t, err, m.Name)
			assert.Equal(t, m.Expect, hex.EncodeToString(answer), m.Name)
		}
	}
	assert.Equal(t, 2, notHex)
}

// The messages that carry these are package wire's; here it is seen that what it makes of the
// file is what this package needs. Three it reads although the file suggests to refuse them: an
// empty payload is refused here, and an error without a reason is an error nevertheless.
func TestTheFramesOfTheFile(t *testing.T) {
	var file hostile
	vectors.JSON(t, "nip77-hostile.json", &file)
	require.Len(t, file.Frames, 43)
	lenient := map[string]bool{`["NEG-MSG","sub",""]`: true, `["NEG-ERR","sub"]`: true, `["NEG-ERR","sub",null]`: true}
	refused := 0
	for _, f := range file.Frames {
		got, err := parse(f.Frame, strings.HasPrefix(f.From, "client"))
		switch expect := string(f.Expect); {
		case expect == `"reject"` && !lenient[f.Frame]:
			refused++
			assert.Error(t, err, f.Frame)
		case expect == `"reject"`:
			assert.NoError(t, err, f.Frame)
		case expect == `"notice"`:
			assert.IsType(t, wire.Notice{}, got, f.Frame)
		case expect == `"closed"`:
			assert.IsType(t, wire.Closed{}, got, f.Frame)
		default:
			var want frame
			require.NoError(t, json.Unmarshal(f.Expect, &want))
			assert.Equal(t, want, asFrame(t, got), f.Frame)
		}
	}
	assert.Equal(t, 14, refused)
}

func parse(text string, fromClient bool) (any, error) {
	if fromClient {
		return wire.ParseClient([]byte(text))
	}
	return wire.ParseServer([]byte(text))
}

// frame is what the file expects of one that is read.
type frame struct{ Sub, Prefix, Message string }

func asFrame(t *testing.T, message any) frame {
	switch m := message.(type) {
	case wire.NegErr:
		prefix, text := wire.SplitPrefix(m.Reason)
		return frame{m.SubscriptionID, prefix, text}
	case wire.NegMsg:
		return frame{m.SubscriptionID, "", hex.EncodeToString(m.Payload)}
	case wire.NegOpen:
		return frame{m.SubscriptionID, "", hex.EncodeToString(m.Payload)}
	case wire.NegClose:
		return frame{Sub: m.SubscriptionID}
	}
	require.Fail(t, "another message", "%#v", message)
	return frame{}
}
