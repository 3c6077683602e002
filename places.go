package gennostr

import (
	"errors"
	"slices"
	"time"
)

// Subscriptions for whose guests there was no room (WithMaxGuests): they wait for it, since it may
// have been a crowd of the moment. All of this runs on the supervisor's goroutine.

// placesEvery is how often it is looked whether there is room: not at once when a guest goes, so
// that it does not come to be who asks at the right moment.
const placesEvery = 5 * time.Second

// placeless is a subscription that waits for room for one of its guests.
type placeless struct {
	sub *subscription
	url string
}

// awaitPlace has a subscription wait, and lets it know.
func (s *supervisor) awaitPlace(sub *subscription, url string, err error) {
	s.places = append(s.places, placeless{sub, url})
	key := laterKey{places: true}
	at, set := s.later.At(key)
	if !set {
		at = s.client.now().Add(placesEvery)
		s.later.Set(key, at)
	}
	l := sub.legOn(url, nil)
	l.setUnserved(SubscriptionRetrying, err)
	relay := Relay{URL: url, Address: sub.cfg.written[url], Guest: true}
	s.news(l, nil, relay, SubscriptionChange{State: SubscriptionRetrying, Message: err.Error(), Err: err, RetryAt: at})
}

// seekPlaces lets in who has waited for longest, as far as there is room. A relay that has come
// for others takes none.
func (s *supervisor) seekPlaces() {
	full := false
	s.places = slices.DeleteFunc(s.places, func(p placeless) bool {
		if full && s.relays[p.url] == nil {
			return false
		}
		e, err := s.engage(p.url, p.sub.cfg.written[p.url], p.sub)
		if errors.Is(err, ErrTooManyGuests) {
			full = true
			return false
		}
		if err == nil {
			s.join(e, p.sub)
			s.ask(e)
		}
		return true
	})
	if len(s.places) > 0 {
		s.later.Set(laterKey{places: true}, s.client.now().Add(placesEvery))
	}
}

// forgetPlaces is for a subscription that has ended.
func (s *supervisor) forgetPlaces(sub *subscription) {
	s.places = slices.DeleteFunc(s.places, func(p placeless) bool { return p.sub == sub })
	if len(s.places) == 0 {
		s.later.Cancel(laterKey{places: true})
	}
}

// awaitsPlace tells whether a subscription may yet get one of its relays.
func (s *supervisor) awaitsPlace(sub *subscription) bool {
	return slices.ContainsFunc(s.places, func(p placeless) bool { return p.sub == sub })
}
