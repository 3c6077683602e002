package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostrtest"
)

const aRelay = "wss://a.example"

// bench is a wallet by hand, with a relay that keeps requests and a bank that counts.
type bench struct {
	t    *testing.T
	path string
	h    *gennostr.Harness
	sent []*nostr.Event // what customers have published
	said strings.Builder

	asked map[nostr.ID]int
	bank  func(request *nostr.Event) (string, error)
}

func setUp(t *testing.T) *bench {
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "ledger"), asked: make(map[nostr.ID]int)}
	h, err := gennostr.NewHarness(b.wallet(), gennostr.WithRelays(aRelay))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	b.h = h
	return b
}

// wallet is a new process: all that it knows is in the ledger.
func (b *bench) wallet() *Wallet {
	books, err := openLedger(b.path)
	require.NoError(b.t, err)
	books.sync = func(*os.File) error { return nil } // no power fails here
	pay := func(_ context.Context, request *nostr.Event, invoice string) (string, error) {
		b.asked[request.ID]++
		if b.bank != nil {
			return b.bank(request)
		}
		return "proof of " + invoice, nil
	}
	customers := []nostr.PubKey{nostrtest.PubKey(1), nostrtest.PubKey(2), nostrtest.PubKey(3)}
	say := func(_, format string, args ...any) { fmt.Fprintf(&b.said, format+"\n", args...) }
	return newWallet(nostrtest.Key(9), customers, pay, books, say)
}

func (b *bench) request(customer int, invoice string) *nostr.Event {
	key := nostrtest.Key(customer)
	e, err := writeRequest(b.t.Context(), key, nip44.Cipher(key), nostrtest.PubKey(9), invoice)
	require.NoError(b.t, err)
	b.sent = append(b.sent, e)
	return e
}

func (b *bench) bring(list ...*nostr.Event) {
	for _, e := range list {
		require.NoError(b.t, b.h.Deliver(aRelay, gennostr.EventMessage{SubscriptionID: requests, Event: e}))
	}
}

// connect is a relay that brings all that it has kept.
func (b *bench) connect() {
	require.NoError(b.t, b.h.Connect(aRelay))
	b.bring(b.sent...)
	for _, req := range b.h.Subscribed(aRelay) {
		require.NoError(b.t, b.h.Deliver(aRelay, gennostr.EOSEMessage{SubscriptionID: req.SubscriptionID}))
	}
}

func (b *bench) restart() { require.NoError(b.t, b.h.Restart(b.wallet())) }

func (b *bench) workOne() (worked bool) {
	worked, err := b.h.WorkOne()
	require.NoError(b.t, err)
	return worked
}

// answers are the events that were sent since the last time.
func (b *bench) answers() (list []*nostr.Event) {
	for _, s := range b.h.Sent() {
		if m, ok := s.Message.(gennostr.PublishEvent); ok {
			list = append(list, m.Event)
		}
	}
	return list
}

// read is an answer as its customer reads it.
func (b *bench) read(customer int, answer *nostr.Event) (body responseBody) {
	text, err := nip44.Cipher(nostrtest.Key(customer)).Decrypt(b.t.Context(), nostrtest.PubKey(9), answer.Content)
	require.NoError(b.t, err)
	require.NoError(b.t, json.Unmarshal([]byte(text), &body))
	return body
}

func TestWhatIsWrittenDownIsNotPaidAgain(t *testing.T) {
	b := setUp(t)
	b.connect()
	for n := range 3 {
		b.bring(b.request(n+1, "x"))
	}
	b.workOne()
	b.workOne()
	b.restart()
	b.connect()
	require.NoError(t, b.h.Work())
	for _, e := range b.sent {
		assert.Equal(t, 1, b.asked[e.ID])
	}
	books, err := openLedger(b.path)
	require.NoError(t, err)
	assert.Len(t, books.Done, 3)
}

// Only the bank can know of it: it is asked again, under the same name.
func TestAPaymentThatIsNotWrittenDownIsAskedForAgain(t *testing.T) {
	b := setUp(t)
	b.connect()
	first, second := b.request(1, "x"), b.request(2, "x")
	b.bring(first, second)
	b.workOne()
	b.bank = func(*nostr.Event) (string, error) {
		return "paid", os.Mkdir(b.path+".new", 0o700) // where nothing can be written
	}
	_, err := b.h.WorkOne()
	require.ErrorContains(t, err, "ledger: ")
	require.True(t, b.h.Stopped(), "a wallet that cannot write does not pay")
	require.NoError(t, os.Remove(b.path+".new"))
	b.bank = nil
	b.restart()
	b.connect()
	require.NoError(t, b.h.Work())
	assert.Equal(t, map[nostr.ID]int{first.ID: 1, second.ID: 2}, b.asked)
}

// A payment that was broken off when the wallet was stopped is no cursor's to pass,
// also not one's that is taken after it.
func TestABrokenOffPaymentComesAgain(t *testing.T) {
	b := setUp(t)
	b.connect()
	broken, good := b.request(1, "x"), b.request(2, "x")
	b.bring(broken, good)
	b.bank = func(e *nostr.Event) (string, error) {
		if e.ID == broken.ID {
			return "", context.Canceled
		}
		return "paid", nil
	}
	require.NoError(t, b.h.Work())
	require.NoError(t, b.h.Stop())
	b.bank = nil
	b.restart()
	b.connect()
	require.NoError(t, b.h.Work())
	assert.Equal(t, map[nostr.ID]int{broken.ID: 2, good.ID: 1}, b.asked)
}

