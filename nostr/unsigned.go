package nostr

import "bytes"

// ParseUnsigned reads one event that has not been signed and nothing else, as strictly as
// [ParseEvent]: a rumor (NIP-59), or what a remote signer is asked to sign (NIP-46). The fields
// id, pubkey and sig may be missing, or empty strings; they are zero then. What is there is
// a claim: an ID is worth what [Event.CheckID] says, and a Sig has no place in a rumor.
func ParseUnsigned(data []byte) (*Event, error) {
	p := eventParser{optional: fieldID | fieldPubKey | fieldSig}
	if err := p.parse(data); err != nil {
		return nil, err
	}
	if err := p.s.End(); err != nil {
		return nil, parseError("event", "", err)
	}
	ev := p.event
	return &ev, nil
}

// AppendUnsignedJSON is [Event.AppendJSON] without the key "sig": what [ParseUnsigned] reads.
func (e *Event) AppendUnsignedJSON(dst []byte) []byte {
	start := len(dst)
	dst = e.AppendJSON(dst)
	// The last of them is no part of a string: there its quotes would be escaped.
	sig := bytes.LastIndex(dst[start:], []byte(`,"sig":"`))
	return append(dst[:start+sig], '}')
}
