package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// reader prints the first note it sees, and stops.
type reader struct{ gennostr.BaseHandler }

func (*reader) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "notes", Filters: []nostr.Filter{
		nostr.Filter{}.WithKinds(nostr.KindTextNote).WithLimit(10),
	}})
	return nil
}

func (*reader) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	fmt.Println(msg.Phase, msg.Event.Content)
	return gennostr.ErrStop
}

// A bot reads from a relay until it has had enough.
func Example() {
	relay, _ := nostrtest.StartRelay() // a relay in this process, so that the example needs no network
	defer relay.Close()
	relay.Publish(nostrtest.TextNote(nostrtest.Key(1), "hello"))

	err := gennostr.Run(context.Background(), &reader{}, gennostr.WithRelays(relay.URL()))
	fmt.Println(err)
	// Output:
	// stored hello
	// <nil>
}

// counter is a server that other goroutines talk to.
type counter struct {
	gennostr.BaseHandler
	n int
}

func (c *counter) HandleCast(self *gennostr.Self, request any) error {
	c.n += request.(int)
	return nil
}

func (c *counter) HandleCall(self *gennostr.Self, from gennostr.From, request any) error {
	return from.Reply(c.n)
}

// Requests from other goroutines reach the handler one at a time: no locks.
func ExampleCall() {
	ctx := context.Background()
	client, _ := gennostr.Start(ctx, &counter{})
	defer client.Stop(ctx)
	_ = client.Cast(40)
	_ = client.Cast(2)
	n, err := gennostr.Call[int](ctx, client, "how many?")
	fmt.Println(n, err)
	// Output: 42 <nil>
}

// fetcher does slow work beside the loop.
type fetcher struct{ gennostr.BaseHandler }

func (*fetcher) Init(self *gennostr.Self) error {
	gennostr.Go(self, func(ctx context.Context) (string, error) {
		return "fetched", nil // ctx ends when the client stops
	}, func(result string, err error) error { // on the client's goroutine again
		fmt.Println(result, err)
		return gennostr.ErrStop
	})
	return nil
}

// Slow work runs on a goroutine of its own; its result comes back like a message.
func ExampleGo() {
	fmt.Println(gennostr.Run(context.Background(), &fetcher{}))
	// Output:
	// fetched <nil>
	// <nil>
}

// careful stops for good reasons only.
type careful struct{ gennostr.BaseHandler }

var errDisk = errors.New("disk full")

func (*careful) HandleInfo(self *gennostr.Self, msg any) error {
	if msg == "disk" {
		return gennostr.Stop(errDisk) // an end with a reason
	}
	return fmt.Errorf("cannot read %v", msg) // a report to OnError: the client lives
}

func (*careful) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	fmt.Println("OnError:", err)
	return nil
}

// Only ErrStop, ErrShutdown and Stop end a client; other errors are reports.
func ExampleStop() {
	client, _ := gennostr.Start(context.Background(), &careful{}, gennostr.WithLogger(silent))
	_ = client.Notify("this")
	_ = client.Notify("disk")
	fmt.Println(errors.Is(client.Wait(), errDisk))
	// Output:
	// OnError: gennostr: HandleInfo: cannot read this
	// true
}

// An orderly stop is bounded by WithShutdownTimeout, whatever relays do.
func ExampleClient_Stop() {
	ctx := context.Background()
	client, _ := gennostr.Start(ctx, nil, gennostr.WithRelays("ws://127.0.0.1:1"),
		gennostr.WithLogger(silent), gennostr.WithShutdownTimeout(time.Second))
	fmt.Println(client.Stop(ctx), client.Wait())
	// Output: <nil> <nil>
}

// welcomer greets everybody who posts, a minute later.
type welcomer struct {
	gennostr.BaseHandler
	key nostr.SecretKey
}

func (w *welcomer) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "posts", Filters: []nostr.Filter{
		nostr.Filter{}.WithKinds(nostr.KindTextNote)}})
	return nil
}

func (w *welcomer) OnEvent(self *gennostr.Self, _ gennostr.Relay, msg gennostr.EventMessage) error {
	self.SendAfter(time.Minute, msg.Event)
	return nil
}

func (w *welcomer) HandleInfo(self *gennostr.Self, msg any) error {
	welcome := &nostr.Event{Kind: nostr.KindTextNote, Content: "welcome: " + msg.(*nostr.Event).Content}
	if err := welcome.Sign(w.key); err != nil {
		return err
	}
	self.Broadcast(gennostr.PublishEvent{Event: welcome})
	return nil
}

// A handler is tested alone: no relay, no socket, and no waiting.
func ExampleHarness() {
	h, err := gennostr.NewHarness(&welcomer{key: nostrtest.Key(1)}, gennostr.WithRelays("wss://relay.example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Stop()
	const url = "wss://relay.example.com"

	fmt.Println(h.Connect(url), len(h.Subscribed(url)))
	post := nostrtest.TextNote(nostrtest.Key(2), "hi all")
	fmt.Println(h.Deliver(url, gennostr.EventMessage{SubscriptionID: "posts", Event: post}))
	fmt.Println(h.Scheduled()[0].After)
	h.Sent() // the REQ
	fmt.Println(h.Advance(time.Minute))
	fmt.Println(h.Sent()[0].Message.(gennostr.PublishEvent).Event.Content)
	// Output:
	// <nil> 1
	// <nil>
	// 1m0s
	// <nil>
	// welcome: hi all
}

// cashier pays for every note, which takes longer than a callback may.
type cashier struct {
	gennostr.BaseHandler
	payments *gennostr.Queue[*nostr.Event]
}

func (c *cashier) Init(self *gennostr.Self) error {
	c.payments = gennostr.NewQueue(self, gennostr.QueueConfig[*nostr.Event]{
		Name:    "payments",
		Workers: 4,
		Key:     func(e *nostr.Event) string { return e.PubKey.String() }, // an author's in order
		Work: func(ctx context.Context, e *nostr.Event) error { // off the client's goroutine
			if e.Content == "beer" {
				return errors.New("not on this card")
			}
			return nil
		},
		Then: func(self *gennostr.Self, e *nostr.Event, err error) error { // on it again
			fmt.Println(e.Content, "paid:", err)
			return nil
		},
	})
	return nil
}

func (c *cashier) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "orders", Filters: []nostr.Filter{{}}})
	return nil
}

