package nip77_test

import (
	"crypto/sha256"
	"fmt"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// note is what a store knows of a text: a date, and an id that is made of both.
func note(createdAt nostr.Timestamp, text string) (nostr.Timestamp, nostr.ID) {
	return createdAt, sha256.Sum256(fmt.Append(nil, createdAt, text))
}

// A bot and a relay find out what each of them lacks. What goes from one to the other here in
// two variables goes into NEG-OPEN and NEG-MSG in a program.
func Example() {
	var mine, theirs nip77.Builder
	texts := make(map[nostr.ID]string)
	add := func(text string, at nostr.Timestamp, stores ...*nip77.Builder) {
		createdAt, id := note(at, text)
		texts[id] = text
		for _, store := range stores {
			if err := store.Add(createdAt, id); err != nil {
				fmt.Println(err)
			}
		}
	}
	for i := range 1000 {
		add(fmt.Sprint("an old note ", i), nostr.Timestamp(1_700_000_000+60*i), &mine, &theirs)
	}
	add("written offline", 1_700_000_007, &mine)
	add("somebody's answer", 1_700_020_000, &theirs)

	client, err := nip77.NewClient(mine.Build(), 60_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	relay, err := nip77.NewServer(theirs.Build(), 60_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	sent := 0
	for message := client.Initiate(); message != nil; {
		answer, err := relay.Reconcile(message)
		if err != nil {
			fmt.Println(err)
			return
		}
		sent += len(message) + len(answer)
		message, err = client.Reconcile(answer,
			func(id nostr.ID) { fmt.Println("to be sent:", texts[id]) },
			func(id nostr.ID) { fmt.Println("to be asked for:", texts[id]) })
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("less than all ids:", sent < 1000*32/5)
	// Output:
	// to be sent: written offline
	// to be asked for: somebody's answer
	// less than all ids: true
}

// A store that is new needs all that the other has, in frames of the other's choice.
func ExampleClient_Reconcile() {
	var theirs nip77.Builder
	for i := range 5000 {
		if err := theirs.Add(note(nostr.Timestamp(1_700_000_000+i), "a note")); err != nil {
			fmt.Println(err)
		}
	}
	relay, err := nip77.NewServer(theirs.Build(), 60_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := nip77.NewClient(&nip77.Set{}, 60_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	needed, rounds := 0, 0
	for message := client.Initiate(); message != nil; rounds++ {
		answer, err := relay.Reconcile(message)
		if err != nil {
			fmt.Println(err)
			return
		}
		if message, err = client.Reconcile(answer, nil, func(nostr.ID) { needed++ }); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(needed, "events in", rounds, "rounds")
	// Output:
	// 5000 events in 3 rounds
}
