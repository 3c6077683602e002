package nostrtest_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

func TestMalformedFrames(t *testing.T) {
	// What a raw client finds on the wire for each of them.
	notice := func(m nostrtest.Malformation) string { return `["NOTICE","` + m.String() + `"]` }
	checks := map[nostrtest.Malformation]func(t *testing.T, c *raw){
		nostrtest.ReservedBit:       func(t *testing.T, c *raw) { assert.EqualValues(t, 2, c.mustFrame().rsv) },
		nostrtest.CompressedUnasked: func(t *testing.T, c *raw) { assert.EqualValues(t, 4, c.mustFrame().rsv) },
		nostrtest.ReservedOpcode:    func(t *testing.T, c *raw) { assert.EqualValues(t, 3, c.mustFrame().opcode) },
		nostrtest.ReservedControl:   func(t *testing.T, c *raw) { assert.EqualValues(t, 11, c.mustFrame().opcode) },
		nostrtest.MaskedFrame:       func(t *testing.T, c *raw) { assert.True(t, c.mustFrame().masked) },
		nostrtest.LongControl: func(t *testing.T, c *raw) {
			f := c.mustFrame()
			assert.EqualValues(t, 9, f.opcode)
			assert.EqualValues(t, 126, f.length)
		},
		nostrtest.SplitControl: func(t *testing.T, c *raw) {
			f := c.mustFrame()
			assert.EqualValues(t, 9, f.opcode)
			assert.False(t, f.fin)
		},
		nostrtest.OrphanContinuation: func(t *testing.T, c *raw) { assert.EqualValues(t, 0, c.mustFrame().opcode) },
		nostrtest.NestedMessage: func(t *testing.T, c *raw) {
			first := c.mustFrame()
			assert.False(t, first.fin)
			assert.EqualValues(t, 1, first.opcode)
			assert.Equal(t, notice(nostrtest.NestedMessage), c.next())
		},
		nostrtest.InvalidUTF8:   func(t *testing.T, c *raw) { assert.False(t, utf8.ValidString(c.next())) },
		nostrtest.BinaryMessage: func(t *testing.T, c *raw) { assert.EqualValues(t, 2, c.mustFrame().opcode) },
		nostrtest.WideLength: func(t *testing.T, c *raw) {
			b, err := c.in.Peek(2)
			require.NoError(t, err)
			assert.EqualValues(t, 127, b[1])
			assert.Equal(t, notice(nostrtest.WideLength), c.next())
		},
		nostrtest.NegativeLength: func(t *testing.T, c *raw) {
			f, err := c.header()
			require.NoError(t, err)
			assert.Greater(t, f.length, uint64(1<<63))
		},
		nostrtest.HugeLength: func(t *testing.T, c *raw) {
			f, err := c.header()
			require.NoError(t, err)
			assert.Equal(t, uint64(1<<40), f.length)
		},
		nostrtest.LongLength: func(t *testing.T, c *raw) {
			f := c.mustFrame()
			assert.Contains(t, f.payload, `"]`+"\x81", "the EOSE behind it is swallowed")
		},
		nostrtest.ShortLength: func(t *testing.T, c *raw) {
			f := c.mustFrame()
			assert.Equal(t, notice(nostrtest.ShortLength)[:4], f.payload)
		},
		nostrtest.TruncatedFrame: func(t *testing.T, c *raw) {
			f, err := c.header()
			require.NoError(t, err)
			assert.EqualValues(t, 100, f.length)
			rest, err := c.end()
			assert.Len(t, rest, 50)
			assert.Equal(t, io.EOF, err)
		},
		nostrtest.TruncatedHeader: func(t *testing.T, c *raw) {
			rest, err := c.end()
			assert.Equal(t, "\x81", rest)
			assert.Equal(t, io.EOF, err)
		},
		nostrtest.CloseOneByte: func(t *testing.T, c *raw) {
			assert.Equal(t, rawFrame{fin: true, opcode: 8, length: 1, payload: "\x03"}, c.mustFrame())
		},
		nostrtest.CloseReservedCode: func(t *testing.T, c *raw) {
			assert.Equal(t, rawFrame{fin: true, opcode: 8, length: 2, payload: "\x03\xED"}, c.mustFrame())
		},
		nostrtest.CloseInvalidUTF8: func(t *testing.T, c *raw) {
			f := c.mustFrame()
			assert.EqualValues(t, 8, f.opcode)
			assert.False(t, utf8.ValidString(f.payload[2:]))
		},
	}
	// What a careful client makes of it.
	tolerated := map[nostrtest.Malformation]bool{nostrtest.BinaryMessage: true, nostrtest.WideLength: true, nostrtest.MaskedFrame: true}
	silent := map[nostrtest.Malformation]bool{nostrtest.HugeLength: true, nostrtest.LongLength: true, nostrtest.InvalidUTF8: true}

	assert.Len(t, nostrtest.Malformations(), len(checks))
	for _, m := range nostrtest.Malformations() {
		t.Run(m.String(), func(t *testing.T) {
			everywhere(t, func(t *testing.T, w world) {
				c := w.dial()
				c.send("REQ", "subscription", everything)
				checks[m](t, c)
			}, nostrtest.WithFaults(nostrtest.MalformedFrame(m).On("REQ")))
			if tolerated[m] || silent[m] {
				return
			}
			inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
				c := dial(t, network.HTTPClient(), home)
				relay.Break(nostrtest.MalformedFrame(m))
				relay.Notice("next")
				relay.Notice("and next")
				require.Error(t, c.ended(), "a library gives up on the connection")
			})
		})
	}
	assert.Equal(t, "Malformation(200)", nostrtest.Malformation(200).String())
}

func TestFragmentedMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		event := note(1)
		w.relay.Publish(event)
		defer w.relay.Break(nostrtest.Fragmented(100).Of("EVENT"))()
		c := w.dial()
		c.send("REQ", "s", everything)
		var whole string
		for i := 0; ; i++ {
			f := c.mustFrame()
			if i == 0 {
				assert.EqualValues(t, 1, f.opcode)
			} else {
				assert.EqualValues(t, 0, f.opcode)
			}
			whole += f.payload
			if f.fin {
				break
			}
			assert.Len(t, f.payload, 100)
		}
		assert.Equal(t, events("s", w.relay.Events()...)[0], whole)
		assert.Equal(t, eose("s"), c.next(), "Of leaves the others whole")
	})
}

func TestInterleavedPingsBetweenFragments(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		w.relay.Notice("hello")
		var whole string
		pings := 0
		for {
			f := c.mustFrame()
			if f.opcode == 9 {
				pings++
				continue
			}
			if whole += f.payload; f.fin {
				break
			}
		}
		assert.Equal(t, `["NOTICE","hello"]`, whole)
		assert.Equal(t, len(whole)-1, pings)

		library, _, err := websocket.Dial(t.Context(), w.relay.URL(), &websocket.DialOptions{HTTPClient: w.httpClient()})
		require.NoError(t, err)
		defer library.CloseNow()
		w.relay.Notice("legal")
		_, message, err := library.Read(soon(t))
		require.NoError(t, err)
		assert.Equal(t, `["NOTICE","legal"]`, string(message))
	}, nostrtest.WithFaults(nostrtest.Interleaved(1)))
}

func TestOversizedMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		defer w.relay.Break(nostrtest.OversizedMessage(5 << 20))()
		f := c.mustFrame()
		assert.EqualValues(t, 5<<20, f.length)
		assert.Equal(t, []string{"NOTICE", strings.Repeat("x", 5<<20-13)}, parts(f.payload))
		c.alive()
	})
}

func TestDeflateBomb(t *testing.T) {
	const size = 16 << 20
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial("Sec-WebSocket-Extensions: permessage-deflate")
		assert.Contains(t, c.response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
		f := c.mustFrame()
		assert.EqualValues(t, 4, f.rsv)
		assert.Less(t, len(f.payload), size/900)
		tail := "\x00\x00\xFF\xFF\x01\x00\x00\xFF\xFF" // RFC 7692, 7.2.2, and an end
		inflated, err := io.ReadAll(flate.NewReader(strings.NewReader(f.payload + tail)))
		require.NoError(t, err)
		assert.Len(t, inflated, size+len(`["NOTICE",""]`))
		assert.True(t, bytes.HasPrefix(inflated, []byte(`["NOTICE","   `)))
		c.send("REQ", "s", everything)
		assert.Equal(t, eose("s"), c.next(), "what follows is plain")

		// Who has not asked for compression gets a frame that it has to refuse.
		plain := w.dial()
		assert.Empty(t, plain.response.Header.Get("Sec-WebSocket-Extensions"))
		assert.EqualValues(t, 4, plain.mustFrame().rsv)
	}, nostrtest.WithFaults(nostrtest.DeflateBomb(size)))

	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		ws, _, err := websocket.Dial(t.Context(), home, &websocket.DialOptions{
			HTTPClient: network.HTTPClient(), CompressionMode: websocket.CompressionContextTakeover})
		require.NoError(t, err)
		defer ws.CloseNow()
		_, _, err = ws.Read(t.Context())
		require.ErrorIs(t, err, websocket.ErrMessageTooBig, "a library inflates it up to its read limit")
	}, nostrtest.WithFaults(nostrtest.DeflateBomb(size)))
}

func TestHostileMessagesComeOneAfterTheOther(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		for _, text := range nostrtest.HostileMessages() {
			c.send("CLOSE", "x")
			assert.Equal(t, text, c.next())
		}
		c.alive()
	}, nostrtest.WithFaults(nostrtest.MalformedMessage().On("CLOSE")))
}
