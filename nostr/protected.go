package nostr

// protectedKey is the key, and all there is, of the tag of NIP-70.
const protectedKey = "-"

// ProtectedTag returns ["-"], which asks relays to take the event from nobody but its
// author, who has to authenticate for that (NIP-70, NIP-42). It keeps no content secret.
func ProtectedTag() Tag { return Tag{protectedKey} }

// IsProtected reports whether the event has the tag of NIP-70: relays refuse it until its
// author has authenticated, and nobody else should send it to any.
func (e *Event) IsProtected() bool { return e.Tags.Has(protectedKey) }
