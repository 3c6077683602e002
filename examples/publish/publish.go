package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
)

// errNoneAccepted: everything was done, and no relay has the event.
var errNoneAccepted = errors.New("no relay has accepted the event")

// goodbye is how long the end may take, after Ctrl-C say: for half of it relays may
// still answer what they were sent.
const goodbye = 500 * time.Millisecond

// publish returns when every relay's verdict has been printed, or as many as -atleast
// says have the event, or ctx has ended. more is how else to reach the relays.
func publish(ctx context.Context, opts options, event *nostr.Event, stdout, stderr io.Writer, more ...gennostr.Option) error {
	if ctx.Err() != nil {
		return errors.New("interrupted before the event was sent")
	}
	// The client lives a little longer than ctx: what has been sent still gets its answer.
	client, err := gennostr.Start(context.WithoutCancel(ctx), &news{out: stderr}, append(more,
		gennostr.WithRelays(opts.relays...),
		gennostr.WithSigner(opts.key.Signer()), // it has signed the event: who we are is no secret
		gennostr.WithShutdownTimeout(goodbye),
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), // verdicts and news tell everything already
	)...)
	if err != nil {
		return err
	}
	defer client.Stop(context.WithoutCancel(ctx))
	how := []gennostr.PublishOption{gennostr.GiveUpAfter(opts.timeout)}
	if opts.atLeast > 0 {
		how = append(how, gennostr.AtLeast(opts.atLeast))
	}
	publication, err := client.StartPublish(event, how...)
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	go func() { // ends when enough is known, or with ctx; joined below
		defer close(stopped)
		_, _ = publication.Wait(ctx)
		_ = client.Stop(context.WithoutCancel(ctx)) // and each relay has a verdict
	}()
	width := 0
	for _, relay := range client.Relays() {
		width = max(width, len(relay.URL))
	}
	for o := range publication.Outcomes() {
		// Whether it can be written changes nothing: the exit status tells the most of it.
		_, _ = fmt.Fprintf(stdout, "%-*s  %s\n", width, o.URL, cli.Safe(verdict(o, opts.timeout), cli.MaxLine))
	}
	<-stopped
	report, err := publication.Wait(ctx)
	switch n := report.Count(); {
	case err == nil:
		return nil
	case n > 0:
		return fmt.Errorf("%d of %d relays have accepted the event, and %d were wanted", n, len(report.Outcomes), opts.atLeast)
	}
	return errNoneAccepted
}

// news is the handler: it tells what goes wrong meanwhile. The event is no business of its.
type news struct {
	gennostr.BaseHandler
	out io.Writer
}

func (n *news) say(format string, args ...any) {
	_, _ = fmt.Fprintln(n.out, cli.Safe(fmt.Sprintf(format, args...), cli.MaxLine))
}

func (n *news) OnNotice(self *gennostr.Self, relay gennostr.Relay, msg gennostr.NoticeMessage) error {
	n.say("%s says: %s", relay.URL, msg.Message)
	return nil
}

// OnDisconnect has nothing to do: the client reconnects by itself, and sends again what
// was not answered.
func (n *news) OnDisconnect(self *gennostr.Self, relay gennostr.Relay, reason error) error {
	n.say("no connection to %s (attempt %d): %s", relay.URL, relay.Attempts, why(reason))
	return nil
}

// OnError gets what else goes wrong. What matters to the event comes with its verdict.
func (n *news) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	if rejected := (*gennostr.RejectError)(nil); errors.As(err, &rejected) {
		n.say("problem with %s: %s", relay.URL, why(err))
	}
	return nil
}
