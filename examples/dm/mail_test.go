package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostrtest"
)

// Two keys talk, each on a relay that gives wraps to their receiver only. The
// visitor's takes nothing from strangers either.
func TestAnswersOnTheVisitorsOwnRelay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		theirs := w.network.NewRelay("wss://visitor.example", nostrtest.WithAuth())
		heard := make(chan *nip17.Message, 8)
		visitor := w.start(settings{
			name: "visitor", key: visitorKey, inbox: []string{"wss://visitor.example"}, lists: []string{"wss://bot.example"},
			onMessage: func(_ *gennostr.Self, _ *mail, msg *nip17.Message, _ string) { heard <- msg },
		})
		for _, who := range []nostr.SecretKey{botKey, visitorKey} {
			_, err := w.relay.WaitEvent(w.ctx, nip17.RelayListFilter(who.PubKey()))
			require.NoError(t, err)
		}
		for _, text := range []string{"good morning", "still there?"} {
			require.NoError(t, visitor.Notify(nip17.Message{To: []nostr.PubKey{botKey.PubKey()}, Content: text}))
			var msg *nip17.Message
			select {
			case msg = <-heard:
			case <-w.ctx.Done():
				t.Fatal(w.log.String())
			}
			assert.Equal(t, "got it: "+text, msg.Content)
			assert.Equal(t, botKey.PubKey(), msg.From)
			assert.False(t, msg.ReplyTo.IsZero(), "an answer says to what")
		}
		assert.Empty(t, w.relay.Events(giftWraps.WithTag("p", visitorKey.PubKey().String())), "not where they do not want it")
		synctest.Wait()
		for n := range theirs.ConnectionCount() {
			c, ok := theirs.Connection(n + 1)
			require.True(t, ok)
			assert.NotContains(t, c.Authenticated, botKey.PubKey(), "a visit does not tell who has written")
			assert.Len(t, c.Authenticated, 1)
		}
		<-time.After(time.Minute)
		assert.Len(t, theirs.Connections(), 1, "the bot has left")
	}, nostrtest.Strfry())
}

// A relay gets the list of the bot, and is asked for all wraps of two days.
func TestPublishesItsListAndAsksForWhatIsDatedBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.isUp()
		list, err := w.relay.WaitEvent(w.ctx, nip17.RelayListFilter(botKey.PubKey()))
		require.NoError(t, err)
		relays, err := nip17.ParseRelayList(list)
		require.NoError(t, err)
		assert.Equal(t, []string{"wss://bot.example"}, relays)
		requests := w.relay.Requests()
		require.Len(t, requests, 1)
		require.Len(t, requests[0].Filters, 1)
		assert.LessOrEqual(t, *requests[0].Filters[0].Since, nostr.TimestampOf(time.Now().Add(-48*time.Hour)))
	})
}

func TestAnswersWhereTheMessageCameFromIfThereIsNoList(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.isUp()
		wrap := w.wrapped(visitorKey, nip17.Message{Content: "hello"})
		w.relay.Publish(wrap)
		assert.Equal(t, "got it: hello", w.toVisitor(w.relay, 1)[0].Content)
	}, nostrtest.Strfry())
}

// Who has an empty list wants nothing.
func TestAnEmptyListIsObeyed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relay.Publish(nostrtest.Event(visitorKey, nostr.KindDMRelayList, ""))
		w.isUp()
		w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hello"}))
		w.unanswered()
		assert.Contains(t, w.log.String(), "no relay for it is known")
	})
}

func TestEachMessageIsAnsweredOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.isUp()
		msg := nip17.Message{Content: "hello", CreatedAt: nostr.Now()}
		for range 3 { // the same rumor in three wraps
			w.relay.Publish(w.wrapped(visitorKey, msg))
		}
		w.toVisitor(w.relay, 1)
		for range 2 { // and again, stored, after each reconnect
			synctest.Wait()
			w.relay.DisconnectAll()
			require.NoError(t, w.relay.WaitConnections(w.ctx, 0))
			require.NoError(t, w.relay.WaitConnections(w.ctx, 1))
			w.isUp()
		}
		w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "another"}))
		assert.Equal(t, "got it: another", w.toVisitor(w.relay, 2)[1].Content)
		synctest.Wait()
		assert.Len(t, w.relay.Events(giftWraps.WithTag("p", visitorKey.PubKey().String())), 2)
	})
}

