package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

// Guests whose URLs come from strangers, by the hundred: dead ones, and such as lead to
// the machine itself and its neighbours.

// strangersCrowd is how many relays a crowd has: fewer under the race detector.
var strangersCrowd = kit.Sized(1000, 300)

// watched is a network that notes which addresses are dialled.
type watched struct {
	*nostrtest.Network

	mu      sync.Mutex
	dialled map[string]int // guarded by mu: by host and port
}

func (w *watched) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dialled[addr]++
	w.mu.Unlock()
	return w.DialContext(ctx, network, addr)
}

func (w *watched) dials(addr string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dialled[addr]
}

// strangers runs f in virtual time, with the options of a client that dials over a watched network,
// guests as they are by default.
func strangers(t *testing.T, f func(t *testing.T, network *watched, opts []gennostr.Option)) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		w := &watched{Network: network, dialled: make(map[string]int)}
		f(t, w, []gennostr.Option{gennostr.WithDialContext(w.dial), gennostr.WithReconnectJitter(0), quietly()})
	})
}

// Shows D47.
func TestAGuestOnAPrivateNetworkIsNotDialled(t *testing.T) {
	strangers(t, func(t *testing.T, network *watched, opts []gennostr.Option) {
		relay := network.NewRelay("ws://10.0.0.7")
		client := start(t, nil, opts...)
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(relay.URL()))
		require.NoError(t, err)
		for m := range sub.All() {
			assert.Equal(t, gennostr.SubscriptionRefused, m.Change.State)
			assert.True(t, m.Relay.Guest)
		}
		for _, err := range []error{sub.Err()} {
			assert.ErrorIs(t, err, gennostr.ErrNoRelay)
			assert.ErrorIs(t, err, gennostr.ErrAddressDenied)
			assert.ErrorAs(t, err, new(*gennostr.DialError))
			assert.ErrorContains(t, err, "WithGuestOptions")
			assert.ErrorContains(t, err, "10.0.0.7")
		}
		time.Sleep(time.Hour)
		assert.Zero(t, network.dials("10.0.0.7:80"))
		assert.Zero(t, gennostr.EntriesKept(client))

		// It may be added.
		require.NoError(t, client.AddRelay(relay.URL()))
		sub, err = client.Subscribe(t.Context(), allNotes, gennostr.On(relay.URL()))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		assert.Empty(t, client.Guests())
	})
}

// Adding it while it is being dialled as a guest makes a refusal of guests' policy none
// of its business.
func TestARefusalOfGuestsPolicyIsNoneOfARelayThatWasAdded(t *testing.T) {
	strangers(t, func(t *testing.T, network *watched, opts []gennostr.Option) {
		relay := network.NewRelay("ws://10.0.0.7")
		judged, judge := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r := &recorder{}
		client := start(t, r, append(opts, gennostr.WithGuestOptions(gennostr.WithDialPolicy(func(network string, addr netip.AddrPort) error {
			once.Do(func() { close(judged); <-judge })
			return gennostr.DenyPrivateNetworks(network, addr)
		})))...)
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(relay.URL()))
		require.NoError(t, err)
		<-judged
		require.NoError(t, client.AddRelay(relay.URL()))
		close(judge)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		synctest.Wait()
		assert.Equal(t, []string{"OnConnect"}, r.Names())
	})
}

// Shows D47.
func TestWithGuestOptionsSaysWhereGuestsMayBe(t *testing.T) {
	own := errors.New("not in my house")
	for name, c := range map[string]struct {
		opts []gennostr.Option
		want error
	}{
		"by default":           {nil, gennostr.ErrAddressDenied},
		"beside Start's":       {[]gennostr.Option{gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return nil })}, gennostr.ErrAddressDenied},
		"other options":        {[]gennostr.Option{gennostr.WithGuestOptions(gennostr.WithMaxAttempts(3))}, gennostr.ErrAddressDenied},
		"none":                 {[]gennostr.Option{gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil))}, nil},
		"one of their own":     {[]gennostr.Option{gennostr.WithGuestOptions(gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return own }))}, own},
		"and instead of ours":  {[]gennostr.Option{gennostr.WithGuestOptions(gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return nil }))}, nil},
		"and of that of Start": {[]gennostr.Option{gennostr.WithDialPolicy(func(string, netip.AddrPort) error { return own }), gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			strangers(t, func(t *testing.T, network *watched, opts []gennostr.Option) {
				relay := network.NewRelay("ws://10.0.0.7")
				client := start(t, nil, append(opts, c.opts...)...)
				sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(relay.URL()))
				require.NoError(t, err)
				if c.want == nil {
					require.NoError(t, sub.CaughtUp(t.Context(), 1))
					return
				}
				for range sub.All() {
				}
				assert.ErrorIs(t, sub.Err(), c.want)
				assert.ErrorIs(t, sub.Err(), gennostr.ErrAddressDenied, "it is final, whatever the policy's error")
			})
		})
	}
}

