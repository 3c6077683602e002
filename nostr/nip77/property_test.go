package nip77_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// Whatever the two sides have, and however small their frames are, the client is told exactly
// the differences, each id once, in frames that keep the limits, and in a bounded number
// of rounds.
func TestTheDifferencesAreFoundExactlyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		c, s := client(t, setOf(t, w.client...), w.clientLimit), server(t, setOf(t, w.server...), w.serverLimit)
		told, messages := talk(t, c, s)
		require.Equal(rt, w.have(), sorted(told.have))
		require.Equal(rt, w.need(), sorted(told.need))
		for i, m := range messages {
			if limit := []int{w.clientLimit, w.serverLimit}[i%2]; limit > 0 {
				require.LessOrEqual(rt, len(m), limit)
			}
		}
		require.LessOrEqual(rt, len(messages)/2, w.mostRounds())
	})
}

// world is what two sides have.
type world struct {
	client, server           []item
	clientLimit, serverLimit int // of frames; 0 is none
	differences              int
}

// drawWorld draws items that are on both sides or on one, in runs, as after an outage, or
// strewn; with dates that are all different, in few seconds, or at the ends of what there is.
func drawWorld(rt *rapid.T) world {
	limit := rapid.OneOf(rapid.Just(0), rapid.IntRange(nip77.MinFrameSizeLimit, 5000), rapid.IntRange(5000, 70_000))
	w := world{clientLimit: limit.Draw(rt, "client's limit"), serverLimit: limit.Draw(rt, "server's limit")}
	seconds := rapid.SampledFrom([]int64{1, 3, 1000, 1 << 31, math.MaxInt64}).Draw(rt, "seconds")
	where := rapid.IntRange(0, 99)
	n := 0
	for range rapid.IntRange(0, 12).Draw(rt, "runs") {
		length := rapid.OneOf(rapid.IntRange(1, 70), rapid.IntRange(70, 900)).Draw(rt, "length")
		onlyClient, onlyServer := where.Draw(rt, "only the client"), where.Draw(rt, "only the server")
		spread := rapid.Uint64().Draw(rt, "spread")
		for range length {
			id := idOf(n)
			n++
			mixed := spread*uint64(n)*0x9e3779b97f4a7c15 ^ spread
			it := item{nostr.Timestamp(mixed >> 1 % uint64(seconds)), id}
			switch side := int(id[31]) * 100 / 256; {
			case side < onlyClient/2:
				w.client = append(w.client, it)
				w.differences++
			case side >= 100-onlyServer/2:
				w.server = append(w.server, it)
				w.differences++
			default:
				w.client, w.server = append(w.client, it), append(w.server, it)
			}
		}
	}
	return w
}

func (w world) have() []nostr.ID { return without(w.client, w.server) }
func (w world) need() []nostr.ID { return without(w.server, w.client) }

func without(items, others []item) []nostr.ID {
	there := make(map[item]bool)
	for _, it := range others {
		there[it] = true
	}
	var ids []nostr.ID
	for _, it := range items {
		if !there[it] {
			ids = append(ids, it.id)
		}
	}
	return slices.SortedFunc(slices.Values(ids), nostr.ID.Compare)
}

// mostRounds is how many rounds it may take. A range is split by both sides in turn until its
// parts are listed: that is the depth, of which each message is a step. What does not fit into
// frames waits for its turn. Thousands of draws took half of that at most.
func (w world) mostRounds() int {
	items := max(len(w.client), len(w.server), 1)
	depth := int(math.Ceil(math.Log(float64(items)) / math.Log(16)))
	if w.clientLimit == 0 && w.serverLimit == 0 {
		return 2 + depth/2
	}
	frame := w.clientLimit
	if frame == 0 || w.serverLimit != 0 && w.serverLimit < frame {
		frame = w.serverLimit
	}
	const list = 32*32 + 20 // bytes, with its bound
	return 3 + depth*w.differences*list/(frame-200)/4
}
