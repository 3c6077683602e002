package strictjson_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stricter lists the cases of JSONTestSuite that may be accepted ("i") or must be ("y"), and
// are refused here, with the reason. All other i cases are accepted.
var stricter = map[string]string{
	"i_object_key_lone_2nd_surrogate.json":                "surrogate",
	"i_string_1st_surrogate_but_2nd_missing.json":         "surrogate",
	"i_string_1st_valid_surrogate_2nd_invalid.json":       "surrogate",
	"i_string_incomplete_surrogate_and_escape_valid.json": "surrogate",
	"i_string_incomplete_surrogate_pair.json":             "surrogate",
	"i_string_incomplete_surrogates_escape_valid.json":    "surrogate",
	"i_string_invalid_lonely_surrogate.json":              "surrogate",
	"i_string_invalid_surrogate.json":                     "surrogate",
	"i_string_inverted_surrogates_U+1D11E.json":           "surrogate",
	"i_string_lone_second_surrogate.json":                 "surrogate",
	"i_string_UTF-8_invalid_sequence.json":                "not UTF-8",
	"i_string_UTF8_surrogate_U+D800.json":                 "not UTF-8",
	"i_string_invalid_utf-8.json":                         "not UTF-8",
	"i_string_iso_latin_1.json":                           "not UTF-8",
	"i_string_lone_utf8_continuation_byte.json":           "not UTF-8",
	"i_string_not_in_unicode_range.json":                  "not UTF-8",
	"i_string_overlong_sequence_2_bytes.json":             "not UTF-8",
	"i_string_overlong_sequence_6_bytes.json":             "not UTF-8",
	"i_string_overlong_sequence_6_bytes_null.json":        "not UTF-8",
	"i_string_truncated-utf-8.json":                       "not UTF-8",
	"i_string_UTF-16LE_with_BOM.json":                     "starts no JSON value",
	"i_string_utf16BE_no_BOM.json":                        "starts no JSON value",
	"i_string_utf16LE_no_BOM.json":                        "starts no JSON value",
	"i_structure_UTF-8_BOM_empty_object.json":             "starts no JSON value",
	"i_structure_500_nested_arrays.json":                  "too deeply",
}

func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata(t), "JSONTestSuite", "test_parsing", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 318)
	refused := map[string]bool{}
	for _, file := range files {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		err = skipAll(string(data))
		switch reason := stricter[name]; {
		case reason != "":
			refused[name] = true
			assert.ErrorContains(t, err, reason, name)
		case strings.HasPrefix(name, "n_"):
			assert.Error(t, err, name)
		default:
			assert.NoError(t, err, name)
			assert.True(t, json.Valid(data), name)
		}
	}
	assert.Len(t, refused, len(stricter), "the list names cases that are not there")
}

// testdata is the folder of the shared test data.
func testdata(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("GENNOSTR_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(t, err)
		for !exists(filepath.Join(root, "go.mod")) && root != filepath.Dir(root) {
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	if !exists(dir) {
		t.Skip("no shared test data: set GENNOSTR_TESTDATA to its folder")
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
