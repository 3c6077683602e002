package gennostr_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// spamless is a relay that takes everything but spam.
func spamless() *nostrtest.Relay {
	relay, _ := nostrtest.StartRelay(nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
		if e.Content == "spam" {
			return "blocked: no spam"
		}
		return ""
	}))
	return relay
}

// What became of an event stands in the report, relay by relay.
func ExampleClient_Publish() {
	relay := spamless()
	defer relay.Close()
	ctx := context.Background()
	client, err := gennostr.Start(ctx, nil, gennostr.WithRelays(relay.URL()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Stop(ctx)
	for _, content := range []string{"hello", "spam"} {
		note := &nostr.Event{Kind: nostr.KindTextNote, Content: content}
		if err := note.Sign(nostrtest.Key(1)); err != nil {
			fmt.Println(err)
		}
		report, err := client.Publish(ctx, note)
		outcome := report.Outcomes[0]
		fmt.Printf("%t: %v %q\n", err == nil, outcome.Verdict, outcome.Message)
	}
	// Output:
	// true: accepted ""
	// false: refused "blocked: no spam"
}

// One relay that has the event is enough; the others go on behind.
func ExampleClient_StartPublish() {
	relay := spamless()
	defer relay.Close()
	ctx := context.Background()
	client, err := gennostr.Start(ctx, nil, gennostr.WithLogger(silent), gennostr.WithRelays(relay.URL(), "ws://127.0.0.1:1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Stop(ctx)
	note := nostrtest.TextNote(nostrtest.Key(1), "hello")
	publication, err := client.StartPublish(note, gennostr.AtLeast(1), gennostr.GiveUpAfter(time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := publication.Wait(ctx)
	fmt.Println(report.Count(), err)
	publication.Cancel() // the other one need not have it
	// Output:
	// 1 <nil>
}

// greeter publishes in a callback, and is told there what became of it.
type greeter struct {
	gennostr.BaseHandler
	note *nostr.Event
}

func (g *greeter) Init(self *gennostr.Self) error {
	self.SendAfter(0, "greet")
	return nil
}

func (g *greeter) HandleInfo(self *gennostr.Self, _ any) error {
	self.Publish(g.note, func(report gennostr.PublishReport) error {
		fmt.Println(report.Outcomes[0].Verdict)
		return gennostr.ErrStop
	})
	return nil
}

// A handler publishes and goes on; its continuation runs when the verdicts are there.
func ExampleSelf_Publish() {
	relay := spamless()
	defer relay.Close()
	bot := &greeter{note: nostrtest.TextNote(nostrtest.Key(1), "hello")}
	fmt.Println(gennostr.Run(context.Background(), bot, gennostr.WithRelays(relay.URL())))
	// Output:
	// accepted
	// <nil>
}

// A request is published where its reply will be heard. The service is played by the
// relay itself here: it answers whatever it is asked.
func ExampleClient_Request() {
	const ask, answer nostr.Kind = 5050, 6050
	var relay *nostrtest.Relay
	relay, _ = nostrtest.StartRelay(nostrtest.WithPolicy(func(_ nostrtest.Connection, e *nostr.Event) string {
		relay.Publish(nostrtest.Event(nostrtest.Key(2), answer, "42", nostr.Tag{"e", e.ID.String()}))
		return ""
	}))
	defer relay.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := gennostr.Start(ctx, nil, gennostr.WithRelays(relay.URL()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Stop(ctx)
	question := nostrtest.Event(nostrtest.Key(1), ask, "what is it?")
	replies := nostr.Filter{}.WithKinds(answer).WithTag("e", question.ID.String())
	for reply, err := range client.Request(ctx, question, []nostr.Filter{replies}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reply.Content)
		break
	}
	// Output:
	// 42
}
