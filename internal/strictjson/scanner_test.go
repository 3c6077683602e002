package strictjson_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/strictjson"
)

// skipAll reads data as one value with nothing behind it.
func skipAll(data string) error {
	s := strictjson.New([]byte(data))
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestSkipAcceptsJSON(t *testing.T) {
	for _, data := range []string{
		`null`, `true`, `false`, `0`, `-0`, `7`, `-12`, `0.5`, `1e9`, `1E+9`, `1.25e-3`, `""`, `"a"`,
		`[]`, `{}`, `[1]`, `[1,2]`, `[[],{}]`, `{"a":1}`, `{"a":{"b":[]},"a":2}`, `{"":0}`,
		" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n", "\n{\t\"a\" \r: 1 , \"b\":2 }\n",
		`"\"\\\/\b\f\n\r\t"`, `"\u0000\u00e9\uD83D\uDE00"`, "\"\u00e9\u2028\U0001F600\x7f\"",
		"1" + strings.Repeat("0", 500), `1e99999`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		assert.NoError(t, skipAll(data), "%.40s", data)
	}
}

func TestSkipRefusesWithAnOffset(t *testing.T) {
	for _, tt := range []struct {
		data   string
		offset int
		msg    string
	}{
		{``, 0, "expected a value, found the end of the data"},
		{"  ", 2, "the end of the data"},
		{"\x00", 0, "expected a value, found a byte that starts no JSON value"},
		{"\ufeff1", 0, "a byte that starts no JSON value"},
		{`nul`, 0, "not a JSON value"},
		{`True`, 0, "a byte that starts no JSON value"},
		{`falsey`, 5, "trailing data"},
		{`tru`, 0, "not a JSON value"},
		{`1 2`, 2, "trailing data"},
		{`01`, 1, "malformed number"},
		{`-`, 1, "number without digits"},
		{`-a`, 1, "number without digits"},
		{`+1`, 0, "a byte that starts no JSON value"},
		{`.5`, 0, "a byte that starts no JSON value"},
		{`1.`, 2, "without digits after its point"},
		{`1.e3`, 2, "without digits after its point"},
		{`1e`, 2, "without digits in its exponent"},
		{`1e+`, 3, "without digits in its exponent"},
		{`0x10`, 1, "malformed number"},
		{`12"`, 2, "trailing data"},
		{`1.5.1`, 3, "malformed number"},
		{`1-2`, 1, "malformed number"},
		{`[1,]`, 3, "nothing after a comma"},
		{`[,1]`, 1, "expected a value, found ','"},
		{`[1 2]`, 3, "expected ',' or ']', found a number"},
		{`[1:2]`, 2, "expected ',' or ']', found ':'"},
		{`[1}`, 2, "expected ',' or ']', found '}'"},
		{`[1`, 2, "expected ',' or ']', found the end of the data"},
		{`[`, 1, "expected a value, found the end of the data"},
		{`{"a":1,}`, 7, "nothing after a comma"},
		{`{"a":1]`, 6, "expected ',' or '}', found ']'"},
		{`{a:1}`, 1, "expected a key in quotes"},
		{`{1:1}`, 1, "expected a key in quotes, found a number"},
		{`{null:1}`, 1, "expected a key in quotes, found null"},
		{`{"a"}`, 4, "expected ':', found '}'"},
		{`{"a" true}`, 5, "expected ':', found a boolean"},
		{`{"a":}`, 5, "expected a value, found '}'"},
		{`{"a":1,"b`, 9, "closing quote"},
		{`"`, 1, "closing quote"},
		{`"abcdefgh`, 9, "closing quote"},
		{`"abc\`, 4, "bad escape"},
		{`"\x41"`, 1, "bad escape"},
		{`"\u12"`, 1, "bad escape"},
		{`"\u12g4"`, 1, "bad escape"},
		{`"\U0041"`, 1, "bad escape"},
		{"\"a\tb\"", 2, "control byte"},
		{"\"0123456789\x00\"", 11, "control byte"},
		{"\"a\xff\"", 2, "not UTF-8"},
		{"\"\xc3\"", 1, "not UTF-8"},
		{"\"\xc0\xaf\"", 1, "not UTF-8"},
		{"\"\xed\xa0\x80\"", 1, "not UTF-8"},
		{"\"\xf4\x90\x80\x80\"", 1, "not UTF-8"},
		{"\"\u00e9\xe2\x82", 3, "not UTF-8"},
		{`"\ud800"`, 1, "surrogate"},
		{`"\udc00"`, 1, "surrogate"},
		{`"\ud800\n"`, 1, "surrogate"},
		{`"\ud83d\ud83d"`, 1, "surrogate"},
		{`"\ude00\ud83d"`, 1, "surrogate"},
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), 64, "nested too deeply"},
		{strings.Repeat(`{"a":`, 65), 64 * 5, "nested too deeply"},
		{strings.Repeat("[", 1_000_000), 64, "nested too deeply"},
		{`'a'`, 0, "a byte that starts no JSON value"},
		{`[1]]`, 3, "trailing data"},
		{`// comment`, 0, "a byte that starts no JSON value"},
		{"\u00a01", 0, "a byte that starts no JSON value"},
		{"\v1", 0, "a byte that starts no JSON value"},
	} {
		err := skipAll(tt.data)
		var syntax *strictjson.SyntaxError
		if assert.ErrorAs(t, err, &syntax, "%.40q", tt.data) {
			assert.Equal(t, tt.offset, syntax.Offset, "%.40q: %v", tt.data, err)
			assert.Contains(t, err.Error(), tt.msg, "%.40q", tt.data)
		}
	}
}

func TestErrorsDoNotRepeatTheInput(t *testing.T) {
	for _, data := range []string{`SECRET`, `{"a":SECRET}`, `"SECRET\q"`, `[1 "SECRET"]`, `{"SECRET"1}`} {
		err := skipAll(data)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "SECRET")
	}
}

func TestDepthIsOfWhatIsOpenNow(t *testing.T) {
	row := strings.Repeat("[", 63) + strings.Repeat("]", 63)
	assert.NoError(t, skipAll("["+strings.Repeat(row+",", 100)+row+"]"))
}

func TestArraysAndObjectsAreReadMemberByMember(t *testing.T) {
	s := strictjson.New([]byte(` [ 1 , "two" , {"a": true, "\u0062" :false, "c":null} , [] ] x`))
	require.NoError(t, s.Array())
	var got []any
	for n := 0; ; n++ {
		more, err := s.NextElement(n)
		require.NoError(t, err)
		if !more {
			assert.Equal(t, 4, n)
			break
		}
		switch s.Peek() {
		case '1':
			v, err := s.Int64()
			require.NoError(t, err)
			got = append(got, v)
		case '"':
			v, err := s.String(nil)
			require.NoError(t, err)
			got = append(got, string(v))
		case '{':
			require.NoError(t, s.Object())
			for n := 0; ; n++ {
				key, more, err := s.NextKey(n, nil)
				require.NoError(t, err)
				if !more {
					break
				}
				got = append(got, string(key))
				if s.Peek() == 'n' {
					require.NoError(t, s.Null())
					continue
				}
				v, err := s.Bool()
				require.NoError(t, err)
				got = append(got, v)
			}
		case '[':
			start := s.Pos()
			require.NoError(t, s.Skip())
			got = append(got, string(s.Since(start)))
		}
	}
	assert.Equal(t, []any{int64(1), "two", "a", true, "b", false, "c", "[]"}, got)
	assert.Equal(t, " x", string(s.Rest()))
	assert.ErrorContains(t, s.End(), "trailing data")
	s.Advance(2)
	assert.NoError(t, s.End())
	s.Advance(100)
	assert.Empty(t, s.Rest())
	assert.Zero(t, s.Peek())
}

func TestWrongTypesAreNamed(t *testing.T) {
	read := map[string]func(*strictjson.Scanner) error{
		"an array":      (*strictjson.Scanner).Array,
		"an object":     (*strictjson.Scanner).Object,
		"null":          (*strictjson.Scanner).Null,
		"true or false": func(s *strictjson.Scanner) error { _, err := s.Bool(); return err },
		"an integer":    func(s *strictjson.Scanner) error { _, err := s.Int64(); return err },
		"a string":      func(s *strictjson.Scanner) error { _, err := s.String(nil); return err },
		"','":           func(s *strictjson.Scanner) error { return s.Expect(',') },
	}
	values := map[string]string{
		"an array": `[1]`, "an object": `{"a":1}`, "null": `null`, "a boolean": `true`, "a number": `-1`,
		"a string": `"x"`, "':'": `:`, "the end of the data": ``,
	}
	same := map[string]string{"true or false": "a boolean", "an integer": "a number"}
	for want, f := range read {
		for found, data := range values {
			s := strictjson.New([]byte(" \n" + data))
			err := f(&s)
			if want == found || same[want] == found {
				assert.NoError(t, err, "%s from %s", want, data)
				continue
			}
			require.Error(t, err, "%s from %s", want, data)
			assert.Equal(t, "expected "+want+", found "+found+" at byte 2", err.Error())
		}
	}
	s := strictjson.New([]byte(`"abc"`))
	_, _, err := s.RawString()
	assert.NoError(t, err)
	assert.Error(t, s.Expect(','))
}

func TestIntegers(t *testing.T) {
	for data, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "-7": -7, "9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63, "1700000000": 1700000000,
	} {
		s := strictjson.New([]byte(data))
		got, err := s.Int64()
		if assert.NoError(t, err, data) {
			assert.Equal(t, want, got)
		}
		assert.NoError(t, s.End())
	}
	for data, msg := range map[string]string{
		"9223372036854775808": "too large", "-9223372036854775809": "too large", "18446744073709551616": "too large",
		"99999999999999999999999": "too large", "-1" + strings.Repeat("0", 1000): "too large",
		"1.0": "fraction", "1e3": "exponent", "1E0": "exponent", "-0.0": "fraction", "01": "malformed", "1x": "malformed", "1_000": "malformed",
		"-": "without digits", "": "end of the data", "--1": "without digits", `"1"`: "found a string", "NaN": "starts no JSON value",
	} {
		s := strictjson.New([]byte(data))
		_, err := s.Int64()
		assert.ErrorContains(t, err, msg, "%.30s", data)
	}
}

