//go:build !race

package interop_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fiatjaf/eventstore/slicestore"
	"github.com/fiatjaf/khatru"
	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// The whole client against a relay that shares no line with it: khatru.

// stranger is a khatru that can be stopped and started again at the same address, with
// what it has stored.
type stranger struct {
	t     *testing.T
	relay *khatru.Relay
	addr  string
	http  *http.Server
	done  sync.WaitGroup
	conns sync.Map // net.Conn → nothing: Shutdown does not know of hijacked ones
}

// startStranger starts one that gives so many events at once.
func startStranger(t *testing.T, page int) *stranger {
	store := &slicestore.SliceStore{MaxLimit: page}
	require.NoError(t, store.Init())
	s := &stranger{t: t, relay: khatru.NewRelay(), addr: "127.0.0.1:0"}
	s.relay.Log = log.New(io.Discard, "", 0)
	s.relay.Negentropy = true
	s.relay.StoreEvent = append(s.relay.StoreEvent, store.SaveEvent)
	s.relay.QueryEvents = append(s.relay.QueryEvents, store.QueryEvents)
	s.relay.CountEvents = append(s.relay.CountEvents, store.CountEvents)
	s.relay.DeleteEvent = append(s.relay.DeleteEvent, store.DeleteEvent)
	s.relay.ReplaceEvent = append(s.relay.ReplaceEvent, store.ReplaceEvent)
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *stranger) url() string { return "ws://" + s.addr }

func (s *stranger) start() {
	listener, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	s.addr = listener.Addr().String()
	s.relay.ServiceURL = s.url()
	s.http = &http.Server{Handler: s.relay, ConnState: func(c net.Conn, _ http.ConnState) { s.conns.Store(c, nil) }}
	s.done.Go(func() { _ = s.http.Serve(listener) }) // joined by stop
}

func (s *stranger) stop() {
	_ = s.http.Close()
	s.conns.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); s.conns.Delete(c); return true })
	s.done.Wait()
}

// patiently is a context for hundreds of publications on a slow machine.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// embed starts a client as a service would.
func embed(t *testing.T, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	c, err := gennostr.Start(t.Context(), nil, append([]gennostr.Option{
		gennostr.WithLogger(slog.New(slog.DiscardHandler)), gennostr.WithReconnectSchedule(50 * time.Millisecond),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Stop(context.WithoutCancel(t.Context()))) })
	return c
}

var author = nostr.GenerateSecretKey()

func note(t *testing.T, at int, kind nostr.Kind) *nostr.Event {
	t.Helper()
	e := &nostr.Event{Kind: kind, CreatedAt: nostr.Timestamp(1_700_000_000 + at), Content: fmt.Sprint("note ", at)}
	require.NoError(t, e.Sign(author))
	return e
}

func notes(t *testing.T, n int) (list []*nostr.Event) {
	for i := range n {
		list = append(list, note(t, i, nostr.KindTextNote))
	}
	return list
}

// gives publishes through the client, and demands that the relay takes it.
func gives(t *testing.T, c *gennostr.Client, events ...*nostr.Event) {
	t.Helper()
	for _, e := range events {
		report, err := c.Publish(patiently(t), e)
		require.NoError(t, err)
		require.Equal(t, gennostr.Accepted, report.Outcomes[0].Verdict)
	}
}

// counted is what the only relay has counted.
func counted(t *testing.T, r gennostr.CountReport) int64 {
	t.Helper()
	require.Len(t, r.Relays, 1)
	n, known := r.Relays[0].Sum()
	require.True(t, known)
	return n
}

func TestClientPublishesQueriesAndCountsOnKhatru(t *testing.T) {
	c := embed(t, gennostr.WithRelays(startStranger(t, 100).url()))
	events := notes(t, 650)
	gives(t, c, events...)
	again, err := c.Publish(patiently(t), events[0])
	require.NoError(t, err)
	assert.True(t, again.Outcomes[0].Verdict.Has(), "%v", again.Outcomes[0])

	filters := []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}
	report, err := c.Fetch(patiently(t), filters, gennostr.AllPages())
	require.NoError(t, err)
	require.Len(t, report.Events, len(events))
	assert.Equal(t, events[len(events)-1].ID, report.Events[0].ID, "the newest first")
	one, err := c.FetchOne(patiently(t), nostr.Filter{}.WithIDs(events[3].ID))
	require.NoError(t, err)
	assert.Equal(t, events[3].Content, one.Content)
	_, err = c.FetchOne(patiently(t), nostr.Filter{}.WithIDs(nostr.ID{1}))
	require.ErrorIs(t, err, gennostr.ErrNotFound)
	count, err := c.Count(patiently(t), filters)
	require.NoError(t, err)
	assert.EqualValues(t, len(events), counted(t, count))
}

