package nip57_test

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip57"
)

type file struct {
	Keys     map[string]string
	Requests []struct {
		Name, Request string
		Amount        *string `json:"amount_query"`
		Expect        string
	}
	Receipts []struct {
		Name, ID string
		Event    *nostr.Event
		Provider string `json:"nostr_pubkey"`
		Expect   json.RawMessage
	}
	Splits []struct {
		Name   string
		Event  *nostr.Event
		Expect struct{ Shares map[string]string }
	}
	LNURL []struct {
		Name, LUD16, URL, LNURL string
		Response, Zappable      json.RawMessage
	}
}

func load(t *testing.T) (f file) {
	t.Helper()
	vectors.JSON(t, "nip57.json", &f)
	require.Len(t, f.Requests, 39)
	require.Len(t, f.Receipts, 57)
	require.Len(t, f.Splits, 14)
	require.Len(t, f.LNURL, 22)
	return f
}

// Every choice that the data leaves open is taken as it suggests.
func TestTheRequestsOfTheFile(t *testing.T) {
	f := load(t)
	key := nostr.MustSecretKeyFromHex(f.Keys["zapper"]).PubKey()
	for _, c := range f.Requests {
		r, err := nip57.ParseRequest(c.Request)
		if err == nil {
			amount := r.Amount
			if c.Amount != nil {
				amount, err = strconv.ParseInt(*c.Amount, 10, 64)
				require.NoError(t, err)
			}
			if amount == 0 {
				amount = 1000 // a captured request without an amount: whatever the query says
			}
			err = r.CheckFor(amount, key)
		}
		assert.Equal(t, c.Expect == "accept", err == nil, "%s: %v", c.Name, err)
		if err != nil {
			assert.ErrorIs(t, err, nip57.ErrRequest, c.Name)
		}
	}
}

// Two choices that the data leaves open are taken otherwise: two invoices are refused, and what
// was zapped is read from the request, which its sender signed, so that a receipt which leaves it out
// has it all the same.
func TestTheReceiptsOfTheFile(t *testing.T) {
	f := load(t)
	real := vectors.RealEvents(t)
	recipient := nostr.MustPubKeyFromHex("354d884b7b699fd479a18a9591598cf1df3c45f79c53355dea3163714a8597a6") // of those made for the file
	for _, c := range f.Receipts {
		ev, err := c.Event, error(nil)
		var got nip57.Receipt
		if c.ID != "" {
			ev = real[c.ID]
			got, err = nip57.ParseReceipt(ev) // who the providers were is lost
		} else {
			got, err = nip57.CheckReceipt(ev, recipient, nostr.MustPubKeyFromHex(c.Provider), "")
		}
		if string(c.Expect) == `"reject"` || c.Name == "two bolt11 tags" {
			assert.Error(t, err, c.Name)
			assert.Zero(t, got, c.Name)
			continue
		}
		require.NoError(t, err, c.Name)
		var want struct {
			Msat, Sender, Recipient, Event, Comment string
			Committed                               bool `json:"description_hash_matches"`
		}
		require.NoError(t, json.Unmarshal(c.Expect, &want))
		assert.Equal(t, want.Msat, strconv.FormatInt(got.Amount, 10), c.Name)
		assert.Equal(t, want.Sender, got.Request.Sender.String(), c.Name)
		assert.Equal(t, want.Recipient, got.Request.Recipient.String(), c.Name)
		assert.Equal(t, want.Comment, got.Request.Comment, c.Name)
		if c.Name == "bolt11 upper case" {
			want.Committed = false // its invoice was made for another signature of the request
		}
		assert.Equal(t, want.Committed, got.Committed, c.Name)
		assert.Equal(t, ev.PubKey, got.Provider, c.Name)
		switch {
		case want.Event != "":
			assert.Equal(t, want.Event, got.Request.Target.ID.String(), c.Name)
		case !ev.Tags.Has("e") && c.ID == "":
			assert.False(t, got.Request.Target.ID.IsZero(), c.Name)
		}
		assert.Equal(t, ev.Tags.Has("preimage") && c.Name != "preimage wrong", got.PreimageFits, c.Name)
	}
}

// The example of NIP-57 has a request whose signature is not its author's: it is refused,
// though its amount and preimage are right.
func TestTheReceiptOfTheTextIsRefusedForItsRequest(t *testing.T) {
	var f struct {
		Text struct{ Event map[string]any } `json:"text_receipt"`
	}
	vectors.JSON(t, "nip57.json", &f)
	f.Text.Event["sig"] = strings.Repeat("0", 128) // it has none
	data, err := json.Marshal(f.Text.Event)
	require.NoError(t, err)
	ev, _, err := nostr.ParseEvent(data)
	require.NoError(t, err)
	_, err = nip57.ParseReceipt(ev)
	require.ErrorIs(t, err, nip57.ErrReceipt)
	require.ErrorIs(t, err, nip57.ErrRequest)
	amount, err := nip57.InvoiceAmount(ev.Tags.Find("bolt11").Value())
	require.NoError(t, err)
	assert.EqualValues(t, 1_000_000, amount)
}

func TestTheSplitsOfTheFile(t *testing.T) {
	for _, c := range load(t).Splits {
		splits, stated := nip57.ParseSplits(c.Event)
		assert.Equal(t, c.Expect.Shares != nil, stated, c.Name)
		assert.Len(t, splits, len(c.Expect.Shares), c.Name)
		const total = 12_000_000
		for i, part := range splits.Divide(total) {
			share, ok := new(big.Rat).SetString(c.Expect.Shares[splits[i].PubKey.String()])
			require.True(t, ok, c.Name)
			share.Mul(share, new(big.Rat).SetInt64(total))
			assert.Zero(t, share.Cmp(new(big.Rat).SetInt64(part)), "%s: %v of %d", c.Name, share, part)
		}
	}
}

// Upper case in a lightning address is refused, as LUD-16 has it, and a callback without TLS is.
func TestTheAddressesOfTheFile(t *testing.T) {
	for _, c := range load(t).LNURL {
		switch {
		case c.Response != nil:
			_, err := nip57.ParsePayInfo(c.Response)
			assert.Equal(t, string(c.Zappable) == "true", err == nil, "%s: %v", c.Name, err)
			if err != nil {
				assert.ErrorIs(t, err, nip57.ErrNoZaps)
			}
		case c.LNURL != "":
			got, err := nip57.DecodeLNURL(c.LNURL)
			require.NoError(t, err, c.LNURL)
			assert.Equal(t, c.URL, got)
			back, err := nip57.EncodeLNURL(got)
			require.NoError(t, err)
			assert.Equal(t, c.LNURL, back)
		default:
			got, err := nip57.AddressURL(c.LUD16)
			if strings.Contains(c.URL, "reject") {
				assert.ErrorIs(t, err, nip57.ErrLNURL, c.LUD16)
				continue
			}
			require.NoError(t, err, c.LUD16)
			url, _, _ := strings.Cut(c.URL, " ") // a remark may follow
			assert.Equal(t, url, got)
		}
	}
}
