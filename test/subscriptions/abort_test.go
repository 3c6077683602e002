package subscriptions_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
	"github.com/gennostr/gennostr/test/kit"
)

type failing struct {
	gennostr.BaseHandler
	sub *gennostr.Subscription
}

func (f *failing) Init(self *gennostr.Self) (err error) {
	if f.sub, err = self.Client().Subscribe(context.Background(), textNotes); err != nil {
		return err
	}
	return errors.New("no database")
}

// A server that Init has started ranges over a subscription; Init fails, so the client
// has stopped: the loop ends.
func TestALoopOverASubscriptionEndsWhenInitFails(t *testing.T) {
	t.Parallel()
	kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
		f := &failing{}
		_, err := gennostr.Start(t.Context(), f, kit.Over(network, kit.Quietly())...)
		require.Error(t, err)
		ended := make(chan struct{})
		go func() { // ends with the subscription; joined below
			for range f.sub.All() {
			}
			close(ended)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-ended:
			assert.ErrorIs(t, f.sub.Err(), gennostr.ErrClientClosed)
		default:
			assert.Fail(t, "the loop goes on")
			f.sub.Close()
			<-ended
		}
	})
}
