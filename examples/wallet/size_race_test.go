//go:build race

package main

// These are small: signatures take twenty times as long under the race detector.
const (
	demoRequests = 60
	orders       = 4
)
