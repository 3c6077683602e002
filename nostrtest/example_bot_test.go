package nostrtest_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// greeter is the bot under test: it answers every note, and where a relay asks
// it to slow down it tries again later.
type greeter struct {
	gennostr.BaseHandler
	later map[nostr.ID]again // answers without an OK
}

// again is an answer and where it goes.
type again struct {
	url    string
	answer *nostr.Event
}

func (g *greeter) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "notes", Filters: []nostr.Filter{{Kinds: []nostr.Kind{1}}}})
	return nil
}

func (g *greeter) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	me := nostrtest.Key(2)
	if msg.Event.PubKey == me.PubKey() {
		return nil
	}
	answer := nostrtest.TextNote(me, "hello, "+msg.Event.Content, nostr.Tag{"e", msg.Event.ID.String()})
	g.later[answer.ID] = again{relay.URL, answer}
	self.Send(relay.URL, gennostr.PublishEvent{Event: answer})
	return nil
}

func (g *greeter) OnOK(self *gennostr.Self, relay gennostr.Relay, msg gennostr.OKMessage) error {
	retry := g.later[msg.EventID]
	delete(g.later, msg.EventID)
	if !msg.Accepted && msg.Prefix() == "rate-limited" {
		self.SendAfter(10*time.Millisecond, retry)
	}
	return nil
}

func (g *greeter) HandleInfo(self *gennostr.Self, msg any) error {
	if retry, ok := msg.(again); ok {
		g.later[retry.answer.ID] = retry
		self.Send(retry.url, gennostr.PublishEvent{Event: retry.answer})
	}
	return nil
}

// startGreeter starts the bot.
func startGreeter(ctx context.Context, url string, opts ...gennostr.Option) (stop func()) {
	quick := gennostr.WithReconnectSchedule(20 * time.Millisecond)
	opts = append(opts, gennostr.WithRelays(url), quick, gennostr.WithLogger(slog.New(slog.DiscardHandler)))
	bot, err := gennostr.Start(ctx, &greeter{later: make(map[nostr.ID]again)}, opts...)
	if err != nil {
		panic(err)
	}
	return func() { _ = bot.Stop(ctx) }
}

// My bot survives an outage: the relay goes down, a note is published
// elsewhere meanwhile, and when the relay is back so is the bot, and answers.
// In a test nostrtest.NewRelay(t) takes the place of StartRelay and Close.
func Example_outage() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	relay, _ := nostrtest.StartRelay()
	defer relay.Close()
	defer startGreeter(ctx, relay.URL())()
	_, _ = relay.WaitRequest(ctx, nil) // the bot listens

	relay.Stop()
	relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "is anybody there?"))
	_ = relay.Restart() // on the same address
	answer, err := relay.WaitEvent(ctx, nostr.Filter{}.WithAuthors(nostrtest.PubKey(2)))
	fmt.Println(answer.Content, err)
	// Output: hello, is anybody there? <nil>
}

// My bot is rate-limited: its first two tries are refused, and it does not give up.
func Example_rateLimit() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	relay, _ := nostrtest.StartRelay(nostrtest.WithFaults(nostrtest.RefuseEvents("rate-limited: slow down").Times(2)))
	defer relay.Close()
	defer startGreeter(ctx, relay.URL())()

	relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "world"))
	answer, err := relay.WaitEvent(ctx, nostr.Filter{}.WithAuthors(nostrtest.PubKey(2)))
	fmt.Println(answer.Content, err)
	for _, entry := range relay.WireLog() {
		if entry.Direction == nostrtest.OfFault {
			fmt.Println(entry.Text)
		}
	}
	// Output:
	// hello, world <nil>
	// RefuseEvents("rate-limited: slow down").Times(2)
	// RefuseEvents("rate-limited: slow down").Times(2)
}

// Faults come and go while the relay runs.
func ExampleRelay_Break() {
	relay, _ := nostrtest.StartRelay()
	defer relay.Close()
	mend := relay.Break(nostrtest.NoOK(), nostrtest.Cut().After("EOSE").Nth(3))
	fmt.Println(relay.Faults())
	mend()
	fmt.Println(relay.Faults())
	// Output:
	// [NoOK() Cut().After("EOSE").Nth(3)]
	// []
}

// The examples' bot in chaos, as a test of a bot would have it: after some wild
// virtual minutes it still answers.
func TestBotSurvivesChaos(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			network := nostrtest.NewNetwork(t)
			relay := network.NewRelay(home)
			mend := relay.Break(nostrtest.Chaos(seed))
			defer startGreeter(t.Context(), home, gennostr.WithHTTPClient(network.HTTPClient()))()
			time.Sleep(10 * time.Minute)
			mend()
			relay.DisconnectAll()
			question := nostrtest.TextNote(nostrtest.Key(1), "still there?")
			relay.Publish(question)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			answer, err := relay.WaitEvent(ctx, nostr.Filter{}.WithTag("e", question.ID.String()))
			require.NoError(t, err)
			assert.Equal(t, "hello, still there?", answer.Content)
		})
	}
}