// A transport that no policy can look into dials no guest, until that is allowed.
func TestWithoutAPolicyThatCanBeAskedGuestsAreRefused(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(guestURL)
		client := start(t, nil, gennostr.WithHTTPClient(network.HTTPClient()), quietly())
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
		require.NoError(t, err)
		for range sub.All() {
		}
		assert.ErrorIs(t, sub.Err(), gennostr.ErrAddressDenied)
		assert.ErrorContains(t, sub.Err(), "dial policy")
		assert.ErrorContains(t, sub.Err(), "WithGuestOptions")
		assert.Zero(t, relay.ConnectionCount())
		_, err = gennostr.Start(t.Context(), nil, gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithGuestOptions(gennostr.WithMaxAttempts(1)))
		assert.ErrorContains(t, err, "WithGuestOptions")
	})
}

func TestAHandlerWithoutOnSubscriptionHearsOfARefusedGuestInOnError(t *testing.T) {
	m := &mute{}
	h, err := gennostr.NewHarness(m)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Stop() })
	require.NoError(t, h.Run(func(self *gennostr.Self) error {
		return self.Subscribe("named", allNotes, gennostr.On(guestURL))
	}))
	require.NoError(t, h.FailDial(guestURL, assert.AnError))
	assert.Empty(t, m.errs, "it is dialled again")
	require.NoError(t, h.FailDial(guestURL, gennostr.ErrAddressDenied))
	require.Len(t, m.errs, 1)
	var refused *gennostr.SubscriptionError
	require.ErrorAs(t, m.errs[0], &refused)
	assert.Equal(t, "named", refused.SubscriptionID)
	assert.ErrorIs(t, m.errs[0], gennostr.ErrAddressDenied)
	assert.ErrorContains(t, m.errs[0], "WithGuestOptions")
	assert.ErrorIs(t, h.Connect(guestURL), gennostr.ErrUnknownRelay)
}

// crowd is n relays of strangers: a third is alive, a third dead, a third private.
func crowd(network *watched, n int) (urls, private []string, alive int) {
	for i := range n {
		host := fmt.Sprintf("8.%d.%d.8", i/256, i%256)
		switch i % 3 {
		case 0:
			network.NewRelay("ws://" + host)
			alive++
		case 1:
			if i%2 == 0 {
				network.HoldDials("ws://" + host)
			}
		case 2:
			host = fmt.Sprintf("192.168.%d.%d", i/256, i%256)
			network.NewRelay("ws://" + host)
			private = append(private, host+":80")
		}
		urls = append(urls, "ws://"+host)
	}
	return urls, private, alive
}

func TestACrowdOfStrangersRelays(t *testing.T) {
	strangers(t, func(t *testing.T, network *watched, opts []gennostr.Option) {
		urls, private, alive := crowd(network, strangersCrowd)
		added := network.NewRelay("ws://9.9.9.9")
		log := &journal{}
		r := &recorder{}
		client := start(t, r, append(opts, log.Option())...)
		synctest.Wait()
		before := runtime.NumGoroutine()
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(urls...))
		require.NoError(t, err)
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		require.NoError(t, client.AddRelay(added.URL()))
		require.NoError(t, client.Ready(t.Context(), 1))
		assert.Less(t, time.Since(began), 2*time.Second, "a crowd of guests does not hold up a relay of the client's")
		require.NoError(t, sub.CaughtUp(t.Context(), alive))
		assert.Less(t, time.Since(began), time.Minute)
		time.Sleep(time.Minute)
		refused := 0
		for _, relay := range sub.Status().Relays {
			if relay.State == gennostr.SubscriptionRefused {
				refused++
			}
		}
		assert.Equal(t, len(private), refused)
		for _, addr := range private {
			require.Zero(t, network.dials(addr), addr)
		}
		assert.Len(t, client.Guests(), strangersCrowd-len(private))

		sub.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Zero(t, gennostr.EntriesKept(client))
		waiting, inHand := gennostr.Reserved(client)
		assert.Zero(t, waiting+inHand)
		require.NoError(t, client.RemoveRelay(added.URL()))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.InDelta(t, before, runtime.NumGoroutine(), 5, "of a crowd; others come and go outside of this test")
		assert.Equal(t, []string{"OnConnect", "OnDisconnect"}, r.Names())
		assert.Empty(t, log.Lines("WARN"))
		assert.Empty(t, log.Lines("INFO"))
	})
}

