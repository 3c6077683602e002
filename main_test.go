package gennostr_test

import (
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }
