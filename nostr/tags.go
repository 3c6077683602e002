package nostr

import "iter"

// A Tag is a list of strings. The first one is its key, the second its value.
type Tag []string

// Key is the tag's first string, "" if there is none.
func (t Tag) Key() string { return t.at(0) }

// Value is the tag's second string, "" if there is none.
func (t Tag) Value() string { return t.at(1) }

func (t Tag) at(i int) string {
	if i < len(t) {
		return t[i]
	}
	return ""
}

// Tags are the tags of an event, in their order.
type Tags []Tag

// Find returns the first tag with that key, nil if there is none. Tags that have
// a key and no value are found too.
func (tags Tags) Find(key string) Tag {
	for _, t := range tags {
		if len(t) > 0 && t[0] == key {
			return t
		}
	}
	return nil
}

// FindAll yields the tags with that key, in their order.
func (tags Tags) FindAll(key string) iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		for _, t := range tags {
			if len(t) > 0 && t[0] == key && !yield(t) {
				return
			}
		}
	}
}

// FindWithValue returns the first tag with that key and that value, nil if there is none.
func (tags Tags) FindWithValue(key, value string) Tag {
	for _, t := range tags {
		if len(t) > 1 && t[0] == key && t[1] == value {
			return t
		}
	}
	return nil
}

// Has reports whether there is a tag with that key.
func (tags Tags) Has(key string) bool { return tags.Find(key) != nil }

// GetD returns the value of the first "d" tag, "" if there is none: the identifier
// of an addressable event (NIP-01).
func (tags Tags) GetD() string { return tags.Find("d").Value() }

// PubKeys yields the public keys that are values of the tags with that key, mostly "p", in
// their order and as often as they stand there. Values that are none are passed over: a
// follow list of a stranger has some.
func (tags Tags) PubKeys(key string) iter.Seq[PubKey] { return values(tags, key, PubKeyFromHex) }

// IDs yields the event IDs that are values of the tags with that key, mostly "e" or "q",
// as [Tags.PubKeys] does.
func (tags Tags) IDs(key string) iter.Seq[ID] { return values(tags, key, IDFromHex) }

// Addresses yields the addresses that are values of the tags with that key, mostly "a",
// as [Tags.PubKeys] does.
func (tags Tags) Addresses(key string) iter.Seq[Address] { return values(tags, key, ParseAddress) }

func values[T any](tags Tags, key string, parse func(string) (T, error)) iter.Seq[T] {
	return func(yield func(T) bool) {
		for t := range tags.FindAll(key) {
			if v, err := parse(t.Value()); err == nil && !yield(v) {
				return
			}
		}
	}
}

// Clone copies the tags and the lists in them, so that changes to one do not show in the other.
func (tags Tags) Clone() Tags {
	if tags == nil {
		return nil
	}
	size := 0
	for _, t := range tags {
		size += len(t)
	}
	out, list := make(Tags, len(tags)), make([]string, 0, size)
	for i, t := range tags {
		if t != nil {
			start := len(list)
			list = append(list, t...)
			out[i] = list[start:len(list):len(list)] // an append to one does not run into the next
		}
	}
	return out
}