// The same for a query: each relay's answer says what became of it, and nothing is left of any.
func TestACrowdOfStrangersRelaysIsQueried(t *testing.T) {
	strangers(t, func(t *testing.T, network *watched, opts []gennostr.Option) {
		urls, private, alive := crowd(network, strangersCrowd)
		client := start(t, nil, opts...)
		synctest.Wait()
		goroutines := runtime.NumGoroutine()
		for range 3 {
			report, err := client.Fetch(t.Context(), allNotes, gennostr.On(urls...), gennostr.WithDeadline(time.Minute))
			require.ErrorAs(t, err, new(*gennostr.IncompleteError))
			require.Len(t, report.Relays, len(urls))
			complete, denied, dead := 0, 0, 0
			for i, answer := range report.Relays {
				switch {
				case answer.Complete:
					complete++
				case errors.Is(answer.Err, gennostr.ErrAddressDenied):
					denied++
				default:
					assert.Error(t, answer.Err, urls[i])
					dead++
				}
			}
			assert.Equal(t, []int{alive, len(private), len(urls) - alive - len(private)}, []int{complete, denied, dead})
			for _, addr := range private {
				require.Zero(t, network.dials(addr), addr)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Zero(t, gennostr.EntriesKept(client))
			assert.Zero(t, client.Stats().Queries)
			assert.Zero(t, client.Stats().QueryBytes)
			assert.InDelta(t, goroutines, runtime.NumGoroutine(), 5, "of a crowd; others come and go outside of this test")
		}
	})
}

// What is remembered of guests that are gone does not add up.
func TestCrowdsOfStrangersRelaysLeaveNothingBehind(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		client := start(t, nil, gennostr.WithDialContext(network.DialContext), quietly())
		round := func(n int) {
			var urls []string
			for i := range strangersCrowd / 3 {
				urls = append(urls, fmt.Sprintf("ws://%s/%d/%d", []string{"10.0.0.1", "8.8.8.8"}[i%2], n, i))
			}
			sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(urls...))
			require.NoError(t, err)
			_, err = client.Fetch(t.Context(), allNotes, gennostr.On(urls...))
			require.ErrorIs(t, err, gennostr.ErrAddressDenied)
			time.Sleep(3 * time.Second)
			sub.Close()
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Zero(t, gennostr.EntriesKept(client))
		}
		round(0)
		before := heap()
		for n := range 10 {
			round(n + 1)
		}
		assert.Less(t, heap()-before, int64(256<<10), "for thousands of guests")
	})
}

// Shows D48, B05.
func TestWithMaxGuestsBoundsThem(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		url := func(i int) string { return fmt.Sprintf("wss://guest%d.example/", i) }
		for i := range 6 {
			network.NewRelay(url(i))
		}
		client := start(t, nil, over(network, gennostr.WithMaxGuests(3), gennostr.WithRelays(url(5)))...)
		open := func(urls ...string) *gennostr.Subscription {
			sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(urls...))
			require.NoError(t, err)
			synctest.Wait()
			return sub
		}
		subs := []*gennostr.Subscription{open(url(0)), open(url(1)), open(url(2), url(5))}
		require.NoError(t, open(url(0), url(5)).CaughtUp(t.Context(), 2), "who is here may be shared")
		mixed := open(url(3), url(0))
		require.NoError(t, mixed.CaughtUp(t.Context(), 1))
		refused := mixed.Status().Relays[1]
		assert.Equal(t, url(3), refused.URL)
		assert.ErrorIs(t, refused.Err, gennostr.ErrTooManyGuests)
		assert.Equal(t, gennostr.SubscriptionRetrying, refused.State)
		began := time.Now()
		_, err := client.Fetch(t.Context(), allNotes, gennostr.On(url(3)))
		assert.ErrorIs(t, err, gennostr.ErrTooManyGuests)
		assert.Zero(t, time.Since(began), "who would wait for it is asked for by nobody")

		require.NoError(t, client.RemoveRelay(url(5)), "which is never refused")
		require.NoError(t, subs[2].CaughtUp(t.Context(), 2))
		assert.Len(t, client.Guests(), 4)
		require.NoError(t, client.AddRelay(url(5)))

		subs[2].Close()
		time.Sleep(time.Second)
		subs[1].Close()
		synctest.Wait()
		require.NoError(t, mixed.CaughtUp(t.Context(), 2), "it has waited for that")
		assert.LessOrEqual(t, time.Since(began), 6*time.Second)
		assert.Equal(t, []string{url(0), url(1), url(3)}, guestURLs(client.Guests()), "the one that was idle for longest made room")
	})
}

