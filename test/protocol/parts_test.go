package protocol_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Shows L35.
func TestOneBadPartDoesNotCostTheMessage(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Relay.Break(nostrtest.NoAnswer().On("COUNT"))
		s.Send(t, kit.Everything("s"), gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{{}}})
		id := nostr.ID{1}
		s.Inject(t,
			`["COUNT","c",{"count":7,"hll":"zz"}]`,
			`["OK","`+id.String()+`",false,"blocked: \ud83d"]`,
			`["CLOSED","s","error: cut \xf0"]`,
		)
		require.Len(t, s.Named("OnCount"), 1)
		assert.Equal(t, gennostr.CountMessage{SubscriptionID: "c", Count: 7}, s.Named("OnCount")[0].Msg)
		require.Len(t, s.Named("OnOK"), 1)
		assert.Equal(t, gennostr.OKMessage{EventID: id, Message: "blocked: \ufffd"}, s.Named("OnOK")[0].Msg)
		require.Len(t, s.Named("OnClosed"), 1)
		assert.Equal(t, "error", s.Named("OnClosed")[0].Msg.(gennostr.ClosedMessage).Prefix())
		assert.Equal(t, map[error]int{gennostr.ErrMalformed: 3}, s.Rejected(t), "and what was wrong is told")
		assert.EqualValues(t, 3, s.Traffic().Malformed)
		for _, n := range s.Named("OnError") {
			var reject *gennostr.RejectError
			require.ErrorAs(t, kit.ReasonOf(t, n), &reject)
			assert.Empty(t, reject.Text(), "it was delivered")
		}
	})
}

func TestAnOKThatCannotBeDeliveredTellsItsText(t *testing.T) {
	for frame, want := range map[string]string{
		`["OK","",false,"invalid: bad event id"]`:                 "invalid: bad event id",
		`["OK","` + nostr.ID{1}.String() + `",0,"blocked: x"]`:    "blocked: x",
		`["CLOSED",7,"auth-required: x"]`:                         "auth-required: x",
		`["OK","zz",true]`:                                        "",
		`["OK","",false,"` + strings.Repeat("long ", 1000) + `"]`: strings.Repeat("long ", 1000)[:1024],
	} {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Inject(t, frame)
			assert.Empty(t, s.Named("OnOK"))
			require.Len(t, s.Named("OnError"), 1)
			var reject *gennostr.RejectError
			require.ErrorAs(t, kit.ReasonOf(t, s.Named("OnError")[0]), &reject)
			assert.ErrorIs(t, reject, gennostr.ErrMalformed)
			assert.Equal(t, want, reject.Text())
			assert.Equal(t, want != "", strings.Contains(reject.Error(), "the relay says"), reject.Error())
			assert.Less(t, len(reject.Error()), 500)
		})
	}
}

func TestARawReqIsAnsweredThoughItsFilterIsNotKnown(t *testing.T) {
	note, reaction := nostrtest.Event(nostrtest.Key(1), 1, "note"), nostrtest.Event(nostrtest.Key(1), 7, "+")
	for frame, all := range map[string]bool{
		`["REQ","raw",{"kinds":[1],"#proxy":["https://x"]}]`: false, // the part that is understood is judged
		`["REQ","raw",{"kinds":[1],"ids":["0123"]}]`:         false,
		`["REQ","raw",{"#proxy":["https://x"]}]`:             true,
		`["REQ","raw",{"kinds":["notes"]}]`:                  true,
		`["REQ","raw","everything"]`:                         true,
		`["REQ","raw"]`:                                      true,
	} {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Relay.Break(nostrtest.NoAnswer().On("REQ"), nostrtest.Lose().Of("NOTICE", "CLOSED"))
			s.Send(t, gennostr.Raw(frame))
			before := len(s.Events())
			s.Inject(t, kit.EventFrame("raw", note), kit.EventFrame("raw", reaction), `["EOSE","raw"]`)
			want := []*nostr.Event{note, reaction}
			if !all {
				want = want[:1]
			}
			var got []*nostr.Event
			for _, m := range s.Events()[before:] {
				got = append(got, m.Event)
			}
			assert.Equal(t, want, got, frame)
			assert.Len(t, s.Named("OnEOSE"), 1, frame)
			forged := *note
			forged.Content = "forged"
			s.Inject(t, kit.EventFrame("raw", &forged))
			assert.Len(t, s.Events(), before+len(want), "hash and signature are judged as ever")
		})
	}
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Relay.Break(nostrtest.NoAnswer(), nostrtest.Lose().Of("NOTICE", "CLOSED")) // it is the test that answers
		s.Send(t, gennostr.Raw(`["COUNT","c",{"#proxy":["x"]}]`), gennostr.Raw(`["NEG-OPEN","n",{"#proxy":["x"]},"61"]`))
		s.Inject(t, `["COUNT","c",{"count":1}]`, `["NEG-MSG","n","61"]`, `["NEG-ERR","n","blocked: x"]`)
		assert.Len(t, s.Named("OnCount"), 1)
		assert.Len(t, s.Named("HandleInfo"), 2)
		assert.Empty(t, s.Rejected(t))
	})
}

// Shows D23.
func TestP04AnotherSerializationIsRefusedAndNobodyIsBlamed(t *testing.T) {
	author := nostrtest.Key(1)
	event := &nostr.Event{PubKey: author.PubKey(), CreatedAt: 1700000000, Kind: 1, Content: "\x1b[0m"}
	event.ID = sha256.Sum256(fmt.Appendf(nil, "[0,%q,1700000000,1,[],%s]", event.PubKey, "\"\x1b[0m\""))
	event.Sig = nostr.Sig{1}
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"))
		s.Inject(t, kit.EventFrame("s", event), kit.EventFrame("s", event))
		assert.Equal(t, map[error]int{nostr.ErrOtherSerialization: 2}, s.Rejected(t))
		assert.Empty(t, s.Events())
		assert.Empty(t, s.Named("OnDisconnect"), "the relay stays")
		assert.Zero(t, s.Traffic().Forged)
		assert.EqualValues(t, 2, s.Traffic().Malformed)
		var reject *gennostr.RejectError
		require.ErrorAs(t, kit.ReasonOf(t, s.Named("OnError")[0]), &reject)
		assert.ErrorIs(t, reject, nostr.ErrBadID)
		assert.False(t, reject.Forged())

		event.Content += "!"
		s.Inject(t, kit.EventFrame("s", event))
		time.Sleep(time.Second)
		require.Len(t, s.Named("OnDisconnect"), 1, "a forgery is one, control byte or not")
	}, gennostr.WithForgeryLimit(1))
}

// Whether it is too late for an event a program asks: clocks differ, and archives keep it.
// Shows P62.
func TestP62AnExpiredEventIsForTheProgramToJudge(t *testing.T) {
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example", nostrtest.WithFaults(nostrtest.KeepExpired()))
		relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "too late", nostr.ExpirationTag(nostr.Now()-1)))
		client, err := gennostr.Start(t.Context(), nil, kit.Over(network, kit.Quietly(), gennostr.WithRelays("wss://a.example"))...)
		require.NoError(t, err)
		defer func() { assert.NoError(t, client.Stop(context.Background())) }()
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(nostr.KindTextNote)})
		require.NoError(t, err)
		for m := range sub.Events() {
			assert.True(t, m.Event.Expired(nostr.Now()))
			break
		}
		e, err := client.FetchOne(t.Context(), kit.OfKind(nostr.KindTextNote))
		require.NoError(t, err)
		assert.True(t, e.Expired(nostr.Now()))
	})
}
