// Package nip25 reads and makes reactions: likes, dislikes, emoji (NIP-25).
//
//	reaction, err := nip25.Parse(ev)     // of kind 7, or 17 for what is not on Nostr
//	if reaction.Value == nip25.Like { likes[reaction.Target.ID]++ }
//
//	ev := nip25.New(note, "wss://relay.example.com", "+")
//
// # How reactions are read
//
// Content that is exactly "+", or empty, is a like, exactly "-" a dislike; an emoji is neither,
// however friendly. The last "e" tag with an event ID is the target, the last "p" tag with a key
// its author: clients that copy the tags of a note before their own put theirs last. A reaction
// of kind 7 without a target is refused, since NIP-25 demands one; one that lacks "p" is not.
//
// The "a" tag must be the target's own address, says NIP-25. The last one counts that is of the
// author and the kind that are told, and others are passed over: who likes an answer to an article
// and copies its tags does not like the article. Whether event ID and address belong
// together only the event itself shows ([nostr.Event.Address]).
//
// A content ":name:" is a custom emoji if an "emoji" tag has that name and a web address for
// it, and plain text otherwise. Other schemes than http and https are no web addresses: whoever
// shows the picture does not want to run it.
//
// # What is left out
//
// Nothing keeps somebody from reacting a hundred times, or to what does not exist. Counting
// each author once, and whether text that is no emoji is a reaction, is for the caller.
//
// # Coming from nostr-tools
//
// finishReactionEvent is [New], getReactedEventPointer is Reaction.Target.
package nip25

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gennostr/gennostr/internal/refs"
	"github.com/gennostr/gennostr/nostr"
)

var (
	// ErrKind is in the error of [Parse] when the event is no reaction.
	ErrKind = errors.New("nip25: not a reaction")

	// ErrNoTarget is in the error of [Parse] when the event does not say what it reacts to.
	ErrNoTarget = errors.New("nip25: a reaction to nothing")

	// ErrEmoji is in the error of [NewCustom] when a custom emoji has no proper name or address.
	ErrEmoji = errors.New("nip25: bad custom emoji")
)

// A Value is what a reaction says.
type Value int

const (
	Other   Value = iota // an emoji or a text
	Like                 // "+" or nothing
	Dislike              // "-"
	Custom               // a custom emoji (NIP-30)
)

// String returns the value's name, for logs.
func (v Value) String() string {
	switch v {
	case Other:
		return "other"
	case Like:
		return "like"
	case Dislike:
		return "dislike"
	case Custom:
		return "custom emoji"
	}
	return "Value(" + strconv.Itoa(int(v)) + ")"
}

// A Reaction is what a reaction says, and of what.
type Reaction struct {
	Target   nostr.EventRef // zero if the target is not on Nostr; Author is zero if nothing tells
	Address  string         // "kind:pubkey:d" of the target, of Author and Kind if they are told; "" if it is not said to have one
	Kind     string         // of the target, by the first "k" tag: a number, of kind 17 a word (NIP-73); "" if not told
	External []External     // of kind 17: what is reacted to, the narrower the later

	Value     Value
	Content   string // as it stands
	Shortcode string // name of a Custom emoji, without colons
	URL       string // of a Custom emoji's picture, http or https: a stranger's choice
}

// An External is something that is not on Nostr (NIP-73).
type External struct {
	Kind string // "web", "podcast:guid", …; "" if not told
	ID   string // such as a web address
	Hint string // address of a page about it, "" if there is none
}

// Parse reads a reaction. It fails with [ErrKind] and [ErrNoTarget].
func Parse(e *nostr.Event) (Reaction, error) {
	r := Reaction{Content: e.Content, Kind: e.Tags.Find("k").Value()}
	switch e.Kind {
	case nostr.KindReaction:
		if _, ok := refs.Kind(r.Kind); !ok {
			r.Kind = ""
		}
		if !r.findTarget(e) {
			return Reaction{}, fmt.Errorf("%w: no e tag with an event ID", ErrNoTarget)
		}
	case nostr.KindReactionToWebsite:
		if r.External = externals(e); r.External == nil {
			return Reaction{}, fmt.Errorf("%w: no i tag", ErrNoTarget)
		}
	default:
		return Reaction{}, fmt.Errorf("%w: kind %d, want %d or %d", ErrKind, e.Kind, nostr.KindReaction, nostr.KindReactionToWebsite)
	}
	r.readContent(e)
	return r, nil
}

