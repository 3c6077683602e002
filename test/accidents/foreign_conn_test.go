package accidents_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// mined is a connection of the program's that blows up once it is armed, in one of its methods.
type mined struct {
	net.Conn
	method string
	armed  *atomic.Bool
}

func (m *mined) blow(method string) {
	if m.method == method && m.armed.Load() {
		panic("boom in " + method)
	}
}

func (m *mined) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.blow("Read")
	return n, err
}

func (m *mined) Write(p []byte) (int, error) {
	m.blow("Write")
	return m.Conn.Write(p)
}

func (m *mined) Close() error {
	err := m.Conn.Close()
	m.blow("Close")
	return err
}

// R44: a panic costs the connection that it is about, on whatever goroutine it comes.
func TestAConnectionOfTheProgramsThatPanicsCostsItself(t *testing.T) {
	for _, method := range []string{"Read", "Write", "Close"} {
		for _, act := range []string{"send", "ping", "cut", "remove"} {
			t.Run(method+" at "+act, func(t *testing.T) {
				kit.Virtual(t, func(t *testing.T, network *nostrtest.Network) {
					relay := network.NewRelay("ws://a.example/")
					var armed atomic.Bool
					dial := func(ctx context.Context, protocol, addr string) (net.Conn, error) {
						c, err := network.DialContext(ctx, protocol, addr)
						if err != nil {
							return nil, err
						}
						return &mined{c, method, &armed}, nil
					}
					r := &kit.Recorder{}
					client := kit.Start(t, r, gennostr.WithDialContext(dial), gennostr.WithReconnectJitter(0), gennostr.WithRelays(relay.URL()), kit.Quietly())
					require.NoError(t, client.Ready(t.Context(), 1))
					armed.Store(true)
					switch act {
					case "send":
						require.NoError(t, client.Send(relay.URL(), kit.Everything("all")))
					case "ping":
						time.Sleep(time.Minute) // virtual
					case "cut":
						relay.DisconnectAll()
					case "remove":
						require.NoError(t, client.RemoveRelay(relay.URL()))
						synctest.Wait()
						require.NoError(t, client.AddRelay(relay.URL()))
					}
					time.Sleep(2 * time.Second) // virtual: dials blow up too
					armed.Store(false)
					time.Sleep(time.Minute) // virtual
					require.NoError(t, client.Ready(t.Context(), 1))
					require.NoError(t, client.Send(relay.URL(), kit.Everything("again")))
					time.Sleep(time.Second) // virtual
					assert.Len(t, filterEOSE(r, "again"), 1)
				})
			})
		}
	}
}

func filterEOSE(r *kit.Recorder, id string) (list []kit.Note) {
	for _, n := range r.Named("OnEOSE") {
		if n.Msg.(gennostr.EOSEMessage).SubscriptionID == id {
			list = append(list, n)
		}
	}
	return list
}
