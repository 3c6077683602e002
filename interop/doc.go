// Package interop checks the relay of nostrtest against a client that shares no
// line with it, go-nostr 0.52.3, so that the fake is honest: what a test learns
// from it is true of relays. It is a module of its own, so that go-nostr never
// enters the library's go.mod. Everything stays on the loopback interface.
//
//	cd interop && go test ./...
//
// The tests are left out under the race detector: it finds the races that
// go-nostr has with itself, such as between closing a connection and giving it up
// (L12). For ours the tests of nostrtest are there.
package interop
