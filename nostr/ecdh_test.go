package nostr_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestECDHIsTheSameOnBothSides(t *testing.T) {
	for range 20 {
		a, b := nostr.GenerateSecretKey(), nostr.GenerateSecretKey()
		ab, err := a.ECDH(b.PubKey())
		require.NoError(t, err)
		ba, err := b.ECDH(a.PubKey())
		require.NoError(t, err)
		require.Equal(t, ab, ba)
		other, err := a.ECDH(nostr.GenerateSecretKey().PubKey())
		require.NoError(t, err)
		require.NotEqual(t, ab, other)

		priv, _ := btcec.PrivKeyFromBytes(mustHex(t, a.Hex()))
		pub, err := btcec.ParsePubKey(append([]byte{3}, mustHex(t, b.PubKey().String())...)) // the other y: the same x comes out
		require.NoError(t, err)
		require.Equal(t, btcec.GenerateSharedSecret(priv, pub), ab[:])
	}
}

func TestECDHRefusesWhatIsNoPoint(t *testing.T) {
	sk := nostr.GenerateSecretKey()
	for _, x := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000005", // no point of the curve
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f", // the field's prime
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30", // would be 1, which is one
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		_, err := sk.ECDH(nostr.MustPubKeyFromHex(x))
		assert.ErrorIs(t, err, nostr.ErrBadPubKey, x)
	}
	_, err := nostr.SecretKey{}.ECDH(sk.PubKey())
	assert.ErrorIs(t, err, nostr.ErrNoSecretKey)
}

// Wycheproof's keys are X.509 public keys with both coordinates. Ours are x alone, so those
// vectors count whose point is told whole, and those whose x is on no point.
func TestECDHOfWycheproof(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testdata(t), "wycheproof", "ecdh_secp256k1_test.json"))
	require.NoError(t, err)
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID                                     int
				Comment, Public, Private, Shared, Result string
			}
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	const header = "3056301006072a8648ce3d020106052b8104000a034200" // SubjectPublicKeyInfo of secp256k1, 65 bytes of point
	var agreed, refused int
	for _, group := range file.TestGroups {
		for _, c := range group.Tests {
			point, ok := strings.CutPrefix(c.Public, header+"04")
			if !ok || len(point) != 128 {
				continue
			}
			private := strings.TrimLeft(c.Private, "0")
			sk, err := nostr.SecretKeyFromHex(strings.Repeat("0", max(0, 64-len(private))) + private)
			if err != nil {
				require.NotEqual(t, "valid", c.Result, "%d %s", c.TcID, c.Comment)
				continue
			}
			shared, err := sk.ECDH(nostr.MustPubKeyFromHex(point[:64]))
			switch {
			case c.Result != "invalid":
				require.NoError(t, err, "%d %s", c.TcID, c.Comment)
				require.Equal(t, c.Shared, hex.EncodeToString(shared[:]), "%d %s", c.TcID, c.Comment)
				agreed++
			case err != nil:
				require.ErrorIs(t, err, nostr.ErrBadPubKey, "%d %s", c.TcID, c.Comment)
				refused++
			}
		}
	}
	t.Logf("%d agreed, %d refused", agreed, refused)
	assert.Greater(t, agreed, 400)
	assert.NotZero(t, refused)
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
