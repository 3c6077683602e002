package nostr_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

// echo is a database of one row: the arguments of the query, as the driver got them.
type echo struct{}

func (echo) Connect(context.Context) (driver.Conn, error) { return echo{}, nil }
func (echo) Driver() driver.Driver                        { return nil }
func (echo) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (echo) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (echo) Close() error                                 { return nil }
func (echo) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	return &row{args: args}, nil
}

type row struct {
	args []driver.NamedValue
	read bool
}

func (r *row) Columns() []string { return make([]string, len(r.args)) }
func (r *row) Close() error      { return nil }
func (r *row) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	for i, arg := range r.args {
		dest[i] = arg.Value
	}
	return nil
}

func TestIDsKeysAndDatesGoThroughADatabase(t *testing.T) {
	db := sql.OpenDB(echo{})
	defer db.Close()
	id, pk, sig, at := nostr.MustIDFromHex(hexA), nostr.MustPubKeyFromHex(hexB), nostr.MustSigFromHex(hexSig), nostr.Timestamp(1700000000)
	var gotID nostr.ID
	var gotPK nostr.PubKey
	var gotSig nostr.Sig
	var gotAt nostr.Timestamp
	require.NoError(t, db.QueryRow("", id, pk, sig, at).Scan(&gotID, &gotPK, &gotSig, &gotAt))
	assert.True(t, gotID == id && gotPK == pk && gotSig == sig && gotAt == at)

	var texts [3]string
	var seconds int64
	require.NoError(t, db.QueryRow("", id, &pk, sig, at).Scan(&texts[0], &texts[1], &texts[2], &seconds))
	assert.Equal(t, [3]string{hexA, hexB, hexSig}, texts, "hex goes in")
	assert.EqualValues(t, 1700000000, seconds)

	var maybe, none sql.Null[nostr.ID]
	var never sql.Null[nostr.Timestamp]
	require.NoError(t, db.QueryRow("", id, nil, nil).Scan(&maybe, &none, &never))
	assert.Equal(t, sql.Null[nostr.ID]{V: id, Valid: true}, maybe)
	assert.False(t, none.Valid || never.Valid)
	err := db.QueryRow("", nil).Scan(&gotID)
	assert.ErrorContains(t, err, "NULL")
	assert.ErrorContains(t, err, "sql.Null")
	var text sql.NullString
	require.NoError(t, db.QueryRow("", none).Scan(&text))
	assert.False(t, text.Valid)
	require.NoError(t, db.QueryRow("", maybe).Scan(&text))
	assert.Equal(t, hexA, text.String)
}

func TestScanTakesHexAndBytesAndNothingElse(t *testing.T) {
	id, sig := nostr.MustIDFromHex(hexA), nostr.MustSigFromHex(hexSig)
	for _, src := range []any{hexA, []byte(hexA), id[:]} {
		var gotID nostr.ID
		var gotPK nostr.PubKey
		require.NoError(t, gotID.Scan(src))
		require.NoError(t, gotPK.Scan(src))
		assert.True(t, gotID == id && gotPK == nostr.PubKey(id))
	}
	for _, src := range []any{hexSig, []byte(hexSig), sig[:]} {
		var got nostr.Sig
		require.NoError(t, got.Scan(src))
		assert.Equal(t, sig, got)
	}
	for _, bad := range []any{nil, "", hexA[1:], hexA + "0", strings.ToUpper(hexA), []byte{}, id[:31], string(id[:]), 7, int64(7), true, 1.5, time.Now()} {
		keptID, keptPK, keptSig := id, nostr.PubKey(id), sig
		for _, err := range []error{keptID.Scan(bad), keptPK.Scan(bad), keptSig.Scan(bad)} {
			require.Error(t, err, "%v", bad)
			assert.ErrorContains(t, err, "nostr: ")
			assert.NotContains(t, err.Error(), hexA[1:], "errors do not repeat what may be a secret key")
		}
		assert.True(t, keptID == id && keptPK == nostr.PubKey(id) && keptSig == sig, "%v changes nothing", bad)
	}

	for src, want := range map[any]nostr.Timestamp{
		int64(-5): -5, "1700000000": 1700000000, time.Unix(1700000000, 999): 1700000000, int64(math.MaxInt64): math.MaxInt64,
	} {
		var got nostr.Timestamp
		require.NoError(t, got.Scan(src), "%v", src)
		assert.Equal(t, want, got)
	}
	kept := nostr.Timestamp(9)
	require.NoError(t, kept.Scan([]byte("9")))
	for _, bad := range []any{nil, "", "now", "1.5", []byte("9223372036854775808"), 1.5, true} {
		assert.Error(t, kept.Scan(bad), "%v", bad)
		assert.Equal(t, nostr.Timestamp(9), kept)
	}
}
