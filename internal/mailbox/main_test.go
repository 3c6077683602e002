package mailbox_test

import (
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second
