package nostr_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip04"
	"github.com/gennostr/gennostr/nostr/nip17"
	"github.com/gennostr/gennostr/nostr/nip19"
	"github.com/gennostr/gennostr/nostr/nip44"
)

// What a value that holds keys must not show: the keys, and whom its owner wrote to.
var (
	owner = nostr.MustSecretKeyFromHex(secretHex)
	peer  = nostr.MustSecretKeyFromHex(strings.Repeat("c9", 32)).PubKey()
)

const fileSecret = "of a file, not hex" // which might be in a pointer by chance

// secretHolders are all types below package nostr that hold a key, by what fmt calls them.
func secretHolders(t *testing.T) map[string]any {
	t.Helper()
	conversation, err := nip44.GenerateConversationKey(peer, owner)
	require.NoError(t, err)
	file := nip17.File{URL: "https://files.example.com/1", Key: nip17.NewFileKey(fileSecret)}
	values := []any{
		owner, owner.Signer(), nip04.Cipher(owner), nip44.Cipher(owner), nip44.Keyer(owner), conversation,
		nip19.SecretKey{SecretKey: owner}, file.Key, file, nip17.Message{File: &file},
	}
	holders := make(map[string]any)
	for _, v := range values {
		if cipher, ok := v.(nostr.Cipher); ok { // one that has a conversation
			_, err := cipher.Encrypt(t.Context(), peer, "hello")
			require.NoError(t, err)
		}
		holders[strings.TrimPrefix(fmt.Sprintf("%T", v), "*")] = v
	}
	return holders
}

func hidden(t *testing.T) map[string][]byte {
	t.Helper()
	secret, err := hex.DecodeString(owner.Hex())
	require.NoError(t, err)
	shared, err := owner.ECDH(peer)
	require.NoError(t, err)
	conversation, err := hkdf.Extract(sha256.New, shared[:], []byte("nip44-v2"))
	require.NoError(t, err)
	return map[string][]byte{"secret key": secret, "ECDH": shared[:], "conversation key": conversation, "peer": peer[:], "file key": []byte(fileSecret)}
}

// spellings are the first bytes of a secret as fmt writes them with that format, wherever they
// lie: in a string, a slice or an array, of its own or inside another value.
func spellings(format string, secret []byte) []string {
	first := [4]byte(secret)
	list := []string{fmt.Sprintf("%x", first), fmt.Sprintf("%X", first), fmt.Sprintf("% x", first), fmt.Sprint(first), fmt.Sprintf("%#v", first), string(secret[:8])}
	if format != "" {
		list = append(list, fmt.Sprintf(format, first), fmt.Sprintf(format, string(first[:])))
	}
	for i, s := range list { // without what is around the bytes
		s = s[strings.LastIndexAny(s, "[{")+1:]
		if end := strings.IndexAny(s, "]}"); end > 0 {
			s = s[:end]
		}
		list[i] = strings.Trim(s, `" 0`)
	}
	return list
}

func shown(format, text string, hidden map[string][]byte) (leaks []string) {
	for what, secret := range hidden {
		if slices.ContainsFunc(spellings(format, secret), func(s string) bool { return strings.Contains(text, s) }) {
			leaks = append(leaks, what)
		}
	}
	return leaks
}

func TestL20NoVerbShowsAKeyOrAPeer(t *testing.T) {
	hidden, holders := hidden(t), secretHolders(t)
	raw := struct{ k [32]byte }{peer} // what it looks like when something leaks
	for _, verb := range "vsdqxXobcOUteEfFgGw" {
		for _, flags := range []string{"", "+", "#", "-20", "+#", "020", " ", "10.3", "# "} {
			format := "%" + flags + string(verb)
			require.Equal(t, []string{"peer"}, shown(format, fmt.Sprintf(format, raw), hidden), format)
			for name, v := range holders {
				for i, holder := range []any{v, &v, []any{v}, map[string]any{"k": v}, struct{ V any }{v}, struct{ v any }{v}, &struct{ v any }{v}} {
					text := fmt.Sprintf(format, holder)
					assert.Empty(t, shown(format, text, hidden), "%s of %s, %d", format, name, i)
				}
			}
		}
	}
}

