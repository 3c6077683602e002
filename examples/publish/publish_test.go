package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// policy makes a relay that decides on an event with access to the relay itself.
func policy(t *testing.T, decide func(relay *nostrtest.Relay, conn nostrtest.Connection, ev *nostr.Event) string) *nostrtest.Relay {
	var relay *nostrtest.Relay
	ready := make(chan struct{})
	relay = nostrtest.NewRelay(t, nostrtest.WithPolicy(func(conn nostrtest.Connection, ev *nostr.Event) string {
		<-ready
		return decide(relay, conn, ev)
	}))
	close(ready)
	return relay
}

// silent makes a relay that takes events and never answers.
func silent(t *testing.T) *nostrtest.Relay {
	release := make(chan struct{})
	relay := policy(t, func(*nostrtest.Relay, nostrtest.Connection, *nostr.Event) string {
		<-release
		return "error: too late"
	})
	t.Cleanup(func() { close(release) }) // before the relay's own
	return relay
}

// internet is a network in memory and in virtual time, for what is about relays
// that do not answer.
type internet struct {
	t       *testing.T
	network *nostrtest.Network
	urls    []string
	ctrlC   time.Duration // after which it is pressed, 0 for never
	release chan struct{}
}

func inABubble(t *testing.T, test func(t *testing.T, net *internet)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := &internet{t: t, network: nostrtest.NewNetwork(t), release: make(chan struct{})}
		t.Cleanup(func() { close(net.release) }) // before the network's own
		test(t, net)
	})
}

// relay adds a relay that answers an event with these frames, in which ID stands
// for the event's, and then perhaps with something else, and says nothing more.
func (n *internet) relay(frames []string, then ...func(*nostrtest.Relay, nostrtest.Connection)) *nostrtest.Relay {
	var relay *nostrtest.Relay
	url := fmt.Sprintf("wss://%d.example/", len(n.urls))
	relay = n.network.NewRelay(url, nostrtest.WithPolicy(func(conn nostrtest.Connection, ev *nostr.Event) string {
		for _, frame := range frames {
			relay.Inject(strings.ReplaceAll(frame, "ID", ev.ID.String()), conn.Number)
		}
		for _, do := range then {
			do(relay, conn)
		}
		<-n.release
		return "error: too late"
	}))
	n.urls = append(n.urls, url)
	return relay
}

// honest adds a relay that does what it should, but for its faults.
func (n *internet) honest(faults ...nostrtest.Fault) *nostrtest.Relay {
	url := fmt.Sprintf("wss://%d.example/", len(n.urls))
	n.urls = append(n.urls, url)
	return n.network.NewRelay(url, nostrtest.WithFaults(faults...))
}

// publish is the program without its command line; said is about each of the relays.
func (n *internet) publish(opts options, more ...gennostr.Option) (said []string, news string, err error) {
	var out, stderr bytes.Buffer
	ctx, interrupt := context.WithCancel(n.t.Context())
	defer interrupt()
	if n.ctrlC > 0 {
		defer time.AfterFunc(n.ctrlC, interrupt).Stop()
	}
	opts.relays, opts.key, opts.timeout = n.urls, nostrtest.Key(1), cmp.Or(opts.timeout, 10*time.Second)
	err = publish(ctx, opts, nostrtest.TextNote(opts.key, "x"), &out, &stderr, append(more, gennostr.WithHTTPClient(n.network.HTTPClient()))...)
	lines := make(map[string]string)
	for line := range strings.Lines(out.String()) {
		url, verdict, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		assert.NotContains(n.t, lines, url, "one line per relay")
		lines[url] = verdict
	}
	for _, url := range n.urls {
		said = append(said, lines[url])
	}
	return said, stderr.String(), err
}

// saidOf is the verdict on a relay.
func saidOf(t *testing.T, lines []string, url string) string {
	t.Helper()
	for _, line := range lines {
		if verdict, ok := strings.CutPrefix(line, url+"/"); ok {
			return strings.TrimSpace(verdict)
		}
	}
	t.Errorf("nothing is said of %s: %q", url, lines)
	return ""
}

// received counts what a relay was sent.
func received(relay *nostrtest.Relay, verb string) (n int) {
	for _, m := range relay.Received() {
		if m.Verb == verb {
			n++
		}
	}
	return n
}

