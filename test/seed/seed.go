// Package seed is imported, for its effect, by tests with rapid. They are the same in
// every run then, and fewer under the race detector: a gate is red for what a change has
// broken, and never by luck. With
//
//	go test ./internal/query -rapid.seed=0 -rapid.checks=100000
//
// they look further, each time elsewhere; what they find there becomes a test.
package seed

import (
	"flag"

	"pgregory.net/rapid"
)

var _ *rapid.T // whose flags are there before this package begins

func init() {
	for name, value := range map[string]string{"seed": "20261127", "checks": checks} {
		if err := flag.Set("rapid."+name, value); err != nil { // the command line is read later, and may say otherwise
			panic(err)
		}
	}
}
