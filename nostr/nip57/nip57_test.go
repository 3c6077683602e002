package nip57_test

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip57"
)

var (
	id1 = strings.Repeat("1", 64)
	id2 = strings.Repeat("2", 64)
)

func TestAReceiptIsBelievedFromTheRecipientsProviderOnly(t *testing.T) {
	req := request(t, nostr.Tag{"amount", "21000"}, nostr.Tag{"e", id1}, nostr.Tag{"k", "1"})
	ev := signed(t, provider, receipt(t, req, invoice(t, "lnbc210n", req)))
	zap, err := nip57.CheckReceipt(ev, bob.PubKey(), provider.PubKey(), "")
	require.NoError(t, err)
	assert.EqualValues(t, 21000, zap.Amount)
	assert.Equal(t, alice.PubKey(), zap.Request.Sender)
	assert.Equal(t, bob.PubKey(), zap.Request.Recipient)
	assert.Equal(t, id1, zap.Request.Target.ID.String())
	assert.Equal(t, "Zap!", zap.Request.Comment)
	assert.Equal(t, []string{relay}, zap.Request.Relays)
	assert.Equal(t, provider.PubKey(), zap.Provider)
	assert.True(t, zap.Committed)
	assert.True(t, zap.PreimageFits)

	// The same, made by the sender himself.
	forged := signed(t, alice, *ev)
	_, err = nip57.CheckReceipt(forged, bob.PubKey(), provider.PubKey(), "")
	assert.ErrorIs(t, err, nip57.ErrProvider)
	_, err = nip57.CheckReceipt(ev, bob.PubKey(), nostr.PubKey{}, "")
	assert.ErrorIs(t, err, nip57.ErrProvider, "who does not know the provider believes nobody")
	nobodys := receipt(t, req, invoice(t, "lnbc210n", req))
	_, err = nip57.CheckReceipt(&nobodys, bob.PubKey(), nostr.PubKey{}, "")
	assert.ErrorIs(t, err, nip57.ErrProvider, "not even one that is by nobody")
	got, err := nip57.ParseReceipt(forged)
	require.NoError(t, err)
	assert.Equal(t, alice.PubKey(), got.Provider, "what ParseReceipt leaves out can be made up for")
}

// Who has the same provider as the author of a note can pay himself and name that note.
func TestAZapOfOneselfIsNoneOfSomebodyElsesNote(t *testing.T) {
	target := &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: 1700000000}
	require.NoError(t, target.Sign(bob))
	draft, err := nip57.NewRequest(nip57.Zap{Recipient: alice.PubKey(), Target: target, Relays: []string{relay}})
	require.NoError(t, err)
	req := signed(t, alice, draft).String()
	ev := signed(t, provider, receipt(t, req, invoice(t, "lnbc21m", req)))
	_, err = nip57.CheckReceipt(ev, bob.PubKey(), provider.PubKey(), "")
	assert.ErrorIs(t, err, nip57.ErrRecipient)
	_, err = nip57.CheckReceipt(ev, provider.PubKey(), bob.PubKey(), "")
	assert.Error(t, err, "the two keys the other way round")
	zap, err := nip57.CheckReceipt(ev, alice.PubKey(), provider.PubKey(), "")
	require.NoError(t, err)
	assert.Equal(t, target.ID, zap.Request.Target.ID, "it is a zap of alice's")
}

