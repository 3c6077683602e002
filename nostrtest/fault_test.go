package nostrtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

func TestFaultReadsAsTheSentenceThatMakesIt(t *testing.T) {
	for want, fault := range map[string]nostrtest.Fault{
		`NoOK().Nth(2)`:                            nostrtest.NoOK().Nth(2),
		`RefuseHandshake(429, 1m0s).Times(3)`:      nostrtest.RefuseHandshake(429, time.Minute).Times(3),
		`Cut().After("EVENT", "EOSE").From(5)`:     nostrtest.Cut().After("EVENT", "EOSE").From(5),
		`Reset().AfterBytes(9).OnConnection(1, 3)`: nostrtest.Reset().AfterBytes(9).OnConnection(1, 3),
		`Silence().AfterFrames(2).If(…)`:           nostrtest.Silence().AfterFrames(2).If(func(nostrtest.Occasion) bool { return true }),
		`Lose().Of("OK").Every(2)`:                 nostrtest.Lose().Of("OK").Every(2),
		`ForgedEvents().AsWell().EachConnection()`: nostrtest.ForgedEvents().AsWell().EachConnection(),
		`Chaos(7, Cut(), NoOK())`:                  nostrtest.Chaos(7, nostrtest.Cut(), nostrtest.NoOK()),
	} {
		assert.Equal(t, want, fault.String())
	}
}

func TestConditionsCountOccasions(t *testing.T) {
	// Of eight EVENTs on two connections, in turns, the numbers of those that get no OK.
	for _, test := range []struct {
		fault nostrtest.Fault
		want  []int
	}{
		{nostrtest.NoOK().Nth(3), []int{3}},
		{nostrtest.NoOK().From(7), []int{7, 8}},
		{nostrtest.NoOK().Times(2), []int{1, 2}},
		{nostrtest.NoOK().From(3).Times(2), []int{3, 4}},
		{nostrtest.NoOK().Every(3), []int{3, 6}},
		{nostrtest.NoOK().Every(3).Times(1), []int{3}},
		{nostrtest.NoOK().Nth(2).EachConnection(), []int{3, 4}},
		{nostrtest.NoOK().OnConnection(2), []int{2, 4, 6, 8}},
		{nostrtest.NoOK().OnConnection(2).Nth(2), []int{4}},
		{nostrtest.NoOK().On("REQ"), nil},
		{nostrtest.NoOK().On("REQ", "EVENT").Nth(1), []int{1}},
		{nostrtest.NoOK().If(func(o nostrtest.Occasion) bool { return o.Connection == 1 && o.Verb == "EVENT" }).Nth(2), []int{3}},
		{nostrtest.NoOK().If(func(nostrtest.Occasion) bool { return true }).If(func(nostrtest.Occasion) bool { return false }), nil},
	} {
		t.Run(test.fault.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
				clients := []*client{dial(t, network.HTTPClient(), home), dial(t, network.HTTPClient(), home)}
				var without []int
				for i := range 8 {
					if len(clients[i%2].ask("EVENT", note(i+1))) == 0 {
						without = append(without, i+1)
					}
				}
				assert.Equal(t, test.want, without)
			}, nostrtest.WithFaults(test.fault))
		})
	}
}

func TestFaultsAreGivenAndMendedWhileTheRelayRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.send("EVENT", note(1))
		assert.Equal(t, ok(note(1)), c.next())
		one := w.relay.Break(nostrtest.OKSays("one"))
		two := w.relay.Break(nostrtest.TwoOKs(), nostrtest.ShortOK().Nth(2))
		assert.Equal(t, "[OKSays(\"one\") TwoOKs() ShortOK().Nth(2)]", fmt.Sprint(w.relay.Faults()))
		c.send("EVENT", note(2))
		assert.Equal(t, []string{frame("OK", note(2).ID, true, "one"), frame("OK", note(2).ID, true, "one")}, c.nexts(2), "they add up")
		one()
		one()
		c.send("EVENT", note(3))
		short := `["OK","` + note(3).ID.String() + `",true]`
		assert.Equal(t, []string{short, short}, c.nexts(2))
		two()
		c.send("EVENT", note(4))
		assert.Equal(t, ok(note(4)), c.next())
		c.alive()
		w.relay.Break(nostrtest.NoAnswer(), nostrtest.NoPong())
		w.relay.Mend()
		c.alive()
		assert.Empty(t, w.relay.Faults())
	})
}

