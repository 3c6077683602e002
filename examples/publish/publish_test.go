package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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

// silent makes a relay that takes events and never answers, but for what it says instead.
func silent(t *testing.T, instead func(relay *nostrtest.Relay, conn nostrtest.Connection, ev *nostr.Event)) *nostrtest.Relay {
	release := make(chan struct{})
	relay := policy(t, func(relay *nostrtest.Relay, conn nostrtest.Connection, ev *nostr.Event) string {
		if instead != nil {
			instead(relay, conn, ev)
		}
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

// publish is the program without its command line; said is about each of the relays.
func (n *internet) publish(timeout time.Duration) (said []string, news string, err error) {
	var out, stderr bytes.Buffer
	key := nostrtest.Key(1)
	err = publish(n.t.Context(), options{relays: n.urls, key: key, timeout: timeout}, nostrtest.TextNote(key, "x"),
		&out, &stderr, gennostr.WithHTTPClient(n.network.HTTPClient()))
	for line := range strings.Lines(out.String()) {
		url, verdict, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		assert.Equal(n.t, n.urls[len(said)], url)
		said = append(said, verdict)
	}
	return said, stderr.String(), err
}

// said is the verdict on a line about that relay.
func said(line, url string) string {
	return strings.TrimSpace(strings.TrimPrefix(line, url+"/"))
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

func TestEveryVerdictInTheOrderGiven(t *testing.T) {
	t.Parallel()
	accepts := nostrtest.NewRelay(t)
	rejects := policy(t, func(*nostrtest.Relay, nostrtest.Connection, *nostr.Event) string { return "blocked: not here" })
	knows := policy(t, func(relay *nostrtest.Relay, _ nostrtest.Connection, ev *nostr.Event) string {
		relay.Publish(ev) // somebody else was faster
		return ""
	})
	stopped := nostrtest.NewRelay(t)
	stopped.Stop()
	mute := silent(t, nil)
	dies := policy(t, func(relay *nostrtest.Relay, conn nostrtest.Connection, _ *nostr.Event) string {
		relay.Disconnect(conn.Number)
		return ""
	})
	leaves := silent(t, func(relay *nostrtest.Relay, conn nostrtest.Connection, _ *nostr.Event) {
		relay.CloseConnection(conn.Number, 1013, "try again later")
	})
	web := nostrtest.NewRelay(t, nostrtest.WithLimits(nostrtest.Limits{ContentLength: 3}))

	var args []string
	for _, relay := range []*nostrtest.Relay{mute, stopped, dies, accepts, rejects, knows, leaves, web, accepts} {
		args = append(args, "-relay", relay.URL())
	}
	lines, _, err := publishTo(t, append(args, "-timeout", "1500ms", "hello")...)
	require.NoError(t, err)
	require.Len(t, lines, 8, "each relay once")
	for i, c := range []struct {
		relay *nostrtest.Relay
		want  string
	}{
		{mute, `no answer within 1.5s$`},
		{stopped, `unreachable: dial tcp .*connection refused$`},
		{dies, `connection lost before the answer: .+`},
		{accepts, `accepted$`},
		{rejects, `rejected: blocked: not here$`},
		{knows, `accepted( \(duplicate: .*\))?$`},
		{leaves, `connection lost before the answer: .*1013.*try again later`},
		{web, `rejected: invalid: .+`},
	} {
		assert.Regexp(t, "^"+c.relay.URL()+"/ +"+c.want, lines[i])
	}
	assert.Equal(t, 1, received(accepts, "EVENT"))
}

// L04: an OK true for this very event, or it is not accepted.
func TestL04NothingElseIsAccepted(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		cases := []struct{ frame, want string }{
			{`["OK","` + strings.Repeat("0", 64) + `",true,""]`, "no answer within 10s"},
			{`["NOTICE","accepted: ID"]`, "no answer within 10s"},
			{`["OK","ID","true",""]`, "no answer within 10s"},
			{`["OK","ID",false,"duplicate: have it"]`, "rejected: duplicate: have it"},
			{`["OK","ID",false,""]`, "rejected"},
			{`["OK","ID",false,"error: no"]`, "rejected: error: no"},
		}
		for _, c := range cases {
			net.relay([]string{c.frame, strings.Replace(c.frame, "false", "true", 1)}) // the first word counts
		}
		said, _, err := net.publish(10 * time.Second)
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
		said, _, err := net.publish(10 * time.Second)
		require.NoError(t, err)
		assert.Equal(t, []string{"accepted (duplicate: have it)"}, said)
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
		said, _, err := net.publish(10 * time.Second)
		assert.ErrorIs(t, err, errNoneAccepted)
		assert.Equal(t, []string{"no answer within 10s"}, said)
	})
}

// The verdict on a lost connection is final: nothing is sent behind the user's back.
func TestALostConnectionIsNotOpenedAgain(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		dies := net.relay(nil, func(relay *nostrtest.Relay, conn nostrtest.Connection) { relay.Disconnect(conn.Number) })
		net.relay(nil) // keeps the program waiting
		said, _, err := net.publish(10 * time.Second)
		assert.ErrorIs(t, err, errNoneAccepted)
		require.Len(t, said, 2)
		assert.Contains(t, said[0], "connection lost before the answer: ")
		assert.Equal(t, 1, dies.ConnectionCount())
	})
}