func TestEveryVerdict(t *testing.T) {
	t.Parallel()
	accepts := nostrtest.NewRelay(t)
	rejects := policy(t, func(*nostrtest.Relay, nostrtest.Connection, *nostr.Event) string { return "blocked: not here" })
	knows := policy(t, func(relay *nostrtest.Relay, _ nostrtest.Connection, ev *nostr.Event) string {
		relay.Publish(ev) // somebody else was faster
		return ""
	})
	stopped := nostrtest.NewRelay(t)
	stopped.Stop()
	mute := silent(t)
	leaves := policy(t, func(relay *nostrtest.Relay, conn nostrtest.Connection, _ *nostr.Event) string {
		relay.CloseConnection(conn.Number, 1013, "try again later")
		go func() { // ends with the connection, or the relay: by then the client has answered, and knows why
			_ = relay.WaitFor(context.Background(), func() bool { c, _ := relay.Connection(conn.Number); return !c.Open() })
			relay.Stop()
		}()
		return "error: nothing is said behind a close frame"
	})
	short := nostrtest.NewRelay(t, nostrtest.WithLimits(nostrtest.Limits{ContentLength: 3}))
	rival := nostrtest.NewRelay(t, nostrtest.WithFaults(nostrtest.RefuseEvents("replaced: have newer event")))

	var args []string
	for _, relay := range []*nostrtest.Relay{mute, stopped, accepts, rejects, knows, leaves, short, rival, accepts} {
		args = append(args, "-relay", relay.URL())
	}
	lines, news, err := publishTo(t, append(args, "-kind", "0", "-timeout", "8s", "hello")...)
	require.NoError(t, err)
	require.Len(t, lines, 8, "each relay once")
	for _, c := range []struct {
		relay *nostrtest.Relay
		want  string
	}{
		{mute, `no answer within 8s`},
		{stopped, `unreachable: dial tcp .*connection refused`},
		{accepts, `accepted`},
		{rejects, `rejected: blocked: not here`},
		{knows, `accepted( \(duplicate: .*\))?`},
		{leaves, `connection lost before the answer: .+`},
		{short, `rejected: invalid: .+`},
		{rival, `superseded: it has a newer version \(replaced: have newer event\)`},
	} {
		assert.Regexp(t, "^"+c.want+"$", saidOf(t, lines, c.relay.URL()))
	}
	assert.Contains(t, news, `no connection to `+leaves.URL()+`/ (attempt 1): relay closed the connection: 1013 "try again later"`)
	assert.Equal(t, 1, received(accepts, "EVENT"))
}

// What a relay says in its information document is as good as a refusal, and comes sooner.
func TestWhatExceedsALimitIsNotSent(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t, nostrtest.WithLimits(nostrtest.Limits{ContentLength: 20_000}))
	lines, _, err := publishTo(t, "-relay", relay.URL(), strings.Repeat("x", 20_001))
	assert.ErrorIs(t, err, errNoneAccepted)
	assert.Equal(t, []string{relay.URL() + "/  rejected: not sent, for it states a max_content_length of 20000, and the event has 20001"}, lines)
	assert.Zero(t, received(relay, "EVENT"))
}

// The user's clock is what is to be put right, and nothing else.
func TestAWrongClockIsToldOf(t *testing.T) {
	for skew, want := range map[time.Duration]string{
		-2 * time.Hour: "(this machine's clock is 2h0m0s ahead of the relay's)",
		2 * time.Hour:  "(this machine's clock is 2h0m0s behind the relay's)",
	} {
		t.Run(skew.String(), func(t *testing.T) {
			inABubble(t, func(t *testing.T, net *internet) {
				net.honest(nostrtest.ClockSkew(skew), nostrtest.RefuseEvents("invalid: created_at is too far off"))
				said, _, err := net.publish(options{})
				assert.ErrorIs(t, err, errNoneAccepted)
				assert.Equal(t, []string{"rejected: invalid: created_at is too far off " + want}, said)
			})
		})
	}
}

// L04: an OK true for this very event, or it is not accepted.
func TestL04NothingElseIsAccepted(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		cases := []struct{ frame, want string }{
			{`["OK","` + strings.Repeat("0", 64) + `",true,""]`, "no answer within 10s"},
			{`["NOTICE","accepted: ID"]`, "no answer within 10s"},
			{`["OK","ID","true",""]`, "no answer within 10s"},
			{`["OK","ID",false,""]`, "rejected"},
			{`["OK","ID",false,"error: no"]`, "rejected: error: no"},
		}
		for _, c := range cases {
			net.relay([]string{c.frame})
		}
		said, _, err := net.publish(options{})
		assert.ErrorIs(t, err, errNoneAccepted)
		require.Len(t, said, len(cases))
		for i, c := range cases {
			assert.Equal(t, c.want, said[i], c.frame)
		}
	})
}

