package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// newBar is the progress of a step, in authors whose lists were asked for. It is shown only
// where standard error is a terminal.
func newBar(stderr io.Writer, authors int) *progressbar.ProgressBar {
	out := io.Discard
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		out = stderr
	}
	return progressbar.NewOptions(authors,
		progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionSetDescription("authors"),
		progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth(),
	)
}
