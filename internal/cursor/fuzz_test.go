package cursor_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/cursor"
)

// FuzzParse takes the data as a text, and as the payload of one whose checksum is
// right: the checksum keeps nearly all others out.
// Shows L01.
func FuzzParse(f *testing.F) {
	for _, c := range []*cursor.Cursor{{}, small(), {Marks: full(3, 2).Marks}, {Unfinished: small().Unfinished}} {
		f.Add(text(f, c))
	}
	zeros := make([]byte, 8)
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Add(fmt.Appendf(nil, "\x01%s\x01%s\x01\x00\x0f\x02\x04\x00\x01%s", zeros, zeros, zeros))
	f.Add([]byte("g2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, given := range [][]byte{data, cursor.Text(data)} {
			c, err := cursor.Parse(given)
			if err != nil {
				require.Nil(t, c)
				require.Less(t, len(err.Error()), 200)
				continue
			}
			require.Equal(t, string(given), string(text(t, c)), "a cursor has one text")
		}
	})
}
