//go:build libsecp256k1

package main

// With the build tag libsecp256k1 and cgo, go-nostr verifies with the C library of
// that name, which it brings along.
const theirVerifier = "libsecp256k1"
