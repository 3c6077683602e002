package nip57

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/internal/bolt11"
	"github.com/gennostr/gennostr/nostr"
)

// mainnet is the network of an invoice for bitcoin that is worth something.
const mainnet = "bc"

// A Receipt is what a zap receipt says, of kind 9735.
type Receipt struct {
	Request  Request         // whose Sender paid, and what for
	Amount   int64           // in millisatoshis, of the invoice; never 0
	Invoice  string          // BOLT-11
	Provider nostr.PubKey    // who says so: the receipt's author
	PaidAt   nostr.Timestamp // the receipt's created_at

	// Committed says that the invoice was made for this very request: its description hash
	// is that of the request's text. NIP-57 says SHOULD, and many providers do not.
	Committed bool

	// PreimageFits says that the receipt has a preimage whose hash is the invoice's payment
	// hash. It is no proof that the sender paid.
	PreimageFits bool
}

// CheckReceipt returns what a zap receipt says if it is well-formed, for the recipient and by his
// provider: recipient is whom it is to have paid, such as the author of a note, provider the key
// that his LNURL endpoint names (PayInfo.NostrPubKey), and lnurl, unless it is "", his LNURL, which
// has to be that of the request if the request names one. The event has to be genuine (see
// [nostr.Event.Verify]); what a client delivers is.
//
// The errors are [ErrProvider], [ErrRecipient], [ErrLNURL] and those of [ParseReceipt].
func CheckReceipt(e *nostr.Event, recipient, provider nostr.PubKey, lnurl string) (Receipt, error) {
	switch {
	case provider.IsZero():
		return Receipt{}, fmt.Errorf("%w: its key was not handed in", ErrProvider)
	case e.PubKey != provider:
		return Receipt{}, fmt.Errorf("%w: by %s, want %s", ErrProvider, e.PubKey, provider)
	}
	r, err := ParseReceipt(e)
	if err != nil {
		return Receipt{}, err
	}
	if r.Request.Recipient != recipient {
		return Receipt{}, fmt.Errorf("%w: for %s, want %s", ErrRecipient, r.Request.Recipient, recipient)
	}
	if lnurl != "" && r.Request.LNURL != "" {
		if err := sameLNURL(r.Request.LNURL, lnurl); err != nil {
			return Receipt{}, err
		}
	}
	return r, nil
}

// ParseReceipt is [CheckReceipt] without the checks that tell a receipt from a lie: anybody can
// make what this accepts, of any amount. It is for counting where Receipt.Provider and
// Request.Recipient are compared later. It verifies the request inside, which takes about 150
// microseconds.
//
// It fails with [ErrReceipt], with [ErrRequest] too where the request is to blame, and with
// [ErrAmount] too where amounts differ.
func ParseReceipt(e *nostr.Event) (Receipt, error) {
	r, err := parseReceipt(e)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return r, nil
}

func parseReceipt(e *nostr.Event) (Receipt, error) {
	if e.Kind != nostr.KindZap {
		return Receipt{}, fmt.Errorf("kind %d, want %d", e.Kind, nostr.KindZap)
	}
	invoice, err := required(e, "bolt11")
	if err != nil {
		return Receipt{}, err
	}
	description, err := required(e, "description")
	if err != nil {
		return Receipt{}, err
	}
	inv, err := bolt11.Parse(invoice)
	switch {
	case err != nil:
		return Receipt{}, err
	case inv.Network != mainnet:
		return Receipt{}, errors.New("the invoice is for a test network, where money is worth nothing")
	case inv.Amount == 0:
		return Receipt{}, errors.New("the invoice names no amount")
	}
	request, err := ParseRequest(description)
	if err != nil {
		return Receipt{}, err
	}
	if request.Amount != 0 && request.Amount != inv.Amount {
		return Receipt{}, fmt.Errorf("%w: %d millisatoshis in the request, %d in the invoice", ErrAmount, request.Amount, inv.Amount)
	}
	if err := sameAsRequest(e, request); err != nil {
		return Receipt{}, err
	}
	return Receipt{
		Request: request, Amount: inv.Amount, Invoice: invoice, Provider: e.PubKey, PaidAt: e.CreatedAt,
		Committed:    inv.HasHash && inv.DescriptionHash == sha256.Sum256([]byte(description)),
		PreimageFits: preimageFits(e, inv),
	}, nil
}

