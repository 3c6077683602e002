package nostr

// ParseUnsigned reads one event that has not been signed and nothing else, as strictly as
// [ParseEvent]: a rumor (NIP-59), or what a remote signer is asked to sign (NIP-46). The fields
// id, pubkey and sig may be missing, or empty strings; they are zero then and only then, for
// nothing but zeros is refused. What is there is a claim: an ID is worth what
// [Event.CheckID] says, and a Sig has no place in a rumor.
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

// AppendUnsignedJSON is [Event.AppendJSON] without the key "sig", and without "id" and
// "pubkey" where they are zero: what [ParseUnsigned] reads.
func (e *Event) AppendUnsignedJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if !e.ID.IsZero() {
		dst = append(dst, `"id":"`...)
		dst = appendHex(dst, e.ID[:])
		dst = append(dst, `",`...)
	}
	if !e.PubKey.IsZero() {
		dst = append(dst, `"pubkey":"`...)
		dst = appendHex(dst, e.PubKey[:])
		dst = append(dst, `",`...)
	}
	return append(e.appendFields(dst), '}')
}