// What would be found out by others only, when it has been paid for.
func TestWhatIsMadeIsGood(t *testing.T) {
	own, err := nip57.EncodeLNURL("https://example.com/.well-known/lnurlp/bob")
	require.NoError(t, err)
	other, err := nip57.EncodeLNURL("https://example.com/.well-known/lnurlp/eve")
	require.NoError(t, err)
	zap := nip57.Zap{Recipient: bob.PubKey(), Relays: []string{relay}, LNURL: "bob@example.com"}
	_, err = nip57.NewRequest(zap)
	assert.ErrorIs(t, err, nip57.ErrLNURL, "a lightning address is none")
	assert.ErrorIs(t, err, nip57.ErrRequest)

	zap.LNURL = own
	draft, err := nip57.NewRequest(zap)
	require.NoError(t, err)
	info := nip57.PayInfo{NostrPubKey: provider.PubKey(), Callback: "https://example.com/cb", MinSendable: 1, MaxSendable: 100000}
	for lnurl, good := range map[string]bool{"": true, own: true, strings.ToUpper(own): true, other: false, "bob@example.com": false} {
		_, err = info.InvoiceURL(signed(t, alice, draft), 21000, lnurl)
		if good {
			assert.NoError(t, err, lnurl)
		} else {
			assert.ErrorIs(t, err, nip57.ErrLNURL, lnurl)
		}
	}
	req := signed(t, alice, draft).String()
	for _, preimage := range []string{"x", strings.Repeat("0", 64), strings.Repeat("z", 64), strings.Repeat("0", 66)} {
		_, err = nip57.NewReceipt(req, invoice(t, "lnbc210n", req), preimage, 1700000000)
		assert.ErrorIs(t, err, nip57.ErrReceipt, preimage)
	}
}

// Shows L44.
func TestTheInvoicesAmountIsTheRequests(t *testing.T) {
	req := request(t, nostr.Tag{"amount", "21000"})
	good := receipt(t, req, invoice(t, "lnbc210n", req))
	for _, prefix := range []string{"lnbc10n", "lnbc21n", "lnbc2100n", "lnbc210u", "lnbc211n"} {
		_, err := nip57.ParseReceipt(with(good, "bolt11", nostr.Tag{"bolt11", invoice(t, prefix, req)}))
		require.ErrorIs(t, err, nip57.ErrReceipt, prefix)
		assert.ErrorIs(t, err, nip57.ErrAmount, prefix)
	}
	_, err := nip57.ParseReceipt(with(good, "bolt11", nostr.Tag{"bolt11", invoice(t, "lnbc", req)}))
	assert.ErrorIs(t, err, nip57.ErrReceipt, "an invoice without an amount")

	free := request(t)
	for _, prefix := range []string{"lnbc", "lntb210n", "lnbcrt210n", "lntbs210n"} {
		_, err := nip57.NewReceipt(free, invoice(t, prefix, free), "", 1)
		assert.ErrorIs(t, err, nip57.ErrReceipt, prefix)
	}
	cheap := receipt(t, free, invoice(t, "lnbc50n", free))
	zap, err := nip57.ParseReceipt(&cheap)
	require.NoError(t, err)
	assert.EqualValues(t, 5000, zap.Amount)
}

func TestTheReceiptsTagsAreThoseOfItsRequest(t *testing.T) {
	address := "30023:" + bob.PubKey().String() + ":x"
	req := request(t, nostr.Tag{"e", id1}, nostr.Tag{"a", address})
	good := receipt(t, req, invoice(t, "lnbc210n", req))
	eve := strings.Repeat("e", 64)
	for _, ev := range []*nostr.Event{
		with(good, "e"), with(good, "a"), with(good, "P"), with(good, "preimage"), with(good, "p", nostr.Tag{"p", bob.PubKey().String(), "wss://x"}),
	} {
		_, err := nip57.ParseReceipt(ev)
		assert.NoError(t, err)
	}
	description := nostr.Tag{"description", req}
	for i, ev := range []*nostr.Event{
		with(good, "p"), with(good, "p", nostr.Tag{"p", eve}), with(good, "p", nostr.Tag{"p", bob.PubKey().String()}, nostr.Tag{"p", eve}), with(good, "p", nostr.Tag{"p"}),
		with(good, "P", nostr.Tag{"P", eve}), with(good, "P", nostr.Tag{"P", ""}), with(good, "P", nostr.Tag{"P", bob.PubKey().String()}),
		with(good, "e", nostr.Tag{"e", id2}), with(good, "e", nostr.Tag{"e", id1}, nostr.Tag{"e", id2}), with(good, "a", nostr.Tag{"a", "30023:" + eve + ":x"}),
		with(good, "bolt11"), with(good, "bolt11", nostr.Tag{"bolt11"}), with(good, "bolt11", good.Tags.Find("bolt11"), good.Tags.Find("bolt11")), with(good, "bolt11", nostr.Tag{"bolt11", "lnbc1"}),
		with(good, "description"), with(good, "description", description, description), with(good, "description", nostr.Tag{"description", ""}), with(good, "description", nostr.Tag{"description", "null"}),
		with(good, "description", nostr.Tag{"description", url.QueryEscape(req)}), with(good, "description", nostr.Tag{"description", req + req}),
	} {
		_, err := nip57.ParseReceipt(ev)
		assert.ErrorIs(t, err, nip57.ErrReceipt, i)
	}
	other := good.Clone()
	other.Kind = nostr.KindZapRequest
	_, err := nip57.ParseReceipt(other)
	assert.ErrorIs(t, err, nip57.ErrReceipt)

	person := request(t)
	_, err = nip57.ParseReceipt(with(receipt(t, person, invoice(t, "lnbc210n", person)), "e", nostr.Tag{"e", id1}))
	assert.ErrorIs(t, err, nip57.ErrReceipt, "a person was zapped, not an event")
}

