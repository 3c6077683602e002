package protocol_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// What NIP-01, NIP-42 and NIP-45 demand of a client, as far as the connection
// is concerned: the lines of P and L that the codec alone cannot keep.

func TestP13ReqWithAnOpenIDReplacesTheSubscription(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		note, reaction := nostrtest.Event(nostrtest.Key(1), 1, "a note"), nostrtest.Event(nostrtest.Key(1), 7, "+")
		s.Relay.Publish(note, reaction)
		s.Send(t, kit.Request("s", kit.OfKind(1)))
		s.Send(t, kit.Request("s", kit.OfKind(7)))
		require.Len(t, s.Relay.Subscriptions(), 1)
		require.Len(t, s.Named("OnEOSE"), 2)
		assert.Equal(t, []gennostr.EventMessage{
			{SubscriptionID: "s", Event: note, Phase: gennostr.PhaseStored, Raw: true},
			{SubscriptionID: "s", Event: reaction, Phase: gennostr.PhaseStored, Raw: true}, // the second Req has a first part of its own
		}, s.Events())

		s.Inject(t, kit.EventFrame("s", note), kit.EventFrame("s", reaction))
		assert.Len(t, s.Events(), 3, "what only the replaced one had asked for is dropped")
		assert.EqualValues(t, 1, s.Traffic().Late, "silently: it may have been on its way")
		assert.Empty(t, s.Rejected(t))

		time.Sleep(30 * time.Second) // virtual: now it cannot have been
		s.Inject(t, kit.EventFrame("s", note), kit.EventFrame("s", reaction))
		assert.Len(t, s.Events(), 4)
		assert.Equal(t, map[error]int{gennostr.ErrFilterMismatch: 1}, s.Rejected(t))
	})
}

func TestP18L18AnEmptyListIsNeverSent(t *testing.T) {
	nothing := map[string]nostr.Filter{
		"ids": nostr.Filter{}.WithIDs(), "authors": nostr.Filter{}.WithAuthors(), "kinds": nostr.Filter{}.WithKinds(),
		"tags": nostr.Filter{}.WithTag("t"), "since after until": nostr.Filter{}.WithSince(2).WithUntil(1),
		"one of several": nostr.Filter{}.WithKinds(1).WithAuthors(),
	}
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		for name, f := range nothing {
			for _, m := range []gennostr.ClientMessage{
				kit.Request("s", f), gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{f, f}},
				gennostr.NegOpen{SubscriptionID: "n", Filter: f, Payload: []byte{0x61}},
			} {
				err := s.Client.Send(kit.StageURL, m)
				assert.ErrorIs(t, err, gennostr.ErrMatchesNothing, "%s in %T", name, m)
				var failed *gennostr.SendError
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, m, failed.Message)
				assert.ErrorIs(t, s.Client.Broadcast(m), gennostr.ErrMatchesNothing)
			}
		}
		synctest.Wait()
		assert.Empty(t, s.Relay.Received(), "nothing was sent")

		// Beside a filter that matches something they are left out.
		for name, f := range nothing {
			s.Send(t, gennostr.Req{SubscriptionID: "s", Filters: []nostr.Filter{f, kit.OfKind(7), f}})
			got := s.Relay.Requests()
			assert.Equal(t, []nostr.Filter{kit.OfKind(7)}, got[len(got)-1].Filters, name)
		}
		for _, m := range s.Relay.Received() {
			assert.NotContains(t, m.Frame, "[]")
		}
		// What was left out is not accepted either.
		s.Inject(t, kit.EventFrame("s", nostrtest.Event(nostrtest.Key(1), 1, "of the empty filter")))
		assert.Empty(t, s.Events())
		assert.Equal(t, map[error]int{gennostr.ErrFilterMismatch: 1}, s.Rejected(t))
	})
	inside := func(self *gennostr.Self, n kit.Note) error {
		if n.Name == "OnConnect" {
			self.Send(kit.StageURL, kit.Request("s", nothing["authors"]))
		}
		return nil
	}
	kit.OnStage(t, inside, func(t *testing.T, s kit.Stage) { // the failure comes back
		require.Len(t, s.Named("OnError"), 1)
		assert.ErrorIs(t, kit.ReasonOf(t, s.Named("OnError")[0]), gennostr.ErrMatchesNothing)
		assert.Empty(t, s.Relay.Received())
	})
}