// All of it may be dated in one second, which no relay gives in parts: so a page is more than that.
func TestClientSubscribesThroughARestartOfKhatru(t *testing.T) {
	relay := startStranger(t, 1000)
	c, other := embed(t, gennostr.WithRelays(relay.url())), embed(t, gennostr.WithRelays(relay.url()))
	sub, err := c.Subscribe(patiently(t), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)})
	require.NoError(t, err)
	require.NoError(t, sub.CaughtUp(patiently(t), 1))
	var want []nostr.ID
	writes := func(n int) {
		for range n {
			e := &nostr.Event{Kind: nostr.KindTextNote, CreatedAt: nostr.Now(), Content: fmt.Sprint(len(want))}
			require.NoError(t, e.Sign(author))
			_, err := other.Publish(patiently(t), e)
			require.NoError(t, err)
			want = append(want, e.ID)
		}
	}
	writes(30)
	for range 3 {
		relay.stop()
		relay.start()
		writes(30) // some of it before the subscriber is back
	}
	heard := map[nostr.ID]int{}
	for m := range sub.Events() {
		if heard[m.Event.ID]++; len(heard) == len(want) {
			break
		}
	}
	for _, id := range want {
		assert.Equal(t, 1, heard[id])
	}
}

func TestClientAuthenticatesToKhatru(t *testing.T) {
	relay := startStranger(t, 100)
	relay.relay.RejectFilter = append(relay.relay.RejectFilter, func(ctx context.Context, _ gonostr.Filter) (bool, string) {
		return khatru.GetAuthed(ctx) == "", "auth-required: who are you?"
	})
	relay.relay.RejectEvent = append(relay.relay.RejectEvent, func(ctx context.Context, _ *gonostr.Event) (bool, string) {
		return khatru.GetAuthed(ctx) != author.PubKey().String(), "auth-required: who are you?"
	})
	c := embed(t, gennostr.WithRelays(relay.url()), gennostr.WithSigner(author.Signer()))
	gives(t, c, notes(t, 5)...)
	report, err := c.Fetch(patiently(t), []nostr.Filter{nostr.Filter{}.WithKinds(nostr.KindTextNote)}, gennostr.AllPages())
	require.NoError(t, err)
	assert.Len(t, report.Events, 5)
	assert.NotEmpty(t, c.Relays()[0].Authenticated)

	nobody := embed(t, gennostr.WithRelays(relay.url()))
	_, err = nobody.Publish(patiently(t), note(t, 9, nostr.KindTextNote))
	require.ErrorIs(t, err, gennostr.ErrNoSigner)
}

// Over slicestore it compares a page of its newest events, and says nothing of the others;
// and it leaves out the first second of a window (Q03). So here a page is all there is.
func TestClientReconcilesWithKhatru(t *testing.T) {
	relay := startStranger(t, 1000)
	c := embed(t, gennostr.WithRelays(relay.url()))
	events := notes(t, 700)
	var have nip77.Builder
	own, lacking := map[nostr.ID]*nostr.Event{}, map[nostr.ID]bool{}
	for i, e := range events {
		if i%7 != 0 {
			gives(t, c, e)
		}
		if i%7 != 3 {
			own[e.ID] = e
			require.NoError(t, have.Add(e.CreatedAt, e.ID))
		} else {
			lacking[e.ID] = true
		}
	}
	got := map[nostr.ID]bool{}
	report, err := c.Sync(patiently(t), relay.url(), nostr.Filter{}.WithKinds(nostr.KindTextNote), have.Build(),
		gennostr.Fetching(func(e *nostr.Event) error { got[e.ID] = true; return nil }),
		gennostr.Pushing(func(_ context.Context, id nostr.ID) (*nostr.Event, error) { return own[id], nil }),
	)
	require.NoError(t, err)
	assert.True(t, report.Complete)
	assert.Equal(t, lacking, got)
	assert.Equal(t, 100, report.Pushed)
	count, err := c.Count(patiently(t), []nostr.Filter{{Kinds: []nostr.Kind{nostr.KindTextNote}}})
	require.NoError(t, err)
	assert.EqualValues(t, 700, counted(t, count))
	t.Logf("%d windows, %d paged, %d rounds, by NIP-77 %v, %d + %d bytes", report.Windows, report.Paged, report.Rounds, report.Negentropy, report.BytesIn, report.BytesOut)
}
