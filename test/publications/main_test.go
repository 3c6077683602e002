// Package publications_test tests what becomes of publications, against a model: whatever
// links, relays and those who publish do, in any order.
package publications_test

import (
	"flag"
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

// The default run is the same each time, and short. For more:
//
//	go test ./test/publications -rapid.checks=5000 -rapid.seed=0
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "300", "rapid.nofailfile": "true", "rapid.shrinktime": "5s"} {
		if err := flag.Set(name, value); err != nil { // before the command line is read, which may say otherwise
			panic(err)
		}
	}
	kit.Main(m)
}
