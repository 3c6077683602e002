package socket_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// drip writes p a byte at a time, and then repeats its last piece for ever.
func drip(c net.Conn, every time.Duration, p string, again string) {
	for {
		for i := range len(p) {
			if _, err := io.WriteString(c, p[i:i+1]); err != nil {
				return
			}
			time.Sleep(every) // virtual
		}
		if p = again; p == "" {
			_, _ = c.Read(make([]byte, 1)) // until the client is gone
			return
		}
	}
}

// From its first byte a message may take so long, whatever comes of it meanwhile.
// Shows D15.
func TestAMessageHasATimeHoweverSlowlyItComes(t *testing.T) {
	const terabyte = "\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00"
	for name, peer := range map[string]func(net.Conn){
		"a terabyte announced, and a byte a second": func(c net.Conn) { drip(c, time.Second, terabyte, "x") },
		"half a header":                 func(c net.Conn) { drip(c, time.Second, "\x81\x7f\x00", "") },
		"one byte":                      func(c net.Conn) { drip(c, time.Second, "\x81", "") },
		"a header in drips":             func(c net.Conn) { drip(c, 20*time.Second, terabyte, "") },
		"silence in a message":          func(c net.Conn) { drip(c, 0, "\x81\x05ab", "") },
		"fragments":                     func(c net.Conn) { drip(c, time.Second, "\x01\x01x", "\x00\x01x") },
		"empty continuation frames":     func(c net.Conn) { drip(c, time.Second, "\x01\x01x", "\x00\x00") },
		"pings between fragments":       func(c net.Conn) { drip(c, time.Second, "\x01\x01x", "\x8a\x00") },
		"half a control frame's header": func(c net.Conn) { drip(c, time.Second, "\x8a", "") },
		"right behind a ping":           func(c net.Conn) { drip(c, 0, "\x8a\x00\x8a\x00\x81", "") },
		"right behind a message's end":  func(c net.Conn) { drip(c, 0, "\x81\x00\x81", "") },
		"a message over the limit": func(c net.Conn) {
			drip(c, time.Second, "\x81\x7f\x00\x00\x00\x00\x00\x02\x00\x00"+strings.Repeat("x", 10), "x")
		},
		"in one piece with what was read": func(c net.Conn) { _, _ = io.WriteString(c, "\x81\x01x\x81\x02y"); _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := piped(t, func(server net.Conn, _ *bufio.Reader) {
					time.Sleep(time.Hour) // virtual: an idle connection is no slow message
					peer(server)
				})
				began := time.Now()
				var err error
				for err == nil {
					_, _, err = c.Read(nil)
				}
				assert.ErrorIs(t, err, socket.ErrMessageTimeout)
				assert.Equal(t, time.Hour+time.Minute, time.Since(began))
				c.Wait()
			})
		})
	}
}

func TestWhatIsNotWaitedForInAMessageHasAllTheTimeInTheWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := strings.Repeat("x", 1<<20)
		head := "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x00"
		cfg := config()
		cfg.ReadLimit = 4 << 20
		c := pipedWith(t, cfg, func(server net.Conn, r *bufio.Reader) {
			go func() { _, _ = io.Copy(io.Discard, r) }() // pongs; ends with the connection
			for range 1000 {
				time.Sleep(time.Minute) // virtual
				_, _ = io.WriteString(server, "\x8a\x00\x89\x00")
			}
			_, _ = io.WriteString(server, "\x81\x01a\x81")
			time.Sleep(50 * time.Second) // virtual
			_, _ = io.WriteString(server, "\x01b\x01\x01c")
			time.Sleep(50 * time.Second) // virtual: each message has its own time
			_, _ = io.WriteString(server, "\x80\x00"+head+big[1:])
			time.Sleep(50 * time.Second) // virtual
			_, _ = io.WriteString(server, "x")
		})
		c.OnRoom(func(int) error {
			time.Sleep(time.Hour) // virtual: what waits for room waits for us
			return nil
		})
		for _, want := range []string{"a", "b", "c", big} {
			_, err := c.Next()
			require.NoError(t, err)
			time.Sleep(time.Hour) // virtual: a reader that is held up
			msg, err := c.Message(nil)
			require.NoError(t, err)
			assert.Equal(t, want, string(msg))
			waited, arrived := c.Slow()
			assert.Zero(t, waited)
			assert.Zero(t, arrived)
		}
	})
}

// A timer that fires much too late judges nobody: what came meanwhile has not been read.
func TestALateTimerGivesTheMessageItsTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(t, func(server net.Conn, _ *bufio.Reader) { drip(server, 0, "\x81\x05ab", "") })
		began := time.Now()
		ended := make(chan error)
		go func() { _, _, err := c.Read(nil); ended <- err }()
		time.Sleep(30 * time.Second) // virtual
		synctest.Wait()
		c.FireLate(2 * time.Second)
		assert.ErrorIs(t, <-ended, socket.ErrMessageTimeout)
		assert.Equal(t, 90*time.Second, time.Since(began))
	})
}

