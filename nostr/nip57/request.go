package nip57

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

// MaxRelays bounds how many relays of a request are read: a server that publishes receipts
// wherever it is told to would be a weapon.
const MaxRelays = 64

// A Request is what a zap request says, of kind 9734.
type Request struct {
	Event     *nostr.Event // verified
	Sender    nostr.PubKey // its author
	Recipient nostr.PubKey
	Amount    int64          // in millisatoshis, 0 if not stated
	Target    nostr.EventRef // the event that is zapped, zero if it is the person
	Address   string         // "kind:pubkey:d" of what is zapped, "" if it has none
	Kind      string         // of what is zapped, a number; "" if not told
	LNURL     string         // of the recipient, in bech32; "" if not stated
	Relays    []string       // where the receipt is to be published; normalised, at least one
	Provider  nostr.PubKey   // of the P tag, zero if there is none; see the package's comment
	Comment   string         // the content
}

// ParseRequest reads and verifies the zap request in a JSON text: the description in a receipt,
// or the value of the "nostr" parameter of a request for an invoice, as it is when the query has
// been decoded, once. It fails with [ErrRequest].
func ParseRequest(text string) (Request, error) {
	r, err := parseRequest(text)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return r, nil
}

func parseRequest(text string) (Request, error) {
	e := new(nostr.Event)
	if err := e.UnmarshalJSON([]byte(text)); err != nil {
		return Request{}, err
	}
	if e.Kind != nostr.KindZapRequest {
		return Request{}, fmt.Errorf("kind %d, want %d", e.Kind, nostr.KindZapRequest)
	}
	r := Request{Event: e, Sender: e.PubKey, Comment: e.Content, Relays: relaysOf(e)}
	for _, step := range [...]func(*nostr.Event) error{r.readPeople, r.readTarget, r.readMoney} {
		if err := step(e); err != nil {
			return Request{}, err
		}
	}
	if len(r.Relays) == 0 {
		return Request{}, errors.New("no relay URL in a relays tag")
	}
	return r, e.Verify() // last, for it takes a hundred times as long as the rest
}

func (r *Request) readPeople(e *nostr.Event) error {
	for t := range e.Tags.FindAll("p") {
		if !r.Recipient.IsZero() {
			return errors.New("more than one p tag")
		}
		pk, err := nostr.PubKeyFromHex(t.Value())
		if err != nil || pk.IsZero() {
			return errors.New("the p tag holds no public key")
		}
		r.Recipient = pk
	}
	if r.Recipient.IsZero() {
		return errors.New("no p tag")
	}
	provider, err := only(e, "P")
	if err != nil || provider == nil {
		return err
	}
	if r.Provider, err = nostr.PubKeyFromHex(provider.Value()); err != nil {
		return errors.New("the P tag holds no public key")
	}
	return nil
}

func (r *Request) readTarget(e *nostr.Event) error {
	if kind := e.Tags.Find("k").Value(); kind != "" {
		if _, ok := refs.Kind(kind); ok {
			r.Kind = kind
		}
	}
	event, err := only(e, "e")
	if err != nil {
		return err
	}
	if event != nil {
		var ok bool
		if r.Target, ok = nostr.EventRefOf(event); !ok {
			return errors.New("the e tag holds no event ID")
		}
	}
	address, err := only(e, "a")
	if err != nil || address == nil {
		return err
	}
	r.Address = address.Value()
	if _, _, ok := refs.Address(r.Address); !ok {
		return errors.New("the a tag holds no address")
	}
	return nil
}

