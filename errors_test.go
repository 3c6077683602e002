package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

func TestErrorsReadWellAndUnwrap(t *testing.T) {
	relay := gennostr.Relay{URL: "wss://a.example/"}
	closed := gennostr.ClosedMessage{SubscriptionID: "feed", Message: "error: tired"}
	for text, c := range map[string]struct {
		err   error
		wraps []error
	}{
		"gennostr: OnEvent (wss://a.example/): EOF": {&gennostr.CallbackError{Callback: "OnEvent", Relay: relay, Err: io.EOF}, []error{io.EOF}},
		"gennostr: HandleCast: EOF":                 {&gennostr.CallbackError{Callback: "HandleCast", Err: io.EOF}, []error{io.EOF}},
		"gennostr: panic in OnEvent: EOF":           {&gennostr.PanicError{Where: "OnEvent", Value: io.EOF}, []error{io.EOF}},
		"gennostr: panic in OnEvent: boom":          {&gennostr.PanicError{Where: "OnEvent", Value: "boom"}, nil},
		"gennostr: send to wss://a.example/: relay not connected": {
			&gennostr.SendError{URL: relay.URL, Err: gennostr.ErrNotConnected}, []error{gennostr.ErrNotConnected}},
		"gennostr: dial wss://a.example/: EOF": {&gennostr.DialError{URL: relay.URL, Err: io.EOF}, []error{io.EOF}},
		"gennostr: dial wss://a.example/: 503 Service Unavailable: EOF": {
			&gennostr.DialError{URL: relay.URL, Status: 503, Err: io.EOF}, []error{io.EOF}},
		`gennostr: relay closed the connection: 1008 "policy"`: {&gennostr.CloseError{Code: 1008, Reason: "policy"}, nil},
		`gennostr: relay closed subscription "feed": "error: tired"`: {
			&gennostr.ClosedError{ClosedMessage: closed}, nil},
		"EOF": {&gennostr.RejectError{Reason: gennostr.ErrMalformed, Count: 1, Err: io.EOF}, []error{gennostr.ErrMalformed, io.EOF}},
		"EOF (first of 7)": {
			&gennostr.RejectError{Reason: gennostr.ErrMalformed, Count: 7, Err: io.EOF}, []error{gennostr.ErrMalformed, io.EOF}},
		"gennostr: call: context deadline exceeded (2 messages waiting, no callback running)": {
			&gennostr.CallTimeoutError{Mailbox: 2, Err: context.DeadlineExceeded}, []error{context.DeadlineExceeded}},
		"gennostr: call: context deadline exceeded (2 messages waiting, OnEvent running for 1.235s)": {
			&gennostr.CallTimeoutError{Mailbox: 2, Callback: "OnEvent", Running: 1234567890, Err: context.DeadlineExceeded},
			[]error{context.DeadlineExceeded}},
		"gennostr: stop: OnEvent is still running after 1.235s: context deadline exceeded": {
			&gennostr.ShutdownError{Running: "OnEvent", Since: 1234567890, Err: context.DeadlineExceeded}, []error{context.DeadlineExceeded}},
		`gennostr: name "bot" is taken`: {&gennostr.NameTakenError{Name: "bot"}, nil},
		"gennostr: handler has OnEose(), which would never be called; the callback is OnEOSE() error; " +
			"a method that is meant for something else needs another name, or one that is not exported": {
			&gennostr.HandlerError{Method: "OnEose()", Want: "OnEOSE() error"}, nil},
		"gennostr: stop: EOF": {gennostr.Stop(io.EOF), []error{io.EOF}},
		"gennostr: stop":      {gennostr.Stop(nil), []error{gennostr.ErrStop}},
	} {
		assert.EqualError(t, c.err, text)
		wrapped := fmt.Errorf("outer: %w", c.err)
		for _, target := range c.wraps {
			assert.ErrorIs(t, wrapped, target, text)
		}
		assert.NotErrorIs(t, wrapped, io.ErrUnexpectedEOF, text)
	}
}

func TestErrorsAreFoundByType(t *testing.T) {
	outer := func(err error) error { return fmt.Errorf("outer: %w", err) }
	assert.ErrorAs(t, outer(&gennostr.CallbackError{}), new(*gennostr.CallbackError))
	assert.ErrorAs(t, outer(&gennostr.PanicError{}), new(*gennostr.PanicError))
	assert.ErrorAs(t, outer(&gennostr.SendError{Err: &gennostr.DialError{}}), new(*gennostr.DialError))
	assert.ErrorAs(t, outer(&gennostr.CallbackError{Err: &gennostr.CloseError{}}), new(*gennostr.CloseError))
	assert.ErrorAs(t, outer(&gennostr.RejectError{Err: &gennostr.CallTimeoutError{}}), new(*gennostr.CallTimeoutError))
	assert.ErrorAs(t, gennostr.Stop(&gennostr.NameTakenError{}), new(*gennostr.NameTakenError))
}

func TestForgedTellsForgeriesFromOtherRefusals(t *testing.T) {
	for reason, forged := range map[error]bool{
		nostr.ErrBadID: true, nostr.ErrBadSignature: true,
		gennostr.ErrMalformed: false, gennostr.ErrUnsolicited: false, gennostr.ErrFilterMismatch: false,
	} {
		err := &gennostr.RejectError{Reason: reason, Count: 1, Err: reason}
		assert.Equal(t, forged, err.Forged(), "%v", reason)
	}
}

// What a stopped client says wraps both what it is and why.
func TestClosedClientSaysWhy(t *testing.T) {
	broken := errors.New("broken")
	client := launch(t, newBot(func(_ *gennostr.Self, n note) error {
		if n.Name == "HandleCast" {
			return n.Msg.(error)
		}
		return nil
	}), quietly())
	_ = client.Cast(gennostr.Stop(broken))
	<-client.Done()
	for name, err := range map[string]error{
		"Cast": client.Cast(nil), "AddRelay": client.AddRelay("wss://a.example"), "RemoveRelay": client.RemoveRelay("wss://a.example"),
		"Reconnect": client.Reconnect("wss://a.example"), "Ready": client.Ready(t.Context(), 0),
		"SetRelays": client.SetRelays([]string{"wss://a.example"}),
	} {
		assert.EqualError(t, err, "gennostr: client closed: broken", name)
		assert.ErrorIs(t, err, gennostr.ErrClientClosed, name)
		assert.ErrorIs(t, err, broken, name)
	}
	unsent := client.Send("wss://a.example", gennostr.Close{SubscriptionID: "x"})
	assert.ErrorAs(t, unsent, new(*gennostr.SendError))
	assert.ErrorIs(t, unsent, gennostr.ErrClientClosed)
	assert.ErrorIs(t, unsent, broken)
	assert.ErrorIs(t, client.Broadcast(gennostr.Close{SubscriptionID: "x"}), gennostr.ErrClientClosed, "L04: nothing is sent any more")
	assert.Empty(t, client.Relays())

	// Seen through a Call that failed, the normal end of one client does not end the next.
	var got []error
	next := launch(t, newBot(func(self *gennostr.Self, n note) error {
		switch n.Name {
		case "HandleInfo":
			_, err := client.Call(context.Background(), nil)
			return err
		case "OnError":
			got = append(got, n.Msg.(error))
		}
		return nil
	}))
	_ = next.Notify(nil)
	assert.NoError(t, next.Stop(t.Context()))
	if assert.Len(t, got, 1) {
		assert.ErrorIs(t, got[0], gennostr.ErrClientClosed)
	}
}
