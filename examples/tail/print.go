package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/examples/internal/cli"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
)

// maxText bounds the text of an event on a readable line, in characters.
const maxText = 500

// jsonLine is the event exactly as it was signed, and a line feed: meant for
// programs. Escape and the other C0 controls are \u escapes in JSON, but DEL, C1
// and the controls of writing direction stand in it as they are.
func jsonLine(ev *nostr.Event, _ gennostr.Phase) []byte { return append(ev.AppendJSON(nil), '\n') }

// readableLine is the event in short: when, how it has come (stored, live, or resumed
// after an outage), what kind, by whom, and its text, none of which can do anything
// to a terminal.
func readableLine(ev *nostr.Event, phase gennostr.Phase) []byte {
	author := nip19.EncodePubKey(ev.PubKey)
	author = author[:12] + "…" + author[len(author)-4:]
	text := cli.Safe(ev.Content, maxText)
	if text == "" {
		text = fmt.Sprintf("(no text, %d tags)", len(ev.Tags))
	}
	return fmt.Appendf(nil, "%s  %-7s  kind %d  %s  %s\n", clock(ev.CreatedAt), phase, ev.Kind, author, text)
}

// clock is the local time. The date is a claim of the author's: one that no
// calendar has is shown as the number it is.
func clock(at nostr.Timestamp) string {
	if at < 0 || at > maxSince {
		return "@" + strconv.FormatInt(int64(at), 10)
	}
	return at.Time().Local().Format("2006-01-02 15:04:05")
}

// why is the reason in short: the relay's URL is on the line already.
func why(err error) string {
	var dial *gennostr.DialError
	var request *url.Error
	var unsent *gennostr.SendError
	switch {
	case errors.As(err, &dial) && dial.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", dial.Status, http.StatusText(dial.Status)))
	case errors.As(err, &dial) && errors.As(err, &request): // what lies under the URL
		err = request.Err
	case errors.As(err, &dial):
		err = dial.Err
	case errors.As(err, &unsent):
		err = fmt.Errorf("not sent: %w", unsent.Err)
	}
	return strings.TrimPrefix(err.Error(), "gennostr: ")
}