func TestUnsignedIntegersAreBounded(t *testing.T) {
	for _, tt := range []struct {
		data string
		max  uint64
		msg  string
	}{
		{"0", 0, ""}, {"65535", 65535, ""}, {"9223372036854775807", 1<<63 - 1, ""}, {"18446744073709551615", 1<<64 - 1, ""},
		{"1", 0, "too large"}, {"65536", 65535, "too large"}, {"9223372036854775808", 1<<63 - 1, "too large"},
		{"18446744073709551616", 1<<64 - 1, "too large"}, {"99999999999999999999", 1<<64 - 1, "too large"},
		{"184467440737095516150", 1<<64 - 1, "too large"},
		{"-1", 9, "negative"}, {"-0", 9, "negative"}, {"1.5", 9, "fraction"}, {"1e0", 9, "exponent"},
		{"null", 9, "expected an integer, found null"}, {"[]", 9, "found an array"}, {"00", 9, "malformed"},
	} {
		s := strictjson.New([]byte(tt.data))
		got, err := s.Uint64(tt.max)
		if tt.msg != "" {
			assert.ErrorContains(t, err, tt.msg, tt.data)
			continue
		}
		if assert.NoError(t, err, tt.data) {
			assert.Equal(t, tt.max, got)
		}
	}
}