func TestP26OnlyWhatWasAskedForIsDelivered(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		stranger, known := nostrtest.Event(nostrtest.Key(1), 7, "+"), nostrtest.Event(nostrtest.Key(1), 1, "known")
		s.Send(t, kit.Request("mine", kit.OfKind(1)))
		before := len(s.All())
		unsolicited := []string{
			kit.EventFrame("never", known), kit.EventFrame("", known), kit.EventFrame("Mine", known), kit.EventFrame(strings.Repeat("x", 1000), known),
			`["EOSE","never"]`, `["CLOSED","never","error: x"]`, `["COUNT","mine",{"count":1}]`, `["NEG-MSG","mine","61"]`, `["NEG-ERR","mine","blocked: x"]`,
		}
		s.Inject(t, unsolicited...)
		s.Inject(t, kit.EventFrame("mine", stranger))
		s.Inject(t, kit.EventFrame("mine", known))
		assert.Equal(t, map[error]int{gennostr.ErrUnsolicited: len(unsolicited), gennostr.ErrFilterMismatch: 1}, s.Rejected(t))
		got := slices.DeleteFunc(s.All()[before:], func(n kit.Note) bool { return n.Name == "OnError" })
		require.Len(t, got, 1, "dropped: %v", got)
		assert.Equal(t, known, got[0].Msg.(gennostr.EventMessage).Event, "and what was asked for is unharmed")
		assert.EqualValues(t, len(unsolicited), s.Traffic().Unsolicited)
		assert.EqualValues(t, 1, s.Traffic().Mismatched)
		for _, n := range s.Named("OnError") {
			assert.Less(t, len(kit.ReasonOf(t, n).Error()), 400, "a stranger's id does not flood the log")
		}
	})
	t.Run("another connection's subscriptions do not count", func(t *testing.T) {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			other := s.Network.NewRelay("wss://b.example")
			require.NoError(t, s.Client.AddRelay(other.URL()))
			s.Send(t, kit.Everything("s"))
			other.Inject(kit.EventFrame("s", kit.TextNotes(1)[0]))
			assert.Equal(t, map[error]int{gennostr.ErrUnsolicited: 1}, s.Rejected(t))
			assert.Empty(t, s.Events())
			// Nor do those of the connection before.
			s.Relay.DisconnectAll()
			time.Sleep(time.Second) // virtual
			synctest.Wait()
			s.Inject(t, kit.EventFrame("s", kit.TextNotes(1)[0]))
			assert.Equal(t, map[error]int{gennostr.ErrUnsolicited: 2}, s.Rejected(t))
		})
	})
}

func TestP27P28P32OKIsUnderstoodAsRelaysWriteIt(t *testing.T) {
	id := kit.TextNotes(1)[0].ID
	for frame, want := range map[string]struct {
		accepted        bool
		message, prefix string
	}{
		`true,""]`:                                    {true, "", ""},
		`true]`:                                       {true, "", ""}, // three elements
		`false]`:                                      {false, "", ""},
		`true,"duplicate: already have it"]`:          {true, "duplicate: already have it", "duplicate"},
		`true,"pow: difficulty 25>=24"]`:              {true, "pow: difficulty 25>=24", "pow"},
		`false,"blocked: not here"]`:                  {false, "blocked: not here", "blocked"},
		`false,"mute: nobody listened"]`:              {false, "mute: nobody listened", "mute"},
		`false,"unheard-of: but legal"]`:              {false, "unheard-of: but legal", "unheard-of"},
		`false,"no prefix at all"]`:                   {false, "no prefix at all", ""},
		`false,"invalid: bad","a fifth",{"and":[6]}]`: {false, "invalid: bad", "invalid"},
	} {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Inject(t, `["OK","`+id.String()+`",`+frame)
			require.Len(t, s.Named("OnOK"), 1, frame)
			ok := s.Named("OnOK")[0].Msg.(gennostr.OKMessage)
			assert.Equal(t, gennostr.OKMessage{EventID: id, Accepted: want.accepted, Message: want.message}, ok, frame)
			assert.Equal(t, want.prefix, ok.Prefix(), frame)
			assert.Empty(t, s.Named("OnError"))
		})
	}
}

