// Package nip57 reads, checks and makes zaps: payments over Lightning that are told on Nostr
// (NIP-57). It does no I/O and holds no money: documents, invoices and events are handed in.
//
// Somebody was zapped; did the sender pay what the receipt says?
//
//	zap, err := nip57.CheckReceipt(ev, bob, info.NostrPubKey, "") // ev is genuine, of kind 9735
//	zap.Amount         // millisatoshis
//	zap.Request.Sender // who says that he paid
//
// Zapping somebody:
//
//	url, err := nip57.AddressURL("bob@example.com")   // of his profile's lud16; get it
//	info, err := nip57.ParsePayInfo(document)         // what was there
//	ev, err := nip57.NewRequest(nip57.Zap{…})         // sign it
//	url, err = info.InvoiceURL(&ev, 21000, "")        // get it, pay the invoice in the answer
//
// # What a receipt proves
//
// That the recipient's provider says so, no more: NIP-57 is plain about it. So the check that
// matters most is that the receipt's author is the key which the recipient's own LNURL endpoint
// names; without it anybody can make a receipt of any amount. The other one is that the recipient
// is who was to be paid. NIP-57 takes it for granted, but a provider serves many, and who has the
// same one can pay himself and name somebody else's note. [ParseReceipt] leaves both out and says
// so. A preimage that fits shows that its publisher saw one, not that the sender paid: the flags of
// a [Receipt] tell, and nothing is refused for them. One payment may have several receipts, in
// events with IDs of their own: who adds up counts each Receipt.Invoice once.
//
// # What is checked
//
// Of a receipt: the kind; one invoice, with an amount and for real bitcoin; one request in its
// description, genuine and well-formed; that the amount of the invoice is the one in the request,
// if it has one; that recipient, target and sender in the receipt's tags are those of the
// request. What counts is always the request, for its sender signed it. The hash of the
// description in the invoice should fit, says NIP-57, and many providers' does not:
// Receipt.Committed tells.
//
// Of a request: one p tag, at most one e, a, amount and lnurl tag, all of them good, and a relay
// to send the receipt to: Appendix A demands it, Appendix D only wishes it, and without one the
// receipt goes nowhere.
//
// # The two meanings of P
//
// Appendix D has the P tag of a request equal the key that signs receipts, and Appendix E puts
// the sender's key into the P tag of a receipt. Both are taken at their word: [Request.CheckFor]
// holds the P of a request to the provider's key, and the P of a receipt has to be its request's
// author. Reading a receipt, the P inside its request is ignored: a provider that let a wrong one
// pass has been paid all the same.
//
// # What is left out
//
// Fetching and paying; encrypted ("private") zaps, which NIP-57 does not define; the signature,
// expiry and routes of invoices, which are the business of the wallet that pays.
//
// # Coming from nostr-tools
//
// makeZapRequest is [NewRequest], validateZapRequest [ParseRequest], makeZapReceipt [NewReceipt],
// getZapEndpoint [AddressURL] and [ParsePayInfo], getSatoshisAmountFromBolt11 [InvoiceAmount], in
// millisatoshis. Receipts are checked by [CheckReceipt].
package nip57

import "errors"

var (
	// ErrRequest is in the error when a zap request is not as NIP-57 wants it.
	ErrRequest = errors.New("nip57: bad zap request")

	// ErrReceipt is in the error when a zap receipt is not as NIP-57 wants it.
	ErrReceipt = errors.New("nip57: bad zap receipt")

	// ErrAmount is in the error, beside one of those, when two amounts differ that have to be equal.
	ErrAmount = errors.New("amounts differ")

	// ErrProvider is in the error when a receipt is not signed by the recipient's provider.
	ErrProvider = errors.New("nip57: the receipt is not by the recipient's provider")

	// ErrRecipient is in the error when a receipt is for somebody else than the recipient.
	ErrRecipient = errors.New("nip57: the receipt is for another recipient")

	// ErrLNURL is in the error when a string is no LNURL or lightning address, and when a request
	// is for another one than the recipient's.
	ErrLNURL = errors.New("nip57: bad LNURL")

	// ErrNoZaps is in the error of [ParsePayInfo] when the recipient's provider does not
	// support zaps.
	ErrNoZaps = errors.New("nip57: this recipient cannot be zapped")
)
