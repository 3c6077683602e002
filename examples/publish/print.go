package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/gennostr/gennostr"
)

// printer prints verdicts in the order of the command line, each as soon as
// those before it are known. Whatever a relay says is made safe here.
type printer struct {
	stdout, stderr io.Writer
	width          int // of the longest URL
	printed        int
}

func newPrinter(stdout, stderr io.Writer, deliveries []*delivery) *printer {
	p := &printer{stdout: stdout, stderr: stderr}
	for _, d := range deliveries {
		p.width = max(p.width, len(d.url))
	}
	return p
}

// verdicts prints what has become known. Whether it can be written changes
// nothing: the event is on its way, and the exit status tells the most of it.
func (p *printer) verdicts(deliveries []*delivery) {
	for ; p.printed < len(deliveries) && deliveries[p.printed].verdict != ""; p.printed++ {
		d := deliveries[p.printed]
		fmt.Fprintf(p.stdout, "%-*s  %s\n", p.width, d.url, safe(d.verdict))
	}
}

func (p *printer) news(format string, args ...any) {
	fmt.Fprintln(p.stderr, safe(fmt.Sprintf(format, args...)))
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
	return strings.TrimPrefix(err.Error(), "gennostr: ")
}

// maxLine bounds what is printed of a text, in characters.
const maxLine = 500

// safe makes a stranger's text fit for one line of a terminal: not too long;
// runs of white space, line ends among them, are one space; what a terminal
// might obey (C0, DEL and C1 controls, and the controls that turn the direction
// of writing) is spelled out, as \x1b or \u202e.
func safe(text string) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) {
			gap = n > 0
			continue
		}
		if n++; n > maxLine {
			b.WriteString(" …")
			break
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r) // bytes that are not UTF-8 have become U+FFFD
		}
	}
	return b.String()
}
