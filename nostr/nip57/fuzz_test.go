package nip57_test

import (
	"encoding/json"
	"math"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip57"
)

func FuzzParseRequest(f *testing.F) {
	f.Add(request(f, nostr.Tag{"amount", "21000"}, nostr.Tag{"e", id1}))
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := nip57.ParseRequest(text)
		if err != nil {
			require.ErrorIs(t, err, nip57.ErrRequest)
			return
		}
		require.NoError(t, r.Event.Verify())
		require.NotEmpty(t, r.Relays)
	})
}

// FuzzRequestTags has the signature made, which a fuzzer does not find by trying.
func FuzzRequestTags(f *testing.F) {
	f.Add(`[["p","`+id1+`"],["relays","wss://x.example.com"],["amount","21000"],["P","`+id2+`"]]`, int64(21000))
	f.Add(`[["p","`+id1+`"],["relays","wss://x.example.com"],["e","`+id2+`"],["a","30023:`+id1+`:x"]]`, int64(1))
	f.Fuzz(func(t *testing.T, tags string, amount int64) {
		ev := nostr.Event{Kind: nostr.KindZapRequest, CreatedAt: 1}
		if json.Unmarshal([]byte(tags), &ev.Tags) != nil || ev.Sign(alice) != nil {
			return
		}
		r, err := nip57.ParseRequest(ev.String())
		if err != nil {
			require.ErrorIs(t, err, nip57.ErrRequest)
			return
		}
		require.False(t, r.Recipient.IsZero())
		require.GreaterOrEqual(t, r.Amount, int64(0))
		require.True(t, 0 < len(r.Relays) && len(r.Relays) <= nip57.MaxRelays)
		if r.CheckFor(amount, provider.PubKey()) == nil {
			require.Positive(t, amount)
			require.True(t, r.Amount == 0 || r.Amount == amount)
		}
	})
}

func FuzzParseReceipt(f *testing.F) {
	req := request(f, nostr.Tag{"amount", "21000"}, nostr.Tag{"e", id1})
	good := receipt(f, req, invoice(f, "lnbc210n", req))
	f.Add(good.String())
	f.Fuzz(func(t *testing.T, text string) {
		ev, _, err := nostr.ParseEvent([]byte(text))
		if err != nil {
			return
		}
		zap, err := nip57.ParseReceipt(ev)
		if err != nil {
			require.ErrorIs(t, err, nip57.ErrReceipt)
			require.Zero(t, zap)
			return
		}
		require.Positive(t, zap.Amount)
		require.True(t, zap.Request.Amount == 0 || zap.Request.Amount == zap.Amount)
		require.NoError(t, zap.Request.Event.Verify())
	})
}

func FuzzParsePayInfo(f *testing.F) {
	f.Add([]byte(`{"allowsNostr":true,"nostrPubkey":"` + provider.PubKey().String() + `","callback":"https://example.com/cb","minSendable":1,"maxSendable":5}`))
	f.Add([]byte(`{"status":"ERROR","reason":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := nip57.ParsePayInfo(data)
		if err != nil {
			require.ErrorIs(t, err, nip57.ErrNoZaps)
			return
		}
		require.True(t, 1 <= info.MinSendable && info.MinSendable <= info.MaxSendable)
		var doc map[string]any
		require.NoError(t, json.Unmarshal(data, &doc))
		require.Equal(t, true, doc["allowsNostr"])
		require.Equal(t, info.Callback, doc["callback"])
	})
}

func FuzzDecodeLNURL(f *testing.F) {
	f.Add("https://example.com/.well-known/lnurlp/bob")
	f.Add("http://x.onion/")
	f.Fuzz(func(t *testing.T, raw string) {
		_, _ = nip57.DecodeLNURL(raw)
		_, _ = nip57.AddressURL(raw)
		s, err := nip57.EncodeLNURL(raw)
		if err != nil {
			return
		}
		back, err := nip57.DecodeLNURL(s)
		require.NoError(t, err)
		require.Equal(t, raw, back)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Contains(t, u.Hostname(), ".")
	})
}

func FuzzSplits(f *testing.F) {
	f.Add("1", "2.5", int64(21000))
	f.Add("", "x", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, w1, w2 string, total int64) {
		splits, stated := nip57.ParseSplits(&nostr.Event{Tags: nostr.Tags{{"zap", id1, "", w1}, {"zap", id2, "", w2}}})
		require.True(t, stated)
		parts := splits.Divide(total)
		if parts == nil {
			require.True(t, total <= 0 || len(splits) == 0)
			return
		}
		sum := int64(0)
		for i, part := range parts {
			require.NotZero(t, splits[i].Weight)
			require.True(t, 0 <= part && part <= total)
			sum += part
		}
		require.Equal(t, total, sum)
	})
}
