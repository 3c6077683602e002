package socket_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/socket"
)

// counted is a connection that counts its Reads.
type counted struct {
	net.Conn
	reads *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(p)
}

// frames are n text messages as they stand on the wire, of growing lengths.
func frames(n int) (wire []byte, messages []string) {
	for i := range n {
		m := fmt.Sprintf("%d %s", i, strings.Repeat("x", 100+i%900))
		wire = append(wire, 0x81, 126, byte(len(m)>>8), byte(len(m)))
		wire = append(wire, m...)
		messages = append(messages, m)
	}
	return wire, messages
}

// A stream arrives whole and in order, for far fewer system calls than
// coder/websocket's 4 KB at a time would cost; the close frame at its end is seen.
func TestAStreamIsReadFarAhead(t *testing.T) {
	wire, messages := frames(2000)
	written := make(chan struct{})
	url := upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write(wire[:len(wire)/2]) // ends in the middle of a frame
		close(written)
		_, _ = c.Write(wire[len(wire)/2:])
		_, _ = c.Write([]byte{0x88, 2, 0x03, 0xe8})
	})
	var reads atomic.Int64
	cfg := config()
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return counted{c, &reads}, err
	}
	c := connect(t, cfg, url)
	<-written
	before := reads.Load()
	var buf []byte
	for i, want := range messages {
		text, msg, err := c.Read(buf)
		require.NoError(t, err, "message %d", i)
		require.True(t, text)
		require.Equal(t, want, string(msg))
		buf = msg
	}
	_, _, err := c.Read(nil)
	var closed *socket.CloseError
	require.ErrorAs(t, err, &closed)
	assert.Equal(t, 1000, closed.Code)
	assert.EqualValues(t, len(wire)+4, c.BytesIn())
	// How much is there at a time is the kernel's to say, so the bound is loose.
	assert.Less(t, reads.Load()-before, int64(len(wire)/4096)*3/4, "of %d bytes", len(wire))
}

// What was read ahead ends with a cut, as everything does.
func TestACutDropsWhatWasReadAhead(t *testing.T) {
	wire, messages := frames(2000)
	url := upgraded(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = c.Write(wire)
		_, _ = r.ReadByte() // until the client is gone
	})
	c := connect(t, config(), url)
	for _, want := range messages[:100] {
		_, msg, err := c.Read(nil)
		require.NoError(t, err)
		require.Equal(t, want, string(msg))
	}
	c.Cut(socket.ErrClosed)
	left := 0
	for {
		if _, _, err := c.Read(nil); err != nil {
			assert.ErrorIs(t, err, socket.ErrClosed)
			break
		}
		left++
	}
	assert.Less(t, left, 50, "no more than coder/websocket has in its own buffer")
}

// A message is alone if it had to be waited for and nothing came with it.
func TestALoneMessageIsToldFromAStream(t *testing.T) {
	wire, messages := frames(100)
	first, written := len(messages[0])+4, make(chan struct{})
	more := make(chan struct{})
	url := upgraded(t, func(c net.Conn, _ *bufio.Reader) {
		_, _ = c.Write(wire[:first])
		<-more
		_, _ = c.Write(wire[first:])
		close(written)
		_, _ = c.Read(make([]byte, 1)) // until the client is gone
	})
	c := connect(t, config(), url)
	_, _, err := c.Read(nil)
	require.NoError(t, err)
	assert.True(t, c.Lone())
	close(more)
	<-written
	lone := 0
	for i := range messages[1:] {
		_, _, err := c.Read(nil)
		require.NoError(t, err, "message %d", i+1)
		if c.Lone() {
			lone++
		}
	}
	// The network may cut the stream in pieces; this one, of some 17 blocks, it seldom does.
	assert.LessOrEqual(t, lone, 5, "of %d in a row", len(messages)-1)
}

// script is a connection that gives out its chunks, one with each Read at most,
// and err at the end, together with the last one if that is wanted.
type script struct {
	chunks   [][]byte
	err      error
	together bool
	reads    int
}

