package strictjson_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/strictjson"
)

func TestTextRepairsWhatStringRefuses(t *testing.T) {
	for raw, want := range map[string]struct{ text, problem string }{
		`"plain"`:                     {"plain", ""},
		` "\u00e9\n\ud83d\ude00"`:     {"é\n😀", ""},
		`"cut \ud83d"`:                {"cut \ufffd", "surrogate"},
		`"\ude00\ud83d."`:             {"\ufffd\ufffd.", "surrogate"},
		"\"cut \xf0\x9f\x98\"":        {"cut \ufffd\ufffd\ufffd", "UTF-8"},
		"\"line\nline\x00\"":          {"line\nline\x00", "control byte"},
		`"\x \u12 \"quoted\" \ud800"`: {"\ufffd \ufffd12 \"quoted\" \ufffd", "bad escape"},
		`"\\"`:                        {`\`, ""},
		"\"\\\xff\"":                  {"\ufffd", "bad escape"},
	} {
		s := strictjson.New([]byte(raw + "]"))
		text, problem, err := s.Text()
		require.NoError(t, err, raw)
		assert.Equal(t, want.text, text, raw)
		if want.problem == "" {
			assert.NoError(t, problem, raw)
		} else {
			assert.ErrorContains(t, problem, want.problem, raw)
		}
		assert.Equal(t, "]", string(s.Rest()), raw)
	}
	for _, raw := range []string{``, `7`, `null`, `[]`, `"`, `"\`, `"\"`, "\"\xff", `"\ud800`, `x"y"`} {
		s := strictjson.New([]byte(raw))
		_, _, err := s.Text()
		var syntax *strictjson.SyntaxError
		assert.ErrorAs(t, err, &syntax, raw)
	}
}

// Where a string is JSON, Text is String; where it is not, its end is where a
// reader that knows nothing but quotes and backslashes would see it.
func FuzzText(f *testing.F) {
	for _, raw := range []string{`"a"`, `"\ud83d\ude00\ud83d"`, "\"\xff\\\xff\"", `"\u12"34"`, `"\\\""`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		strict, lenient := strictjson.New(raw), strictjson.New(raw)
		want, strictErr := strict.String(nil)
		text, problem, err := lenient.Text()
		require.True(t, utf8.ValidString(text))
		if strictErr == nil {
			require.NoError(t, err)
			require.NoError(t, problem)
			require.Equal(t, string(want), text)
			require.Equal(t, strict.Pos(), lenient.Pos())
			return
		}
		if err == nil {
			require.Error(t, problem)
			require.Equal(t, byte('"'), raw[lenient.Pos()-1])
		}
	})
}
