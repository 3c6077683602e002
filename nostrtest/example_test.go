package nostrtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/coder/websocket"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// A bot is tested from the outside: wait until it listens, publish what it is
// to answer, wait for its answer. In a test NewRelay(t) takes the place of
// StartRelay and Close.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	relay, err := nostrtest.StartRelay()
	if err != nil {
		log.Fatal(err)
	}
	defer relay.Close()
	go echoBot(ctx, relay.URL())

	if _, err := relay.WaitRequest(ctx, nil); err != nil {
		log.Fatal(err)
	}
	question := nostrtest.TextNote(nostrtest.Key(1), "is anybody there?")
	relay.Publish(question)
	answer, err := relay.WaitEvent(ctx, nostr.Filter{}.WithTag("e", question.ID.String()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Content)
	// Output: you said: is anybody there?
}

// echoBot answers every note of others. It is bare so that the example needs
// nothing but a websocket.
func echoBot(ctx context.Context, url string) {
	key := nostrtest.Key(2)
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer ws.CloseNow()
	_ = ws.Write(ctx, websocket.MessageText, []byte(`["REQ","notes",{"kinds":[1],"limit":0}]`))
	for {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return
		}
		var parts []json.RawMessage
		var heard nostr.Event
		if json.Unmarshal(frame, &parts) != nil || len(parts) != 3 || json.Unmarshal(parts[2], &heard) != nil {
			continue // EOSE, OK
		}
		if heard.PubKey != key.PubKey() {
			answer := nostrtest.TextNote(key, "you said: "+heard.Content, nostr.Tag{"e", heard.ID.String()})
			_ = ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `["EVENT",%s]`, answer))
		}
	}
}

// An outage in memory: the relay's host stops answering while the connection
// stays open, which only a ping finds out.
func ExampleNetwork_Partition() {
	network := nostrtest.StartNetwork()
	defer network.Close()
	relay := network.NewRelay("wss://a.example")

	ctx := context.Background()
	ws, _, err := websocket.Dial(ctx, relay.URL(), &websocket.DialOptions{HTTPClient: network.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	defer ws.CloseNow()
	ws.CloseRead(ctx) // hears pongs

	fmt.Println("before:", ws.Ping(ctx))
	network.Partition(relay.URL())
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err = ws.Ping(short)
	fmt.Println("partitioned:", err != nil)
	fmt.Println("connections:", len(relay.Connections()))
	// Output:
	// before: <nil>
	// partitioned: true
	// connections: 1
}
