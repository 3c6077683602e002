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
// A [SecretKey] prints as redacted under every verb of fmt, in log/slog and inside other values.
// It is read from configurations and never written into them: marshalling it is an error.
// [SecretKey.Hex] is the one way out.
//
// # Dates
//
// The created_at of an event is its author's word. [Latest] and [Event.SupersedesAt] do not believe
// what lies more than [MaxAhead] in the future; [Event.Supersedes] and [NewestFirst] take it as it stands.
//
// # Databases
//
// [ID], [PubKey] and [Sig] are stored as lower-case hex and read from text or from the bytes
// themselves, [Timestamp] is an integer; NULL is for [database/sql.Null].
//
// # Which NIPs there are
//
// What a bot reads and writes every day, each checked against the text of its NIP and against
// what other implementations make. Here, in this package: 01 (events, filters, relay URLs), 40
// (expiration), 70 (protected events), the replies of 10, and the kinds of the others as names.
// In packages of their own:
//
//	nip04, nip44   encryption, the old and the present one
//	nip05          names at domains
//	nip10          threads; mentions and quotes in notes
//	nip11          what a relay says about itself
//	nip13          proof of work
//	nip17, nip59   private messages, gift wraps
//	nip18          reposts, quotes
//	nip19          npub, nevent and their like; the nostr: URIs of 21
//	nip22          comments
//	nip25          reactions, with the custom emoji of 30
//	nip27          mentions in running text
//	nip42          a relay's check of who has authenticated
//	nip49          secret keys under a password
//	nip57          zaps
//	nip65          relay lists
//	nip77          which events one store has and another lacks (negentropy)
//	nip98          HTTP requests signed with a key
//
// 46 (remote signers) and 47 (wallets) are conversations and not data: they are to stand on
// the client. Package gennostr speaks the parts of 01, 42, 45 and 67 that go over the wire.
//
// # Which are left out
//
// For many NIPs no package is better than a thin one. Follow lists (02), profiles (24), deletions
// (09), subjects (14), articles (23), labels (32), content warnings (36), statuses (38), lists
// (51), reports (56), polls (88), file metadata (92, 94), chats (C7) and others like them are a
// kind, some tags and a content, which [Event] and [Tags] read and write as they are; a struct
// for each would be more to learn than the tags, and would lag behind its NIP. Others have a
// world behind them that a data package cannot carry: money (60, 61, 87), git (34), calendars
// (52), streams (53), wikis (54), markets (15, 69, 99), groups run by relays (29, 43), the apps
// of one platform (07, 55), managing relays (86). 08 and 26 are no longer to be used. 06 (keys
// from words) is not here yet.
//
// # Coming from go-nostr
//
// Most names are the same. ID, PubKey, Sig and Kind are types instead of strings and ints, so
// that hex is checked once, at the border ([PubKeyFromHex], [IDFromHex]; [ParsePubKey] and its
// like for what people type). GeneratePrivateKey is [GenerateSecretKey], GetPublicKey
// [SecretKey.PubKey], and Sign takes a [SecretKey]. EventPointer is an [EventRef], EntityPointer an
// [Address]; with relays, all three pointers are in package nip19.
//
// Some things mean something else. CheckSignature there hashes the event, here it takes the ID at its
// word: what was CheckSignature is [Event.Verify]. An empty list in a filter, such as Authors of
// nobody, is left out there and asks for everybody; here it matches nothing. NormalizeURL
// returns an error instead of mending what it is given. A [Signer]'s GetPublicKey is PublicKey, and a
// [Cipher] is asked with the peer before the text.
package nostr