func TestASenderWhoDidNotSignIsNoSender(t *testing.T) {
	req := request(t, nostr.Tag{"amount", "21000"})
	good := receipt(t, req, invoice(t, "lnbc210n", req))
	unsigned, _, err := nostr.ParseEvent([]byte(req))
	require.NoError(t, err)
	unsigned.Sig = nostr.Sig{}
	for want, forged := range map[error]string{
		nostr.ErrBadID:        strings.Replace(req, alice.PubKey().String(), bob.PubKey().String(), 1),
		nostr.ErrBadSignature: unsigned.String(),
	} {
		_, err := nip57.ParseReceipt(with(*with(good, "P"), "description", nostr.Tag{"description", forged}))
		assert.ErrorIs(t, err, nip57.ErrReceipt)
		assert.ErrorIs(t, err, nip57.ErrRequest)
		assert.ErrorIs(t, err, want)
	}
}

func TestFlagsTellWhatIsNotDemanded(t *testing.T) {
	req := request(t)
	good := receipt(t, req, invoice(t, "lnbc210n", req))
	zap, err := nip57.ParseReceipt(with(good, "bolt11", nostr.Tag{"bolt11", invoice(t, "lnbc210n", req+" ")}))
	require.NoError(t, err)
	assert.False(t, zap.Committed)
	for _, preimage := range []nostr.Tag{nil, {"preimage"}, {"preimage", "x"}, {"preimage", id1}, {"preimage", id1 + "00"}, {"preimage", strings.Repeat("0", 1<<16)}} {
		ev := with(good, "preimage")
		if preimage != nil {
			ev = with(good, "preimage", preimage)
		}
		zap, err := nip57.ParseReceipt(ev)
		require.NoError(t, err)
		assert.True(t, zap.Committed)
		assert.False(t, zap.PreimageFits)
	}
}

func TestTheLNURLIsTheRecipients(t *testing.T) {
	own, err := nip57.EncodeLNURL("https://example.com/.well-known/lnurlp/bob")
	require.NoError(t, err)
	other, err := nip57.EncodeLNURL("https://evil.example.net/.well-known/lnurlp/bob")
	require.NoError(t, err)
	for _, v := range []struct {
		given, want string
		good        bool
	}{{own, own, true}, {strings.ToUpper(own), own, true}, {own, "", true}, {"", own, true}, {other, own, false}, {"bob@example.com", own, false}, {own, "bob@example.com", false}} {
		req := request(t, nostr.Tag{"lnurl", v.given})
		_, err := nip57.CheckReceipt(signed(t, provider, receipt(t, req, invoice(t, "lnbc210n", req))), bob.PubKey(), provider.PubKey(), v.want)
		if v.good {
			assert.NoError(t, err, v)
		} else {
			assert.ErrorIs(t, err, nip57.ErrLNURL, v)
		}
	}
}

