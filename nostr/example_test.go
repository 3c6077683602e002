package nostr_test

import (
	"errors"
	"fmt"

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
