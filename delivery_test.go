package gennostr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
)

// A REQ that brings more than anybody asks for ends the page that a query has open there; but not before the events
// have been counted that came first and are being verified: what is dated later than the oldest of the page is not asked for again.
func TestAPageIsCutInTheOrderOfArrival(t *testing.T) {
	dealtWith, cut := gennostr.CopiesOfAMixedREQ(3, 10, false)
	assert.Equal(t, 3, dealtWith, "the others wait their turn")
	assert.False(t, cut)
	dealtWith, cut = gennostr.CopiesOfAMixedREQ(3, 10, true)
	assert.Equal(t, 10, dealtWith)
	assert.True(t, cut)
}
