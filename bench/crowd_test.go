package main

import (
	"testing"
	"time"
)

func TestTheBusiestTenthOfASecondIsFoundWhereverItBegins(t *testing.T) {
	for name, c := range map[string]struct {
		millis []int
		most   int
	}{
		"no dials":                        {nil, 0},
		"all at once":                     {[]int{5, 5, 5}, 3},
		"spread":                          {[]int{0, 100, 200, 300}, 1},
		"not at a multiple of it":         {[]int{0, 60, 110, 150, 210}, 3},
		"in whatever order they are told": {[]int{900, 40, 120, 950, 80}, 3},
		"before a lull":                   {[]int{10, 20, 30, 500}, 3},
	} {
		var times []time.Time
		for _, ms := range c.millis {
			times = append(times, time.Unix(1_700_000_000, 0).Add(time.Duration(ms)*time.Millisecond))
		}
		if most := busiest(times); most != c.most {
			t.Errorf("%s: %d, want %d", name, most, c.most)
		}
	}
}
