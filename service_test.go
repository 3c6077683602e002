package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/thejerf/suture/v4"
	"golang.org/x/sync/errgroup"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// generations makes handlers for a service and keeps them.
type generations struct {
	mu   sync.Mutex
	bots []*bot // guarded by mu
}

// factory makes bots whose casts are what HandleCast returns, or panics with.
func (g *generations) factory() gennostr.Handler {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := newBot(func(_ *gennostr.Self, n note) error {
		if n.Name != "HandleCast" {
			return nil
		}
		if err, ok := n.Msg.(error); ok {
			return err
		}
		panic(n.Msg)
	})
	g.bots = append(g.bots, b)
	return b
}

func (g *generations) all() []*bot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*bot(nil), g.bots...)
}

// events collects what a suture supervisor tells.
type events struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (e *events) hook(ev suture.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if end, ok := ev.(suture.EventServiceTerminate); ok {
		e.list = append(e.list, fmt.Sprintf("%s: %v, restarting %v", end.ServiceName, end.Err, end.Restarting))
		return
	}
	e.list = append(e.list, ev.String())
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.list...)
}

// supervised runs a service named "svc", with one relay, under suture, in virtual time.
func supervised(t *testing.T, f func(t *testing.T, g *generations, relay *nostrtest.Relay, s *suture.Supervisor, told *events), opts ...gennostr.Option) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		var g generations
		var told events
		relay := network.NewRelay(stageURL)
		supervisor := suture.New("test", suture.Spec{EventHook: told.hook})
		supervisor.Add(gennostr.Service(g.factory, append(over(network, gennostr.WithRelays(stageURL), gennostr.WithName("svc"), quietly()), opts...)...))
		ctx, cancel := context.WithCancel(t.Context())
		ended := supervisor.ServeBackground(ctx)
		synctest.Wait()
		f(t, &g, relay, supervisor, &told)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		synctest.Wait()
		assert.Nil(t, gennostr.Whereis("svc"), "nothing is left running")
		assert.NoError(t, relay.WaitConnections(t.Context(), 0))
		for _, b := range g.all() {
			assert.Len(t, b.Named("Terminate"), 1)
		}
	})
}

func TestServiceUnderSutureIsBackWithFreshState(t *testing.T) {
	supervised(t, func(t *testing.T, g *generations, relay *nostrtest.Relay, _ *suture.Supervisor, told *events) {
		for crash := range 3 {
			require.NoError(t, gennostr.Whereis("svc").Cast(fmt.Sprint("crash ", crash)))
			synctest.Wait()
		}
		require.Len(t, g.all(), 4)
		for _, b := range g.all() {
			assert.Equal(t, []string{"Init", "OnConnect"}, b.Names()[:2], "each start gets a handler and a connection of its own")
		}
		assert.Equal(t, []string{
			"svc: gennostr: panic in HandleCast: crash 0, restarting true",
			"svc: gennostr: panic in HandleCast: crash 1, restarting true",
			"svc: gennostr: panic in HandleCast: crash 2, restarting true",
		}, told.all())
		assert.Len(t, relay.Connections(), 1)
	})
}

// Shows D06.
func TestServiceUnderSutureStartsAgainAfterEveryFailure(t *testing.T) {
	// What failed was somebody else's deadline: not the end of the service's own
	// context, which suture would take as an end that it had asked for.
	for _, reason := range []error{
		io.ErrUnexpectedEOF, context.DeadlineExceeded, fmt.Errorf("a query: %w", context.Canceled),
	} {
		t.Run(reason.Error(), func(t *testing.T) {
			supervised(t, func(t *testing.T, g *generations, _ *nostrtest.Relay, s *suture.Supervisor, told *events) {
				require.NoError(t, gennostr.Whereis("svc").Cast(gennostr.Stop(reason)))
				synctest.Wait()
				assert.Len(t, g.all(), 2)
				assert.Len(t, s.Services(), 1)
				assert.Equal(t, []string{fmt.Sprintf("svc: %v, restarting true", reason)}, told.all())
			})
		})
	}
}

func TestServiceUnderSutureStaysStoppedIfItSaysSo(t *testing.T) {
	for _, end := range []error{gennostr.ErrStop, gennostr.ErrShutdown} {
		supervised(t, func(t *testing.T, g *generations, _ *nostrtest.Relay, s *suture.Supervisor, told *events) {
			require.NoError(t, gennostr.Whereis("svc").Cast(end))
			synctest.Wait()
			time.Sleep(time.Hour) // virtual
			assert.Len(t, g.all(), 1)
			assert.Empty(t, s.Services())
			assert.Empty(t, told.all())
		}, gennostr.WithStopError(suture.ErrDoNotRestart))
	}
	supervised(t, func(t *testing.T, g *generations, _ *nostrtest.Relay, _ *suture.Supervisor, _ *events) {
		require.NoError(t, gennostr.Whereis("svc").Cast(gennostr.ErrStop))
		synctest.Wait()
		assert.Len(t, g.all(), 2, "without WithStopError suture starts again whatever has ended")
	})
}

func TestServiceUnderErrgroupEndsWithItsGroup(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		relay := network.NewRelay(stageURL)
		var failing, steady generations
		group, ctx := errgroup.WithContext(t.Context())
		for name, g := range map[string]*generations{"failing": &failing, "steady": &steady} {
			service := gennostr.Service(g.factory, over(network, gennostr.WithRelays(stageURL), gennostr.WithName(name), quietly())...)
			group.Go(func() error { return service.Serve(ctx) })
		}
		synctest.Wait()
		assert.Len(t, relay.Connections(), 2)
		require.NoError(t, gennostr.Whereis("failing").Cast(gennostr.Stop(io.ErrUnexpectedEOF)))
		assert.Equal(t, io.ErrUnexpectedEOF, group.Wait(), "the group's error is why the first one ended")
		ends := steady.all()[0].Named("Terminate")
		require.Len(t, ends, 1)
		assert.Equal(t, gennostr.ErrShutdown, ends[0].Msg, "the others were stopped in good order")
	})
}

// WithStopError is for a client that has stopped by itself, not for the end of ctx.
func TestServiceThatIsToldToEndReturnsNoStopError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		service := gennostr.Service(func() gennostr.Handler { return nil }, gennostr.WithStopError(suture.ErrDoNotRestart))
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- service.Serve(ctx) }()
		synctest.Wait()
		cancel()
		assert.NoError(t, <-served)
	})
}

func TestServiceErrorKeepsWhatItWraps(t *testing.T) {
	service := gennostr.Service(func() gennostr.Handler {
		return newBot(func(*gennostr.Self, note) error {
			return gennostr.Stop(fmt.Errorf("%w: %w", context.Canceled, &gennostr.CloseError{Code: 1013}))
		})
	}, quietly())
	err := service.Serve(t.Context())
	var closed *gennostr.CloseError
	require.ErrorAs(t, err, &closed)
	assert.Equal(t, 1013, closed.Code)
	assert.NotErrorIs(t, err, context.Canceled)
	assert.Equal(t, "gennostr client", service.String())

	assert.ErrorContains(t, gennostr.Service(nil).Serve(t.Context()), "factory")
	err = gennostr.Service(nil, gennostr.WithCallTimeout(-1)).Serve(t.Context())
	assert.ErrorContains(t, err, "WithCallTimeout")
	assert.False(t, errors.Is(err, suture.ErrDoNotRestart))
}
