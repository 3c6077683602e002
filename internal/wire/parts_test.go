package wire_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
)

// decoded is what Decode makes of a frame that is no EVENT.
func decoded(frame string) (wire.ServerMessage, error) {
	var d wire.Decoder
	_, other, err := d.Decode([]byte(frame))
	return other, err
}

// Shows L35.
func TestOneBadPartDoesNotCostTheMessage(t *testing.T) {
	id := sampleEvent().ID
	registers := strings.Repeat("0a", 256)
	for frame, want := range map[string]struct {
		message wire.ServerMessage
		field   string // that was left out or repaired
	}{
		`["COUNT","s",{"count":7,"hll":""}]`:                                                    {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"hll":7,"count":7}]`:                                                     {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"count":7,"hll":["a",{"b":[]}]}]`:                                        {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"count":7,"hll":"` + registers[2:] + `"}]`:                               {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"count":7,"hll":"` + registers[1:] + `g"}]`:                              {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"hll":"` + registers + `","count":7,"hll":"` + registers + `"}]`:         {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"hll":"` + registers + `","count":7,"hll":null}]`:                        {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"hll":"` + registers + `","count":7,"hll":0,"hll":"` + registers + `"}]`: {wire.Count{SubscriptionID: "s", Count: 7}, "result.hll"},
		`["COUNT","s",{"count":7,"approximate":"no"}]`:                                          {wire.Count{SubscriptionID: "s", Count: 7, Approximate: true}, "result.approximate"},
		`["COUNT","s",{"count":7,"approximate":1,"hll":"` + registers + `"}]`:                   {wire.Count{SubscriptionID: "s", Count: 7, Approximate: true, HLL: unhex(registers)}, "result.approximate"},
		`["COUNT","s",{"count":7,"approximate":true,"approximate":false}]`:                      {wire.Count{SubscriptionID: "s", Count: 7, Approximate: true}, "result.approximate"},
		`["COUNT","s",{"count":"7"}]`:                                                           {wire.Count{SubscriptionID: "s", Count: 7}, "result.count"},
		`["COUNT","s",{"count":7.0}]`:                                                           {wire.Count{SubscriptionID: "s", Count: 7}, "result.count"},
		`["COUNT","s",{"count":7e3}]`:                                                           {wire.Count{SubscriptionID: "s", Count: 7000}, "result.count"},
		`["OK","` + idHex + `",false,"cut \ud83d"]`:                                             {wire.OK{EventID: id, Message: "cut \ufffd"}, "message"},
		`["CLOSED","s","auth-required: \x"]`:                                                    {wire.Closed{SubscriptionID: "s", Message: "auth-required: \ufffd"}, "message"},
		"[\"CLOSED\",\"s\",\"error: cut \xf0\x9f\"]":                                            {wire.Closed{SubscriptionID: "s", Message: "error: cut \ufffd\ufffd"}, "message"},
		"[\"NEG-ERR\",\"s\",\"blocked: a\nb\",9]":                                               {wire.NegErr{SubscriptionID: "s", Reason: "blocked: a\nb", Max: 9}, "reason"},
		`["NEG-ERR","s","blocked","9"]`:                                                         {wire.NegErr{SubscriptionID: "s", Reason: "blocked", Max: 9}, "max"},
		"[\"NOTICE\",\"a\nb\"]":                                                                 {wire.Notice{Message: "a\nb"}, "message"},
	} {
		got, err := decoded(frame)
		assert.Equal(t, want.message, got, frame)
		assert.Equal(t, want.field, refused(t, []byte(frame), err).Field, frame)
		assert.Empty(t, refused(t, []byte(frame), err).Text, frame)
		plain, err := wire.ParseServer([]byte(frame))
		require.NoError(t, err, "who does not ask for the parts gets the message")
		assert.Equal(t, got, plain)
	}
	// What is left out without a word: it means nothing, or what is said to be missing is missing.
	for frame, want := range map[string]wire.ServerMessage{
		`["OK","` + strings.ToUpper(idHex) + `",true,null]`:    wire.OK{EventID: id, Accepted: true},
		`["COUNT","s",{"count":7,"hll":null}]`:                 wire.Count{SubscriptionID: "s", Count: 7},
		`["EOSE","s",["\ud800","finish","` + "\xff" + `",{}]]`: wire.EOSE{SubscriptionID: "s", Hints: []string{"finish"}},
		`["EOSE","s",{"hints":["finish"]}]`:                    wire.EOSE{SubscriptionID: "s"},
		`["NEG-ERR","s",null,-1]`:                              wire.NegErr{SubscriptionID: "s"},
	} {
		got, err := decoded(frame)
		assert.NoError(t, err, frame)
		assert.Equal(t, want, got, frame)
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestTheTextOfAMessageThatCannotBeReadIsTold(t *testing.T) {
	for frame, want := range map[string][2]string{
		`["OK","",false,"invalid: no id"]`:             {"event id", "invalid: no id"},
		`["OK",null,false,"invalid: \ud800"]`:          {"event id", "invalid: \ufffd"},
		`["OK","zz",false]`:                            {"event id", ""},
		`["OK","zz","false"]`:                          {"event id", ""},
		`["OK","zz","blocked: x"]`:                     {"event id", "blocked: x"},
		`["OK",{"a":[1]},false,"blocked: x"]`:          {"event id", "blocked: x"},
		`["OK","` + idHex + `",1,"blocked: x"]`:        {"accepted", "blocked: x"},
		`["OK","` + idHex + `","false","blocked: x"]`:  {"accepted", "blocked: x"},
		`["OK","` + idHex + `",null,null,"x"]`:         {"accepted", ""},
		`["OK","` + idHex[2:] + `",true,"pow: x",1,2]`: {"event id", "pow: x"},
		`["CLOSED",null,"auth-required: x"]`:           {"subscription id", "auth-required: x"},
		`["CLOSED",7,"auth-required: x"]`:              {"subscription id", "auth-required: x"},
		`["CLOSED","s","auth-required: x",}`:           {"[3]", "auth-required: x"},
		`["NEG-ERR",["s"],"blocked: x"]`:               {"subscription id", "blocked: x"},
		`["OK","zz",false,"cut`:                        {"event id", ""},
		`["OK","zz",nope,"x"]`:                         {"event id", ""},
	} {
		got, err := decoded(frame)
		assert.Nil(t, got, frame)
		e := refused(t, []byte(frame), err)
		assert.Equal(t, want, [2]string{e.Field, e.Text}, frame)
		if e.Text != "" {
			assert.ErrorContains(t, err, "the relay says", frame)
		}
	}
	long := `["OK","",false,"` + strings.Repeat("é", 4*wire.MaxText) + `"]`
	_, err := decoded(long)
	e := refused(t, []byte(long), err)
	assert.Equal(t, strings.Repeat("é", wire.MaxText/2), e.Text)
	data := []byte(`["OK","",false,"mine"]`)
	var d wire.Decoder
	_, _, err = d.Decode(data)
	overwrite(data)
	assert.Equal(t, "mine", refused(t, data, err).Text, "the error keeps no reference to the frame")
}

// A verdict is never guessed: what is not known to be accepted is no OK at all.
func TestL04AnUnreadableVerdictIsNone(t *testing.T) {
	for _, verdict := range []string{`1`, `0`, `"true"`, `"false"`, `"yes"`, `"TRUE"`, `""`, `null`, `[true]`, `{}`} {
		got, err := decoded(`["OK","` + nostr.ID{1}.String() + `",` + verdict + `,"x"]`)
		assert.Nil(t, got, verdict)
		assert.Error(t, err, verdict)
	}
}
