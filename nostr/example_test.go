package nostr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gennostr/gennostr/nostr"
)

func Example_signAndVerify() {
	sk := nostr.GenerateSecretKey()
	ev := nostr.Event{Kind: nostr.KindTextNote, Content: "hello"}
	if err := ev.Sign(sk); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("genuine:", ev.Verify() == nil)

	ev.Content = "something I never said"
	fmt.Println("forged:", errors.Is(ev.Verify(), nostr.ErrBadID))

	fmt.Println("logged:", sk)
	// Output:
	// genuine: true
	// forged: true
	// logged: SecretKey(redacted)
}

func Example_followListOfNobody() {
	follows := func() []nostr.PubKey { return nil } // what a follow list turned out to be

	everything := nostr.Filter{Kinds: []nostr.Kind{nostr.KindTextNote}, Authors: follows()}
	fmt.Println(everything)

	nothing := nostr.Filter{}.WithKinds(nostr.KindTextNote).WithAuthors(follows()...)
	fmt.Println(nothing)
	fmt.Println("worth sending:", !nothing.MatchesNothing())
	// Output:
	// {"kinds":[1]}
	// {"authors":[],"kinds":[1]}
	// worth sending: false
}

func Example_readTags() {
	tags := nostr.Tags{
		{"e", "5c83da77af1dec6d7289834998ad7aafbd9e2191396d75ec3cc27f5a77226f36", "wss://relay.example.com", "root"},
		{"t", "nostr"},
		{"t", "golang"},
	}
	if root := tags.Find("e"); root != nil {
		fmt.Println("answers", root.Value()[:8])
	}
	for tag := range tags.FindAll("t") {
		fmt.Println("topic", tag.Value())
	}
	fmt.Println("about Go or Rust:", tags.ContainsAny("t", []string{"golang", "rust"}))
	fmt.Printf("no such tag: %q\n", tags.Find("d").Value())
	// Output:
	// answers 5c83da77
	// topic nostr
	// topic golang
	// about Go or Rust: true
	// no such tag: ""
}

func ExampleParseEvent() {
	_, _, err := nostr.ParseEvent([]byte(`{"kind":1,"tags":[["t","x"],["p",null]]}`))
	var refused *nostr.ParseError
	if errors.As(err, &refused) {
		fmt.Println(refused.Field, "at", refused.Offset)
	}
	fmt.Println(err)
	// Output:
	// tags[1][1] at 33
	// nostr: event refused: tags[1][1]: expected a string, found null at byte 33
}

func ExampleNormalizeURL() {
	for _, raw := range []string{"WSS://Relay.Example.com:443//inbox/", "wss://bücher.example", "relay.example.com"} {
		fmt.Println(nostr.NormalizeURL(raw))
	}
	// Output:
	// wss://relay.example.com/inbox <nil>
	// wss://xn--bcher-kva.example/ <nil>
	//  nostr: invalid relay URL: missing scheme, want ws:// or wss://
}

func ExampleTags_PubKeys() {
	follows := nostr.Tags{ // as found: what is no key is passed over
		{"p", "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "wss://relay.example.com"},
		{"p", "npub1 (copied from somewhere)"},
		{"p"},
		{"t", "nostr"},
	}
	filter := nostr.Filter{}.WithAuthors(slices.Collect(follows.PubKeys("p"))...)
	fmt.Println(len(filter.Authors), "author")
	// Output: 1 author
}

func ExampleNewAuthEvent() {
	event := nostr.NewAuthEvent("wss://relay.example.com", "challenge", nostr.Now())
	if err := event.Sign(nostr.GenerateSecretKey()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(event.Kind, event.Tags, event.Verify())
	// Output: 22242 [[relay wss://relay.example.com] [challenge challenge]] <nil>
}

func ExampleSecretKey_MarshalJSON() {
	type config struct {
		Relay string
		Key   nostr.SecretKey // read from the file, never written to it
	}
	var c config
	err := json.Unmarshal([]byte(`{"Key":"0000000000000000000000000000000000000000000000000000000000000001"}`), &c)
	fmt.Println(c.Key, err)
	_, err = json.Marshal(c)
	fmt.Println("refused:", errors.Is(err, nostr.ErrNotMarshaled))
	// Output:
	// SecretKey(redacted) <nil>
	// refused: true
}
