package nostrtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// bulky returns n notes of 10 KB, the newest first; seven of them fill a
// connection's buffer.
func bulky(n int) []*nostr.Event {
	list := make([]*nostr.Event, n)
	for i := range list {
		list[i] = nostrtest.TextNoteAt(nostr.Timestamp(1000-i), nostrtest.Key(1), strings.Repeat("x", 10_000))
	}
	return list
}

func TestP35MessageOverTheReadLimitCostsTheConnection(t *testing.T) {
	limits := nostrtest.WithLimits(nostrtest.Limits{MessageLength: 10_000})
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		c.sendRaw(`["CLOSE","` + strings.Repeat("x", 10_000-12) + `"]`) // just fits
		assert.NoError(t, c.ended())
		c.sendRaw(strings.Repeat("x", 10_001))
		assert.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(c.ended()))
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
	}, limits)

	// On a socket too the client gets to read why, although it is still sending.
	relay := nostrtest.NewRelay(t, limits)
	c := dial(t, nil, relay.URL())
	_ = c.ws.Write(soon(t), websocket.MessageText, []byte(strings.Repeat("x", 3_000_000)))
	<-c.done
	assert.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(c.err))
}

func TestBinaryMessageGetsANotice(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, _ *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		require.NoError(t, c.ws.Write(t.Context(), websocket.MessageBinary, []byte(`["REQ","x",{}]`)))
		assert.Equal(t, []string{`["NOTICE","invalid: binary frame, want text"]`}, c.got())
	})
}

func TestCloseFrameOfTheClientIsAnsweredAndShown(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		require.NoError(t, c.ws.Close(4001, "had enough"))
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		conn, ok := relay.Connection(1)
		require.True(t, ok)
		assert.False(t, conn.Open())
		assert.Equal(t, 4001, conn.CloseCode)
		assert.Equal(t, "had enough", conn.CloseReason)

		abrupt := dial(t, network.HTTPClient(), home)
		abrupt.cut()
		require.NoError(t, relay.WaitConnections(t.Context(), 0))
		conn, _ = relay.Connection(2)
		assert.False(t, conn.Open())
		assert.Zero(t, conn.CloseCode)
	})
}

func TestPingsAreAnsweredAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		for range 3 {
			require.NoError(t, c.ws.Ping(t.Context()))
		}
		assert.Equal(t, 3, relay.Connections()[0].Pings)
	})
}

// A client whose own reader is held up pings and sends; the relay's answers
// have nowhere to go. The websocket library alone would give up on a pong
// after five seconds, and with it on the connection.
func TestConnectionOfASlowReaderSurvivesItsPings(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(bulky(20)...)
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
		require.NoError(t, err)
		defer ws.CloseNow()
		require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`["REQ","s",{}]`)))
		var answered atomic.Int32
		for range 3 {
			go func() {
				_ = ws.Ping(context.Background()) // ends with the connection: nobody reads yet
				answered.Add(1)
			}()
			time.Sleep(10 * time.Second)
			synctest.Wait()
		}
		assert.Zero(t, answered.Load())
		assert.Len(t, relay.Connections(), 1)

		for range 21 { // stored events and EOSE
			_, _, err := ws.Read(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`["CLOSE","s"]`)))
		_, err = relay.WaitMessage(t.Context(), func(m nostrtest.Message) bool { return m.Verb == "CLOSE" })
		require.NoError(t, err, "it is heard as well")
		assert.Equal(t, 3, relay.Connections()[0].Pings)
		require.NoError(t, ws.CloseNow())
		synctest.Wait()
	})
}

func TestSlowReaderIsCutOffAndHoldsUpNobody(t *testing.T) {
	var report string
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		slow, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
		require.NoError(t, err)
		defer slow.CloseNow()
		require.NoError(t, slow.Write(t.Context(), websocket.MessageText, []byte(`["REQ","s",{}]`)))
		fast := dial(t, network.HTTPClient(), home)
		fast.ask("REQ", "s", nostr.Filter{})
		big := strings.Repeat("x", 20_000)
		for i := range 15 {
			relay.Publish(nostrtest.TextNoteAt(nostr.Timestamp(i+1), nostrtest.Key(1), big))
			assert.Len(t, fast.got(), 1)
		}
		assert.Contains(t, report, "connection 1 reads too slowly")
		open := relay.Connections()
		require.Len(t, open, 1)
		assert.Equal(t, 2, open[0].Number)
	}, nostrtest.WithSendBuffer(100_000), nostrtest.WithLog(func(format string, args ...any) {
		report += fmt.Sprintf(format, args...)
	}))
}

func TestStoredEventsWaitForASlowReaderWithoutLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		list := bulky(20)
		relay.Publish(list...)
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
		require.NoError(t, err)
		defer ws.CloseNow()
		require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`["REQ","s",{}]`)))
		time.Sleep(time.Hour)
		live := nostrtest.TextNote(nostrtest.Key(1), "live")
		relay.Publish(live)
		for _, want := range append(stored("s", list...), events("s", live)...) {
			_, got, err := ws.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
	}, nostrtest.WithSendBuffer(10_000))
}

func TestP13ReplacedSubscriptionStopsSendingItsStoredEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Publish(bulky(20)...)
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
		require.NoError(t, err)
		defer ws.CloseNow()
		send := func(frame string) {
			require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(frame)))
			synctest.Wait()
		}
		send(`["REQ","s",{}]`)
		send(`["REQ","s",{"kinds":[7]}]`)
		count := 0
		for {
			_, frame, err := ws.Read(t.Context())
			require.NoError(t, err)
			if string(frame) == eose("s") {
				break
			}
			count++
		}
		assert.Less(t, count, 9, "what was in the pipe, and no more; EOSE is the new one's")
		synctest.Wait()
	})
}

func TestGoodbyeOfAGracefulStopComesAfterWhatIsQueued(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		relay.Notice("maintenance")
		relay.StopGracefully(1012, "back soon")
		var frame websocket.CloseError
		require.True(t, errors.As(c.ended(), &frame))
		assert.Equal(t, websocket.CloseError{Code: 1012, Reason: "back soon"}, frame)
		assert.Equal(t, []string{`["NOTICE","maintenance"]`}, c.got())
		conn, _ := relay.Connection(1)
		assert.Equal(t, 1012, conn.CloseCode, "the client's answer")
	})
}

func TestGracefulStopWaitsOneSecondForAClientThatDoesNotAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{HTTPClient: network.HTTPClient()})
		require.NoError(t, err)
		defer ws.CloseNow()
		start := time.Now()
		relay.StopGracefully(1001, "")
		assert.Equal(t, time.Second, time.Since(start))
		assert.Empty(t, relay.Connections())
	})
}

func TestCompressionIsNegotiatedWhenAllowed(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		opts := []nostrtest.Option{}
		if allowed {
			opts = append(opts, nostrtest.WithCompression())
		}
		inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
			note := nostrtest.TextNote(nostrtest.Key(1), strings.Repeat("again and ", 1000))
			relay.Publish(note)
			ws, response, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{
				HTTPClient: network.HTTPClient(), CompressionMode: websocket.CompressionContextTakeover})
			require.NoError(t, err)
			defer ws.CloseNow()
			assert.Equal(t, allowed, strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate"))
			require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`["REQ","s",{}]`)))
			_, frame, err := ws.Read(t.Context())
			require.NoError(t, err)
			assert.Equal(t, events("s", note)[0], string(frame))
		}, opts...)
	}
}