func TestP29EOSEPartsStoredFromLive(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		events := kit.TextNotes(5)
		s.Relay.Publish(events[:3]...)
		s.Send(t, kit.Everything("a"), kit.Everything("b"))
		s.Relay.Publish(events[3:]...)
		synctest.Wait()
		for _, id := range []string{"a", "b"} {
			var got []string
			for _, n := range s.All() {
				switch m := n.Msg.(type) {
				case gennostr.EventMessage:
					if m.SubscriptionID == id {
						got = append(got, m.Event.Content+" "+m.Phase.String())
					}
				case gennostr.EOSEMessage:
					if m.SubscriptionID == id {
						got = append(got, "EOSE")
					}
				}
			}
			assert.Equal(t, []string{"note 2 stored", "note 1 stored", "note 0 stored", "EOSE", "note 3 live", "note 4 live"}, got)
		}
		s.Inject(t, `["EOSE","a"]`)
		assert.Len(t, s.Named("OnEOSE"), 2, "a second EOSE says nothing new")
		assert.Empty(t, s.Rejected(t))
	})
}

func TestP30ClosedEndsTheSubscriptionAndIsNotAnswered(t *testing.T) {
	for message, prefix := range map[string]string{
		"error: shutting down": "error", "ERROR: auth-required: strfry says it so": "auth-required", "": "", "no reason": "",
	} {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Send(t, kit.Everything("s"), kit.Everything("other"))
			s.Relay.CloseSubscription("s", message)
			synctest.Wait()
			require.Len(t, s.Named("OnClosed"), 1)
			closed := s.Named("OnClosed")[0].Msg.(gennostr.ClosedMessage)
			assert.Equal(t, gennostr.ClosedMessage{SubscriptionID: "s", Message: message}, closed)
			assert.Equal(t, prefix, closed.Prefix())
			for _, m := range s.Relay.Received() {
				assert.NotEqual(t, "CLOSE", m.Verb, "no CLOSE in answer")
			}
			s.Relay.Publish(kit.TextNotes(1)...)
			s.Inject(t, kit.EventFrame("s", kit.TextNotes(1)[0]))
			require.Len(t, s.Events(), 1, "it has ended")
			assert.Equal(t, "other", s.Events()[0].SubscriptionID, "and only it")
			assert.Empty(t, s.Rejected(t))
		})
	}
	t.Run("a refusal", func(t *testing.T) {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Send(t, kit.Everything("s"))
			assert.Equal(t, []string{"OnConnect", "OnClosed"}, s.Names())
		}, nostrtest.WithReadPolicy(func(nostrtest.Connection, nostrtest.Request) string { return "restricted: members only" }))
	})
	t.Run("of a COUNT (P55)", func(t *testing.T) {
		kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
			s.Send(t, gennostr.CountReq{SubscriptionID: "c", Filters: []nostr.Filter{{}}})
			assert.Equal(t, []string{"OnConnect", "OnClosed"}, s.Names())
			s.Inject(t, `["COUNT","c",{"count":3}]`)
			assert.Empty(t, s.Named("OnCount"))
		}, nostrtest.WithReadPolicy(func(nostrtest.Connection, nostrtest.Request) string { return "unsupported: COUNT" }))
	})
}

func TestP31NoticeIsHandedOnAndChangesNothing(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"))
		texts := []string{"closed: s", "auth-required: now", "ERROR: too many concurrent REQs", `["CLOSED","s",""]`, ""}
		for _, text := range texts {
			s.Relay.Notice(text)
		}
		s.Relay.Publish(kit.TextNotes(1)...)
		synctest.Wait()
		var got []string
		for _, n := range s.Named("OnNotice") {
			got = append(got, n.Msg.(gennostr.NoticeMessage).Message)
		}
		assert.Equal(t, texts, got)
		assert.Len(t, s.Events(), 1, "the subscription goes on")
		assert.Empty(t, s.Named("OnError"))
		assert.Equal(t, 1, s.Relay.ConnectionCount())
	})
}

