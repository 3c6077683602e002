package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"

	"github.com/gennostr/gennostr/nostr"
)

// spool remembers what became of every item. An event is written down before it is
// published: after a crash the same event is published again, which relays recognise,
// and not another one that says the same. One line of JSON for each step.
type spool struct {
	mu    sync.Mutex
	file  *os.File            // guarded by mu; nil: nothing is kept
	known map[string]*entered // guarded by mu
}

// entered is an item that has an event.
type entered struct {
	Item  string       `json:"item"`
	Event *nostr.Event `json:"event,omitempty"`
	Done  bool         `json:"done,omitempty"` // a relay has it
}

// openSpool reads a file, which need not exist; with "" nothing outlives the program.
func openSpool(path string) (*spool, error) {
	s := &spool{known: make(map[string]*entered)}
	if path == "" {
		return s, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := 0 // bytes: a crash may have cut the last line
	for line := range lines(data) {
		var e entered
		if err := json.Unmarshal(line, &e); err != nil || e.Item == "" || e.Event == nil && s.known[e.Item] == nil {
			return nil, fmt.Errorf("%s: line of byte %d is not mine: was another file meant?", path, whole)
		}
		whole += len(line) + 1
		if old := s.known[e.Item]; old != nil && e.Event == nil {
			old.Done = old.Done || e.Done
			continue
		}
		s.known[e.Item] = &e
	}
	if s.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if err = errors.Join(s.file.Truncate(int64(whole)), seekEnd(s.file)); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, io.SeekEnd)
	return err
}

// lines yields the lines that are whole.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			end := bytes.IndexByte(data, '\n')
			if end < 0 || !yield(data[:end]) {
				return
			}
			data = data[end+1:]
		}
	}
}

// find tells what is known of an item.
func (s *spool) find(id string) (event *nostr.Event, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[id]; e != nil {
		return e.Event, e.Done
	}
	return nil, false
}

// enter writes an event down, from before it is published.
func (s *spool) enter(id string, event *nostr.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entered{Item: id, Event: event}
	s.known[id] = e
	return s.write(*e)
}

// done notes that a relay has it.
func (s *spool) done(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id].Done = true
	return s.write(entered{Item: id, Done: true})
}

// write needs mu.
func (s *spool) write(e entered) error {
	if s.file == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err = s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return s.file.Sync()
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
