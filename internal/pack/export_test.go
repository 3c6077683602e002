package pack

import (
	"errors"
	"fmt"
	"slices"
)

// Check looks for what must never be so between two calls.
func (s *Slots[K]) Check() error {
	waits := make(map[*ask[K]]bool)
	for _, a := range s.waiting {
		if waits[a] = true; s.asks[a.Key] != a || a.home != nil {
			return fmt.Errorf("ask %v waits, and is open or not wanted", a.Key)
		}
	}
	seats := make(map[*req[K]]int)
	for key, a := range s.asks {
		switch {
		case a.Key != key, waits[a] != (a.home == nil):
			return fmt.Errorf("ask %v is open nowhere, and does not wait", key)
		case a.next != nil && (a.home == nil || a.next == a.home || a.next != s.moving):
			return fmt.Errorf("ask %v is handed over from nowhere or to nowhere", key)
		}
		seats[a.home]++
		seats[a.next]++
	}
	if s.moving != nil && (s.moving.answered || !slices.Contains(s.reqs, s.moving)) {
		return errors.New("what hands over is over")
	}
	delete(seats, nil)
	for _, r := range s.reqs {
		if r.alive != seats[r] || r.alive == 0 || r.alive != len(r.living()) {
			return fmt.Errorf("REQ %d counts %d, has %d, finds %d", r.number, r.alive, seats[r], len(r.living()))
		}
		delete(seats, r)
	}
	if len(seats) > 0 {
		return errors.New("an ask is in a REQ that is not open")
	}
	return nil
}
