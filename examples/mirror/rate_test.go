package main

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// A relay that takes a few events a second takes its time, and is not given up.
func TestAMirrorOfASlowRelay(t *testing.T) {
	n := kit.Sized(600, 100)
	for name, option := range map[string]nostrtest.Option{
		"reads five a second": nostrtest.WithFaults(nostrtest.ReadPace(5)),
		"refuses some":        nostrtest.WithFaults(nostrtest.RefuseEvents("rate-limited: slow down").Every(10)),
		"twenty a minute":     nostrtest.WithPolicy(perMinute(20)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := nostrtest.NewNetwork(t)
				from, to := network.NewRelay("wss://from.example"), network.NewRelay("wss://to.example", option)
				from.Publish(notes(n)...)
				opts := options{from: from.URL(), to: to.URL(), patience: 20 * time.Second, state: filepath.Join(t.TempDir(), "state")}
				var out, told strings.Builder
				err := copyAll(t.Context(), opts, &out, &told, gennostr.WithHTTPClient(network.HTTPClient()))
				require.NoError(t, err, &told)
				assert.Len(t, to.Events(), n)
			})
		})
	}
}

// perMinute takes so many events a minute.
func perMinute(n int) func(nostrtest.Connection, *nostr.Event) string {
	var mu sync.Mutex
	var taken []time.Time
	return func(nostrtest.Connection, *nostr.Event) string {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		for len(taken) > 0 && now.Sub(taken[0]) >= time.Minute {
			taken = taken[1:]
		}
		if len(taken) >= n {
			return "rate-limited: slow down"
		}
		taken = append(taken, now)
		return ""
	}
}
