package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// The floor: what an event of a stream costs at least, in processor time, when its frame
// is read, parsed, hashed and verified, one of these after the other on one goroutine, by
// a program that does nothing else. What gennostr takes more is for order, bounds, and
// goroutines.
//
// It has no better and no worse luck than the library: it reads as far ahead, through a
// buffer that it keeps, a few messages at a time, which are still in the processor's cache
// when they are parsed; it lets go of each event after its batch, so that the garbage
// collector finds no more alive than there; and it notes the id of each, as a handler does.

// floors are the parts of it, in the order in which they are done.
var floors = []string{"reading", "parsing", "hashing", "verifying, 512 at a time", "noting the id"}

const (
	floorBlock  = 64 // messages that are read, then parsed, then hashed: a reader's turn
	floorBatch  = 512
	floorAhead  = 32 << 10 // bytes, as internal/socket reads ahead
	floorKeys   = 2048     // as many keys as a client knows
	eventPrefix = `["EVENT"`
)

// floor is that program.
type floor struct{ client }

func (floor) stream(ctx context.Context, urls []string, asked func(), sink sink) error {
	ws, _, err := websocket.Dial(ctx, urls[0], &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dialAhead}}})
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	ws.SetReadLimit(-1)
	asked()
	if err := ws.Write(ctx, websocket.MessageText, []byte(`["REQ","bench",{"kinds":[1]}]`)); err != nil {
		return err
	}
	p := parts{ws: ws, verifier: bip340.New(bip340.NewKeyCache(floorKeys)), valid: make([]bool, floorBatch)}
	done := sink.(*unique).laps.end // which all streams have
	for more := true; more; {
		for _, part := range []func() error{p.read, p.parse, p.hash} {
			if err := part(); err != nil {
				return err
			}
			done()
		}
		if more = !p.ended; more && len(p.events) < floorBatch {
			done()
			done()
			continue
		}
		if err := p.verify(); err != nil {
			return err
		}
		done()
		for _, e := range p.events {
			sink.raw(e.ID)
		}
		clear(p.events)
		p.events, p.hashed = p.events[:0], 0
		done()
	}
	return nil
}

// parts is what the parts of the floor hand to one another. All of it is used again.
type parts struct {
	ws       *websocket.Conn
	bytes    []byte // of the frames of a block
	ends     []int  // of each frame, in bytes
	ended    bool   // the EOSE has come
	decoder  wire.Decoder
	events   []*nostr.Event // of a batch,
	hashed   int            // so many of which have been hashed
	hashes   []byte         // what is hashed
	verifier *bip340.Verifier
	items    []bip340.Item
	valid    []bool
}

// read reads a block.
func (p *parts) read() error {
	p.bytes, p.ends = p.bytes[:0], p.ends[:0]
	for len(p.ends) < floorBlock && !p.ended {
		_, r, err := p.ws.Reader(context.Background()) // as the library: a context that may end costs more
		if err != nil {
			return err
		}
		from := len(p.bytes)
		for err == nil {
			if len(p.bytes) == cap(p.bytes) {
				p.bytes = slices.Grow(p.bytes, floorAhead)
			}
			var n int
			n, err = r.Read(p.bytes[len(p.bytes):cap(p.bytes)])
			p.bytes = p.bytes[:len(p.bytes)+n]
		}
		if err != io.EOF {
			return err
		}
		if !bytes.HasPrefix(p.bytes[from:], []byte(eventPrefix)) {
			p.ended = true
			return nil
		}
		p.ends = append(p.ends, len(p.bytes))
	}
	return nil
}

func (p *parts) parse() error {
	from := 0
	for _, end := range p.ends {
		event, other, err := p.decoder.Decode(p.bytes[from:end])
		if err != nil || other != nil {
			return fmt.Errorf("no event: %.100q, %w", p.bytes[from:end], err)
		}
		p.events = append(p.events, event.Event)
		from = end
	}
	return nil
}

func (p *parts) hash() error {
	for _, e := range p.events[p.hashed:] {
		p.hashes = e.AppendSerialized(p.hashes[:0])
		if err := e.CheckHash(sha256.Sum256(p.hashes)); err != nil {
			return err
		}
	}
	p.hashed = len(p.events)
	return nil
}

// verify verifies a batch.
func (p *parts) verify() error {
	for events := range slices.Chunk(p.events, floorBatch) {
		p.items = p.items[:0]
		for _, e := range events {
			p.items = append(p.items, bip340.Item{Pub: (*[32]byte)(&e.PubKey), Msg: (*[32]byte)(&e.ID), Sig: (*[64]byte)(&e.Sig)})
		}
		if !p.verifier.VerifyBatch(p.items, p.valid[:len(events)]) {
			return errors.New("a genuine signature is refused")
		}
		clear(p.items)
	}
	return nil
}

// dialAhead opens a connection that is read as far ahead as the library reads.
func dialAhead(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return aheadConn{conn, bufio.NewReaderSize(conn, floorAhead)}, nil
}

type aheadConn struct {
	net.Conn
	r *bufio.Reader
}

func (c aheadConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// reportFloor prints the parts, their sum, and how far the whole is above it: the median
// of the rounds, and the least and the most.
func reportFloor(s scenario, results map[string][]result) {
	fmt.Printf("%s\n\n| %s | CPU per event |\n|---|---:|\n", s.what, s.name)
	for i, name := range floors {
		cost := median(results["floor"], func(r result) float64 { return float64(r.Parts[i]) / float64(r.Events) })
		fmt.Printf("| %s | %s |\n", name, micros(cost))
	}
	sum := func(r result) (sum float64) {
		for _, part := range r.Parts {
			sum += float64(part)
		}
		return sum / float64(r.Events)
	}
	whole := func(r result) float64 { return float64(r.CPU) / float64(r.Events) }
	ratios := make([]float64, len(results["floor"]))
	for round := range ratios {
		ratios[round] = whole(results["gennostr"][round]) / sum(results["floor"][round])
	}
	slices.Sort(ratios)
	fmt.Printf("| all of it | %s |\n| gennostr | %s, %.2f times (%.2f to %.2f) |\n\n", micros(median(results["floor"], sum)),
		micros(median(results["gennostr"], whole)), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
}
