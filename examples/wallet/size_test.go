//go:build !race

package main

const (
	demoRequests = 300
	orders       = 30 // of what may happen to a wallet
)