// Dead guests that come one after the other, while the handler hangs, are no more than twice the bound.
// Shows B05.
func TestGuestsStayBoundedWhileTheHandlerHangs(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		stuck := make(chan struct{})
		r := newBot(func(_ *gennostr.Self, n note) error {
			if n.Name == "HandleInfo" {
				<-stuck
			}
			return nil
		})
		client := start(t, r, over(network, gennostr.WithMaxGuests(10))...)
		require.NoError(t, client.Notify("hang"))
		refused := 0
		for i := range 200 {
			sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(fmt.Sprintf("wss://dead%d.example", i)))
			require.NoError(t, err)
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			if errors.Is(sub.Status().Relays[0].Err, gennostr.ErrTooManyGuests) {
				refused++
			}
			sub.Close()
		}
		assert.Equal(t, 180, refused)
		assert.LessOrEqual(t, client.Stats().Mailbox, 20)
		close(stuck)
		synctest.Wait()
		assert.Zero(t, gennostr.EntriesKept(client))
	})
}

func TestStopWithGuestsInEveryStage(t *testing.T) {
	for _, orderly := range []bool{true, false} {
		virtual(t, func(t *testing.T, network *nostrtest.Network) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, name := range []string{"up", "idle", "closing", "demoted"} {
				network.NewRelay("wss://" + name + ".example")
			}
			lost := network.NewRelay("wss://lost.example")
			network.HoldDials("wss://hangs.example")
			stuck := make(chan struct{})
			r := newBot(func(_ *gennostr.Self, n note) error {
				if n.Name == "OnDisconnect" {
					<-stuck
				}
				return nil
			})
			client, err := gennostr.Start(ctx, r, over(network, quietly(), gennostr.WithMaxDials(1), gennostr.WithRelays("wss://demoted.example"))...)
			require.NoError(t, err)
			open := func(name string) *gennostr.Subscription {
				sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On("wss://"+name+".example"))
				require.NoError(t, err)
				return sub
			}
			require.NoError(t, open("demoted").CaughtUp(t.Context(), 1))
			require.NoError(t, open("up").CaughtUp(t.Context(), 1))
			closing := open("closing")
			require.NoError(t, closing.CaughtUp(t.Context(), 1))
			require.NoError(t, open("lost").CaughtUp(t.Context(), 1))
			open("nobody") // waiting
			closing.Close()
			network.Partition("wss://closing.example")
			time.Sleep(30*time.Second + 10*time.Millisecond)
			idle := open("idle")
			require.NoError(t, idle.CaughtUp(t.Context(), 1))
			idle.Close()
			require.NoError(t, client.RemoveRelay("wss://demoted.example")) // leaving
			synctest.Wait()
			lost.DisconnectAll() // telling
			open("hangs")        // dialing
			open("queued")       // queued
			synctest.Wait()
			states := map[string]gennostr.RelayState{}
			for _, status := range client.Guests() {
				states[strings.TrimSuffix(strings.TrimPrefix(status.URL, "wss://"), ".example/")] = status.State
			}
			assert.Equal(t, map[string]gennostr.RelayState{
				"up": gennostr.RelayConnected, "idle": gennostr.RelayConnected, "demoted": gennostr.RelayConnected, "lost": gennostr.RelayWaiting,
				"hangs": gennostr.RelayDialing, "queued": gennostr.RelayDialing, "nobody": gennostr.RelayWaiting,
			}, states)
			time.AfterFunc(time.Second, func() { close(stuck) })
			if orderly {
				require.NoError(t, client.Stop(context.Background()))
				assert.NoError(t, client.Wait())
			} else {
				cancel()
				assert.ErrorIs(t, client.Wait(), context.Canceled)
			}
			names := r.Names()
			assert.Equal(t, []string{"Init", "OnConnect", "OnDisconnect", "Terminate"}, slices.Compact(names))
		})
	}
}

// An idle guest is closed at the stop; that nobody needs it is of no interest then.
func TestAGuestThatIsIdleWhileTheClientStops(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		slow, guest := network.NewRelay("wss://slow.example"), network.NewRelay(guestURL)
		client := launch(t, nil, over(network, quietly(), gennostr.WithGuestIdle(time.Second), gennostr.WithRelays(slow.URL()))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		sub, err := client.Subscribe(t.Context(), allNotes, gennostr.On(guestURL))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), 1))
		network.Partition(slow.URL()) // it takes all the time that there is
		sub.Close()
		began := time.Now()
		require.NoError(t, client.Stop(context.Background()))
		assert.Greater(t, time.Since(began), time.Second)
		assert.Empty(t, guest.Connections())
	})
}
