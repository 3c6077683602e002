package main

import (
	"fmt"
	"time"

	"github.com/gennostr/gennostr"
)

// What the counter understands.
type (
	Add   int      // a cast: nobody waits
	Value struct{} // a call: answered with an int
	tick  struct{} // an info: the counter to itself
)

// Counter counts. Its fields are its state; one callback runs at a time, so they need no lock.
type Counter struct {
	gennostr.BaseHandler
	n, ticks int
	say      func(who, format string, args ...any)
}

// Init has to be quick, for Start waits for it. What may take longer is left to HandleContinue.
func (c *Counter) Init(self *gennostr.Self) error {
	self.Continue("open")
	return nil
}

// HandleContinue runs before anything that is waiting already.
func (c *Counter) HandleContinue(self *gennostr.Self, arg any) error {
	c.say("counter", "open: the first number is 100")
	c.n = 100
	return nil
}

func (c *Counter) HandleCast(self *gennostr.Self, request any) error {
	c.n += int(request.(Add))
	self.SendAfter(50*time.Millisecond, tick{})
	return nil
}

func (c *Counter) HandleCall(self *gennostr.Self, from gennostr.From, request any) error {
	if _, ok := request.(Value); ok {
		return from.Reply(c.n)
	}
	return fmt.Errorf("the counter knows no %T", request) // the caller's error; the counter lives
}

func (c *Counter) HandleInfo(self *gennostr.Self, msg any) error {
	switch msg.(type) {
	case tick:
		c.ticks++
		c.say("counter", "tick %d", c.ticks)
		self.SetTimeout(200 * time.Millisecond) // cleared by whatever comes before
	case gennostr.Timeout:
		c.say("counter", "nothing for 200 ms: closing")
		return gennostr.ErrStop
	}
	return nil
}

func (c *Counter) Terminate(self *gennostr.Self, reason error) {
	c.say("counter", "closed at %d (%v)", c.n, reason)
}