func TestConditionsWithoutMeaningAreRefused(t *testing.T) {
	relay := nostrtest.NewRelay(t)
	for want, fault := range map[string]nostrtest.Fault{
		`NoOK().AfterBytes(3): Before, After, AfterFrames and AfterBytes are for`: nostrtest.NoOK().AfterBytes(3),
		`NoOK().Before("OK"): Before`:                  nostrtest.NoOK().Before("OK"),
		`ForgedEvents().On("REQ"): On is for`:          nostrtest.ForgedEvents().On("REQ"),
		`Cut().Of("EVENT"): Of is for`:                 nostrtest.Cut().Of("EVENT"),
		`Cut().AsWell(): AsWell is for`:                nostrtest.Cut().AsWell(),
		`Cut().Nth(0): occasions are counted from 1`:   nostrtest.Cut().Nth(0),
		`Cut().Times(0): want at least 1 time`:         nostrtest.Cut().Times(0),
		`RefuseHandshake(99, 0s): want a status`:       nostrtest.RefuseHandshake(99, 0),
		`CloseWith(70000, ""): want a code of 16 bits`: nostrtest.CloseWith(70000, ""),
		`Fragmented(0): want at least 1 byte`:          nostrtest.Fragmented(0),
		`MalformedFrame(Malformation(0)): unknown`:     nostrtest.MalformedFrame(0),
		`OversizedMessage(3): want at least 13 bytes`:  nostrtest.OversizedMessage(3),
		`PageCap(0): want at least 1`:                  nostrtest.PageCap(0),
		`PingEvery(0s): want a period`:                 nostrtest.PingEvery(0),
		`AnswerCap(0): want at least 1`:                nostrtest.AnswerCap(0),
		`SubscriptionCapEOSE(0): want at least 1`:      nostrtest.SubscriptionCapEOSE(0),
		`SubscriptionCapSilence(0): want at least 1`:   nostrtest.SubscriptionCapSilence(0),
		`FilterCap(0): want at least 1`:                nostrtest.FilterCap(0),
		`FirstFilters(0): want at least 1`:             nostrtest.FirstFilters(0),
		`ValueCap(0): want at least 1`:                 nostrtest.ValueCap(0),
		`HideKinds([]): want at least 1`:               nostrtest.HideKinds(),
		`LoseBursts(0, 1s): want at least 1`:           nostrtest.LoseBursts(0, time.Second),
		`LoseBursts(1, 0s): want a period`:             nostrtest.LoseBursts(1, 0),
		`ReadPace(0): want at least 1`:                 nostrtest.ReadPace(0),
		`Queued(0s): want a time above 0`:              nostrtest.Queued(0),
		`KeepEphemeral(1ms): want a second or more`:    nostrtest.KeepEphemeral(time.Millisecond),
		`there is one store for all connections`:       nostrtest.KeepEphemeral(time.Second).OnConnection(1),
		`KeepEphemeral(1s) cannot be part of chaos`:    nostrtest.Chaos(1, nostrtest.KeepEphemeral(time.Second)),
		`ClockSkew(1s) cannot be part of chaos`:        nostrtest.Chaos(1, nostrtest.ClockSkew(time.Second)),
		`a Fault that no constructor has made`:         {},

		// What would do nothing, or something else than it says.
		`Cut().On("REQ").After("EOSE"): of On, Before, After`:     nostrtest.Cut().On("REQ").After("EOSE"),
		`Cut().AfterBytes(9).On("REQ"): of On, Before, After`:     nostrtest.Cut().AfterBytes(9).On("REQ"),
		`Cut().On("req"): "req" is no verb`:                       nostrtest.Cut().On("req"),
		`Lose().Of("Ok"): "Ok" is no verb`:                        nostrtest.Lose().Of("Ok"),
		`NoOK().OnConnection(0): connections are numbered from 1`: nostrtest.NoOK().OnConnection(0),
		`NoOK().From(2).Every(3): of Nth, From and Every`:         nostrtest.NoOK().From(2).Every(3),
		`NoOK().Nth(2).Times(3): of Nth and Times`:                nostrtest.NoOK().Nth(2).Times(3),
		`NoOK().If(nil): want a condition`:                        nostrtest.NoOK().If(nil),
		`Rewrite(…): want a function`:                             nostrtest.Rewrite(nil),
		`Repeat(-1): want at least 1`:                             nostrtest.Repeat(-1),
		`PingFlood(0): want at least 1`:                           nostrtest.PingFlood(0),
		`NoticeFlood(-1): want at least 1`:                        nostrtest.NoticeFlood(-1),
		`SendBytes(): want at least 1`:                            nostrtest.SendBytes(nil),
		`RefuseEvents(""): want a text`:                           nostrtest.RefuseEvents(""),
		`RefuseRequests(""): want a text`:                         nostrtest.RefuseRequests(""),
		`NoticeInstead(""): want a text`:                          nostrtest.NoticeInstead(""),
		`RejectAuth(""): want a text`:                             nostrtest.RejectAuth(""),
		`AnswerInfo(7, ""): want a status`:                        nostrtest.AnswerInfo(7, ""),
		`Chaos(1).Nth(2): it lasts`:                               nostrtest.Chaos(1).Nth(2),
		`NoOK().Nth(2) cannot be counted in chaos`:                nostrtest.Chaos(1, nostrtest.NoOK().Nth(2)),
		`ClockSkew(1s).Times(2): it lasts`:                        nostrtest.ClockSkew(time.Second).Times(2),
		`ClockSkew(1s).OnConnection(1): there is one clock`:       nostrtest.ClockSkew(time.Second).OnConnection(1),
	} {
		_, err := nostrtest.StartRelay(nostrtest.WithFaults(fault))
		require.ErrorContains(t, err, want)
		assert.PanicsWithError(t, err.Error(), func() { relay.Break(fault) })
	}
	_, err := nostrtest.StartRelay(nostrtest.WithWireLog(-1))
	require.ErrorContains(t, err, "WithWireLog is -1")
}

