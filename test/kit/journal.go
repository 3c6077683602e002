package kit

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"

	"github.com/gennostr/gennostr"
)

// Journal collects what a client logs.
type Journal struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// Option makes a client log into the journal, the debug level included.
func (j *Journal) Option() gennostr.Option {
	return gennostr.WithLogger(slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// Lines returns the lines of the given level, "DEBUG", "WARN" or "ERROR".
func (j *Journal) Lines(level string) (list []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.buf.String()) {
		if strings.Contains(line, "level="+level+" ") {
			list = append(list, line)
		}
	}
	return list
}

// WriterFunc is an io.Writer of one function.
type WriterFunc func([]byte) (int, error)

func (f WriterFunc) Write(p []byte) (int, error) { return f(p) }
