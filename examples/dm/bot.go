package main

import (
	"strings"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr/nip17"
)

// answerPrefix is how answers begin. What begins like this is not answered: two
// bots of this kind would talk for ever.
const answerPrefix = "got it: "

// maxQuote bounds what an answer repeats, in bytes.
const maxQuote = 1000

// answer is the whole bot: mail calls it once for each message.
func answer(self *gennostr.Self, m *mail, msg *nip17.Message, relay string) {
	room := msg.Room()
	switch {
	case room.Len() != 2 || !room.Has(m.me):
		// The others are whomever the author has named, and would get an answer unasked.
		m.say(m.name, "passed over a message of %s: %d people are to read it", short(msg.From), room.Len())
		return
	case msg.File != nil:
		m.say(m.name, "passed over a file of %s", short(msg.From))
		return
	case strings.HasPrefix(msg.Content, answerPrefix):
		m.say(m.name, "passed over what another bot has answered: %s", short(msg.From))
		return
	}
	m.say(m.name, "%s writes %.200q", short(msg.From), msg.Content)
	if err := m.send(msg.Reply(answerPrefix+cut(msg.Content, maxQuote)), relay); err != nil {
		m.say(m.name, "not answered: %v", err)
	}
}

// cut shortens a text to at most n bytes, and no character in two.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-len("…")], "") + "…"
}
