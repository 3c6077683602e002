package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gennostr/gennostr/internal/wire"
)

func TestP28P32P33PrefixesAreSplit(t *testing.T) {
	for message, want := range map[string][2]string{
		"duplicate: already have this event":            {wire.PrefixDuplicate, "already have this event"},
		"pow: difficulty 25>=24":                        {wire.PrefixPoW, "difficulty 25>=24"},
		"blocked: you are banned":                       {wire.PrefixBlocked, "you are banned"},
		"rate-limited: slow down":                       {wire.PrefixRateLimited, "slow down"},
		"invalid: event creation date is too far off":   {wire.PrefixInvalid, "event creation date is too far off"},
		"restricted: members only":                      {wire.PrefixRestricted, "members only"},
		"mute: nobody listens":                          {wire.PrefixMute, "nobody listens"},
		"error: could not connect: to the database":     {wire.PrefixError, "could not connect: to the database"},
		"auth-required: who are you?":                   {wire.PrefixAuthRequired, "who are you?"},
		"unsupported: filter contains unknown elements": {wire.PrefixUnsupported, "filter contains unknown elements"},
		"closed: timeout":                               {wire.PrefixClosed, "timeout"},
		"shadow-banned: whatever":                       {"shadow-banned", "whatever"},
		"duplicate:":                                    {"duplicate", ""},
		"duplicate: ":                                   {"duplicate", ""},
		"pow:25":                                        {"pow", "25"},
		"blocked:  two spaces":                          {"blocked", "two spaces"},
	} {
		prefix, text := wire.SplitPrefix(message)
		assert.Equal(t, want, [2]string{prefix, text}, message)
	}
}

func TestP32TextWithoutAPrefixIsKept(t *testing.T) {
	for _, message := range []string{
		"", ":", ": x", "-: x", "-pow: x", "no prefix here", "no prefix here: x", "Blocked: x", "blocked : x", " blocked: x", "blocked",
		"wss://relay.example.com is closing", "kind1: x", "é: x", "a\x00: x", "ERROR: bad req: no", "ERROR: ", "ERROR:", "PROTOCOL-ERROR", "error",
		strings.Repeat("x", 33) + ": x", strings.Repeat("x", 1<<20),
	} {
		prefix, text := wire.SplitPrefix(message)
		assert.Empty(t, prefix, "%.60q", message)
		assert.Equal(t, message, text)
	}
	prefix, _ := wire.SplitPrefix(strings.Repeat("x", 32) + ": x")
	assert.Len(t, prefix, 32)
}

func TestQ01AnErrorBeforeThePrefixIsPassedOver(t *testing.T) {
	for _, message := range []string{"ERROR: auth-required: kind 4 needs AUTH", "ERROR:auth-required: kind 4 needs AUTH", "auth-required:kind 4 needs AUTH"} {
		prefix, text := wire.SplitPrefix(message)
		assert.Equal(t, wire.PrefixAuthRequired, prefix)
		assert.Equal(t, "kind 4 needs AUTH", text)
	}
}