func (r *Reaction) findTarget(e *nostr.Event) (found bool) {
	for t := range e.Tags.FindAll("e") {
		if ref, ok := nostr.EventRefOf(t); ok {
			r.Target, found = ref, true
		}
	}
	for t := range e.Tags.FindAll("p") {
		if pk, err := nostr.PubKeyFromHex(t.Value()); err == nil {
			r.Target.Author = pk
		}
	}
	r.findAddress(e)
	return found
}

// findAddress takes the last "a" tag that can be another name of the target.
func (r *Reaction) findAddress(e *nostr.Event) {
	for t := range e.Tags.FindAll("a") {
		kind, author, ok := refs.Address(t.Value())
		switch {
		case !ok:
		case !r.Target.Author.IsZero() && author != r.Target.Author:
		case r.Kind != "" && r.Kind != strconv.Itoa(int(kind)):
		default:
			r.Address = t.Value()
		}
	}
}

// externals pairs the first "i" tag with the first "k" tag, and so on.
func externals(e *nostr.Event) (list []External) {
	var kinds []string
	for t := range e.Tags.FindAll("k") {
		kinds = append(kinds, t.Value())
	}
	for t := range e.Tags.FindAll("i") {
		if t.Value() == "" {
			continue
		}
		x := External{ID: t.Value(), Hint: refs.Third(t)}
		if n := len(list); n < len(kinds) {
			x.Kind = kinds[n]
		}
		list = append(list, x)
	}
	return list
}

func (r *Reaction) readContent(e *nostr.Event) {
	switch e.Content {
	case "", "+":
		r.Value = Like
		return
	case "-":
		r.Value = Dislike
		return
	}
	name, ok := shortcode(e.Content)
	if !ok {
		return
	}
	for t := range e.Tags.FindAll("emoji") {
		if picture := refs.Third(t); t.Value() == name && isWeb(picture) {
			r.Value, r.Shortcode, r.URL = Custom, name, picture
			return
		}
	}
}

// shortcode returns the name between the colons of ":name:", and there are no other colons.
func shortcode(content string) (string, bool) {
	name, ok := strings.CutPrefix(content, ":")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, ":")
	return name, ok && name != "" && !strings.ContainsAny(name, ": \t\r\n")
}

func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// New returns a reaction to an event, to be signed. relayHint is the URL of a relay that has the
// event, "" if none is known; content is "+" for a like, "-" for a dislike, or an emoji.
func New(target *nostr.Event, relayHint, content string) nostr.Event {
	hint := nostr.RelayHint(relayHint)
	ref := nostr.EventRef{ID: target.ID, Relay: hint, Author: target.PubKey}
	tags := nostr.Tags{ref.Tag("e"), refs.Hinted(hint, "p", target.PubKey.String()), {"k", strconv.Itoa(int(target.Kind))}}
	if address := target.Address(); address != "" {
		tags = append(tags, refs.Hinted(hint, "a", address))
	}
	return nostr.Event{Kind: nostr.KindReaction, Content: content, Tags: tags}
}

// NewCustom returns a reaction with a custom emoji (NIP-30), to be signed. The shortcode, without
// colons, is of letters, digits, hyphens and underscores; the picture is at an http or https URL.
// Anything else is [ErrEmoji].
func NewCustom(target *nostr.Event, relayHint, shortcode, pictureURL string) (nostr.Event, error) {
	switch {
	case shortcode == "" || strings.ContainsFunc(shortcode, notWord):
		return nostr.Event{}, fmt.Errorf("%w: want a shortcode of letters, digits, hyphens and underscores", ErrEmoji)
	case !isWeb(pictureURL):
		return nostr.Event{}, fmt.Errorf("%w: want an http or https URL", ErrEmoji)
	}
	e := New(target, relayHint, ":"+shortcode+":")
	e.Tags = append(e.Tags, nostr.Tag{"emoji", shortcode, pictureURL})
	return e, nil
}

// NewExternal returns a reaction of kind 17 to something that is not on Nostr, to be signed: a
// web page is of the kind "web" (NIP-73).
func NewExternal(target External, content string) nostr.Event {
	return nostr.Event{Kind: nostr.KindReactionToWebsite, Content: content, Tags: nostr.Tags{
		{"k", target.Kind}, refs.Hinted(target.Hint, "i", target.ID),
	}}
}

const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func notWord(r rune) bool { return !strings.ContainsRune(word, r) }
