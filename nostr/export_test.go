package nostr

// SignWithAux signs with randomness that is known, as the vectors of BIP-340 do.
func SignWithAux(sk SecretKey, id ID, aux [32]byte) (Sig, error) { return signWith(sk.k, id, &aux) }
