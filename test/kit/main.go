package kit

import (
	"log/slog"
	"testing"

	"github.com/gennostr/gennostr/test/leaks"
)

// Main is what a suite's TestMain calls: the default logger is silent, since
// problems are what most tests are about, and no goroutine outlives the tests.
func Main(m *testing.M) {
	slog.SetDefault(Silent)
	leaks.Main(m)
}
