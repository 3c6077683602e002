// Package interop holds the library against implementations that share no line with it.
//
// The relay of nostrtest, so that the fake is honest: what a test learns from it is true of
// relays. Clients are served by it: go-nostr 0.52.3, and through node nostr-tools, rx-nostr
// and NDK, which publish, subscribe, fetch, count, authenticate and come back after a
// restart, and exchange events and private messages with our client across it. And relays
// are asked the same as it: khatru 0.19.1 over eventstore 0.17.8, 60 filters drawn from real
// events and whatever the profile Slicestore claims of that relay, and khatru's newer line,
// a part of fiatjaf.com/nostr, what KhatruNext claims.
//
// The whole client, against those relays, the newer line over two stores: it publishes,
// queries in pages, counts, authenticates, reconciles, and keeps a subscription through
// restarts.
//
// The package is a module of its own, so that none of them ever enters the library's go.mod.
// Everything stays on the loopback interface.
//
//	cd interop && go test ./...
//
// The real events are looked for beside the checkout, in ../../shared/data; where they are
// not, that test is skipped. The clients of node need node 20.19 and npm, which installs what
// node/package-lock.json lists into node/node_modules, once and without running any of its
// scripts; where there is no node or no registry, those tests are skipped. Two packages
// that NDK lists and does not load, an editor for web pages and a highlighter for code, are
// overridden with a small one that is there anyway: they are two thirds of the bytes, and not
// all of it is free software. To change a version, in node:
//
//	npm install --save-exact --ignore-scripts --omit-lockfile-registry-resolved nostr-tools@2.25.2
//
// The tests are left out under the race detector: it finds the races that
// go-nostr has with itself, such as between closing a connection and giving it up,
// and those of slicestore, which saves events without its lock. For ours the tests of
// nostrtest are there.
package interop
