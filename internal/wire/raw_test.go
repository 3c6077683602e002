package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

func TestOpensReadsWhatARawFrameOpens(t *testing.T) {
	kinds := func(k ...nostr.Kind) nostr.Filter { return nostr.Filter{Kinds: k} }
	all := []nostr.Filter{{}}
	since := nostr.Timestamp(5)
	for frame, want := range map[string]wire.ClientMessage{
		`["REQ","s",{"kinds":[1]},{"kinds":[2],"limit":1}]`:        wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1), {Kinds: []nostr.Kind{2}, Limit: 1}}},
		`["REQ","s",{"kinds":[1],"#proxy":["x"]}]`:                 wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1)}},
		`["REQ","s",{"kinds":[1],"&t":["x"],"new":{"a":[1e999]}}]`: wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1)}},
		`["REQ","s",{"kinds":[1],"ids":["ab"],"since":5}]`:         wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Kinds: []nostr.Kind{1}, Since: &since}}},
		`["REQ","s",{"kinds":[1],"authors":[]}]`:                   wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1)}},
		`["REQ","s",{"kinds":[1],"#t":[],"since":9,"until":5}]`:    wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Kinds: []nostr.Kind{1}, Tags: nostr.TagMap{}}}},
		`["REQ","s",{"kinds":[1],"kinds":[2],"since":5}]`:          wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Since: &since}}},
		`["REQ","s",{"kinds":["1"],"limit":"9","since":5}]`:        wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{{Since: &since}}},
		`["REQ","s",{"#proxy":["x"]}]`:                             wire.Req{SubscriptionID: "s", Filters: all},
		`["REQ","s",{"kinds":[1]},"all of them"]`:                  wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1), {}}},
		`["REQ","s",[]]`:                         wire.Req{SubscriptionID: "s", Filters: all},
		`["REQ","s"]`:                            wire.Req{SubscriptionID: "s", Filters: all},
		`["REQ","s",{"kinds":[1]},}`:             wire.Req{SubscriptionID: "s", Filters: all},
		`["REQ","s",{"kinds":[1],"x":"\ud800"}]`: wire.Req{SubscriptionID: "s", Filters: all},
		`["REQ","s"` + strings.Repeat(",{}", wire.MaxFilters+1) + `]`: wire.Req{SubscriptionID: "s", Filters: all},
		` [ "R\u0045Q" , "\u0073" , { "kinds" : [ 1 ] } ] `:           wire.Req{SubscriptionID: "s", Filters: []nostr.Filter{kinds(1)}},
		`["CLOSE","s",1,null]`:                          wire.Close{SubscriptionID: "s"},
		`["COUNT","s",{"#proxy":["x"]}]`:                wire.CountReq{SubscriptionID: "s"},
		`["NEG-OPEN","s",{"#proxy":["x"]},"61","more"]`: wire.NegOpen{SubscriptionID: "s"},
		`["NEG-OPEN","s",{},16,"61"]`:                   wire.NegOpen{SubscriptionID: "s"},
		`["NEG-CLOSE","s"]`:                             wire.NegClose{SubscriptionID: "s"},
		`["EVENT",` + eventJSON + `]`:                   nil,
		`["AUTH",` + eventJSON + `]`:                    nil,
		`["NEG-MSG","s","61"]`:                          nil,
		`["req","s",{}]`:                                nil,
		`["REQ",7,{}]`:                                  nil,
		`["REQ"]`:                                       nil,
		`["REQ","` + strings.Repeat("s", wire.MaxReceivedID+1) + `",{}]`: nil,
		`hello`: nil,
		``:      nil,
	} {
		assert.Equal(t, want, wire.Opens([]byte(frame)), "%.80s", frame)
	}
}

// Whatever ParseClient reads, Opens opens under the same id, and its filters match no less.
func FuzzOpens(f *testing.F) {
	for frame := range clientFrames() {
		f.Add([]byte(frame))
	}
	for _, frame := range append(fuzzSeeds, `["REQ","s",{"#proxy":["x"],"kinds":[1],"kinds":[]}]`, `["REQ","s",{"kinds":[1]},[]`) {
		f.Add([]byte(frame))
	}
	sample := sampleEvent()
	f.Fuzz(func(t *testing.T, frame []byte) {
		got := wire.Opens(frame)
		if got == nil {
			return
		}
		overwritten := append([]byte(nil), frame...)
		again := wire.Opens(overwritten)
		overwrite(overwritten)
		require.Equal(t, got, again)
		req, ok := got.(wire.Req)
		if !ok {
			return
		}
		require.NotEmpty(t, req.Filters)
		for _, filter := range req.Filters {
			require.NoError(t, filter.Validate())
			require.False(t, filter.MatchesNothing())
		}
		if parsed, err := wire.ParseClient(frame); err == nil && nostr.Filters(parsed.(wire.Req).Filters).Matches(sample) {
			require.True(t, nostr.Filters(req.Filters).Matches(sample))
		}
	})
}