// required returns the value of the one tag with that key.
func required(e *nostr.Event, key string) (string, error) {
	t, err := only(e, key)
	switch {
	case err != nil:
		return "", err
	case t.Value() == "":
		return "", fmt.Errorf("no %s tag", key)
	}
	return t.Value(), nil
}

// sameAsRequest holds the tags of a receipt, by which it is found, to what the sender signed. The
// target may be missing.
func sameAsRequest(e *nostr.Event, r Request) error {
	if !e.Tags.Has("p") {
		return errors.New("no p tag")
	}
	target := ""
	if !r.Target.ID.IsZero() {
		target = r.Target.ID.String()
	}
	for _, want := range [...]struct{ key, value, what string }{
		{"p", r.Recipient.String(), "recipient"},
		{"P", r.Sender.String(), "sender"},
		{"e", target, "event"},
		{"a", r.Address, "address"},
	} {
		for t := range e.Tags.FindAll(want.key) {
			if t.Value() != want.value {
				return fmt.Errorf("the %s tag is not the %s of the request", want.key, want.what)
			}
		}
	}
	return nil
}

func preimageFits(e *nostr.Event, inv bolt11.Invoice) bool {
	text := e.Tags.Find("preimage").Value()
	if len(text) != 2*len(inv.PaymentHash) { // before it is decoded: it may be of any length
		return false
	}
	preimage, err := hex.DecodeString(text)
	return err == nil && inv.HasPaymentHash && inv.PaymentHash == sha256.Sum256(preimage)
}

// InvoiceAmount returns the amount of a lightning invoice (BOLT-11) in millisatoshis, 0 if it names
// none and the payer chooses. Invoices for test networks are read like those for bitcoin.
func InvoiceAmount(invoice string) (int64, error) {
	inv, err := bolt11.Parse(invoice)
	if err != nil {
		return 0, fmt.Errorf("nip57: %w", err)
	}
	return inv.Amount, nil
}

// NewReceipt returns the receipt for a paid request, to be signed with the key that the LNURL
// endpoint names and published to the request's relays. request is the text that the invoice was
// made for, byte by byte, paidAt when the invoice was paid, and preimage the invoice's in 64 hex
// digits, "" to leave it out. It fails as [ParseReceipt] would for the result, and with
// [ErrReceipt] for another preimage.
func NewReceipt(request, invoice, preimage string, paidAt nostr.Timestamp) (nostr.Event, error) {
	r, err := ParseRequest(request)
	if err != nil {
		return nostr.Event{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	tags := nostr.Tags{{"p", r.Recipient.String()}, {"P", r.Sender.String()}}
	for _, key := range [...]string{"e", "a", "k"} {
		if t := r.Event.Tags.Find(key); t != nil {
			tags = append(tags, nostr.Tag{key, t.Value()})
		}
	}
	tags = append(tags, nostr.Tag{"bolt11", invoice}, nostr.Tag{"description", request})
	if preimage != "" {
		tags = append(tags, nostr.Tag{"preimage", preimage})
	}
	e := nostr.Event{Kind: nostr.KindZap, CreatedAt: paidAt, Tags: tags}
	made, err := ParseReceipt(&e)
	switch {
	case err != nil:
		return nostr.Event{}, err
	case preimage != "" && !made.PreimageFits:
		return nostr.Event{}, fmt.Errorf("%w: the preimage is not the invoice's", ErrReceipt)
	}
	return e, nil
}
