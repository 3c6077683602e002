package nostrtest_test

import (
	"encoding/binary"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

var everything = nostr.Filter{}

// note returns a note of a fixed second, so that frames of it have a fixed length.
func note(at int) *nostr.Event {
	made, known := notesMade.Load(at)
	if !known {
		made, _ = notesMade.LoadOrStore(at, nostrtest.TextNoteAt(nostr.Timestamp(at), nostrtest.Key(1), "note"))
	}
	return made.(*nostr.Event).Clone()
}

// notesMade are those that note has made: to sign one takes ten milliseconds under the
// race detector.
var notesMade sync.Map // int to *nostr.Event, which nobody changes

func TestCutAfterFramesEndsWithFIN(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(3), note(2), note(1))
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, events("s", w.relay.Events()[:2]...), c.nexts(2))
		rest, err := c.end()
		assert.Empty(t, rest, "the third frame, which was under way, is lost")
		assert.Equal(t, io.EOF, err)
	}, nostrtest.WithFaults(nostrtest.Cut().AfterFrames(2)))
}

func TestResetAfterFramesEndsWithRST(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2))
		c := w.dial()
		c.send("REQ", "s", everything)
		_, err := c.end()
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}, nostrtest.WithFaults(nostrtest.Reset().AfterFrames(1)))
}

func TestCutAfterBytesEndsAmidAFrame(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		c.send("REQ", "s", everything)
		rest, err := c.end()
		assert.Equal(t, io.EOF, err)
		assert.Len(t, rest, 100)
		assert.Equal(t, events("s", note(1))[0][:20], rest[4:24], "behind the head of a longer frame")
		second := w.dial()
		second.send("REQ", "s", everything)
		assert.Len(t, second.next(), len(events("s", note(1))[0]), "Times counts connections here")
	}, nostrtest.WithFaults(nostrtest.Cut().AfterBytes(100).Times(1)))
}

func TestResetAfterBytesEndsEachConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		for range 2 {
			c := w.dial()
			c.send("REQ", "s", everything)
			_, err := c.end()
			require.True(t, isReset(err), "%v", err)
		}
	}, nostrtest.WithFaults(nostrtest.Reset().AfterBytes(5)))
}

func TestCutAndResetAtVerbs(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		defer w.relay.Break(nostrtest.Cut().On("CLOSE"), nostrtest.Reset().Before("EOSE").Nth(2), nostrtest.Cut().After("OK").Nth(2))()
		c := w.dial()
		c.send("EVENT", note(1))
		assert.Equal(t, ok(note(1)), c.next())
		c.send("EVENT", note(2))
		assert.Equal(t, ok(note(2)), c.next(), "After comes behind the message")
		_, err := c.end()
		assert.Equal(t, io.EOF, err)

		c = w.dial()
		c.send("REQ", "s", everything)
		c.nexts(3)
		c.send("CLOSE", "s")
		_, err = c.end()
		assert.Equal(t, io.EOF, err)
		require.NoError(t, w.relay.WaitFor(soon(t), func() bool { return len(w.relay.Subscriptions()) == 0 }))

		c = w.dial()
		c.send("REQ", "s", everything)
		rest, err := c.end()
		assert.NotContains(t, rest, "EOSE")
		assert.True(t, isReset(err), "%v", err)
	})
}

func TestCutOfOpenConnectionsAndOfEachNewOne(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		open := w.dial()
		mend := w.relay.Break(nostrtest.Cut())
		_, err := open.end()
		assert.Equal(t, io.EOF, err)
		_, err = w.dial().end()
		assert.Equal(t, io.EOF, err)
		mend()
		w.dial().alive()
	})
}

func TestSilenceLeavesTheConnectionHalfOpenUntilItIsMended(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		mend := w.relay.Break(nostrtest.Silence().OnConnection(1))
		c.sendFrame(9, "ping")
		c.send("REQ", "s", everything)
		w.relay.Notice("lost?")
		c.quiet()
		assert.Empty(t, w.relay.Requests())
		assert.Len(t, w.relay.Connections(), 1)
		w.dial().alive()
		mend()
		var got []string
		for range 3 {
			got = append(got, c.mustFrame().payload)
		}
		assert.ElementsMatch(t, []string{"ping", `["NOTICE","lost?"]`, eose("s")}, got)
	})
}

func TestSilenceHidesThatTheClientHasGone(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.Silence())
		require.NoError(t, c.conn.Close())
		if w.network != nil {
			time.Sleep(time.Hour)
		}
		assert.Len(t, w.relay.Connections(), 1)
		mend()
		require.NoError(t, w.relay.WaitConnections(soon(t), 0))
	})
}

