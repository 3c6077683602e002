package nostr

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// CheckID returns nil if e.ID is the hash of the event, else an error that is [ErrBadID],
// and [ErrOtherSerialization] too where it is the hash of the event written in another way.
func (e *Event) CheckID() error { return e.CheckHash(e.GetID()) }

// CheckHash is CheckID for who has computed [Event.GetID] already.
func (e *Event) CheckHash(want ID) error {
	switch {
	case want == e.ID:
		return nil
	case e.hasControls() && e.verbatimID() == e.ID:
		return fmt.Errorf("%w: id %s, hash %s", ErrOtherSerialization, e.ID, want)
	}
	return fmt.Errorf("%w: id %s, hash %s", ErrBadID, e.ID, want)
}

// hasControls reports whether there is a byte that the readings of NIP-01 write differently.
func (e *Event) hasControls() bool {
	if hasControls(e.Content) {
		return true
	}
	for _, tag := range e.Tags {
		for _, s := range tag {
			if hasControls(s) {
				return true
			}
		}
	}
	return false
}

func hasControls(s string) bool {
	for i := range len(s) {
		if isOtherControl(s[i]) {
			return true
		}
	}
	return false
}

// isOtherControl tells the control bytes that have no escape of two letters.
func isOtherControl(c byte) bool {
	return c < ' ' && c != '\b' && c != '\t' && c != '\n' && c != '\f' && c != '\r'
}

// verbatimID is [Event.GetID] by the letter of NIP-01.
func (e *Event) verbatimID() ID {
	dst := append(make([]byte, 0, e.sizeHint()), `[0,"`...)
	dst = append(appendHex(dst, e.PubKey[:]), `",`...)
	dst = append(strconv.AppendInt(dst, int64(e.CreatedAt), 10), ',')
	dst = append(strconv.AppendUint(dst, uint64(e.Kind), 10), `,[`...)
	for i, tag := range e.Tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for j, s := range tag {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendVerbatim(dst, s)
		}
		dst = append(dst, ']')
	}
	dst = appendVerbatim(append(dst, `],`...), e.Content)
	return sha256.Sum256(append(dst, ']'))
}

// sevenEscapes are those of NIP-01, and no other.
var sevenEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`)

func appendVerbatim(dst []byte, s string) []byte {
	return append(append(append(dst, '"'), sevenEscapes.Replace(s)...), '"')
}