func TestDuplicateIsAccepted(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.relay([]string{`["OK","ID",true,"duplicate: have it"]`})
		net.relay([]string{`["OK","ID",false,"duplicate: have it"]`})
		said, _, err := net.publish(options{})
		require.NoError(t, err)
		assert.Equal(t, []string{"accepted (duplicate: have it)", "accepted (duplicate: have it)"}, said)
	})
}

// Who answers after its time has not answered in time.
func TestWhatComesTooLateDoesNotCount(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.relay(nil, func(relay *nostrtest.Relay, conn nostrtest.Connection) {
			<-time.After(10*time.Second + goodbye/2)
			ev := relay.Received()[0].Event
			relay.Inject(fmt.Sprintf(`["OK","%s",true,""]`, ev.ID), conn.Number)
		})
		said, _, err := net.publish(options{})
		assert.ErrorIs(t, err, errNoneAccepted)
		assert.Equal(t, []string{"no answer within 10s"}, said)
	})
}

// Verdicts are printed as they come, and a relay that is away gets the event when it is back.
func TestAnOutageIsOutlasted(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		cut := net.honest(nostrtest.Cut().Before("OK").Times(1)) // with the event, and no answer
		away := net.relay([]string{`["OK","ID",true,""]`})
		away.Stop()
		time.AfterFunc(5*time.Second, func() { assert.NoError(t, away.Restart()) })
		start := time.Now()
		said, news, err := net.publish(options{})
		require.NoError(t, err)
		assert.Equal(t, []string{"accepted (duplicate: already have this event)", "accepted"}, said)
		assert.Equal(t, 2, cut.ConnectionCount())
		assert.Contains(t, news, "no connection to "+net.urls[1]+" (attempt 2): ")
		assert.Less(t, time.Since(start), 10*time.Second)
	})
}

// With -atleast the others are not waited for, and fewer are a failure.
func TestAtLeastSoManyAreEnough(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.honest(nostrtest.LateOK(100 * time.Millisecond)) // when all have it
		net.relay(nil)
		net.honest(nostrtest.LateOK(100 * time.Millisecond)) // when all have it
		net.relay(nil)
		net.network.HoldDials(net.urls[3])
		start := time.Now()
		said, _, err := net.publish(options{atLeast: 2})
		require.NoError(t, err)
		assert.Equal(t, []string{"accepted", "no answer before the end", "accepted", "unreachable: no connection before the end"}, said)
		assert.Less(t, time.Since(start), time.Second)

		said, _, err = net.publish(options{atLeast: 3})
		assert.EqualError(t, err, "2 of 4 relays have accepted the event, and 3 were wanted")
		const again = "accepted (duplicate: already have this event)"
		assert.Equal(t, []string{again, "no answer within 10s", again, "unreachable: no connection within 10s"}, said)
	})
}

func TestTimeoutCoversTheDialToo(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.relay(nil)
		net.network.HoldDials(net.urls[0])
		start := time.Now()
		said, _, err := net.publish(options{})
		assert.ErrorIs(t, err, errNoneAccepted)
		assert.Equal(t, []string{"unreachable: no connection within 10s"}, said)
		assert.Less(t, time.Since(start), 11*time.Second)
	})
}

func TestAuthenticatesAndSendsAgain(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t, nostrtest.WithAuth()) // challenges at once
	lazy := policy(t, func(_ *nostrtest.Relay, conn nostrtest.Connection, _ *nostr.Event) string {
		if len(conn.Authenticated) == 0 {
			return "auth-required: who are you?" // challenges then
		}
		return ""
	})
	key := nostrtest.Key(7)
	lines, _, err := publishTo(t, "-relay", relay.URL(), "-relay", lazy.URL(), "-key", key.Hex(), "x")
	require.NoError(t, err)
	for _, r := range []*nostrtest.Relay{relay, lazy} {
		assert.Equal(t, "accepted", saidOf(t, lines, r.URL()))
		assert.Equal(t, 1, received(r, "AUTH"))
		assert.Len(t, r.Accepted(), 1)
		conn, _ := r.Connection(1)
		assert.Equal(t, []nostr.PubKey{key.PubKey()}, conn.Authenticated)
	}
	assert.Equal(t, 2, received(lazy, "EVENT"))
}

func TestSendsAgainOnceOnly(t *testing.T) {
	t.Parallel()
	relay := policy(t, func(*nostrtest.Relay, nostrtest.Connection, *nostr.Event) string {
		return "auth-required: members only"
	})
	lines, _, err := publishTo(t, "-relay", relay.URL(), "x")
	assert.ErrorIs(t, err, errNoneAccepted)
	assert.Equal(t, []string{relay.URL() + "/  rejected: auth-required: members only (the relay wants AUTH although it has accepted one)"}, lines)
	assert.Equal(t, 2, received(relay, "EVENT"))
	assert.Equal(t, 1, received(relay, "AUTH"))
}

