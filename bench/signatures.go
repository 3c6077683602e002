package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	gonostr "github.com/nbd-wtf/go-nostr"

	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// signatures measures verification alone, without a client around it: each
// verifier for a few milliseconds, in turns, so that what the machine does beside
// us hits all of them. go-nostr's own row is its CheckSignature, which hashes the
// event too; that of an empty one, here, takes it less than a microsecond.

// verifier is a way of verifying so many signatures at a time.
type verifier struct {
	name   string
	items  []bip340.Item
	verify func([]bip340.Item) bool
	costs  []float64 // nanoseconds for each signature, of each round
}

// oneByOne verifies a batch with something that knows no batches.
func oneByOne(verify func(pub, msg *[32]byte, sig *[64]byte) bool) func([]bip340.Item) bool {
	return func(items []bip340.Item) bool {
		for _, it := range items {
			if !verify(it.Pub, it.Msg, it.Sig) {
				return false
			}
		}
		return true
	}
}

func batches(keys *bip340.KeyCache) func([]bip340.Item) bool {
	v, valid := bip340.New(keys), make([]bool, bip340.MaxBatch)
	return func(items []bip340.Item) bool { return v.VerifyBatch(items, valid[:len(items)]) }
}

func verifiers() ([]*verifier, error) {
	distinct, err := signed(512, 512)
	if err != nil {
		return nil, err
	}
	authors, err := signed(512, 200)
	if err != nil {
		return nil, err
	}
	single := bip340.New(nil)
	return []*verifier{
		{name: "btcec", items: distinct[:16], verify: oneByOne(bip340.Reference)},
		{name: "go-nostr, " + theirVerifier, items: distinct[:16], verify: oneByOne(asTheyDo(distinct[:16]))},
		{name: "bip340, single", items: distinct[:64], verify: oneByOne(single.VerifyOne)},
		{name: "bip340, 64 at a time", items: distinct[:64], verify: batches(nil)},
		{name: "bip340, 512", items: distinct, verify: batches(nil)},
		{name: "bip340, 512 of 200 authors", items: authors, verify: batches(nil)},
		{name: "bip340, of known authors", items: authors, verify: batches(bip340.NewKeyCache(1024))},
	}, nil
}

// asTheyDo verifies with go-nostr, which takes events.
func asTheyDo(items []bip340.Item) func(pub, msg *[32]byte, sig *[64]byte) bool {
	events := make(map[*[64]byte]gonostr.Event)
	for i, it := range items {
		events[it.Sig] = gonostr.Event{
			PubKey: hex.EncodeToString(it.Pub[:]), Sig: hex.EncodeToString(it.Sig[:]),
			CreatedAt: gonostr.Timestamp(1 + i), Kind: gonostr.KindTextNote, Tags: gonostr.Tags{},
		}
	}
	return func(_, _ *[32]byte, sig *[64]byte) bool {
		ok, err := events[sig].CheckSignature()
		return ok && err == nil
	}
}

// signed is n signatures of so many authors.
func signed(n, authors int) ([]bip340.Item, error) {
	items := make([]bip340.Item, n)
	for i := range items {
		e := nostr.Event{CreatedAt: nostr.Timestamp(1 + i), Kind: nostr.KindTextNote}
		if err := e.Sign(nostrtest.Key(1 + i%authors)); err != nil {
			return nil, err
		}
		items[i] = bip340.Item{Pub: (*[32]byte)(&e.PubKey), Msg: (*[32]byte)(&e.ID), Sig: (*[64]byte)(&e.Sig)}
	}
	return items, nil
}

// once is the cost of a signature, measured for some milliseconds.
func (v *verifier) once() (float64, error) {
	start, n := time.Now(), 0
	for time.Since(start) < 5*time.Millisecond {
		if !v.verify(v.items) {
			return 0, fmt.Errorf("%s refuses a genuine signature", v.name)
		}
		n += len(v.items)
	}
	return float64(time.Since(start)) / float64(n), nil
}

func measureSignatures(rounds int) error {
	list, err := verifiers()
	if err != nil {
		return err
	}
	for round := range rounds + 1 {
		for _, v := range list {
			cost, err := v.once()
			if err != nil {
				return err
			}
			if round > 0 { // the first one warms up
				v.costs = append(v.costs, cost)
			}
		}
	}
	fmt.Printf("one signature on one core, medians of %d rounds\n\n| %-26s | %10s | %8s |\n|---|---:|---:|\n", rounds, "signatures", "time", "of btcec")
	for _, v := range list {
		ratios := make([]float64, rounds)
		for i := range ratios {
			ratios[i] = v.costs[i] / list[0].costs[i]
		}
		slices.Sort(ratios)
		slices.Sort(v.costs)
		fmt.Printf("| %-26s | %10s | %8.3f |\n", v.name, micros(v.costs[rounds/2]), ratios[rounds/2])
	}
	fmt.Println()
	return nil
}
