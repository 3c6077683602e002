package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// profiles is a network with two relays that have profiles, and a client of both.
func profiles() (*gennostr.Client, func()) {
	network := nostrtest.StartNetwork()
	for i, url := range []string{"wss://a.example", "wss://b.example"} {
		relay := network.NewRelay(url)
		for n := range 3 - i {
			relay.Publish(nostrtest.EventAt(nostr.Timestamp(1_700_000_000+n), nostrtest.Key(n), 0, fmt.Sprintf(`{"name":"%d"}`, n)))
		}
	}
	client, err := gennostr.Start(context.Background(), nil, gennostr.WithRelays("wss://a.example", "wss://b.example"),
		gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		panic(err)
	}
	return client, func() {
		_ = client.Stop(context.Background())
		network.Close()
	}
}

// The profiles of some authors, and what each relay had of them.
func ExampleClient_Fetch() {
	client, end := profiles()
	defer end()
	authors := []nostr.PubKey{nostrtest.PubKey(0), nostrtest.PubKey(1), nostrtest.PubKey(2)}
	report, err := client.Fetch(context.Background(), []nostr.Filter{nostr.Filter{}.WithKinds(0).WithAuthors(authors...)})
	if err != nil {
		fmt.Println(err) // the report has what came all the same
	}
	for _, profile := range report.Events {
		fmt.Println(profile.Content)
	}
	for _, relay := range report.Relays {
		fmt.Println(relay)
	}
	// Output:
	// {"name":"2"}
	// {"name":"1"}
	// {"name":"0"}
	// wss://a.example/: 3 events, all
	// wss://b.example/: 2 events, all
}

// Not to be found is not the same as not answered.
func ExampleClient_FetchOne() {
	client, end := profiles()
	defer end()
	_, err := client.FetchOne(context.Background(), nostr.Filter{}.WithKinds(0).WithAuthors(nostrtest.PubKey(9)))
	fmt.Println(errors.Is(err, gennostr.ErrNotFound))
	_, err = client.FetchOne(context.Background(), nostr.Filter{}.WithKinds(0).WithAuthors(nostrtest.PubKey(9)),
		gennostr.On("wss://a.example", "wss://nobody.invalid"))
	fmt.Println(errors.Is(err, gennostr.ErrNotFound))
	// Output:
	// true
	// false
}

// Events as they come, until that is enough.
func ExampleClient_Query() {
	client, end := profiles()
	defer end()
	names := 0
	for _, err := range client.Query(context.Background(), []nostr.Filter{nostr.Filter{}.WithKinds(0)}, gennostr.AllPages()) {
		if err != nil {
			fmt.Println(err)
			break
		}
		if names++; names == 2 {
			break // closes what is open
		}
	}
	fmt.Println(names)
	// Output: 2
}

// How many, without having them sent (NIP-45).
func ExampleClient_Count() {
	client, end := profiles()
	defer end()
	report, err := client.Count(context.Background(), []nostr.Filter{nostr.Filter{}.WithKinds(0)})
	if err != nil {
		fmt.Println(err)
	}
	for _, relay := range report.Relays {
		n, known := relay.Sum()
		fmt.Println(relay.URL, n, known)
	}
	// Output:
	// wss://a.example/ 3 true
	// wss://b.example/ 2 true
}
