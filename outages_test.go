package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// DESIGN 2: a line for each change of state, not for each dial.
// Shows L36, D08.
func TestDeadRelaysCostALineEachAndOneAnHour(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var relays []*nostrtest.Relay
		var urls []string
		n := kit.Sized(20, 8)
		for i := range n {
			relays = append(relays, network.NewRelay(fmt.Sprintf("wss://%02d.example/", i)))
			urls = append(urls, relays[i].URL())
			relays[i].Stop()
		}
		var log journal
		start(t, nil, log.Option(), gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithRelays(urls...)) // with jitter
		time.Sleep(time.Hour - time.Second)                                                                      // virtual
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), n)
		for _, url := range urls {
			assert.Contains(t, strings.Join(log.Lines("WARN"), ""), `msg="relay away" relay=`+url+` error=`)
		}
		time.Sleep(2 * time.Second) // virtual
		synctest.Wait()
		require.Len(t, log.Lines("WARN"), 2*n)
		assert.Regexp(t, `msg="relay still away" relay=wss://\d\d.example/ away=1h0m0s failures=1[12]\d error=.*connection refused`, log.Lines("WARN")[2*n-1])
		time.Sleep(time.Hour) // virtual
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 3*n)
		assert.Empty(t, log.Lines("INFO"))

		require.NoError(t, relays[7].Restart())
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 3*n)
		require.Len(t, log.Lines("INFO"), 1)
		assert.Regexp(t, `msg="relay back" relay=wss://07.example/ away=2h0m[\d.]+s failures=2\d\d\n`, log.Lines("INFO")[0])
		time.Sleep(3 * time.Hour) // virtual
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 3*n+3*(n-1))
		assert.Len(t, log.Lines("INFO"), 1)
	})
}

// census is a bot with an OnError of its own.
type census struct {
	gennostr.BaseHandler
	failures []int
	others   []error
}

func (c *census) OnError(self *gennostr.Self, relay gennostr.Relay, err error) error {
	var dial *gennostr.DialError
	if errors.As(err, &dial) {
		c.failures = append(c.failures, dial.Failures)
	} else {
		c.others = append(c.others, err)
	}
	return nil
}

func TestAnOnErrorOfOnesOwnSeesEveryDial(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example/")
		relay.Stop()
		var log journal
		bot := &census{}
		client := launch(t, bot, over(network, log.Option(), gennostr.WithRelays(relay.URL()))...)
		time.Sleep(47 * time.Second) // virtual: dials at 0, 0.5, 1.5, 6.5, 16.5 and 46.5 s
		require.NoError(t, relay.Restart())
		time.Sleep(time.Minute) // virtual
		relay.Stop()
		time.Sleep(3 * time.Second) // virtual: dials after 0.5 and 1.5 s
		require.NoError(t, client.Stop(t.Context()))
		assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 1, 2}, bot.failures, "in a row")
		assert.Len(t, bot.others, 1, "the end of the connection")
		assert.Len(t, log.Lines("WARN"), 2, "and the client logs what it logs: gone, and gone again")
		assert.Len(t, log.Lines("INFO"), 1)
	})
}

// A flapping relay is told of a few times an hour; one that announces its ends and
// is back at once is no problem at all.
// Shows D08.
func TestARelayThatComesAndGoesDoesNotFillTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*nostrtest.Relay)
		most int
	}{
		"without a word": {func(r *nostrtest.Relay) { r.DisconnectAll() }, 12},
		"orderly": {func(r *nostrtest.Relay) {
			r.CloseConnection(lastOpen(r), 1001, "")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				relay := network.NewRelay("wss://a.example/")
				var log journal
				client := start(t, nil, over(network, log.Option(), gennostr.WithRelays(relay.URL()))...)
				began := time.Now()
				for time.Since(began) < time.Hour {
					require.NoError(t, client.Ready(t.Context(), 1))
					time.Sleep(40 * time.Second) // virtual
					c.end(relay)
					synctest.Wait()
				}
				assert.LessOrEqual(t, len(log.Lines("WARN"))+len(log.Lines("INFO")), c.most)
				if c.most > 0 {
					assert.GreaterOrEqual(t, len(log.Lines("WARN")), 4)
				}
			})
		})
	}
}

func TestARelayThatIsGivenUpOrTakenAwayIsNoMoreTrouble(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var log journal
		client := start(t, nil, over(network, log.Option())...)
		require.NoError(t, client.AddRelay("wss://gone.example/", gennostr.WithMaxAttempts(3)))
		require.NoError(t, client.AddRelay("wss://removed.example/"))
		require.NoError(t, client.AddRelay("wss://left.example/", gennostr.WithManualReconnect()))
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		require.Len(t, log.Lines("WARN"), 4)
		assert.Contains(t, strings.Join(log.Lines("WARN"), ""), `msg="relay given up" relay=wss://gone.example/ error="gennostr: gave up after 3 dials`)
		require.NoError(t, client.RemoveRelay("wss://removed.example/"))
		time.Sleep(10 * time.Hour) // virtual
		synctest.Wait()
		assert.Len(t, log.Lines("WARN"), 4, "nobody waits for any of them")
	})
}

