package nip11

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Parse reads a document. It fails only for data over MaxSize bytes
// (ErrTooLarge) and data that is no JSON object (ErrNotObject). Unknown fields
// are ignored, null is the same as missing, and a field of the wrong shape is
// left out and listed in Problems of [Document]. Nothing of data is kept.
func Parse(data []byte) (Document, error) {
	if len(data) > MaxSize {
		return Document{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != '{' {
		return Document{}, fmt.Errorf("%w: starts with %s", ErrNotObject, opening(data))
	}
	var fields object
	if err := json.Unmarshal(data, &fields); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrNotObject, err)
	}
	var d Document
	r := reader{doc: &d}
	r.document(fields)
	return d, nil
}

type object map[string]json.RawMessage

// reader collects the problems of one document.
type reader struct {
	doc    *Document
	prefix string // of the field names, "limitation." inside that object
}

func (r *reader) document(o object) {
	d := r.doc
	r.text(o, "name", &d.Name)
	r.text(o, "description", &d.Description)
	r.text(o, "banner", &d.Banner)
	r.text(o, "icon", &d.Icon)
	r.text(o, "pubkey", &d.PubKey)
	r.text(o, "self", &d.Self)
	r.text(o, "contact", &d.Contact)
	r.numbers(o, "supported_nips", &d.SupportedNIPs)
	r.text(o, "software", &d.Software)
	r.text(o, "version", &d.Version)
	r.text(o, "terms_of_service", &d.TermsOfService)
	r.text(o, "privacy_policy", &d.PrivacyPolicy)
	r.text(o, "posting_policy", &d.PostingPolicy)
	r.text(o, "payments_url", &d.PaymentsURL)
	r.texts(o, "relay_countries", &d.RelayCountries)
	r.texts(o, "language_tags", &d.LanguageTags)
	r.texts(o, "tags", &d.Tags)
	d.Retention = stated(o, "retention")
	d.Fees = stated(o, "fees")

	raw := stated(o, "limitation")
	if raw == nil {
		return
	}
	var inner object
	if raw[0] != '{' || json.Unmarshal(raw, &inner) != nil {
		r.wrong("limitation", "an object", raw)
		return
	}
	r.prefix = "limitation."
	r.limitation(inner)
}

func (r *reader) limitation(o object) {
	l := &r.doc.Limitation
	r.amount(o, "max_message_length", &l.MaxMessageLength)
	r.amount(o, "max_subscriptions", &l.MaxSubscriptions)
	r.amount(o, "max_filters", &l.MaxFilters)
	r.amount(o, "max_limit", &l.MaxLimit)
	r.amount(o, "default_limit", &l.DefaultLimit)
	r.amount(o, "max_subid_length", &l.MaxSubidLength)
	r.amount(o, "max_event_tags", &l.MaxEventTags)
	r.amount(o, "max_content_length", &l.MaxContentLength)
	r.amount(o, "min_pow_difficulty", &l.MinPowDifficulty)
	r.amount(o, "created_at_lower_limit", &l.CreatedAtLowerLimit)
	r.amount(o, "created_at_upper_limit", &l.CreatedAtUpperLimit)
	r.flag(o, "auth_required", &l.AuthRequired)
	r.flag(o, "payment_required", &l.PaymentRequired)
	r.flag(o, "restricted_writes", &l.RestrictedWrites)
}

// stated returns the value of a field, nil if it is missing or null.
func stated(o object, key string) json.RawMessage {
	raw := o[key]
	if len(raw) == 0 || raw[0] == 'n' {
		return nil
	}
	return raw
}

func (r *reader) text(o object, key string, into *string) {
	raw := stated(o, key)
	if raw == nil {
		return
	}
	if raw[0] != '"' || json.Unmarshal(raw, into) != nil {
		r.wrong(key, "a string", raw)
	}
}

func (r *reader) flag(o object, key string, into *bool) {
	raw := stated(o, key)
	if raw == nil {
		return
	}
	if json.Unmarshal(raw, into) != nil {
		r.wrong(key, "a boolean", raw)
	}
}

func (r *reader) amount(o object, key string, into **int64) {
	raw := stated(o, key)
	if raw == nil {
		return
	}
	n, ok := whole(raw)
	switch {
	case !ok:
		r.wrong(key, "a whole number", raw)
	case n < 0:
		r.problem(key, "negative")
	default:
		*into = &n
	}
}

// elements splits a list; the elements are judged one by one.
func (r *reader) elements(o object, key string) []json.RawMessage {
	raw := stated(o, key)
	if raw == nil {
		return nil
	}
	var list []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		r.wrong(key, "a list", raw)
		return nil
	}
	return list
}

func (r *reader) numbers(o object, key string, into *[]int) {
	for i, raw := range r.elements(o, key) {
		n, ok := whole(raw)
		if !ok || n < 0 || n > math.MaxInt32 {
			r.wrong(key+"["+strconv.Itoa(i)+"]", "the number of a NIP", raw)
			continue
		}
		*into = append(*into, int(n))
	}
}

func (r *reader) texts(o object, key string, into *[]string) {
	for i, raw := range r.elements(o, key) {
		var s string
		if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
			r.wrong(key+"["+strconv.Itoa(i)+"]", "a string", raw)
			continue
		}
		*into = append(*into, s)
	}
}

func (r *reader) wrong(field, want string, have []byte) {
	r.problem(field, "want "+want+", have "+opening(have))
}

func (r *reader) problem(field, what string) {
	if len(r.doc.Problems) < MaxProblems {
		r.doc.Problems = append(r.doc.Problems, r.prefix+field+": "+what)
	}
}

// whole reads a number without a fraction, also where it is written as
// 65536.0 or 1e6, as relays in languages without integers do.
func whole(raw []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	if kind := raw[0]; kind != '-' && (kind < '0' || kind > '9') {
		return 0, false
	}
	const exact = 1 << 53 // beyond it a float64 skips whole numbers
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// opening names the kind of a JSON value by its first byte.
func opening(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch c := raw[0]; {
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a string"
	case c == 't', c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	}
	return "something else"
}
