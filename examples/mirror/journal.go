package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// A journal is what is known to be on both relays: dates and ids, nothing else. It only grows,
// in records with a sum of their own, so a crash can cost the last of them and no others; those
// are found to be on both relays again. Whole records are written at a time, at the end of what
// is there, so two mirrors that run at once do not spoil it.
//
//	head    "nostr mirror 1\n", and 32 bytes that tell whose journal it is
//	record  8 bytes of created_at (big-endian), 32 of the id, 4 of the CRC-32 of these
type journal struct {
	file  *os.File // nil: nothing is kept
	out   *bufio.Writer
	known *nip77.Set
	added int
}

const (
	journalMagic  = "nostr mirror 1\n"
	recordSize    = 8 + 32 + 4
	syncJournalAt = 1000 // records, after which they are forced onto the disk
)

// openJournal reads a file, which need not exist. whose is what it belongs to: the journal of
// other relays, or of another filter, says nothing here.
func openJournal(path string, whose ...string) (j *journal, err error) {
	j = &journal{known: new(nip77.Set)}
	if path == "" {
		return j, nil
	}
	head := append([]byte(journalMagic), digest(whose)...)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
		}
	}()
	j.file = file
	size, err := j.read(head)
	if err != nil {
		return nil, err
	}
	if info, err := j.file.Stat(); err != nil {
		return nil, err
	} else if info.Size() > size { // what a crash has cut
		if err := j.file.Truncate(size); err != nil {
			return nil, err
		}
	}
	if size == 0 {
		if _, err := j.file.Write(head); err != nil {
			return nil, err
		}
	}
	j.out = bufio.NewWriterSize(j.file, 100*recordSize) // whole records at a time
	return j, nil
}

func digest(parts []string) []byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// read takes all that is whole, and returns how much that is.
func (j *journal) read(head []byte) (size int64, err error) {
	in := bufio.NewReaderSize(j.file, 1<<20)
	got := make([]byte, len(head))
	switch n, err := io.ReadFull(in, got); {
	case n < len(head) && bytes.HasPrefix(head, got[:n]): // new, or cut at once
		return 0, nil
	case err != nil || !bytes.Equal(got[:len(journalMagic)], head[:len(journalMagic)]):
		return 0, errors.New("not a journal of mine: was another file meant?")
	case !bytes.Equal(got, head):
		return 0, errors.New("the journal of other relays, or of another filter")
	}
	var b nip77.Builder
	record := make([]byte, recordSize)
	for size = int64(len(head)); ; size += recordSize {
		if _, err := io.ReadFull(in, record); err != nil {
			break
		}
		if crc32.ChecksumIEEE(record[:40]) != binary.BigEndian.Uint32(record[40:]) {
			break
		}
		at := nostr.Timestamp(binary.BigEndian.Uint64(record))
		if err := b.Add(at, nostr.ID(record[8:40])); err != nil {
			break
		}
	}
	j.known = b.Build()
	return size, nil
}

// add notes an event that is on both relays.
func (j *journal) add(e *nostr.Event) error {
	if j.file == nil || e.CreatedAt < 0 {
		return nil
	}
	if _, known := j.known.Index(e.CreatedAt, e.ID); known {
		return nil
	}
	record := binary.BigEndian.AppendUint64(make([]byte, 0, recordSize), uint64(e.CreatedAt))
	record = append(record, e.ID[:]...)
	record = binary.BigEndian.AppendUint32(record, crc32.ChecksumIEEE(record))
	if _, err := j.out.Write(record); err != nil {
		return err
	}
	if j.added++; j.added%syncJournalAt == 0 {
		return j.flush()
	}
	return nil
}

func (j *journal) flush() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.out.Flush(), j.file.Sync())
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.flush(), j.file.Close())
}
