package nip17

import (
	"context"
	"fmt"
	"slices"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip59"
)

// A Message is a chat message (kind 14) or, if it has a File, a file message (kind 15). To
// make one, set To and Content or File, and what else is to be said.
type Message struct {
	ID        nostr.ID        // of the rumor: what replies refer to, and what tells repetitions. Set when read
	From      nostr.PubKey    // its author, proven. Set when read
	To        []nostr.PubKey  // everybody else it is for: its "p" tags
	CreatedAt nostr.Timestamp // when its author says it was written; zero is now, to whoever makes one

	Content string   // plain text; of a file message it is the File's URL and need not be set
	Subject string   // a new name for the room, "" to leave the one it has
	ReplyTo nostr.ID // the message that this one replies to, zero if to none
	File    *File    // nil for a chat message

	// Tags are all others, such as "q" for what is cited and "emoji". None of them may be one
	// that the fields above stand for.
	Tags nostr.Tags
}

// Room is who takes part: From and To.
func (m *Message) Room() Room {
	people := slices.Clone(m.To)
	if !m.From.IsZero() {
		people = append(people, m.From)
	}
	return NewRoom(people...)
}

// Reply returns a chat message to m's whole room that replies to m.
func (m *Message) Reply(text string) Message {
	return Message{To: m.Room().Members(), Content: text, ReplyTo: m.ID}
}

// Rumor returns the message as an unsigned event of author's. author is left out of the "p"
// tags, unless there is nobody else: a note to oneself. It fails with [ErrInvalid].
func (m *Message) Rumor(author nostr.PubKey) (*nostr.Event, error) {
	if !m.From.IsZero() && m.From != author {
		return nil, fmt.Errorf("%w: from %s, not from %s", ErrInvalid, m.From, author)
	}
	if len(m.To) == 0 {
		return nil, fmt.Errorf("%w: to nobody", ErrInvalid)
	}
	e := &nostr.Event{PubKey: author, CreatedAt: m.CreatedAt, Kind: nostr.KindDirectMessage, Tags: nostr.Tags{}, Content: m.Content}
	for _, pk := range m.receivers(author) {
		e.Tags = append(e.Tags, nostr.Tag{"p", pk.String()})
	}
	reply := nostr.Tag{"e", m.ReplyTo.String()}
	if m.File != nil {
		e.Kind, e.Content = nostr.KindFileMessage, m.File.URL
		reply = append(reply, "", "reply")
	}
	if !m.ReplyTo.IsZero() {
		e.Tags = append(e.Tags, reply)
	}
	if m.Subject != "" {
		e.Tags = append(e.Tags, nostr.Tag{"subject", m.Subject})
	}
	if m.File != nil {
		if m.Content != "" && m.Content != m.File.URL {
			return nil, fmt.Errorf("%w: a file message has no text", ErrInvalid)
		}
		tags, err := m.File.tags()
		if err != nil {
			return nil, err
		}
		e.Tags = append(e.Tags, tags...)
	}
	for _, tag := range m.Tags {
		if isOwn(e.Kind, tag.Key()) {
			return nil, fmt.Errorf("%w: a tag %q, for which there is a field", ErrInvalid, tag.Key())
		}
		e.Tags = append(e.Tags, slices.Clone(tag))
	}
	rumor, err := nip59.NewRumor(e, author)
	if err != nil {
		return nil, fmt.Errorf("nip17: %w", err)
	}
	return rumor, nil
}

// receivers are m's in their order, each once, author only if there is nobody else.
func (m *Message) receivers(author nostr.PubKey) []nostr.PubKey {
	var people []nostr.PubKey
	seen := map[nostr.PubKey]bool{author: true}
	for _, pk := range m.To {
		if !seen[pk] {
			seen[pk] = true
			people = append(people, pk)
		}
	}
	if len(people) == 0 {
		return []nostr.PubKey{author}
	}
	return people
}

func isOwn(kind nostr.Kind, key string) bool {
	return key == "p" || key == "e" || key == "subject" || kind == nostr.KindFileMessage && slices.Contains(fileTags, key)
}

// ParseMessage reads a rumor of nip59.GiftUnwrap. It fails with [ErrOtherKind] or [ErrInvalid].
func ParseMessage(rumor *nostr.Event) (*Message, error) {
	if rumor.Kind != nostr.KindDirectMessage && rumor.Kind != nostr.KindFileMessage {
		return nil, fmt.Errorf("%w: kind %d, want 14 or 15", ErrOtherKind, rumor.Kind)
	}
	to, err := receivers(rumor)
	if err != nil {
		return nil, err
	}
	m := &Message{
		ID: rumor.ID, From: rumor.PubKey, CreatedAt: rumor.CreatedAt,
		Content: rumor.Content, Subject: rumor.Tags.Find("subject").Value(),
	}
	if m.To = to; len(to) > 0 { // who writes to themselves may name nobody
		m.To = m.receivers(m.From)
	}
	if _, reply, ok := rumor.Thread(); ok {
		m.ReplyTo = reply.ID
	}
	if rumor.Kind == nostr.KindFileMessage {
		if m.File, err = parseFile(rumor); err != nil {
			return nil, err
		}
	}
	for _, tag := range rumor.Tags {
		if !isOwn(rumor.Kind, tag.Key()) {
			m.Tags = append(m.Tags, tag)
		}
	}
	return m, nil
}

// Open takes a message out of a gift wrap: nip59.GiftUnwrap, with all its checks and
// errors, and [ParseMessage]. The same message may come in several wraps: its ID tells.
func Open(ctx context.Context, cipher nostr.Cipher, wrap *nostr.Event, opts ...nip59.UnwrapOption) (*Message, error) {
	rumor, err := nip59.GiftUnwrap(ctx, cipher, wrap, opts...)
	if err != nil {
		return nil, err
	}
	return ParseMessage(rumor)
}
