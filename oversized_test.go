package gennostr_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A stored event over the read limit at the head of every answer is read past:
// what follows arrives, the connection lives, and OnError knows what was missed.
// Shows L38, D15.
func TestAnOverLongEventCostsAReportAndNothingElse(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example")
		r := &recorder{}
		client := start(t, r, over(network, gennostr.WithRelays("wss://a.example"), gennostr.WithReadLimit(1000))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		long := `{"id":"` + strings.Repeat("0", 64) + `","content":"` + strings.Repeat("x", 2000) + `"}`
		for range 2 {
			relay.Inject(`["EVENT","all",` + long + `]`)
			relay.Inject(` [ "EVENT", "a\nb" , ` + long + `]`)
			relay.Inject(`{"EVENT":"all","x":` + long + `}`)
			relay.Notice("after")
		}
		time.Sleep(5 * time.Second) // virtual
		assert.Len(t, r.Named("OnNotice"), 2)
		assert.Empty(t, r.Named("OnDisconnect"))
		var texts []string
		total := 0
		for _, n := range r.Named("OnError") {
			var reject *gennostr.RejectError
			require.ErrorAs(t, n.Msg.(error), &reject)
			assert.Equal(t, gennostr.ErrFrameTooLarge, reject.Reason)
			texts = append(texts, reject.Err.Error())
			total += reject.Count
		}
		assert.Equal(t, 6, total)
		assert.Equal(t, `gennostr: message over the read limit: EVENT for "all" of 2102 bytes, at most 1000 are read`, texts[0])
		status, _ := client.Relay("wss://a.example")
		assert.EqualValues(t, 6, status.Traffic.Oversized)
		assert.EqualValues(t, 8, status.Traffic.MessagesIn)
		assert.Equal(t, 1, status.Connects)
	})
}

// What the head of a message says is read as far as it can be, and never trusted.
func TestWhatAnOverLongMessageWasIsReadFromItsHead(t *testing.T) {
	for head, want := range map[string][2]string{
		`["EVENT","sub",{"id"`:                       {"EVENT", "sub"},
		" [\n\t\"EVENT\" , \"a\\u0062\\n\",{":        {"EVENT", "ab\n"},
		`["CLOSED","sub","xxx`:                       {"CLOSED", "sub"},
		`["NEG-MSG","sub","61`:                       {"NEG-MSG", "sub"},
		`["NOTICE","xxxx`:                            {"NOTICE", ""},
		`["EVENT","su`:                               {"EVENT", ""},
		`["EVENT",{"id":`:                            {"EVENT", ""},
		`["EVENT"`:                                   {"EVENT", ""},
		`["` + strings.Repeat("A", 100) + `","sub",`: {"", ""},
		"[\"EVENT\x1b\",\"sub\",":                    {"", ""},
		`["EV`:                                       {"", ""},
		`{"EVENT":"sub"`:                             {"", ""},
		`[[[[[[`:                                     {"", ""},
		strings.Repeat(" ", 1024):                    {"", ""},
		``:                                           {"", ""},
	} {
		verb, id := gennostr.HeadOf([]byte(head))
		assert.Equal(t, want, [2]string{verb, id}, "%q", head)
	}
}

// A relay that drips a message is not waited for longer than one may take, and is dialled again.
// Shows D15.
func TestL29ATerabyteInDripsCostsTheMessageTimeout(t *testing.T) {
	r := &recorder{}
	start(t, r, gennostr.WithManualReconnect(), gennostr.WithMessageTimeout(100*time.Millisecond), gennostr.WithRelays(rawRelay(t, func(conn net.Conn, request *http.Request) {
		upgrade(conn, request)
		_, err := io.WriteString(conn, "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00")
		every := time.NewTicker(5 * time.Millisecond)
		defer every.Stop()
		for err == nil { // each byte is a sign of life
			<-every.C
			_, err = io.WriteString(conn, "x")
		}
	})))
	r.WaitCount(t, "OnDisconnect", 1)
	assert.ErrorIs(t, sameEnd(t, r.All()), gennostr.ErrMessageTimeout)
}