func TestCustomersAreToldWhatHasBecomeOfIt(t *testing.T) {
	b := setUp(t)
	b.bank = func(e *nostr.Event) (string, error) {
		if e.PubKey == nostrtest.PubKey(2) {
			return "", &failure{"PAYMENT_FAILED", "no route"}
		}
		return "proof", nil
	}
	b.connect()
	paid, refused := b.request(1, "x"), b.request(2, "x")
	unreadable := nostrtest.Event(nostrtest.Key(3), nostr.KindNWCWalletRequest, "rubbish", nostr.Tag{"p", nostrtest.PubKey(9).String()}, nostr.Tag{"encryption", "nip44_v2"})
	legacy := nostrtest.Event(nostrtest.Key(3), nostr.KindNWCWalletRequest, "rubbish", nostr.Tag{"p", nostrtest.PubKey(9).String()})
	b.bring(paid, refused, unreadable, legacy)
	require.NoError(t, b.h.Work())
	answers := b.answers()
	require.Len(t, answers, 4)
	for i, want := range []struct {
		customer int
		request  *nostr.Event
		code     string
	}{{1, paid, ""}, {2, refused, "PAYMENT_FAILED"}, {3, unreadable, "OTHER"}, {3, legacy, "UNSUPPORTED_ENCRYPTION"}} {
		require.NoError(t, answers[i].Verify())
		assert.Equal(t, want.request.ID.String(), answers[i].Tags.Find("e")[1])
		assert.Equal(t, want.request.PubKey.String(), answers[i].Tags.Find("p")[1])
		body := b.read(want.customer, answers[i])
		if want.code == "" {
			assert.Equal(t, &paidProof, body.Result)
			assert.Nil(t, body.Error)
		} else {
			assert.Equal(t, want.code, body.Error.Code)
			assert.Nil(t, body.Result)
		}
	}
	assert.Equal(t, map[nostr.ID]int{paid.ID: 1, refused.ID: 1}, b.asked)

	stranger := nostrtest.Event(nostrtest.Key(4), nostr.KindNWCWalletRequest, "", nostr.Tag{"p", nostrtest.PubKey(9).String()})
	assert.Error(t, b.h.Deliver(aRelay, gennostr.EventMessage{SubscriptionID: requests, Event: stranger}), "asked for are requests of customers")
}

var paidProof = paid{"proof"}

// The same answer goes out with each connection, of this process and the next, until
// a relay has taken it.
func TestAnAnswerGoesOutUntilARelayHasIt(t *testing.T) {
	b := setUp(t)
	b.connect()
	b.bring(b.request(1, "x"))
	require.NoError(t, b.h.Disconnect(aRelay, nil))
	require.NoError(t, b.h.Work())
	assert.Empty(t, b.answers(), "there is nobody to send it to")
	b.connect()
	first := b.answers()
	require.Len(t, first, 1)
	require.NoError(t, b.h.Deliver(aRelay, gennostr.OKMessage{EventID: first[0].ID, Message: "rate-limited: later"}))
	require.NoError(t, b.h.Advance(time.Minute))
	require.Len(t, b.answers(), 1, "later")
	b.restart()
	b.connect()
	again := b.answers()
	require.Len(t, again, 1)
	assert.Equal(t, first[0].ID, again[0].ID)
	require.NoError(t, b.h.Deliver(aRelay, gennostr.OKMessage{EventID: first[0].ID, Message: "duplicate: have it"}))
	require.NoError(t, b.h.Disconnect(aRelay, nil))
	b.connect()
	assert.Empty(t, b.answers())
	b.bring(b.request(2, "another")) // with which the ledger is written
	require.NoError(t, b.h.Work())
	books, err := openLedger(b.path)
	require.NoError(t, err)
	require.Len(t, books.Answers, 1)
	assert.NotEqual(t, first[0].ID, books.Answers[0].ID)
}

// A relay's refusal is told, and no reason to forget the answer.
func TestAnAnswerThatIsRefusedWaitsForTheNextProcess(t *testing.T) {
	b := setUp(t)
	b.connect()
	b.bring(b.request(1, "x"))
	require.NoError(t, b.h.Work())
	first := b.answers()
	require.Len(t, first, 1)
	require.NoError(t, b.h.Deliver(aRelay, gennostr.OKMessage{EventID: first[0].ID, Message: "blocked: not here"}))
	assert.Contains(t, b.said.String(), "blocked: not here")
	require.NoError(t, b.h.Stop())
	b.restart()
	b.connect()
	again := b.answers()
	require.Len(t, again, 1)
	assert.Equal(t, first[0].ID, again[0].ID)
}

// Whatever is done in whatever order, with a crash anywhere: each request is paid
// once, by a bank that forgets what is written down.
// Shows L40.
func TestEachRequestIsPaidOnceInAnyOrder(t *testing.T) {
	for seed := range uint64(orders) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { payInAnyOrder(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func payInAnyOrder(t *testing.T, chance *rand.Rand) {
	b := setUp(t)
	connected := false
	for step := range 60 {
		switch n := chance.IntN(10); {
		case !connected:
			b.connect()
			connected = true
		case n < 4:
			if e := b.request(1+chance.IntN(3), fmt.Sprint(step)); chance.IntN(4) > 0 {
				b.bring(e) // else it is late, and comes with the next connection
			}
		case n < 8:
			b.workOne()
		case n < 9:
			require.NoError(t, b.h.Disconnect(aRelay, nil))
			connected = false
		default:
			b.restart()
			connected = false
		}
	}
	b.restart()
	b.connect()
	require.NoError(t, b.h.Work())
	assert.Len(t, b.asked, len(b.sent), "none is lost")
	assert.Equal(t, 1, slices.Max(slices.Collect(maps.Values(b.asked))), "and none paid twice")
	books, err := openLedger(b.path)
	require.NoError(t, err)
	assert.Len(t, books.Done, len(b.sent))
}
