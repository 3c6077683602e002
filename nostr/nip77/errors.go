package nip77

import (
	"errors"
	"fmt"
)

var (
	// ErrCreatedAt is in the error of [Builder.Add] for a date before 1970.
	ErrCreatedAt = errors.New("nip77: an item is dated before 1970")

	// ErrTooManyItems is the error of [Builder.Add] when the set is full.
	ErrTooManyItems = errors.New("nip77: a set has at most 2³¹-1 items")

	// ErrFrameSizeLimit is in the error of [NewClient] and [NewServer] when the limit is
	// neither 0 nor at least [MinFrameSizeLimit].
	ErrFrameSizeLimit = errors.New("nip77: frame size limit too small")

	// ErrStalled is the error of [Client.Reconcile] when the server has said nothing new in
	// [MaxIdleRounds] messages one after another.
	ErrStalled = errors.New("nip77: the server's answers come to no end")
)

// A ParseError is returned when a message is refused. Nothing of it has had an effect.
type ParseError struct {
	Offset int // in bytes, of what could not be read, from the start of the message
	Reason string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("nip77: message refused: %s at byte %d", e.Reason, e.Offset)
}

// A VersionError is returned to a client whose server speaks another version of the protocol.
type VersionError struct {
	Version byte // the first byte of the server's message: 0x60 and the highest version it speaks
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("nip77: the server speaks protocol version %d (0x%02x), not %d", int(e.Version)-versionZero, e.Version, Version-versionZero)
}