func TestOneFaultServesSeveralRelays(t *testing.T) {
	fault := nostrtest.Cut().On("REQ").Nth(1)
	for range 2 {
		everywhere(t, func(t *testing.T, w world) {
			c := w.dial()
			c.send("REQ", "s", everything)
			_, err := c.end()
			assert.Equal(t, io.EOF, err)
			c = w.dial()
			c.send("REQ", "s", everything)
			assert.Equal(t, eose("s"), c.next())
		}, nostrtest.WithFaults(fault))
	}
}

func TestCloseEndsWhateverAFaultHasBegun(t *testing.T) {
	// Whatever waits in the relay or the client has to end with it, at once.
	for _, fault := range []nostrtest.Fault{
		nostrtest.Silence(), nostrtest.StallReads(), nostrtest.StallWrites(), nostrtest.Drip(time.Hour), nostrtest.PingEvery(time.Hour),
		nostrtest.SlowAnswers(time.Hour), nostrtest.Overtaken(time.Hour), nostrtest.LateOK(time.Hour), nostrtest.Late(time.Hour),
		nostrtest.LateChallenge(time.Hour), nostrtest.DelayHandshake(time.Hour), nostrtest.IgnoreHandshake(), nostrtest.CloseWith(1000, ""),
		nostrtest.Crash(time.Hour),
	} {
		everywhere(t, func(t *testing.T, w world) {
			c := w.ask()
			if w.relay.WaitFor(soonIf(t, w), func() bool { return w.relay.ConnectionCount() == 1 }) == nil {
				_ = c.trySend(1, frame("EVENT", note(1)))
			}
			w.relay.Close()
			_, err := c.end()
			require.Error(t, err)
		}, nostrtest.WithFaults(fault))
	}
}