func TestP34L25TrailingElementsAndUnknownFieldsAreIgnored(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"), kit.Request("t", kit.OfKind(7)))
		// A tag named id, and a field that nobody knows: only a real parser sees through.
		event := nostrtest.TextNote(nostrtest.Key(1), `"id":"x","tags":[`, nostr.Tag{"id", strings.Repeat("0", 64)}, nostr.Tag{"sig", "x"})
		extra := strings.Replace(event.String(), "{", `{"seen_on":["wss://x"],"id2":{"id":"no"},`, 1)
		before := len(s.All())
		s.Inject(t,
			`["EVENT","s",`+extra+`,"more",{}]`,
			`["OK","`+event.ID.String()+`",true,"",null,5]`,
			`["CLOSED","t","error: x","y"]`,
			`["NOTICE","n",[]]`,
			`["AUTH","c",{}]`,
			`["EOSE","s",{"hints":1},2]`,
			`["TELEPATHY",["any",{"thing":1}]]`,
		)
		got := s.All()[before:]
		assert.Equal(t, []string{"OnEvent", "OnOK", "OnClosed", "OnNotice", "OnAuth", "HandleInfo"}, kit.NamesOf(got)) // s had its EOSE
		assert.Equal(t, event, got[0].Msg.(gennostr.EventMessage).Event)
		assert.Equal(t, "TELEPATHY", got[5].Msg.(gennostr.UnknownMessage).Verb)
		assert.Empty(t, s.Rejected(t))
	})
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"))
		require.Len(t, s.Named("OnEOSE"), 1)
		assert.Equal(t, []string{"finish"}, s.Named("OnEOSE")[0].Msg.(gennostr.EOSEMessage).Hints, "a third element of EOSE is NIP-67's")
	}, nostrtest.WithHints())
}

func TestP35MalformedTextCostsNothingButAReport(t *testing.T) {
	event := kit.TextNotes(1)[0]
	frame := kit.EventFrame("s", event)
	bad := []string{
		"", " ", "null", "true", "1", `"EVENT"`, "{}", "[]", "[1]", "[null]", `[["EVENT"]]`, "[,]", `["EVENT"]`, `["EVENT",]`, `["EVENT","s"]`,
		`["EVENT","x`, `["EVENT",1,{}]`, `["EVENT","s",null]`, `["EVENT","s",[]]`, `["EVENT","s",{}]`, frame + "x", frame + frame, "\xef\xbb\xbf" + frame,
		strings.Replace(frame, `"kind":1`, `"kind":"1"`, 1), strings.Replace(frame, `"kind":1`, `"kind":1.0`, 1), strings.Replace(frame, `"kind":1`, `"kind":65536`, 1),
		strings.Replace(frame, `"tags":[]`, `"tags":[[]]`, 1), strings.Replace(frame, `"tags":[]`, `"tags":[["e",1]]`, 1), strings.Replace(frame, `"tags":[]`, `"tags":null`, 1),
		strings.Replace(frame, `"created_at":`, `"created_at":-`, 1), strings.Replace(frame, event.ID.String(), strings.ToUpper(event.ID.String()), 1),
		strings.Replace(frame, "note 0", "note \xff", 1), strings.Replace(frame, "note 0", `note \ud800`, 1), strings.Replace(frame, "note 0", "note \x01", 1),
		`["OK"]`, `["OK","` + event.ID.String() + `"]`, `["OK","` + event.ID.String() + `","true",""]`, `["OK","zz",true,""]`, `["EOSE"]`, `["EOSE",{}]`, `["CLOSED"]`, `["NOTICE"]`, `["NOTICE",{}]`,
		`["AUTH"]`, `["AUTH",{}]`, `["COUNT","s"]`, `["COUNT","s",{"count":-1}]`, `["COUNT","s",{"count":"one"}]`, `["NEG-MSG","s","6"]`, `["NEG-MSG","s",61]`,
		strings.Repeat("[", 100_000), `["NOTICE",` + strings.Repeat("[", 100_000), `["X",` + strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000) + "]", strings.Repeat(`["EVENT","s",{"id":`, 1000),
	}
	for i := 1; i < len(frame); i += 7 {
		bad = append(bad, frame[:i]) // truncated anywhere
	}
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"))
		s.Inject(t, bad...)
		s.Inject(t, frame)
		assert.Len(t, s.Events(), 1, "the next good frame is read as ever")
		assert.Equal(t, map[error]int{gennostr.ErrMalformed: len(bad)}, s.Rejected(t), "each is counted")
		assert.EqualValues(t, len(bad), s.Traffic().Malformed)
		assert.LessOrEqual(t, len(s.Named("OnError")), 2, "a flood is one report a second")
		for _, n := range s.Named("OnError") {
			assert.Less(t, len(kit.ReasonOf(t, n).Error()), 400)
		}
		assert.Equal(t, 1, s.Relay.ConnectionCount(), "none costs the connection")
	})
}

