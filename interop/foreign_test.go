//go:build !race

package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The clients of node: nostr-tools, rx-nostr and NDK, each driven by node/agent.mjs.

// installing bounds npm, which fetches 37 packages the first time, 44 megabytes of them.
const installing = 2 * time.Minute

// wrongLists are errors of npm that are nobody's but the lists'.
var wrongLists = regexp.MustCompile(`EUSAGE|EINTEGRITY|EJSONPARSE|ERESOLVE`)

// errWrongLists is no reason to skip.
var errWrongLists = errors.New("package.json or package-lock.json is wrong")

// packages installs once what package-lock.json lists, and says why that cannot be done.
// What is installed stays in node/node_modules until the list changes.
var packages = sync.OnceValue(func() error {
	const recent = "const [a, b] = process.versions.node.split('.').map(Number); process.exit(a > 20 || a === 20 && b >= 19 ? 0 : 1)"
	if err := exec.Command("node", "-e", recent).Run(); err != nil {
		return fmt.Errorf("no node of version 20.19 or later: %w", err)
	}
	lock, err := os.ReadFile(filepath.Join("node", "package-lock.json"))
	if err != nil {
		return err
	}
	installed := filepath.Join("node", "node_modules", ".installed")
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, lock) {
		return nil
	}
	bounded, cancel := context.WithTimeout(context.Background(), installing)
	defer cancel()
	npm := exec.CommandContext(bounded, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1")
	npm.Dir, npm.WaitDelay = "node", time.Second
	if said, err := npm.CombinedOutput(); wrongLists.Match(said) {
		return fmt.Errorf("%w: %w: %.500s", errWrongLists, err, said)
	} else if err != nil {
		return fmt.Errorf("npm ci: %w: %.500s", err, said)
	}
	return os.WriteFile(installed, lock, 0o600)
})

// foreign is a client of node's, in a process of its own.
type foreign struct {
	t       *testing.T
	in      io.Writer
	answers chan answer
	heard   chan answer // what its subscriptions hear
	last    int
}

// answer is a line of node/agent.mjs: to a request, of a subscription, or that it is there.
type answer struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`

	Sub   string          `json:"sub"`
	Event json.RawMessage `json:"event"`
	EOSE  bool            `json:"eose"`

	Ready string `json:"ready"`
}

// startForeign runs the client of a name, or skips the test where node or the network is
// not there. It ends with the test.
func startForeign(t *testing.T, name string) *foreign {
	t.Helper()
	if err := packages(); err != nil {
		require.NotErrorIs(t, err, errWrongLists)
		t.Skipf("the clients of node are left out: %v", err)
	}
	var said bytes.Buffer
	node := exec.Command("node", "agent.mjs", name)
	node.Dir, node.Stderr = "node", &said
	in, err := node.StdinPipe()
	require.NoError(t, err)
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	f := &foreign{t: t, in: in, answers: make(chan answer, 100), heard: make(chan answer, 1000)}
	var reading sync.WaitGroup
	reading.Go(func() { f.read(out) }) // ends with the process, joined below
	t.Cleanup(func() {
		_ = in.Close()
		timer := time.AfterFunc(long, func() { _ = node.Process.Kill() })
		defer timer.Stop()
		reading.Wait()
		if err := node.Wait(); err != nil || t.Failed() {
			t.Logf("%s ended with %v and has said: %s", name, err, said.String())
		}
	})
	f.wait(f.answers, func(a answer) bool { return a.Ready != "" })
	return f
}

// read sorts the process's lines.
func (f *foreign) read(out io.Reader) {
	defer close(f.answers)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			a = answer{ID: -1, Error: fmt.Sprintf("%v: %s", err, lines.Text())}
		}
		if a.Sub != "" {
			f.heard <- a
		} else {
			f.answers <- a
		}
	}
}

// wait takes the next line, which has to be the one that is waited for.
func (f *foreign) wait(lines chan answer, is func(answer) bool) answer {
	f.t.Helper()
	select {
	case a, open := <-lines:
		require.True(f.t, open, "the process has ended")
		require.True(f.t, is(a), "not this: %d %q %s %s %q %s %v", a.ID, a.Error, a.Value, a.Ready, a.Sub, a.Event, a.EOSE)
		return a
	case <-time.After(2 * long):
		f.t.Fatal("nothing comes")
		return answer{}
	}
}

// try sends a request and returns what comes of it.
func (f *foreign) try(do string, argument, value any) error {
	f.t.Helper()
	f.last++
	line, err := json.Marshal(map[string]any{"id": f.last, "do": do, "with": argument})
	require.NoError(f.t, err)
	_, err = f.in.Write(append(line, '\n'))
	require.NoError(f.t, err)
	a := f.wait(f.answers, func(a answer) bool { return a.ID == f.last })
	if a.Error != "" {
		return errors.New(a.Error)
	}
	if value != nil {
		require.NoError(f.t, json.Unmarshal(a.Value, value), "%s", a.Value)
	}
	return nil
}

// call is try of what has to succeed.
func (f *foreign) call(do string, argument, value any) {
	f.t.Helper()
	require.NoError(f.t, f.try(do, argument, value), do)
}

// open connects it to a relay, with a key. Where auth is false it does not authenticate.
func (f *foreign) open(relay *nostrtest.Relay, key nostr.SecretKey, auth bool) {
	f.t.Helper()
	f.call("open", map[string]any{"url": relay.URL(), "key": key.Hex(), "auth": auth}, nil)
}

// publish has it sign and publish an event, and returns that, read and verified as ours.
func (f *foreign) publish(template map[string]any) *nostr.Event {
	f.t.Helper()
	var raw json.RawMessage
	f.call("publish", template, &raw)
	return f.genuine(raw)
}

func (f *foreign) genuine(raw json.RawMessage) *nostr.Event {
	f.t.Helper()
	event, _, err := nostr.ParseEvent(raw)
	require.NoError(f.t, err, "%s", raw)
	require.NoError(f.t, event.Verify(), "%s", raw)
	return event
}

// fetch returns the ids of what it finds, newest or not.
func (f *foreign) fetch(filter nostr.Filter) (ids []nostr.ID) {
	f.t.Helper()
	var raws []json.RawMessage
	f.call("fetch", filter, &raws)
	for _, raw := range raws {
		ids = append(ids, f.genuine(raw).ID)
	}
	return ids
}

// hears waits for the next event of a subscription, which has to be what it hears next.
func (f *foreign) hears(sub string) *nostr.Event {
	f.t.Helper()
	return f.genuine(f.wait(f.heard, func(a answer) bool { return a.Sub == sub && a.Event != nil }).Event)
}

// hearsNext is hears, but that an EOSE may come before.
func (f *foreign) hearsNext(sub string) *nostr.Event {
	f.t.Helper()
	for {
		if a := f.wait(f.heard, func(a answer) bool { return a.Sub == sub }); a.Event != nil {
			return f.genuine(a.Event)
		}
	}
}

// hearsStored waits for so many stored events and for EOSE, which does not come last:
// rx-nostr tells it while it still verifies what came before.
func (f *foreign) hearsStored(sub string, n int) (events []*nostr.Event) {
	f.t.Helper()
	for eose := false; !eose || len(events) < n; {
		a := f.wait(f.heard, func(a answer) bool { return a.Sub == sub })
		if a.EOSE {
			require.False(f.t, eose, "EOSE again")
			eose = true
			continue
		}
		events = append(events, f.genuine(a.Event))
	}
	require.Len(f.t, events, n)
	return events
}