func TestHexIsExact(t *testing.T) {
	read := func(data string) ([4]byte, string, error) {
		var dst [4]byte
		s := strictjson.New([]byte(data))
		err := s.Hex(dst[:])
		return dst, string(s.Rest()), err
	}
	for _, data := range []string{` "00ff1a9c",`, `"\u0030\u0030ff1a9c",`, `"00ff1a9\u0063",`} {
		got, rest, err := read(data)
		if assert.NoError(t, err, data) {
			assert.Equal(t, [4]byte{0, 0xff, 0x1a, 0x9c}, got)
			assert.Equal(t, ",", rest)
		}
	}
	for data, msg := range map[string]string{
		`"00FF1A9C"`: "not lower-case hex", `"00ff1a9"`: "wrong length", `"00ff1a9c0"`: "wrong length", `""`: "wrong length",
		`"00ff1a9g"`: "not lower-case hex", `"00ff1a9 "`: "not lower-case hex", `"00ff1a\n9"`: "not lower-case hex", "\"00ff1a\u00e9\"": "not lower-case hex",
		`"00ff1a9c`: "closing quote", `00ff1a9c`: "expected a string, found a number", `["00ff1a9c"]`: "found an array",
		"\"00ff1a\n9\"": "control byte", `"00ff1a\q9"`: "bad escape", "\"00ff1a\xc39\"": "not UTF-8", ``: "end of the data",
	} {
		_, _, err := read(data)
		assert.ErrorContains(t, err, msg, data)
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	data := []byte(`{"a":[1,-2,3.5e7,"plain","\u0065sc\naped",true,null],"b\n":{"c":"00ff"}}`)
	var buf [64]byte
	allocs := testing.AllocsPerRun(100, func() {
		s := strictjson.New(data)
		if s.Skip() != nil || s.End() != nil {
			panic("refused")
		}
		s = strictjson.New(data)
		_ = s.Object()
		for n := 0; ; n++ {
			_, more, err := s.NextKey(n, buf[:])
			if err != nil {
				panic(err)
			}
			if !more {
				break
			}
			_ = s.Skip()
		}
	})
	assert.Zero(t, allocs)
}