func TestP38P39P40ChallengesAreAnsweredByTheLatest(t *testing.T) {
	key := nostrtest.Key(1)
	answer := func(challenge string) gennostr.AuthResponse {
		return gennostr.AuthResponse{Event: nostrtest.Event(key, nostr.KindClientAuthentication, "", nostr.Tag{"relay", kit.StageURL}, nostr.Tag{"challenge", challenge})}
	}
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Everything("s"))
		assert.Equal(t, []string{"OnConnect", "OnAuth", "OnClosed"}, s.Names())
		s.Relay.RequestAuth()
		synctest.Wait()
		require.Len(t, s.Named("OnAuth"), 2, "at any time")
		first, latest := s.Named("OnAuth")[0].Msg.(gennostr.AuthMessage).Challenge, s.Named("OnAuth")[1].Msg.(gennostr.AuthMessage).Challenge
		assert.NotEqual(t, first, latest)

		s.Send(t, answer(first))
		s.Send(t, answer(latest))
		require.Len(t, s.Named("OnOK"), 2, "an OK answers an AUTH")
		assert.False(t, s.Named("OnOK")[0].Msg.(gennostr.OKMessage).Accepted)
		assert.True(t, s.Named("OnOK")[1].Msg.(gennostr.OKMessage).Accepted)
		conn, _ := s.Relay.Connection(1)
		assert.Equal(t, []nostr.PubKey{nostrtest.PubKey(1)}, conn.Authenticated)
		s.Send(t, kit.Everything("s"))
		assert.Len(t, s.Named("OnEOSE"), 1)

		s.Relay.DisconnectAll()
		time.Sleep(time.Second) // virtual
		s.Send(t, kit.Everything("s"))
		assert.Len(t, s.Named("OnAuth"), 3)
		assert.Len(t, s.Named("OnClosed"), 2, "a new connection starts unauthenticated (P46)")
	}, nostrtest.WithAuth())
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		for name, e := range map[string]*nostr.Event{
			"no event": nil, "a note": kit.TextNotes(1)[0],
			"no relay":     nostrtest.Event(key, nostr.KindClientAuthentication, "", nostr.Tag{"challenge", "x"}),
			"no challenge": nostrtest.Event(key, nostr.KindClientAuthentication, "", nostr.Tag{"relay", kit.StageURL}),
			"unsigned":     {Kind: nostr.KindClientAuthentication, Tags: nostr.Tags{{"relay", kit.StageURL}, {"challenge", "x"}}},
		} {
			assert.Error(t, s.Client.Send(kit.StageURL, gennostr.AuthResponse{Event: e}), name)
		}
		synctest.Wait()
		assert.Empty(t, s.Relay.Received())
	})
}

func TestP45AuthEventsAreNeitherPublishedNorDelivered(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		auth := nostrtest.Event(nostrtest.Key(1), nostr.KindClientAuthentication, "", nostr.Tag{"relay", kit.StageURL}, nostr.Tag{"challenge", "x"})
		var failed *gennostr.SendError
		require.ErrorAs(t, s.Client.Send(kit.StageURL, gennostr.PublishEvent{Event: auth}), &failed)
		s.Send(t, kit.Everything("s"), kit.Request("k", kit.OfKind(nostr.KindClientAuthentication)))
		for _, m := range s.Relay.Received() {
			assert.Equal(t, "REQ", m.Verb)
		}
		s.Inject(t, kit.EventFrame("s", auth), kit.EventFrame("k", auth))
		assert.Empty(t, s.Events())
		assert.Equal(t, map[error]int{gennostr.ErrUnsolicited: 2}, s.Rejected(t))
		assert.EqualValues(t, 2, s.Traffic().Unsolicited)
	})
}