func TestRequestsAreMadeAndRead(t *testing.T) {
	article := signed(t, bob, nostr.Event{Kind: 30023, Tags: nostr.Tags{{"d", "x:y"}}})
	ev, err := nip57.NewRequest(nip57.Zap{Recipient: bob.PubKey(), Target: article, Amount: 21000, LNURL: bobsLNURL, Relays: []string{"WSS://Relay.example.com", "wss://b.example.com"}, Comment: "hi"})
	require.NoError(t, err)
	r, err := nip57.ParseRequest(signed(t, alice, ev).String())
	require.NoError(t, err)
	r.Event = nil
	assert.Equal(t, nip57.Request{
		Sender: alice.PubKey(), Recipient: bob.PubKey(), Amount: 21000, Target: nostr.EventRef{ID: article.ID}, Address: article.Address(), Kind: "30023",
		LNURL: bobsLNURL, Relays: []string{relay, "wss://b.example.com/"}, Comment: "hi",
	}, r)
	for _, z := range []nip57.Zap{{}, {Recipient: bob.PubKey()}, {Relays: []string{relay}}, {Recipient: bob.PubKey(), Relays: []string{relay}, Amount: -1}, {Recipient: bob.PubKey(), Relays: []string{"https://x.com"}}} {
		_, err := nip57.NewRequest(z)
		assert.ErrorIs(t, err, nip57.ErrRequest)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	p := bob.PubKey().String()
	relays := nostr.Tag{"relays", relay}
	of := func(kind nostr.Kind, tags ...nostr.Tag) string {
		return signed(t, alice, nostr.Event{Kind: kind, Tags: tags}).String()
	}
	_, err := nip57.ParseRequest(of(9734, relays, nostr.Tag{"p", p}))
	require.NoError(t, err)
	for _, text := range []string{
		"", "null", "[]", "{}", "hello", of(9735, relays, nostr.Tag{"p", p}), of(1, relays, nostr.Tag{"p", p}), of(9734, relays, nostr.Tag{"p", p}) + "x",
		of(9734), of(9734, relays), of(9734, nostr.Tag{"p", p}), of(9734, relays, nostr.Tag{"p"}), of(9734, relays, nostr.Tag{"p", "npub1x"}), of(9734, relays, nostr.Tag{"p", strings.Repeat("0", 64)}), of(9734, relays, nostr.Tag{"p", strings.Repeat("0", 64)}, nostr.Tag{"p", p}),
		of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"p", p}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"p", id1}),
		of(9734, nostr.Tag{"p", p}, nostr.Tag{"relays"}), of(9734, nostr.Tag{"p", p}, nostr.Tag{"relays", `["wss://x.example.com"]`}), of(9734, nostr.Tag{"p", p}, nostr.Tag{"relay", relay}),
		of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"e", "x"}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"e", id1}, nostr.Tag{"e", id1}),
		of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"a", "30023:x"}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"a", "30023:" + p + ":x"}, nostr.Tag{"a", "30023:" + p + ":y"}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"a"}),
		of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"P", p}, nostr.Tag{"P", p}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"P", "x"}),
		of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"amount", "1"}, nostr.Tag{"amount", "1"}), of(9734, relays, nostr.Tag{"p", p}, nostr.Tag{"lnurl", "x"}, nostr.Tag{"lnurl", "y"}),
	} {
		_, err := nip57.ParseRequest(text)
		assert.ErrorIs(t, err, nip57.ErrRequest, text)
	}
	for _, amount := range []string{"", "0", "-1", "+1", "01", "1.0", "1e3", "21k", " 1", "9223372036854775808", "\u0661"} {
		_, err := nip57.ParseRequest(request(t, nostr.Tag{"amount", amount}))
		assert.ErrorIs(t, err, nip57.ErrRequest, amount)
	}
}

// Nothing depends on it, and so a zap does not fail for it.
func TestTheKindOfARequestIsANumberOrNotTold(t *testing.T) {
	for k, want := range map[string]string{"1": "1", "30023": "30023", "": "", "web": "", "01": "", "65536": "", "-1": ""} {
		r, err := nip57.ParseRequest(request(t, nostr.Tag{"e", id1}, nostr.Tag{"k", k}))
		require.NoError(t, err)
		assert.Equal(t, want, r.Kind, k)
	}
}

