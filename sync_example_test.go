package gennostr_test

import (
	"context"
	"fmt"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
	"github.com/gennostr/gennostr/nostrtest"
)

// What the program has is told by dates and ids; what it lacks comes, and what the relay
// lacks is published there.
func ExampleClient_Sync() {
	client, end := profiles()
	defer end()
	mine := nostrtest.EventAt(1_700_000_009, nostrtest.Key(9), 0, `{"name":"9"}`)
	store := map[nostr.ID]*nostr.Event{mine.ID: mine}
	var have nip77.Builder
	for id, event := range store {
		if err := have.Add(event.CreatedAt, id); err != nil {
			fmt.Println(err)
		}
	}
	report, err := client.Sync(context.Background(), "wss://a.example", nostr.Filter{}.WithKinds(0), have.Build(),
		gennostr.Fetching(func(e *nostr.Event) error { store[e.ID] = e; return nil }),
		gennostr.Pushing(func(_ context.Context, id nostr.ID) (*nostr.Event, error) { return store[id], nil }),
	)
	if err != nil {
		fmt.Println(err) // the report says how far it has come
	}
	fmt.Println(report.Fetched, "fetched,", report.Pushed, "pushed, complete:", report.Complete)
	fmt.Println(len(store), "are here now")
	// Output:
	// 3 fetched, 1 pushed, complete: true
	// 4 are here now
}