func TestStalledReadsFillTheBuffersAndTheRelayStillTalks(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.StallReads())
		big := `["` + strings.Repeat("x", 10_000) + `"]`
		stuck := error(nil)
		for sent := 0; sent < 64<<20 && stuck == nil; sent += len(big) {
			_ = c.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			stuck = c.trySendNow(1, big)
		}
		require.ErrorIs(t, stuck, os.ErrDeadlineExceeded, "the client's write waits")
		assert.Empty(t, w.relay.Received())
		w.relay.Notice("I talk")
		assert.Equal(t, `["NOTICE","I talk"]`, c.next())
		mend()
		_, err := w.relay.WaitMessage(soon(t), func(m nostrtest.Message) bool { return m.Frame == big })
		require.NoError(t, err)
	})
}

func TestStalledWritesHearAndDoNotAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.StallWrites())
		c.send("EVENT", note(1))
		_, err := w.relay.WaitEvent(soon(t), everything)
		require.NoError(t, err)
		c.quiet()
		mend()
		assert.Equal(t, ok(note(1)), c.next())
	})
}

func TestDripSendsOneByteAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		w := world{t, relay, network}
		mend := relay.Break(nostrtest.Drip(time.Second))
		c := w.dial()
		start := time.Now()
		c.send("CLOSE", "none") // no answer
		c.send("REQ", "s", everything)
		var got []byte
		for range 2 + len(eose("s")) {
			b := make([]byte, 100)
			c.until(time.Minute)
			n, err := c.conn.Read(b)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			got = append(got, b[:n]...)
		}
		assert.Equal(t, eose("s"), string(got[2:]))
		assert.Equal(t, time.Duration(1+len(eose("s")))*time.Second, time.Since(start))
		relay.Notice(strings.Repeat("slow ", 20))
		c.until(time.Hour)
		_, err := c.in.Peek(1)
		require.NoError(t, err)
		mend()
		synctest.Wait()
		start = time.Now()
		assert.Equal(t, `["NOTICE","`+strings.Repeat("slow ", 20)+`"]`, c.next())
		assert.Less(t, time.Since(start), 2*time.Second, "the rest comes at once")
	})
	// On a socket the bytes may be read together; that they were sent apart shows in the time.
	w := world{t: t, relay: nostrtest.NewRelay(t, nostrtest.WithFaults(nostrtest.Drip(time.Millisecond)))}
	c := w.dial()
	start := time.Now()
	c.send("REQ", "s", everything)
	assert.Equal(t, eose("s"), c.next())
	assert.GreaterOrEqual(t, time.Since(start), time.Duration(len(eose("s")))*time.Millisecond)
}

func TestDripWithoutPauseStillDeliversEverything(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, append(events("s", w.relay.Events()...), eose("s")), c.nexts(2))
	}, nostrtest.WithFaults(nostrtest.Drip(0)))
}

func TestSilenceAfterFramesAndBytesHoldsTheRestUntilItIsMended(t *testing.T) {
	for _, fault := range []nostrtest.Fault{nostrtest.Silence().AfterFrames(1), nostrtest.Silence().AfterBytes(100)} {
		everywhere(t, func(t *testing.T, w world) {
			w.relay.Publish(note(1), note(2))
			want := stored("s", w.relay.Events()...)
			length := 100
			if strings.Contains(fault.String(), "Frames") {
				length = 4 + len(want[0])
			}
			c := w.dial()
			c.send("REQ", "s", everything)
			c.until(patience)
			_, err := c.in.Peek(length)
			require.NoError(t, err)
			c.until(w.while())
			_, err = c.in.Peek(length + 1)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			w.relay.Mend()
			assert.Equal(t, want, c.nexts(3))
			c.alive()
		}, nostrtest.WithFaults(fault))
	}
}

func TestCloseCodesOfAllKindsLegalOrNot(t *testing.T) {
	for _, code := range []int{1000, 1001, 1002, 1005, 1006, 1008, 1011, 1012, 1013, 1015, 3000, 4999, 0, 999, 65535} {
		everywhere(t, func(t *testing.T, w world) {
			c := w.dial()
			c.send("REQ", "s", everything)
			f := c.mustFrame()
			assert.EqualValues(t, 8, f.opcode)
			assert.EqualValues(t, code, binary.BigEndian.Uint16([]byte(f.payload)))
			assert.Equal(t, "because", f.payload[2:])
			c.sendFrame(8, f.payload[:2])
			rest, err := c.end()
			assert.Empty(t, rest, "one close frame, and no answer to the REQ")
			assert.Equal(t, io.EOF, err)
		}, nostrtest.WithFaults(nostrtest.CloseWith(code, "because").On("REQ")))
	}
}

func TestCloseWithGivesTheClientFiveSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		start := time.Now()
		relay.Break(nostrtest.CloseWith(1012, ""))
		assert.EqualValues(t, 8, c.mustFrame().opcode)
		_, err := c.end()
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestCrashRestartsOnTheSameAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		defer w.relay.Break(nostrtest.Crash(50 * time.Millisecond).On("EVENT").Nth(1))()
		w.relay.Publish(note(5))
		address := w.relay.URL()
		c := w.dial()
		c.send("EVENT", note(1))
		_, err := c.end()
		require.Error(t, err)
		require.NoError(t, w.relay.WaitFor(soon(t), func() bool { return w.reachable() }))
		assert.Equal(t, address, w.relay.URL())
		c = w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, stored("s", note(5))[1], c.nexts(2)[1], "stored events survive, the one at the crash does not")
	})
}

func TestCrashesOfSeveralConnectionsAreOne(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		w := world{t, relay, network}
		w.dial()
		w.dial()
		relay.Break(nostrtest.Crash(time.Minute).Times(2)) // strikes at both
		synctest.Wait()
		assert.False(t, w.reachable())
		time.Sleep(30 * time.Second)
		require.NoError(t, relay.Restart())
		c := w.dial()
		time.Sleep(time.Hour)
		c.alive()
	})
}

func TestNoPong(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		mend := w.relay.Break(nostrtest.NoPong())
		c.sendFrame(9, "hello?")
		c.quiet()
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next(), "all else is answered")
		mend()
		c.alive()
	})
}

func TestCutOnPing(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.sendFrame(9, "hello?")
		_, err := c.end()
		assert.Equal(t, io.EOF, err)
	}, nostrtest.WithFaults(nostrtest.Cut().On("PING")))
}

func TestFloodsOfPingsAndNotices(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		mend := w.relay.Break(nostrtest.PingFlood(1000), nostrtest.NoticeFlood(1000))
		for range 1000 {
			require.EqualValues(t, 9, c.mustFrame().opcode)
		}
		for _, message := range c.nexts(1000) {
			require.Equal(t, "NOTICE", parts(message)[0])
		}
		mend()
		c.alive()
	})
}

func TestPingEvery(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := world{t, relay, network}.dial()
		mend := relay.Break(nostrtest.PingEvery(55 * time.Second))
		for range 3 {
			start := time.Now()
			c.until(time.Hour)
			f, err := c.header()
			require.NoError(t, err)
			assert.EqualValues(t, 9, f.opcode)
			assert.Equal(t, 55*time.Second, time.Since(start))
		}
		mend()
		c.quiet()
	})
}

func TestSayAndSendBytesSendExactlyThat(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		defer w.relay.Break(nostrtest.Say(`["NOTICE","first`).On("REQ"), nostrtest.SendBytes([]byte("\x00\x01\x02")).After("EOSE"))()
		c := w.dial()
		c.send("REQ", "s", everything)
		assert.Equal(t, `["NOTICE","first`, c.next())
		c.nexts(2)
		c.until(patience)
		b, err := c.in.Peek(3)
		require.NoError(t, err)
		assert.Equal(t, "\x00\x01\x02", string(b))
	})
}

func TestCloseWithAfterFramesAndAmidAStream(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2), note(3))
		c := w.dial()
		c.send("REQ", "s", everything)
		c.nexts(2)
		assert.Equal(t, "\x03\xF4", c.mustFrame().payload, "in place of the third event")
	}, nostrtest.WithFaults(nostrtest.CloseWith(1012, "").AfterFrames(2)))
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2))
		c := w.dial()
		c.send("REQ", "s", everything)
		c.next()
		assert.Equal(t, "\x03\xF4", c.mustFrame().payload, "behind the frame it strikes in")
	}, nostrtest.WithFaults(nostrtest.CloseWith(1012, "").AfterBytes(100)))
	everywhere(t, func(t *testing.T, w world) {
		for i := range 100 { // more than the buffers between take
			w.relay.Publish(nostrtest.TextNoteAt(nostr.Timestamp(i+1), nostrtest.Key(1), strings.Repeat("x", 100_000)))
		}
		c := w.dial()
		c.send("REQ", "s", everything)
		c.next()
		w.relay.Break(nostrtest.CloseWith(1012, ""))
		events := 1
		for c.mustFrame().opcode != 8 {
			events++
		}
		assert.Less(t, events, 100, "it overtakes what is queued")
		c.sendFrame(8, "\x03\xF4")
		_, err := c.end()
		assert.Equal(t, io.EOF, err)
	})
}