func TestTheRelaysOfARequestAreBounded(t *testing.T) {
	relays := nostr.Tag{"relays"}
	for i := range 10_000 {
		relays = append(relays, fmt.Sprintf("wss://r%d.example.com", i/2))
	}
	r, err := nip57.ParseRequest(signed(t, alice, nostr.Event{Kind: 9734, Tags: nostr.Tags{relays, {"p", bob.PubKey().String()}}}).String())
	require.NoError(t, err)
	assert.Len(t, r.Relays, nip57.MaxRelays)
	assert.Equal(t, "wss://r1.example.com/", r.Relays[1])
}

// Appendix D.
func TestAProviderChecksARequest(t *testing.T) {
	for _, v := range []struct {
		tags   nostr.Tags
		amount int64
		good   bool
	}{
		{nil, 21000, true}, {nil, 0, false}, {nil, -1, false},
		{nostr.Tags{{"amount", "21000"}}, 21000, true}, {nostr.Tags{{"amount", "21000"}}, 21, false},
		{nostr.Tags{{"P", provider.PubKey().String()}}, 1, true}, {nostr.Tags{{"P", alice.PubKey().String()}}, 1, false},
	} {
		r, err := nip57.ParseRequest(request(t, v.tags...))
		require.NoError(t, err)
		err = r.CheckFor(v.amount, provider.PubKey())
		if v.good {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, nip57.ErrRequest, v)
		}
	}
}

// That a provider let a wrong one pass is no reason not to count the zap.
func TestThePOfTheRequestInAReceiptIsIgnored(t *testing.T) {
	req := request(t, nostr.Tag{"P", alice.PubKey().String()})
	zap, err := nip57.CheckReceipt(signed(t, provider, receipt(t, req, invoice(t, "lnbc210n", req))), bob.PubKey(), provider.PubKey(), "")
	require.NoError(t, err)
	assert.Equal(t, alice.PubKey(), zap.Request.Sender)
}

func TestInvoicesAreAskedFor(t *testing.T) {
	info, err := nip57.ParsePayInfo([]byte(`{"callback":"https://example.com/cb?id=1&amount=5","minSendable":1000,"maxSendable":100000,"allowsNostr":true,"nostrPubkey":"` + provider.PubKey().String() + `"}`))
	require.NoError(t, err)
	req, _, err := nostr.ParseEvent([]byte(request(t, nostr.Tag{"amount", "21000"})))
	require.NoError(t, err)
	raw, err := info.InvoiceURL(req, 21000, bobsLNURL)
	require.NoError(t, err)
	u, err := url.Parse(raw)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"id": {"1"}, "amount": {"21000"}, "lnurl": {bobsLNURL}, "nostr": {req.String()}}, u.Query())
	_, err = info.InvoiceURL(req, 22000, "")
	assert.ErrorIs(t, err, nip57.ErrAmount)
	free, _, err := nostr.ParseEvent([]byte(request(t)))
	require.NoError(t, err)
	for _, amount := range []int64{0, -1, 999, 100001, math.MaxInt64} {
		_, err := info.InvoiceURL(free, amount, "")
		assert.ErrorIs(t, err, nip57.ErrRequest, amount)
	}
	for _, amount := range []int64{1000, 100000} {
		_, err := info.InvoiceURL(free, amount, "")
		assert.NoError(t, err)
	}
	unsigned := req.Clone()
	unsigned.Sig = nostr.Sig{}
	_, err = info.InvoiceURL(unsigned, 21000, "")
	assert.ErrorIs(t, err, nip57.ErrRequest)
}

