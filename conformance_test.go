package gennostr_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// row is one behaviour that OTP promises and this library keeps: what the docs
// and comments mean by R01 to R58.
type row struct {
	id      string
	promise string
	test    func(*testing.T)
}

// conformanceRows is the whole table. Its parts stand with their tests.
func conformanceRows() []row {
	return slices.Concat(conformanceStart, conformanceCalls, conformanceCasts, conformanceTimeouts, conformanceMailbox, conformanceStop,
		conformanceRelays, conformanceTasks)
}

// TestConformance has one subtest for each behaviour, named by its id alone.
func TestConformance(t *testing.T) {
	for _, r := range conformanceRows() {
		t.Run(r.id, func(t *testing.T) {
			t.Log(r.promise)
			r.test(t)
		})
	}
}

func TestConformanceTableHasEveryBehaviourOnceAndInOrder(t *testing.T) {
	var want, have []string
	for i := range 58 {
		want = append(want, fmt.Sprintf("R%02d", i+1))
	}
	for _, r := range conformanceRows() {
		have = append(have, r.id)
		assert.NotEmpty(t, r.promise, r.id)
	}
	assert.Equal(t, want, have)
}

// bot is a recorder with every optional behaviour. Its Terminate notes the reason.
type bot struct{ recorder }

// asked is what a HandleCall notes.
type asked struct {
	from    gennostr.From
	request any
}

func newBot(on func(self *gennostr.Self, n note) error) *bot {
	return &bot{recorder{on: on}}
}

func (b *bot) Init(s *gennostr.Self) error { return b.note(s, "Init", gennostr.Relay{}, nil) }
func (b *bot) HandleCall(s *gennostr.Self, from gennostr.From, request any) error {
	return b.note(s, "HandleCall", gennostr.Relay{}, asked{from, request})
}
func (b *bot) HandleCast(s *gennostr.Self, request any) error {
	return b.note(s, "HandleCast", gennostr.Relay{}, request)
}
func (b *bot) HandleContinue(s *gennostr.Self, arg any) error {
	return b.note(s, "HandleContinue", gennostr.Relay{}, arg)
}

// heard lists the notes as "name" or "name message", for comparisons of whole stories.
func (r *recorder) heard() (list []string) {
	for _, n := range r.all() {
		switch m := n.Msg.(type) {
		case nil:
			list = append(list, n.Name)
		case asked:
			list = append(list, fmt.Sprint(n.Name, " ", m.request))
		default:
			list = append(list, fmt.Sprint(n.Name, " ", m))
		}
	}
	return list
}

// bubble runs a test in virtual time, without a network.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// closed tells whether a channel is closed, without waiting.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// within waits for a channel, in real time, as long as no machine is that slow.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		require.FailNow(t, "never came: "+what)
		panic("unreachable")
	}
}

// journal collects what a client logs.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// option makes a client log into the journal, the debug level included.
func (j *journal) option() gennostr.Option {
	return gennostr.WithLogger(slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// lines returns the lines of the given level, "DEBUG", "WARN" or "ERROR".
func (j *journal) lines(level string) (list []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.buf.String()) {
		if strings.Contains(line, "level="+level+" ") {
			list = append(list, line)
		}
	}
	return list
}

// launch starts a client that the test itself brings to its end.
func launch(t testing.TB, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	client, err := gennostr.Start(context.Background(), h, opts...)
	require.NoError(t, err)
	return client
}
