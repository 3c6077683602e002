package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/leaks"
)

// asProgram has the test's binary be the program: the demo starts itself.
const asProgram = "WALLET_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	leaks.Main(m)
}

func TestDemoPaysEachRequestOnceThroughCrashes(t *testing.T) {
	t.Setenv(asProgram, "1")
	opts, err := parse([]string{"-requests", strconv.Itoa(demoRequests)}, io.Discard)
	require.NoError(t, err)
	opts.limit = time.Minute // for a machine that is busy
	var out, news bytes.Buffer
	require.NoError(t, demo(t.Context(), opts, &out, &news, teller(&out)), "%s%s", &out, &news)
	assert.Contains(t, out.String(), fmt.Sprintf("%[1]d requests: %[1]d paid, 0 paid twice, %[1]d answered; the wallet was killed %d times",
		demoRequests, demoRequests/perKill))
	assert.Contains(t, out.String(), "relay crashed and back (1)")
	assert.Contains(t, out.String(), "-seed ")
	assert.Empty(t, news.String())
}

func TestDemoEndsWithCtrlC(t *testing.T) {
	t.Setenv(asProgram, "1")
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	assert.NoError(t, run(ctx, nil, io.Discard, io.Discard))
}

func TestDemoTellsOfAWalletThatEnds(t *testing.T) {
	t.Setenv(asProgram, "1")
	s := &show{args: []string{"-nonsense"}, stderr: io.Discard}
	child, err := s.start(t.Context())
	require.NoError(t, err)
	assert.ErrorContains(t, child.lives(t.Context(), nil), "the wallet has ended by itself: exit status 1")
	child.kill()
}

func TestHelp(t *testing.T) {
	var usage bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, io.Discard, &usage))
	for _, name := range []string{"-relay", "-key", "-customer", "-bank", "-ledger", "-requests", "-seed"} {
		assert.Contains(t, usage.String(), "  "+name)
	}
	_, err := parse([]string{"-h"}, io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestMistakesAreExplained(t *testing.T) {
	secret := nostrtest.Key(1)
	nsec, err := nip19.EncodeSecretKey(secret)
	require.NoError(t, err)
	rubbish := filepath.Join(t.TempDir(), "rubbish")
	require.NoError(t, os.WriteFile(rubbish, []byte("rubbish"), 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "see -h"},
		{[]string{secret.Hex()}, "unexpected argument"},
		{[]string{"-seed", nsec}, "see -h"},
		{[]string{"-requests", "1001"}, "-requests: want a number from 30 to 1000"},
		{[]string{"-relay", "https://x.example", "-key", nsec}, "-relay: "},
		{[]string{"-relay", "wss://x.example"}, "-key: a wallet on a -relay needs one"},
		{[]string{"-key", nsec}, "-relay"},
		{[]string{"-bank", "https://bank.example"}, "-relay"},
		{[]string{"-relay", "wss://x.example", "-key", nsec[1:]}, "nor is it a file"},
		{[]string{"-relay", "wss://x.example", "-key", rubbish}, "-key: in that file: "},
		{[]string{"-relay", "wss://x.example", "-key", nsec, "-customer", nsec}, "-customer: nostr: public key: this is an nsec"},
		{[]string{"-relay", "wss://x.example", "-key", nsec, "-bank", "ftp://" + nsec}, "-bank: want an http or https URL"},
		{[]string{"-relay", "wss://x.example", "-key", nsec, "-bank", "https://bank.example"}, "-customer: "},
		{[]string{"-relay", "wss://x.example", "-key", nsec, "-ledger", rubbish}, "ledger "},
	} {
		err := run(t.Context(), c.args, io.Discard, io.Discard)
		if assert.ErrorContains(t, err, c.want, "%q", c.args) {
			assert.NotContains(t, err.Error(), nsec[1:])
			assert.NotContains(t, err.Error(), secret.Hex())
		}
	}
}

// With a relay and a key it serves there until Ctrl-C.
func TestServesARelayUntilItIsTold(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WalletRelay())
	var asked []string
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		invoice, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("Idempotency-Key")+" "+string(invoice)+" "+r.Header.Get("Not-After"))
		if len(asked) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "proof\n")
	}))
	defer bank.Close()
	key, customer := nostrtest.Key(7), nostrtest.Key(8)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key.Hex()+"\n"), 0o600))
	request, err := writeRequest(t.Context(), customer, nip44.Cipher(customer), key.PubKey(), "lnbc1")
	require.NoError(t, err)
	request.Tags = request.Tags.WithExpiration(nostr.TimestampOf(time.Unix(4_000_000_000, 0)))
	require.NoError(t, request.Sign(customer))
	relay.Publish(request) // before it has come up

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var running sync.WaitGroup
	var ended error
	running.Go(func() {
		ended = run(ctx, []string{"-relay", relay.URL(), "-key", file, "-customer", nip19.EncodePubKey(customer.PubKey()),
			"-bank", bank.URL, "-ledger", filepath.Join(t.TempDir(), "ledger")}, io.Discard, io.Discard)
	})
	answer, err := relay.WaitEvent(t.Context(), nostr.Filter{}.WithAuthors(key.PubKey()))
	require.NoError(t, err)
	text, err := nip44.Cipher(customer).Decrypt(t.Context(), key.PubKey(), answer.Content)
	require.NoError(t, err)
	assert.JSONEq(t, `{"result_type":"pay_invoice","error":null,"result":{"preimage":"proof"}}`, text)
	interrupt()
	running.Wait()
	assert.NoError(t, ended)
	same := request.ID.String() + " lnbc1 4000000000"
	assert.Equal(t, []string{same, same}, asked, strings.Join(asked, "\n"))
}

func TestATerminalIsNotToldWhatToDo(t *testing.T) {
	var out bytes.Buffer
	teller(&out)("bot", "problem: %s", "\x1b[2J\nof a relay")
	assert.Contains(t, out.String(), `problem: \x1b[2J of a relay`)
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
}