func TestPayInfoIsStrict(t *testing.T) {
	key := provider.PubKey().String()
	for _, doc := range []string{
		"", "null", "[]", `{"allowsNostr":true}`, "\xff",
		`{"allowsNostr":"true","nostrPubkey":"` + key + `","callback":"https://example.com/cb"}`, `{"allowsNostr":1,"nostrPubkey":"` + key + `","callback":"https://example.com/cb"}`,
		`{"allowsNostr":true,"nostrPubkey":"` + strings.ToUpper(key) + `","callback":"https://example.com/cb"}`, `{"allowsNostr":true,"nostrPubkey":"` + strings.Repeat("f", 64) + `","callback":"https://example.com/cb"}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","nostrPubkey":"` + key + `","callback":"https://example.com/cb"}`, `{"allowsNostr":true,"allowsNostr":false,"nostrPubkey":"` + key + `","callback":"https://example.com/cb"}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"http://example.com/cb"}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://127.0.0.1/cb"}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://localhost/cb"}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"file:///etc/passwd"}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://u:p@example.com/"}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":5}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb","minSendable":0}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb","minSendable":1.5}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb","minSendable":10,"maxSendable":9}`, `{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb","maxSendable":"9"}`,
		`{"status":"ERROR","reason":"no such user","allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb"}`,
		`{"allowsNostr":true,"nostrPubkey":"` + key + `","callback":"https://example.com/cb"}x`, `{"x":"` + strings.Repeat("x", nip57.MaxPayInfo) + `"}`,
	} {
		info, err := nip57.ParsePayInfo([]byte(doc))
		assert.ErrorIs(t, err, nip57.ErrNoZaps, "%.200s", doc)
		assert.Zero(t, info)
	}
	info, err := nip57.ParsePayInfo([]byte(`{"metadata":"[[]]","allowsNostr":true,"nostrPubkey":"` + key + `","callback":"http://x.onion/cb","minSendable": 5 ,"tag":"payRequest"}`))
	require.NoError(t, err)
	assert.Equal(t, nip57.PayInfo{NostrPubKey: provider.PubKey(), Callback: "http://x.onion/cb", MinSendable: 5, MaxSendable: math.MaxInt64}, info)
}

func TestLNURLsThatLeadInsideAreRefused(t *testing.T) {
	for _, raw := range []string{"", "x", "http://example.com/", "https://localhost/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://u@example.com/", "ftp://example.com/", "https:example.com", "https://example.com/#x", "https://example.com/" + strings.Repeat("x", 2048), "https://example.com/\xff", "//example.com/", "https://example.com:port/"} {
		_, err := nip57.EncodeLNURL(raw)
		assert.ErrorIs(t, err, nip57.ErrLNURL, "%.80q", raw)
	}
	for _, s := range []string{"", "lnurl", "lnurl1", "bob@example.com", "https://example.com/", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"} {
		_, err := nip57.DecodeLNURL(s)
		assert.ErrorIs(t, err, nip57.ErrLNURL, s)
	}
	for _, s := range []string{"", "bob", "@example.com", "bob@", "Bob@example.com", "b/b@example.com", "bob@127.0.0.1", "bob@localhost", "bob@example.com:80", "bob@example.com/..", "bob@a@example.com", "b?b@example.com", "b%62@example.com"} {
		_, err := nip57.AddressURL(s)
		assert.ErrorIs(t, err, nip57.ErrLNURL, s)
	}
}

// LUD-01 wants https, or http at an onion; LUD-06 says how the callback is asked. What the rest of
// a URL is made of is RFC 3986's, and the error says which part is wrong.
func TestTheErrorSaysWhatIsWrongWithAURL(t *testing.T) {
	for raw, why := range map[string]string{
		"http://example.com/":                              "https",
		"lnurlp://example.com/":                            "https",
		"//example.com/":                                   "https",
		"https:example.com":                                "https://",
		"https://u@example.com/":                           "user",
		"https://u:p@example.com/":                         "user",
		"https://@example.com/":                            "user",
		"https://example.com/#x":                           "fragment",
		"https://example.com/#":                            "fragment",
		"https://example.com:/":                            "port",
		"https://example.com:0/":                           "port",
		"https://example.com:65536/":                       "port",
		"https://example.com:port/":                        "port",
		"https://example.com:-1/":                          "port",
		"https://example.com/a b":                          "percent",
		"https://example.com/?a=b c":                       "percent",
		" https://example.com/":                            "percent",
		"https://example.com/\n":                           "percent",
		"https://example.com/\u200b":                       "percent",
		"https://example.com/?a=\u00a0":                    "percent",
		"https://example.com/\u202e":                       "percent",
		"https://example.com/\xff":                         "UTF-8",
		"https://b\u00fccher.example/":                     "xn--",
		"https://example.com\\@evil.com":                   "percent",
		"https://example.com/?a=%zz":                       "percent",
		"https://example.com/?a=%2":                        "percent",
		"https://example.com/%zz":                          "percent",
		"https://example.com./":                            "domain",
		"https:///x":                                       "domain",
		"https://127.0.0.1/":                               "IP address",
		"https://[::1]:443/":                               "domain",
		"https://localhost:8080/":                          "domain",
		"https://example.com/" + strings.Repeat("x", 2048): "2048",
	} {
		_, err := nip57.EncodeLNURL(raw)
		assert.ErrorIs(t, err, nip57.ErrLNURL, "%.80q", raw)
		assert.ErrorContains(t, err, why, "%.80q", raw)
		s, err := bech32.Encode("lnurl", []byte(raw))
		require.NoError(t, err)
		_, err = nip57.DecodeLNURL(s)
		assert.ErrorIs(t, err, nip57.ErrLNURL, "%.80q", raw)
		assert.ErrorContains(t, err, why, "%.80q", raw)
	}
	for _, raw := range []string{
		"https://example.com", "https://example.com:8443/x", "https://example.com:1", "https://example.com:65535/", "HTTPS://Example.com/",
		"https://example.com/a%20b?x[]=1&y=a;b&flag", "https://example.com/a:b@c", "https://example.com/?x=\u00e9", "https://xn--bcher-kva.example/",
		"http://" + onion + "/x", "http://" + onion + ":8080/", "https://" + onion + "/",
	} {
		s, err := nip57.EncodeLNURL(raw)
		require.NoError(t, err, raw)
		got, err := nip57.DecodeLNURL(s)
		assert.NoError(t, err)
		assert.Equal(t, raw, got)
	}
}

