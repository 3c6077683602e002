// Package leaks is the gate of goleak with more patience: it finds that a goroutine is left
// when it is so for some seconds, and not for half a second, which a busy machine may take to
// end one. It imports nothing of the library, whose own tests use it.
package leaks

import (
	"testing"

	"go.uber.org/goleak"
)

// looks is how often goleak looks before it is believed; each takes nearly half a second.
const looks = 10

// Main is what a package's TestMain calls: no goroutine outlives its tests.
func Main(m *testing.M) { goleak.VerifyTestMain(patient{m}) }

// Find is goleak.Find: the error tells what is left.
func Find(options ...goleak.Option) (err error) {
	for range looks {
		if err = goleak.Find(options...); err == nil {
			break
		}
	}
	return err
}

// patient waits until the goroutines of the tests have ended, before goleak looks.
type patient struct{ *testing.M }

func (p patient) Run() (code int) {
	if code = p.M.Run(); code == 0 {
		_ = Find() // goleak looks once more, and tells of it
	}
	return code
}
