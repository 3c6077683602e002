package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/thejerf/suture/v4"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// supervise is all that a program needs: a factory, a service, a supervisor.
func supervise(url string, key nostr.SecretKey, say func(who, format string, args ...any), ready chan<- int) *suture.Supervisor {
	started := 0
	bot := gennostr.Service(
		func() gennostr.Handler { // one start at a time, so no lock
			started++
			return &Bot{key: key, number: started, say: say, ready: ready}
		},
		gennostr.WithName("counting bot"),
		gennostr.WithRelays(url),
		gennostr.WithStopError(suture.ErrDoNotRestart),     // a bot that has stopped by itself stays stopped
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // the supervisor's hook tells of crashes
	)
	supervisor := suture.New("supervisor", suture.Spec{EventHook: func(e suture.Event) {
		if end, ok := e.(suture.EventServiceTerminate); ok {
			say("supervisor", "%s has ended: %v; restarting: %v", end.ServiceName, end.Err, end.Restarting)
			return
		}
		say("supervisor", "%v", e)
	}})
	supervisor.Add(bot)
	return supervisor
}

// demo gives commands to the bot, the crash among them.
func demo(ctx context.Context, say func(who, format string, args ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("the demo took longer than 15 seconds"))
	defer cancel()
	relay, err := nostrtest.StartRelay()
	if err != nil {
		return err
	}
	defer relay.Close()

	key, ready := nostr.GenerateSecretKey(), make(chan int, 16)
	supervising, stop := context.WithCancel(ctx)
	ended := supervise(relay.URL(), key, say, ready).ServeBackground(supervising)
	defer func() { stop(); <-ended }()

	visitor := &visitor{relay: relay, key: nostr.GenerateSecretKey(), bot: key.PubKey(), say: say}
	if err := listening(ctx, ready, 1); err != nil {
		return err
	}
	for want := range 3 {
		if err := visitor.ask(ctx, "count", fmt.Sprint(want+1)); err != nil {
			return err
		}
	}
	if err := visitor.tell("crash"); err != nil {
		return err
	}
	if err := listening(ctx, ready, 2); err != nil {
		return err
	}
	if err := visitor.ask(ctx, "count", "1"); err != nil { // fresh state
		return err
	}
	if err := visitor.tell("stop"); err != nil {
		return err
	}
	if err := relay.WaitConnections(ctx, 0); err != nil {
		return err
	}
	say("demo", "the bot is gone, and stays so")
	return nil
}

// listening waits until that bot listens.
func listening(ctx context.Context, ready <-chan int, want int) error {
	for {
		select {
		case number := <-ready:
			if number == want {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// visitor gives commands. It hands them to the relay directly: this program is about the bot.
type visitor struct {
	relay *nostrtest.Relay
	key   nostr.SecretKey
	bot   nostr.PubKey
	said  int
	say   func(who, format string, args ...any)
}

func (v *visitor) tell(text string) error {
	_, err := v.publish(text)
	return err
}

func (v *visitor) publish(text string) (*nostr.Event, error) {
	v.said++ // in a tag, for two commands of one second would be the same event
	command := &nostr.Event{Kind: nostr.KindTextNote, Content: text, Tags: nostr.Tags{
		{"p", v.bot.String()}, {"n", fmt.Sprint(v.said)},
	}}
	if err := command.Sign(v.key); err != nil {
		return nil, err
	}
	v.say("visitor", "says %q", text)
	v.relay.Publish(command)
	return command, nil
}

// ask gives a command and waits for the answer.
func (v *visitor) ask(ctx context.Context, text, want string) error {
	command, err := v.publish(text)
	if err != nil {
		return err
	}
	answer, err := v.relay.WaitEvent(ctx, nostr.Filter{}.WithAuthors(v.bot).WithTag("e", command.ID.String()))
	if err != nil {
		return err
	}
	v.say("visitor", "gets %q", answer.Content)
	if answer.Content != want {
		return fmt.Errorf("the bot answered %q, want %q", answer.Content, want)
	}
	return nil
}
