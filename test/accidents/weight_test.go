package accidents_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/test/kit"
)

// What relays, guests and publications take each, as docs/BOUNDS.md says it of so many. The
// relays are bare ones, so that what is measured is the client's.

// weight tells what each of n things takes more than when it was made, with stacks, in bytes.
func weight(t *testing.T, what string, n int) (each func(when string) int64) {
	goroutines := ownGoroutines()
	heap, stacks := heapAndStacks()
	return func(when string) int64 {
		h, s := heapAndStacks()
		h, s = (h-heap)/int64(n), (s-stacks)/int64(n)
		t.Logf("%d %s, %s: %d bytes each, of which %d are stacks; %.2f goroutines", n, what, when, h+s, s, float64(ownGoroutines()-goroutines)/float64(n))
		return h + s
	}
}

// A relay where nothing happens but pings takes some 18 KB and a goroutine, after hours as
// on the first day, and gives them back. What the runtime keeps of a goroutine that has ended
// is not the client's.
// Shows B03.
func TestIdleRelaysTakeSomeKilobytesEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := kit.Sized(24<<10, 40<<10) // the race detector's stacks are twice as large
		n := kit.Sized(2_000, 300)
		client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithDialContext(bare), gennostr.WithMaxRelays(n), gennostr.WithPing(10*time.Minute, time.Minute))
		each := weight(t, "relays", n)
		var urls []string
		for i := range n {
			urls = append(urls, fmt.Sprintf("ws://%d.example/", i))
		}
		require.NoError(t, client.SetRelays(urls))
		require.NoError(t, client.Ready(t.Context(), n))
		synctest.Wait()
		assert.Less(t, each("connected"), int64(most))
		before := ownGoroutines()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		assert.Less(t, each("after three hours"), int64(most))
		assert.LessOrEqual(t, ownGoroutines(), before)
		for _, status := range client.Relays() {
			require.Equal(t, 1, status.Connects)
			require.Greater(t, status.Traffic.BytesOut, uint64(15*6), "it was pinged")
		}
		require.NoError(t, client.SetRelays(nil))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Less(t, each("removed"), int64(most/4))
		require.NoError(t, client.Stop(context.Background()))
	})
}

// So does a guest, beside what the subscription takes that has named it. Beyond WithMaxGuests
// there are none, however many are named.
// Shows B05.
func TestGuestsTakeSomeKilobytesEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := kit.Sized(32<<10, 56<<10)
		n := kit.Sized(1_000, 300)
		client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithDialContext(bare), gennostr.WithMaxGuests(n),
			gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)))
		each := weight(t, "guests", n)
		var urls []string
		for i := range n + n/4 {
			urls = append(urls, fmt.Sprintf("ws://%d.example/", i))
		}
		sub, err := client.Subscribe(t.Context(), []nostr.Filter{kit.OfKind(1)}, gennostr.On(urls...))
		require.NoError(t, err)
		require.NoError(t, sub.CaughtUp(t.Context(), n))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		up := 0
		for _, status := range client.Guests() {
			if status.Connects > 0 {
				up++
			}
		}
		assert.Equal(t, n, up)
		assert.Less(t, each("subscribed to, and others named"), int64(most))
		sub.Close()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Empty(t, client.Guests())
		assert.Less(t, each("gone"), int64(most/4))
		require.NoError(t, client.Stop(context.Background()))
	})
}

// Publications to relays that never say OK: what is kept of each is the event and what is
// known of it on each relay. Once they are over the next ones take their place, and nothing adds up.
// Shows B10.
func TestOpenPublicationsTakeSomeKilobytesEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 8 << 10
		n := kit.Sized(4_096, 500)
		urls := []string{"ws://a.example", "ws://b.example", "ws://c.example"}
		client := kit.Launch(t, &hungless{}, kit.Quietly(), gennostr.WithDialContext(bare), gennostr.WithRelays(urls...),
			gennostr.WithPublishQueue(n), gennostr.WithSendQueue(2*n))
		require.NoError(t, client.Ready(t.Context(), len(urls)))
		note := kit.TextNote(1)
		publish := func(from int) {
			refused := 0
			for i := range n + n/4 {
				e := note.Clone()
				e.CreatedAt += nostr.Timestamp(from + i)
				e.ID = e.GetID()
				if _, err := client.StartPublish(e); err != nil {
					require.ErrorIs(t, err, gennostr.ErrPublishQueueFull)
					refused++
				}
			}
			synctest.Wait()
			require.Equal(t, n/4, refused)
		}
		each := weight(t, "publications on three relays", n)
		over := func() {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
		}
		publish(0)
		assert.Less(t, each("without an OK"), int64(most))
		over()
		assert.Less(t, each("over"), int64(kit.Sized(most/3, most)), "the OKs that are waited for, and tables that once were full")
		publish(2 * n)
		over()
		each = weight(t, "further ones", n) // the tables have their size
		publish(4 * n)
		over()
		assert.Less(t, each("over"), int64(kit.Sized(most/64, most/2)), "with few of them a table that grows weighs much")
		require.NoError(t, client.Stop(context.Background()))
	})
}