// Nobody gets an answer to what they have not written, nor because a stranger has named them.
func TestHostileAndOtherWrapsAreNotAnswered(t *testing.T) {
	before := nostr.TimestampOf(time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)) // the bubble's clock begins in 2000
	for name, c := range map[string]struct {
		wrap func(w *world) *nostr.Event
		word string
	}{
		"forged signature": {func(w *world) *nostr.Event {
			wrap := w.wrapped(visitorKey, nip17.Message{Content: "hello"})
			wrap.Sig[10] ^= 1
			return wrap
		}, "ignored forged events of wss://bot.example/ (1)"},
		"re-attributed rumor": {func(w *world) *nostr.Event { return w.reattributed() }, "the rumor's author is not the seal's"},
		"rubbish": {func(w *world) *nostr.Event {
			return nostrtest.Event(malloryKey, nostr.KindGiftWrap, "rubbish", nostr.Tag{"p", botKey.PubKey().String()})
		}, "ignored a bad wrap"},
		"a crowd": {func(w *world) *nostr.Event {
			return w.wrapped(malloryKey, nip17.Message{To: []nostr.PubKey{visitorKey.PubKey()}, Content: "answer us"})
		}, "3 people are to read it"},
		"another bot": {func(w *world) *nostr.Event { return w.wrapped(visitorKey, nip17.Message{Content: answerPrefix + "x"}) },
			"another bot"},
		"its own copy": {func(w *world) *nostr.Event { return w.ownCopy() }, ""},
		"before the start": {func(w *world) *nostr.Event {
			return w.wrapped(visitorKey, nip17.Message{CreatedAt: before, Content: "x"})
		}, "before I began"},
		"of the far future": {func(w *world) *nostr.Event {
			return w.wrapped(visitorKey, nip17.Message{CreatedAt: 1 << 40, Content: "x"})
		}, "in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.isUp()
				w.relay.Push(c.wrap(w))
				w.unanswered()
				assert.Contains(t, w.log.String(), c.word)
				w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hello"}))
				assert.Equal(t, "got it: hello", w.toVisitor(w.relay, 1)[0].Content, "the bot lives")
			})
		})
	}
}

// The inbox is refused, and the challenge comes a minute later, or twenty at once,
// of which only the last counts.
func TestAuthenticatesWheneverTheChallengeComes(t *testing.T) {
	for name, faults := range map[string][]nostrtest.Fault{
		"late":      {nostrtest.NoChallenge(), nostrtest.LateChallenge(time.Minute)},
		"in storms": {nostrtest.AuthStorm(20).After("CLOSED").Times(1)},
		"again":     {nostrtest.LateChallenge(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hello"})) // waits in the box
				assert.Equal(t, "got it: hello", w.toVisitor(w.relay, 1)[0].Content)
				requests := slices.DeleteFunc(w.relay.Requests(), func(r nostrtest.Request) bool { return !isInbox(r.Filters) })
				assert.Len(t, requests, 2, "refused, and sent again")
				received := slices.DeleteFunc(w.relay.Received(), func(m nostrtest.Message) bool { return m.Verb != "AUTH" })
				assert.LessOrEqual(t, len(received), 2, "a storm is answered at its beginning and its end")
			}, nostrtest.Strfry(), nostrtest.WithFaults(faults...))
		})
	}
}

// A relay that does not let us in is told of, and asked again on the next connection.
func TestSaysThatItIsNotLetIn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.isUp()
		mend := w.relay.Break(nostrtest.RefuseRequests("restricted: members only"))
		w.relay.DisconnectAll()
		require.NoError(t, w.relay.WaitConnections(w.ctx, 0))
		_, err := w.relay.WaitConnection(w.ctx, 2)
		require.NoError(t, err)
		synctest.Wait()
		assert.Contains(t, w.log.String(), "no messages from wss://bot.example/: restricted: members only")
		mend()
		w.relay.DisconnectAll()
		w.isUp()
	})
}

// The connection is lost between the answer and the relay's verdict on it. The same
// wrap goes out again, and not another.
func TestReconnectInTheMiddleOfAnAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.isUp()
		synctest.Wait()
		mend := w.relay.Break(nostrtest.NoAnswer().On("EVENT"))
		w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hello"}))
		first, err := w.relay.WaitMessage(w.ctx, func(m nostrtest.Message) bool {
			return m.Verb == "EVENT" && m.Event.Kind == nostr.KindGiftWrap
		})
		require.NoError(t, err)
		mend()
		w.relay.Break(nostrtest.RefuseHandshake(503, 0).Times(5)) // three quarters of a minute
		w.relay.DisconnectAll()
		_, err = w.relay.WaitMessage(w.ctx, func(m nostrtest.Message) bool {
			return m.Connection > first.Connection && m.Event != nil && m.Event.ID == first.Event.ID
		})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, "got it: hello", w.toVisitor(w.relay, 1)[0].Content)
		assert.Len(t, w.relay.Events(giftWraps.WithTag("p", visitorKey.PubKey().String())), 1)
		_, err = w.relay.WaitMessage(w.ctx, func(m nostrtest.Message) bool {
			return m.Connection > first.Connection && m.Event != nil && m.Event.Kind == nostr.KindDMRelayList
		})
		require.NoError(t, err, "the relay may have lost the list")
	}, nostrtest.Strfry())
}

// A relay that a list names and that is not there costs one answer and nothing else.
func TestGivesUpOnARelayThatIsNotThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relay.Publish(nostrtest.Event(visitorKey, nostr.KindDMRelayList, "", nostr.Tag{"relay", "wss://nowhere.example"}))
		w.isUp()
		w.relay.Publish(w.wrapped(visitorKey, nip17.Message{Content: "hello"}))
		w.relay.Publish(w.wrapped(malloryKey, nip17.Message{Content: "hi"}))
		_, err := w.relay.WaitEvent(w.ctx, giftWraps.WithTag("p", malloryKey.PubKey().String()))
		require.NoError(t, err)
		<-time.After(time.Minute)
		synctest.Wait()
		assert.Contains(t, w.log.String(), " on wss://nowhere.example/: unanswered: relay not connected: ")
	})
}