func TestAuthThatLeadsNowhereIsARejection(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		const refusal, challenge = `["OK","ID",false,"auth-required: who?"]`, `["AUTH","challenge"]`
		net.relay([]string{refusal})
		net.relay([]string{refusal, challenge})
		net.relay(append([]string{refusal}, slices.Repeat([]string{challenge}, 100)...))
		net.relay([]string{refusal, challenge}, func(relay *nostrtest.Relay, conn nostrtest.Connection) {
			relay.CloseConnection(conn.Number, 1008, "go away")
		})
		said, _, err := net.publish(options{timeout: time.Minute})
		assert.ErrorIs(t, err, errNoneAccepted)
		assert.Equal(t, []string{
			"rejected: auth-required: who? (the relay wants AUTH and has sent no challenge)",
			"rejected: auth-required: who? (the relay has not answered the AUTH)",
			"rejected: auth-required: who? (the relay has not answered the AUTH)",
			"rejected: auth-required: who?",
		}, said)
	})
}

// L13: a relay that challenges without end is not answered without end.
func TestL13ChallengesWithoutEndAreNotAllAnswered(t *testing.T) {
	t.Parallel()
	relay := policy(t, func(relay *nostrtest.Relay, conn nostrtest.Connection, _ *nostr.Event) string {
		for i := range 100 {
			relay.Inject(fmt.Sprintf(`["AUTH","challenge %d"]`, i), conn.Number)
		}
		return "auth-required: who?"
	})
	lines, _, err := publishTo(t, "-relay", relay.URL(), "x")
	assert.ErrorIs(t, err, errNoneAccepted)
	assert.Contains(t, lines[0], "rejected: invalid: ", "the relay's words about the AUTH that it had itself asked for")
	assert.LessOrEqual(t, received(relay, "AUTH"), 3)
}

// Whatever is wrong with the authentication is told, in the relay's words.
func TestRefusedAuthenticationIsARejection(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t, nostrtest.WithAuth(), nostrtest.WithFaults(nostrtest.RejectAuth("restricted: not you")))
	lines, _, err := publishTo(t, "-relay", relay.URL(), "x")
	assert.ErrorIs(t, err, errNoneAccepted)
	assert.Equal(t, []string{relay.URL() + "/  rejected: restricted: not you (the relay has refused the AUTH)"}, lines)
}

func TestCtrlCPrintsWhatIsKnown(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.relay(nil)
		net.relay(nil)
		net.network.HoldDials(net.urls[1])
		net.honest()
		net.honest(nostrtest.LateOK(time.Second))
		net.ctrlC = time.Second - goodbye/4
		said, _, err := net.publish(options{})
		require.NoError(t, err)
		assert.Equal(t, []string{"no answer before the end", "unreachable: no connection before the end", "accepted", "accepted"}, said,
			"the answer of the last was waited for")
	})
}

func TestCtrlCBeforeTheBeginningSendsNothing(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	assert.EqualError(t, run(ctx, []string{"-relay", relay.URL(), "x"}, nil, &out, io.Discard), "interrupted before the event was sent")
	assert.Empty(t, out.String())
	assert.Zero(t, relay.ConnectionCount())
}

// A verdict that nobody reads is no reason not to publish.
func TestExitStatusIsRightWhenNobodyReads(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t)
	assert.NoError(t, run(t.Context(), []string{"-relay", relay.URL(), "x"}, nil, broken{}, broken{}))
}

func TestWhatRelaysSayCannotReachTheTerminal(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		const evil = `\u001b]0;evil\u0007\u001b[2J\u009b31m\u007f\r\n\u202eaccepted\u2028\u0000`
		net.relay([]string{`["NOTICE","` + evil + `"]`, `["OK","ID",false,"` + evil + strings.Repeat("long", 1000) + `"]`})
		said, news, err := net.publish(options{})
		assert.ErrorIs(t, err, errNoneAccepted)
		require.Len(t, said, 1)
		assert.Less(t, len(said[0]), 700)
		for _, text := range []string{said[0], news} {
			assert.NotRegexp(t, `[^\n\x20-\x7e…]`, text)
			assert.Contains(t, text, `\x1b]0;evil\a\x1b[2J\u009b31m\x7f \u202eaccepted \x00`)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
