package nip57_test

import (
	"errors"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip57"
)

// invoice2500u is for 250,000 satoshis.
const invoice2500u = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"

func ExampleCheckReceipt() {
	// Alice asked for an invoice and has paid it, and bob's provider says so.
	request, err := nip57.NewRequest(nip57.Zap{Recipient: bob.PubKey(), Amount: 250_000_000, Relays: []string{"wss://relay.example.com"}, Comment: "Thanks!"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := request.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := nip57.NewReceipt(request.String(), invoice2500u, "", nostr.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := receipt.Sign(provider); err != nil {
		fmt.Println(err)
		return
	}

	// A bot sees the receipt. It has the provider's key from ParsePayInfo.
	zap, err := nip57.CheckReceipt(&receipt, bob.PubKey(), provider.PubKey(), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(zap.Amount/1000, "satoshis, by alice:", zap.Request.Sender == alice.PubKey(), zap.Request.Comment)

	// Anybody can write the same.
	if err := receipt.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	_, err = nip57.CheckReceipt(&receipt, bob.PubKey(), provider.PubKey(), "")
	fmt.Println(errors.Is(err, nip57.ErrProvider))
	// Output:
	// 250000 satoshis, by alice: true Thanks!
	// true
}

func ExampleNewRequest() {
	where, err := nip57.AddressURL("bob@example.com") // of his profile
	fmt.Println(where, err)
	info, err := nip57.ParsePayInfo([]byte(`{
		"callback": "https://example.com/pay/bob", "minSendable": 1000, "maxSendable": 100000000, "tag": "payRequest",
		"allowsNostr": true, "nostrPubkey": "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
	}`)) // what is there
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := nip57.NewRequest(nip57.Zap{Recipient: bob.PubKey(), Amount: 21000, Relays: []string{"wss://relay.example.com"}, Comment: "Thanks!"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := request.Sign(alice); err != nil {
		fmt.Println(err)
		return
	}
	ask, err := info.InvoiceURL(&request, 21000, "")
	fmt.Println(ask[:len("https://example.com/pay/bob?amount=21000")], err)
	_, err = info.InvoiceURL(&request, 42000, "")
	fmt.Println(err)
	// Output:
	// https://example.com/.well-known/lnurlp/bob <nil>
	// https://example.com/pay/bob?amount=21000 <nil>
	// nip57: bad zap request: amounts differ: 21000 in the request, 42000 in the query
}

func ExampleInvoiceAmount() {
	msat, err := nip57.InvoiceAmount(invoice2500u)
	fmt.Println(msat, err)
	// Output: 250000000 <nil>
}

func ExampleSplits_Divide() {
	note := nostr.Event{Tags: nostr.Tags{
		{"zap", id1, "wss://relay.example.com", "1"}, {"zap", id2, "wss://relay.example.com", "2"},
	}}
	splits, _ := nip57.ParseSplits(&note)
	for i, msat := range splits.Divide(21000) {
		fmt.Println(splits[i].PubKey.String()[:8], msat)
	}
	// Output:
	// 11111111 7000
	// 22222222 14000
}
