package verify_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/verify"
)

func TestNobodyYieldsWhileItCostsTimeSlices(t *testing.T) {
	var c verify.Courtesy
	now, cost, yields := time.Duration(0), time.Duration(0), 0
	offer := func(times int) int {
		yields = 0
		for range times {
			c.Yield(func() time.Duration { return now }, func() { yields++; now += cost })
			now += time.Microsecond
		}
		return yields
	}
	cost = 100 * time.Microsecond
	assert.Equal(t, 1000, offer(1000), "cheap")
	cost = 10 * time.Millisecond
	assert.Equal(t, 1, offer(1000), "one finds out")
	now += 900 * time.Millisecond
	assert.Zero(t, offer(1000))
	now += 100 * time.Millisecond
	assert.Equal(t, 1, offer(1000), "another finds out that nothing has changed")
	now += time.Second
	cost = 0
	assert.Equal(t, 1000, offer(1000), "and that it has")
}
