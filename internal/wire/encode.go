package wire

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/gennostr/gennostr/nostr"
)

// MaxSubscriptionID is how many characters a subscription id may have (NIP-01, P12).
const MaxSubscriptionID = 64

// EncodeClient returns the frame of a message that may be sent: subscription ids are
// held to [ValidateSubscriptionID], filters to [nostr.Filter.Validate], events to
// [nostr.Event.Validate]. Of the filters of a Req or CountReq those that match nothing
// are left out; if none is left, or the one of a NegOpen is of that kind, the error is
// [ErrMatchesNothing] (P18). An Auth has to have the shape of P39, and such an event is
// not published (P45). Values and filters that are repeated are sent once (Q02). An Unknown is
// sent if its Raw is one. Errors are *EncodeError.
func EncodeClient(m ClientMessage) ([]byte, error) {
	var field string
	var err error
	switch msg := m.(type) {
	case Publish:
		field, err = "event", checkPublish(msg.Event)
	case Auth:
		field, err = "event", checkAuth(msg.Event)
	case Req:
		if msg.Filters, field, err = checkRequest(msg.SubscriptionID, msg.Filters); err == nil {
			return msg.AppendJSON(make([]byte, 0, sizeHint(msg))), nil
		}
	case CountReq:
		if msg.Filters, field, err = checkRequest(msg.SubscriptionID, msg.Filters); err == nil {
			return msg.AppendJSON(make([]byte, 0, sizeHint(msg))), nil
		}
	case NegOpen:
		field, err = checkNegOpen(msg)
		msg.Filter = withoutRepeats(msg.Filter)
		m = msg
	case Close:
		field, err = fieldID, ValidateSubscriptionID(msg.SubscriptionID)
	case NegMsg:
		field, err = fieldID, ValidateSubscriptionID(msg.SubscriptionID)
	case NegClose:
		field, err = fieldID, ValidateSubscriptionID(msg.SubscriptionID)
	case Unknown:
		field, err = "raw", checkUnknown(msg)
	default:
		return nil, &EncodeError{Verb: "?", Err: fmt.Errorf("%T is no message from a client", m)}
	}
	if err != nil {
		return nil, &EncodeError{Verb: presentable(m.Verb()), Field: field, Err: err}
	}
	return m.AppendJSON(make([]byte, 0, sizeHint(m))), nil
}

// sizeHint guesses the length of a frame, rather too long: most need no second allocation.
func sizeHint(m ClientMessage) int {
	var ev *nostr.Event
	switch m := m.(type) {
	case Publish:
		ev = m.Event
	case Auth:
		ev = m.Event
	case NegMsg:
		return 128 + 2*len(m.Payload)
	case NegOpen:
		return 512 + 2*len(m.Payload)
	case Req:
		return 128 + filtersHint(m.Filters)
	case CountReq:
		return 128 + filtersHint(m.Filters)
	default:
		return 256
	}
	size := 448 + len(ev.Content)
	for _, tag := range ev.Tags {
		for _, s := range tag {
			size += len(s) + 4
		}
	}
	return size
}

func filtersHint(filters []nostr.Filter) (size int) {
	for i := range filters {
		f := &filters[i]
		size += 128 + 67*(len(f.IDs)+len(f.Authors)) + 6*len(f.Kinds) + len(f.Search)
		for _, values := range f.Tags {
			size += 8
			for _, v := range values {
				size += len(v) + 3
			}
		}
	}
	return size
}

// ValidateSubscriptionID returns nil for an id that may be sent (NIP-01, P12): 1 to 64
// characters of valid UTF-8 and no control characters. Otherwise the error wraps
// [ErrSubscriptionID]. strfry takes printable ASCII without quotes and backslashes only.
func ValidateSubscriptionID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: empty", ErrSubscriptionID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w: not UTF-8", ErrSubscriptionID)
	}
	n := 0
	for _, r := range id {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: control character %U", ErrSubscriptionID, r)
		}
		n++
	}
	if n > MaxSubscriptionID {
		return fmt.Errorf("%w: %d characters, at most %d", ErrSubscriptionID, n, MaxSubscriptionID)
	}
	return nil
}

func checkEvent(ev *nostr.Event) error {
	switch {
	case ev == nil:
		return ErrNilEvent
	case ev.ID.IsZero() || ev.Sig == nostr.Sig{}:
		return ErrUnsigned
	}
	return ev.Validate()
}

func checkPublish(ev *nostr.Event) error {
	if err := checkEvent(ev); err != nil {
		return err
	}
	if ev.Kind == nostr.KindClientAuthentication {
		return ErrAuthPublished
	}
	return nil
}

func checkAuth(ev *nostr.Event) error {
	if err := checkEvent(ev); err != nil {
		return err
	}
	if ev.Kind != nostr.KindClientAuthentication {
		return fmt.Errorf("%w: kind %d, want %d", ErrNotAuth, ev.Kind, nostr.KindClientAuthentication)
	}
	for _, key := range []string{"relay", "challenge"} {
		if !ev.Tags.Has(key) {
			return fmt.Errorf("%w: no %s tag", ErrNotAuth, key)
		}
	}
	return nil
}

// checkRequest returns the filters that are worth sending, and the field at fault.
func checkRequest(id string, filters []nostr.Filter) (send []nostr.Filter, field string, err error) {
	if err := ValidateSubscriptionID(id); err != nil {
		return nil, fieldID, err
	}
	switch {
	case len(filters) == 0:
		return nil, "", ErrNoFilter
	case len(filters) > MaxFilters:
		return nil, "", fmt.Errorf("%w: %d, at most %d", ErrTooManyFilters, len(filters), MaxFilters)
	}
	send = make([]nostr.Filter, 0, len(filters))
	for i, f := range filters {
		if err := f.Validate(); err != nil {
			return nil, "filters[" + strconv.Itoa(i) + "]", err
		}
		if !f.MatchesNothing() {
			send = append(send, withoutRepeats(f))
		}
	}
	if len(send) == 0 {
		return nil, "", ErrMatchesNothing
	}
	return uniqueFilters(send), "", nil
}

func checkNegOpen(m NegOpen) (field string, err error) {
	if err := ValidateSubscriptionID(m.SubscriptionID); err != nil {
		return fieldID, err
	}
	if err := m.Filter.Validate(); err != nil {
		return "filter", err
	}
	if m.Filter.MatchesNothing() {
		return "filter", ErrMatchesNothing
	}
	return "", nil
}

func checkUnknown(m Unknown) error {
	parsed, err := ParseClient(m.AppendJSON(nil))
	if err != nil {
		return err
	}
	if u, ok := parsed.(Unknown); !ok || u.Name != m.Name {
		return errors.New("its verb is not the message's")
	}
	return nil
}
