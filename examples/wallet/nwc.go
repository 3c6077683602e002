package main

import (
	"context"
	"encoding/json"

	"github.com/gennostr/gennostr/nostr"
)

// What customers and wallets say to each other (NIP-47).

const payInvoice = "pay_invoice"

// failure is the final word on a request that is not paid, for the customer.
type failure struct {
	Code    string `json:"code"` // one of NIP-47's
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

type requestBody struct {
	Method string `json:"method"`
	Params struct {
		Invoice string `json:"invoice"`
	} `json:"params"`
}

type responseBody struct {
	Method string   `json:"result_type"`
	Error  *failure `json:"error"`
	Result *paid    `json:"result"`
}

type paid struct {
	Preimage string `json:"preimage"`
}

// readRequest finds the invoice. Its errors are final, each a *failure, but for the
// end of ctx.
func readRequest(ctx context.Context, cipher nostr.Cipher, request *nostr.Event) (invoice string, err error) {
	if scheme := request.Tags.Find("encryption"); len(scheme) < 2 || scheme[1] != "nip44_v2" {
		return "", &failure{"UNSUPPORTED_ENCRYPTION", "this wallet reads nip44_v2"}
	}
	text, err := cipher.Decrypt(ctx, request.PubKey, request.Content)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var body requestBody
	if err != nil || json.Unmarshal([]byte(text), &body) != nil {
		return "", &failure{"OTHER", "the request cannot be read"}
	}
	if body.Method != payInvoice {
		return "", &failure{"NOT_IMPLEMENTED", "this wallet knows pay_invoice only"}
	}
	return body.Params.Invoice, nil
}

// writeRequest is a customer's part.
func writeRequest(ctx context.Context, key nostr.SecretKey, cipher nostr.Cipher, wallet nostr.PubKey, invoice string) (*nostr.Event, error) {
	body := requestBody{Method: payInvoice}
	body.Params.Invoice = invoice
	return letter(ctx, key, cipher, wallet, nostr.KindNWCWalletRequest, body, nostr.Tag{"encryption", "nip44_v2"})
}

// writeResponse says that a request was paid, or why it was not, if refused is a *failure.
func writeResponse(ctx context.Context, key nostr.SecretKey, cipher nostr.Cipher, p *payment, refused error) (*nostr.Event, error) {
	body := responseBody{Method: payInvoice}
	if f, ok := refused.(*failure); ok { //nolint:errorlint // what readRequest and banks return is not wrapped
		body.Error = f
	} else {
		body.Result = &paid{p.preimage}
	}
	return letter(ctx, key, cipher, p.request.PubKey, nostr.KindNWCWalletResponse, body, nostr.Tag{"e", p.request.ID.String()})
}

// letter is signed, and encrypted for one.
func letter(ctx context.Context, key nostr.SecretKey, cipher nostr.Cipher, to nostr.PubKey, kind nostr.Kind, body any, tags ...nostr.Tag) (*nostr.Event, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	content, err := cipher.Encrypt(ctx, to, string(text))
	if err != nil {
		return nil, err
	}
	event := &nostr.Event{Kind: kind, Content: content, Tags: append(nostr.Tags{{"p", to.String()}}, tags...)}
	return event, event.Sign(key)
}