// So is it with writes: what the peer has taken meanwhile is not known.
func TestALateTimerGivesAWriteItsTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(t, func(server net.Conn, _ *bufio.Reader) { drip(server, 0, "", "") })
		began := time.Now()
		enough := errors.New("enough")
		ended := make(chan error)
		go func() { _, _, err := c.Read(nil); ended <- err }()
		stop, late := c.After(10*time.Second, errors.New("it was stopped"))
		time.Sleep(5 * time.Second) // virtual
		late(2 * time.Second)
		time.Sleep(9 * time.Second) // virtual
		stop()
		stop()
		_, late = c.After(10*time.Second, enough)
		time.Sleep(5 * time.Second) // virtual
		late(2 * time.Second)
		assert.Equal(t, enough, <-ended)
		assert.Equal(t, 29*time.Second, time.Since(began))
		c.Wait()
	})
}

// What is much depends on how long the time is: of 200 ms, a quarter of a second is.
func TestALateTimerOfAShortTimeJudgesNobodyEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(t, func(server net.Conn, _ *bufio.Reader) { drip(server, 0, "", "") })
		began := time.Now()
		enough := errors.New("enough")
		ended := make(chan error)
		go func() { _, _, err := c.Read(nil); ended <- err }()
		_, late := c.After(200*time.Millisecond, enough)
		time.Sleep(100 * time.Millisecond) // virtual
		late(250 * time.Millisecond)
		assert.Equal(t, enough, <-ended)
		assert.Equal(t, 300*time.Millisecond, time.Since(began))
		c.Wait()
	})
}

// Who judges a slow message learns how much came in which time, while it is read.
func TestProgressOfASlowMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(t, func(server net.Conn, _ *bufio.Reader) {
			time.Sleep(time.Hour) // virtual
			_, _ = io.WriteString(server, "\x81\x08ab")
			drip(server, 10*time.Second, "cdefgh", "")
		})
		done := make(chan string)
		go func() { _, msg, _ := c.Read(nil); done <- string(msg) }()
		var progress []time.Duration
		var bytes []int64
		for range 6 {
			time.Sleep(10 * time.Second) // virtual
			if len(progress) == 0 {
				time.Sleep(time.Hour - 5*time.Second)
			}
			synctest.Wait()
			waited, arrived := c.Slow()
			progress, bytes = append(progress, waited), append(bytes, arrived)
		}
		assert.Equal(t, "abcdefgh", <-done)
		assert.Equal(t, []time.Duration{5e9, 15e9, 25e9, 35e9, 45e9, 0}, progress)
		assert.Equal(t, []int64{1, 2, 3, 4, 5, 0}, bytes)
	})
}

// Nothing is set up for messages that are there when they are read.
func TestMessagesThatArriveWholeNeedNoTimer(t *testing.T) {
	c := piped(t, func(server net.Conn, _ *bufio.Reader) {
		for range 100 {
			_, _ = io.WriteString(server, "\x81\x05hello\x89\x00"[:7])
		}
		_, _ = io.WriteString(server, "\x81")
		_, _ = io.WriteString(server, "\x05hello")
	})
	for range 100 {
		_, msg, err := c.Read(nil)
		require.NoError(t, err)
		require.Equal(t, "hello", string(msg))
	}
	assert.False(t, c.HasTimer())
	_, _, err := c.Read(nil)
	require.NoError(t, err)
	assert.True(t, c.HasTimer())
}

// However a stream of frames is cut, it is known where it stands.
// Shows P35, L01.
func FuzzFramesAreFollowed(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 200, 5, 6, 7, 8, 250})
	f.Add([]byte{5, 5, 1, 130, 255, 4, 4, 7})
	f.Fuzz(func(t *testing.T, plan []byte) {
		plan = plan[:min(len(plan), 50)]
		var wire []byte
		outside := []int{0} // offsets
		open := false
		for _, b := range plan {
			frame := byte(0x80) // fin, continuation
			if !open {
				frame |= 1
			}
			length := int(b>>3) * 5
			switch b & 7 {
			case 0: // control
				frame, length = 0x8a, min(length, 125)
			case 1, 2: // more fragments
				frame, open = frame&^0x80, true
			default:
				open = false
			}
			mask := byte(0)
			if b&7 == 3 {
				mask = 0x80
			}
			wire = append(wire, frame)
			switch {
			case b&7 == 4:
				wire = append(wire, mask|127, 0, 0, 0, 0, 0, 0, byte(length>>8), byte(length))
			case length > 125:
				wire = append(wire, mask|126, byte(length>>8), byte(length))
			default:
				wire = append(wire, mask|byte(length))
			}
			if mask != 0 {
				wire = append(wire, 1, 2, 3, 4)
			}
			wire = append(wire, make([]byte, length)...)
			if !open {
				outside = append(outside, len(wire))
			}
		}
		var pieces, bytes socket.Frames
		at := 0
		for i := 0; at < len(wire); i++ {
			n := min(1+int(plan[i%len(plan)])*7, len(wire)-at)
			pieces.Pass(wire[at : at+n])
			for range n {
				bytes.Pass(wire[at : at+1])
				at++
				_, out := slices.BinarySearch(outside, at)
				if bytes.Inside() == out {
					t.Fatalf("inside is %v at %d of %v", bytes.Inside(), at, outside)
				}
			}
			if pieces != bytes {
				t.Fatalf("pieces and bytes differ at %d: %+v %+v", at, pieces, bytes)
			}
		}
		if bytes.Count() != uint32(len(outside)-1) {
			t.Fatalf("%d ends for %d", bytes.Count(), len(outside)-1)
		}
	})
}
