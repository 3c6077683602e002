// Package interop checks the relay of nostrtest against implementations that share no
// line with it, so that the fake is honest: what a test learns from it is true of
// relays. A client, go-nostr 0.52.3, is served by it; a relay, khatru 0.19.1 over
// eventstore 0.17.8, is asked the same as it: 60 filters drawn from real events, and
// whatever the profile Slicestore claims of that relay. And it runs the whole client against
// that relay: it publishes, queries, counts, authenticates, reconciles, and keeps a
// subscription through restarts. The package is a module of its own,
// so that none of them ever enters the library's go.mod. Everything stays on the
// loopback interface.
//
//	cd interop && go test ./...
//
// The real events are looked for beside the checkout, in ../../shared/data; where they are
// not, that test is skipped.
//
// The tests are left out under the race detector: it finds the races that
// go-nostr has with itself, such as between closing a connection and giving it up,
// and those of slicestore, which saves events without its lock. For ours the tests of
// nostrtest are there.
package interop
