// Package nip77 finds out which events one store has and another lacks, and the other way
// round, without sending all ids: the negentropy protocol, version 1, of NIP-77. It makes
// and answers messages; it sends nothing and waits for nothing.
//
//	var b nip77.Builder
//	for _, ev := range stored { // all that match the filter of NEG-OPEN
//		if err := b.Add(ev.CreatedAt, ev.ID); err != nil { … }
//	}
//	client, err := nip77.NewClient(b.Build(), 60_000)
//	first := client.Initiate()                                // into NEG-OPEN
//	next, err := client.Reconcile(payload, upload, download)  // of NEG-MSG, into NEG-MSG; nil at the end
//
// The side that begins is the [Client], and only it learns the differences. What it needs it gets by
// REQ, what the other lacks it sends by EVENT, meanwhile or later. The other side is a [Server],
// mostly a relay. Package gennostr has the messages that carry these: NegOpen, NegMsg,
// NegClose, NegErrorMessage, with payloads as bytes; in JSON they are hexadecimal.
//
// # How it works
//
// Items are sorted by date, then by id. The client sends fingerprints of ranges; for a
// range whose fingerprint is not its own, a side answers with those of sixteen parts of it, or
// with its ids when they are few. A million items with ten differences take six messages,
// 20 kilobytes in all. A limit of the frame's size makes more messages of many differences.
//
// # What strangers send
//
// Messages are checked as a whole before they have any effect; a [ParseError] says what is
// wrong and at which byte. Nothing is reserved for what a message only announces. Refused
// are numbers beyond 64 bits, prefixes beyond 32 bytes, bounds that go back, unknown
// modes, lists longer than the message, and whatever is cut short. Empty ranges, a range
// after the last, an id listed twice and numbers with leading zeros do no harm and are let pass.
//
// What an answer costs is in proportion to the message and to the frame size limit, or without
// one to the set. A server should have a limit.
//
// # When it ends
//
// Honest sides come to an end. Others do not have to: [Client.Reconcile] gives up with
// [ErrStalled] after [MaxIdleRounds] messages without news. A server that makes up ids has
// news for ever; the caller bounds that by counting: messages, or the ids that need is
// called with, of which the client keeps some 60 bytes each so as to tell none twice. And each
// wait for a message needs a deadline: relays are known that never answer.
//
// # What a difference means
//
// An id that the server lists is its word and no more: an event may turn out not to exist,
// not to match the filter, or not to be wanted, as the older versions of replaceable events,
// which come up each time between a store that keeps them and one that does not.
// Equal fingerprints mean equal sets as far as nobody aims at the contrary: the sum in
// them is not made to withstand somebody who chooses the ids of many events.
//
// # What is left out
//
// Sets that change: a [Set] is built for a reconciliation, a million items in some tenths of
// a second, and much faster if they come in order. Version 0 of the protocol, which came before the
// NIP. The narrowing of a filter when a relay refuses it as too big, transfers, retries:
// they belong to whoever holds the connection.
//
// # Coming from go-nostr
//
// Vector is the [Builder] and its [Set], Negentropy is [Client] or [Server], Start is
// Initiate. Messages are bytes and not hex, differences come by functions and not by channels, so no
// goroutine is needed and none can be left behind.
package nip77

// Version is the first byte of every message: version 1 of the protocol (NIP-77).
const Version = versionZero + 1

const (
	versionZero = 0x60
	versionLast = 0x6f
)