// stuck is a logger that does not come back.
type stuck struct {
	gate, entered chan struct{}
	lines         *atomic.Int64 // that came
}

func (s stuck) Enabled(context.Context, slog.Level) bool { return true }
func (s stuck) Handle(context.Context, slog.Record) error {
	s.lines.Add(1)
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.gate
	return nil
}
func (s stuck) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s stuck) WithGroup(string) slog.Handler      { return s }

// Shows B21.
func TestAStuckLoggerHoldsUpNobody(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		logger := stuck{make(chan struct{}), make(chan struct{}, 1), new(atomic.Int64)}
		relay := network.NewRelay("wss://a.example/")
		client := start(t, nil, over(network, gennostr.WithLogger(slog.New(logger)))...)
		for i := range 4000 {
			require.NoError(t, client.AddRelay(fmt.Sprintf("wss://dead%d.example/", i), gennostr.WithMaxAttempts(1)))
		}
		<-logger.entered
		require.NoError(t, client.AddRelay(relay.URL()))
		require.NoError(t, client.Ready(t.Context(), 1))
		time.Sleep(time.Hour) // virtual
		assert.Len(t, client.Relays(), 1)
		relay.DisconnectAll()
		synctest.Wait()
		require.NoError(t, client.Ready(t.Context(), 1))
		close(logger.gate)
		synctest.Wait()
		assert.Positive(t, logger.lines.Load())
		assert.LessOrEqual(t, logger.lines.Load(), int64(2*1024+1), "those that waited, those in hand, and how many were dropped")
	})
}

// What waited for a slow logger comes in its order, and what did not fit is counted.
func TestLinesForASlowLoggerComeInTheirOrder(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		gate, entered := make(chan struct{}), make(chan struct{}, 1)
		var log journal
		slow := writerFunc(func(p []byte) (int, error) {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-gate
			return log.Write(p)
		})
		client := start(t, nil, over(network, gennostr.WithLogger(slog.New(slog.NewTextHandler(slow, nil))))...)
		for i := range 1200 {
			require.NoError(t, client.AddRelay(fmt.Sprintf("wss://%04d.example/", i), gennostr.WithMaxAttempts(1)))
			synctest.Wait()
		}
		<-entered
		close(gate)
		synctest.Wait()
		lines := log.Lines("WARN")
		require.Len(t, lines, 1+1024+1)
		for i, line := range lines[:1025] {
			require.Contains(t, line, fmt.Sprintf("relay=wss://%04d.example/", i))
		}
		assert.Contains(t, lines[1025], "count=175")
	})
}

// A relay that sends nothing but garbage is a line when it begins and one a minute,
// and every frame is in one of them.
// Shows D08.
func TestGarbageCostsALineAMinute(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay("wss://a.example/")
		var log journal
		client := start(t, nil, over(network, log.Option(), gennostr.WithRelays(relay.URL()))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		const minutes, each = 30, 600
		for range minutes * each {
			relay.Inject("garbage")
			time.Sleep(time.Minute / each) // virtual
		}
		relay.Inject(`["NOTICE"]`)
		relay.Inject(eventFrame("never asked for", textNotes(1)[0]))
		time.Sleep(2 * time.Minute) // virtual
		relay.Inject("garbage")
		time.Sleep(2 * time.Second) // virtual
		synctest.Wait()
		lines, sum := log.Lines("WARN"), 0
		assert.InDelta(t, minutes+2, len(lines), 1)
		for _, line := range lines {
			if strings.Contains(line, "malformed") {
				n := 0
				_, err := fmt.Sscan(line[strings.Index(line, "count=")+len("count="):], &n)
				require.NoError(t, err)
				sum += n
			}
		}
		assert.Equal(t, minutes*each+2, sum)
		assert.Contains(t, strings.Join(lines, ""), "unsolicited", "another reason is another line, at once")
	})
}

// The names of relays that come and go are not kept for ever, however fast they do.
// Shows B21.
func TestRefusalsOfManyRelaysAreForgotten(t *testing.T) {
	var log journal
	h := byHand(t, nil, log.Option())
	for i := range 5000 {
		problem := &gennostr.RejectError{Reason: gennostr.ErrMalformed, Count: 1, Err: gennostr.ErrMalformed}
		_ = h.Fail(fmt.Sprintf("wss://%d.example/", i), problem)
		if i < 2500 {
			require.NoError(t, h.Advance(time.Minute))
		} // else all within a minute
	}
	assert.Len(t, log.Lines("WARN"), 5000)
	assert.LessOrEqual(t, gennostr.RefusalsLogged(h), 1024)
}
