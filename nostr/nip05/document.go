package nip05

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

// ParseDocument reads what a name has in a domain's document. The errors are [ErrDocument] and
// [ErrNotFound]; data is not kept.
func ParseDocument(data []byte, name string) (nip19.Profile, error) {
	if len(data) > MaxSize {
		return nip19.Profile{}, fmt.Errorf("%w: larger than %d bytes", ErrDocument, MaxSize)
	}
	d := document{s: strictjson.New(bytes.TrimPrefix(data, []byte("\ufeff")))}
	if err := d.read(name); err != nil {
		return nip19.Profile{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	switch {
	case !d.named:
		return nip19.Profile{}, ErrNotFound
	case d.bad != "":
		return nip19.Profile{}, fmt.Errorf("%w: the name's key %s", ErrDocument, d.bad)
	}
	return nip19.Profile{PubKey: d.key, Relays: relaysOf(d.relays, d.key)}, nil
}

// A document is read in one pass, but for the relays: which of them are wanted is known
// when the names have been read, and they may stand before.
type document struct {
	s strictjson.Scanner

	seenNames  bool
	named      bool // the wanted name is there
	key        nostr.PubKey
	bad        string // what is wrong with its key, "" for nothing
	relays     []byte // JSON of the object's member, nil if there is none
	seenRelays bool
}

// read returns an error for what is no document at all.
func (d *document) read(name string) error {
	if err := d.s.Object(); err != nil {
		return err
	}
	var buf [16]byte
	for n := 0; ; n++ {
		key, more, err := d.s.NextKey(n, buf[:0])
		if err != nil {
			return err
		}
		if !more {
			return d.s.End()
		}
		switch string(key) {
		case "names":
			if d.seenNames {
				return errors.New(`two members "names"`)
			}
			d.seenNames = true
			err = d.readNames(name)
		case "relays":
			d.s.SkipSpace()
			from := d.s.Pos()
			if err = d.s.Skip(); err == nil {
				d.relays = d.s.Since(from)
				if d.seenRelays {
					d.relays = nil // nobody knows which are meant
				}
				d.seenRelays = true
			}
		default:
			err = d.s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

func (d *document) readNames(name string) error {
	if err := d.s.Object(); err != nil {
		return err
	}
	var buf [80]byte
	for n := 0; ; n++ {
		key, more, err := d.s.NextKey(n, buf[:0])
		if err != nil || !more {
			return err
		}
		if string(key) != name {
			if err := d.s.Skip(); err != nil {
				return err
			}
			continue
		}
		if d.named {
			return errors.New("the name is there twice")
		}
		d.named = true
		if err := d.readKey(); err != nil {
			return err
		}
	}
}

// readKey notes what is wrong with the key instead of ending the document there: whether it is
// JSON comes first.
func (d *document) readKey() error {
	if d.s.Peek() != '"' {
		d.bad = "is not a string"
		return d.s.Skip()
	}
	text, err := d.s.String(nil)
	if err != nil {
		return err
	}
	if d.key, err = nostr.PubKeyFromHex(string(text)); err != nil {
		d.bad = "is not 64 lower-case hex digits"
		return nil
	}
	if _, err := schnorr.ParsePubKey(d.key[:]); err != nil {
		d.bad = "is not a point on the curve"
	}
	return nil
}

// relaysOf returns the relay URLs that the object has for a key. It was checked to be JSON;
// whatever else is wrong with it is ignored.
func relaysOf(object []byte, pk nostr.PubKey) (relays []string) {
	s := strictjson.New(object)
	if s.Peek() != '{' || s.Object() != nil {
		return nil
	}
	var buf [80]byte
	seen := false
	for n := 0; ; n++ {
		key, more, err := s.NextKey(n, buf[:0])
		if err != nil || !more {
			return relays
		}
		if string(key) != pk.String() || s.Peek() != '[' {
			if s.Skip() != nil {
				return relays
			}
			continue
		}
		if seen {
			return nil
		}
		seen = true
		if relays, err = readRelays(&s); err != nil {
			return nil
		}
	}
}

func readRelays(s *strictjson.Scanner) (relays []string, err error) {
	if err := s.Array(); err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		more, err := s.NextElement(n)
		if err != nil || !more {
			return relays, err
		}
		if s.Peek() != '"' {
			if err := s.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		text, err := s.String(nil)
		if err != nil {
			return nil, err
		}
		if len(relays) == nip19.MaxRelays {
			continue
		}
		if url, err := nostr.NormalizeURL(string(text)); err == nil && !slices.Contains(relays, url) {
			relays = append(relays, url)
		}
	}
}
