package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/internal/bip340"
	"github.com/gennostr/gennostr/nostr"
)

// How long the events of a good relay are on their way, which sends three at a time,
// when something else goes on in the client: gennostr alone, beside itself.

// situation is what else goes on.
type situation struct {
	name     string
	beside   string // path of another relay that is asked first
	spin     bool   // a goroutine on every processor that never waits
	oneByOne bool   // a verifier that knows no batches, and waits for none
}

// latencyProcs is how many processors the client has unless -procs says otherwise.
const latencyProcs = 2

var (
	besideHostile = []situation{
		{name: "the relay alone"},
		{name: "beside refused events", beside: "/refused"},
		{name: "beside forged events", beside: "/forged"},
	}
	besideBusy = []situation{
		{name: "one by one", spin: true, oneByOne: true},
		{name: "in batches", spin: true},
	}
)

// quantiles are the columns: of all events but the first tenth.
var quantiles = []struct {
	name string
	of   func(result) time.Duration
}{
	{"p50", func(r result) time.Duration { return r.P50 }},
	{"p90", func(r result) time.Duration { return r.P90 }},
	{"p99", func(r result) time.Duration { return r.P99 }},
}

func measureLatency(ctx context.Context, s scenario, rounds, procs int) error {
	addr, stop, err := s.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	results := make([][]result, len(s.situations))
	for range rounds {
		for i, at := range s.situations {
			r, err := runClient(ctx, "gennostr", clientJob{
				Run: "latency", URLs: []string{"ws://" + addr + "/bursts/" + s.gap.String()}, Events: s.corpus.Events,
				Procs: cmp.Or(procs, latencyProcs), Beside: at.beside, Spin: at.spin, OneByOne: at.oneByOne,
			})
			if err != nil {
				return fmt.Errorf("%s: %w", at.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	reportLatency(s, results)
	return nil
}

// reportLatency prints the medians, and how many times that of the first situation in
// the same round each is.
func reportLatency(s scenario, results [][]result) {
	fmt.Printf("%s\n\n| %-24s |", s.what, s.name)
	for _, q := range quantiles {
		fmt.Printf(" %10s | %6s |", q.name, "times")
	}
	fmt.Printf("\n|---|%s\n", strings.Repeat("---:|", 2*len(quantiles)))
	for i, at := range s.situations {
		fmt.Printf("| %-24s |", at.name)
		for _, q := range quantiles {
			ratios := make([]float64, len(results[i]))
			for round := range ratios {
				ratios[round] = float64(q.of(results[i][round])) / float64(q.of(results[0][round]))
			}
			slices.Sort(ratios)
			took := median(results[i], func(r result) float64 { return float64(q.of(r)) })
			fmt.Printf(" %10s | %6.1f |", fmt.Sprintf("%.2f ms", took/1e6), ratios[len(ratios)/2])
		}
		fmt.Println()
	}
	fmt.Println()
}

// listener asks the hostile relay, if there is one, then the good one, and notes when
// what that one sends comes.
type listener struct {
	gennostr.BaseHandler
	good  string
	clock clock
}

func (l *listener) OnEvent(_ *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	if relay.URL == l.good && !l.clock.raw(msg.Event.ID) {
		return gennostr.ErrStop
	}
	return nil
}

func (l *listener) OnError(*gennostr.Self, gennostr.Relay, error) error { return nil }

func (j clientJob) latency(ctx context.Context) (r result, err error) {
	good, err := nostr.NormalizeURL(j.URLs[0])
	if err != nil {
		return r, err
	}
	urls := []string{good}
	base := good[:strings.Index(good, "/bursts/")]
	if j.Beside != "" {
		urls = append(urls, base+j.Beside)
	}
	opts := []gennostr.Option{gennostr.WithRelays(urls...), gennostr.WithCompression(true)}
	if j.OneByOne {
		opts = append(opts, gennostr.WithVerifier(new(single)))
	}
	if j.Spin {
		stop := spin()
		defer stop()
	}
	l := &listener{good: good, clock: clock{all: j.Events}}
	c, err := gennostr.Start(ctx, l, opts...)
	if err != nil {
		return r, err
	}
	if err := c.Ready(ctx, len(urls)); err != nil {
		return r, err
	}
	for _, url := range slices.Backward(urls) {
		err := c.Send(url, gennostr.Req{SubscriptionID: "bench", Filters: []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}})
		if err != nil {
			return r, err
		}
	}
	if err := c.Wait(); err != nil {
		return r, err
	}
	return r, r.took("http"+strings.TrimPrefix(base, "ws")+"/sent", l.clock.times)
}

// took fills in what the events took that came at these times.
func (r *result) took(sentURL string, got []int64) error {
	resp, err := http.Get(sentURL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var sent []int64
	if err := json.NewDecoder(resp.Body).Decode(&sent); err != nil {
		return err
	}
	if len(sent) < len(got) {
		return fmt.Errorf("%d events received, %d sent", len(got), len(sent))
	}
	var took []time.Duration
	for i := range got {
		if i >= len(got)/10 { // the first ones warm up
			took = append(took, time.Duration(got[i]-sent[i]))
		}
	}
	slices.Sort(took)
	r.Events, r.P50, r.P90, r.P99 = len(took), took[len(took)/2], took[len(took)*90/100], took[len(took)*99/100]
	return nil
}

// spin keeps every processor busy until stop is called.
func spin() (stop func()) {
	var over atomic.Bool
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for !over.Load() {
			}
		})
	}
	return func() { over.Store(true); running.Wait() }
}

// single is a Verifier that checks each signature by itself, with the same arithmetic.
type single struct{ verifiers sync.Pool }

func (s *single) VerifySignature(pubkey nostr.PubKey, id nostr.ID, sig nostr.Sig) error {
	v, ok := s.verifiers.Get().(*bip340.Verifier)
	if !ok {
		v = bip340.New(nil)
	}
	defer s.verifiers.Put(v)
	if !v.VerifyOne((*[32]byte)(&pubkey), (*[32]byte)(&id), (*[64]byte)(&sig)) {
		return nostr.ErrBadSignature
	}
	return nil
}
