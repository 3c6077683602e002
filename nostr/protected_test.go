package nostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/nostr"
)

func TestP61ProtectedEventsCarryTheDash(t *testing.T) {
	for _, tags := range []nostr.Tags{{{"-"}}, {{"t", "x"}, {"-"}}, {nostr.ProtectedTag()}, {{"-", "extra"}}} {
		assert.True(t, (&nostr.Event{Tags: tags}).IsProtected(), tags)
	}
	for _, tags := range []nostr.Tags{nil, {}, {{}}, {{"t", "-"}}, {{"--"}}, {{"\u2212"}}} {
		assert.False(t, (&nostr.Event{Tags: tags}).IsProtected(), tags)
	}
	assert.Equal(t, nostr.Tag{"-"}, nostr.ProtectedTag())
}