func (r *Request) readMoney(e *nostr.Event) error {
	lnurl, err := only(e, "lnurl")
	if err != nil {
		return err
	}
	r.LNURL = lnurl.Value()
	amount, err := only(e, "amount")
	if err != nil || amount == nil {
		return err
	}
	n, err := strconv.ParseInt(amount.Value(), 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != amount.Value() {
		return errors.New("the amount tag is not a number of millisatoshis")
	}
	r.Amount = n
	return nil
}

// only returns the tag with that key, nil if there is none, and an error if there are two.
func only(e *nostr.Event, key string) (tag nostr.Tag, err error) {
	for t := range e.Tags.FindAll(key) {
		if tag != nil {
			return nil, fmt.Errorf("more than one %s tag", key)
		}
		tag = t
	}
	return tag, nil
}

// relaysOf returns what the first relays tag holds, which is a flat list.
func relaysOf(e *nostr.Event) (relays []string) {
	tag := e.Tags.Find("relays")
	for i := 1; i < len(tag) && len(relays) < MaxRelays; i++ {
		if url, err := nostr.NormalizeURL(tag[i]); err == nil && !slices.Contains(relays, url) {
			relays = append(relays, url)
		}
	}
	return relays
}

// CheckFor returns nil if a provider may make an invoice of that amount, in millisatoshis, for the
// request: what the query says is what the request says, if it says anything, and the P tag, if
// there is one, is the key that the provider signs its receipts with (NIP-57, Appendix D). It fails
// with [ErrRequest], and for the amount with [ErrAmount] too.
func (r Request) CheckFor(amount int64, provider nostr.PubKey) error {
	switch {
	case amount <= 0:
		return fmt.Errorf("%w: %d millisatoshis", ErrRequest, amount)
	case r.Amount != 0 && r.Amount != amount:
		return fmt.Errorf("%w: %w: %d in the request, %d in the query", ErrRequest, ErrAmount, r.Amount, amount)
	case !r.Provider.IsZero() && r.Provider != provider:
		return fmt.Errorf("%w: the P tag is not the key that signs the receipt", ErrRequest)
	}
	return nil
}

// A Zap is what [NewRequest] asks for.
type Zap struct {
	Recipient nostr.PubKey
	Target    *nostr.Event // nil to zap the person
	Amount    int64        // in millisatoshis, 0 to leave it out
	LNURL     string       // of the recipient, in bech32; "" to leave it out
	Relays    []string     // where the receipt is to be published: at least one relay URL
	Comment   string
}

// NewRequest returns a zap request, to be signed. It is not published, but goes to the
// recipient's provider: see [PayInfo.InvoiceURL]. It fails with [ErrRequest], for a relay that is
// none with [nostr.ErrInvalidURL] too, and for an LNURL that is none, such as a lightning address
// (see [EncodeLNURL]), with [ErrLNURL] too.
func NewRequest(z Zap) (nostr.Event, error) {
	relays := nostr.Tag{"relays"}
	for _, raw := range z.Relays {
		url, err := nostr.NormalizeURL(raw)
		if err != nil {
			return nostr.Event{}, fmt.Errorf("%w: %w", ErrRequest, err)
		}
		relays = append(relays, url)
	}
	switch {
	case len(relays) == 1:
		return nostr.Event{}, fmt.Errorf("%w: no relay for the receipt", ErrRequest)
	case z.Recipient.IsZero():
		return nostr.Event{}, fmt.Errorf("%w: no recipient", ErrRequest)
	case z.Amount < 0:
		return nostr.Event{}, fmt.Errorf("%w: a negative amount", ErrRequest)
	}
	tags := nostr.Tags{relays}
	if z.Amount != 0 {
		tags = append(tags, nostr.Tag{"amount", strconv.FormatInt(z.Amount, 10)})
	}
	if z.LNURL != "" {
		if _, err := DecodeLNURL(z.LNURL); err != nil {
			return nostr.Event{}, fmt.Errorf("%w: %w", ErrRequest, err)
		}
		tags = append(tags, nostr.Tag{"lnurl", z.LNURL})
	}
	tags = append(tags, nostr.Tag{"p", z.Recipient.String()})
	if z.Target != nil {
		tags = append(tags, nostr.Tag{"e", z.Target.ID.String()})
		if address := z.Target.Address(); address != "" {
			tags = append(tags, nostr.Tag{"a", address})
		}
		tags = append(tags, nostr.Tag{"k", strconv.Itoa(int(z.Target.Kind))})
	}
	return nostr.Event{Kind: nostr.KindZapRequest, Content: z.Comment, Tags: tags}, nil
}
