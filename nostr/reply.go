package nostr

import "slices"

// An EventRef is what an "e" tag says of the event it refers to (NIP-01, NIP-10).
type EventRef struct {
	ID     ID
	Relay  string // URL of a relay that may have it, "" if there is none. A stranger's word
	Author PubKey // zero if the tag does not tell
}

// EventRefOf reads an "e" tag (NIP-01, NIP-10), or one of the same shape such as "E" (NIP-22)
// and "q" (NIP-18). It returns false unless the tag's value is an event ID. A hint that is no
// relay URL is left out.
func EventRefOf(t Tag) (ref EventRef, ok bool) {
	id, err := IDFromHex(t.at(1))
	if err != nil || id.IsZero() { // no event has that one, and here it would stand for none
		return EventRef{}, false
	}
	ref = EventRef{ID: id, Relay: RelayHint(t.at(2))}
	// The author stands behind the marker (NIP-10), or in its place (NIP-01).
	for _, i := range [...]int{4, 3} {
		if pk, err := PubKeyFromHex(t.at(i)); err == nil {
			ref.Author = pk
			break
		}
	}
	return ref, true
}

// Tag returns [key, id, relay, author], as NIP-01 has "e" tags and NIP-18 and NIP-22 theirs,
// without what is not known at its end. A relay that is no relay URL counts as unknown.
func (r EventRef) Tag(key string) Tag {
	t := Tag{key, r.ID.String()}
	relay := RelayHint(r.Relay)
	if relay != "" || !r.Author.IsZero() {
		t = append(t, relay)
	}
	if !r.Author.IsZero() {
		t = append(t, r.Author.String())
	}
	return t
}

// RelayHint returns a stranger's hint where an event may be found in its own spelling, but for
// white space around it; "" if it is no relay URL (see [NormalizeURL]).
func RelayHint(s string) string {
	s = trimSpace(s)
	if _, err := NormalizeURL(s); err != nil {
		return ""
	}
	return s
}

// The markers of NIP-10.
const (
	markerRoot    = "root"
	markerReply   = "reply"
	markerMention = "mention"
)

// Reply returns the tags of a reply to parent (NIP-10): an "e" tag marked "root" for
// the beginning of the thread; unless that is parent itself, one marked "reply" for
// parent; and a "p" tag for parent's author and for everybody whom parent has one for,
// each once. relayHint is the URL of a relay that has parent, "" if none is known.
//
// Nobody is left out of the "p" tags, also not the author of the reply, whom
// Reply does not know; clients do not notify people of what they write themselves. Tags
// of parent without a public key are dropped, and so are hints that are no relay URLs.
// A stranger's note may tag thousands; whether to answer all of them is the caller's to decide.
//
// NIP-10 is for replies to text notes, of kind 1; for other kinds there is NIP-22, in package
// nip22. What else a note's tags say (who is mentioned and quoted) is read by package nip10.
func Reply(parent *Event, relayHint string) Tags {
	self := EventRef{ID: parent.ID, Relay: RelayHint(relayHint), Author: parent.PubKey}
	var tags Tags
	if root, _, ok := parent.Thread(); ok {
		tags = Tags{root.tag(markerRoot), self.tag(markerReply)}
	} else {
		tags = Tags{self.tag(markerRoot)}
	}
	tags = append(tags, Tag{"p", parent.PubKey.String()})
	told := map[PubKey]bool{parent.PubKey: true}
	for t := range parent.Tags.FindAll("p") {
		pk, err := PubKeyFromHex(t.Value())
		if err != nil || told[pk] {
			continue
		}
		told[pk] = true
		person := Tag{"p", pk.String()}
		if hint := RelayHint(t.at(2)); hint != "" {
			person = append(person, hint)
		}
		tags = append(tags, person)
	}
	return tags
}

func (r EventRef) tag(marker string) Tag {
	t := Tag{"e", r.ID.String(), r.Relay, marker}
	if !r.Author.IsZero() {
		t = append(t, r.Author.String())
	}
	return t
}

// Thread returns the beginning of the thread that the event is in, and the event that it
// replies to; for a reply to the beginning both are the same. It returns false if
// the event replies to none.
//
// It reads the markers of NIP-10, and where there is neither a "root" nor a "reply" among them the
// deprecated positions: the first "e" tag is the root, the last one the reply. A "reply"
// without a "root" is taken for both. Tags without an event ID are ignored, as are those
// marked "mention". In kinds other than text notes "e" tags may mean other things:
// in a reaction, what was liked.
func (e *Event) Thread() (root, reply EventRef, ok bool) {
	var byMarker [2]*EventRef // root, reply
	var byPosition []EventRef
	for t := range e.Tags.FindAll("e") {
		ref, valid := EventRefOf(t)
		if !valid {
			continue
		}
		switch marker := slices.Index([]string{markerRoot, markerReply, markerMention}, t.at(3)); {
		case marker < 0:
			byPosition = append(byPosition, ref)
		case marker < len(byMarker) && byMarker[marker] == nil:
			byMarker[marker] = &ref
		}
	}
	switch r := byMarker; {
	case r[0] != nil && r[1] != nil:
		return *r[0], *r[1], true
	case r[0] != nil:
		return *r[0], *r[0], true
	case r[1] != nil:
		return *r[1], *r[1], true
	case len(byPosition) > 0:
		return byPosition[0], byPosition[len(byPosition)-1], true
	}
	return EventRef{}, EventRef{}, false
}