// The package serves tests of the root package, and of what it is built from.
func TestPackageDoesNotDependOnTheRoot(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range file.Imports {
			assert.NotEqual(t, `"github.com/gennostr/gennostr"`, imported.Path.Value, name)
		}
	}
}

func TestFaultsOfOneMessageWorkOneAfterTheOther(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1))
		genuine := events("s", w.relay.Events()...)[0]
		c := w.dial()
		defer w.relay.Break(nostrtest.DuplicatedEvents(2), nostrtest.AlteredEvents().AsWell(), nostrtest.LineFeeds().Of("EVENT"), nostrtest.NoEOSE())()
		c.send("REQ", "s", everything)
		got := c.nexts(4)
		assert.Contains(t, got[0], "(altered)")
		assert.Equal(t, genuine+"\n", got[1])
		assert.Contains(t, got[2], "(altered)")
		assert.Equal(t, genuine+"\n", got[3])
		c.alive()
	})
}

func TestLateMessagesAreLateOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		start := time.Now()
		w.relay.Notice("one")
		w.relay.Inject("two")
		assert.Equal(t, []string{`["NOTICE","one"]`, "two"}, c.nexts(2))
		assert.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
		c.quiet()
	}, nostrtest.WithFaults(nostrtest.Late(20*time.Millisecond)))
}

func TestFaultsKnowMessagesThatAreOnlyTexts(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		w.relay.Inject(`["NOTICE","lost"]`)
		w.relay.Inject(`["EOSE`)
		assert.Equal(t, `["EOSE`, c.next())
		c.send("EVENT", note(1))
		assert.Equal(t, `["OK","`+note(1).ID.String()+`",true]`, c.next())
		_, err := c.end()
		assert.Equal(t, io.EOF, err, "ShortOK is an OK")
	}, nostrtest.WithFaults(nostrtest.ShortOK(), nostrtest.Lose().Of("NOTICE"), nostrtest.Cut().After("OK")))
}

func TestAfterComesBehindWhatWasSent(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		c := w.dial()
		c.alive()
		w.relay.Notice("lost")
		c.quiet()
		w.relay.Notice("late")
		assert.Equal(t, `["NOTICE","late"]`, c.next())
		_, err := c.end()
		assert.Equal(t, io.EOF, err)
	}, nostrtest.WithFaults(nostrtest.Lose().Of("NOTICE").Nth(1), nostrtest.Late(20*time.Millisecond).Of("NOTICE").Nth(2), nostrtest.Cut().After("NOTICE")))
}

func TestMessagesAfterCountsGoBetweenFrames(t *testing.T) {
	everywhere(t, func(t *testing.T, w world) {
		w.relay.Publish(note(1), note(2))
		all := w.relay.Events()
		c := w.dial()
		c.send("REQ", "s", everything)
		got := c.nexts(5)
		assert.Equal(t, []string{events("s", all...)[0], `["NOTICE","one"]`, events("s", all...)[1], `["NOTICE","amid"]`, eose("s")}, got)
	}, nostrtest.WithFaults(nostrtest.Say(`["NOTICE","one"]`).AfterFrames(1), nostrtest.Say(`["NOTICE","amid"]`).AfterBytes(400)))
}

func TestPanicOfAPolicyEndsTheConnectionAlsoWhenItIsOvertaken(t *testing.T) {
	inBubble(t, func(t *testing.T, network *nostrtest.Network, relay *nostrtest.Relay) {
		c := dial(t, network.HTTPClient(), home)
		assert.Empty(t, c.ask("EVENT", note(1)))
		time.Sleep(time.Second)
		require.Error(t, c.ended())
		dial(t, network.HTTPClient(), home)
	}, nostrtest.WithFaults(nostrtest.Overtaken(time.Second)),
		nostrtest.WithPolicy(func(nostrtest.Connection, *nostr.Event) string { panic("in a policy") }), nostrtest.WithLog(nil))
}

