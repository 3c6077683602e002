//go:build !race

package nostrtest_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostrtest"
)

// This file is left out under the race detector: 3,725 signatures take long there, and show
// nothing new.

// The corpus has one event with a malformed p tag, a deletion with a malformed a tag, and one
// event over 64 KiB.
func TestQ01StrfryRefusesThreeOfTheRealEvents(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "data", "real-events.jsonl")
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("the corpus is not beside the checkout: %v", err)
	}
	defer file.Close()
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		relay.Break(nostrtest.ClockSkew(time.Since(time.Unix(0, 0)))) // recorded behind the bubble's year
		c := dial(t, network.HTTPClient(), home)
		refused := map[string]int{}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			c.sendRaw(`["EVENT",` + lines.Text() + `]`)
		}
		require.NoError(t, lines.Err())
		time.Sleep(time.Second)
		for _, message := range c.got() {
			if ok := parts(message); ok[2] == "false" {
				reason, _, _ := strings.Cut(ok[3], ": 7")
				refused[reason]++
			}
		}
		for _, usual := range []string{"replaced: have newer event", "deleted: user requested deletion", "invalid: the event has expired"} {
			delete(refused, usual)
		}
		assert.Equal(t, map[string]int{
			"invalid: unexpected size for fixed-size tag: p": 1, "invalid: malformed a tag": 1, "invalid: event too large": 1,
		}, refused)
	}, nostrtest.Strfry())
}
