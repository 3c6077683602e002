package kit

import (
	"time"

	"github.com/gennostr/gennostr"
)

// Bot is a recorder with every optional behaviour. Its Terminate notes the reason.
type Bot struct{ Recorder }

// Asked is what a HandleCall notes: who asked, and what.
type Asked struct {
	From    gennostr.From
	Request any
}

// NewBot is a Bot whose On is the given function; nil notes and says nothing.
func NewBot(on func(self *gennostr.Self, n Note) error) *Bot {
	return &Bot{Recorder{On: on}}
}
func (b *Bot) Init(s *gennostr.Self) error { return b.Note(s, "Init", gennostr.Relay{}, nil) }
func (b *Bot) HandleCall(s *gennostr.Self, from gennostr.From, request any) error {
	return b.Note(s, "HandleCall", gennostr.Relay{}, Asked{from, request})
}
func (b *Bot) HandleCast(s *gennostr.Self, request any) error {
	return b.Note(s, "HandleCast", gennostr.Relay{}, request)
}
func (b *Bot) HandleContinue(s *gennostr.Self, arg any) error {
	return b.Note(s, "HandleContinue", gennostr.Relay{}, arg)
}

// Sleeper replies to a Call with its request after as long as it says.
func Sleeper(_ *gennostr.Self, n Note) error {
	if call, ok := n.Msg.(Asked); ok {
		time.Sleep(call.Request.(time.Duration))
		return call.From.Reply(call.Request)
	}
	return nil
}

// Counting asks for everything and calls Event for each event that comes, without
// noting it: for tests in which they are many.
type Counting struct {
	*Recorder
	Event func()
}

func (c *Counting) OnConnect(self *gennostr.Self, relay gennostr.Relay) error {
	self.Send(relay.URL, Everything("all"))
	return nil
}

func (c *Counting) OnEvent(*gennostr.Self, gennostr.Relay, gennostr.EventMessage) error {
	c.Event()
	return nil
}
