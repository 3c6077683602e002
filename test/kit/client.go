package kit

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Silent is a logger for tests and examples in which problems are the subject.
var Silent = slog.New(slog.DiscardHandler)

// Quietly keeps a test's expected problems out of its output.
func Quietly() gennostr.Option { return gennostr.WithLogger(slog.New(slog.DiscardHandler)) }

// Start starts a client that ends with the test.
func Start(t testing.TB, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	client, err := gennostr.Start(context.Background(), h, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := client.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return client
}

// Launch starts a client that the test itself brings to its end.
func Launch(t testing.TB, h gennostr.Handler, opts ...gennostr.Option) *gennostr.Client {
	t.Helper()
	client, err := gennostr.Start(context.Background(), h, opts...)
	require.NoError(t, err)
	return client
}

// Over makes a client dial over the network, without jitter. A dial policy cannot be
// combined with it; guests have none.
func Over(network *nostrtest.Network, opts ...gennostr.Option) []gennostr.Option {
	return append([]gennostr.Option{
		gennostr.WithHTTPClient(network.HTTPClient()), gennostr.WithReconnectJitter(0),
		gennostr.WithGuestOptions(gennostr.WithDialPolicy(nil)),
	}, opts...)
}

// Judge is a verifier of one function.
type Judge func(nostr.PubKey, nostr.ID, nostr.Sig) error

func (f Judge) VerifySignature(p nostr.PubKey, id nostr.ID, sig nostr.Sig) error {
	return f(p, id, sig)
}
