package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gennostr/gennostr"
)

// verdict is what a line says of a relay.
func verdict(o gennostr.Outcome, timeout time.Duration) string {
	switch {
	case o.Verdict.Has():
		return "accepted" + detail(" (%s)", o.Message)
	case o.Verdict == gennostr.Superseded:
		return "superseded: it has a newer version" + detail(" (%s)", o.Message)
	case o.Verdict == gennostr.Refused:
		return "rejected" + detail(": %s", o.Message) + explained(o)
	case errors.Is(o.Err, gennostr.ErrClientClosed) && o.Tries == 0: // Ctrl-C, or -atleast
		return "unreachable: no connection before the end"
	case errors.Is(o.Err, gennostr.ErrClientClosed):
		return "no answer before the end"
	case o.Err == gennostr.ErrNotConnected && o.Tries == 0: // no dial has failed, nor come to an end
		return fmt.Sprintf("unreachable: no connection within %v", timeout)
	case o.Err != nil && !errors.Is(o.Err, gennostr.ErrNotConnected) && errors.Is(o.Err, context.DeadlineExceeded):
		if o.Tries == 0 { // it was about to be
			return fmt.Sprintf("not sent within %v", timeout)
		}
		return fmt.Sprintf("no answer within %v", timeout)
	case o.Tries == 0:
		return "unreachable: " + why(o.Err)
	}
	return "connection lost before the answer: " + why(o.Err)
}

// explained is what the relay has not said itself of a refusal.
func explained(o gennostr.Outcome) string {
	var (
		limit *gennostr.LimitError
		clock *gennostr.ClockError
		auth  *gennostr.AuthError
		parts string
	)
	if errors.As(o.Err, &limit) {
		parts += fmt.Sprintf(": not sent, for it states a %s of %d, and the event has %d", limit.Limit, limit.Bound, limit.Value)
	}
	if errors.As(o.Err, &auth) {
		return fmt.Sprintf(" (%s)", why(auth.Err))
	}
	if errors.As(o.Err, &clock) {
		how := "ahead of"
		if clock.Ahead < 0 {
			how = "behind"
		}
		parts += fmt.Sprintf(" (this machine's clock is %v %s the relay's)", clock.Ahead.Abs().Round(time.Minute), how)
	}
	return parts
}

// detail is the relay's own words where there are any.
func detail(format, text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(format, text)
}

// why is the reason in short: the relay's URL is on the line already.
func why(err error) string {
	var dial *gennostr.DialError
	var request *url.Error
	switch {
	case errors.As(err, &dial) && dial.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", dial.Status, http.StatusText(dial.Status)))
	case errors.As(err, &dial) && errors.As(err, &request): // what lies under the URL
		err = request.Err
	case errors.As(err, &dial):
		err = dial.Err
	}
	text := strings.ReplaceAll(err.Error(), "gennostr: ", "")
	return strings.TrimPrefix(text, "relay not connected: ") // which the line says already
}