func TestFaultsMendedWhileTheyStrikeHoldNothing(t *testing.T) {
	w := world{t: t, relay: nostrtest.NewRelay(t)}
	var clients []*raw
	for range 4 {
		clients = append(clients, w.dial())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			w.relay.Break(nostrtest.Silence(), nostrtest.Drip(time.Hour))
		}
	}()
	for mending := true; mending; {
		select {
		case <-done:
			mending = false
		default:
		}
		w.relay.Mend()
	}
	for _, c := range clients {
		c.alive()
	}
}

func TestPublicAPIUnderLoad(t *testing.T) {
	// Everything at once; the race detector and goleak look on.
	relay := nostrtest.NewRelay(t, nostrtest.WithLog(nil))
	w := world{t: t, relay: relay}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	again := func(f func()) {
		all.Go(func() {
			for ctx.Err() == nil {
				f()
			}
		})
	}
	faults := []nostrtest.Fault{nostrtest.Silence(), nostrtest.Drip(time.Millisecond), nostrtest.Chaos(1), nostrtest.NoOK(),
		nostrtest.PingEvery(time.Millisecond), nostrtest.Cut().AfterBytes(1000), nostrtest.Late(time.Millisecond), nostrtest.AuthStorm(5),
		nostrtest.Overtaken(time.Millisecond), nostrtest.CloseWith(1001, "").AfterFrames(3), nostrtest.EndSubscriptions("error: x"),
		nostrtest.Crash(time.Millisecond).On("EVENT").Every(10), nostrtest.StallReads(), nostrtest.Fragmented(3), nostrtest.DelayHandshake(time.Millisecond)}
	for i := range faults {
		again(func() {
			mend := relay.Break(faults[i])
			time.Sleep(time.Duration(i%3) * time.Millisecond)
			mend()
			time.Sleep(time.Duration(i%5) * time.Millisecond)
		})
	}
	for i := range 4 {
		again(func() {
			conn, err := w.open()
			if err != nil {
				return
			}
			defer conn.Close()
			c := &raw{world: w, conn: conn, in: bufio.NewReader(conn)}
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + otherKey + "\r\n\r\n"))
			_ = c.trySend(1, frame("REQ", "s", everything))
			_ = c.trySend(1, frame("EVENT", note(i+1)))
			_ = c.trySend(9, "ping")
			c.until(10 * time.Millisecond)
			_, _ = io.Copy(io.Discard, c.in)
		})
	}
	again(func() { relay.WireLog(); relay.Faults(); relay.Connections(); relay.Received() })
	again(func() { relay.Publish(note(7)); relay.Notice("x"); relay.Push(note(8)) })
	again(func() { time.Sleep(20 * time.Millisecond); relay.Stop(); assert.NoError(t, relay.Restart()) })
	again(func() { time.Sleep(30 * time.Millisecond); relay.Mend(); relay.DisconnectAll() })
	all.Wait()
	relay.Close()
	assert.Empty(t, relay.Connections())
}

func TestPanicOfATestsOwnFunctionEndsTheConnectionAndIsLogged(t *testing.T) {
	boom := func(nostrtest.Occasion) bool { panic("boom") }
	for i, fault := range []nostrtest.Fault{
		nostrtest.Rewrite(func(string) []string { runtime.Goexit(); return nil }), // as t.FailNow: nothing to log
		nostrtest.Rewrite(func(string) []string { panic("boom") }), nostrtest.Lose().If(boom), nostrtest.Cut().After("EOSE").If(boom),
		nostrtest.Cut().AfterFrames(1).If(boom), nostrtest.NoEOSE().If(boom), nostrtest.RefuseHandshake(503, 0).If(boom),
	} {
		var mu sync.Mutex
		var log string
		everywhere(t, func(t *testing.T, w world) {
			c := w.ask()
			_ = c.trySend(1, frame("REQ", "s", everything))
			_, err := c.end()
			require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%v ends it", fault)
			w.relay.Stop()
			w.relay.Mend()
			require.NoError(t, w.relay.Restart())
			w.dial().alive()
		}, nostrtest.WithFaults(fault), nostrtest.WithLog(func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			log += fmt.Sprintf(format, args...)
		}))
		if i > 0 {
			assert.Contains(t, log, "boom", "%v", fault)
		}
	}
}
