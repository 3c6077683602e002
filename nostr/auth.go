package nostr

// NewAuthEvent returns the event that answers a relay's challenge (NIP-42), to be signed: kind
// 22242 with the tags "relay" and "challenge", dated now, mostly [Now]. relay is taken as it
// is given: some relays compare it byte for byte with the URL that they know
// themselves by, others just the host. Relays refuse dates that are more than some ten minutes off.
//
// Such an event is for that one relay, and is never published.
func NewAuthEvent(relay, challenge string, now Timestamp) Event {
	return Event{
		Kind:      KindClientAuthentication,
		CreatedAt: now,
		Tags:      Tags{{"relay", relay}, {"challenge", challenge}},
	}
}
