package nostr_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

// The two readings of one event: its control bytes escaped, and verbatim.
func TestP04BothReadingsOfAControlByte(t *testing.T) {
	author := strings.Repeat("ab", 32)
	ev := nostr.Event{PubKey: nostr.MustPubKeyFromHex(author), CreatedAt: 1700000000, Kind: 1}
	const escapes = `\b\t\n\f\r\"\\` // of both
	for name, c := range map[string]struct {
		tags                       nostr.Tags
		content                    string
		tagsEscaped, tagsVerbatim  string
		contentEscaped, contentRaw string
	}{
		"content": {nil, "a\x1bb\x00\x1f\b\t\n\f\r\"\\\x7f/<", `[]`, `[]`, `a\u001bb\u0000\u001f` + escapes + "\x7f/<", "a\x1bb\x00\x1f" + escapes + "\x7f/<"},
		"tag":     {nostr.Tags{{"t", "x\x0b"}, {"u"}}, "\n", `[["t","x\u000b"],["u"]]`, "[[\"t\",\"x\x0b\"],[\"u\"]]", `\n`, `\n`},
		"both":    {nostr.Tags{{"\x01", ""}}, "\x02\\u0002", `[["\u0001",""]]`, "[[\"\x01\",\"\"]]", `\u0002\\u0002`, "\x02" + `\\u0002`},
	} {
		ev.Tags, ev.Content = c.tags, c.content
		form := func(tags, content string) nostr.ID {
			return sha256.Sum256(fmt.Appendf(nil, `[0,"%s",1700000000,1,%s,"%s"]`, author, tags, content))
		}
		ev.ID = form(c.tagsEscaped, c.contentEscaped)
		assert.NoError(t, ev.CheckID(), name)
		ev.ID = form(c.tagsVerbatim, c.contentRaw)
		err := ev.CheckID()
		assert.ErrorIs(t, err, nostr.ErrOtherSerialization, name)
		assert.ErrorIs(t, err, nostr.ErrBadID, "%s: and is refused", name)
		assert.ErrorIs(t, ev.Verify(), nostr.ErrOtherSerialization, name)
		ev.Content += "!"
		err = ev.CheckID()
		assert.ErrorIs(t, err, nostr.ErrBadID, name)
		assert.NotErrorIs(t, err, nostr.ErrOtherSerialization, "%s: a changed event is forged in either reading", name)
	}
}

func TestP04NothingElseIsAnotherSerialization(t *testing.T) {
	ev := nostr.Event{Kind: 1, Content: "no control byte but \n and \x7f"}
	ev.ID = nostr.ID{1}
	assert.NotErrorIs(t, ev.CheckID(), nostr.ErrOtherSerialization)
	author := strings.Repeat("0", 64)
	for _, content := range []string{`\u001B`, `\x1b`, `\\u001b`} { // of "\x1b", by nobody's reading
		ev := nostr.Event{Kind: 1, Content: "\x1b"}
		ev.ID = idOf(`[0,"` + author + `",0,1,[],"` + content + `"]`)
		err := ev.CheckID()
		require.ErrorIs(t, err, nostr.ErrBadID)
		assert.NotErrorIs(t, err, nostr.ErrOtherSerialization, content)
	}
}