var onion = strings.Repeat("a", 55) + "d.onion"

func TestLightningAddressesAreLUD16s(t *testing.T) {
	for address, want := range map[string]string{
		"bob@example.com": "https://example.com/.well-known/lnurlp/bob", "bob@Example.COM": "https://example.com/.well-known/lnurlp/bob",
		"b.o_b-1+tip@example.com": "https://example.com/.well-known/lnurlp/b.o_b-1+tip", "_@example.com": "https://example.com/.well-known/lnurlp/_", "...@example.com": "https://example.com/.well-known/lnurlp/...",
		"bob@" + onion: "http://" + onion + "/.well-known/lnurlp/bob",
	} {
		url, err := nip57.AddressURL(address)
		assert.NoError(t, err, address)
		assert.Equal(t, want, url)
	}
	for address, why := range map[string]string{
		"bob": "name@domain", "@example.com": "name@domain", "Bob@example.com": "a-z", "b b@example.com": "a-z", " bob@example.com": "a-z",
		".@example.com": "path", "..@example.com": "path", // the server, or a proxy before it, would take them for folders
		"bob@example.com:443": "port", "bob@" + onion + ":80": "port", "bob@example.com ": "domain", "bob@example.com/x": "domain", "bob@eve@example.com": "domain",
		"bob@localhost": "domain", "bob@127.0.0.1": "IP address",
	} {
		_, err := nip57.AddressURL(address)
		assert.ErrorIs(t, err, nip57.ErrLNURL, address)
		assert.ErrorContains(t, err, why, address)
	}
}

// LUD-06 appends to the callback: what is there already means something to its server only.
func TestTheCallbacksOwnQueryStaysAsItIs(t *testing.T) {
	req, _, err := nostr.ParseEvent([]byte(request(t)))
	require.NoError(t, err)
	rest := url.Values{"amount": {"21000"}, "nostr": {req.String()}}.Encode()
	for callback, want := range map[string]string{
		"https://example.com":                                                    "https://example.com?",
		"https://example.com/cb?":                                                "https://example.com/cb?",
		"https://example.com/cb?z=1&a=2":                                         "https://example.com/cb?z=1&a=2&",
		"https://example.com/cb?u=\u00e9":                                        "https://example.com/cb?u=\u00e9&",
		"https://example.com/cb?id=a;b&flag&x[]=%7e&&":                           "https://example.com/cb?id=a;b&flag&x[]=%7e&",
		"https://example.com:8443/a%2Fb?id=1+2":                                  "https://example.com:8443/a%2Fb?id=1+2&",
		"https://example.com/cb?amount=5&id=1&am%6Funt=6&nostr&lnurl=x&Amount=7": "https://example.com/cb?id=1&Amount=7&", // two of one name are one too many
	} {
		info := nip57.PayInfo{NostrPubKey: provider.PubKey(), Callback: callback, MinSendable: 1, MaxSendable: 100000}
		got, err := info.InvoiceURL(req, 21000, "")
		require.NoError(t, err, callback)
		assert.Equal(t, want+rest, got)
	}
}