func (s *script) Read(p []byte) (n int, err error) {
	s.reads++
	if len(s.chunks) == 0 {
		return 0, s.err
	}
	n = copy(p, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; len(s.chunks[0]) == 0 {
		s.chunks = s.chunks[1:]
	}
	if len(s.chunks) == 0 && s.together {
		err = s.err
	}
	return n, err
}

func (s *script) Write(p []byte) (int, error) { return len(p), nil }
func (s *script) Close() error                { return nil }

// Whatever the network gives at a time, and whatever is asked for: connections
// that share their buffers get their own bytes, all of them, and then the end.
// Who has caught up holds no buffer.
func TestReadAheadGivesEachItsOwnBytesWhateverTheSizes(t *testing.T) {
	lost := errors.New("lost")
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 7))
		buffers := new(sync.Pool)
		var sources []*script
		var bodies []*socket.Body
		var sent, got [][]byte
		for range 4 {
			s := &script{err: lost, together: rng.IntN(2) == 0}
			var all []byte
			for range rng.IntN(25) {
				sizes := []int{1, 100, 4095, 4096, 4097, socket.ReadAhead - 1, socket.ReadAhead, socket.ReadAhead + 1, 1 + rng.IntN(3*socket.ReadAhead)}
				chunk := make([]byte, sizes[rng.IntN(len(sizes))])
				for i := 0; i < len(chunk); i += 1 + rng.IntN(64) {
					chunk[i] = byte(rng.Uint32())
				}
				s.chunks = append(s.chunks, chunk)
				all = append(all, chunk...)
			}
			sources, sent, got = append(sources, s), append(sent, all), append(got, nil)
			bodies = append(bodies, socket.NewBody(s, buffers))
		}
		p := make([]byte, 2*socket.ReadAhead)
		ended := make([]bool, len(bodies))
		for left := len(bodies); left > 0; {
			i := rng.IntN(len(bodies))
			if ended[i] {
				continue
			}
			size := 4096
			if rng.IntN(3) == 0 {
				size = 1 + rng.IntN(len(p))
			}
			before := sources[i].reads
			n, err := bodies[i].Read(p[:size])
			require.LessOrEqual(t, sources[i].reads, before+1, "one that might wait, and no more")
			got[i] = append(got[i], p[:n]...)
			if err != nil {
				require.ErrorIs(t, err, lost)
				require.Zero(t, n, "the end is told by itself")
				require.True(t, bodies[i].Ended())
				require.False(t, bodies[i].Holds())
				_, err = bodies[i].Read(p)
				require.ErrorIs(t, err, lost, "again and again")
				ended[i] = true
				left--
			} else {
				require.False(t, bodies[i].Ended())
			}
		}
		for i := range sent {
			require.True(t, bytes.Equal(sent[i], got[i]), "seed %d, connection %d", seed, i)
		}
	}
}

// Small messages, one at a time, never need a buffer beside coder/websocket's; a
// stream is read by the buffer-full, and its end gives the buffer back.
func TestOnlyAStreamHoldsABuffer(t *testing.T) {
	small, stream := make([]byte, 300), make([]byte, 10*socket.ReadAhead+100)
	s := &script{chunks: [][]byte{small, small, stream, small, small}, err: io.EOF}
	b := socket.NewBody(s, new(sync.Pool))
	p := make([]byte, 4096)
	read := func(want int) {
		for want > 0 {
			n, err := b.Read(p)
			require.NoError(t, err)
			want -= n
		}
		require.Zero(t, want)
	}
	for range 2 {
		read(300)
		assert.False(t, b.Holds())
	}
	before := s.reads
	read(5 * socket.ReadAhead)
	assert.True(t, b.Holds())
	read(5*socket.ReadAhead + 100)
	assert.LessOrEqual(t, s.reads-before, 12)
	for range 2 {
		assert.False(t, b.Holds(), "it has caught up")
		read(300)
	}
	assert.False(t, b.Holds())

	s.chunks = [][]byte{make([]byte, 4096+socket.ReadAhead), make([]byte, 100)}
	read(4096 + socket.ReadAhead)
	assert.True(t, b.Holds())
	p = make([]byte, 2*socket.ReadAhead)
	read(100)
	assert.False(t, b.Holds(), "who asks for much is given it without a buffer, and has caught up all the same")
}
