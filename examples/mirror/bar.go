package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar is the progress bar, where there is a terminal to show it on.
type bar struct {
	shown *progressbar.ProgressBar
	total int
}

func newBar(stderr io.Writer) *bar {
	out := io.Discard
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		out = stderr
	}
	return &bar{shown: progressbar.NewOptions(1, // it grows
		progressbar.OptionSetWriter(out), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
		progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth(),
	)}
}

// say shows what is being done.
func (b *bar) say(what string) { b.shown.Describe(what) }

// tick shows that something goes on.
func (b *bar) tick() { _ = b.shown.RenderBlank() }

// more says that there are so many events more to deal with.
func (b *bar) more(n int) {
	if n > 0 {
		b.total += n
		b.shown.ChangeMax(b.total + 1) // it is not at its end before end
	}
}

// add says that so many events are dealt with.
func (b *bar) add(n int) { _ = b.shown.Add(n) }

// end clears the line.
func (b *bar) end() { _ = b.shown.Clear() }