func TestSplitsGiveEverythingAway(t *testing.T) {
	tag := func(n byte, rest ...string) nostr.Tag {
		return append(nostr.Tag{"zap", nostr.PubKey{n}.String()}, rest...)
	}
	for _, v := range []struct {
		tags  nostr.Tags
		total int64
		want  []int64
	}{
		{nostr.Tags{tag(1), tag(2), tag(3)}, 100, []int64{34, 33, 33}},
		{nostr.Tags{tag(1, "", "1"), tag(2, "", "1"), tag(3, "", "2")}, 21000, []int64{5250, 5250, 10500}},
		{nostr.Tags{tag(1, "", "0.5"), tag(2, "", "1.5")}, 4, []int64{1, 3}},
		{nostr.Tags{tag(1, "", "1"), tag(2), tag(3, "", "3")}, 4, []int64{1, 3}},
		{nostr.Tags{tag(1, "", "999999999"), tag(2, "", "0.000001")}, math.MaxInt64, nil},
		{nostr.Tags{tag(1, "", "0.0000001"), tag(2, "", "1")}, 5, []int64{5}},
		{nostr.Tags{tag(1, "", "1e3"), tag(2, "", "0x1"), tag(3, "", "1."), tag(4, "", ".5"), tag(5, "", "+1"), tag(6, "", "1000000000"), tag(7, "", "1,5"), tag(8, "", "1.5x"), tag(9, "", "1.1234567x"), tag(10, "", "\u0661"), tag(11, "", "2")}, 5, []int64{5}},
		{nostr.Tags{tag(1), tag(2)}, 0, nil},
	} {
		splits, stated := nip57.ParseSplits(&nostr.Event{Tags: v.tags})
		assert.True(t, stated)
		got := splits.Divide(v.total)
		if v.want != nil || v.total == 0 {
			assert.Equal(t, v.want, got, v.tags)
		}
		var sum int64
		for _, part := range got {
			require.GreaterOrEqual(t, part, int64(0))
			sum += part
		}
		assert.Equal(t, v.total, sum)
	}
	splits, stated := nip57.ParseSplits(&nostr.Event{Tags: nostr.Tags{tag(1, "https://x.com", "1"), tag(1, "wss://x.com", "2"), {"zap"}, {"zap", "x", "", "1"}, {"zap", strings.Repeat("0", 64), "", "1"}}})
	assert.True(t, stated)
	assert.Equal(t, nip57.Splits{{PubKey: nostr.PubKey{1}, Relay: "wss://x.com", Weight: 3 * nip57.WeightOne}}, splits)
	splits, stated = nip57.ParseSplits(&nostr.Event{Tags: nostr.Tags{{"p", id1}}})
	assert.False(t, stated)
	assert.Nil(t, splits.Divide(5))
	assert.Equal(t, []int64{math.MaxInt64 - 4611686018427387903, 4611686018427387903}, nip57.Splits{{Weight: math.MaxUint64}, {Weight: math.MaxUint64}}.Divide(math.MaxInt64))
}

// An event may have one key in so many zap tags that the sum of the weights is beyond 64 bits.
func TestWeightsDoNotOverflow(t *testing.T) {
	many := nostr.PubKey{1}
	tags := make(nostr.Tags, 20_000)
	for i := range tags {
		tags[i] = nostr.Tag{"zap", many.String(), "", "999999999.999999"}
	}
	other := nostr.PubKey{2}
	tags = append(tags, nostr.Tag{"zap", other.String(), "", "999999999.999999"})
	splits, _ := nip57.ParseSplits(&nostr.Event{Tags: tags})
	require.Len(t, splits, 2)
	assert.EqualValues(t, uint64(math.MaxUint64), splits[0].Weight)
	assert.EqualValues(t, int64(999_999_999_999_999), splits[1].Weight)
}