func TestTimeoutCoversTheDialToo(t *testing.T) {
	inABubble(t, func(t *testing.T, net *internet) {
		net.relay(nil)
		net.network.HoldDials(net.urls[0])
		start := time.Now()
		said, _, err := net.publish(10 * time.Second)
		assert.ErrorIs(t, err, errNoneAccepted)
		require.Len(t, said, 1)
		assert.Contains(t, said[0], "unreachable: ")
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
	for i, r := range []*nostrtest.Relay{relay, lazy} {
		assert.Equal(t, "accepted", said(lines[i], r.URL()))
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
	assert.Equal(t, []string{relay.URL() + "/  rejected: auth-required: members only"}, lines)
	assert.Equal(t, 2, received(relay, "EVENT"))
	assert.Equal(t, 1, received(relay, "AUTH"))
}

func TestAnotherChallengeDoesNotSendItAThirdTime(t *testing.T) {
	t.Parallel()
	p := newPublisher(options{relays: []string{"wss://a.example/"}}, nostrtest.TextNote(nostrtest.Key(1), "x"), io.Discard, io.Discard)
	d := p.deliveries[0]
	d.sent, d.refusal, d.again, d.challenges, d.answer = true, "auth-required: who?", true, 2, nostr.ID{2}
	assert.NotPanics(t, func() { // a Send would need a Self
		assert.NoError(t, p.OnOK(nil, gennostr.Relay{URL: d.url}, gennostr.OKMessage{EventID: d.answer, Accepted: true}))
	})
	assert.Empty(t, d.verdict, "it is still to come")
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
		said, _, err := net.publish(10 * time.Second)
		assert.ErrorIs(t, err, errNoneAccepted)
		assert.Equal(t, []string{
			"rejected: auth-required: who? (no challenge came within 10s)",
			"rejected: auth-required: who? (no answer to the authentication within 10s)",
			"rejected: auth-required: who? (no answer to the authentication within 10s)",
			`rejected: auth-required: who? (connection lost before authentication: relay closed the connection: 1008 "go away")`,
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
	assert.Contains(t, lines[0], "rejected: auth-required: who? (authentication refused: ")
	assert.Equal(t, maxChallenges, received(relay, "AUTH"))
}

// Whichever comes first, the refusal of the event or that of the authentication.
func TestRefusedAuthenticationIsARejection(t *testing.T) {
	t.Parallel()
	const url = "wss://a.example/"
	relay := gennostr.Relay{URL: url}
	event := nostrtest.TextNote(nostrtest.Key(1), "x")
	answer := nostr.ID{1}
	refusal := gennostr.OKMessage{EventID: event.ID, Message: "auth-required: who?"}
	denial := gennostr.OKMessage{EventID: answer, Message: "restricted: not you"}
	for _, order := range [][]gennostr.OKMessage{{refusal, denial}, {denial, refusal}} {
		var out bytes.Buffer
		p := newPublisher(options{relays: []string{url}}, event, &out, io.Discard)
		d := p.byURL[url]
		d.sent, d.challenges, d.answer = true, 1, answer
		assert.NoError(t, p.OnOK(nil, relay, order[0]))
		assert.Empty(t, out.String())
		assert.ErrorIs(t, p.OnOK(nil, relay, order[1]), gennostr.ErrStop)
		assert.Equal(t, url+"  rejected: auth-required: who? (authentication refused: restricted: not you)\n", out.String())
	}
}

func TestCtrlCPrintsWhatIsKnown(t *testing.T) {
	t.Parallel()
	accepts, hangs := nostrtest.NewRelay(t), newDeadEnd(t)
	asked := make(chan struct{})
	mute := silent(t, func(*nostrtest.Relay, nostrtest.Connection, *nostr.Event) { close(asked) })
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out bytes.Buffer
	done := make(chan error)
	go func() { // ends with interrupt; joined below
		done <- run(ctx, []string{"-relay", mute.URL(), "-relay", hangs, "-relay", accepts.URL(), "x"}, nil, &out, io.Discard)
	}()
	<-asked
	_, err := accepts.WaitEvent(t.Context(), nostr.Filter{})
	require.NoError(t, err)
	require.NoError(t, accepts.WaitConnections(t.Context(), 1))
	interrupt()
	<-done
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 4)
	assert.Regexp(t, `^`+mute.URL()+`/ +no answer before the interruption$`, lines[0])
	assert.Regexp(t, `^`+hangs+`/ +unreachable: no connection before the interruption$`, lines[1])
	assert.Regexp(t, `^`+accepts.URL()+`/ +(accepted|no answer before the interruption)$`, lines[2], "the OK may be on its way")
}

func TestCtrlCBeforeTheBeginningIsToldToo(t *testing.T) {
	t.Parallel()
	relay := nostrtest.NewRelay(t)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	assert.ErrorIs(t, run(ctx, []string{"-relay", relay.URL(), "x"}, nil, &out, io.Discard), errNoneAccepted)
	assert.Equal(t, relay.URL()+"/  unreachable: no connection before the interruption\n", out.String())
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
		said, news, err := net.publish(10 * time.Second)
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

// newDeadEnd takes connections and says nothing on them.
func newDeadEnd(t *testing.T) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return "ws://" + listener.Addr().String()
}