// Whoever logs a signer or a cipher wants to know whose it is, and gets that whatever the verb.
func TestL20SignersAndCiphersPrintAsTheirOwner(t *testing.T) {
	for _, v := range []any{owner.Signer(), nip04.Cipher(owner), nip44.Cipher(owner), nip44.Keyer(owner)} {
		want := fmt.Sprint(v)
		assert.Contains(t, want, "("+owner.PubKey().String()+")")
		for _, verb := range "vsdqxXobcOUteEfFgG" {
			assert.Equal(t, want, fmt.Sprintf("%"+string(verb), v))
			assert.Equal(t, want, fmt.Sprintf("%#"+string(verb), v))
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "signer", v)
		assert.Contains(t, log.String(), `"`+want+`"`)
	}
}

func TestL20NoLogAndNoEncoderShowsAKeyOrAPeer(t *testing.T) {
	hidden := hidden(t)
	for name, v := range secretHolders(t) {
		var out bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).With("with", v).Info("", "v", v, "in", struct{ V any }{v}, "hidden", struct{ v any }{v}, slog.Group("group", "v", []any{v}))
		}
		assert.NotEmpty(t, out)
		data, err := json.Marshal(map[string]any{"v": v, "in": struct{ V any }{v}})
		if err != nil {
			data = []byte(err.Error())
		}
		out.Write(data)
		assert.Empty(t, shown("", out.String(), hidden), name)
	}
}

// A test that fails prints what it compared, by reflection and through pointers.
func TestL20NoFailingTestShowsAKeyOrAPeer(t *testing.T) {
	hidden := hidden(t)
	var raw recorder
	assert.Equal(&raw, struct{ k [32]byte }{peer}, struct{ k [32]byte }{})
	require.Equal(t, []string{"peer"}, shown("", raw.String(), hidden))
	for name, v := range secretHolders(t) {
		var out recorder
		assert.Equal(&out, struct{ v any }{v}, struct{ v any }{})
		assert.Contains(t, out.String(), "Not equal", name)
		assert.Empty(t, shown("", out.String(), hidden), name)
	}
}

// A type that is given a key tomorrow is in the table above too.
// Shows D21.
func TestL20EveryTypeThatHoldsAKeyIsInTheTable(t *testing.T) {
	// Where the keys themselves are: behind these, and for the time of one message.
	holds := map[string]bool{"nostr.secret": true, "nip44.conversationKey": true, "nip17.fileKey": true}
	inside := []string{"nostr.secret", "nip44.conversationKey", "nip17.fileKey", "nip44.conversations"}
	types := structTypes(t)
	for grown := true; grown; {
		grown = false
		for name, fields := range types {
			if !holds[name] && slices.ContainsFunc(fields, func(f string) bool { return holds[f] }) {
				holds[name], grown = true, true
			}
		}
	}
	for _, name := range inside {
		require.Contains(t, types, name)
		delete(holds, name)
	}
	assert.Equal(t, slices.Sorted(maps.Keys(secretHolders(t))), slices.Sorted(maps.Keys(holds)))
}

// sources are the files of package nostr and of those below it.
func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	below, err := filepath.Glob("nip*/*.go")
	require.NoError(t, err)
	for _, name := range append(names, below...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// structTypes tells which types of the module the fields of its structs have.
func structTypes(t *testing.T) map[string][]string {
	t.Helper()
	types := make(map[string][]string)
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				types[file.Name.Name+"."+spec.Name.Name] = fieldTypes(file.Name.Name, s)
			}
			return false
		})
	}
	return types
}

func fieldTypes(pkg string, s *ast.StructType) (names []string) {
	for _, field := range s.Fields.List {
		ast.Inspect(field.Type, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					names = append(names, x.Name+"."+n.Sel.Name)
				}
				return false
			case *ast.Ident:
				names = append(names, pkg+"."+n.Name)
			}
			return true
		})
	}
	return names
}