func (c *cashier) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	return c.payments.Put(msg.Event) // never fails here: the relay waits, if it has to
}

// Work for each event: a few at once, none lost, and those of an author in order.
// Under a Harness it is done when the test says so.
func ExampleQueue() {
	const url = "wss://relay.example.com"
	h, err := gennostr.NewHarness(&cashier{}, gennostr.WithRelays(url))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Stop()
	_ = h.Connect(url)
	for i, order := range []string{"tea", "beer"} {
		event := nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(1), order)
		_ = h.Deliver(url, gennostr.EventMessage{SubscriptionID: "orders", Event: event})
	}
	fmt.Printf("%+v\n", h.Client().Stats().Queues)
	fmt.Println(h.Work())
	fmt.Printf("%+v\n", h.Client().Stats().Queues)
	// Output:
	// [{Name:payments Waiting:2 Running:0}]
	// tea paid: <nil>
	// beer paid: not on this card
	// <nil>
	// [{Name:payments Waiting:0 Running:0}]
}

// batcher writes notes three at a time.
type batcher struct {
	gennostr.BaseHandler
	batch    []string
	releases []func()
}

func (b *batcher) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, gennostr.Req{SubscriptionID: "notes", Filters: []nostr.Filter{{}}})
	return nil
}

func (b *batcher) OnEvent(self *gennostr.Self, relay gennostr.Relay, msg gennostr.EventMessage) error {
	b.batch, b.releases = append(b.batch, msg.Event.Content), append(b.releases, self.Hold())
	if len(b.batch) < 3 {
		return nil
	}
	fmt.Println("written:", b.batch)
	for _, release := range b.releases {
		release()
	}
	b.batch, b.releases = nil, nil
	return nil
}

// What a batch has not written yet is held: once the window is full, the relay waits.
func ExampleSelf_Hold() {
	const url = "wss://relay.example.com"
	h, err := gennostr.NewHarness(&batcher{}, gennostr.WithRelays(url))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Stop()
	_ = h.Connect(url)
	for i, word := range []string{"a", "b", "c", "d"} {
		event := nostrtest.TextNoteAt(nostr.Timestamp(1_700_000_000+i), nostrtest.Key(1), word)
		_ = h.Deliver(url, gennostr.EventMessage{SubscriptionID: "notes", Event: event})
		fmt.Println(h.Client().Stats().Holds, "held")
	}
	// Output:
	// 1 held
	// 2 held
	// written: [a b c]
	// 0 held
	// 1 held
}

// A bot whose relay wants to know who it is (NIP-42), driven by hand.
func ExampleWithSigner() {
	const url = "wss://relay.example.com"
	bot := nostrtest.Key(1)
	h, err := gennostr.NewHarness(&batcher{}, gennostr.WithRelays(url), gennostr.WithSigner(bot.Signer()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Stop()
	_ = h.Connect(url)
	h.Sent()
	_ = h.Deliver(url, gennostr.AuthMessage{Challenge: "who are you?"})
	auth := h.Sent()[0].Message.(gennostr.AuthResponse).Event
	fmt.Println(auth.PubKey == bot.PubKey(), auth.Tags)

	_ = h.Deliver(url, gennostr.OKMessage{EventID: auth.ID, Accepted: true})
	relay, _ := h.Client().Relay(url)
	fmt.Println(len(relay.Authenticated))
	// Output:
	// true [[relay wss://relay.example.com] [challenge who are you?]]
	// 1
}

// Several identities: the second one, and only on one relay, when it is needed.
func ExampleWithAuthPolicy() {
	const url, other = "wss://relay.example.com", "wss://other.example.com/"
	bot, alias := nostrtest.Key(1), nostrtest.Key(2)
	h, err := gennostr.NewHarness(&gennostr.BaseHandler{}, gennostr.WithRelays(url, other),
		gennostr.WithSigner(bot.Signer()), gennostr.WithSigner(alias.Signer()),
		gennostr.WithAuthPolicy(func(relay gennostr.Relay, _ gennostr.AuthMessage) gennostr.AuthDecision {
			if relay.URL == other {
				return gennostr.AuthDecision{When: gennostr.AuthWhenNeeded, As: []nostr.PubKey{alias.PubKey()}}
			}
			return gennostr.AuthDecision{As: []nostr.PubKey{bot.PubKey()}}
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Stop()
	for _, u := range []string{url, other} {
		_ = h.Connect(u)
		_ = h.Deliver(u, gennostr.AuthMessage{Challenge: "who are you?"})
	}
	for _, sent := range h.Sent() {
		fmt.Println(sent.URL, sent.Message.(gennostr.AuthResponse).Event.PubKey == bot.PubKey())
	}
	// Output:
	// wss://relay.example.com/ true
}
