package kit

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"
)

// Main is what a suite's TestMain calls: the default logger is silent, since
// problems are what most tests are about, and no goroutine outlives the tests.
func Main(m *testing.M) {
	slog.SetDefault(Silent)
	goleak.VerifyTestMain(patient{m})
}

// patient looks for some seconds whether the goroutines have ended, and not for half a
// second, before it is found that one has not.
type patient struct{ *testing.M }

func (p patient) Run() (code int) {
	code = p.M.Run()
	for range 9 {
		if code != 0 || goleak.Find() == nil {
			break
		}
	}
	return code
}
