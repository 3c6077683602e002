package nostr

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// errNull is what NULL gives: a missing id is no id, and zero would be taken for one.
var errNull = errors.New("NULL (scan into a sql.Null of it)")

// Value returns lower-case hex, for [database/sql].
func (id ID) Value() (driver.Value, error) { return id.String(), nil }

// Value returns lower-case hex, for [database/sql].
func (pk PubKey) Value() (driver.Value, error) { return pk.String(), nil }

// Value returns lower-case hex, for [database/sql].
func (sig Sig) Value() (driver.Value, error) { return sig.String(), nil }

// Value returns the seconds as an int64, for [database/sql].
func (t Timestamp) Value() (driver.Value, error) { return int64(t), nil }

// Scan reads 64 lower-case hexadecimal digits, as text or bytes, or 32 bytes, for
// [database/sql]. NULL is an error: see [database/sql.Null]. The ID keeps its value when it fails.
func (id *ID) Scan(src any) error { return scanHex(id[:], src, "event id") }

// Scan is as that of [ID].
func (pk *PubKey) Scan(src any) error { return scanHex(pk[:], src, "public key") }

// Scan reads 128 lower-case hexadecimal digits, as text or bytes, or 64 bytes, for
// [database/sql]. NULL is an error: see [database/sql.Null]. The signature keeps its value when it fails.
func (sig *Sig) Scan(src any) error { return scanHex(sig[:], src, "signature") }

// scanHex changes dst only if it succeeds.
func scanHex(dst []byte, src any, what string) error {
	var text string
	switch src := src.(type) {
	case string:
		text = src
	case []byte:
		if len(src) == len(dst) { // a column of bytes; hex would have twice as many
			copy(dst, src)
			return nil
		}
		text = string(src)
	case nil:
		return fmt.Errorf("nostr: %s: %w", what, errNull)
	default:
		return fmt.Errorf("nostr: %s: cannot be read from %T", what, src)
	}
	var decoded [len(Sig{})]byte
	if err := decodeHex(decoded[:len(dst)], text, what); err != nil {
		return err
	}
	copy(dst, decoded[:])
	return nil
}

// Scan reads seconds, as an integer or in decimal digits, or a time, for [database/sql].
// NULL is an error: see [database/sql.Null]. The timestamp keeps its value when it fails.
func (t *Timestamp) Scan(src any) error {
	switch src := src.(type) {
	case int64:
		*t = Timestamp(src)
	case time.Time:
		*t = TimestampOf(src)
	case string:
		return t.scanText(src)
	case []byte:
		return t.scanText(string(src))
	case nil:
		return fmt.Errorf("nostr: timestamp: %w", errNull)
	default:
		return fmt.Errorf("nostr: timestamp: cannot be read from %T", src)
	}
	return nil
}

func (t *Timestamp) scanText(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return errors.New("nostr: timestamp: not an integer of 64 bits")
	}
	*t = Timestamp(n)
	return nil
}
