//go:build !libsecp256k1

package main

const theirVerifier = "btcec"
