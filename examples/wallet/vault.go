package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// vault is the demo's bank. A real one remembers an idempotency key for a day or so;
// this one forgets it as soon as the wallet has written the payment down, so that a
// wallet which asks again after that pays again.
type vault struct {
	url    string
	server *http.Server
	served sync.WaitGroup

	mu     sync.Mutex
	chance *rand.Rand               // guarded by mu
	known  map[string]string        // guarded by mu: preimages, by idempotency key
	paid   map[string]int           // guarded by mu: how often, by request
	again  int                      // guarded by mu: asked for what was paid, and known
	sum    int                      // guarded by mu: payments
	alarms map[int][]chan time.Time // guarded by mu: to be closed at that many payments
}

func openVault(seed uint64) (*vault, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &vault{
		url:    "http://" + listener.Addr().String() + "/pay",
		chance: rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // no secrets
		known:  make(map[string]string), paid: make(map[string]int), alarms: make(map[int][]chan time.Time),
	}
	v.server = &http.Server{Handler: v, ReadHeaderTimeout: patience}
	v.served.Go(func() { _ = v.server.Serve(listener) }) // ended by close
	return v, nil
}

// close waits for what is being paid.
func (v *vault) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = v.server.Shutdown(ctx)
	_ = v.server.Close()
	v.served.Wait()
}

// ServeHTTP pays, at some moment of the time it takes, whether the client is still
// there or not.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	invoice, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	v.passTime()
	preimage := v.pay(r.Header.Get("Idempotency-Key"), string(invoice))
	v.passTime()
	_, _ = io.WriteString(w, preimage)
}

func (v *vault) passTime() {
	v.mu.Lock()
	d := time.Duration(v.chance.IntN(20_000)) * time.Microsecond
	v.mu.Unlock()
	<-time.After(d)
}

func (v *vault) pay(key, invoice string) (preimage string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if preimage, ok := v.known[key]; ok {
		v.again++
		return preimage
	}
	v.known[key] = fmt.Sprintf("%x", invoice)
	v.paid[key]++
	v.sum++
	for _, alarm := range v.alarms[v.sum] {
		close(alarm)
	}
	return v.known[key]
}

// after gives a channel that is closed when so many more payments have been made.
func (v *vault) after(n int) <-chan time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	alarm := make(chan time.Time)
	v.alarms[v.sum+n] = append(v.alarms[v.sum+n], alarm)
	return alarm
}

// forget is what the bank does with what the wallet has written down.
func (v *vault) forget(requests []nostr.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range requests {
		delete(v.known, id.String())
	}
}

func (v *vault) payments() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sum
}

// count is the balance: requests that were paid once, and more than once, and how
// often the bank was asked for one that it knew.
func (v *vault) count() (once, twice, again int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.paid {
		if n == 1 {
			once++
		} else {
			twice++
		}
	}
	return once, twice, v.again
}
