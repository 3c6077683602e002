package accidents_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	frozenURLs  = "GENNOSTR_FROZEN_URLS"   // set for the child: the relays to connect to
	frozenTimes = "GENNOSTR_FROZEN_ROUNDS" // how often the child is stopped, instead of a few times

	frozenInterval = 100 * time.Millisecond
	frozenTimeout  = 200 * time.Millisecond
	frozenFor      = 500 * time.Millisecond
	frozenDistance = 50 * time.Millisecond // that a pong is on its way
)

// DESIGN 3.9: a program is stopped behind its pings, again and again, for longer than
// their timeout. The pongs lie in the kernel when it goes on: no connection is cut.
// It needs a process that can be stopped, and real time.
// Shows L30.
func TestAProgramThatIsStoppedKeepsItsConnections(t *testing.T) {
	if urls := os.Getenv(frozenURLs); urls != "" {
		frozen(t, strings.Fields(urls))
		return
	}
	rounds := 4
	if n, err := strconv.Atoi(os.Getenv(frozenTimes)); err == nil {
		rounds = n
	}
	var urls []string
	pinged := make(chan struct{}, 1)
	for range 10 {
		urls = append(urls, farAway(t, nostrtest.NewRelay(t).URL(), pinged))
	}
	// Who does not forgive itself the time that it did not run is cut in every round. A
	// machine that is so busy that a relay answers too late is not, attempt after attempt.
	excused := false
	for n := range 3 {
		cut, worst := stopped(t, urls, pinged, rounds)
		if cut == "0" {
			return
		}
		t.Logf("attempt %d: %s connections cut; the relays were held up for %v", n+1, cut, worst)
		excused = excused || worst > frozenTimeout/2
	}
	if excused {
		t.Skip("this machine is too busy: the relays themselves were held up")
	}
	assert.Fail(t, "connections were cut, in each of several attempts")
}

// stopped stops a program that is connected to the relays, again and again. It returns
// how many connections that has cost, and for how long this process was held up itself.
func stopped(t *testing.T, urls []string, pinged <-chan struct{}, rounds int) (cut string, worst time.Duration) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=2m")
	child.Env = append(os.Environ(), frozenURLs+"="+strings.Join(urls, " "))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	said := func(word string) (rest string) {
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), word); ok {
				return rest
			}
		}
		require.NoError(t, child.Wait())
		require.Fail(t, "the child has not said "+word)
		return ""
	}
	said("ready")

	// The relays are in this process. If it is starved itself, they are dead for a while, and rightly so.
	busy := beatsMissed(t)
	for range rounds {
		select {
		case <-pinged: // of before
		default:
		}
		<-pinged
		require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
		<-time.After(frozenFor)
		require.NoError(t, child.Process.Signal(syscall.SIGCONT))
		<-time.After(frozenTimeout)
	}
	require.NoError(t, in.Close())
	cut = said("cut ")
	require.NoError(t, child.Wait())
	return cut, busy()
}

// frozen is the program that is stopped. It ends with its input.
func frozen(t *testing.T, urls []string) {
	cut := 0
	r := &kit.Recorder{On: func(_ *gennostr.Self, n kit.Note) error {
		if n.Name == "OnDisconnect" {
			cut++
			fmt.Fprintln(os.Stderr, time.Now().Format("05.000"), n.Relay.URL, n.Msg)
		}
		return nil
	}}
	client, err := gennostr.Start(context.Background(), r, gennostr.WithRelays(urls...), gennostr.WithPing(frozenInterval, frozenTimeout),
		gennostr.WithReconnectSchedule(time.Millisecond))
	require.NoError(t, err)
	require.NoError(t, client.Ready(t.Context(), len(urls)))
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	require.NoError(t, client.Stop(t.Context()))
	fmt.Println("cut", cut)
}

// farAway is a way to a relay on which everything from there takes its time. It
// tells of pings that go there.
func farAway(t *testing.T, url string, pinged chan<- struct{}) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { // ended by the listener's end
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
			if err != nil {
				_ = near.Close()
				continue
			}
			pass := func(to, from net.Conn, seen func([]byte)) { // ends when one side hangs up
				defer to.Close()
				buf := make([]byte, 4096)
				for {
					n, err := from.Read(buf)
					if err != nil {
						return
					}
					seen(buf[:n])
					if _, err := to.Write(buf[:n]); err != nil {
						return
					}
				}
			}
			running.Go(func() {
				pass(far, near, func(p []byte) {
					if p[0] == 0x89 { // the first byte of a ping (RFC 6455)
						select {
						case pinged <- struct{}{}:
						default:
						}
					}
				})
			})
			running.Go(func() { pass(near, far, func([]byte) { <-time.After(frozenDistance) }) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return "ws://" + listener.Addr().String()
}

// beatsMissed measures for how long at a time this process does not run when it
// should; what it returns ends that and says the worst.
func beatsMissed(t *testing.T) func() time.Duration {
	const beat = 10 * time.Millisecond
	var worst atomic.Int64
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() { // ended by what is returned, or with the test
		defer close(ended)
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-t.Context().Done():
				return
			case <-ticker.C:
				now := time.Now()
				worst.Store(max(worst.Load(), int64(now.Sub(last)-beat)))
				last = now
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		<-ended
		return time.Duration(worst.Load())
	}
}
