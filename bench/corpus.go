package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// corpusSpec describes a corpus: so many signed events of 750 bytes, of so many authors.
type corpusSpec struct {
	Events  int
	Authors int
	Forged  int // every so manieth signature is wrong, 0: none
}

// genuine is how many of the events are genuine.
func (s corpusSpec) genuine() int {
	if s.Forged == 0 {
		return s.Events
	}
	return s.Events - s.Events/s.Forged
}

// eventBytes is the length of each event's JSON.
const eventBytes = 750

// write signs the events and writes their JSON, each after its length.
func (s corpusSpec) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range s.Events {
		event, err := s.event(i)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		_ = binary.Write(w, binary.LittleEndian, uint32(len(event)))
		_, _ = w.Write(event)
	}
	return errors.Join(w.Flush(), f.Close())
}

func (s corpusSpec) event(i int) ([]byte, error) {
	e := &nostr.Event{
		CreatedAt: nostr.Timestamp(1_700_000_000 + i), Kind: nostr.KindTextNote,
		Tags: nostr.Tags{{"e", strings.Repeat(fmt.Sprintf("%08x", i), 8)}, {"p", strings.Repeat("b", 64)}},
	}
	key := nostrtest.Key(1 + i%s.Authors)
	if err := e.Sign(key); err != nil {
		return nil, err
	}
	e.Content = strings.Repeat("n", eventBytes-len(e.AppendJSON(nil)))
	if err := e.Sign(key); err != nil {
		return nil, err
	}
	if s.Forged > 0 && i%s.Forged == s.Forged-1 {
		e.Sig[40]++ // its s: the rest stays plausible
	}
	return e.AppendJSON(nil), nil
}

// readCorpus reads what write wrote.
func readCorpus(path string) (events [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		var n uint32
		if err := binary.Read(r, binary.LittleEndian, &n); err == io.EOF {
			return events, nil
		} else if err != nil {
			return nil, err
		}
		event := make([]byte, n)
		if _, err := io.ReadFull(r, event); err != nil {
			return nil, err
		}
		events = append(events, event)
	}
}
