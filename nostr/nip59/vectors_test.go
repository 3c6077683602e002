package nip59_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/vectors"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostr/nip59"
)

// The example of NIP-59, as four other libraries read it too.
const (
	exampleReceiver = "e108399bd8424357a710b606ae0c13166d853d327e47a6e5e038197346bdbf45"
	exampleWrap     = `{"content":"AhC3Qj/QsKJFWuf6xroiYip+2yK95qPwJjVvFujhzSguJWb/6TlPpBW0CGFwfufCs2Zyb0JeuLmZhNlnqecAAalC4ZCugB+I9ViA5pxLyFfQjs1lcE6KdX3euCHBLAnE9GL/+IzdV9vZnfJH6atVjvBkNPNzxU+OLCHO/DAPmzmMVx0SR63frRTCz6Cuth40D+VzluKu1/Fg2Q1LSst65DE7o2efTtZ4Z9j15rQAOZfE9jwMCQZt27rBBK3yVwqVEriFpg2mHXc1DDwHhDADO8eiyOTWF1ghDds/DxhMcjkIi/o+FS3gG1dG7gJHu3KkGK5UXpmgyFKt+421m5o++RMD/BylS3iazS1S93IzTLeGfMCk+7IKxuSCO06k1+DaasJJe8RE4/rmismUvwrHu/HDutZWkvOAhd4z4khZo7bJLtiCzZCZ74lZcjOB4CYtuAX2ZGpc4I1iOKkvwTuQy9BWYpkzGg3ZoSWRD6ty7U+KN+fTTmIS4CelhBTT15QVqD02JxfLF7nA6sg3UlYgtiGw61oH68lSbx16P3vwSeQQpEB5JbhofW7t9TLZIbIW/ODnI4hpwj8didtk7IMBI3Ra3uUP7ya6vptkd9TwQkd/7cOFaSJmU+BIsLpOXbirJACMn+URoDXhuEtiO6xirNtrPN8jYqpwvMUm5lMMVzGT3kMMVNBqgbj8Ln8VmqouK0DR+gRyNb8fHT0BFPwsHxDskFk5yhe5c/2VUUoKCGe0kfCcX/EsHbJLUUtlHXmTqaOJpmQnW1tZ/siPwKRl6oEsIJWTUYxPQmrM2fUpYZCuAo/29lTLHiHMlTbarFOd6J/ybIbICy2gRRH/LFSryty3Cnf6aae+A9uizFBUdCwTwffc3vCBae802+R92OL78bbqHKPbSZOXNC+6ybqziezwG+OPWHx1Qk39RYaF0aFsM4uZWrFic97WwVrH5i+/Nsf/OtwWiuH0gV/SqvN1hnkxCTF/+XNn/laWKmS3e7wFzBsG8+qwqwmO9aVbDVMhOmeUXRMkxcj4QreQkHxLkCx97euZpC7xhvYnCHarHTDeD6nVK+xzbPNtzeGzNpYoiMqxZ9bBJwMaHnEoI944Vxoodf51cMIIwpTmmRvAzI1QgrfnOLOUS7uUjQ/IZ1Qa3lY08Nqm9MAGxZ2Ou6R0/Z5z30ha/Q71q6meAs3uHQcpSuRaQeV29IASmye2A2Nif+lmbhV7w8hjFYoaLCRsdchiVyNjOEM4VmxUhX4VEvw6KoCAZ/XvO2eBF/SyNU3Of4SO","kind":1059,"created_at":1703021488,"pubkey":"18b1a75918f1f2c90c23da616bce317d36e348bcf5f7ba55e75949319210c87c","id":"5c005f3ccf01950aa8d131203248544fb1e41a0d698e846bd419cec3890903ac","sig":"35fabdae4634eb630880a1896a886e40fd6ea8a60958e30b89b33a93e6235df750097b04f9e13053764251b8bc5dd7e8e0794a3426a90b6bcc7e5ff660f54259","tags":[["p","166bf3765ebd1fc55decfe395beff2ea3b2a4e0a8946e7eb578512b555737c99"]]}`
)

func TestTheExampleOfTheText(t *testing.T) {
	var wrap nostr.Event
	require.NoError(t, json.Unmarshal([]byte(exampleWrap), &wrap))
	rumor, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(nostr.MustSecretKeyFromHex(exampleReceiver)), &wrap)
	require.NoError(t, err)
	assert.Equal(t, "Are you going to the party tonight?", rumor.Content)
	assert.Equal(t, "9dd003c6d3b73b74a85a9ab099469ce251653a7af76f523671ab828acd2a0ef9", rumor.ID.String())
	assert.Equal(t, "611df01bfcf85c26ae65453b772d8f1dfd25c264621c0277e1fc1518686faef9", rumor.PubKey.String())
}

// 93 wraps: those of four other libraries, those of the texts, and hostile ones. The file says
// what is to become of each.
func TestWrapsOfOtherImplementations(t *testing.T) {
	rows := vectors.Lines(t, "nip59.jsonl")
	var about struct {
		Now  nostr.Timestamp
		Keys map[string]nostr.SecretKey
	}
	require.NoError(t, json.Unmarshal(rows[0], &about))
	verdicts := map[string]int{}
	for _, line := range rows[1:] {
		var row struct {
			Name, SK, Expect, Why string
			Wrap                  *nostr.Event
			Rumor                 json.RawMessage
		}
		require.NoError(t, json.Unmarshal(line, &row))
		sk, named := about.Keys[row.SK]
		if !named {
			sk = nostr.MustSecretKeyFromHex(row.SK)
		}
		rumor, err := nip59.GiftUnwrap(t.Context(), nip44.Cipher(sk), row.Wrap, nip59.AsOf(about.Now))
		verdicts[row.Expect]++
		if row.Expect == "reject" {
			assert.Error(t, err, "%s: %s", row.Name, row.Why)
			assert.Nil(t, rumor)
			continue
		}
		require.Equal(t, "accept", row.Expect)
		if !assert.NoError(t, err, "%s: %s", row.Name, row.Why) {
			continue
		}
		text := string(row.Rumor)
		if row.Name == "extended-length" { // whose content is only described
			text = text[:len(text)-1] + `,"content":"` + strings.Repeat("a", 66_000) + `"}`
		}
		want, err := nostr.ParseUnsigned([]byte(text))
		require.NoError(t, err)
		if want.ID.IsZero() {
			want.ID = want.GetID()
		}
		want.Sig = nostr.Sig{}
		assert.Equal(t, want, rumor, row.Name)
	}
	assert.Equal(t, map[string]int{"accept": 42, "reject": 51}, verdicts)
}