func TestL28FiltersAreCopiedWhenTheyAreSent(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		other := s.Network.NewRelay("wss://b.example")
		require.NoError(t, s.Client.AddRelay(other.URL()))
		require.NoError(t, s.Client.Ready(t.Context(), 2))
		kinds, tags, until := []nostr.Kind{1}, []string{"x"}, nostr.Timestamp(2_000_000_000)
		filters := []nostr.Filter{{Kinds: kinds, Tags: nostr.TagMap{"t": tags}, Until: &until}}
		require.NoError(t, s.Client.Broadcast(gennostr.Req{SubscriptionID: "s", Filters: filters}))
		kinds[0], tags[0], until = 7, "y", 0
		filters[0].Tags["p"] = []string{"z"}
		filters[0] = nostr.Filter{}
		synctest.Wait()

		event := nostrtest.TextNote(nostrtest.Key(1), "matches what was sent", nostr.Tag{"t", "x"})
		stranger := nostrtest.Event(nostrtest.Key(1), 7, "matches what became of it", nostr.Tag{"t", "y"})
		for _, relay := range []*nostrtest.Relay{s.Relay, other} {
			got := relay.Requests()
			require.Len(t, got, 1)
			assert.Equal(t, []nostr.Kind{1}, got[0].Filters[0].Kinds)
			relay.Inject(kit.EventFrame("s", event))
			relay.Inject(kit.EventFrame("s", stranger))
		}
		assert.Equal(t, map[error]int{gennostr.ErrFilterMismatch: 2}, s.Rejected(t))
		require.Len(t, s.Events(), 2)
		for _, m := range s.Events() {
			assert.Equal(t, event, m.Event)
		}
	})
}

func TestL29TheWholeFilterHoldsAfterEOSEToo(t *testing.T) {
	const from, to = nostr.Timestamp(1_700_000_000), nostr.Timestamp(1_700_000_100)
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		s.Send(t, kit.Request("s", kit.OfKind(1).WithSince(from).WithUntil(to).WithLimit(1).WithSearch("words")))
		require.Len(t, s.Named("OnEOSE"), 1)
		var want []string
		for _, at := range []nostr.Timestamp{from - 1, from, to, to + 1} {
			e := nostrtest.TextNoteAt(at, nostrtest.Key(1), fmt.Sprint(at))
			if at >= from && at <= to {
				want = append(want, e.Content) // both bounds are inclusive (P22)
			}
			s.Inject(t, kit.EventFrame("s", e))
		}
		s.Inject(t, kit.EventFrame("s", nostrtest.EventAt(from, nostrtest.Key(1), 7, "+")))
		assert.Equal(t, want, kit.Contents(s.All(), kit.StageURL), "limit and search are no conditions on an event (P23, P58)")
		assert.Equal(t, map[error]int{gennostr.ErrFilterMismatch: 3}, s.Rejected(t))
	})
}

// Shows D22.
func TestLateEventsAfterCloseAreSilentForAWhile(t *testing.T) {
	kit.OnStage(t, nil, func(t *testing.T, s kit.Stage) {
		event := kit.TextNotes(1)[0]
		s.Send(t, kit.Everything("s"))
		s.Send(t, gennostr.Close{SubscriptionID: "s"})
		closed := time.Now()
		late := []string{kit.EventFrame("s", event), `["EOSE","s"]`, `["CLOSED","s",""]`, kit.EventFrame("s", event)}
		s.Inject(t, late...)
		time.Sleep(time.Until(closed.Add(30*time.Second - time.Millisecond))) // virtual
		s.Inject(t, kit.EventFrame("s", event))
		assert.EqualValues(t, len(late)+1, s.Traffic().Late)
		assert.Zero(t, s.Traffic().Unsolicited)
		assert.Equal(t, []string{"OnConnect", "OnEOSE"}, s.Names(), "an honest relay is not accused")

		time.Sleep(time.Millisecond) // virtual: the grace time is over
		s.Inject(t, kit.EventFrame("s", event))
		assert.Equal(t, map[error]int{gennostr.ErrUnsolicited: 1}, s.Rejected(t))
		assert.EqualValues(t, 1, s.Traffic().Unsolicited)
		assert.EqualValues(t, len(late)+1, s.Traffic().Late)
		assert.Empty(t, s.Events())
	})
}
