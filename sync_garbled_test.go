package gennostr_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// rewritten is what a relay says to reconcile, as somebody else has made it.
func rewritten(verb string, f func(string) string) nostrtest.Fault {
	return nostrtest.Rewrite(func(message string) []string {
		if strings.HasPrefix(message, `["`+verb) {
			return []string{f(message)}
		}
		return []string{message}
	})
}

// garbled are answers that cannot be read, by what makes them of good ones, and what is said of them.
var garbled = map[string]struct {
	make  func(answer string) string
	words string
}{
	"not hexadecimal":     {func(s string) string { return strings.Replace(s, `"61`, `"6x`, 1) }, "hexadecimal"},
	"half a byte":         {func(s string) string { return strings.Replace(s, `"61`, `"6`, 1) }, "hexadecimal"},
	"no payload":          {func(s string) string { before, _, _ := strings.Cut(s, `,"61`); return before + "]" }, "payload"},
	"a number":            {func(s string) string { before, _, _ := strings.Cut(s, `,"61`); return before + ",61]" }, "payload"},
	"JSON that is cut":    {func(s string) string { return s[:len(s)-5] }, "payload"},
	"one thing too many":  {func(s string) string { return s[:len(s)-1] + "x]" }, "NEG-MSG"},
	"a message cut short": {func(s string) string { return s[:len(s)-4] + `"]` }, "cut short"},
	"another version":     {func(s string) string { before, _, _ := strings.Cut(s, `"61`); return before + `"62"]` }, "version 2"},
	"no version":          {func(s string) string { return strings.Replace(s, `"61`, `"f1`, 1) }, "version"},
	"nothing":             {func(s string) string { before, _, _ := strings.Cut(s, `"61`); return before + `""]` }, "empty"},
}

// What cannot be read is no answer that is still to come: nobody waits for it.
// Shows P67, P69.
func TestSyncDoesNotWaitForWhatItCannotRead(t *testing.T) {
	for name, test := range garbled {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(300)
				relay := network.NewRelay(relayA, nostrtest.WithFaults(rewritten("NEG-MSG", test.make)))
				relay.Publish(notes[:280]...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				have := archiveOf(t, notes[20:]...)
				began := time.Now()
				report, err := client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.WithPatience(time.Hour), gennostr.WithoutPaging())
				require.ErrorContains(t, err, test.words)
				require.Len(t, report.Gaps, 1)
				assert.Contains(t, report.Gaps[0].Reason, test.words)
				assert.Less(t, time.Since(began), time.Minute)

				report, err = client.Sync(t.Context(), relayA, ofKind(1), have.set(), gennostr.WithPatience(time.Hour), gennostr.Fetching(have.take))
				require.NoError(t, err)
				assert.Less(t, time.Since(began), 2*time.Minute)
				assert.Len(t, have.events, 300)
				assert.Equal(t, idsIn(notes[280:]), report.Lacks)
				assert.False(t, report.Negentropy)
				synctest.Wait()
				for _, r := range relay.Reconciliations() {
					assert.False(t, r.Open())
				}
			})
		})
	}
}

// One that comes now and then costs a repetition, and no more.
func TestSyncAsksAgainForWhatItCouldNotRead(t *testing.T) {
	for name, test := range garbled {
		if name == "another version" { // says that there is none that both speak
			continue
		}
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(1000)
				n := 0
				relay := network.NewRelay(relayA, nostrtest.WithNegentropyFrame(4096), nostrtest.WithFaults(rewritten("NEG-MSG", func(s string) string {
					if n++; n == 2 || n == 7 { // the relay says one thing at a time
						return test.make(s)
					}
					return s
				})))
				relay.Publish(notes[:800]...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				began := time.Now()
				report, err := client.Sync(t.Context(), relayA, ofKind(1), archiveOf(t, notes[200:]...).set(), gennostr.WithPatience(time.Hour))
				require.NoError(t, err)
				assert.Less(t, time.Since(began), time.Minute)
				assert.Len(t, report.Need, 200)
				assert.Equal(t, idsIn(notes[800:]), report.Lacks)
				assert.True(t, report.Negentropy)
				assert.Greater(t, n, 3)
			})
		})
	}
}

// So it is with an error that cannot be read: the session is over all the same.
// Shows P68.
func TestSyncUnderstandsThatASessionIsOverWhateverIsWrongWithTheError(t *testing.T) {
	for name, garble := range map[string]func(string) string{
		"a number":         func(s string) string { before, _, _ := strings.Cut(s, `,"closed`); return before + ",7]" },
		"no reason":        func(s string) string { before, _, _ := strings.Cut(s, `,"closed`); return before + "]" },
		"JSON that is cut": func(s string) string { return s[:len(s)-5] },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, network *nostrtest.Network) {
				notes := textNotes(1000)
				n := 0
				network.NewRelay(relayA, nostrtest.WithNegentropyFrame(4096), nostrtest.WithFaults(
					nostrtest.EndReconciliations("closed: you took too long").Every(3), rewritten("NEG-ERR", func(s string) string { n++; return garble(s) }))).Publish(notes[:800]...)
				client := pool(t, network, gennostr.WithRelays(relayA))
				began := time.Now()
				report, err := client.Sync(t.Context(), relayA, ofKind(1), archiveOf(t, notes[200:]...).set(), gennostr.WithPatience(time.Hour))
				require.NoError(t, err)
				assert.Less(t, time.Since(began), time.Minute)
				assert.Len(t, report.Need, 200)
				assert.Equal(t, idsIn(notes[800:]), report.Lacks)
				assert.Positive(t, n)
			})
		})
	}
}
