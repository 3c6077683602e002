package strictjson_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// Every byte at every place of strings of every length around the width of a word, against
// the rule written out.
func TestEachByteEndsPlainTextWhereItShould(t *testing.T) {
	for length := 1; length <= 19; length++ {
		for at := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("~", length))
				text[at] = byte(c)
				data := append(append([]byte{'"'}, text...), '"')
				s := strictjson.New(data)
				got, err := s.String(nil)
				switch {
				case c == '"':
					require.NoError(t, err)
					require.Equal(t, text[:at], got)
				case c == '\\':
					require.Error(t, err) // no escape goes on with a tilde or a quote and nothing after
				case c < ' ', c >= 0x80:
					require.Error(t, err)
					require.Equal(t, at+1, err.(*strictjson.SyntaxError).Offset)
				default:
					require.NoError(t, err)
					require.Equal(t, text, got)
				}
				var want []byte
				for _, b := range text {
					want = append(want, quoteOf(b)...)
				}
				require.Equal(t, `"`+string(want)+`"`, string(strictjson.AppendQuote(nil, string(text))))
			}
		}
	}
}

// quoteOf is the escape table of NIP-01, and \u00xx for the other control bytes.
func quoteOf(b byte) string {
	switch b {
	case '\n':
		return `\n`
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	}
	if b < ' ' {
		return `\u00` + string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15])
	}
	return string([]byte{b})
}

func TestQuoteAppends(t *testing.T) {
	assert.Equal(t, `x""`, string(strictjson.AppendQuote([]byte("x"), "")))
	assert.Equal(t, "\"\u2028\u2029</script>&\x7f\U0001F600\"", string(strictjson.AppendQuote(nil, "\u2028\u2029</script>&\x7f\U0001F600")))
	assert.Equal(t, `"\u0000\u001f\\\""`, string(strictjson.AppendQuote(nil, "\x00\x1f\\\"")))
}

func TestStringsAreUnescaped(t *testing.T) {
	for data, want := range map[string]string{
		`""`: "", `"plain"`: "plain", `"\""`: `"`, `"a\nb"`: "a\nb", `"\\\/\b\f\r\t"`: "\\/\b\f\r\t",
		`"\u0041\u00e9\u20ac\uFFFD"`: "A\u00e9\u20ac\ufffd", `"\uD83D\uDE00!"`: "\U0001F600!", `"\u0000"`: "\x00",
		"\"\u00e9\\n\U0001F600\"": "\u00e9\n\U0001F600", `"\\u0041"`: `\u0041`, `"\uDBFF\uDFFF"`: "\U0010FFFF",
	} {
		s := strictjson.New([]byte(data))
		span, err := s.Span()
		require.NoError(t, err, data)
		assert.Equal(t, len(want), span.Size, data)
		raw := data[span.Start:span.End]
		assert.Equal(t, raw != want, span.Escaped(), data)

		s = strictjson.New([]byte(data))
		gotRaw, escaped, err := s.RawString()
		require.NoError(t, err)
		assert.Equal(t, raw, string(gotRaw))
		assert.Equal(t, span.Escaped(), escaped)

		s = strictjson.New([]byte(data))
		got, err := s.String(nil)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), data)

		assert.Equal(t, "x"+want, string(strictjson.AppendUnescaped([]byte("x"), gotRaw)))
		var b strings.Builder
		strictjson.WriteUnescaped(&b, gotRaw)
		assert.Equal(t, want, b.String())
	}
}

func TestStringAliasesTheDataOnlyWithoutEscapes(t *testing.T) {
	data := []byte(`"plain" "\nescaped"`)
	buf := make([]byte, 0, 64)
	s := strictjson.New(data)
	plain, err := s.String(buf)
	require.NoError(t, err)
	assert.Same(t, &data[1], &plain[0])
	assert.Equal(t, len(plain), cap(plain), "an append must not write into the data")
	escaped, err := s.String(buf)
	require.NoError(t, err)
	assert.Same(t, &buf[:1][0], &escaped[0])
	clear(data)
	assert.Equal(t, "\nescaped", string(escaped))
}

