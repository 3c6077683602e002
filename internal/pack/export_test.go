package pack

import (
	"errors"
	"fmt"
	"slices"
)

// Check looks for what must never be so between two calls.
func (s *Slots[K]) Check() error {
	alive := make(map[*req[K]]int)
	for key, a := range s.asks {
		waits := slices.Contains(s.waiting, a)
		switch {
		case a.Key != key, waits != (a.home == nil):
			return fmt.Errorf("ask %v waits: %t, and has a home: %t", key, waits, a.home != nil)
		case a.next != nil && (a.home == nil || a.next == a.home || a.next != s.moving):
			return fmt.Errorf("ask %v is handed over from nowhere or to nowhere", key)
		}
		for _, r := range []*req[K]{a.home, a.next} {
			if r == nil {
				continue
			}
			if alive[r]++; !slices.Contains(s.reqs, r) || !slices.Contains(r.living(), a) {
				return fmt.Errorf("ask %v has a place in REQ %d, which has none for it", key, r.number)
			}
		}
	}
	for _, a := range s.waiting {
		if s.asks[a.Key] != a {
			return fmt.Errorf("ask %v waits, and is not wanted", a.Key)
		}
	}
	if s.moving != nil && (s.moving.answered || !slices.Contains(s.reqs, s.moving)) {
		return errors.New("what hands over is over")
	}
	for _, r := range s.reqs {
		if r.alive != alive[r] || r.alive == 0 || r.alive != len(r.living()) {
			return fmt.Errorf("REQ %d counts %d, has %d, finds %d", r.number, r.alive, alive[r], len(r.living()))
		}
	}
	return nil
}
