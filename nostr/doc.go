// Package nostr holds the data of the Nostr protocol: events, filters, keys, tags, kinds
// and relay URLs, and their JSON. It starts no goroutine and opens no socket; all of it
// may be used from many goroutines as long as nobody changes a value that another reads.
//
//	sk := nostr.GenerateSecretKey()
//	ev := nostr.Event{Kind: nostr.KindTextNote, Content: "hello"}
//	if err := ev.Sign(sk); err != nil { … }
//	fmt.Println(ev.ID, ev.Verify())
//
// # Genuine or not
//
// Whatever a relay sends is a claim. [ParseEvent] and [encoding/json] establish that it has
// the shape of an event; only [Event.Verify] establishes that its author made it: the hash
// of the canonical form is the id (NIP-01), and the signature over the id is good (BIP-340).
//
// # Strict and bounded
//
// Parsing refuses what two implementations might read differently: duplicate keys (also when
// one is spelled "\u0069d"), upper-case hex, fractions and exponents in integers, bytes that are
// not UTF-8, lone surrogates, nesting beyond 64. A [ParseError] names the field and the byte.
// Unknown keys of an event are ignored. A parsed value holds no reference to the data it
// came from, and an event takes four allocations however many tags it has (a few more
// beyond 48 strings in them).
//
// # Nothing is not everything
//
// In a [Filter] a nil list is no condition and an empty list matches nothing. The builders
// never make a nil list, so that the follow list of somebody who follows nobody does not
// become a request for all there is.
//
// # Secrets
//
// A [SecretKey] prints as redacted under every verb of fmt, in log/slog, in encoding/json and
// inside other values. [SecretKey.Hex] is the one way out.
//
// # Coming from go-nostr
//
// Most names are the same. ID, PubKey, Sig and Kind are types instead of strings and ints
// (so hex is checked once, at the border), Sign takes a [SecretKey], CheckSignature returns an
// error and looks at the signature only (use [Event.Verify]), and Filter.Tags has keys
// without the '#'.
package nostr