func TestUncheckedTextIsUnescapedWithoutPanic(t *testing.T) {
	for _, raw := range []string{`\`, `a\`, `\x`, `\u12`, `a\ud800`, `\ud83d\u0041`} {
		assert.Equal(t, raw, string(strictjson.AppendUnescaped(nil, []byte(raw))))
		var b strings.Builder
		strictjson.WriteUnescaped(&b, []byte(raw))
		assert.Equal(t, raw, b.String())
	}
}

func FuzzScanner(f *testing.F) {
	for _, data := range []string{
		`{"id":"ab","tags":[["e","x"],[]],"n":-1.5e3}`, ` [true,false,null,0] `, `"\u0041\ud83d\ude00\n"`, `"\ud800"`, "\"\xff\"",
		`12345678901234567890`, `-0`, `{"a":1,}`, `[1,]`, `01`, strings.Repeat("[", 65), `"00ff"`, "00ff", "0A", "", "\x00", `{"a":1`, "\"\u2028\"",
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := strictjson.New(data)
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		valid := json.Valid(data)
		if err == nil && !valid {
			t.Fatalf("accepted what is no JSON: %q", data)
		}
		if err != nil && valid && !strictOnPurpose(t, data, err) {
			t.Fatalf("refused JSON: %q: %v", data, err)
		}
		fuzzString(t, data)
		fuzzInteger(t, data)
		fuzzQuote(t, string(data))
		fuzzHex(t, data)
	})
}

// fuzzHex compares with encoding/hex, which takes capitals too.
func fuzzHex(t *testing.T, data []byte) {
	got := make([]byte, len(data)/2)
	want, err := hex.DecodeString(string(data))
	taken := err == nil && !strings.ContainsAny(string(data), "ABCDEF")
	if strictjson.DecodeHex(got, data) != taken || taken && !bytes.Equal(want, got) {
		t.Fatalf("hex %q: %x, %v", data, got, err)
	}
}

// strictOnPurpose looks whether the refusal is one of the three of the package comment,
// without asking the scanner.
func strictOnPurpose(t *testing.T, data []byte, err error) bool {
	offset := err.(*strictjson.SyntaxError).Offset
	switch msg := err.(*strictjson.SyntaxError).Msg; msg {
	case "bytes that are not UTF-8 in a string":
		return !utf8.Valid(data)
	case "surrogate escape without its other half in a string":
		return strings.HasPrefix(strings.ToLower(string(data[offset:])), `\ud`)
	case "nested too deeply":
		return strings.Count(string(data[:offset+1]), "[")+strings.Count(string(data[:offset+1]), "{") > strictjson.MaxDepth
	default:
		t.Logf("%s", msg)
		return false
	}
}

func fuzzString(t *testing.T, data []byte) {
	s := strictjson.New(data)
	got, err := s.String(nil)
	if err != nil || s.End() != nil {
		return
	}
	var want string
	if err := json.Unmarshal(data, &want); err != nil || want != string(got) {
		t.Fatalf("%q: got %q, want %q, %v", data, got, want, err)
	}
	if !utf8.Valid(got) {
		t.Fatalf("%q: not UTF-8", got)
	}
}

func fuzzInteger(t *testing.T, data []byte) {
	var want int64
	wantErr := json.Unmarshal(data, &want)
	s := strictjson.New(data)
	got, err := s.Int64()
	if err == nil {
		err = s.End()
	}
	if string(data) != "null" && (err == nil) != (wantErr == nil) && !strings.Contains(string(data), "null") || err == nil && got != want {
		t.Fatalf("%q: got %d, %v, want %d, %v", data, got, err, want, wantErr)
	}
}

func fuzzQuote(t *testing.T, text string) {
	quoted := strictjson.AppendQuote(nil, text)
	s := strictjson.New(quoted)
	got, err := s.String(nil)
	switch {
	case err == nil && string(got) != text:
		t.Fatalf("%q came back as %q", text, got)
	case (err == nil) != utf8.ValidString(text):
		t.Fatalf("%q: %v", text, err)
	}
}
