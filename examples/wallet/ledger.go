package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

// keep is how many requests, and how many answers, a ledger names: the newest ones.
const keep = 1_000

// ledger is a small file that is always whole: every change is written beside it and
// takes its place in one step. So what belongs together is there together, or not at
// all. A larger wallet has a database, and a transaction.
type ledger struct {
	path string
	sync func(*os.File) error
	books
}

// books are what stands in it.
type books struct {
	Cursor  gennostr.Cursor `json:"cursor"`  // everything before it is done
	Done    []nostr.ID      `json:"done"`    // requests, the newest last
	Answers []*nostr.Event  `json:"answers"` // that no relay was known to have
}

// openLedger reads a ledger. One that is not there is new; one that cannot be read is
// an error: who began anew would pay again.
func openLedger(path string) (*ledger, error) {
	l := &ledger{path: path, sync: (*os.File).Sync}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if err := json.Unmarshal(data, &l.books); err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, err)
	}
	return l, nil
}

// entry is a request that is done, and its answer.
type entry struct {
	request nostr.ID
	answer  *nostr.Event
}

// done writes down what is done, and where the subscription stands.
func (l *ledger) done(entries []entry, cursor gennostr.Cursor) error {
	next := books{Cursor: cursor, Done: slices.Clone(l.Done), Answers: slices.Clone(l.Answers)}
	for _, e := range entries {
		next.Done, next.Answers = newest(append(next.Done, e.request)), newest(append(next.Answers, e.answer))
	}
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := l.replace(data); err != nil {
		return err
	}
	l.books = next
	return nil
}

// delivered forgets an answer, in the file with the next change: one that goes out
// again does no harm.
func (l *ledger) delivered(answer nostr.ID) {
	l.Answers = slices.DeleteFunc(slices.Clone(l.Answers), func(e *nostr.Event) bool { return e.ID == answer })
}

func newest[T any](list []T) []T { return list[max(0, len(list)-keep):] }

// replace has data take the place of the file's in one step, and returns when it
// would outlast a power cut.
func (l *ledger) replace(data []byte) error {
	beside := l.path + ".new" // whatever stands in it from a crash is no part of the ledger
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, l.sync(file), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, l.path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // which has no Sync for directories
	}
	dir, err := os.Open(filepath.Dir(l.path))
	if err != nil {
		return err
	}
	return errors.Join(l.sync(dir), dir.Close())
}
